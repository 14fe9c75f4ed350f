"""The record in a database is the record of what happened."""

from __future__ import annotations

import contextlib
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from alertrouter.core.time import LATEST, SECOND
from alertrouter.delivery.attempt import AttemptRecord
from alertrouter.engine.changes import (
    AlertTransition,
    DecisionRecord,
    FlushRecord,
    RenewalRecord,
    SilenceChange,
)
from alertrouter.engine.milestones import Started
from alertrouter.insight.record import Lapsed, RecordError
from alertrouter.insight.store_record import StoreRecord
from alertrouter.insight.verify import verify
from alertrouter.store import Store
from alertrouter.store.batch import Batch
from alertrouter.store.milestones import milestone_row
from alertrouter.store.statements import Statements
from alertrouter.store.tables import metadata
from tests.behaviour.test_any_timeline import CONFIG
from tests.store.values import StillClock
from tests.strategies import Event as Deed
from tests.strategies import stories
from tests.timeline import Answer, Remembered, Timeline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from alertrouter.engine.changes import Changes
    from alertrouter.engine.milestones import Milestone
    from alertrouter.insight.record import Event


class Stored(Remembered):
    """Writes everything to a database as well."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.batch = Batch({}, count(1))
        self._store = store

    def apply(self, changes: Changes) -> None:
        super().apply(changes)
        self.batch.add(changes, 0)

    def note(self, event: Milestone | RenewalRecord) -> None:
        super().note(event)
        if isinstance(event, RenewalRecord):
            self.batch.renewed(event)
        else:
            self.batch.milestone(event)

    def move_ends(self, timeline: Timeline) -> None:
        """What heartbeats moved, as the daemon writes it every few seconds."""
        moved = list(timeline.engine.take_moved())
        self.batch.move_ends(moved)
        for labels, *_ in moved:
            self.alerts[labels] = timeline.engine.known[labels].alert()

    def write(self, timeline: Timeline, *, killed: bool = False) -> None:
        """Commit it all, as a process does when it stops; one that is killed may not have written what heartbeats moved."""
        if not killed:
            self.move_ends(timeline)
            self.batch.note("stopped_at", timeline.now)
        self.batch.include_ends(1000)
        self.batch.note("seen_at", timeline.now)
        with self._store.database.writer() as connection, connection.begin():
            for table in metadata.tables.values():
                connection.execute(delete(table))
            self.batch.write(connection, Statements(connection.dialect))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with contextlib.closing(Store.open(tmp_path, StillClock())) as opened:
        yield opened


def bare(event: Event) -> object:
    """What a replay needs of an event."""
    if isinstance(event, AlertTransition):
        alert = event.alert
        return (event.at, event.kind, alert.labels, alert.starts_at, alert.ends_at)
    if isinstance(event, DecisionRecord):
        return (
            event.at,
            event.slot,
            event.tick,
            event.outcome,
            event.reason,
            event.why_not,
            set(event.firing),
        )
    if isinstance(event, AttemptRecord | SilenceChange | FlushRecord | RenewalRecord | Lapsed):
        return repr(event) if not isinstance(event, SilenceChange) else event.silence.id
    return milestone_row(event)


@settings(
    max_examples=15,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(stories, st.lists(st.sampled_from(["restart", "reload", "collect"]), max_size=3), st.integers(0, 1000))
def test_what_was_written_is_the_record(
    store: Store, story: list[Deed], disturbances: list[str], seed: int
) -> None:
    stored = Stored(store)
    t = Timeline(
        CONFIG, store=stored, answers=lambda _, at: Answer("temporary") if hash((seed, at)) % 3 else Answer()
    )
    for event in story:
        event.happen(t)
    for place, what in enumerate(disturbances, 1):
        t.at(3500 + 400 * place)
        stored.move_ends(t)
        getattr(t, what)()
    t.until(5500)
    stored.write(t)

    with store.reader() as connection:
        record = StoreRecord(connection, "test")
        found = list(record.events(0, LATEST))
        verdict = verify(record, 0, LATEST)
        assert record.complete_from == 0
        assert record.complete_until == 5500 * SECOND
    assert list(map(bare, found)) == list(map(bare, t.record().events(0, LATEST)))
    assert not verdict.differing, verdict.differences
    assert verdict.transitions == sum(isinstance(event, AlertTransition) for event in found)


def test_a_start_tells_which_messages_the_end_of_a_process_cut_off(store: Store) -> None:
    stored = Stored(store)
    t = Timeline(store=stored, answers=lambda _to, _at: Answer(after=20))
    t.at(0).fire("A")
    t.at(40).stop().restart(down_since=35)
    t.until(100)
    stored.write(t)

    with store.reader() as connection:
        starts = [e for e in StoreRecord(connection, "test").events(0, LATEST) if isinstance(e, Started)]
    (message,) = [send.slot for _, send in t.messages]
    assert [start.cut_off for start in starts] == [{}, {message: 30 * SECOND}]


def test_a_database_without_a_checkpoint_says_so(store: Store) -> None:
    with store.reader() as connection:
        record = StoreRecord(connection, "old.db")
        assert record.complete_from is None
        with pytest.raises(RecordError, match=r"old\.db holds no checkpoint to begin with"):
            list(record.events(0, LATEST))


def test_what_does_not_fit_is_found(store: Store) -> None:
    stored = Stored(store)
    t = Timeline(store=stored)
    t.at(0).fire("A")
    t.at(10).silence('name="B"', ends=1000)
    t.at(20).fire("B")
    t.until(2000)
    # Somebody takes the silence out of the record.
    stored.batch.silence_versions.clear()
    stored.write(t)

    with store.reader() as connection:
        verdict = verify(StoreRecord(connection, "test"), 0, LATEST)
    assert verdict.differing
    assert "sent, first notification; 1 firing, in a replay 2, not the same ones" in str(
        verdict.differences[0]
    )


def beats(t: Timeline, since: int, until: int) -> None:
    """An alert that ends within seconds is reported again and again."""
    for at in range(since, until, 4):
        t.at(at).fire("A", ends=at + 8)


def test_an_end_that_a_heartbeat_may_have_moved_is_none_after_a_kill(store: Store) -> None:
    stored = Stored(store)
    t = Timeline(store=stored)
    beats(t, 0, 320)
    stored.move_ends(t)
    t.at(320).fire("B")
    # Written is that A ends at 324; what is heard of it from now on is not written any more.
    beats(t, 321, 332)
    assert t.until(332)[-1].firing == ("A", "B")
    stored.write(t, killed=True)

    with store.reader() as connection:
        record = StoreRecord(connection, "test")
        verdict = verify(record, 0, LATEST)
        ended = [event for event in record.events(0, LATEST) if isinstance(event, Lapsed)]
        complete_until = record.complete_until
    assert complete_until == 332 * SECOND
    assert not verdict.differing, verdict.differences
    assert not ended


def test_an_end_long_before_a_kill_is_one(store: Store) -> None:
    stored = Stored(store)
    t = Timeline(store=stored)
    beats(t, 0, 60)
    stored.move_ends(t)
    t.until(200)
    stored.write(t, killed=True)

    with store.reader() as connection:
        events = list(StoreRecord(connection, "test").events(0, LATEST))
    assert [event.at for event in events if isinstance(event, Lapsed)] == [64 * SECOND]
