"""When groups are flushed: the loop that follows the engine's timers, and what wakes it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alertrouter.clock import ClockWatch, let_others_run
from alertrouter.core.time import HOUR, SECOND
from alertrouter.engine.milestones import ClockSet

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from alertrouter.clock import Timer
    from alertrouter.core.time import Duration, Moment
    from alertrouter.delivery.attempt import AttemptRecord
    from alertrouter.delivery.deliver import Delivery
    from alertrouter.engine.changes import Changes, RenewalRecord
    from alertrouter.engine.engine import Engine
    from alertrouter.engine.slot import Slot
    from alertrouter.metrics import Metrics
    from alertrouter.store.journal import Journal

log = logging.getLogger(__name__)

# So many groups are flushed before everything else gets its turn.
_FLUSHES_AT_ONCE = 50
# After a flush it rests so long, in seconds, if nothing is due: groups that are due one after the other are flushed some at a
# time, as to wake up costs more than a flush that has nothing new to tell.
_REST = 0.01
# An event loop may count in whole milliseconds: whoever is woken before it is due would come back again and again.
_ROUNDED = 0.0005
# The loop looks at the clock this often at least, so that a clock set forward is noticed.
_LONGEST_WAIT = 1.0


class Sleeper:
    """Sleeps until the engine's next flush is due, or something happens that is due before it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._awake: asyncio.Future[None] | None = None
        self._until: Moment = 0

    async def sleep(self, due: Moment | None, now: Moment, rest: float = 0.0) -> None:
        """Return when this is due, when it may have become too late, or after a second; after ``rest`` seconds at least,
        unless something happens that is due before.
        """
        self._until = due if due is not None else now + HOUR
        wait = (
            _LONGEST_WAIT if due is None else min(_LONGEST_WAIT, max(rest, (due - now) / SECOND + _ROUNDED))
        )
        loop = asyncio.get_running_loop()
        self._awake = loop.create_future()
        alarm = loop.call_later(wait, self._wake)
        try:
            await self._awake
        finally:
            alarm.cancel()
            self._awake = None

    def nudge(self) -> None:
        """Something happened that may be due before what is slept for."""
        # After every outcome the answer is no: found quickly, or right away while nobody sleeps.
        if self._awake is not None and not self._engine.flusher.none_due(self._until):
            due = self._engine.next_due()
            if due is not None and due < self._until:
                self._wake()

    def _wake(self) -> None:
        if self._awake is not None and not self._awake.done():
            self._awake.set_result(None)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where delivery writes down what it does (`delivery.ports`): the journal. An outcome may make a flush due."""

    journal: Journal
    sleeper: Sleeper

    def intend(self, slots: Sequence[Slot], at: Moment) -> Awaitable[None]:
        """Note that attempts are about to be made."""
        return self.journal.intend(slots, at)

    def renewed(self, renewal: RenewalRecord) -> None:
        """Note that a message says something else."""
        self.journal.renewed(renewal)

    def settle(self, slot: Slot) -> None:
        """Note that it was not made."""
        self.journal.settle(slot)

    def record(self, changes: Changes, attempt: AttemptRecord | None = None) -> Awaitable[object]:
        """Note what an outcome changed."""
        self.sleeper.nudge()
        return self.journal.record(changes, attempt)

    def attempt(self, record: AttemptRecord) -> None:
        """Note one attempt."""
        self.journal.attempt(record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatcher:
    """Flushes groups when they are due, and hands what they have to tell to delivery."""

    engine: Engine
    clock: Timer
    journal: Journal
    delivery: Delivery
    metrics: Metrics
    sleeper: Sleeper

    async def run(self) -> None:
        """Flush what is due, a few groups at a time, and sleep until the next is."""
        engine = self.engine
        watch = ClockWatch(self.clock)
        rest = 0.0
        while True:
            if by := watch.set_by():
                self._clock_set(by)
            now = self.clock.now()
            due = engine.next_due()
            if due is None or due > now:
                await self.sleeper.sleep(due, now, rest)
                rest = 0.0
                continue
            flushes, changes = engine.flush(now, at_most=_FLUSHES_AT_ONCE)
            if changes:
                self.journal.record(changes)
            for flush in flushes:
                self.metrics.suppressed(flush.suppressed)
                self.metrics.flushed((now - flush.tick) / SECOND)
                self.delivery.start(flush)
            rest = _REST
            await let_others_run()

    def _clock_set(self, by: Duration) -> None:
        now = self.clock.now()
        way = "forth" if by > 0 else "back"
        log.warning("The clock was set %s by %.1f s: timers move along", way, abs(by) / SECOND)
        self.journal.write(self.engine.clock_set(now - by, now))
        self.journal.milestone(ClockSet(at=now, before=now - by))
        self.delivery.clock_set(by)
