"""The values of a YAML document with their places: what the loader hands to the models."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Kind(enum.Enum):
    """What a scalar is; the value is its YAML tag as error messages show it."""

    TEXT = "!!str"
    INT = "!!int"
    FLOAT = "!!float"
    BOOL = "!!bool"
    NULL = "!!null"
    BINARY = "!!binary"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A scalar: its text as written (quotes and escapes undone), and what it resolves to.

    ``plain`` scalars stood without quotes and without a tag. ``line`` and ``column`` count from 1. ``tag`` is a
    tag of nobody's standard, such as ``!jinja2``; the text is a text all the same.
    """

    text: str
    kind: Kind
    value: object
    plain: bool
    line: int
    column: int
    tag: str = ""

    @property
    def is_null(self) -> bool:
        return self.kind is Kind.NULL


class Sequence(list["Node"]):
    """A list of the document; an alias to it is the same object."""

    __slots__ = ("column", "line")

    def __init__(self, line: int, column: int) -> None:
        super().__init__()
        self.line = line
        self.column = column


class Mapping:
    """A mapping of the document: its entries in order, duplicates and merge keys included.

    What they mean depends on what the mapping is read as (`config.md` 1.2): see `as_object` and `as_map`
    in `alertrouter.config.merge`.
    """

    __slots__ = ("column", "entries", "line")

    def __init__(self, line: int, column: int) -> None:
        self.entries: list[tuple[Node, Node]] = []
        self.line = line
        self.column = column


Node = Scalar | Sequence | Mapping


def describe(node: object) -> str:
    """A node as Go's type errors name it: ``!!str `alertname```, long text cut, or ``!!seq``, or ``!!map``."""
    if isinstance(node, Scalar):
        text = node.text if len(node.text) <= 10 else node.text[:7] + "..."
        return f"{node.kind.value} `{text}`"
    names = {Sequence: "!!seq", list: "!!seq", Mapping: "!!map", dict: "!!map", bool: "!!bool", int: "!!int"}
    return names.get(type(node), "!!str")
