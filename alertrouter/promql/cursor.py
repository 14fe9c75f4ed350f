"""The words of an expression in the hands of who reads it: what comes next, and what is said when it fits nowhere."""

from __future__ import annotations

import math
from typing import Final

from alertrouter.core.duration import parse_duration
from alertrouter.core.go_quote import quote
from alertrouter.core.time import SECOND
from alertrouter.promql.errors import PromqlError
from alertrouter.promql.tokens import Token, Type, tokens

_STRENGTH: Final = {
    "or": 1,
    **dict.fromkeys(("and", "unless"), 2),
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "</", ">/"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%", "atan2"), 5),
    "^": 6,
}
#: How strongly a sign binds.
SIGN: Final = 5


class UnexpectedError(PromqlError):
    """A word that fits nowhere, before it is known what was being read."""


class Cursor:
    """Goes from word to word; numbers and durations it reads itself."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        #: Behind the last word that was read.
        self._end = 0
        self._token = next(self._tokens)

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
        kind = PromqlError if context else UnexpectedError
        raise kind(f"unexpected {self._token.described()}{where}{instead}", self._text, self._token.position)

    def _error(self, message: str, position: int) -> PromqlError:
        return PromqlError(message, self._text, position)

    def _strength(self) -> int:
        return _STRENGTH.get(self._token.word, 0) if self._has(Type.OPERATOR) else 0

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
