"""Giving memory back to the system."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def return_memory() -> None:
    """Let the C library return what it keeps of freed memory, where it can; it costs about a millisecond.

    A burst of requests and the journal's thread leave tens of megabytes behind that nobody would ever return.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None  # another C library than glibc
    return found
