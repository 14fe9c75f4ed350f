"""The error of a template that does not load or does not render."""

from __future__ import annotations


class TemplateError(Exception):
    """A template is wrong, or does not fit what it was given.

    ``str()`` begins with where: ``file:line:column``, as far as known, then what Go's engine would say, and
    on a second line what to do about it, where that is known. It never holds values of the message.
    """

    def __init__(
        self, message: str, *, file: str = "", line: int = 0, column: int = 0, hint: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line
        self.column = column
        self.hint = hint

    def __str__(self) -> str:
        place = ":".join([str(part) for part in (self.file, self.line, self.column) if part])
        text = f"{place}: {self.message}" if self.file else self.message
        return f"{text}\n  {self.hint}" if self.hint else text
