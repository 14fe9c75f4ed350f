"""The UTF-8 matcher syntax, new in Alertmanager 0.27."""

from __future__ import annotations

import re
from dataclasses import dataclass

from alertrouter.core.matcher import RESERVED, WHITE_SPACE, Matcher, MatcherSyntaxError, MatchType
from alertrouter.core.pattern import PatternError

_NAME = "expected label name"
_OPERATOR = "expected an operator such as '=', '!=', '=~' or '!~'"
_VALUE = "expected label value"
_COMMA_OR_BRACE = "expected a comma or close brace"
_MATCHER_OR_BRACE = "expected a matcher or close brace after comma"


def _class(characters: frozenset[str]) -> str:
    return "".join([re.escape(character) for character in sorted(characters)])


_SPACE = re.compile(f"[{_class(WHITE_SPACE)}]*")
_TOKEN = re.compile(
    rf"""
    (?P<punctuation> [{{}},] )
    | (?P<operator> =~ | = | != | !~ )
    | (?P<quoted> "(?:[^"\\]|\\.)*" )
    | (?P<unquoted> [^{_class(RESERVED)}]+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"""
    \\(?: (?P<letter> [abfnrtv\\"] )
        | x (?P<hex> [0-9a-fA-F]{2} )
        | (?P<octal> [0-3][0-7]{2} )
        | (?: u (?P<short> [0-9a-fA-F]{4} ) | U (?P<long> [0-9a-fA-F]{8} ) ) )
    | (?P<plain> [^\\\n]+ )
    """,
    re.VERBOSE,
)
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    kind: str
    """`punctuation`, `operator`, `quoted`, `unquoted`, `end`, or `invalid` with the complaint as text."""
    text: str
    start: int
    end: int

    @property
    def where(self) -> str:
        """Columns count characters from zero; the second is the one after the token."""
        return f"{self.start}:{self.end}"


def _tokens(text: str) -> list[_Token]:
    """The tokens up to the first that is none, and the end."""
    tokens: list[_Token] = []
    position = _skip_space(text, 0)
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            return [*tokens, _invalid(text, position)]
        tokens.append(_Token(kind=str(found.lastgroup), text=found[0], start=position, end=found.end()))
        position = _skip_space(text, found.end())
    return [*tokens, _Token(kind="end", text="", start=position, end=position)]


def _skip_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return position if found is None else found.end()


def _invalid(text: str, position: int) -> _Token:
    character = text[position]
    end = position + 1
    if character == '"':
        end = len(text)
        complaint = f'{text[position:]}: missing end "'
    elif character == "!" and end == len(text):
        complaint = "unexpected end of input, expected one of '=~'"
    elif character == "!":
        complaint = "!: expected one of '=~'"
    else:
        complaint = f"{character}: invalid input"
    return _Token(kind="invalid", text=f"{position}:{end}: {complaint}", start=position, end=end)


def matchers(text: str) -> list[Matcher]:
    """matchers = [ "{" list "}" | list ] with list = [ matcher { "," matcher } [ "," ] ]"""
    return _Reader(_tokens(text)).matchers()


class _Reader:
    """Reads tokens from left to right; each method takes in what its rule says."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._position = 0
        self._has_open_brace = False

    @property
    def _next(self) -> _Token:
        return self._tokens[self._position]

    def _take(self) -> _Token:
        token = self._next
        self._position += 1
        return token

    def _comes(self, punctuation: str) -> bool:
        return self._next.kind == "punctuation" and self._next.text == punctuation

    def matchers(self) -> list[Matcher]:
        """matchers = [ "{" ] [ matcher { "," matcher } [ "," ] ] [ "}" ] end, either both braces or none"""
        found: list[Matcher] = []
        if self._comes("{"):
            self._take()
            self._has_open_brace = True
        if not self._at_close():
            found.append(self._matcher())
            while self._comma():
                found.append(self._matcher())
        self._close_brace()
        self._end()
        return found

    def _at_close(self) -> bool:
        if self._next.kind == "invalid":
            raise MatcherSyntaxError(self._next.text)
        return self._next.kind == "end" or self._comes("}")

    def _comma(self) -> bool:
        """Take the comma after a matcher, if there is one; True when another matcher must follow."""
        if self._next.kind == "end" or self._comes("}"):
            return False
        if not self._comes(","):
            raise self._unexpected(_COMMA_OR_BRACE)
        self._take()
        if self._next.kind == "end" or self._comes("}"):
            return False
        if self._next.kind not in {"quoted", "unquoted"}:
            raise self._unexpected(_MATCHER_OR_BRACE)
        return True

    def _close_brace(self) -> None:
        token = self._next
        if self._has_open_brace:
            if not self._comes("}"):
                end = self._tokens[self._position - 1].end
                raise MatcherSyntaxError(f"0:{end}: end of input: expected close brace")
            self._take()
        elif self._comes("}"):
            raise MatcherSyntaxError(f"0:{token.end}: }}: expected opening brace")

    def _end(self) -> None:
        token = self._next
        if token.kind == "invalid":
            raise MatcherSyntaxError(f"{token.text}: expected end of input")
        if token.kind != "end":
            raise MatcherSyntaxError(f"{token.where}: {token.text}: expected end of input")

    def _matcher(self) -> Matcher:
        """matcher = ( quoted | unquoted ) operator ( quoted | unquoted )"""
        name = _text(self._expect({"quoted", "unquoted"}, _NAME))
        operator = MatchType(self._expect({"operator"}, _OPERATOR).text)
        value = _text(self._expect({"quoted", "unquoted"}, _VALUE))
        try:
            return Matcher(name, operator, value)
        except PatternError as error:
            raise MatcherSyntaxError(f"failed to create matcher: {error}") from None

    def _expect(self, kinds: set[str], expected: str) -> _Token:
        if self._next.kind not in kinds:
            raise self._unexpected(expected)
        return self._take()

    def _unexpected(self, expected: str) -> MatcherSyntaxError:
        token = self._next
        match token.kind:
            case "end":
                return MatcherSyntaxError(f"end of input: {expected}")
            case "invalid":
                return MatcherSyntaxError(f"{token.text}: {expected}")
        return MatcherSyntaxError(f"{token.where}: unexpected {token.text}: {expected}")


def _text(token: _Token) -> str:
    r"""quoted = '"' { character | escape } '"', as a Go string without a raw line feed

    escape = "\" ( one of abfnrtv\" | "x" 2 hex | 3 octal | "u" 4 hex | "U" 8 hex ); bytes must add up to UTF-8.
    """
    try:
        if token.kind == "unquoted":
            return token.text.encode().decode()
        return _unquote(token.text)
    except ValueError:
        raise MatcherSyntaxError(f"{token.where}: {token.text}: invalid input") from None


def _unquote(quoted: str) -> str:
    """The text of a Go string; ValueError when it is none."""
    parts = []
    position = 1
    while position < len(quoted) - 1:
        found = _ESCAPE.match(quoted, position, len(quoted) - 1)
        if found is None:
            raise ValueError(quoted)
        match found.lastgroup, found[str(found.lastgroup)]:
            case "plain", text:
                parts.append(text.encode())
            case "letter", letter:
                parts.append(_LETTERS[letter].encode())
            case "hex", digits:
                parts.append(bytes([int(digits, 16)]))
            case "octal", digits:
                parts.append(bytes([int(digits, 8)]))
            case _, digits:
                parts.append(chr(int(digits, 16)).encode())
        position = found.end()
    return b"".join(parts).decode()
