"""What can go wrong with a template: its text does not parse, or a value does not fit while it runs.

TemplateError
├── ParseError     the text is wrong: found when a set is built or a text is compiled
│   └── EscapeError    … as HTML
└── ExecError      the text met data it cannot work with: found while rendering
    └── LimitError     … or it asked for more than `Limits` allows
"""

from __future__ import annotations


class TemplateError(Exception):
    """Base of both kinds; `str()` is the text Go's engine gives, so searches on the web find it."""


class ParseError(TemplateError):
    """The text of a template is not valid.

    `name` is the parse unit (a file's name, empty for inline text), `line` and `column` count from one
    (columns in characters); `message` is the fault without the place.
    """

    def __init__(self, message: str, *, name: str = "", line: int = 1, column: int = 1) -> None:
        super().__init__(f"template: {name}:{line}: {message}")
        self.message = message
        self.name = name
        self.line = line
        self.column = column


class EscapeError(ParseError):
    """In HTML mode: the text is no HTML that values could be put into safely.

    Compat: Go finds this when a template first runs, and counts `column` as it does for ExecError: bytes, from zero.
    """

    def __init__(
        self, message: str, *, name: str = "", line: int = 0, column: int = 0, shown: bool = True
    ) -> None:
        super().__init__(message, name=name, line=line, column=column)
        place = "" if not shown else f":{name}:{line}:{column}" if line else f":{name}" if name else ""
        self.args = (f"html/template{place}: {message}",)


class ExecError(TemplateError):
    """A template failed while it ran; nothing it had printed is kept.

    `name` is the parse unit of the failing node, `line` counts from one, `column` is Go's: bytes from the
    start of the line, from zero. `template` is the named template that ran, `context` the failing piece in
    Go's own spelling, `message` the fault itself. `__cause__` is the Python exception of a failed function.
    """

    def __init__(
        self,
        message: str,
        *,
        name: str = "",
        line: int = 0,
        column: int = 0,
        template: str = "",
        context: str = "",
    ) -> None:
        place = f"template: {name}:{line}:{column}" if line else f"template: {name}"
        where = f': executing "{template}" at <{context}>' if line else ""
        super().__init__(f"{place}{where}: {message}")
        self.message = message
        self.name = name
        self.line = line
        self.column = column
        self.template = template
        self.context = context


class LimitError(ExecError):
    """The render was stopped because it reached one of its `Limits`."""
