"""The one place that reads the clock and sleeps."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

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
        while (left := moment - self.now()) > 0:
            await asyncio.sleep(min(left / 1e9, _LONGEST_NAP))

    async def sleep_for(self, duration: Duration) -> None:
        """Return after so many nanoseconds."""
        await asyncio.sleep(duration / 1e9)


def process_started() -> Moment:
    """When this process began, before it imported anything; now, where the system does not say (all but Linux)."""
    now = time.time_ns()
    try:
        # After the name, which may hold blanks; ticks since the machine started.
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        age = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - ticks * 10**9 // os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return now
    return now - max(age, 0)


class ClockWatch:
    """Notices when a clock is set. ``steady`` counts nanoseconds and is never set; it may stand while the machine sleeps."""

    def __init__(self, clock: Clock, steady: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock = clock
        self._steady = steady
        self._ahead = clock.now() - steady()

    def set_by(self) -> Duration:
        """By how much the clock was set since this was last asked; 0 when it only ran, or was nudged a little."""
        ahead = self._clock.now() - self._steady()
        by = ahead - self._ahead
        self._ahead = ahead
        return by if abs(by) >= _NUDGE else 0


# A time service sets a clock right in small steps: those move no timer that matters.
_NUDGE = 2_000_000_000
# A clock that is set forward is noticed this much later at most.
_LONGEST_NAP = 5.0


def let_other_threads_run() -> None:
    """Give way to the thread that waits for its turn, if one does: to be called often by one that works for long.

    Otherwise the event loop would wait for some milliseconds after everything that it does outside the interpreter.
    """
    time.sleep(0)


async def let_others_run() -> None:
    """Give way to everything else that is waiting for its turn on the event loop."""
    await asyncio.sleep(0)
