"""The thread of the journal: gathers what waits, commits it, and recovers when the database fails."""

from __future__ import annotations

import logging
import math
import queue
import time
from itertools import count as counting
from typing import TYPE_CHECKING, cast

from alertrouter.core.time import SECOND
from alertrouter.store.backlog import Backlog
from alertrouter.store.batch import Batch
from alertrouter.store.entry import (
    Entry,
    Post,
    State,
    Stop,
    Sweep,
    Write,
    WriteMany,
    apart,
    count,
    fail,
    succeed,
    waiting,
)
from alertrouter.store.errors import DamagedError, StoreError, UnstorableError
from alertrouter.store.gathered import Gathered
from alertrouter.store.retention import delete_before
from alertrouter.store.statements import Statements

if TYPE_CHECKING:
    import asyncio

    from sqlalchemy import Connection

    from alertrouter.clock import Clock
    from alertrouter.core.time import Moment
    from alertrouter.engine.changes import StoredState
    from alertrouter.store.backlog import Deferred
    from alertrouter.store.journal import Journal
    from alertrouter.store.rows.columns import Row
    from alertrouter.store.store import Store

log = logging.getLogger(__name__)
# So many ends of alerts are written in one transaction, so that who waits for it does not wait long.
_ENDS_AT_ONCE = 4096
_SWEEP_AT_ONCE = 1000
_MOST_IN_A_BATCH = 2048
# So many alerts get their rows in one transaction when somebody waits for all of them.
_ROWS_BEFORE = 4096
# So many at most are written on top of twice what comes, while clients wait for the same transaction.
_ROWS_ON_TOP = 256
# How long the engine's state is waited for before it is asked for again, in seconds.
_STATE_PATIENCE = 30.0


class Writer:
    """The thread's side of the journal."""

    def __init__(
        self, journal: Journal, store: Store, clock: Clock, entries: queue.SimpleQueue[Entry]
    ) -> None:
        self.now = clock.now
        self.lost_the_thread = False
        self.taken = 0  # so many writes were taken from the queue so far
        self.begun: float | None = None
        self._journal = journal
        self._settings = journal.settings
        self._store = store
        self._queue = entries
        self._statements = Statements(store.database.writers.dialect)
        self._connection: Connection | None = None
        self._ends: dict[int, Row] = {}
        self._numbers = counting(store.last_number + 1)
        self._kept = Batch(self._ends, self._numbers)
        self._problem: StoreError | None = None
        self._sweeps: list[Sweep] = []
        self._swept = 0
        self._stopping = False
        self.backlog = Backlog()
        # More comes in than can be put off: rows are written at once until there is a pause.
        self._overloaded = False
        self._quiet_at = 0.0
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
                self._fail(waiting(entries), problem)
            self.begun = None
        self._disconnect()

    def _turn(self, entries: list[Entry], now: Moment) -> None:
        if self._problem is not None:
            self._recover(entries, now)
            return
        if entries and all(type(each) is Post for each in entries):
            self._take_posts(cast("list[Post]", entries), now)
        elif entries:
            self._write_all(entries, now)
        elif min(self._ends_time(), self._stamp_due) <= time.monotonic():
            # No end is due of an alert that has no row yet: see ``_write_all``.
            self._write([], now, of_backlog=[])
        elif self.backlog and self._quiet_at <= time.monotonic():
            self._write([], now, of_backlog=self.backlog.first(self._settings.rows_at_once))
        if not entries:
            self._return_memory_if_idle()
        self._sweep()
        if self.lost_the_thread and self._problem is None:
            self.lost_the_thread = False
            self._begin_to_fail(StoreError("the database did not keep up; everything is written anew"))

    def _return_memory_if_idle(self) -> None:
        if not self._ends and not self.backlog and self._connection is not None:
            self._store.database.return_memory(self._connection)

    # Waiting

    def _next_entries(self) -> list[Entry]:
        """What has come in, in order; nothing when something else is due."""
        entries: list[Entry] = []
        enough = self.taken + _MOST_IN_A_BATCH
        try:
            wait = self._time_left()
            entry = (
                self._queue.get(timeout=wait) if wait > 0 and not self._sweeping else self._queue.get_nowait()
            )
            while True:
                entries.append(entry)
                self.taken += count(entry)
                if isinstance(entry, Stop):
                    self._stopping = True
                    break
                if self.taken >= enough:
                    break
                entry = self._queue.get_nowait()
        except queue.Empty:
            pass
        return entries

    def _time_left(self) -> float:
        """Seconds until something must be done of its own accord."""
        if self._problem is not None:
            due = self._retry_due
        else:
            due = min(self._stamp_due, self._ends_time())
            if self.backlog:
                due = min(due, self._quiet_at)
        return due - time.monotonic()

    def _ends_time(self) -> float:
        return self._ends_due if self._ends else math.inf

    @property
    def _sweeping(self) -> bool:
        return bool(self._sweeps) and self._problem is None

    # Writing

    def _take_posts(self, posts: list[Post], now: Moment) -> None:
        """Write requests as they came, to be taken apart later; or, where that is too much already or not worth it, now."""
        settings = self._settings
        backlog = self.backlog
        moment = time.monotonic()
        if not backlog and moment >= self._quiet_at:
            self._overloaded = False
        self._quiet_at = moment + settings.quiet / SECOND
        alerts = sum([len(post.changes.alerts) for post in posts])
        if not backlog and (self._overloaded or alerts < settings.defer_from):
            self._write(list(posts), now)
            return
        self._overloaded = (
            self._overloaded
            or backlog.alerts + alerts > settings.most_deferred
            or backlog.size > settings.most_deferred_size
            or backlog.age > settings.longest_delay / SECOND
        )
        few = min(settings.rows_at_once, _ROWS_ON_TOP)
        of_backlog = backlog.first(2 * alerts + few) if self._overloaded else []
        if self._overloaded and len(of_backlog) == len(backlog):
            self._write(list(posts), now)
        else:
            self._write(list(posts), now, of_backlog=of_backlog, defer=True)

    def _write_all(self, entries: list[Entry], now: Moment) -> None:
        """Write what may follow from anything that came before: the record must have all of that, and in order."""
        while self.backlog.alerts > _ROWS_BEFORE and self._problem is None:
            self._write([], now, of_backlog=self.backlog.first(_ROWS_BEFORE))
        if self._problem is None:
            self._write(entries, now)
        else:
            self._recover(entries, now)

    def _write(
        self,
        entries: list[Entry],
        now: Moment,
        *,
        of_backlog: list[Deferred] | None = None,
        defer: bool = False,
    ) -> None:
        """One transaction with these entries and, before them, all that was put off, or these requests of it.

        ``defer``: the entries are requests that are put off themselves.
        """
        batch, self._kept = self._kept, Batch(self._ends, self._numbers)
        leaves_nothing = of_backlog is None
        if of_backlog is None:
            of_backlog = self.backlog.all()
        if of_backlog:
            batch.include(of_backlog)
        gathered = self._gather(batch, entries, defer=defer)
        self._finish(batch, now, leaves_nothing=leaves_nothing)
        try:
            self._commit(batch)
        except UnstorableError as problem:
            self._kept = Batch(self._ends, self._numbers)
            if of_backlog:
                self._write_one_by_one(now)
            self._write_apart(entries, gathered.futures, now, problem, again=bool(of_backlog))
        except StoreError as problem:
            self.backlog.drop(len(of_backlog))
            batch.include(gathered.deferred)
            self._kept = batch
            self._fail(gathered.futures, problem)
        else:
            if of_backlog:
                self.backlog.drop(len(of_backlog))
            if gathered.deferred:
                self.backlog.add(gathered.deferred)
            self._journal.call(self._journal.committed, gathered.futures)
            batch.written()
        for future, why in gathered.unstorable:
            self._journal.call(self._journal.failed, [future], why)

    def _write_apart(
        self,
        entries: list[Entry],
        futures: list[asyncio.Future[None]],
        now: Moment,
        problem: StoreError,
        *,
        again: bool,
    ) -> None:
        """Something cannot be stored: the others must not suffer for it. ``again``: it may not have been one of these."""
        if self._problem is not None:
            self._recover(entries, now)
        elif len(single := apart(entries)) > 1 or again:
            for entry in single:
                if not isinstance(entry, Sweep):
                    self._write([entry], now)
        else:
            log.error("a change cannot be stored and is left out", exc_info=problem)
            self._journal.call(self._journal.failed, futures, problem)

    def _write_one_by_one(self, now: Moment) -> None:
        """Something that was put off cannot be stored: the others must not suffer for it."""
        while self.backlog and self._problem is None:
            request = self.backlog.first(1)
            batch = Batch(self._ends, self._numbers)
            batch.include(request)
            batch.note("seen_at", now)
            try:
                self._commit(batch)
            except UnstorableError:
                log.exception("alerts that were posted cannot be stored and are left out")
                batch = Batch(self._ends, self._numbers)
                batch.leave_out(request)
                self._commit_or_fail(batch)
            except StoreError as problem:
                self._kept = batch
                self._fail([], problem)
            self.backlog.drop(1)

    def _commit_or_fail(self, batch: Batch) -> None:
        try:
            self._commit(batch)
        except StoreError as problem:
            self._kept = batch
            self._fail([], problem)

    def _gather(self, batch: Batch, entries: list[Entry], *, defer: bool = False) -> Gathered:
        gathered = Gathered()
        for entry in entries:
            match entry:
                case Write(gather, future):
                    gathered.add(future, gather, batch)
                case WriteMany():
                    gathered.add_each(entry, batch)
                case Post() if defer:
                    gathered.put_off(entry, batch)
                case Post():
                    gathered.write_now(entry, batch)
                case State(state):
                    self._take_state(batch, state)
                case Sweep():
                    self._sweeps.append(entry)
                case Stop():
                    batch.include_ends(len(self._ends))
        return gathered

    def _take_state(self, batch: Batch, state: StoredState) -> None:
        if bad := batch.replace_all(state):
            log.error("some of the state cannot be stored and is left out", extra={"rows": bad})

    def _finish(self, batch: Batch, now: Moment, *, leaves_nothing: bool) -> None:
        """Add what is due besides."""
        moment = time.monotonic()
        if self._stopping and leaves_nothing:
            batch.note("stopped_at", now)
        elif not self._ends:
            self._ends_due = moment + self._settings.write_behind / SECOND
        elif moment >= self._ends_due:
            batch.include_ends(_ENDS_AT_ONCE)
        if batch.is_only_posted and moment < self._stamp_due:
            # Each says when it came.
            return
        batch.note("seen_at", now)
        self._stamp_due = moment + self._settings.stamp / SECOND

    def _commit(self, batch: Batch) -> None:
        try:
            with self._store.database.errors():
                if self._connection is None:
                    self._store.database.keep_out_others()
                    self._connection = self._store.database.writers.connect()
                if batch.is_only_posted:
                    batch.write_posted(self._connection, self._statements)
                else:
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

    def _recover(self, entries: list[Entry], now: Moment) -> None:
        """While the database fails: keep history, try again now and then, and begin with the whole state."""
        if self.backlog:
            self._kept.include(self.backlog.all())
            self.backlog.drop(len(self.backlog))
        place = next((i for i, entry in enumerate(entries) if isinstance(entry, State)), None)
        before = entries if place is None else entries[:place]
        futures = self._gather(self._kept, before).futures
        self._keep_history()
        if futures:
            self._journal.call(self._journal.failed, futures, self._problem)
        if place is not None:
            self._begin_with_state(entries[place:], now)
        elif time.monotonic() >= self._retry_due:
            self._try_again(now)

    def _try_again(self, now: Moment) -> None:
        """See whether the database takes a write at all before the engine is troubled for its state."""
        probe = Batch({}, self._numbers)
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

    def _begin_with_state(self, entries: list[Entry], now: Moment) -> None:
        was = self._problem
        try:
            self._leave_damage()
        except StoreError as problem:
            self._gather(self._kept, entries)
            self._fail(waiting(entries), problem)
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
            self._journal.call(fail, [sweep.future], problem)
            return
        self._swept += deleted
        if not deleted:
            self._sweeps.pop(0)
            self._journal.call(succeed, sweep.future, self._swept)
            self._swept = 0
