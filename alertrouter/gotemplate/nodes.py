"""The syntax tree of a template, and its canonical text as error messages quote it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from alertrouter.gotemplate.quoting import quote
from alertrouter.gotemplate.utf8 import byte_length


class Source:
    """A parse unit: one file or one inline text."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text

    @cached_property
    def _lines(self) -> list[int]:
        starts = [0]
        position = self.text.find("\n")
        while position >= 0:
            starts.append(position + 1)
            position = self.text.find("\n", position + 1)
        return starts

    def line(self, position: int) -> int:
        """Line from one."""
        return bisect_right(self._lines, position)

    def column(self, position: int) -> int:
        """Characters from the start of the line, from one."""
        return position - self._lines[self.line(position) - 1] + 1

    def byte_column(self, position: int) -> int:
        """Bytes from the start of the line, from zero, as Go counts them."""
        return byte_length(self.text[self._lines[self.line(position) - 1] : position])


# Operands


@dataclass(slots=True, eq=False)
class Dot:
    position: int

    def __str__(self) -> str:
        return "."


@dataclass(slots=True, eq=False)
class Nil:
    position: int

    def __str__(self) -> str:
        return "nil"


@dataclass(slots=True, eq=False)
class Bool:
    position: int
    value: bool

    def __str__(self) -> str:
        return "true" if self.value else "false"


@dataclass(slots=True, eq=False)
class Number:
    """A number or character constant, in every reading that holds it exactly."""

    position: int
    text: str
    integer: int | None = None  # fits 64 bits with sign
    unsigned: int | None = None  # fits 64 bits without
    real: float | None = None
    imaginary: complex | None = None

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True, eq=False)
class String:
    position: int
    quoted: str
    value: str

    def __str__(self) -> str:
        return self.quoted


@dataclass(slots=True, eq=False)
class Identifier:
    """The name of a function."""

    position: int
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(slots=True, eq=False)
class Field:
    """`.A.B`, looked up in dot."""

    position: int
    names: tuple[str, ...]

    def __str__(self) -> str:
        return "".join("." + name for name in self.names)


@dataclass(slots=True, eq=False)
class Variable:
    """`$x.A.B`; `name` has its dollar."""

    position: int
    name: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ".".join((self.name, *self.names))


@dataclass(slots=True, eq=False)
class Chain:
    """`(…).A.B` or `function.A.B`."""

    position: int
    base: Operand
    names: tuple[str, ...]

    def __str__(self) -> str:
        base = f"({self.base})" if isinstance(self.base, Pipe) else str(self.base)
        return base + "".join("." + name for name in self.names)


@dataclass(slots=True, eq=False)
class Command:
    """An operand, or a function or method with its arguments. At least one operand."""

    position: int
    operands: list[Operand]

    def __str__(self) -> str:
        return " ".join(f"({one})" if isinstance(one, Pipe) else str(one) for one in self.operands)


@dataclass(slots=True, eq=False)
class Pipe:
    position: int
    variables: list[Variable] = field(default_factory=list)
    assigns: bool = False
    commands: list[Command] = field(default_factory=list)

    def __str__(self) -> str:
        head = ", ".join(map(str, self.variables))
        if head:
            head += " = " if self.assigns else " := "
        return head + " | ".join(map(str, self.commands))


Operand: TypeAlias = Dot | Nil | Bool | Number | String | Identifier | Field | Variable | Chain | Pipe

# Statements


@dataclass(slots=True, eq=False)
class Text:
    position: int
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True, eq=False)
class Action:
    """`{{ pipe }}`.

    In HTML mode `escapers` names what its value goes through before it is printed, and the last stage is left to
    them when it `drops_last`.
    """

    position: int
    pipe: Pipe
    escapers: tuple[str, ...] = ()
    drops_last: bool = False

    def __str__(self) -> str:
        return f"{{{{{self.pipe}}}}}"


@dataclass(slots=True, eq=False)
class Branch:
    """`if`, `with` or `range` (the keyword), with its body and, after `else`, the other one."""

    position: int
    keyword: str
    pipe: Pipe
    body: list[Node]
    otherwise: list[Node] | None = None

    def __str__(self) -> str:
        other = "" if self.otherwise is None else "{{else}}" + "".join(map(str, self.otherwise))
        return f"{{{{{self.keyword} {self.pipe}}}}}{''.join(map(str, self.body))}{other}{{{{end}}}}"


@dataclass(slots=True, eq=False)
class Call:
    """`{{ template "name" pipe }}`. `target` is the name that is run: another one in HTML mode."""

    position: int
    name: str
    pipe: Pipe | None
    target: str

    def __str__(self) -> str:
        argument = "" if self.pipe is None else f" {self.pipe}"
        return f"{{{{template {quote(self.name)}{argument}}}}}"


@dataclass(slots=True, eq=False)
class Jump:
    """`break` or `continue` (the keyword)."""

    position: int
    keyword: str

    def __str__(self) -> str:
        return f"{{{{{self.keyword}}}}}"


Node: TypeAlias = Text | Action | Branch | Call | Jump


@dataclass(slots=True, eq=False)
class Tree:
    """One named template: its statements and the unit it was written in."""

    name: str
    source: Source
    body: list[Node]

    @property
    def is_blank(self) -> bool:
        """Nothing but space (comments are no statements)."""
        return all(isinstance(node, Text) and not node.text.strip(_SPACE) for node in self.body)


# Compat: Go asks for Unicode's white space here, not only for the four it trims.
_SPACE = " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
