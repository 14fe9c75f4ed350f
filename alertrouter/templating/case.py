"""Upper, lower and title case as Go has them: character by character, never changing the length."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Characters inside a word that are no letters: they neither begin a word nor end one.
_MIDDLE_OF_WORD: Final = frozenset("'’‘.:·․﹒＇．︓﹕：\u055f\u05f4\u2024")
_JOINING: Final = frozenset({"Mn", "Mc", "Me", "Cf", "Pc"})
# Scripts written without spaces: each of their characters is a word.
_NO_WORD_SCRIPTS: Final = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x2FDF),  # radicals
    (0x3005, 0x3007),
    (0x3041, 0x309F),  # Hiragana
    (0x3400, 0x4DBF),  # ideographs
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)


def to_upper(text: str) -> str:
    """Upper case, one character for one: ``ß`` stays ``ß``."""
    upper = text.upper()
    return upper if text.isascii() else "".join([_one(character, str.upper) for character in text])


def to_lower(text: str) -> str:
    """Lower case, one character for one, without rules for the end of a word."""
    return text.lower() if text.isascii() else "".join([_one(character, str.lower) for character in text])


@lru_cache(maxsize=4096)
def _one(character: str, mapping: Callable[[str], str]) -> str:
    mapped = mapping(character)
    if len(mapped) == 1:
        return mapped
    # A full mapping of several characters; the simple one is the character itself, but for this Turkish letter.
    return "i" if character == "İ" and mapping is str.lower else character


def title(text: str) -> str:
    """Each word with a capital and the rest of it in lower case, as Alertmanager does it.

    Unlike `to_upper` and `to_lower` this may change the length: ``ß`` begins a word as ``Ss``.
    """
    # A cased letter in front keeps the rule for sigma at the end of a word right.
    return "".join([head + ("a" + rest).lower()[1:] for head, rest in _words(text)])


def title_keeping_capitals(text: str) -> str:
    """Each word with a capital and the rest of it as it was, as Prometheus does it."""
    return "".join([head + rest for head, rest in _words(text)])


def _words(text: str) -> Iterator[tuple[str, str]]:
    """What is before the rest of a word, its first letter in title case, and that rest."""
    head = ""
    rest_from: int | None = None
    after_middle = False
    for at, character in enumerate(text):
        middle = character in _MIDDLE_OF_WORD
        if rest_from is not None and (_ends_word(character) or (middle and after_middle)):
            yield head, text[rest_from:at]
            head, rest_from = "", None
        after_middle = middle
        if rest_from is None:
            if _has_case(character):
                head += character.title()
                rest_from = at + 1
            else:
                head += character
    yield head, "" if rest_from is None else text[rest_from:]


@lru_cache(maxsize=4096)
def _has_case(character: str) -> bool:
    return character.isupper() or character.islower() or character.istitle()


@lru_cache(maxsize=4096)
def _ends_word(character: str) -> bool:
    if character.isascii() and (character.isalnum() or character == "_"):
        return False
    if character in _MIDDLE_OF_WORD or unicodedata.category(character) in _JOINING:
        return False
    if character.isalpha():
        code = ord(character)
        return any(first <= code <= last for first, last in _NO_WORD_SCRIPTS)
    return not character.isdecimal()
