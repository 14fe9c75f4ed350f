"""Work that can wait until nobody else wants anything."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# How long nothing may have happened before the work begins, and how long the others get after each piece of it.
_QUIET = 0.25
_PAUSE = 0.002
# Where it is never quiet a piece is done so often.
_PATIENCE = 1.0
# Of alerts; some milliseconds.
_PIECE = 1000


class Idle:
    """Does a work piece by piece while ``disturb`` is not called. The work says whether there is more."""

    def __init__(self, work: Callable[[int], bool]) -> None:
        self._work = work
        self._loop: asyncio.AbstractEventLoop | None = None
        self._disturbed_at = 0.0
        self._worked_at = 0.0

    def disturb(self) -> None:
        """Something happened: wait until it is quiet, then see whether there is work."""
        loop = asyncio.get_running_loop()
        self._disturbed_at = loop.time()
        if self._loop is not loop:
            self._loop = loop
            self._worked_at = self._disturbed_at
            loop.call_later(_QUIET, self._turn, loop)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        quiet = now - self._disturbed_at
        if quiet < _QUIET and now - self._worked_at < _PATIENCE:
            loop.call_later(_QUIET - quiet, self._turn, loop)
            return
        self._worked_at = now
        if self._work(_PIECE):
            loop.call_later(_PAUSE if quiet >= _QUIET else _QUIET, self._turn, loop)
        else:
            self._loop = None
