"""A database that fails: who waits is told, nothing in memory is lost, and it works again as soon as it can."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from alertrouter.core.labels import Labels
from alertrouter.core.rule_state import (
    AlertState,
    EvaluatedGroup,
    RuleAlertState,
    RuleChanges,
    StoredRuleAlert,
)
from alertrouter.core.time import MINUTE, SECOND
from alertrouter.engine.changes import Changes, StoredState
from alertrouter.store import Journal, Store, StoreError, history
from tests.store.strategies import Remembered
from tests.store.values import (
    NOW,
    QUICK,
    StillClock,
    alert,
    decision,
    entry,
    fired,
    group,
    journal,
    locked,
    silence,
    silenced,
    slot,
)
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.store import postgresql as pg


class Engine:
    """The state as an engine has it, whether or not it could be stored."""

    def __init__(self) -> None:
        self.remembered = Remembered()
        self.asked = 0
        self.healths: list[bool] = []

    def change(self, changes: Changes) -> Changes:
        self.remembered.add(changes)
        return changes

    def evaluate(self, changes: RuleChanges) -> RuleChanges:
        self.remembered.add_rules(changes)
        return changes

    def state(self) -> StoredState:
        self.asked += 1
        return self.remembered.state()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    with contextlib.closing(Store.open(tmp_path, StillClock())) as opened:
        yield opened


def evaluated() -> RuleChanges:
    """A rule fired."""
    down = alert("Down")
    firing = RuleAlertState(down.labels, Labels(down.annotations), 1.0, AlertState.FIRING, NOW, NOW)
    return RuleChanges(alerts=[StoredRuleAlert(7, firing)], groups=[EvaluatedGroup("a.yml;node", NOW)])


def file_of(store: Store) -> Path:
    assert store.database.path is not None
    return store.database.path


async def fail_and_recover(
    store: Store, opened: Journal, engine: Engine, repair: Callable[[], object], complaint: str
) -> None:
    """With the database failing: changes are refused; after the repair all of them are stored."""
    with pytest.raises(StoreError, match=complaint):
        await opened.write(engine.change(fired(alert("Lost"), alert("Lost2"))))
    await until(lambda: not opened.healthy)
    assert complaint in str(opened.problem)
    with pytest.raises(StoreError, match=complaint):
        await opened.write(engine.change(Changes(groups=[group("Lost")], decisions=[decision("Lost")])))
    with pytest.raises(StoreError, match=complaint):
        await opened.write(engine.change(silenced(silence())))
    with pytest.raises(StoreError, match=complaint):
        await opened.write_rules(engine.evaluate(evaluated()))
    repair()
    await until(lambda: opened.healthy)
    assert engine.healths == [False, True]
    assert engine.asked >= 1
    await opened.write(engine.change(fired(alert("After"))))
    assert Remembered.of(store.load()) == engine.remembered
    with store.reader() as connection:
        names = {
            line.alert.labels["alertname"] for line in history.transitions(connection, history.Span()).lines
        }
        assert {"Lost", "Lost2", "After"} <= names
        assert len(history.decision_records(connection, history.Span()).lines) == 1
        assert len(history.silence_changes(connection, history.Span()).lines) == 1
    assert opened.lost_history == 0


def test_a_full_disk_is_reported_and_outlived(sqlite_store: Store) -> None:
    full = True

    @event.listens_for(sqlite_store.database.writers, "connect")
    def limit(connection: sqlite3.Connection, _: object) -> None:
        if full:
            # As many pages as there are: the disk has no room for more.
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")

    def make_room() -> None:
        nonlocal full
        full = False

    async def run() -> None:
        engine = Engine()
        async with journal(sqlite_store, engine.state, on_health=engine.healths.append) as opened:
            for number in range(500):
                big = engine.change(fired(alert(f"Filler{number}", generator_url="x" * 9000)))
                try:
                    await opened.write(big)
                except StoreError:
                    break
            else:
                raise AssertionError("the disk was never full")
            engine.asked = 0
            await fail_and_recover(sqlite_store, opened, engine, make_room, "full")

    asyncio.run(run())


def test_a_locked_database_is_waited_for_and_then_reported(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alertrouter.store.database._PATIENCE", 0.2)
    engine = Engine()

    async def run() -> None:
        with contextlib.ExitStack() as lock:

            def unlock() -> None:
                # As long as nothing can be written at all, the engine was not troubled for its state.
                assert engine.asked == 0
                lock.close()

            async with journal(sqlite_store, engine.state, on_health=engine.healths.append) as opened:
                await opened.write(engine.change(fired(alert())))
                lock.enter_context(locked(sqlite_store))
                opened._writer._disconnect()
                await fail_and_recover(sqlite_store, opened, engine, unlock, "another program has locked")

    asyncio.run(run())


def test_a_database_server_that_restarts_is_outlived(postgresql: pg.Server) -> None:
    with postgresql.database() as url, contextlib.closing(Store.open(url, StillClock())) as store:
        name = url.split("/")[3].split("?")[0]

        def forbid(*, connections: bool) -> None:
            with postgresql.connect() as admin:
                admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {str(connections).lower()}")
                admin.execute(
                    f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
                )

        async def run() -> None:
            engine = Engine()
            async with journal(store, engine.state, on_health=engine.healths.append) as opened:
                await opened.write(engine.change(fired(alert())))
                forbid(connections=False)
                await fail_and_recover(store, opened, engine, lambda: forbid(connections=True), "failed")

        asyncio.run(run())


def test_recovery_leaves_nothing_that_memory_does_not_have(store: Store) -> None:
    """The state is written as a whole: what was there before and is not in it is gone, but its labels stay for history."""

    async def run() -> None:
        engine = Engine()
        async with journal(store, engine.state) as opened:
            old = fired(alert("Old"))
            await opened.write(old)
            await opened.write(Changes(groups=[group("Old")], entries=[entry("Old")]))
            await opened.write(silenced(silence("old")))
            await opened.intend([slot("Old")], NOW)
            opened.write_later([alert("Old", ends_at=NOW + 9 * MINUTE)])
            engine.change(fired(alert("New")))
            engine.change(Changes(groups=[group("New")], entries=[entry("New")]))
            engine.remembered.intents[slot("New")] = NOW
            opened._writer.lost_the_thread = True
            await until(lambda: engine.asked > 0)
            await until(lambda: opened.healthy)
            assert Remembered.of(store.load()) == engine.remembered
            with store.reader() as connection:
                (line,) = history.transitions(connection, history.Span()).lines
                assert line.alert.labels == alert("Old").labels

    asyncio.run(run())


def test_changes_that_come_during_recovery_are_kept(store: Store) -> None:
    async def run() -> None:
        engine = Engine()
        async with journal(store, engine.state) as opened:
            opened._writer.lost_the_thread = True
            for number in range(300):
                with contextlib.suppress(StoreError):
                    await opened.write(engine.change(fired(alert(f"Down{number}"))))
                await asyncio.sleep(0.001)
            await until(lambda: engine.asked > 0 and opened.healthy)
            assert Remembered.of(store.load()) == engine.remembered

    asyncio.run(run())


def test_a_queue_that_grows_too_long_refuses_and_recovers(sqlite_store: Store) -> None:
    async def run() -> None:
        engine = Engine()
        async with journal(sqlite_store, engine.state, settings=replace(QUICK, longest_queue=50)) as opened:
            # The loop gives the writer no turn to tell that it is done.
            futures = [opened.write(engine.change(fired(alert(f"Down{number}")))) for number in range(3000)]
            results = await asyncio.gather(*futures, return_exceptions=True)
            refused = [each for each in results if isinstance(each, StoreError)]
            assert any("does not keep up" in str(each) for each in refused)
            await until(lambda: engine.asked > 0)
            await until(lambda: opened.healthy)
            assert Remembered.of(sqlite_store.load()) == engine.remembered

    asyncio.run(run())


def test_history_that_does_not_fit_the_memory_is_counted(sqlite_store: Store) -> None:
    async def run() -> int:
        engine = Engine()
        few = replace(QUICK, most_history=10, retry=MINUTE)
        async with journal(sqlite_store, engine.state, settings=few) as opened:
            opened._writer.lost_the_thread = True
            await until(lambda: not opened.healthy)
            for number in range(30):
                with pytest.raises(StoreError):
                    await opened.write(engine.change(fired(alert(f"Down{number}"))))
        return opened.lost_history

    assert asyncio.run(run()) == 20
    assert len(sqlite_store.load().alerts) == 30
    with sqlite_store.reader() as connection:
        names = [
            line.alert.labels["alertname"] for line in history.transitions(connection, history.Span()).lines
        ]
    assert names == [f"Down{number}" for number in range(29, 19, -1)]


def test_a_send_does_not_wait_for_a_database_that_hangs(sqlite_store: Store) -> None:
    """The page goes out all the same."""

    async def run() -> None:
        async with journal(sqlite_store, settings=replace(QUICK, patience=SECOND // 2)) as opened:
            await opened.write(fired(alert()))
            with locked(sqlite_store), pytest.raises(StoreError, match=r"has not answered for 0\.5 s"):
                await opened.intend([slot()], NOW)

    asyncio.run(run())
    assert store_is_sound(sqlite_store)


def store_is_sound(store: Store) -> bool:
    with contextlib.closing(sqlite3.connect(file_of(store))) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchone() == ("ok",))


def test_closing_while_the_database_fails_tries_once_more(sqlite_store: Store) -> None:
    async def run() -> None:
        engine = Engine()
        async with journal(sqlite_store, engine.state, settings=replace(QUICK, retry=MINUTE)) as opened:
            opened._writer.lost_the_thread = True
            await until(lambda: not opened.healthy)
            with pytest.raises(StoreError):
                await opened.write(engine.change(fired(alert())))

    asyncio.run(run())
    assert sqlite_store.load().alerts == [alert()]
    assert sqlite_store.stopped_in_order


# Damaged files


def damage(file: Path, table: str) -> None:
    """Overwrite a page in the middle of a table."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    with file.open("r+b") as opened:
        opened.seek((root - 1) * size)
        page = opened.read(size)
        # An inner page: the pointers to its children stand after its header of 12 bytes.
        assert page[0] == 5, "the table is too small"
        cells = int.from_bytes(page[3:5])
        middle = int.from_bytes(page[12 + cells // 2 * 2 :][:2])
        child = int.from_bytes(page[middle : middle + 4])
        opened.seek((child - 1) * size)
        opened.write(b"\xee" * size)


@pytest.mark.parametrize("run_on", [True, False], ids=["noticed while running", "noticed at the start"])
def test_a_damaged_file_is_set_aside_and_what_is_known_goes_into_a_new_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, run_on: bool
) -> None:
    alerts = [alert(f"Down{number}") for number in range(400)]

    async def run(store: Store, engine: Engine) -> None:
        async with journal(store, engine.state) as opened:
            await opened.write(fired(*alerts))
            if run_on:
                damage(file_of(store), "alerts")
                opened._writer._disconnect()
                while opened.healthy:
                    with contextlib.suppress(StoreError):
                        await opened.write(fired(*[replace(each, updated_at=NOW + 1) for each in alerts]))
                await until(lambda: opened.healthy)

    engine = Engine()
    engine.change(fired(*alerts))
    with contextlib.closing(Store.open(tmp_path, StillClock())) as store:
        asyncio.run(run(store, engine))
        if not run_on:
            damage(file_of(store), "alerts")
    with contextlib.closing(Store.open(tmp_path, StillClock())) as store:
        state = store.load()
        if run_on:
            assert len(state.alerts) == 400
        else:
            assert 300 < len(state.alerts) < 400
            assert "damaged" in store.damage

            async def start() -> None:
                async with journal(store, lambda: state) as opened:
                    await until(lambda: opened.healthy and opened.commits > 0)

            asyncio.run(start())
            assert len(store.load().alerts) == len(state.alerts)
        assert store_is_sound(store)
    assert list(tmp_path.glob("alertrouter.db.damaged-*"))
    assert "damaged" in caplog.text


def test_rows_that_make_no_sense_are_left_out_and_counted(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        async with journal(store) as opened:
            for name in ("Good", "Bad", "Worse"):
                await opened.write(fired(alert(name)))
                await opened.write(Changes(groups=[group(name)], entries=[entry(name)]))
                await opened.write(silenced(silence(name)))
                await opened.intend([slot(f"other {name}")], NOW)

    asyncio.run(run())
    with store.database.writer() as connection, connection.begin():
        for statement in (
            "UPDATE alerts SET labels = '{\"a\":' WHERE labels LIKE '%Bad%'",
            "UPDATE alerts SET labels = '{\"alertname\":\"Another\"}' WHERE labels LIKE '%Worse%'",
            "UPDATE groups SET labels = '[]' WHERE labels LIKE '%Bad%'",
            "UPDATE groups SET route = 'elsewhere' WHERE labels LIKE '%Worse%'",
            "UPDATE notification_log SET receiver_data = '17' WHERE labels LIKE '%Bad%'",
            "UPDATE notification_log SET receiver = 'nobody' WHERE labels LIKE '%Worse%'",
            'UPDATE silences SET matchers = \'[[["a", "=~", "("]]]\' WHERE id = \'Bad\'',
            "UPDATE silences SET annotations = 'x' WHERE id = 'Worse'",
            "UPDATE intents SET integration = '?' WHERE labels LIKE '%Bad%'",
            "DELETE FROM intents WHERE labels LIKE '%Worse%'",
        ):
            connection.exec_driver_sql(
                statement.replace("%", "%%") if not store.database.is_sqlite else statement, ()
            )
    state = store.load()
    assert state.alerts == [alert("Good")]
    assert state.groups == [group("Good")]
    assert state.entries == [entry("Good")]
    assert state.silences == [silence("Good")]
    assert list(state.intents) == [slot("other Good")]
    assert store.loaded.skipped == {
        "alerts": 2,
        "groups": 2,
        "notification_log": 2,
        "silences": 2,
        "intents": 1,
    }
    assert "make no sense" in caplog.text
