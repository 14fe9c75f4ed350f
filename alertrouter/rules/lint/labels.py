"""Which labels the result of an expression can have, as far as the expression tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from alertrouter.promql.nodes import (
    Aggregation,
    Binary,
    Call,
    Cardinality,
    Node,
    Number,
    Parenthesised,
    Range,
    Selector,
    Subquery,
    Text,
    Unary,
)
from alertrouter.promql.nodes import ValueType as Kind
from alertrouter.promql.types import type_of


@dataclass(frozen=True, slots=True)
class Possible:
    """``only`` these labels, or any when it is None, and none of ``never``."""

    only: frozenset[str] | None = None
    never: frozenset[str] = frozenset()

    def has(self, label: str) -> bool:
        """Whether a series of the result may have it."""
        return (self.only is None or label in self.only) and label not in self.never

    def adding(self, labels: frozenset[str]) -> Possible:
        """These and more."""
        return Possible(None if self.only is None else self.only | labels, self.never - labels)

    def without(self, labels: frozenset[str]) -> Possible:
        """These less some."""
        return Possible(None if self.only is None else self.only - labels, self.never | labels)


ANY: Final = Possible()
NONE: Final = Possible(frozenset())
_NAMELESS: Final = frozenset({"vector", "scalar", "time", "pi"})


def possible_labels(node: Node) -> Possible:  # noqa: PLR0911 - a table in the form of a match
    """The labels of the result. What is not sure is possible."""
    match node:
        case Number() | Text():
            return NONE
        case Parenthesised() | Unary() | Subquery():
            return possible_labels(node.expression)
        case Range():
            return possible_labels(node.selector)
        case Selector():
            absent = [each.name for each in node.matchers if each.operator == "=" and not each.value]
            return Possible(None, frozenset(absent))
        case Aggregation():
            return _of_aggregation(node)
        case Call():
            return _of_call(node)
        case Binary():
            return _of_binary(node)


def _of_aggregation(node: Aggregation) -> Possible:
    inner = possible_labels(node.expression)
    if node.operator in {"topk", "bottomk", "limitk", "limit_ratio"}:
        return inner
    if node.is_without:
        found = inner.without(frozenset({*node.labels, "__name__"}))
    else:
        found = Possible(frozenset([label for label in node.labels if inner.has(label)]))
    if node.operator == "count_values" and isinstance(node.parameter, Text):
        found = found.adding(frozenset({node.parameter.value}))
    return found


def _of_call(node: Call) -> Possible:
    if node.function in _NAMELESS:
        return NONE
    if node.function in {"absent", "absent_over_time"}:
        inner = node.arguments[0]
        selector = inner.selector if isinstance(inner, Range) else inner
        if not isinstance(selector, Selector):
            return NONE
        return Possible(
            frozenset([each.name for each in selector.matchers if each.operator == "="]) - {"__name__"}
        )
    vectors = [each for each in node.arguments if type_of(each) in {Kind.VECTOR, Kind.MATRIX}]
    found = possible_labels(vectors[0]) if vectors else NONE
    if node.function in {"label_replace", "label_join"} and isinstance(node.arguments[1], Text):
        return found.adding(frozenset({node.arguments[1].value}))
    if node.function in {"histogram_quantile", "histogram_fraction"}:
        return found.without(frozenset({"le"}))
    return ANY if node.function == "info" else found


def _of_binary(node: Binary) -> Possible:  # noqa: PLR0911 - one for each kind of operation
    left, right = possible_labels(node.left), possible_labels(node.right)
    if type_of(node.left) is Kind.SCALAR:
        return right
    if type_of(node.right) is Kind.SCALAR or node.operator in {"and", "unless"}:
        return left
    if node.operator == "or":
        only = None if left.only is None or right.only is None else left.only | right.only
        return Possible(only, left.never & right.never)
    matching = node.matching
    labels = frozenset(matching.labels)
    match matching.cardinality:
        case Cardinality.MANY_TO_ONE:
            return left.adding(frozenset(matching.include))
        case Cardinality.ONE_TO_MANY:
            return right.adding(frozenset(matching.include))
    if matching.is_on:
        return Possible(frozenset([label for label in labels if left.has(label)]))
    return left.without(labels)
