"""The journal: everything that must be remembered is written here, by a thread of its own, in groups.

One transaction takes all that has come in while the one before it was committed. When the database fails, whoever
waits is told so, history is kept in memory within limits, and as soon as the database takes writes again the whole
state is asked of the engine and written, so that nothing is missing from what is current.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from alertrouter.core.time import LATEST, SECOND
from alertrouter.store.entry import (
    Entry,
    JournalSettings,
    Post,
    State,
    Stop,
    Sweep,
    Write,
    WriteMany,
    count,
    fail,
)
from alertrouter.store.errors import StoreError
from alertrouter.store.rows.group import slot_id
from alertrouter.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from alertrouter.clock import Clock
    from alertrouter.core.alert import Alert
    from alertrouter.core.rule_state import RuleChanges
    from alertrouter.core.time import Moment
    from alertrouter.delivery.attempt import AttemptRecord
    from alertrouter.engine.changes import Changes, MovedEnd, RenewalRecord, StoredState
    from alertrouter.engine.milestones import Milestone
    from alertrouter.engine.slot import Slot
    from alertrouter.store.backlog import PostedBody
    from alertrouter.store.batch import Batch
    from alertrouter.store.chunk import Chunk
    from alertrouter.store.history import Action
    from alertrouter.store.store import Store

log = logging.getLogger(__name__)

# Flushes and outcomes of messages are written this much later together, in seconds, or with the next intents. Nobody waits
# for them, and a commit for every few would cost as much as a commit for many. A crash before makes the messages possible
# duplicates.
_GATHER_OUTCOMES = 0.1
_MOST_OUTCOMES = 512


class Journal:
    """Writes what must be remembered. All methods belong to the event loop.

    ``state`` gives the engine's whole state, ``on_health`` is called on the loop when the database begins or ceases to
    fail; ``problem`` says what is wrong. ``commits`` and ``lost_history`` (lines that did not fit the memory while the
    database was down) count since the start. ``on_commit`` is called on the loop after each.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        state: Callable[[], StoredState],
        settings: JournalSettings | None = None,
        on_health: Callable[[bool], None] | None = None,
    ) -> None:
        self.settings = settings or JournalSettings()
        self.problem: StoreError | None = None
        self.commits = 0
        self.lost_history = 0
        self.on_commit: Callable[[], None] | None = None
        self._state = state
        self._on_health = on_health
        self._queue: queue.SimpleQueue[Entry] = queue.SimpleQueue()
        self._handed_in = 0  # so many writes were put into the queue so far
        self._state_is_coming = False
        self._closing = False
        # The intents that are on their way to the database, with when their patience is over.
        self._intents: deque[tuple[float, asyncio.Future[None]]] = deque()
        self._impatience: asyncio.TimerHandle | None = None
        # What became of messages and is not in the queue yet, who waits for it, and when it will be put there.
        self._outcomes: list[tuple[AttemptRecord | None, Changes]] = []
        self._outcomes_future: asyncio.Future[None] | None = None
        self._outcomes_due: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer = Writer(self, store, clock, self._queue)
        self._thread = threading.Thread(target=self._writer.run, name="journal", daemon=True)

    @property
    def healthy(self) -> bool:
        """Whether the database takes writes."""
        return self.problem is None

    @property
    def waiting(self) -> int:
        """How many writes are waiting for their turn."""
        return self._queued + len(self._outcomes)

    @property
    def _queued(self) -> int:
        return self._handed_in - self._writer.taken

    @property
    def deferred(self) -> int:
        """How many alerts are stored as they were posted and have no rows yet."""
        return self._writer.backlog.alerts

    @property
    def lag(self) -> float:
        """For how many seconds the oldest write that is under way has been."""
        begun = self._writer.begun
        return 0.0 if begun is None else time.monotonic() - begun

    def start(self) -> None:
        """Begin to write. To be called on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def write(self, changes: Changes) -> asyncio.Future[None]:
        """Commit what an event changed. The future raises StoreError when the database fails; the engine's state is
        written as a whole later, so nobody needs to ask again.
        """
        future = self._future()
        if not changes:
            future.set_result(None)
            return future
        now = self._writer.now()
        return self._put(lambda batch: batch.add(changes, now), future)

    def post(self, changes: Changes, posted: PostedBody) -> asyncio.Future[None]:
        """Commit what a request changed that brought nothing but new alerts; see ``write``.

        Under load only the request as it came is committed at first, and taken apart when there is time.
        """
        future = self._future()
        if posted.at + posted.resolve_timeout > LATEST:
            # What cannot be stored must be known before it is acknowledged.
            return self.write(changes)
        self._enter(Post(changes, posted, future), future)
        return future

    def write_later(self, alerts: Iterable[Alert | MovedEnd]) -> asyncio.Future[None]:
        """Remember the ends that heartbeats moved, within ``write_behind``. The last version of an alert counts.

        The future is done with the next commit, and raises StoreError when the database fails.
        """
        moved = list(alerts)
        future = self._future()
        if not moved:
            future.set_result(None)
            return future
        return self._put(lambda batch: batch.move_ends(moved), future)

    def write_rules(self, changes: RuleChanges) -> asyncio.Future[None]:
        """Commit what an evaluation of rules changed. For failures see ``write``."""
        future = self._future()
        if not changes:
            future.set_result(None)
            return future
        return self._put(lambda batch: batch.add_rules(changes), future)

    def record(self, changes: Changes, attempt: AttemptRecord | None = None) -> asyncio.Future[None]:
        """Commit, with others and within a moment, what a flush decided or what became of a message.

        ``attempt`` is the one that led to it.
        """
        future = self._outcomes_future
        if future is None:
            future = self._outcomes_future = self._future()
            assert self._loop is not None
            self._outcomes_due = self._loop.call_later(_GATHER_OUTCOMES, self._put_outcomes)
        self._outcomes.append((attempt, changes))
        if len(self._outcomes) >= _MOST_OUTCOMES:
            self._put_outcomes()
        return future

    def _put_outcomes(self) -> None:
        """Put what became of messages into the queue: it must be there before anything that happens after it."""
        outcomes, self._outcomes = self._outcomes, []
        future, self._outcomes_future = self._outcomes_future, None
        if self._outcomes_due is not None:
            self._outcomes_due.cancel()
            self._outcomes_due = None
        if outcomes:
            now = self._writer.now()
            gather = partial(_add_outcome, now)
            self._enter(WriteMany(gather, outcomes, future), future)

    def intend(self, slots: Sequence[Slot], at: Moment) -> asyncio.Future[None]:
        """Remember that sends begin. Raises StoreError after ``patience`` at the latest: send all the same."""
        future = self._future()
        self._enter(WriteMany(partial(_add_intent, at), slots, future), future)
        if not future.done():
            assert self._loop is not None
            patience = self.settings.patience / SECOND
            # One timer for all: one for each would cost as much as all the rest of this.
            if self._impatience is None:
                self._impatience = self._loop.call_later(patience, self._lose_patience)
            self._forget_written()
            self._intents.append((self._loop.time() + patience, future))
        return future

    def _lose_patience(self) -> None:
        """Let those go on that have waited long enough for their intent to be written, and come back for the next."""
        assert self._loop is not None
        self._impatience = None
        # A timer may come a little early.
        now = self._loop.time() + 0.01
        while self._intents and self._intents[0][0] <= now:
            _, future = self._intents.popleft()
            patience = self.settings.patience / SECOND
            fail([future], StoreError(f"the database has not answered for {patience:g} s"))
        self._forget_written()
        if self._intents:
            self._impatience = self._loop.call_at(self._intents[0][0], self._lose_patience)

    def _forget_written(self) -> None:
        while self._intents and self._intents[0][1].done():
            self._intents.popleft()

    def settle(self, slot: Slot) -> None:
        """Forget that a send was begun. Its log entry, or a decision that it was sent or failed, does so too."""
        self._put_alone(lambda batch: batch.settle(slot_id(slot)))

    def attempt(self, record: AttemptRecord) -> asyncio.Future[None]:
        """Write down an attempt of a send after which others follow."""
        return self._put(lambda batch: batch.attempt(record), self._future())

    def reloaded(self, at: Moment, config_hash: int, config: str) -> asyncio.Future[None]:
        """Write down which configuration came into force; its text without secrets."""
        return self._put(lambda batch: batch.reloaded(at, config_hash, config), self._future())

    def renewed(self, renewal: RenewalRecord) -> None:
        """Write down that a message says something else than was decided when it was due."""
        self._put_alone(lambda batch: batch.renewed(renewal))

    def milestone(self, milestone: Milestone) -> asyncio.Future[None]:
        """Write down what happened to the engine as a whole."""
        return self._put(lambda batch: batch.milestone(milestone), self._future())

    def acted(self, action: Action) -> asyncio.Future[None]:
        """Write down what somebody did."""
        return self._put(lambda batch: batch.act(action), self._future())

    def index(self, chunk: Chunk) -> asyncio.Future[None]:
        """Write the index over some lines of history."""
        return self._put(lambda batch: batch.index(chunk), self._future())

    async def settled(self) -> None:
        """Return when all that was handed in before this is in the database.

        That a write failed is told to whoever handed it in; a database that fails or hangs is not waited for longer
        than ``patience``.
        """
        if self._closing or not self.healthy or self._queued >= self.settings.longest_queue:
            return
        with contextlib.suppress(StoreError, TimeoutError):
            async with asyncio.timeout(self.settings.patience / SECOND):
                await self._put(_nothing, self._future())

    def sweep(self, before: Moment) -> asyncio.Future[int]:
        """Delete history from before this moment, a little after each write; how many rows it were."""
        assert self._loop is not None
        future: asyncio.Future[int] = self._loop.create_future()
        self._hand_in(Sweep(before, future))
        return future

    async def close(self) -> None:
        """Write what is left, note that the stop is in order, and end the thread."""
        if self._closing or self._loop is None:
            return
        self._put_outcomes()
        self._closing = True
        if not self.healthy:
            self._send_state()
        self._hand_in(Stop())
        await self._loop.run_in_executor(None, self._thread.join)

    def _future(self) -> asyncio.Future[None]:
        assert self._loop is not None, "start comes first"
        return self._loop.create_future()

    def _put(self, gather: Callable[[Batch], object], future: asyncio.Future[None]) -> asyncio.Future[None]:
        self._enter(Write(gather, future), future)
        return future

    def _put_alone(self, gather: Callable[[Batch], object]) -> None:
        """Nobody waits for this."""
        self._enter(Write(gather, None), None)

    def _enter(self, entry: Write | WriteMany | Post, waiter: asyncio.Future[None] | None) -> None:
        if self._outcomes:
            self._put_outcomes()
        waiting = [] if waiter is None else [waiter]
        if self._closing:
            fail(waiting, StoreError("the database is being closed"))
            return
        if self._queued >= self.settings.longest_queue:
            # What is dropped here is missing until the whole state is written.
            self._writer.lost_the_thread = True
            self.lost_history += count(entry)
            fail(waiting, StoreError("the database does not keep up: too much waits to be written"))
            return
        if self.problem is not None and not self._state_is_coming:
            fail(waiting, self.problem)
        self._hand_in(entry)

    def _hand_in(self, entry: Entry) -> None:
        self._handed_in += count(entry)
        self._queue.put(entry)

    # What the writer's thread asks of the loop

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Have this done on the event loop; nothing when the loop is gone."""
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            log.warning("the event loop ended before the journal")

    def committed(self, futures: list[asyncio.Future[None]]) -> None:
        """These are in the database."""
        self.commits += 1
        if self.on_commit is not None:
            self.on_commit()
        for future in futures:
            if not future.done():
                future.set_result(None)

    def failed(self, futures: list[asyncio.Future[None]], problem: StoreError) -> None:
        """These are not in the database."""
        fail(futures, problem)

    def health(self, problem: StoreError | None) -> None:
        """The database fails, or does no longer."""
        was_healthy = self.healthy
        self.problem = problem
        self._state_is_coming = False
        if was_healthy != self.healthy and self._on_health is not None:
            self._on_health(self.healthy)

    def send_state(self) -> None:
        """Put the whole state into the queue."""
        if not self._closing:
            self._send_state()

    def _send_state(self) -> None:
        self._put_outcomes()
        self._hand_in(State(self._state()))
        self._state_is_coming = True


def _add_intent(at: Moment, batch: Batch, slot: Slot) -> None:
    batch.intend(slot, at)


def _add_outcome(now: Moment, batch: Batch, outcome: tuple[AttemptRecord | None, Changes]) -> None:
    attempt, changes = outcome
    batch.add_outcome(changes, attempt, now)


def _nothing(_: Batch) -> None:
    """Add nothing: its turn comes when everything before it was written."""
