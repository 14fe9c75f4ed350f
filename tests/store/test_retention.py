"""History goes when its time is over; what is current never does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from alertrouter.core.reason import Reason
from alertrouter.core.time import DAY, HOUR
from alertrouter.delivery.attempt import AttemptRecord
from alertrouter.engine.changes import Changes
from alertrouter.store import history
from tests.store.strategies import Remembered
from tests.store.values import (
    NOW,
    alert,
    collected,
    decision,
    entry,
    fired,
    group,
    journal,
    silence,
    silenced,
    slot,
)

if TYPE_CHECKING:
    from alertrouter.store import Store

OLD = NOW - 10 * DAY


def test_what_is_old_goes_and_what_is_current_stays(store: Store) -> None:
    old = [
        fired(alert("Current"), alert("Past"), at=OLD),
        collected(alert("Past"), at=OLD + HOUR),
        Changes(decisions=[decision("Past", at=OLD)]),
        Changes(groups=[group()], entries=[entry()]),
        silenced(silence("listed"), silence("gone"), at=OLD),
        Changes(removed_silences=["gone"]),
    ]
    young = [
        fired(alert("Young"), at=NOW),
        collected(alert("Young"), at=NOW),
        Changes(decisions=[decision("Young", at=NOW, reason=Reason.REPEAT)]),
    ]

    async def run() -> int:
        async with journal(store) as opened:
            for changes in (*old, *young):
                await opened.write(changes)
            await opened.attempt(
                AttemptRecord(slot=slot("Past"), tick=OLD, number=1, started_at=OLD, latency=1)
            )
            await opened.reloaded(OLD, 1, "first")
            await opened.reloaded(OLD, 2, "in force")
            deleted = await opened.sweep(NOW - 5 * DAY)
            assert await opened.sweep(NOW - 5 * DAY) == 0
            return deleted

    # Three transitions, decision, attempt, version of a silence, reload, labels of an alert, name of a group.
    assert asyncio.run(run()) == 9
    expected = Remembered()
    for changes in (*old, *young):
        expected.add(changes)
    assert Remembered.of(store.load()) == expected
    span = history.Span()
    with store.reader() as connection:
        assert {line.at for line in history.transitions(connection, span).lines} == {NOW}
        assert history.labels_of(connection, {alert("Young").labels.identity}) != {}
        assert history.labels_of(connection, {alert("Past").labels.identity}) == {}
        assert history.decision_records(connection, span).lines == [
            decision("Young", at=NOW, reason=Reason.REPEAT)
        ]
        assert history.attempt_records(connection, span).lines == []
        assert [line.silence.id for line in history.silence_changes(connection, span).lines] == ["listed"]
        assert [line.config for line in history.reload_records(connection, span).lines] == ["in force"]


def test_much_history_goes_while_writes_go_on(store: Store) -> None:
    many = [alert(f"Down{number}") for number in range(3500)]

    async def run() -> None:
        async with journal(store) as opened:
            await opened.write(fired(*many, at=OLD))
            sweeping = opened.sweep(NOW)
            answered = 0
            while not sweeping.done():
                await opened.write(fired(alert("New"), at=NOW))
                answered += 1
            assert sweeping.result() == 3500
            # It took several steps, and each let a write pass.
            assert answered >= 3

    asyncio.run(run())
    assert len(store.load().alerts) == 3501


def test_annotations_of_younger_lines_do_not_depend_on_older_ones(store: Store) -> None:
    async def run() -> None:
        async with journal(store) as opened:
            await opened.write(fired(alert(), at=OLD))
            await opened.write(fired(alert(), at=NOW))
            await opened.sweep(NOW - DAY)

    asyncio.run(run())
    with store.reader() as connection:
        (line,) = history.transitions(connection, history.Span()).lines
    assert line.alert.annotations == alert().annotations
