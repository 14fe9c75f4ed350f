"""The one place that reads the clock and sleeps."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from alertrouter.core.time import Duration, Moment


class Clock(Protocol):
    """What time it is, and how to wait. Tests bring one that moves when told."""

    def now(self) -> Moment:
        """Nanoseconds since the Unix epoch."""

    async def sleep_until(self, moment: Moment) -> None:
        """Return when this moment is reached; at once when it has passed."""


class Timer(Clock, Protocol):
    """A clock that can also wait for a while, whatever is done to the time of day meanwhile."""

    async def sleep_for(self, duration: Duration) -> None:
        """Return after so many nanoseconds."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> Moment:
        """Nanoseconds since the Unix epoch."""
        return time.time_ns()

    async def sleep_until(self, moment: Moment) -> None:
        """Return when this moment is reached, also when the clock is set back or forth meanwhile."""
        while (left := moment - time.time_ns()) > 0:
            await asyncio.sleep(min(left / 1e9, _LONGEST_NAP))

    async def sleep_for(self, duration: Duration) -> None:
        """Return after so many nanoseconds."""
        await asyncio.sleep(duration / 1e9)


# A clock that is set forward is noticed this much later at most.
_LONGEST_NAP = 5.0


async def let_others_run() -> None:
    """Give way to everything else that is waiting for its turn on the event loop."""
    await asyncio.sleep(0)
