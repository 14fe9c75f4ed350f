"""Giving memory back to the system, and keeping the garbage collector from what will stay."""

from __future__ import annotations

import ctypes
import gc
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def settle_down() -> None:
    """Take all that is in memory now for what stays: the collector need not look at it again and again.

    To be called once a process has read what it works by.
    """
    gc.collect()
    gc.set_threshold(50_000, 20, 100)
    keep()


def keep() -> None:
    """Take what was made since for what stays, too, without looking through it for garbage."""
    gc.freeze()
    return_memory()


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


class Settled:
    """Keeps the garbage collector from looking through what stays, again and again.

    It looks at every fifty thousand new objects, a good eight thousand alerts: in a storm a sixth of what taking in an alert
    costs. At half a million alerts one look at all takes half a second, in which nothing else happens. What is there when
    alerts have grown by five thousand is exempt from then on; that of alerts which go is freed all the same, it is in no
    cycle.
    """

    STEP = 5_000

    def __init__(self) -> None:
        self._count = 0

    def now_that(self, count: int) -> None:
        """There are so many alerts now; to be told whenever they have become more, and every few seconds."""
        if count >= self._count + self.STEP:
            self._count = count
            gc.freeze()
        else:
            self._count = min(self._count, count)
