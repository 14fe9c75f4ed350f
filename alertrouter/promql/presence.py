"""Whether the data of an expression are there, apart from its conditions: another expression that tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alertrouter.promql.nodes import Aggregation, Binary, Call, ValueType, children, walk
from alertrouter.promql.parser import parse
from alertrouter.promql.types import type_of

if TYPE_CHECKING:
    from alertrouter.promql.nodes import Node

_OF_ABSENCE: Final = frozenset({"absent", "absent_over_time"})
# They let some series through, which are others whenever a value changes.
_CHOOSING: Final = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})
# They cut histograms, and let every series through.
_TRIMMING: Final = frozenset({"</", ">/"})


def presence(text: str) -> str | None:
    """An expression with a series for each that the given one could have if its conditions held, with the same labels.

    Comparisons give 0 or 1 instead of nothing, ``unless`` takes nothing away, and of the highest there are all. None for
    an expression that asks for absence itself. Raises PromqlError.
    """
    node = parse(text)
    if any(isinstance(each, Call) and each.function in _OF_ABSENCE for each in walk(node)):
        return None
    edits: list[tuple[int, int, str]] = []
    _gather(node, edits)
    for start, end, instead in sorted(edits, reverse=True):
        text = text[:start] + instead + text[end:]
    return text


def _gather(node: Node, edits: list[tuple[int, int, str]]) -> None:
    """Note what is to be replaced, from where to where, and by what."""
    match node:
        case Binary(operator="unless"):
            edits.append((node.operator_position, node.end, ""))
            _gather(node.left, edits)
            return
        case Aggregation() if node.operator in _CHOOSING:
            edits.append((node.position, node.expression.position, "("))
            edits.append((node.arguments_end, node.end, ")"))
            _gather(node.expression, edits)
            return
        case Binary() if _drops(node):
            after = node.operator_position + len(node.operator)
            edits.append((after, after, " bool "))
    for each in children(node):
        _gather(each, edits)


def _drops(node: Binary) -> bool:
    """Whether it lets those series through for which it holds."""
    return (
        node.is_comparison
        and node.operator not in _TRIMMING
        and not node.returns_bool
        and type_of(node) is ValueType.VECTOR
    )
