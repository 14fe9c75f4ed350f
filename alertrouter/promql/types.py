"""The types of an expression: what fits and what does not, in Prometheus's words."""

from __future__ import annotations

from alertrouter.core.go_quote import quote
from alertrouter.core.pattern import Pattern
from alertrouter.promql.errors import PromqlError
from alertrouter.promql.functions import FUNCTIONS
from alertrouter.promql.nodes import (
    Aggregation,
    Binary,
    Call,
    Cardinality,
    Matcher,
    Node,
    Number,
    Parenthesised,
    Range,
    Selector,
    Subquery,
    Text,
    Unary,
    ValueType,
)

_NUMBERS = (ValueType.SCALAR, ValueType.VECTOR)


def type_of(node: Node) -> ValueType:  # noqa: PLR0911 - a table in the form of a match
    """What a checked expression gives."""
    match node:
        case Number():
            return ValueType.SCALAR
        case Text():
            return ValueType.STRING
        case Selector() | Aggregation():
            return ValueType.VECTOR
        case Range() | Subquery():
            return ValueType.MATRIX
        case Call():
            return FUNCTIONS[node.function].returns
        case Binary():
            if node.kind is not None:
                return node.kind
            both = (type_of(node.left), type_of(node.right))
            return ValueType.SCALAR if both == (ValueType.SCALAR,) * 2 else ValueType.VECTOR
        case Unary() | Parenthesised():
            return type_of(node.expression)


def check(node: Node, text: str) -> ValueType:
    """What the expression gives; PromqlError at the first thing that does not fit."""
    return _Checker(text).check(node)


class _Checker:
    def __init__(self, text: str) -> None:
        self._text = text

    def check(self, node: Node) -> ValueType:
        match node:
            case Aggregation():
                self._aggregation(node)
            case Binary():
                self._binary(node)
            case Call():
                self._call(node)
            case Parenthesised():
                self.check(node.expression)
            case Unary():
                self._unary(node)
            case Subquery():
                self._subquery(node)
            case Range():
                self.check(node.selector)
            case Selector():
                self._selector(node)
        return type_of(node)

    def _error(self, at: Node | int, message: str) -> PromqlError:
        return PromqlError(message, self._text, at if isinstance(at, int) else at.position)

    def _expect(self, node: Node, wanted: ValueType, where: str) -> None:
        found = self.check(node)
        if found is not wanted:
            raise self._error(node, f"expected type {wanted.value} in {where}, got {found.value}")

    def _unary(self, node: Unary) -> None:
        found = self.check(node.expression)
        if found not in _NUMBERS:
            raise self._error(
                node,
                "unary expression only allowed on expressions of type scalar or instant vector, "
                f"got {quote(found.value)}",
            )

    def _subquery(self, node: Subquery) -> None:
        found = self.check(node.expression)
        if found is not ValueType.VECTOR:
            raise self._error(
                node, f"subquery is only allowed on instant vector, got {_short(found)} instead"
            )

    def _aggregation(self, node: Aggregation) -> None:
        self._expect(node.expression, ValueType.VECTOR, "aggregation expression")
        if node.parameter is not None:
            wanted = ValueType.STRING if node.operator == "count_values" else ValueType.SCALAR
            self._expect(node.parameter, wanted, "aggregation parameter")

    def _binary(self, node: Binary) -> None:
        left, right = self.check(node.left), self.check(node.right)
        matching = node.matching
        if node.returns_bool and not node.is_comparison:
            raise self._error(
                node.operator_position, "bool modifier can only be used on comparison operators"
            )
        is_scalar = left is ValueType.SCALAR and right is ValueType.SCALAR
        if node.is_comparison and not node.returns_bool and is_scalar:
            raise self._error(node.operator_position, "comparisons between scalars must use BOOL modifier")
        for label in matching.labels:
            if matching.is_on and label in matching.include:
                raise self._error(
                    node.operator_position,
                    f"label {quote(label)} must not occur in ON and GROUP clause at once",
                )
        for side, found in ((node.left, left), (node.right, right)):
            if found not in _NUMBERS:
                raise self._error(side, "binary expression must contain only scalar and instant vector types")
        node.kind = ValueType.SCALAR if is_scalar else ValueType.VECTOR
        self._matching(node, is_between_vectors=left is right is ValueType.VECTOR)

    def _matching(self, node: Binary, *, is_between_vectors: bool) -> None:
        matching = node.matching
        if is_between_vectors:
            if node.is_set_operation and matching.cardinality is not Cardinality.ONE_TO_ONE:
                raise self._error(node, f"no grouping allowed for {quote(node.operator)} operation")
            if node.is_set_operation and matching.has_fill:
                raise self._error(node, "filling in missing series not allowed for set operators")
            return
        if matching.labels:
            raise self._error(node, "vector matching only allowed between instant vectors")
        if matching.has_fill:
            raise self._error(node, "filling in missing series only allowed between instant vectors")
        if node.is_set_operation:
            raise self._error(
                node, f"set operator {quote(node.operator)} not allowed in binary scalar expression"
            )

    def _call(self, node: Call) -> None:
        function = FUNCTIONS[node.function]
        wanted, given = len(function.arguments), len(node.arguments)
        name = quote(node.function)
        if function.variadic == 0:
            if wanted != given:
                raise self._error(node, f"expected {wanted} argument(s) in call to {name}, got {given}")
        elif given < wanted - 1:
            raise self._error(
                node, f"expected at least {wanted - 1} argument(s) in call to {name}, got {given}"
            )
        elif 0 < function.variadic < given - wanted + 1:
            most = wanted - 1 + function.variadic
            raise self._error(node, f"expected at most {most} argument(s) in call to {name}, got {given}")
        is_info = node.function == "info"
        for place, argument in enumerate(node.arguments):
            if is_info and place == 1:
                self._labels_of_info(argument)
                continue
            expected = function.arguments[min(place, wanted - 1)]
            found = self.check(argument)
            if found is not expected:
                raise self._error(
                    argument,
                    f"expected type {expected.value} in call to function {name}, got {found.value}",
                )

    def _labels_of_info(self, node: Node) -> None:
        if not isinstance(node, Selector):
            raise self._error(node, "expected label selectors only")
        if node.name:
            raise self._error(node, "expected label selectors only, got vector selector instead")

    def _selector(self, node: Selector) -> None:
        if node.name:
            for matcher in node.matchers:
                if matcher.name == "__name__":
                    raise self._error(
                        node,
                        f"metric name must not be set twice: {quote(node.name)} or {quote(matcher.value)}",
                    )
        elif all(matches_empty(matcher) for matcher in node.matchers):
            raise self._error(node, "vector selector must contain at least one non-empty matcher")


def matches_empty(matcher: Matcher) -> bool:
    """Whether series that lack the label match."""
    match matcher.operator:
        case "=":
            return matcher.value == ""
        case "!=":
            return matcher.value != ""
    found = Pattern.compile(matcher.value).full_match("")
    return found if matcher.operator == "=~" else not found


def _short(kind: ValueType) -> str:
    names = {ValueType.VECTOR: "vector", ValueType.MATRIX: "matrix"}
    return names.get(kind, kind.value)
