"""Keeping history: indexed while it is quiet, and no longer and no larger than the settings say."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from alertrouter.core.time import SECOND
from alertrouter.memory import return_memory
from alertrouter.store.errors import StoreError
from alertrouter.store.indexing import next_chunk, nobody
from alertrouter.store.retention import oldest, size

if TYPE_CHECKING:
    from collections.abc import Callable

    from alertrouter.clock import Timer
    from alertrouter.core.labels import Labels
    from alertrouter.core.time import Duration, Moment
    from alertrouter.store.chunk import Chunk
    from alertrouter.store.journal import Journal
    from alertrouter.store.store import Store

log = logging.getLogger(__name__)

_INDEX_EVERY = 5 * SECOND
# History is not indexed while messages wait for room, so many times in a row: they need the interpreter.
_MOST_PUT_OFF = 12
# So much of the time that is kept is given up at once when the database has become too large.
_SHARE = 50


class HistoryKeeper:
    """Looks after the history of one store. ``retention`` and ``max_size`` (bytes) of 0 are no limit.

    ``known`` tells the labels of alerts that are in memory by their identity, from any thread.
    """

    def __init__(
        self,
        store: Store,
        journal: Journal,
        *,
        retention: Duration,
        max_size: int,
        known: Callable[[int], Labels | None] = nobody,
    ) -> None:
        self._store = store
        self._journal = journal
        self._retention = retention
        self._max_size = max_size
        self._known = known

    async def run(self, clock: Timer, *, sweep_every: Duration, is_rushed: Callable[[], bool]) -> None:
        """Index every few seconds, but while messages wait for room seldom; delete what is too much now and then."""
        sweep_at = clock.now() + sweep_every
        put_off = 0
        while True:
            await clock.sleep_until(clock.now() + _INDEX_EVERY)
            put_off = put_off + 1 if is_rushed() and put_off < _MOST_PUT_OFF else 0
            if not put_off and await self.index():
                return_memory()
            if clock.now() >= sweep_at:
                sweep_at = clock.now() + sweep_every
                await self.sweep(clock.now())

    async def index(self) -> bool:
        """Index some lines, when there are enough and nothing waits to be written; whether there were."""
        if not self._journal.healthy or self._journal.waiting:
            return False
        try:
            chunk = await asyncio.to_thread(self._next_chunk)
            if chunk is not None:
                await self._journal.index(chunk)
        except StoreError as error:
            log.warning("history could not be indexed", extra={"because": str(error)})
            return False
        return chunk is not None

    def _next_chunk(self) -> Chunk | None:
        with self._store.reader() as connection:
            return next_chunk(connection, self._known)

    async def sweep(self, now: Moment) -> None:
        """Delete what is too old, then the oldest until the rest is small enough."""
        try:
            if self._retention:
                await self._journal.sweep(now - self._retention)
            while self._max_size and (before := await asyncio.to_thread(self._too_much, now)):
                deleted = await self._journal.sweep(before)
                log.info("the oldest history made room", extra={"rows": deleted, "max_size": self._max_size})
                if not deleted:
                    return
        except StoreError as error:
            log.warning("old history could not be deleted", extra={"because": str(error)})

    def _too_much(self, now: Moment) -> Moment | None:
        """Until when history must go for the rest to be small enough; None when it is."""
        with self._store.reader() as connection:
            if size(connection) <= self._max_size:
                return None
            first = oldest(connection)
        return None if first is None or first >= now else first + (now - first) // _SHARE + 1
