"""Protobuf's wire format, as far as reading needs it: varints, lengths, and fields by their number.

Every value knows the byte of the file at which it stands, so that damage can be pointed at.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from alertrouter.core.time import EARLIEST, LATEST, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alertrouter.core.time import Moment

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_WIDTHS = {_FIXED64: 8, _FIXED32: 4}
_LONGEST_VARINT = 10
_MASK = (1 << 64) - 1


class MalformedError(ValueError):
    """These bytes are not what they should be; ``offset`` is where."""

    def __init__(self, offset: int, text: str) -> None:
        super().__init__(text)
        self.offset = offset


class _Field(NamedTuple):
    """One occurrence of a field. ``number`` is the value of a varint, the length of anything else."""

    wire_type: int
    offset: int
    number: int


def delimited(content: bytes) -> Iterator[Message]:
    """The messages of a file in which each stands behind its length. MalformedError where that ends."""
    at = 0
    while at < len(content):
        begin = at
        length, at = _varint(content, at, len(content))
        if length > len(content) - at:
            raise MalformedError(
                begin,
                f"a record of {length} bytes begins here, but the file ends after {len(content) - at} of them",
            )
        yield Message(content, at, at + length)
        at += length


class Message:
    """One message; its fields are asked for by number, and say what they are by how they are asked for.

    A field that is missing is empty or zero. MalformedError for one of another type.
    """

    __slots__ = ("_content", "_fields", "offset")

    def __init__(self, content: bytes, begin: int, end: int) -> None:
        self.offset = begin
        self._content = content
        self._fields: dict[int, list[_Field]] = {}
        at = begin
        while at < end:
            tag_at = at
            tag, at = _varint(content, at, end)
            wire_type = tag & 7
            if wire_type == _VARINT:
                value_at = at
                number, at = _varint(content, at, end)
            else:
                if wire_type == _LENGTH:
                    number, at = _varint(content, at, end)
                elif wire_type in _WIDTHS:
                    number = _WIDTHS[wire_type]
                else:
                    raise MalformedError(tag_at, f"there is no wire type {wire_type}")
                value_at = at
                at += number
            if at > end or tag >> 3 == 0:
                raise MalformedError(tag_at, "a field does not fit the record that holds it")
            self._fields.setdefault(tag >> 3, []).append(_Field(wire_type, value_at, number))

    def has(self, number: int) -> bool:
        """Whether the field is there."""
        return number in self._fields

    def messages(self, number: int) -> list[Message]:
        """All messages under this number."""
        return [
            Message(self._content, field.offset, field.offset + field.number)
            for field in self._all(number, _LENGTH)
        ]

    def message(self, number: int) -> Message:
        """The message under this number; an empty one when there is none."""
        found = self.messages(number)
        return found[-1] if found else Message(self._content, self.offset, self.offset)

    def text(self, number: int) -> str:
        """A text."""
        found = self._all(number, _LENGTH)
        if not found:
            return ""
        field = found[-1]
        try:
            return self._bytes(field).decode()
        except UnicodeDecodeError as error:
            raise MalformedError(field.offset + error.start, "a text is not UTF-8") from None

    def unsigned(self, number: int) -> int:
        """A whole number from 0."""
        found = self._all(number, _VARINT)
        return found[-1].number if found else 0

    def signed(self, number: int) -> int:
        """A whole number, in two's complement of 64 bits."""
        value = self.unsigned(number)
        return value - (1 << 64) if value >> 63 else value

    def double(self, number: int) -> float:
        """A floating point number of 64 bits."""
        found = self._all(number, _FIXED64)
        value: float = struct.unpack("<d", self._bytes(found[-1]))[0] if found else 0.0
        return value

    def numbers(self, number: int) -> list[int]:
        """Repeated whole numbers, packed into one field or one by one."""
        values = []
        for field in self._fields.get(number, ()):
            if field.wire_type == _VARINT:
                values.append(field.number)
                continue
            self._check(field, number, _LENGTH)
            at, end = field.offset, field.offset + field.number
            while at < end:
                value, at = _varint(self._content, at, end)
                values.append(value)
        return values

    def moment(self, number: int) -> Moment | None:
        """A google.protobuf.Timestamp; None when it is missing. What 64 bits cannot hold is taken as their nearest."""
        if not self.has(number):
            return None
        timestamp = self.message(number)
        return min(max(timestamp.signed(1) * SECOND + timestamp.signed(2), EARLIEST), LATEST)

    def _all(self, number: int, wire_type: int) -> list[_Field]:
        found = self._fields.get(number, [])
        for field in found:
            self._check(field, number, wire_type)
        return found

    def _check(self, field: _Field, number: int, wire_type: int) -> None:
        if field.wire_type != wire_type:
            raise MalformedError(
                field.offset, f"field {number} has the wire type {field.wire_type} instead of {wire_type}"
            )

    def _bytes(self, field: _Field) -> bytes:
        return self._content[field.offset : field.offset + field.number]


def _varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends."""
    value = 0
    for place in range(_LONGEST_VARINT):
        if at + place >= end:
            raise MalformedError(at, "a number is cut off")
        byte = content[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value & _MASK, at + place + 1
    raise MalformedError(at, "a number has more than ten bytes")
