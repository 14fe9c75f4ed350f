"""What is done now and then: ends written, what is past its time forgotten, checkpoints made for replays."""

from __future__ import annotations

import contextlib
import gc
import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from alertrouter.core.time import HOUR, SECOND
from alertrouter.engine.checkpoint import checkpoint
from alertrouter.engine.milestones import Checkpointed, Maintained
from alertrouter.memory import return_memory
from alertrouter.store.errors import StoreError

if TYPE_CHECKING:
    from alertrouter.clock import Timer
    from alertrouter.core.time import Moment
    from alertrouter.engine.engine import Engine
    from alertrouter.memory import Settled
    from alertrouter.metrics import Metrics
    from alertrouter.settings import Settings
    from alertrouter.store.journal import Journal

_TURN = 5 * SECOND
# The ends that heartbeats moved are written this often, so many at once: all together would take memory that nobody needs
# for anything else.
_ENDS_EVERY = 15 * SECOND
_ENDS_AT_ONCE = 4096
#: An end that a heartbeat moved is written so much later at most.
LATEST_END = _ENDS_EVERY + _TURN
# A replay begins at the last checkpoint before the time that is asked for.
_CHECKPOINTS = 6 * HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Housekeeper:
    """Keeps the engine's memory and the record of it in order."""

    engine: Engine
    clock: Timer
    journal: Journal
    metrics: Metrics
    settled: Settled
    settings: Settings

    async def run(self) -> None:
        """Write what heartbeats moved, and forget what is past its time."""
        engine, settings = self.engine, self.settings
        now = self.clock.now()
        collect_at = now + settings.alerts_gc_interval
        maintain_at = now + settings.data_maintenance_interval
        checkpoint_at = now + _CHECKPOINTS
        turn = 0
        while True:
            # Not until a moment: if the clock is set back, that may be far away.
            await self.clock.sleep_for(_TURN)
            turn += 1
            if turn % (_ENDS_EVERY // _TURN) == 0:
                await self._write_ends()
            return_memory()
            self.settled.now_that(len(engine.known))
            now = self.clock.now()
            collect_at = min(collect_at, now + settings.alerts_gc_interval)
            maintain_at = min(maintain_at, now + settings.data_maintenance_interval)
            if now >= collect_at:
                collect_at = now + settings.alerts_gc_interval
                self.journal.write(engine.collect_alerts(now))
            if now >= maintain_at:
                maintain_at = now + settings.data_maintenance_interval
                self._maintain(now)
            if now >= checkpoint_at and self._checkpointed(now):
                checkpoint_at = now + _CHECKPOINTS

    async def _write_ends(self) -> None:
        moved = self.engine.take_moved()
        while some := list(islice(moved, _ENDS_AT_ONCE)):
            # When the database fails, all is written anew once it works again.
            with contextlib.suppress(StoreError):
                await self.journal.write_later(some)

    def _checkpointed(self, now: Moment) -> bool:
        # All that is made here stays for a moment: looking through it again and again takes six times as long.
        gc.disable()
        try:
            then = checkpoint(self.engine, now)
        finally:
            gc.enable()
        if then is not None:
            self.journal.milestone(Checkpointed(at=now, settings=self.engine.settings, checkpoint=then))
        return then is not None

    def _maintain(self, now: Moment) -> None:
        begun = time.perf_counter()
        changes = self.engine.maintain(now)
        self.journal.write(changes)
        if changes.removed_entries:
            self.journal.milestone(Maintained(at=now))
        self.metrics.maintained(time.perf_counter() - begun)
