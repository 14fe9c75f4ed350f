"""What ends a command with exit status 1 and one line on standard error."""

from __future__ import annotations


class Failure(Exception):  # noqa: N818  # it is how a command ends, not a fault in the program
    """The command cannot go on; the text says why. Printed as ``artool: error: <text>``.

    `ends_with_blank_line` is False for the few failures after which amtool prints none.
    """

    def __init__(self, text: str, *, ends_with_blank_line: bool = True) -> None:
        super().__init__(text)
        self.ends_with_blank_line = ends_with_blank_line


class UsageError(Failure):
    """The command line itself is wrong: an unknown flag, a value that does not fit, a missing argument."""
