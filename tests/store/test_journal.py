"""The journal: what is answered is committed, together with everything else that waits."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from alertrouter.core.reason import FailureReason, NotSent
from alertrouter.core.time import HOUR, MINUTE, SECOND
from alertrouter.delivery.attempt import AttemptRecord
from alertrouter.engine.changes import Changes, FlushRecord, Outcome
from alertrouter.store import Journal, JournalSettings, Store, StoreError, history
from tests.store.values import (
    NOW,
    QUICK,
    StillClock,
    alert,
    collected,
    decision,
    entry,
    fired,
    group,
    group_id,
    journal,
    locked,
    silence,
    silenced,
    slot,
)
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from alertrouter.core.alert import Alert

ALERTS = [alert(f"Down{number}") for number in range(40)]


def alerts_in(store: Store) -> Sequence[Alert]:
    return sorted(store.load().alerts, key=lambda each: each.labels["alertname"])


def test_a_write_is_in_the_database_when_it_is_answered(store: Store) -> None:
    async def run() -> None:
        async with journal(store) as opened:
            await opened.write(fired(alert()))
            assert alerts_in(store) == [alert()]
            assert opened.healthy

    asyncio.run(run())


def test_everything_that_waits_is_committed_together(store: Store) -> None:
    committing, go_on = threading.Event(), threading.Event()

    @event.listens_for(store.database.writers, "commit")
    def hold(_: object) -> None:
        committing.set()
        assert go_on.wait(PATIENCE)

    async def run() -> int:
        async with journal(store, settings=JournalSettings(stamp=HOUR)) as opened:
            writing = [opened.write(fired(alert()))]
            await until(committing.is_set)
            writing += [opened.write(fired(each)) for each in ALERTS]
            go_on.set()
            await asyncio.gather(*writing)
            assert len(alerts_in(store)) == 1 + len(ALERTS)
            return opened.commits

    assert asyncio.run(run()) == 2


def test_the_last_version_of_a_batch_counts(store: Store) -> None:
    async def run() -> None:
        async with journal(store) as opened:
            changed = [replace(alert(), updated_at=NOW + number) for number in range(5)]
            await asyncio.gather(*[opened.write(fired(each)) for each in changed])
            await asyncio.gather(
                opened.write(Changes(groups=[group()])),
                opened.write(Changes(removed_groups=[group_id()])),
                opened.write(Changes(entries=[entry()])),
                opened.write(Changes(removed_entries=[slot()])),
                opened.write(Changes(entries=[entry(revision=7)])),
                opened.write(silenced(silence())),
                opened.write(Changes(removed_silences=[silence().id])),
            )

    asyncio.run(run())
    state = store.load()
    assert state.alerts == [replace(alert(), updated_at=NOW + 4)]
    assert (state.groups, state.entries, state.silences) == ([], [entry(revision=7)], [])


def test_an_alert_that_was_collected_and_came_back_is_there(store: Store) -> None:
    async def run() -> None:
        async with journal(store) as opened:
            await asyncio.gather(
                opened.write(fired(alert())),
                opened.write(collected(alert())),
                opened.write(fired(alert(updated_at=NOW + 1))),
                opened.write(fired(alert("Gone"))),
                opened.write(collected(alert("Gone"))),
            )

    asyncio.run(run())
    assert store.load().alerts == [alert(updated_at=NOW + 1)]


def test_nothing_to_write_is_answered_at_once(store: Store) -> None:
    async def run() -> None:
        async with journal(store) as opened:
            assert opened.write(Changes()).done()

    asyncio.run(run())


def test_what_nobody_waited_for_is_written_before_the_end(store: Store) -> None:
    async def run() -> None:
        async with journal(store, settings=JournalSettings()) as opened:
            for each in ALERTS:
                opened.write(fired(each))
            opened.write_later([replace(each, ends_at=NOW + MINUTE) for each in ALERTS])

    asyncio.run(run())
    assert {each.ends_at for each in store.load().alerts} == {NOW + MINUTE}
    assert len(store.load().alerts) == len(ALERTS)


def test_moved_ends_are_written_after_a_while(store: Store) -> None:
    async def run() -> None:
        async with journal(store) as opened:
            await opened.write(fired(*ALERTS))
            opened.write_later([replace(each, ends_at=NOW + MINUTE) for each in ALERTS])
            opened.write_later([replace(ALERTS[0], ends_at=NOW + 2 * MINUTE)])
            await until(lambda: alerts_in(store)[0].ends_at == NOW + 2 * MINUTE)
            assert {each.ends_at for each in alerts_in(store)[1:]} == {NOW + MINUTE}

    asyncio.run(run())


def test_moved_ends_wait_for_their_time(store: Store) -> None:
    async def run() -> None:
        async with journal(store, settings=replace(QUICK, write_behind=MINUTE)) as opened:
            await opened.write(fired(alert()))
            opened.write_later([alert(ends_at=NOW + 9 * MINUTE)])
            await opened.write(fired(alert("Other")))
            assert alerts_in(store)[0] == alert()
        assert alerts_in(store)[0].ends_at == NOW + 9 * MINUTE

    asyncio.run(run())


def test_a_moved_end_does_not_outlive_a_later_change(store: Store) -> None:
    async def run() -> None:
        async with journal(store) as opened:
            await opened.write(fired(alert()))
            opened.write_later([alert(ends_at=NOW + 9 * MINUTE)])
            await until(lambda: alerts_in(store)[0].ends_at == NOW + 9 * MINUTE)
            opened.write_later([alert(ends_at=NOW + 10 * MINUTE)])
            await opened.write(fired(alert(ends_at=NOW)))
            await asyncio.sleep(0.2)
            assert alerts_in(store)[0].ends_at == NOW

    asyncio.run(run())


def test_the_store_knows_up_to_when_it_was_followed(store: Store) -> None:
    async def run() -> None:
        clock = StillClock()
        async with journal(store, clock=clock) as opened:
            await opened.write(fired(alert()))
            assert store.load().seen_at == NOW
            clock.moment = NOW + 5 * SECOND
            await until(lambda: store.load().seen_at == NOW + 5 * SECOND)
            assert not store.stopped_in_order
        store.load()
        assert store.stopped_in_order

    asyncio.run(run())


def test_what_was_handed_in_is_waited_for(store: Store) -> None:
    async def run() -> None:
        async with journal(store) as opened:
            for each in ALERTS:
                opened.write(fired(each))
            await opened.settled()
            assert len(alerts_in(store)) == len(ALERTS)
        await opened.settled()

    asyncio.run(run())


def test_a_database_that_hangs_is_not_waited_for_without_end(tmp_path: Path) -> None:
    async def run(store: Store) -> None:
        async with journal(store, settings=replace(QUICK, patience=SECOND // 20)) as opened:
            await opened.write(fired(alert()))
            with locked(store):
                writing = opened.write(fired(alert("Slow")))
                await opened.settled()
                assert not writing.done()
            await writing

    with contextlib.closing(Store.open(tmp_path, StillClock())) as store:
        asyncio.run(run(store))


def test_an_intent_is_there_until_the_outcome_is_written(store: Store) -> None:
    async def run() -> None:
        async with journal(store) as opened:
            slots = [slot(str(number)) for number in range(6)]
            for each in slots:
                await opened.intend([each], NOW)
            assert set(store.load().intents) == set(slots)
            opened.settle(slots[0])
            opened.write(Changes(entries=[replace(entry(), slot=slots[1])]))
            opened.write(Changes(decisions=[decision(slot=slots[2])]))
            opened.write(Changes(decisions=[decision(slot=slots[3], outcome=Outcome.FAILED)]))
            withdrawn = decision(slot=slots[4], outcome=Outcome.NOT_SENT, why_not=NotSent.SILENCED)
            opened.write(Changes(decisions=[withdrawn]))
            # A flush that has nothing to say while the send of another goes on ends nothing.
            quiet = decision(
                slot=slots[5], outcome=Outcome.NOT_SENT, attempts=0, why_not=NotSent.DEDUPLICATED
            )
            await opened.write(Changes(decisions=[quiet]))
            assert store.load().intents == {slots[5]: NOW}

    asyncio.run(run())


def test_outcomes_are_written_together_and_before_what_comes_after_them(store: Store) -> None:
    async def run() -> None:
        async with journal(store) as opened:
            slots = [slot(str(number)) for number in range(90)]
            flushed = [
                FlushRecord(at=NOW, group=each.group, due=NOW, tick=NOW, group_key=f"{{}}:{number}")
                for number, each in enumerate([*slots, slot("last")])
            ]
            opened.record(Changes(flushes=flushed))
            assert opened.waiting == 1
            await opened.intend(slots, NOW)
            made = [AttemptRecord(slot=each, tick=NOW, number=1, started_at=NOW, latency=1) for each in slots]
            told = [
                opened.record(Changes(decisions=[decision(slot=each.slot, attempts=1)]), each)
                for each in made[:9]
            ]
            assert opened.waiting == 9
            await opened.write(Changes(decisions=[decision(slot=slots[9], attempts=1)]))
            assert len(set(told)) == 1
            assert told[0].done()
            told = [
                opened.record(Changes(decisions=[decision(slot=each.slot, attempts=1)]), each)
                for each in made[10:]
            ]
            assert len(set(told)) == 1
            await asyncio.gather(*told)
            assert store.load().intents == {}
            with store.reader() as connection:
                lines = history.decision_records(connection, history.Span()).lines
            assert [line.slot for line in reversed(lines)] == slots
            assert lines[0].group_key == "{}:89"
            opened.record(Changes(decisions=[decision(slot=slot("last"), attempts=1)]))
        with store.reader() as connection:
            lines = history.decision_records(connection, history.Span()).lines
        assert lines[0].slot == slot("last")

    asyncio.run(run())


def test_attempts_and_reloads_become_history(store: Store) -> None:
    failed = AttemptRecord(
        slot=slot(),
        tick=NOW,
        number=1,
        started_at=NOW,
        latency=3,
        error="no",
        reason=FailureReason.SERVER_ERROR,
    )
    went = AttemptRecord(slot=slot(), tick=NOW, number=2, started_at=NOW + 1, latency=5)

    async def run() -> None:
        async with journal(store) as opened:
            await opened.attempt(failed)
            await opened.attempt(went)
            await opened.reloaded(NOW, 17, "route: {}\0")

    asyncio.run(run())
    with store.reader() as connection:
        assert history.attempt_records(connection, history.Span()).lines == [went, failed]
        reloads = history.reload_records(connection, history.Span()).lines
    assert reloads == [history.Reload(NOW, 17, "route: {}\N{REPLACEMENT CHARACTER}")]


def test_after_the_end_nothing_is_taken(store: Store) -> None:
    async def run() -> Journal:
        async with journal(store) as opened:
            pass
        with pytest.raises(StoreError, match="is being closed"):
            await opened.write(fired(alert()))
        await opened.close()
        return opened

    assert asyncio.run(run()).healthy
    assert store.load().alerts == []


def test_what_cannot_be_stored_harms_nothing_else(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    half = alert("Half", generator_url="\ud800")  # stored with a question mark
    too_late = alert("Never", starts_at=2**70)
    no_text = alert("NoText", annotations={**alert().annotations, "summary": "\ud800"})

    async def run() -> None:
        async with journal(store) as opened:
            results = await asyncio.gather(
                *[opened.write(fired(each)) for each in (alert(), too_late, half, no_text, alert("Last"))],
                return_exceptions=True,
            )
            assert [type(each) for each in results] == [
                type(None),
                type(results[1]),
                type(None),
                type(results[3]),
                type(None),
            ]
            assert isinstance(results[1], StoreError)
            assert isinstance(results[3], StoreError)
            assert opened.healthy

    asyncio.run(run())
    assert [each.labels["alertname"] for each in alerts_in(store)] == ["Down", "Half", "Last"]
    assert "cannot be stored" in caplog.text


def test_a_slow_database_does_not_hold_up_the_event_loop(tmp_path: Path) -> None:
    async def run(store: Store) -> None:
        async with journal(store) as opened:
            await opened.write(fired(alert()))
            with locked(store):
                writing = opened.write(fired(alert("Slow")))
                # The loop goes round and round meanwhile.
                await until(lambda: opened.lag > 0.1)
                assert not writing.done()
            await writing

    with contextlib.closing(Store.open(tmp_path, StillClock())) as store:
        asyncio.run(run(store))
