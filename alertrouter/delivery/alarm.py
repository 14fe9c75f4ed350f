"""One sleeper for many moments."""

from __future__ import annotations

import asyncio
import heapq
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from alertrouter.clock import Clock
    from alertrouter.core.time import Moment

log = logging.getLogger(__name__)


class Alarm:
    """Calls ``ring`` with the key of each moment that was set, in order, when it is reached."""

    def __init__(self, clock: Clock, ring: Callable[[int, Moment], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._moments: list[tuple[Moment, int]] = []
        self._sleeper: asyncio.Task[None] | None = None

    def set(self, moment: Moment, key: int) -> None:
        """Ring for this key at this moment; at once, though not within this call, when it has passed."""
        is_first = not self._moments or moment < self._moments[0][0]
        heapq.heappush(self._moments, (moment, key))
        if is_first or self._sleeper is None or self._sleeper.done():
            self._sleep_anew()

    def stop(self) -> None:
        """Ring no more."""
        self._moments.clear()
        if self._sleeper is not None:
            self._sleeper.cancel()

    def _sleep_anew(self) -> None:
        if self._sleeper is not None and not self._sleeper.done():
            if self._sleeper is asyncio.current_task():
                return  # it is ringing, and looks at the first moment again afterwards
            self._sleeper.cancel()
        self._sleeper = asyncio.get_running_loop().create_task(self._sleep())

    async def _sleep(self) -> None:
        while self._moments:
            await self._clock.sleep_until(self._moments[0][0])
            now = self._clock.now()
            while self._moments and self._moments[0][0] <= now:
                _, key = heapq.heappop(self._moments)
                try:
                    self._ring(key, now)
                except Exception:
                    # The others are waiting for their moments.
                    log.exception("An alarm failed")
