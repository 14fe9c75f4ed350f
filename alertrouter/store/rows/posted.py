"""Requests as they came, to rows and back."""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.store.backlog import PostedBody
    from alertrouter.store.rows.columns import Row


def posted_row(number: int, posted: PostedBody, lines: int) -> Row:
    """``posted``."""
    body, at, resolve_timeout, places = posted
    return (number, at, resolve_timeout, lines, _places(places), body)


def _places(places: Sequence[int]) -> bytes:
    numbers = array("I", places)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def places_of(stored: bytes) -> array[int]:
    """The ``places`` column of ``posted``."""
    numbers = array("I")
    numbers.frombytes(stored)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
