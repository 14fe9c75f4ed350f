"""What is handed to the thread of the journal, and who waits for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from alertrouter.core.time import SECOND

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Sequence

    from alertrouter.core.time import Duration, Moment
    from alertrouter.engine.changes import Changes, StoredState
    from alertrouter.store.backlog import PostedBody
    from alertrouter.store.batch import Batch
    from alertrouter.store.errors import StoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings:
    """``write_behind``: how late an end that a heartbeat moved may be written. ``stamp``: how often it is noted that
    the store is followed, when nothing else is written. ``retry``: how often a failing database is tried. ``patience``:
    how long a send waits for its intent to be written.

    Requests that bring so many new alerts at a time (``defer_from``) are written as they came, and the rows of their alerts
    once none has come for ``quiet``. What is put off so is at most ``most_deferred`` alerts, ``most_deferred_size`` bytes
    and ``longest_delay`` old; beyond that rows are written at once. One transaction writes those of ``rows_at_once`` alerts
    while it is quiet, so that nobody who comes waits long. ``longest_queue`` and ``most_history`` bound what is kept in
    memory while the database is slow or down, in writes and in lines of each kind.
    """

    write_behind: Duration = 10 * SECOND
    stamp: Duration = 5 * SECOND
    retry: Duration = 2 * SECOND
    patience: Duration = 5 * SECOND
    defer_from: int = 32
    quiet: Duration = SECOND // 10
    longest_delay: Duration = 5 * SECOND
    most_deferred: int = 65_536
    most_deferred_size: int = 48 << 20
    rows_at_once: int = 2048
    longest_queue: int = 20_000
    most_history: int = 100_000


class Write(NamedTuple):
    """Something to be put into a batch, and who waits for it."""

    gather: Callable[[Batch], object]
    future: asyncio.Future[None] | None


class WriteMany(NamedTuple):
    """Things of one kind to be put into a batch, each by itself: one that cannot be stored takes no other with it."""

    gather: Callable[[Batch, Any], object]
    each: Sequence[Any]
    future: asyncio.Future[None] | None


class Post(NamedTuple):
    """A request that brought nothing but new alerts: what it changed, how it came, and who waits for it."""

    changes: Changes
    posted: PostedBody
    future: asyncio.Future[None]


class Sweep(NamedTuple):
    """History before this moment is to be deleted."""

    before: Moment
    future: asyncio.Future[int]


class Stop(NamedTuple):
    """Nothing comes after this."""


class State(NamedTuple):
    """The whole state, as it was when everything before this in the queue had happened."""

    state: StoredState


Entry = Write | WriteMany | Post | Sweep | State | Stop


def waiting(entries: Iterable[Entry]) -> list[asyncio.Future[None]]:
    """Who waits for these to be written."""
    return [
        each.future
        for each in entries
        if isinstance(each, (Write, WriteMany, Post)) and each.future is not None
    ]


def count(entry: Entry) -> int:
    """How many writes an entry is."""
    return len(entry.each) if type(entry) is WriteMany else 1


def apart(entries: Iterable[Entry]) -> list[Entry]:
    """The same with one write in each; who waits for many waits for the last of them."""
    single: list[Entry] = []
    for entry in entries:
        if isinstance(entry, WriteMany):
            *others, last = entry.each
            single += [WriteMany(entry.gather, (one,), None) for one in others]
            single.append(WriteMany(entry.gather, (last,), entry.future))
        else:
            single.append(entry)
    return single


def fail(futures: Iterable[asyncio.Future[None]], problem: StoreError) -> None:
    """Tell who waits that it was not written, and why."""
    for future in futures:
        if not future.done():
            future.set_exception(problem)
            # Who does not look is not interested; the failure is reported by way of the health.
            future.exception()


def succeed(future: asyncio.Future[int], result: int) -> None:
    """Tell who waits for a sweep how many lines it deleted."""
    if not future.done():
        future.set_result(result)
