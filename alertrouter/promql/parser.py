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

import math
from typing import Final

from alertrouter.core.duration import parse_duration
from alertrouter.core.go_quote import quote
from alertrouter.core.pattern import Pattern, PatternError
from alertrouter.core.time import LATEST, SECOND
from alertrouter.promql.errors import PromqlError
from alertrouter.promql.functions import FUNCTIONS
from alertrouter.promql.nodes import (
    Aggregation,
    Binary,
    Call,
    Cardinality,
    Matcher,
    Matching,
    Node,
    Number,
    Parenthesised,
    Range,
    Selector,
    Subquery,
    Text,
    Unary,
)
from alertrouter.promql.tokens import Token, Type, tokens, unquote
from alertrouter.promql.types import check

_STRENGTH: Final = {
    "or": 1,
    **dict.fromkeys(("and", "unless"), 2),
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "</", ">/"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%", "atan2"), 5),
    "^": 6,
}
_SIGN: Final = 5
# What a metric cannot be called, because it could mean something else there.
_NEVER_METRICS: Final = frozenset({"bool", "on", "ignoring", "group_left", "group_right", "atan2"})
_FUNCTIONS_THAT_ARE_KEYWORDS: Final = frozenset({"start", "end", "step", "range", "max_of", "min_of"})
_WITH_PARAMETER: Final = frozenset({"topk", "bottomk", "quantile", "count_values", "limitk", "limit_ratio"})
_DURATION: Final = "number, duration, step(), or range()"
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


class _UnexpectedError(PromqlError):
    """A word that fits nowhere, before it is known what was being read."""


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._depth = 0
        #: Behind the last word that was read.
        self._end = 0
        self._token = next(self._tokens)

    def whole(self) -> Node:
        if self._has(Type.END):
            raise self._error("no expression found in input", 0)
        node = self._expression(0)
        if not self._has(Type.END):
            raise self._unexpected()
        return node

    # Words

    def _next(self) -> Token:
        token = self._token
        if token.type is not Type.END:
            self._end = token.position + len(token.text)
            self._token = next(self._tokens)
        return token

    def _has(self, *types: Type) -> bool:
        return self._token.type in types

    def _is(self, word: str) -> bool:
        return not self._has(Type.STRING) and self._token.word == word

    def _take(self, word: str) -> bool:
        if self._is(word):
            self._next()
            return True
        return False

    def _expect(self, word: str, context: str = "", expected: str = "") -> None:
        if not self._take(word):
            raise self._unexpected(context, expected)

    def _unexpected(self, context: str = "", expected: str = "") -> PromqlError:
        where = f" in {context}" if context else ""
        instead = f", expected {expected}" if expected else ""
        kind = PromqlError if context else _UnexpectedError
        raise kind(f"unexpected {self._token.described()}{where}{instead}", self._text, self._token.position)

    def _error(self, message: str, position: int) -> PromqlError:
        return PromqlError(message, self._text, position)

    # Expressions

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

    def _strength(self) -> int:
        return _STRENGTH.get(self._token.word, 0) if self._has(Type.OPERATOR) else 0

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
            inner = self._expression(_SIGN)
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

    def _number(self, token: Token) -> float:
        if token.type is Type.DURATION:
            return self._duration(token)
        text = token.text.replace("_", "").lower()
        why = "value out of range"
        try:
            if text.startswith("0x"):
                return float(int(text, 16))
            if text.isdecimal() and text.startswith("0") and set(text) <= set("01234567"):
                return float(int(text, 8))  # Compat: as Go reads whole numbers
            value = float(text)
        except ValueError:
            why = "invalid syntax"
        except OverflowError:
            pass
        else:
            if math.isfinite(value) or text in {"inf", "nan"}:
                return value
        message = f"error parsing number: strconv.ParseFloat: parsing {quote(token.text)}: {why}"
        raise self._error(message, token.position)

    def _duration(self, token: Token) -> float:
        try:
            return parse_duration(token.text) / SECOND
        except ValueError as error:
            raise self._error(str(error), token.position) from None

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
        except _UnexpectedError as error:
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

    # Selectors

    def _selector(self, name: Token | None) -> Selector:
        position = name.position if name else self._token.position
        matchers = self._matchers() if self._is("{") else ()
        return Selector(position=position, name=name.text if name else "", matchers=matchers)

    def _matchers(self) -> tuple[Matcher, ...]:
        self._next()
        found: list[Matcher] = []
        while not self._is("}"):
            found.append(self._matcher())
            if not self._take(",") and not self._is("}"):
                raise self._unexpected("label matching", '"," or "}"')
        self._next()
        return tuple(found)

    def _matcher(self) -> Matcher:
        token = self._token
        if token.type not in {Type.IDENTIFIER, Type.STRING}:
            raise self._unexpected("label matching", 'identifier or "}"')
        self._next()
        is_quoted = token.type is Type.STRING
        name = unquote(token.text) if is_quoted else token.text
        operator = self._token
        if operator.text not in {"=", "!=", "=~", "!~"} or operator.type is Type.STRING:
            if is_quoted:
                return Matcher("__name__", "=", name, token.position)
            raise self._unexpected("label matching", "label matching operator")
        self._next()
        if not self._has(Type.STRING):
            raise self._unexpected("label matching", "string")
        value = unquote(self._next().text)
        if operator.text in {"=~", "!~"}:
            try:
                Pattern.compile(value)
            except PatternError as error:
                # Here the pattern is shown as it was written, without the anchors.
                message = str(error).replace("`^(?:", "`", 1)
                if message.endswith(")$`"):
                    message = f"{message[:-3]}`"
                raise self._error(message, token.position) from None
        return Matcher(name, operator.text, value, token.position)

    # What may follow an expression

    def _with_suffixes(self, node: Node) -> Node:
        while True:
            token = self._token
            if token.text == "[" and token.type is Type.MARK:
                node = self._range(node)
            elif token.type is Type.OPERATOR and token.text == "@":
                self._next()
                self._at(node)
            elif token.type is Type.KEYWORD and token.word == "offset":
                self._next()
                self._offset(node)
            elif token.type is Type.KEYWORD and token.word in {"anchored", "smoothed"}:
                self._next()
                self._modifier(node, token.word)
            else:
                return node

    def _range(self, node: Node) -> Node:
        bracket = self._next()
        seconds = self._computed_duration("subquery or range selector")
        if self._take("]"):
            if not isinstance(node, Selector):
                raise self._error("ranges only allowed for vector selectors", bracket.position)
            if node.has_offset:
                raise self._error("no offset modifiers allowed before range", bracket.position)
            if node.has_time:
                raise self._error("no @ modifiers allowed before range", bracket.position)
            return Range(position=node.position, selector=node, seconds=seconds)
        self._expect(":", "subquery or range", '":" or "]"')
        if not self._is("]"):
            self._computed_duration("subquery selector", more=', or "]"')
        self._expect("]", "subquery selector", '"]"')
        return Subquery(position=node.position, expression=node, seconds=seconds)

    def _at(self, node: Node) -> None:
        if self._has(Type.KEYWORD) and self._token.word in {"start", "end"}:
            self._next()
            self._expect("(", "@", "timestamp")
            self._expect(")", "@", "timestamp")
        else:
            sign = self._next().text if self._token.text in {"+", "-"} else ""
            if not self._has(Type.NUMBER, Type.DURATION):
                raise self._unexpected("@", "timestamp")
            value = self._number(self._next()) * (-1 if sign == "-" else 1)
            if not math.isfinite(value) or abs(value) >= 2.0**63:
                raise self._error(
                    f"timestamp out of bounds for @ modifier: {_go_float(value)}", node.position
                )
        target = self._target(node, "@ modifier")
        if target.has_time:
            raise self._error("@ <timestamp> may not be set multiple times", node.position)
        target.has_time = True

    def _offset(self, node: Node) -> None:
        seconds = self._offset_duration()
        target = self._target(node, "offset modifier")
        # Compat: an offset of zero may be set again.
        if target.has_offset:
            raise self._error("offset may not be set multiple times", node.position)
        target.has_offset = seconds != 0
        if isinstance(target, Selector):
            target.offset = seconds

    def _target(self, node: Node, what: str) -> Selector | Subquery:
        target = node.selector if isinstance(node, Range) else node
        if not isinstance(target, Selector | Subquery):
            raise self._error(
                f"{what} must be preceded by an instant vector selector or range vector selector or a subquery",
                node.position,
            )
        return target

    def _modifier(self, node: Node, word: str) -> None:
        target = node.selector if isinstance(node, Range) else node
        if isinstance(node, Subquery):
            raise self._error(f"{word} modifier is not supported for subqueries", node.position)
        if not isinstance(target, Selector):
            raise self._error(f"{word} modifier not implemented", node.position)
        if target.modifier not in {"", word}:
            raise self._error("anchored and smoothed modifiers cannot be used together", node.position)
        target.modifier = word

    # Durations may be computed: 5m * 2, step(), max_of(1m, range() / 2)

    def _offset_duration(self) -> float | None:
        sign = 1.0
        if self._has(Type.OPERATOR) and self._token.text in {"+", "-"}:
            sign = -1.0 if self._next().text == "-" else 1.0
        if self._has(Type.NUMBER, Type.DURATION):
            token = self._next()
            value = sign * self._number(token)
            if abs(value) * SECOND > LATEST:
                raise self._error("duration out of range", token.position)
            return value
        self._duration_primary("offset", _DURATION)
        return None

    def _computed_duration(self, context: str, *, more: str = "") -> float | None:
        expected = _DURATION if not more else f"number, duration, step(), range(){more}"
        first = self._token
        value = self._duration_sum(0, context, expected)
        if value is not None and value <= 0:
            raise self._error("duration must be greater than 0", first.position)
        if value is not None and value * SECOND > LATEST:
            raise self._error("duration out of range", first.position)
        return value

    def _duration_sum(self, weakest: int, context: str, expected: str) -> float | None:
        value = self._duration_primary(context, expected)
        while (strength := self._strength()) > max(weakest, 3):
            operator = self._next()
            self._duration_sum(strength - 1 if operator.word == "^" else strength, context, expected)
            value = None
        return value

    def _duration_primary(self, context: str, expected: str) -> float | None:
        token = self._token
        if token.type in {Type.NUMBER, Type.DURATION}:
            self._next()
            return self._number(token)
        if token.type is Type.OPERATOR and token.text in {"+", "-"}:
            self._next()
            value = self._duration_sum(_SIGN, context, expected)
            return -value if value is not None and token.text == "-" else value
        if token.type is Type.KEYWORD and token.word in {"step", "range"}:
            self._next()
            self._expect("(", context, expected)
            self._expect(")", context, expected)
            return None
        if token.type is Type.KEYWORD and token.word in {"max_of", "min_of"}:
            self._next()
            self._expect("(", context, expected)
            self._duration_sum(0, context, expected)
            self._expect(",", context, expected)
            self._duration_sum(0, context, expected)
            self._expect(")", context, expected)
            return None
        if token.text == "(":
            self._next()
            self._duration_sum(0, context, expected)
            self._expect(")", context, expected)
            return None
        raise self._unexpected(context, expected)


def _go_float(value: float) -> str:
    if math.isfinite(value):
        return f"{value:f}"
    return "NaN" if math.isnan(value) else f"{value:+}".replace("inf", "Inf")
