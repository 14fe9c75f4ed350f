"""JSON as receivers have always had it: Go's escapes, a newline at the end."""

from __future__ import annotations

from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()
_sorting_encoder = msgspec.json.Encoder(order="deterministic")


def json_body(members: Any) -> bytes:
    """Encode with the members in the order they have.

    ``<``, ``>`` and ``&`` occur inside strings only, so they can be escaped afterwards.
    """
    return _escaped(_encoder.encode(members)) + b"\n"


def sorted_json_body(structure: Any) -> bytes:
    """Encode a free structure: the keys of every map in order."""
    return _escaped(_sorting_encoder.encode(_go_numbers(structure))) + b"\n"


def sorted_json(structure: Any) -> msgspec.Raw:
    """A free structure as one member of a larger body."""
    return msgspec.Raw(_sorting_encoder.encode(_go_numbers(structure)))


def _go_numbers(value: Any) -> Any:
    """The same structure with whole floats as integers: Go writes 1.0 as 1."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 1e21 else value
    if isinstance(value, dict):
        return {name: _go_numbers(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_go_numbers(element) for element in value]
    return value


def _escaped(encoded: bytes) -> bytes:
    if b"<" in encoded:
        encoded = encoded.replace(b"<", b"\\u003c")
    if b">" in encoded:
        encoded = encoded.replace(b">", b"\\u003e")
    if b"&" in encoded:
        encoded = encoded.replace(b"&", b"\\u0026")
    if not encoded.isascii():
        encoded = encoded.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    return encoded
