"""A clock for tests with real servers: it does not wait, it jumps ahead."""

from __future__ import annotations

import asyncio

from alertrouter.clock import SystemClock
from alertrouter.core.time import Duration, Moment


class HurriedClock(SystemClock):
    """Stands still but for sleeping, which takes no time. ``slept`` has the length of each sleep."""

    def __init__(self) -> None:
        self._now = super().now()
        self.slept: list[Duration] = []

    def now(self) -> Moment:
        return self._now

    async def sleep_until(self, moment: Moment) -> None:
        await self.sleep_for(max(0, moment - self._now))

    async def sleep_for(self, duration: Duration) -> None:
        self.slept.append(duration)
        self._now += duration
        await asyncio.sleep(0)
