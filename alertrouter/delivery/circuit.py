"""What may be asked of a receiver at once, judged by how it answers.

Three things hold messages back, all of them for one integration of one receiver only:

* Too many failures in a row open the circuit: from then on one message at a time tries whether the receiver is back,
  after growing waits, and the others wait for that.
* A receiver that asks to be left alone (429, ``Retry-After``) is, by all messages.
* After either, room grows again with every message that is taken: one at a time, two, four …
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from alertrouter.core.time import MINUTE, SECOND

if TYPE_CHECKING:
    from alertrouter.core.time import Duration, Moment

OPENS_AFTER = 10
"""So many failed attempts in a row, of whatever groups, open the circuit."""
FIRST_PROBE: Duration = SECOND
LONGEST_PROBE: Duration = 15 * SECOND
LONGEST_PAUSE: Duration = 5 * MINUTE
"""However long a receiver asks to be left alone: it is asked again then, for it may be wrong."""
PAUSE: Duration = SECOND
"""For a receiver that is asked too much and does not say how long to wait."""
PATIENCE: Duration = 15 * SECOND
"""A probe that is not answered by now does not keep the next from trying."""
_GROWTH = 1.5
_CAPPED_FROM = 8  # 1 s × 1.5⁷ is the first wait past the cap
_WIDE = 64  # as much room as any receiver is given by default


class CircuitState(StrEnum):
    """Closed: messages go out. Open: they wait. Half-open: one is trying whether the receiver is back."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(slots=True)
class Circuit:
    """The judgement of one integration. ``epoch`` numbers the setbacks: attempts begun before the last say little."""

    is_open: bool = False
    resumes_at: Moment = 0
    window: int | None = None  # so many attempts of this epoch at once; None is no limit
    epoch: int = 0
    overdue_at: Moment = 0
    _failures: int = 0  # in a row
    _probes: int = 0  # that failed in a row
    _under_way: int = 0  # of this epoch

    @property
    def state(self) -> CircuitState:
        """For people."""
        if not self.is_open:
            return CircuitState.CLOSED
        return CircuitState.HALF_OPEN if self._under_way else CircuitState.OPEN

    def may_begin(self, now: Moment) -> bool:
        """Whether one more attempt may begin."""
        return now >= self.resumes_at and (self.window is None or self._under_way < self.window)

    def begin(self, now: Moment) -> int:
        """An attempt begins; the epoch to name at its end."""
        self._under_way += 1
        if self.window is not None:
            self.overdue_at = now + PATIENCE
        return self.epoch

    def end(self, epoch: int) -> None:
        """It is over, whatever came of it."""
        if epoch == self.epoch:
            self._under_way -= 1

    def pause_until(self, moment: Moment) -> None:
        """Begin nothing before this moment."""
        self.resumes_at = max(self.resumes_at, moment)

    def clock_set(self, by: Duration) -> None:
        """The clock was set by this much."""
        self.resumes_at += by
        self.overdue_at += by

    def answered(self) -> bool:
        """The receiver took a message, or refused it for what it says; whether that closed the circuit."""
        self._failures = self._probes = 0
        if self.window is not None:
            self.window = None if self.window >= _WIDE else self.window + 1
        if not self.is_open:
            return False
        self.is_open = False
        self.resumes_at = 0
        return True

    def failed(self, epoch: int, now: Moment, factor: float) -> bool:
        """An attempt failed; whether that opened the circuit. ``factor`` spreads the probes of many receivers."""
        self._failures += 1
        if self.is_open and epoch != self.epoch:
            return False
        opens = not self.is_open and self._failures >= OPENS_AFTER
        if not (opens or self.is_open):
            return False
        self.is_open = True
        self._probes += 1
        self.pause_until(now + int(_probe_wait(self._probes) * factor))
        self._begin_anew()
        return opens

    def slowed(self, epoch: int, now: Moment, wait: Duration | None) -> None:
        """The receiver asks to be left alone for this long; None is for a while."""
        self.pause_until(now + min(PAUSE if wait is None else wait, LONGEST_PAUSE))
        if epoch == self.epoch:
            self._begin_anew()

    def overdue(self, now: Moment) -> None:
        """Do not wait any longer for attempts that are not answered."""
        if self.window is not None and self._under_way and now >= self.overdue_at:
            self._begin_anew()

    def _begin_anew(self) -> None:
        self.epoch += 1
        self.window = 1
        self._under_way = 0


def _probe_wait(probe: int) -> Duration:
    return LONGEST_PROBE if probe >= _CAPPED_FROM else int(FIRST_PROBE * _GROWTH ** (probe - 1))
