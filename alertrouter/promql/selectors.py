"""Selectors, and what may follow an expression: ranges, ``offset``, ``@``, and durations that are computed."""

from __future__ import annotations

import math
from typing import Final

from alertrouter.core.pattern import Pattern, PatternError
from alertrouter.core.time import LATEST, SECOND
from alertrouter.promql.cursor import SIGN, Cursor
from alertrouter.promql.nodes import Matcher, Node, Range, Selector, Subquery
from alertrouter.promql.tokens import Token, Type, unquote

_DURATION: Final = "number, duration, step(), or range()"


class SelectorReader(Cursor):
    """Reads selectors, and what may stand behind any expression."""

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
            value = self._duration_sum(SIGN, context, expected)
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
