"""Reading an expression: a tree, or the first thing that is wrong, with its place and in Prometheus's words.

    expression  = unary { operator modifiers expression }
    modifiers   = [ "bool" ] [ ( "on" | "ignoring" ) labels [ ( "group_left" | "group_right" ) [ labels ] ] ] { fill }
    unary       = ( "+" | "-" ) unary | primary { "[" range "]" | "offset" duration | "@" time | "anchored" | "smoothed" }
    primary     = number | string | "(" expression ")" | function "(" arguments ")" | aggregation | selector
    aggregation = operator [ clause ] "(" arguments ")" | operator "(" arguments ")" [ clause ]
    clause      = ( "by" | "without" ) labels

Operators bind, from weak to strong: ``or``; ``and unless``; comparisons; ``+ -``; ``* / % atan2`` and signs; ``^``.
"""

from __future__ import annotations

from typing import Final

from alertrouter.core.go_quote import quote
from alertrouter.promql.cursor import SIGN, UnexpectedError
from alertrouter.promql.errors import PromqlError
from alertrouter.promql.functions import FUNCTIONS
from alertrouter.promql.nodes import (
    Aggregation,
    Binary,
    Call,
    Cardinality,
    Matching,
    Node,
    Number,
    Parenthesised,
    Text,
    Unary,
)
from alertrouter.promql.selectors import SelectorReader
from alertrouter.promql.tokens import Token, Type, unquote
from alertrouter.promql.types import check

# What a metric cannot be called, because it could mean something else there.
_NEVER_METRICS: Final = frozenset({"bool", "on", "ignoring", "group_left", "group_right", "atan2"})
_FUNCTIONS_THAT_ARE_KEYWORDS: Final = frozenset({"start", "end", "step", "range", "max_of", "min_of"})
_WITH_PARAMETER: Final = frozenset({"topk", "bottomk", "quantile", "count_values", "limitk", "limit_ratio"})
# Deeper than any expression people write, less than what the stack holds.
_DEEPEST: Final = 100


def parse(text: str) -> Node:
    """The tree of an expression whose types fit. Raises PromqlError.

    Taken is what the newest Prometheus takes with all its feature flags set. What is nested deeper than the stack holds
    raises TooDeepError, which says nothing about whether it is right.
    """
    try:
        node = _Parser(text).whole()
        check(node, text)
    except RecursionError:
        raise TooDeepError("nested too deep to be read here", text, 0) from None
    return node


class TooDeepError(PromqlError):
    """The expression may well be right."""


class _Parser(SelectorReader):
    """Reads expressions."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def whole(self) -> Node:
        if self._has(Type.END):
            raise self._error("no expression found in input", 0)
        node = self._expression(0)
        if not self._has(Type.END):
            raise self._unexpected()
        return node

    def _expression(self, weakest: int) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise TooDeepError("nested too deep to be read here", self._text, self._token.position)
        left = self._unary()
        while (strength := self._strength()) > weakest:
            operator = self._next()
            returns_bool = self._take("bool")
            matching = self._matching()
            right = self._expression(strength - 1 if operator.word == "^" else strength)
            left = Binary(
                position=left.position,
                operator=operator.word,
                left=left,
                right=right,
                operator_position=operator.position,
                returns_bool=returns_bool,
                matching=matching,
                end=self._end,
            )
        self._depth -= 1
        return left

    def _matching(self) -> Matching:
        matching = Matching()
        if self._has(Type.KEYWORD) and self._token.word in {"on", "ignoring"}:
            matching.is_on = self._next().word == "on"
            matching.labels = self._labels()
            if self._has(Type.KEYWORD) and self._token.word in {"group_left", "group_right"}:
                is_left = self._next().word == "group_left"
                matching.cardinality = Cardinality.MANY_TO_ONE if is_left else Cardinality.ONE_TO_MANY
                matching.include = self._labels() if self._is("(") else ()
        while self._has(Type.KEYWORD) and self._token.word in {"fill", "fill_left", "fill_right"}:
            self._next()
            matching.has_fill = True
            self._expect("(")
            if self._token.text in {"+", "-"}:
                self._next()
            if not self._has(Type.NUMBER, Type.DURATION):
                raise self._unexpected()
            self._next()
            self._expect(")")
        return matching

    def _labels(self) -> tuple[str, ...]:
        self._expect("(", "grouping opts", '"("')
        found: list[str] = []
        while not self._is(")"):
            found.append(self._label())
            if not self._take(",") and not self._is(")"):
                raise self._unexpected("grouping opts", '"," or ")"')
        self._next()
        return tuple(found)

    def _label(self) -> str:
        token = self._token
        match token.type:
            case Type.STRING:
                name = unquote(self._next().text)
                if not name:
                    raise self._error(f"invalid label name for grouping: {quote(name)}", token.position)
                return name
            case Type.IDENTIFIER | Type.METRIC | Type.KEYWORD | Type.AGGREGATOR:
                return self._next().text
            case Type.OPERATOR if token.text[0].isalpha():
                return self._next().text
        raise self._unexpected("grouping opts", "label")

    def _unary(self) -> Node:
        token = self._token
        if token.type is Type.OPERATOR and token.text in {"+", "-"}:
            self._next()
            inner = self._expression(SIGN)
            if isinstance(inner, Number):
                inner.value = -inner.value if token.text == "-" else inner.value
                inner.position = token.position
                return inner
            return Unary(position=token.position, operator=token.text, expression=inner)
        return self._with_suffixes(self._primary())

    def _primary(self) -> Node:
        token = self._token
        match token.type:
            case Type.NUMBER | Type.DURATION:
                self._next()
                return Number(position=token.position, value=self._number(token))
            case Type.STRING:
                self._next()
                return Text(position=token.position, value=unquote(token.text))
            case Type.AGGREGATOR:
                return self._aggregation_or_selector()
            case Type.IDENTIFIER | Type.METRIC | Type.KEYWORD | Type.OPERATOR if (
                token.text[0].isalpha() or token.text[0] in "_:"
            ) and token.word not in _NEVER_METRICS:
                return self._name()
        if token.text == "(":
            self._next()
            inner = self._expression(0)
            self._expect(")")
            return Parenthesised(position=token.position, expression=inner)
        if token.text == "{":
            return self._selector(None)
        raise self._unexpected()

    def _name(self) -> Node:
        name = self._next()
        may_call = name.type is Type.IDENTIFIER or name.word in _FUNCTIONS_THAT_ARE_KEYWORDS
        return self._call(name) if may_call and self._is("(") else self._selector(name)

    def _aggregation_or_selector(self) -> Node:
        operator = self._next()
        clause: tuple[bool, tuple[str, ...]] | None = None
        if self._has(Type.KEYWORD) and self._token.word in {"by", "without"}:
            clause = self._clause()
            if not self._is("("):
                raise self._unexpected("aggregation")
        elif not self._is("("):
            return self._selector(operator)
        try:
            arguments = self._arguments()
        except UnexpectedError as error:
            raise PromqlError(f"{error.message} in aggregation", self._text, error.position) from None
        arguments_end = self._end - 1
        if clause is None and self._has(Type.KEYWORD) and self._token.word in {"by", "without"}:
            clause = self._clause()
        wanted = 2 if operator.word in _WITH_PARAMETER else 1
        if not arguments:
            raise self._error("no arguments for aggregate expression provided", operator.position)
        if len(arguments) != wanted:
            raise self._error(
                "wrong number of arguments for aggregate expression provided, "
                f"expected {wanted}, got {len(arguments)}",
                operator.position,
            )
        is_without, labels = clause or (False, ())
        return Aggregation(
            position=operator.position,
            operator=operator.word,
            expression=arguments[-1],
            parameter=arguments[0] if wanted == 2 else None,
            labels=labels,
            is_without=is_without,
            arguments_end=arguments_end,
            end=self._end,
        )

    def _clause(self) -> tuple[bool, tuple[str, ...]]:
        is_without = self._next().word == "without"
        return is_without, self._labels()

    def _arguments(self) -> tuple[Node, ...]:
        self._expect("(")
        if self._take(")"):
            return ()
        found = [self._expression(0)]
        while self._is(","):
            comma = self._next()
            if self._is(")"):
                raise self._error("trailing commas not allowed in function call args", comma.position)
            found.append(self._expression(0))
        self._expect(")")
        return tuple(found)

    def _call(self, name: Token) -> Node:
        arguments = self._arguments()
        function = name.word if name.type is Type.KEYWORD else name.text
        if function not in FUNCTIONS:
            raise self._error(f"unknown function with name {quote(function)}", name.position)
        return Call(position=name.position, function=function, arguments=arguments)
