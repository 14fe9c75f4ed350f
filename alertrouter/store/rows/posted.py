"""Requests as they came, to rows and back."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from alertrouter.store.rows.columns import packed, to_array

if TYPE_CHECKING:
    from alertrouter.store.backlog import PostedBody
    from alertrouter.store.rows.columns import Row


def posted_row(number: int, posted: PostedBody, lines: int) -> Row:
    """``posted``."""
    body, at, resolve_timeout, places = posted
    return (number, at, resolve_timeout, lines, packed(array("I", places)), body)


def places_of(stored: bytes) -> array[int]:
    """The ``places`` column of ``posted``."""
    return to_array("I", stored)
