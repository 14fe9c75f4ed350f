"""Values inside style sheets and `style` attributes."""

from __future__ import annotations

import re
from typing import Final

_ESCAPE: Final = re.compile(r"\\(?:([0-9a-fA-F]{1,6})(?:\r\n|[\t\n\f\r ])?|(.))", re.DOTALL)
_REFUSED: Final = re.compile(r"""[\0"'()/;@\[\\\]`{}<>]|--""")
_NAME_CHARACTERS: Final = re.compile(r"[^a-zA-Z0-9_]+")
_SPECIAL: Final = re.compile(r"""[\0\t\n\f\r"&'()+/:;<>\\{}]""")
_FOLLOWED_BY_HEX_OR_SPACE: Final = frozenset("0123456789abcdefABCDEF\t\n\f\r ")
FAILSAFE: Final = "ZgotmplZ"


def decode(text: str) -> str:
    """CSS text with its backslash escapes read."""
    return _ESCAPE.sub(_decoded, text) if "\\" in text else text


def _decoded(match: re.Match[str]) -> str:
    digits, literal = match.groups()
    if literal is not None:
        return str(literal)
    code = int(digits, 16)
    if code > 0x10FFFF:  # one digit too many
        return _character(code // 16) + digits[-1]
    return _character(code)


def _character(code: int) -> str:
    return "\ufffd" if 0xD800 <= code <= 0xDFFF else chr(code)


def ends_with_keyword(text: str, keyword: str) -> bool:
    """Whether the text ends with this keyword as a word of its own."""
    before = text[: -len(keyword)]
    return text.lower().endswith(keyword) and (not before or not is_name_character(before[-1]))


def is_name_character(character: str) -> bool:
    return character.isalnum() if character.isascii() and character not in "_-" else True


def filter_value(text: str) -> str:
    """A plain value (colour, length, name, …); anything that could be more becomes ZgotmplZ."""
    decoded = decode(text)
    if _REFUSED.search(decoded):
        return FAILSAFE
    letters = _NAME_CHARACTERS.sub("", decoded).lower()
    return FAILSAFE if "expression" in letters or "mozbinding" in letters else decoded


def escape_string(text: str) -> str:
    """Text for the inside of a CSS string."""
    return _SPECIAL.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    if character == "\\":
        return "\\\\"
    following = match.string[match.end() : match.end() + 1]
    # A space ends the escape where the next character could be taken for a part of it.
    needs_end = not following or following in _FOLLOWED_BY_HEX_OR_SPACE
    return f"\\{ord(character):x}{' ' if needs_end else ''}"
