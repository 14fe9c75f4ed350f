"""The words of an expression, as Prometheus's lexer cuts them, and its complaints where it cannot."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, NamedTuple

from alertrouter.core.go_quote import quote
from alertrouter.promql.errors import PromqlError
from alertrouter.promql.numbers import scan_duration, scan_number

if TYPE_CHECKING:
    from collections.abc import Iterator


class Type(Enum):
    """What kind of word it is."""

    END = auto()
    IDENTIFIER = auto()
    METRIC = auto()
    """An identifier with a colon in it."""
    KEYWORD = auto()
    AGGREGATOR = auto()
    OPERATOR = auto()
    """Also the operators that are words, such as ``and``."""
    NUMBER = auto()
    DURATION = auto()
    STRING = auto()
    MARK = auto()
    """Brackets, comma, colon, and ``=``."""


AGGREGATORS: Final = frozenset(
    {
        *("sum", "avg", "count", "min", "max", "group", "stddev", "stdvar"),
        *("topk", "bottomk", "count_values", "quantile", "limitk", "limit_ratio"),
    }
)
_KEYWORDS: Final = frozenset(
    {
        *("offset", "smoothed", "anchored", "by", "without", "on", "ignoring", "group_left", "group_right"),
        *("fill", "fill_left", "fill_right", "bool", "start", "end", "step", "range", "max_of", "min_of"),
    }
)
_WORD_OPERATORS: Final = frozenset({"and", "or", "unless", "atan2"})
# These came late: they are keywords only before a parenthesis, so that metrics may go on being called so.
_FILLS: Final = frozenset({"fill", "fill_left", "fill_right"})
_IN_BRACKETS: Final = frozenset({"step", "range", "max_of", "min_of"})


class Token(NamedTuple):
    """A word, as it stands in the text, and the number of characters before it."""

    type: Type
    text: str
    position: int

    @property
    def word(self) -> str:
        """In small letters where case does not matter."""
        return self.text.lower() if self.type in _WORDS else self.text

    def described(self) -> str:
        """How error messages name it."""
        if (form := _FORMS.get(self.type)) is not None:
            return form.format(self.text, quote(self.text))
        short = f"{quote(self.text[:10])}..." if len(self.text.encode()) > 10 else quote(self.text)
        names = {Type.NUMBER: "number ", Type.DURATION: "duration ", Type.STRING: "string "}
        return names.get(self.type, "") + short


_FORMS: Final = {
    Type.END: "end of input",
    Type.IDENTIFIER: "identifier {1}",
    Type.METRIC: "metric identifier {1}",
    Type.KEYWORD: "<{0}>",
    Type.AGGREGATOR: "<aggr:{0}>",
    Type.OPERATOR: "<op:{0}>",
}
_WORDS: Final = frozenset({Type.KEYWORD, Type.AGGREGATOR, Type.OPERATOR})

_BLANK: Final = re.compile(r"[ \t\r\n]+")
_COMMENT: Final = re.compile(r"#[^\r\n]*")
_NAME: Final = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR: Final = re.compile(r"==|!=|<=|>=|</|>/|[-+*/%^<>@]")
_MATCH_OPERATOR: Final = re.compile(r"=~|!~|!=|=")
_ESCAPE: Final = re.compile(r"\\(?:[abfnrtv\\]|[0-7]{3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})")
_DIGITS_OF_ESCAPE: Final = {"x": 2, "u": 4, "U": 8}


def tokens(text: str) -> Iterator[Token]:
    """The words one by one, an END last. Raises PromqlError at the first place where there is no word."""
    return _Lexer(text).run()


class _Lexer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._parentheses = 0
        self._in_braces = False
        self._in_brackets = False
        self._colons = 0
        self._has_duration = False

    def run(self) -> Iterator[Token]:
        while True:
            self._skip()
            if self._at >= len(self._text):
                break
            yield self._in_selector() if self._in_braces else self._anywhere()
        if self._in_braces:
            raise self._error("unexpected end of input inside braces")
        if self._in_brackets:
            raise self._error("unexpected end of input in duration expression")
        if self._parentheses:
            raise self._error("unclosed left parenthesis")
        yield Token(Type.END, "", len(self._text))

    def _skip(self) -> None:
        for pattern in (_BLANK, _COMMENT, _BLANK):
            while found := pattern.match(self._text, self._at):
                self._at = found.end()
                if pattern is _BLANK:
                    break
        if self._at < len(self._text) and self._text[self._at] == "#":
            self._skip()

    def _take(self, type_: Type, length: int) -> Token:
        begin = self._at
        self._at += length
        return Token(type_, self._text[begin : self._at], begin)

    def _error(self, message: str, at: int | None = None) -> PromqlError:
        return PromqlError(message, self._text, self._at if at is None else at)

    def _in_selector(self) -> Token:
        character = self._text[self._at]
        if found := _LABEL.match(self._text, self._at):
            return self._take(Type.IDENTIFIER, len(found[0]))
        if character in "\"'`":
            return self._string(character)
        if found := _MATCH_OPERATOR.match(self._text, self._at):
            return self._take(Type.MARK if found[0] == "=" else Type.OPERATOR, len(found[0]))
        match character:
            case ",":
                return self._take(Type.MARK, 1)
            case "}":
                self._in_braces = False
                return self._take(Type.MARK, 1)
            case "{":
                raise self._error("unexpected left brace '{'")
            case "!":
                following = self._text[self._at + 1 : self._at + 2]
                raise self._error(f"unexpected character after '!' inside braces: {_rune(following)}")
        raise self._error(f"unexpected character inside braces: {_rune(character)}")

    def _anywhere(self) -> Token:
        character = self._text[self._at]
        following = self._text[self._at + 1 : self._at + 2]
        if character.isascii() and (character.isalpha() or character in "_:"):
            return self._in_bracket_word(character) if self._in_brackets else self._word()
        if character in "0123456789" or (character == "." and following and following in "0123456789"):
            return self._number()
        if found := _OPERATOR.match(self._text, self._at):
            return self._take(Type.OPERATOR, len(found[0]))
        if character in "\"'`" and not self._in_brackets:
            return self._string(character)
        if character in "()[]{,":
            return self._mark(character)
        if character == "=" and not self._in_brackets:
            if following == "~":
                raise self._error("unexpected character after '=': '~'")
            return self._take(Type.MARK, 1)
        if character == "!" and not self._in_brackets:
            raise self._error(f"unexpected character after '!': {_rune(following)}")
        raise self._error(f"unexpected character{self._where()}: {_rune(character)}")

    def _where(self) -> str:
        return " in duration expression" if self._in_brackets else ""

    def _mark(self, character: str) -> Token:
        match character:
            case "(":
                self._parentheses += 1
            case ")":
                self._parentheses -= 1
                if self._parentheses < 0:
                    raise self._error("unexpected right parenthesis ')'", self._at + 1)
            case "{" if not self._in_brackets:
                self._in_braces = True
            case "[" if not self._in_brackets:
                self._in_brackets = True
                self._has_duration = False
                self._colons = 0
            case "]":
                if not self._in_brackets:
                    raise self._error("unexpected right bracket ']'")
                self._in_brackets = False
            case "[" | "{":
                raise self._error(f"unexpected character in duration expression: '{character}'")
        return self._take(Type.MARK, 1)

    def _in_bracket_word(self, character: str) -> Token:
        if character == ":":
            if not self._has_duration:
                raise self._error("unexpected colon before duration in duration expression", self._at + 1)
            if self._colons:
                raise self._error("unexpected repeated colon in duration expression", self._at + 1)
            self._colons += 1
            return self._take(Type.MARK, 1)
        found = _LABEL.match(self._text, self._at)
        if found is not None and found[0].lower() in _IN_BRACKETS:
            self._has_duration = True
            return self._take(Type.KEYWORD, len(found[0]))
        if self._has_duration:
            raise self._error(f"unexpected character: '{character}', expected ':'")
        raise self._error(f"unexpected character in duration expression: '{character}'")

    def _word(self) -> Token:
        found = _NAME.match(self._text, self._at)
        word = found[0] if found else ""
        low = word.lower()
        if low in AGGREGATORS:
            return self._take(Type.AGGREGATOR, len(word))
        if low in _WORD_OPERATORS:
            return self._take(Type.OPERATOR, len(word))
        if low in {"inf", "nan"}:
            return self._take(Type.NUMBER, len(word))
        if low in _KEYWORDS and (low not in _FILLS or self._calls(self._at + len(word))):
            return self._take(Type.KEYWORD, len(word))
        return self._take(Type.METRIC if ":" in word else Type.IDENTIFIER, len(word))

    def _calls(self, at: int) -> bool:
        return self._text[at:].lstrip(" \t\r\n")[:1] == "("

    def _number(self) -> Token:
        self._has_duration = self._in_brackets
        end, is_number = scan_number(self._text, self._at)
        if is_number:
            return self._take(Type.NUMBER, end - self._at)
        end, is_duration = scan_duration(self._text, end)
        if is_duration:
            return self._take(Type.DURATION, end - self._at)
        raise self._error(f"bad number or duration syntax: {quote(self._text[self._at : end])}")

    def _string(self, mark: str) -> Token:
        begin, end = self._at, self._at + 1
        while True:
            character = self._text[end : end + 1]
            if not character or (character == "\n" and mark != "`"):
                raise self._error("unterminated raw string" if mark == "`" else "unterminated quoted string")
            if character == mark:
                break
            end = self._escape(end, mark) if character == "\\" and mark != "`" else end + 1
        return self._take(Type.STRING, end + 1 - begin)

    def _escape(self, at: int, mark: str) -> int:
        """Where the escape that begins here ends."""
        escaped = self._text[at + 1 : at + 2]
        if escaped == mark:
            return at + 2
        if found := _ESCAPE.match(self._text, at):
            code = found[0][2:] if escaped in _DIGITS_OF_ESCAPE else ""
            value = int(code or "0", 16)
            if (
                value > 0x10FFFF
                or 0xD800 <= value < 0xE000
                or (escaped in "01234567" and int(found[0][1:], 8) > 255)
            ):
                raise self._error("escape sequence is an invalid Unicode code point")
            return found.end()
        if not escaped:
            raise self._error("escape sequence not terminated")
        if escaped not in "01234567xuU":
            raise self._error(f"unknown escape sequence {_code_point(escaped)}")
        length = _DIGITS_OF_ESCAPE.get(escaped, 2)
        for digit in self._text[at + 2 : at + 2 + length]:
            if digit not in ("01234567" if escaped in "01234567" else "0123456789abcdefABCDEF"):
                raise self._error(f"illegal character {_code_point(digit)} in escape sequence")
        raise self._error("escape sequence not terminated")


def _rune(character: str) -> str:
    """A character as Go quotes it; the end of the text is a character, too."""
    if not character:
        return "'\\uffff'"
    return "'\\''" if character == "'" else f"'{quote(character)[1:-1]}'" if character != '"' else "'\"'"


def _code_point(character: str) -> str:
    shown = f" '{character}'" if character.isprintable() else ""
    return f"U+{ord(character):04X}{shown}"


def unquote(text: str) -> str:
    """The text that a STRING stands for. Bytes that make no character become U+FFFD."""
    if text[0] == "`":
        return text[1:-1].replace("\r", "")
    inside = text[1:-1]
    if "\\" not in inside:
        return inside
    parts = bytearray()
    at = 0
    for found in _ANY_ESCAPE.finditer(inside):
        parts += inside[at : found.start()].encode("utf-8", "replace")
        parts += _unescaped(found[0])
        at = found.end()
    parts += inside[at:].encode("utf-8", "replace")
    return parts.decode("utf-8", "replace")


_ANY_ESCAPE: Final = re.compile(r"\\(?:[0-7]{3}|x..|u.{4}|U.{8}|.)", re.DOTALL)
_SIMPLE: Final = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}


def _unescaped(escape: str) -> bytes:
    kind = escape[1]
    if kind in _SIMPLE:
        return bytes([_SIMPLE[kind]])
    if kind == "x":
        return bytes.fromhex(escape[2:])
    if kind in "uU":
        code = int.from_bytes(bytes.fromhex(escape[2:]), "big")
        return chr(code).encode("utf-8", "replace")
    if kind in "01234567":
        return bytes([int(escape[1:], 8)])
    return kind.encode()
