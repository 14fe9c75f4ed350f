"""How the running template's parts report a fault; `render` turns each into an ExecError with its place."""

from __future__ import annotations


class Fault(Exception):  # noqa: N818  # never leaves the package; ExecError is what people see
    """A fault whose text is complete. `argument` counts the argument it is about, -1 for the whole call."""

    def __init__(self, message: str, argument: int = -1) -> None:
        super().__init__(message)
        self.argument = argument


class OverLimit(Fault):
    """The render has used up one of its limits."""


class CallError(ValueError):
    """A built-in function refuses its arguments; reads `error calling NAME: …`."""
