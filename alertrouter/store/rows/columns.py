"""What the columns of many tables have in common: identities, texts, labels, and what is wrong with a row."""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from alertrouter.core.labels import Labels

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

Row = tuple[Any, ...]
_Member = TypeVar("_Member")
_MASK = (1 << 64) - 1
_SIGN = 1 << 63


class BadRowError(ValueError):
    """A row does not hold what its table is for."""


def signed(identity: int) -> int:
    """64 unsigned bits as the signed ones that databases have."""
    return identity - (1 << 64) if identity & _SIGN else identity


def unsigned(stored: int) -> int:
    """What ``signed`` was given."""
    return stored & _MASK


_to_json = msgspec.json.Encoder().encode
_text_by_name = msgspec.json.Decoder(dict[str, str]).decode


def json_text(value: object) -> str:
    """Compact JSON. PostgreSQL takes no NUL in text; JSON writes it as an escape, so nothing is lost."""
    return _to_json(value).decode()


def plain(text: str) -> str:
    """Text that any database takes: without NUL and what is no Unicode."""
    if not text or (text.isascii() and "\0" not in text):
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def identities(members: Collection[int]) -> bytes:
    """A set of identities, eight bytes each, little endian."""
    if not members:
        return b""
    if len(members) == 1:
        (only,) = members
        return only.to_bytes(8, "little")
    return packed(array("Q", members))


def to_identities(stored: bytes) -> array[int]:
    """What ``identities`` was given."""
    return to_array("Q", stored)


def packed(numbers: array[int]) -> bytes:
    """Numbers as every machine reads them: little endian. The array is of no use afterwards."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def to_array(code: str, stored: bytes) -> array[int]:
    """What ``packed`` was given; ``code`` is the array's type code."""
    numbers = array(code)
    numbers.frombytes(stored)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def label_pairs(stored: str) -> dict[str, str]:
    """Labels as stored, bare: for looking at thousands of them. Raises BadRowError."""
    try:
        return _text_by_name(stored)
    except (msgspec.MsgspecError, TypeError) as error:
        raise BadRowError(f"not a JSON object of texts: {error}") from None


def member(members: Mapping[str, _Member], value: str) -> _Member:
    """The member of an enumeration, by a fifth of what making it of the value costs. Raises BadRowError."""
    try:
        return members[value]
    except KeyError:
        raise BadRowError(f"{value!r} is none of {', '.join(members)}") from None


def to_pairs(stored: str | None) -> Labels:
    """A JSON object of texts; nothing when there is none. Raises BadRowError."""
    return Labels() if stored is None else Labels.in_order(label_pairs(stored))


def require(value: Any, expected: type) -> Any:
    """The value, which must be one of this type. Raises BadRowError."""
    if not isinstance(value, expected):
        raise BadRowError(f"{value!r} is not {expected.__name__}")
    return value
