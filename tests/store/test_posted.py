"""Requests that are acknowledged as they came: the rows of their alerts follow, and nothing is lost or out of order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, update

from alertrouter.core.matcher_syntax import Mode
from alertrouter.core.time import HOUR, MINUTE, SECOND, format_rfc3339
from alertrouter.engine.changes import Changes, DecisionRecord, SilenceChange
from alertrouter.engine.engine import Engine
from alertrouter.intake import Intake
from alertrouter.store import Journal, JournalSettings, Store, StoreError, history, tables
from alertrouter.store.adopt import adoption
from alertrouter.store.backlog import PostedBody
from alertrouter.store.tables import metadata
from alertrouter.wire import decode_alerts
from tests.store.strategies import Remembered
from tests.store.values import (
    NOW,
    QUICK,
    StillClock,
    alert,
    decision,
    fired,
    journal,
    locked,
    silence,
    silenced,
)
from tests.timeline import HOOK, routing
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from alertrouter.engine.changes import StoredState
    from alertrouter.intake import Taken

# Everything is put off, and nothing of it is written before somebody asks for it.
PATIENT = replace(
    QUICK, defer_from=1, quiet=HOUR, longest_delay=HOUR, patience=HOUR, stamp=HOUR, write_behind=HOUR
)


class Deadly(Changes):
    """What ends the journal's thread on the spot, as the end of the process would."""

    def __bool__(self) -> bool:
        return True

    @property
    def flushes(self) -> Any:
        raise SystemExit

    @flushes.setter
    def flushes(self, _: Any) -> None:
        pass


@dataclass
class Clients:
    """Clients of an engine with a journal, and what must be remembered of what they did."""

    store: Store
    settings: JournalSettings
    now: int = NOW

    def __post_init__(self) -> None:
        self.engine = Engine(routing(HOOK))
        self.intake = Intake(self.engine, Mode.FALLBACK)
        self.expected = Remembered()
        self.lines: list[tuple[object, ...]] = []

    def begin(self) -> None:
        """A journal begins."""
        self.journal = Journal(
            self.store, clock=StillClock(self.now), state=self.state, settings=self.settings
        )
        run = self.journal._writer.run

        def until_killed() -> None:
            with contextlib.suppress(SystemExit):
                run()

        self.journal._thread = threading.Thread(target=until_killed, daemon=True)
        self.journal.start()

    def state(self) -> StoredState:
        return self.expected.state()

    def take(self, body: bytes) -> Taken:
        """Take in a request in memory only."""
        taken = self.intake.take(self.intake.read(decode_alerts(body)), self.now)
        self.remember(taken.changes)
        return taken

    def post(self, *alerts: dict[str, Any]) -> asyncio.Future[None]:
        """Take in a request and give it to the journal, as the daemon does."""
        body = msgspec.json.encode(alerts)
        taken = self.take(body)
        if not taken.is_plain:
            return self.journal.write(taken.changes)
        timeout = self.engine.routing.resolve_timeout
        return self.journal.post(taken.changes, PostedBody(body, self.now, timeout, taken.places))

    def change(self, changes: Changes) -> asyncio.Future[None]:
        """Something else happens."""
        self.remember(changes)
        return self.journal.write(changes)

    def remember(self, changes: Changes) -> None:
        self.expected.add(changes)
        self.lines += [told(line) for line in changes.transitions]
        self.lines += [("silence", change.silence.id) for change in changes.silences]
        self.lines += [("decision", line.slot) for line in changes.decisions]

    async def kill(self) -> None:
        """The process ends without a word, and another begins on what is left."""
        self.journal.write(Deadly())
        await asyncio.to_thread(self.journal._thread.join)
        self.journal._writer._disconnect()
        self.store.close()


def told(line: Any) -> tuple[object, ...]:
    return (line.at, line.kind, line.alert.labels, line.alert.starts_at, line.alert.ends_at)


def recorded(store: Store) -> list[tuple[object, ...]]:
    """The record, in the order of its numbers."""
    with store.reader() as connection:
        lines, _ = history.happened_after(connection, 0, 100_000)
    found: list[tuple[object, ...]] = []
    for _, line in lines:
        match line:
            case SilenceChange():
                found.append(("silence", line.silence.id))
            case DecisionRecord():
                found.append(("decision", line.slot))
            case _:
                found.append(told(line))
    return found


def rows(store: Store, table: Any = tables.posted) -> int:
    with store.reader() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar() or 0


def posted(name: str, **changed: Any) -> dict[str, Any]:
    """An alert as a client posts it."""
    plain = {
        "labels": {"job": "node", "alertname": name, "empty": ""},
        "annotations": {"summary": f"{name} is down \N{SNOWMAN}"},
        "startsAt": format_rfc3339(NOW - MINUTE),
        "endsAt": format_rfc3339(NOW + 4 * MINUTE, 3600),
        "generatorURL": "http://prometheus.example.com/graph",
    }
    return plain | changed


@contextlib.contextmanager
def opened(where: str) -> Iterator[Store]:
    with contextlib.closing(Store.open(where, StillClock())) as store:
        yield store


def test_a_request_is_acknowledged_as_it_came_and_its_rows_are_there_after_a_crash(where: str) -> None:
    async def run() -> Clients:
        clients = Clients(Store.open(where, StillClock()), PATIENT)
        clients.begin()
        await asyncio.gather(*[clients.post(posted(f"A{n}"), posted(f"B{n}")) for n in range(5)])
        # Nobody gave an end, nor a start; one was over from the beginning.
        await clients.post(
            {"labels": {"alertname": "Plain"}}, posted("Over", endsAt=format_rfc3339(NOW - SECOND))
        )
        assert rows(clients.store) == 6
        assert rows(clients.store, tables.alerts) == 0
        await clients.kill()
        return clients

    clients = asyncio.run(run())
    with opened(where) as store:
        assert Remembered.of(store.load()) == clients.expected
        assert recorded(store) == clients.lines
        assert len(clients.lines) == 12
        assert rows(store) == 0
        assert store.last_number == 12
        assert not store.loaded.skipped


def test_a_request_that_was_stored_alone_says_how_long_the_store_was_followed(where: str) -> None:
    async def run() -> None:
        clients = Clients(Store.open(where, StillClock()), PATIENT)
        clients.begin()
        await clients.post(posted("First"))
        # Its group is there: nothing but the request has to be stored.
        clients.now = NOW + 3 * SECOND
        await clients.post(posted("Second"))
        assert rows(clients.store) == 2
        await clients.kill()

    asyncio.run(run())
    with opened(where) as store:
        state = store.load()
        assert state is not None
        assert state.seen_at == NOW + 3 * SECOND
        assert len(state.alerts) == 2


def test_only_what_was_new_in_a_request_is_taken_from_it_again(where: str) -> None:
    async def run() -> Clients:
        clients = Clients(Store.open(where, StillClock()), PATIENT)
        clients.begin()
        await clients.post(posted("Known"))
        later = format_rfc3339(NOW + 5 * MINUTE)
        # A heartbeat, one that is refused, the same twice, and two that are new.
        await clients.post(
            posted("Known", endsAt=later), posted("New"), {"labels": {}}, posted("New"), posted("Newer")
        )
        assert rows(clients.store) == 2
        await clients.kill()
        return clients

    clients = asyncio.run(run())
    with opened(where) as store:
        assert Remembered.of(store.load()) == clients.expected
        assert recorded(store) == clients.lines
        assert [line[2]["alertname"] for line in clients.lines] == ["Known", "New", "Newer"]  # type: ignore[index]


def test_whatever_else_happens_finds_them_in_the_record_before_it(store: Store) -> None:
    async def run() -> None:
        clients = Clients(store, PATIENT)
        clients.begin()
        await clients.post(posted("First"))
        await clients.post(posted("Second"))
        assert rows(store) == 2
        await clients.change(Changes(decisions=[decision()]))
        assert rows(store) == 0
        await clients.post(posted("Third"))
        # One that is known says something else, in a request with one that is new.
        await clients.post(posted("Fourth"), posted("First", annotations={}))
        assert rows(store) == 0
        await clients.post(posted("Fifth"))
        assert rows(store) == 1
        await clients.change(silenced(silence()))
        assert recorded(store) == clients.lines
        await clients.journal.close()
        assert Remembered.of(store.load()) == clients.expected

    asyncio.run(run())


def test_when_it_is_quiet_the_rows_are_written_a_few_at_a_time(store: Store) -> None:
    async def run() -> None:
        clients = Clients(store, replace(PATIENT, quiet=SECOND // 5, rows_at_once=2))
        clients.begin()
        await asyncio.gather(*[clients.post(posted(f"A{n}")) for n in range(10)])
        await until(lambda: rows(store) == 0)
        # One of them at least for the requests, and five for their alerts.
        await until(lambda: clients.journal.commits >= 6)
        assert recorded(store) == clients.lines
        await clients.journal.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    "bound", [{"most_deferred": 6}, {"most_deferred_size": 1500}, {"longest_delay": 0}], ids=str
)
def test_more_than_can_be_put_off_is_written_at_once(store: Store, bound: dict[str, int]) -> None:
    async def run() -> None:
        clients = Clients(store, replace(PATIENT, rows_at_once=1, **bound))
        clients.begin()
        for number in range(20):
            await clients.post(posted(f"A{number}"))
        # What was put off before is caught up with, two for each that comes.
        assert rows(store) == 0
        assert recorded(store) == clients.lines
        await clients.journal.close()

    asyncio.run(run())


def test_a_few_alerts_are_written_at_once(store: Store) -> None:
    async def run() -> None:
        clients = Clients(store, replace(PATIENT, defer_from=3))
        clients.begin()
        await clients.post(posted("A"), posted("B"))
        assert rows(store) == 0
        await clients.post(posted("C"), posted("D"), posted("E"))
        assert rows(store) == 1
        await clients.journal.close()
        assert rows(store) == 0
        assert store.load() == store.load()
        assert store.stopped_in_order

    asyncio.run(run())


def test_who_reads_the_record_can_wait_for_it_to_be_complete(store: Store) -> None:
    async def run() -> None:
        clients = Clients(store, PATIENT)
        clients.begin()
        await clients.post(posted("A"))
        assert clients.journal.deferred == 1
        assert recorded(store) == []
        await clients.journal.settled()
        assert clients.journal.deferred == 0
        assert recorded(store) == clients.lines
        await clients.journal.close()

    asyncio.run(run())


def test_an_end_that_a_heartbeat_moves_before_the_row_is_there_is_kept(store: Store) -> None:
    async def run() -> None:
        clients = Clients(store, PATIENT)
        clients.begin()
        await clients.post(posted("A"))
        clients.take(msgspec.json.encode([posted("A", endsAt=format_rfc3339(NOW + 9 * MINUTE))]))
        clients.journal.write_later(clients.engine.take_moved())
        await clients.post(posted("B"))
        await clients.journal.close()
        ends = {each.labels["alertname"]: each.ends_at for each in store.load().alerts}
        assert ends == {"A": NOW + 9 * MINUTE, "B": NOW + 4 * MINUTE}

    asyncio.run(run())


@pytest.mark.parametrize(
    "damage", [{"body": b'[{"labels": {"alertname": "Cut'}, {"lines": 7}, {"places": b"x"}]
)
def test_a_request_that_cannot_be_read_again_is_told_of_and_costs_nothing_else(
    where: str, damage: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> Clients:
        clients = Clients(Store.open(where, StillClock()), PATIENT)
        clients.begin()
        for name in ("Before", "Damaged", "After"):
            await clients.post(posted(name))
        await clients.kill()
        return clients

    clients = asyncio.run(run())
    table = tables.posted
    with opened_raw(where) as connection, connection.begin():
        connection.execute(update(table).where(table.c.id == 2).values(**damage))
    with caplog.at_level(logging.ERROR), opened(where) as store:
        names = {each.labels["alertname"] for each in store.load().alerts}
        assert rows(store) == 0
        assert recorded(store) == [clients.lines[0], clients.lines[2]]
    assert names == {"Before", "After"}
    assert [line.message for line in caplog.records] == [
        "a request that was acknowledged is lost: its alerts are known again when they are reported next"
    ]


@contextlib.contextmanager
def opened_raw(where: str) -> Iterator[Any]:
    """A connection that may write, past everything a store does when it is opened."""
    from alertrouter.store.database import Database, locate

    with contextlib.closing(Database(locate(where))) as database, database.writer() as connection:
        yield connection


def test_a_database_that_fails_gets_everything_when_it_works_again(tmp_path: Path) -> None:
    async def run(store: Store) -> None:
        clients = Clients(store, PATIENT)
        clients.begin()
        await clients.post(posted("Acknowledged"))
        with locked(store):
            with pytest.raises(StoreError, match="locked"):
                await clients.post(posted("Refused"))
            await until(lambda: not clients.journal.healthy)
            with pytest.raises(StoreError, match="locked"):
                await clients.post(posted("Refused too"))
        await until(lambda: clients.journal.healthy)
        assert rows(store) == 0
        assert Remembered.of(store.load()) == clients.expected
        await clients.post(posted("After"))
        await clients.journal.settled()
        assert recorded(store) == clients.lines
        await clients.journal.close()

    with opened(str(tmp_path)) as store:
        asyncio.run(run(store))


def test_what_takes_over_from_elsewhere_takes_them_apart_first(where: str) -> None:
    async def run() -> Clients:
        clients = Clients(Store.open(where, StillClock()), PATIENT)
        clients.begin()
        await clients.post(posted("A"), posted("B"))
        await clients.kill()
        return clients

    clients = asyncio.run(run())
    with adoption(where) as into:
        into.take([silence()], [], NOW)
    with opened(where) as store:
        assert recorded(store) == [*clients.lines, ("silence", silence().id)]


def test_what_cannot_be_stored_harms_nobody_else(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    bad = alert("Bad", starts_at=2**70)
    body = msgspec.json.encode([posted("Bad")])

    async def run() -> None:
        async with journal(store, settings=PATIENT) as opened_journal:
            writes = [
                opened_journal.post(
                    fired(alert(name)), PostedBody(msgspec.json.encode([posted(name)]), NOW, MINUTE)
                )
                for name in ("A", "B")
            ]
            # No request can bring this: its moments are bounded where they are read.
            writes.append(opened_journal.post(fired(bad), PostedBody(body, NOW, MINUTE)))
            await asyncio.gather(*writes)
            await opened_journal.write(silenced(silence()))
            assert opened_journal.healthy

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())
    assert {each.labels["alertname"] for each in store.load().alerts} == {"A", "B"}
    assert len(store.load().silences) == 1
    assert rows(store) == 0
    assert "alerts that were posted cannot be stored and are left out" in caplog.text


names = st.sampled_from(["A", "B", "C", "D", "E", "F"])
reports = st.builds(
    lambda name, kind: {
        "fires": posted(name),
        "goes on": posted(name, endsAt=format_rfc3339(NOW + 6 * MINUTE)),
        "changes": posted(name, annotations={"summary": "otherwise"}),
        "is over": posted(name, endsAt=format_rfc3339(NOW)),
        "says little": {"labels": {"alertname": name}},
    }[kind],
    names,
    st.sampled_from(["fires", "fires", "fires", "goes on", "changes", "is over", "says little"]),
)
requests = st.lists(reports, min_size=1, max_size=4)
events = st.one_of(
    st.lists(requests, min_size=1, max_size=4),
    st.lists(requests, min_size=1, max_size=4),
    st.sampled_from(["a silence", "a decision", "a reader", "collected", "a pause", "the end"]),
)


@settings(
    max_examples=30,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(
    st.lists(events, max_size=8),
    st.sampled_from([1, 3]),
    st.sampled_from([3, 1000]),
    st.sampled_from([0, HOUR]),
)
def test_whatever_happens_and_whenever_it_ends_the_next_start_finds_what_was_acknowledged(
    where: str, happens: list[Any], defer_from: int, most: int, quiet: int
) -> None:
    async def run() -> None:
        store = Store.open(where, StillClock())
        with store.database.writer() as connection, connection.begin():
            for table in metadata.tables.values():
                connection.execute(delete(table))
        store.last_number = 0
        how = replace(PATIENT, defer_from=defer_from, most_deferred=most, quiet=quiet, rows_at_once=2)
        clients = Clients(store, how)
        clients.begin()
        for each in [*happens, "the end"]:
            await happen(clients, each)
        assert Remembered.of(clients.store.load()) == clients.expected
        assert recorded(clients.store) == clients.lines
        assert rows(clients.store) == 0
        await clients.kill()

    async def happen(clients: Clients, each: Any) -> None:
        clients.now += SECOND
        match each:
            case list():
                await asyncio.gather(*[clients.post(*request) for request in each])
            case "a silence":
                await clients.change(silenced(silence(f"of {clients.now}")))
            case "a decision":
                await clients.change(Changes(decisions=[decision()]))
            case "a reader":
                await clients.journal.settled()
                assert recorded(clients.store) == clients.lines
            case "collected":
                for group in clients.engine.groups:
                    for known in [k for k in group.members if k.ends_at <= clients.now]:
                        clients.engine.flusher.leave(group, known)
                await clients.change(clients.engine.collect_alerts(clients.now))
            case "a pause":
                await asyncio.sleep(0.01)
            case "the end":
                await clients.kill()
                clients.store = Store.open(where, StillClock())
                clients.begin()

    asyncio.run(run())
