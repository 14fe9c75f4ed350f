"""The journal: everything that must be remembered is written here, by a thread of its own, in groups.

One transaction takes all that has come in while the one before it was committed. When the database fails, whoever
waits is told so, history is kept in memory within limits, and as soon as the database takes writes again the whole
state is asked of the engine and written, so that nothing is missing from what is current.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from alertrouter.core.time import SECOND
from alertrouter.store import rows
from alertrouter.store.batch import Batch, Statements
from alertrouter.store.errors import DamagedError, StoreError, UnstorableError
from alertrouter.store.retention import delete_before

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Connection

    from alertrouter.clock import Clock
    from alertrouter.core.alert import Alert
    from alertrouter.core.time import Duration, Moment
    from alertrouter.delivery.attempt import AttemptRecord
    from alertrouter.engine.changes import Changes, StoredState
    from alertrouter.engine.slot import Slot
    from alertrouter.store.rows import Row
    from alertrouter.store.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings:
    """``write_behind``: how late an end that a heartbeat moved may be written. ``stamp``: how often it is noted that
    the store is followed, when nothing else is written. ``retry``: how often a failing database is tried. ``patience``:
    how long a send waits for its intent to be written. ``longest_queue`` and ``most_history`` bound what is kept in
    memory while the database is slow or down, in writes and in lines of each kind.
    """

    write_behind: Duration = 10 * SECOND
    stamp: Duration = 5 * SECOND
    retry: Duration = 2 * SECOND
    patience: Duration = 5 * SECOND
    longest_queue: int = 20_000
    most_history: int = 100_000


class _Write(NamedTuple):
    """Something to be put into a batch, and who waits for it."""

    gather: Callable[[Batch], object]
    future: asyncio.Future[None] | None


class _Sweep(NamedTuple):
    """History before this moment is to be deleted."""

    before: Moment
    future: asyncio.Future[int]


class _Stop(NamedTuple):
    """Nothing comes after this."""


class _State(NamedTuple):
    """The whole state, as it was when everything before this in the queue had happened."""

    state: StoredState


_Entry = _Write | _Sweep | _State | _Stop

# So many ends of alerts are written in one transaction, so that who waits for it does not wait long.
_ENDS_AT_ONCE = 4096
_SWEEP_AT_ONCE = 1000
_MOST_IN_A_BATCH = 2048
# How long the engine's state is waited for before it is asked for again, in seconds.
_STATE_PATIENCE = 30.0


class Journal:
    """Writes what must be remembered. All methods belong to the event loop.

    ``state`` gives the engine's whole state, ``on_health`` is called on the loop when the database begins or ceases to
    fail; ``problem`` says what is wrong. ``commits`` and ``lost_history`` (lines that did not fit the memory while the
    database was down) count since the start.
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
        self._state = state
        self._on_health = on_health
        self._queue: queue.SimpleQueue[_Entry] = queue.SimpleQueue()
        self._state_is_coming = False
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer = _Writer(self, store, clock, self._queue)
        self._thread = threading.Thread(target=self._writer.run, name="journal", daemon=True)

    @property
    def healthy(self) -> bool:
        """Whether the database takes writes."""
        return self.problem is None

    @property
    def waiting(self) -> int:
        """How many writes are waiting for their turn."""
        return self._queue.qsize()

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

    def write_later(self, alerts: Iterable[Alert]) -> None:
        """Remember the ends that heartbeats moved, within ``write_behind``. The last version of an alert counts."""
        moved = list(alerts)
        if moved:
            self._put(lambda batch: batch.move_ends(moved), None)

    def intend(self, slot: Slot, at: Moment) -> asyncio.Future[None]:
        """Remember that a send begins. Raises StoreError after ``patience`` at the latest: send all the same."""
        future = self._put(lambda batch: batch.intend(slot, at), self._future())
        if not future.done():
            assert self._loop is not None
            patience = self.settings.patience / SECOND
            timer = self._loop.call_later(
                patience, _fail, [future], StoreError(f"the database has not answered for {patience:g} s")
            )
            future.add_done_callback(lambda _: timer.cancel())
        return future

    def settle(self, slot: Slot) -> None:
        """Forget that a send was begun. Its log entry, or a decision that it was sent or failed, does so too."""
        self._put(lambda batch: batch.settle(rows.slot_id(slot)), None)

    def attempt(self, record: AttemptRecord) -> asyncio.Future[None]:
        """Write down one attempt of a send."""
        return self._put(lambda batch: batch.attempt(record), self._future())

    def reloaded(self, at: Moment, config_hash: int, config: str) -> asyncio.Future[None]:
        """Write down which configuration came into force; its text without secrets."""
        return self._put(lambda batch: batch.reloaded(at, config_hash, config), self._future())

    def sweep(self, before: Moment) -> asyncio.Future[int]:
        """Delete history from before this moment, a little after each write; how many rows it were."""
        assert self._loop is not None
        future: asyncio.Future[int] = self._loop.create_future()
        self._queue.put(_Sweep(before, future))
        return future

    async def close(self) -> None:
        """Write what is left, note that the stop is in order, and end the thread."""
        if self._closing or self._loop is None:
            return
        self._closing = True
        if not self.healthy:
            self._send_state()
        self._queue.put(_Stop())
        await self._loop.run_in_executor(None, self._thread.join)

    def _future(self) -> asyncio.Future[None]:
        assert self._loop is not None, "start comes first"
        return self._loop.create_future()

    def _put(
        self, gather: Callable[[Batch], object], future: asyncio.Future[None] | None
    ) -> asyncio.Future[None]:
        waiter = future or self._future()
        if self._closing:
            _fail([waiter], StoreError("the database is being closed"))
            return waiter
        if self._queue.qsize() >= self.settings.longest_queue:
            # What is dropped here is missing until the whole state is written.
            self._writer.lost_the_thread = True
            self.lost_history += 1
            _fail([waiter], StoreError("the database does not keep up: too much waits to be written"))
            return waiter
        if self.problem is not None and not self._state_is_coming:
            _fail([waiter], self.problem)
        self._queue.put(_Write(gather, None if waiter.done() else future))
        return waiter

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
        for future in futures:
            if not future.done():
                future.set_result(None)

    def failed(self, futures: list[asyncio.Future[None]], problem: StoreError) -> None:
        """These are not in the database."""
        _fail(futures, problem)

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
        self._queue.put(_State(self._state()))
        self._state_is_coming = True


def _fail(futures: Iterable[asyncio.Future[None]], problem: StoreError) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(problem)
            # Who does not look is not interested; the failure is reported by way of the health.
            future.exception()


class _Writer:
    """The thread's side of the journal."""

    def __init__(
        self, journal: Journal, store: Store, clock: Clock, entries: queue.SimpleQueue[_Entry]
    ) -> None:
        self.now = clock.now
        self.lost_the_thread = False
        self.begun: float | None = None
        self._journal = journal
        self._settings = journal.settings
        self._store = store
        self._queue = entries
        self._statements = Statements(store.database.writers.dialect)
        self._connection: Connection | None = None
        self._ends: dict[int, Row] = {}
        self._kept = Batch(self._ends)
        self._problem: StoreError | None = None
        self._sweeps: list[_Sweep] = []
        self._swept = 0
        self._stopping = False
        now = time.monotonic()
        self._ends_due = now
        self._stamp_due = now
        self._retry_due = now

    def run(self) -> None:
        """Write until told to stop."""
        if self._store.damage:
            self._begin_to_fail(DamagedError(self._store.damage))
        self._kept.note("stopped_at", None)
        while not self._stopping:
            entries = self._next_entries()
            self.begun = time.monotonic() if entries else None
            try:
                self._turn(entries, self.now())
            except Exception as error:
                # The thread must go on whatever happens, or nobody would ever be answered again.
                log.exception("the journal failed")
                problem = StoreError(f"the journal of {self._store.name} failed: {error}: please report this")
                self._disconnect()
                self._fail([e.future for e in entries if isinstance(e, _Write) and e.future], problem)
            self.begun = None
        self._disconnect()

    def _turn(self, entries: list[_Entry], now: Moment) -> None:
        if self._problem is not None:
            self._recover(entries, now)
            return
        if entries or self._time_left() <= 0:
            self._write(entries, now)
        self._sweep()
        if self.lost_the_thread and self._problem is None:
            self.lost_the_thread = False
            self._begin_to_fail(StoreError("the database did not keep up; everything is written anew"))

    # Waiting

    def _next_entries(self) -> list[_Entry]:
        """What has come in, in order; nothing when something else is due."""
        entries: list[_Entry] = []
        try:
            wait = self._time_left()
            entry = (
                self._queue.get(timeout=wait) if wait > 0 and not self._sweeping else self._queue.get_nowait()
            )
            while True:
                entries.append(entry)
                if isinstance(entry, _Stop):
                    self._stopping = True
                    break
                if len(entries) >= _MOST_IN_A_BATCH:
                    break
                entry = self._queue.get_nowait()
        except queue.Empty:
            pass
        return entries

    def _time_left(self) -> float:
        """Seconds until something must be done of its own accord."""
        if self._problem is not None:
            due = self._retry_due
        elif self._ends:
            due = min(self._stamp_due, self._ends_due)
        else:
            due = self._stamp_due
        return due - time.monotonic()

    @property
    def _sweeping(self) -> bool:
        return bool(self._sweeps) and self._problem is None

    # Writing

    def _write(self, entries: list[_Entry], now: Moment) -> None:
        batch, self._kept = self._kept, Batch(self._ends)
        futures, unstorable = self._gather(batch, entries)
        self._finish(batch, now)
        try:
            self._commit(batch)
        except UnstorableError as problem:
            self._kept = Batch(self._ends)
            if len(entries) > 1:
                # One of them cannot be written; the others must not suffer for it.
                for entry in entries:
                    if not isinstance(entry, _Sweep):
                        self._write([entry], now)
            else:
                log.exception("a change cannot be stored and is left out")
                self._journal.call(self._journal.failed, futures, problem)
        except StoreError as problem:
            self._kept = batch
            self._fail(futures, problem)
        else:
            self._journal.call(self._journal.committed, futures)
            batch.written()
        for future, why in unstorable:
            self._journal.call(self._journal.failed, [future], why)

    def _gather(
        self, batch: Batch, entries: list[_Entry]
    ) -> tuple[list[asyncio.Future[None]], list[tuple[asyncio.Future[None], StoreError]]]:
        futures: list[asyncio.Future[None]] = []
        unstorable: list[tuple[asyncio.Future[None], StoreError]] = []
        for entry in entries:
            match entry:
                case _Write(gather, future):
                    try:
                        gather(batch)
                    except (ValueError, TypeError, OverflowError) as error:
                        log.exception("a change cannot be stored and is left out")
                        if future is not None:
                            unstorable.append((future, UnstorableError(f"this cannot be stored: {error}")))
                    else:
                        if future is not None:
                            futures.append(future)
                case _State(state):
                    self._take_state(batch, state)
                case _Sweep():
                    self._sweeps.append(entry)
                case _Stop():
                    batch.include_ends(len(self._ends))
        return futures, unstorable

    def _take_state(self, batch: Batch, state: StoredState) -> None:
        if bad := batch.replace_all(state):
            log.error("some of the state cannot be stored and is left out", extra={"rows": bad})

    def _finish(self, batch: Batch, now: Moment) -> None:
        """Add what is due besides."""
        moment = time.monotonic()
        if self._stopping:
            batch.note("stopped_at", now)
        elif not self._ends:
            self._ends_due = moment + self._settings.write_behind / SECOND
        elif moment >= self._ends_due:
            batch.include_ends(_ENDS_AT_ONCE)
        batch.note("seen_at", now)
        self._stamp_due = moment + self._settings.stamp / SECOND

    def _commit(self, batch: Batch) -> None:
        try:
            with self._store.database.errors():
                if self._connection is None:
                    self._store.database.keep_out_others()
                    self._connection = self._store.database.writers.connect()
                with self._connection.begin():
                    batch.write(self._connection, self._statements)
        except StoreError:
            self._disconnect()
            raise

    def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.invalidate()
            connection.close()

    # Failing and recovering

    def _fail(self, futures: list[asyncio.Future[None]], problem: StoreError) -> None:
        self._journal.call(self._journal.failed, futures, problem)
        self._keep_history()
        self._begin_to_fail(problem)

    def _begin_to_fail(self, problem: StoreError) -> None:
        if self._problem is None:
            log.error("the store fails", extra={"database": self._store.name, "because": str(problem)})
        self._problem = problem
        self._retry_due = time.monotonic() + self._settings.retry / SECOND
        self._journal.call(self._journal.health, problem)

    def _keep_history(self) -> None:
        lost = self._kept.keep_history(self._settings.most_history)
        if lost:
            self._journal.lost_history += lost

    def _recover(self, entries: list[_Entry], now: Moment) -> None:
        """While the database fails: keep history, try again now and then, and begin with the whole state."""
        place = next((i for i, entry in enumerate(entries) if isinstance(entry, _State)), None)
        before = entries if place is None else entries[:place]
        futures, _ = self._gather(self._kept, before)
        self._keep_history()
        if futures:
            self._journal.call(self._journal.failed, futures, self._problem)
        if place is not None:
            self._begin_with_state(entries[place:], now)
        elif time.monotonic() >= self._retry_due:
            self._try_again(now)

    def _try_again(self, now: Moment) -> None:
        """See whether the database takes a write at all before the engine is troubled for its state."""
        probe = Batch({})
        # Not ``seen_at``: the state is not written yet.
        probe.note("tried_at", now)
        try:
            self._leave_damage()
            self._commit(probe)
        except StoreError as problem:
            self._begin_to_fail(problem)
        else:
            self._retry_due = time.monotonic() + _STATE_PATIENCE
            self._journal.call(self._journal.send_state)

    def _leave_damage(self) -> None:
        if not isinstance(self._problem, DamagedError):
            return
        self._disconnect()
        self._store.damage = str(self._problem)
        try:
            self._store.begin_anew()
        except OSError as error:
            raise StoreError(
                f"{self._store.name} is damaged and could not be set aside: {error.strerror}"
            ) from error
        self._problem = StoreError(str(self._problem))

    def _begin_with_state(self, entries: list[_Entry], now: Moment) -> None:
        was = self._problem
        try:
            self._leave_damage()
        except StoreError as problem:
            self._gather(self._kept, entries)
            self._fail([e.future for e in entries if isinstance(e, _Write) and e.future], problem)
            return
        self._problem = None
        self._write(entries, now)
        if self._problem is None:
            log.info("the store works again", extra={"database": self._store.name, "after": str(was)})
            self._journal.call(self._journal.health, None)

    # Retention

    def _sweep(self) -> None:
        """One step of deleting old history, so that nobody waits long for it."""
        if not self._sweeps or self._problem is not None or self._stopping:
            return
        sweep = self._sweeps[0]
        try:
            with self._store.database.errors():
                assert self._connection is not None
                with self._connection.begin():
                    deleted = delete_before(self._connection, sweep.before, _SWEEP_AT_ONCE)
        except StoreError as problem:
            self._disconnect()
            self._sweeps.pop(0)
            self._journal.call(_fail, [sweep.future], problem)
            return
        self._swept += deleted
        if not deleted:
            self._sweeps.pop(0)
            self._journal.call(_succeed, sweep.future, self._swept)
            self._swept = 0


def _succeed(future: asyncio.Future[int], result: int) -> None:
    if not future.done():
        future.set_result(result)
