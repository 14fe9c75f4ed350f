"""Go strings are bytes; ours are `str` in which a byte that is no UTF-8 stands as a lone surrogate (U+DC80…U+DCFF)."""

from __future__ import annotations

import re

_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_A_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")


def to_bytes(text: str) -> bytes:
    """The bytes Go would hold for this string."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _NOT_A_BYTE.sub("\ufffd", text).encode(errors="surrogateescape")


def from_bytes(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")


def byte_length(text: str) -> int:
    return len(text) if text.isascii() else len(to_bytes(text))


def clean(text: str) -> str:
    """Text that can be encoded: pieces of characters that meet again are whole, other stray bytes become U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", from_bytes(to_bytes(text)))
    return text


def is_stray(character: str) -> bool:
    """Whether this is a byte that is no UTF-8."""
    return "\ud800" <= character <= "\udfff"
