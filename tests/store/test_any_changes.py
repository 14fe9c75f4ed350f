"""Whatever happens, a new start finds each thing as it was last, and history in full."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from alertrouter.core.rule_state import RuleChanges
from alertrouter.core.time import LATEST
from alertrouter.engine.changes import Changes
from alertrouter.engine.slot import Slot
from alertrouter.store import history
from alertrouter.store.batch import Batch
from alertrouter.store.statements import Statements
from alertrouter.store.tables import metadata
from tests.store import strategies
from tests.store.strategies import Remembered
from tests.store.values import NOW, journal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.core.alert import Alert
    from alertrouter.delivery.attempt import AttemptRecord
    from alertrouter.store import Store

# An event, the ends that heartbeats moved, or a send that begins; each group is committed together.
steps = st.one_of(
    strategies.changes,
    st.lists(strategies.alerts, max_size=3),
    strategies.slots,
    strategies.changes,
    strategies.rule_changes,
)
transactions = st.lists(st.lists(steps, max_size=4), max_size=4)

_per_database = settings(
    max_examples=60,
    # Not "explain": it traces every line, which takes minutes where a database is involved.
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@_per_database
@given(transactions)
def test_what_was_written_is_found(
    store: Store, written: list[list[Changes | list[Alert] | Slot | RuleChanges]]
) -> None:
    _empty(store)
    statements = Statements(store.database.writers.dialect)
    expected = Remembered()
    ends: dict[int, tuple[object, ...]] = {}
    numbers = count(1)
    with store.database.writer() as connection:
        for together in written:
            batch = Batch(ends, numbers)
            for step in together:
                _gather(batch, step)
                _expect(expected, step)
            batch.include_ends(100)
            with connection.begin():
                batch.write(connection, statements)
            batch.written()
    assert Remembered.of(store.load()) == expected
    assert not store.loaded.skipped


def _empty(store: Store) -> None:
    with store.database.writer() as connection, connection.begin():
        for table in metadata.tables.values():
            connection.execute(delete(table))


def _gather(batch: Batch, step: Changes | list[Alert] | Slot | RuleChanges) -> None:
    match step:
        case Changes():
            batch.add(step, NOW)
        case Slot():
            batch.intend(step, NOW)
        case RuleChanges():
            batch.add_rules(step)
        case ends:
            batch.move_ends(ends)


def _expect(expected: Remembered, step: Changes | list[Alert] | Slot | RuleChanges) -> None:
    match step:
        case Changes():
            expected.add(step)
        case Slot():
            expected.intents[step] = NOW
        case RuleChanges():
            expected.add_rules(step)
        case ends:
            for moved in ends:
                known = expected.alerts.get(moved.labels)
                if known is not None:
                    expected.alerts[moved.labels] = replace(
                        known,
                        ends_at=moved.ends_at,
                        ends_offset=moved.ends_offset,
                        updated_at=moved.updated_at,
                        timeout=moved.timeout,
                    )


@_per_database
@given(st.lists(strategies.changes, max_size=5), st.lists(strategies.attempts, max_size=3))
def test_history_tells_everything_newest_first(
    store: Store, written: Sequence[Changes], attempts: Sequence[AttemptRecord]
) -> None:
    _empty(store)
    statements = Statements(store.database.writers.dialect)
    with store.database.writer() as connection, connection.begin():
        batch = Batch({}, count(1))
        for changes in written:
            batch.add(changes, NOW)
        for attempt in attempts:
            batch.attempt(attempt)
        batch.write(connection, statements)
    span = history.Span(until=LATEST, limit=1000)
    with store.reader() as connection:
        decisions = history.decision_records(connection, span).lines
        silences = history.silence_changes(connection, span).lines
        found_attempts = history.attempt_records(connection, span).lines
        transitions = history.transitions(connection, span).lines

    def newest_first(lines: list[object], at: str = "at") -> list[object]:
        numbered = [(getattr(line, at), place, line) for place, line in enumerate(lines)]
        return [
            line
            for moment, _, line in sorted(numbered, key=lambda each: each[:2], reverse=True)
            if moment < LATEST
        ]

    assert decisions == newest_first([d for each in written for d in each.decisions])
    assert silences == newest_first([s for each in written for s in each.silences])
    assert found_attempts == newest_first(list(attempts), "started_at")
    expected = newest_first([t for each in written for t in each.transitions])
    assert [(t.at, t.kind, t.alert.starts_at, t.alert.ends_at) for t in transitions] == [
        (t.at, t.kind, t.alert.starts_at, t.alert.ends_at)  # type: ignore[attr-defined]
        for t in expected
    ]


@settings(_per_database, max_examples=20)
@given(
    st.lists(strategies.changes, max_size=6),
    st.lists(strategies.changes, max_size=3),
    st.lists(strategies.rule_changes, max_size=3),
)
def test_the_journal_remembers_what_it_was_given(
    store: Store, written: list[Changes], last: list[Changes], of_rules: list[RuleChanges]
) -> None:
    async def run() -> Remembered:
        expected = Remembered()
        async with journal(store, expected.state) as opened:
            for changes in written:
                expected.add(changes)
                await opened.write(changes)
            for evaluated in of_rules:
                expected.add_rules(evaluated)
                await opened.write_rules(evaluated)
            # Nobody waits for these: the end of the journal must.
            for changes in last:
                expected.add(changes)
                opened.write(changes)
        return expected

    _empty(store)
    expected = asyncio.run(run())
    assert Remembered.of(store.load()) == expected
    assert store.stopped_in_order
