"""Where numbers and durations end in an expression, and how far Prometheus's lexer looks at what is neither."""

from __future__ import annotations

import re
from typing import Final

_DIGITS: Final = "0123456789"
_HEXADECIMAL_DIGITS: Final = "0123456789abcdefABCDEF"
# After the first digits of a duration: units and more digits. What is left open ends in digits.
_REST_OF_DURATION: Final = re.compile(r"[smhdwy]s?(?:[0-9]+[smhdw]s?)*(?P<open>[0-9]+)?")
# What may not stand behind a point, and behind an exponent or an underscore.
_NOT_BEHIND_POINT: Final = "._"
_NOT_BEHIND_MARK: Final = "._eE"


def scan_number(text: str, at: int) -> tuple[int, bool]:
    """Where a number that begins here ends, and whether it is one; if not, how far it was looked at."""
    if text[at : at + 2].lower() == "0x":
        at += 3 if text[at + 2 : at + 3] == "_" else 2
        return _scan(text, at, _HEXADECIMAL_DIGITS, "")
    return _scan(text, at, _DIGITS, ".e")


def _scan(text: str, at: int, digits: str, left: str) -> tuple[int, bool]:
    """The digits and marks; ``left`` are the marks that may still come, besides underscores."""
    while at < len(text):
        character = text[at]
        if character in digits:
            at += 1
            continue
        mark = character.lower()
        if mark not in {*left, ".", "_"}:
            break
        if mark == "." and "." not in left:
            return at + 1, False
        left = left.replace(mark, "")
        at += 1
        following = text[at : at + 1]
        if following and following in (_NOT_BEHIND_POINT if mark == "." else _NOT_BEHIND_MARK):
            return at + 1, False
        if mark == "e" and following and following in "+-":
            at += 1
        if mark != "." and at == len(text):
            return at, False
    return at, not _is_word(text[at : at + 1])


def scan_duration(text: str, at: int) -> tuple[int, bool]:
    """Where a duration ends whose first digits end here, and whether it looks like one."""
    found = _REST_OF_DURATION.match(text, at)
    if found is None:
        return at, False
    at = found.end()
    if found["open"] is None and _is_word(text[at : at + 1]):
        return at + 1, False
    return at, found["open"] is None


def _is_word(character: str) -> bool:
    return character == "_" or (character.isascii() and character.isalnum())
