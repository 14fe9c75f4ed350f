"""Go's string and character literals: strconv.Quote and strconv.Unquote."""

from __future__ import annotations

import re
from typing import Final

from alertrouter.gotemplate.utf8 import from_bytes, is_stray, to_bytes

_SHORT: Final = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
}
_PLAIN = re.compile(r"[ !#-\[\]-~]*\Z")
_ESCAPE = re.compile(
    r"""\\(?:([abfnrtv\\])|(['"])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))"""
)
_CONTROL: Final = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92}


class LiteralError(ValueError):
    """A literal of the template text that Go's strconv refuses."""


def quote(text: str, *, ascii_only: bool = False) -> str:
    """Go's strconv.Quote, or QuoteToASCII: a double-quoted literal."""
    if _PLAIN.match(text):
        return f'"{text}"'
    return '"' + "".join(_escaped(c, '"', ascii_only=ascii_only) for c in text) + '"'


def quote_character(code: int, *, ascii_only: bool = False) -> str:
    """Go's strconv.QuoteRune: a single-quoted literal; what is no character becomes U+FFFD."""
    character = to_character(code)
    return "'" + _escaped(character, "'", ascii_only=ascii_only) + "'"


def to_character(code: int) -> str:
    return chr(code) if 0 <= code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else "\ufffd"


def can_backquote(text: str) -> bool:
    """Whether the text can stand between back-quotes unchanged on one line."""
    return not any(c in "`\x7f\ufeff" or (c < " " and c != "\t") or is_stray(c) for c in text)


def _escaped(character: str, mark: str, *, ascii_only: bool) -> str:
    if character in (mark, "\\"):
        return "\\" + character
    if " " <= character <= "~" or (not ascii_only and character.isprintable()):
        return character
    if (short := _SHORT.get(character)) is not None:
        return short
    code = ord(character)
    if is_stray(character):
        return f"\\x{code & 0xFF:02x}" if 0xDC80 <= code <= 0xDCFF else "\\ufffd"
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def unquote(literal: str) -> str:
    """The text of a `"…"` or back-quoted literal. Raises LiteralError with Go's `invalid syntax`."""
    body = literal[1:-1]
    if literal[0] == "`":
        return body.replace("\r", "")
    if "\\" not in body:
        return body
    pieces: list[bytes] = []
    position = 0
    while (start := body.find("\\", position)) >= 0:
        pieces.append(to_bytes(body[position:start]))
        piece, position = _unescape(body, start, '"')
        pieces.append(piece)
    pieces.append(to_bytes(body[position:]))
    return from_bytes(b"".join(pieces))


def unquote_character(literal: str) -> int:
    """The number a `'x'` literal stands for."""
    body = literal[1:]
    if body.startswith("\\"):
        match = _ESCAPE.match(body)
        if match is None:
            raise LiteralError("invalid syntax")
        code, position = _code_of(match, "'"), match.end()
    elif body == "'":
        raise LiteralError("invalid syntax")
    else:
        code, position = (0xFFFD if is_stray(body[0]) else ord(body[0])), 1
    if body[position:] != "'":
        raise LiteralError(f"malformed character constant: {literal}")
    return code


def _unescape(body: str, start: int, mark: str) -> tuple[bytes, int]:
    match = _ESCAPE.match(body, start)
    if match is None:
        raise LiteralError("invalid syntax")
    code = _code_of(match, mark)
    if match[3] or match[4]:  # \xhh and \ooo are bytes, not characters
        return bytes((code,)), match.end()
    return chr(code).encode(), match.end()


def _code_of(match: re.Match[str], mark: str) -> int:
    short, quoted, hexadecimal, octal, four, eight = match.groups()
    if short:
        return _CONTROL[short]
    if quoted:
        if quoted != mark:
            raise LiteralError("invalid syntax")
        return ord(quoted)
    if octal:
        code, most = int(octal, 8), 0xFF
    else:
        code, most = int(hexadecimal or four or eight, 16), 0x10FFFF
    if code > most or ((four or eight) and 0xD800 <= code <= 0xDFFF):
        raise LiteralError("invalid syntax")
    return code
