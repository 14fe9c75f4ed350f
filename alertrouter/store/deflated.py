"""Values that are written as a whole: JSON, deflated."""

from __future__ import annotations

import zlib

import msgspec

from alertrouter.store.rows.columns import BadRowError

_encode = msgspec.json.Encoder().encode


def deflated(form: object) -> bytes:
    """Anything that is JSON."""
    return zlib.compress(_encode(form), 1)


def inflated(stored: bytes) -> bytes:
    """The JSON. Raises BadRowError."""
    try:
        return zlib.decompress(stored)
    except zlib.error as error:
        raise BadRowError(f"it cannot be inflated: {error}") from None
