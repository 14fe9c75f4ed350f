"""How long to wait before the next attempt (`semantics.md` 4.7), and how often a receiver may be told something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alertrouter.core.time import MILLISECOND, MINUTE, SECOND

if TYPE_CHECKING:
    from alertrouter.core.time import Duration, Moment

FIRST_WAIT: Duration = 500 * MILLISECOND
LONGEST_WAIT: Duration = 60 * SECOND
_GROWTH = 1.5
_CAPPED_FROM = 13  # 0.5 s × 1.5¹² is the first wait past the cap


def wait_after(attempt: int, factor: float) -> Duration:
    """The time from the start of this attempt (the first is 1) to the start of the next.

    ``factor`` spreads the attempts of many; it is uniform in [0.5, 1.5] and comes after the cap.
    """
    nominal = LONGEST_WAIT if attempt >= _CAPPED_FROM else int(FIRST_WAIT * _GROWTH ** (attempt - 1))
    return int(nominal * factor)


@dataclass(slots=True)
class Pace:
    """So many attempts a minute, spread evenly; after a quiet minute a sixth of them may go at once."""

    per_minute: int
    _free_at: Moment = 0

    def next_at(self, now: Moment) -> Moment:
        """When the next attempt may begin: now, or later."""
        if not self.per_minute:
            return now
        burst = max(1, self.per_minute // 6)
        return max(now, self._free_at - (burst - 1) * MINUTE // self.per_minute)

    def clock_set(self, by: Duration) -> None:
        """The clock was set by this much."""
        self._free_at += by

    def take(self, now: Moment) -> None:
        """Count an attempt that begins now."""
        if self.per_minute:
            self._free_at = max(now, self._free_at) + MINUTE // self.per_minute
