"""The tree of an expression. `position` is the number of characters before a node."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator


class ValueType(Enum):
    """What an expression gives, in the words of error messages."""

    VECTOR = "instant vector"
    MATRIX = "range vector"
    SCALAR = "scalar"
    STRING = "string"


@dataclass(slots=True, kw_only=True)
class Number:
    position: int
    value: float


@dataclass(slots=True, kw_only=True)
class Text:
    position: int
    value: str


@dataclass(frozen=True, slots=True)
class Matcher:
    """``name operator "value"``; the operator is ``=``, ``!=``, ``=~`` or ``!~``."""

    name: str
    operator: str
    value: str
    position: int = 0


@dataclass(slots=True, kw_only=True)
class Selector:
    """``name{matchers}``. A name that stands in the braces is a matcher of ``__name__``.

    ``has_time`` tells of ``@``, ``has_offset`` of ``offset``, whose ``offset`` in seconds is None where it is computed.
    """

    position: int
    name: str
    matchers: tuple[Matcher, ...] = ()
    offset: float | None = 0.0
    has_offset: bool = False
    has_time: bool = False
    modifier: str = ""
    """``anchored``, ``smoothed``, or empty."""

    @property
    def metric(self) -> str:
        """The name wherever it stands; empty when there is no single one."""
        names = [each.value for each in self.matchers if each.name == "__name__" and each.operator == "="]
        return self.name or (names[0] if names else "")


@dataclass(slots=True, kw_only=True)
class Range:
    """``selector[5m]``; ``seconds`` is None where it is computed."""

    position: int
    selector: Node
    seconds: float | None


@dataclass(slots=True, kw_only=True)
class Subquery:
    """``expression[1h:5m]``; ``seconds`` is None where it is computed."""

    position: int
    expression: Node
    seconds: float | None
    has_offset: bool = False
    has_time: bool = False


@dataclass(slots=True, kw_only=True)
class Call:
    position: int
    function: str
    arguments: tuple[Node, ...]


@dataclass(slots=True, kw_only=True)
class Aggregation:
    """``operator by (labels) (expression)``; ``parameter`` is the first of two arguments.

    ``arguments_end`` is where the parenthesis stands that closes them, ``end`` is behind everything.
    """

    position: int
    operator: str
    expression: Node
    parameter: Node | None = None
    labels: tuple[str, ...] = ()
    is_without: bool = False
    arguments_end: int = 0
    end: int = 0


class Cardinality(Enum):
    """How many series of one side meet one of the other."""

    ONE_TO_ONE = "one-to-one"
    MANY_TO_ONE = "many-to-one"
    ONE_TO_MANY = "one-to-many"


@dataclass(slots=True, kw_only=True)
class Matching:
    """Which series of two sides belong together. ``is_on`` tells ``on`` from ``ignoring``."""

    is_on: bool = False
    labels: tuple[str, ...] = ()
    cardinality: Cardinality = Cardinality.ONE_TO_ONE
    include: tuple[str, ...] = ()
    has_fill: bool = False


COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "</", ">/"})
SET_OPERATORS: Final = frozenset({"and", "or", "unless"})


@dataclass(slots=True, kw_only=True)
class Binary:
    """``left operator right``; ``operator_position`` is where the operator stands, ``end`` is behind the right side.

    ``kind`` is what it gives, once the types are checked.
    """

    position: int
    operator: str
    left: Node
    right: Node
    operator_position: int
    returns_bool: bool = False
    matching: Matching = field(default_factory=Matching)
    kind: ValueType | None = None
    end: int = 0

    @property
    def is_comparison(self) -> bool:
        return self.operator in COMPARISONS

    @property
    def is_set_operation(self) -> bool:
        return self.operator in SET_OPERATORS


@dataclass(slots=True, kw_only=True)
class Unary:
    position: int
    operator: str
    expression: Node


@dataclass(slots=True, kw_only=True)
class Parenthesised:
    position: int
    expression: Node


Node = Number | Text | Selector | Range | Subquery | Call | Aggregation | Binary | Unary | Parenthesised


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right below."""
    match node:
        case Range():
            return (node.selector,)
        case Subquery() | Unary() | Parenthesised():
            return (node.expression,)
        case Call():
            return node.arguments
        case Aggregation():
            return (node.expression,) if node.parameter is None else (node.parameter, node.expression)
        case Binary():
            return (node.left, node.right)
    return ()


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, from left to right."""
    stack = [node]
    while stack:
        each = stack.pop()
        yield each
        stack.extend(reversed(children(each)))


def depth(node: Node) -> int:
    """How many nodes there are from the root to the farthest leaf."""
    deepest = 0
    stack = [(node, 1)]
    while stack:
        each, level = stack.pop()
        deepest = max(deepest, level)
        stack.extend([(child, level + 1) for child in children(each)])
    return deepest


def bare(node: Node) -> Node:
    """The node without parentheses around it."""
    while isinstance(node, Parenthesised):
        node = node.expression
    return node
