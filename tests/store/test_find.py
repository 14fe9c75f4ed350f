"""History by label: what the index finds is what a look at every line finds, page by page."""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from alertrouter.core.labels import Labels
from alertrouter.core.matcher import Matchers
from alertrouter.core.matcher_syntax import Mode, parse_matchers
from alertrouter.core.reason import FailureReason, NotSent
from alertrouter.core.time import LATEST, SECOND
from alertrouter.delivery.attempt import AttemptRecord
from alertrouter.engine.changes import AlertTransition, Changes, Outcome, Transition
from alertrouter.store import Store, find, history, tables
from alertrouter.store.indexing import next_chunk
from alertrouter.store.retention import size
from tests.store.values import NOW, StillClock, alert, decision, journal, slot, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest
    from sqlalchemy import Connection

    from alertrouter.engine.changes import DecisionRecord
    from alertrouter.store import Journal
    from alertrouter.store.history import Cursor, Page

ALERTS = [
    alert(labels=Labels({"alertname": name, "instance": f"db{number}", **extra}))
    for number in range(6)
    for name, extra in (
        ("Down", {}),
        ("Full", {"team": "db"}),
        ("Slow", {"team": "web", "job": f"j{number % 2}"}),
    )
]
MATCHERS = [
    'alertname="Down"',
    'alertname="Down",instance="db3"',
    'alertname="Nothing"',
    'nolabel="x"',
    'nolabel=""',
    'team=""',
    'team!=""',
    'team!="db"',
    'instance=~"db[12]"',
    'instance=~"db[12]",alertname!="Down"',
    'team!~"db|w.*"',
    'job=~".*0|"',
    'instance!~"db.*"',
]


def matchers(text: str) -> Matchers:
    return parse_matchers("{" + text + "}", Mode.FALLBACK).matchers


def story(seed: int, length: int) -> list[AlertTransition]:
    """Transitions at moments that mostly go on, sometimes stand still, and sometimes go back."""
    chance = random.Random(seed)
    at, made = NOW, []
    for _ in range(length):
        at += chance.choice([0, 0, 1, 5]) if chance.random() > 0.02 else -20
        each = replace(chance.choice(ALERTS), updated_at=at)
        made.append(AlertTransition(at=at, kind=chance.choice(list(Transition)[:4]), alert=each))
    return made


def keep(where: str, changes: list[Changes], *, lines: int = 16) -> None:
    """Write these, with an index over all but the last."""

    async def run(store: Store) -> None:
        async with journal(store) as opened:
            for each in changes:
                await opened.write(each)
            await index(store, opened, lines)

    with contextlib.closing(Store.open(where, StillClock())) as store:
        asyncio.run(run(store))


async def index(store: Store, opened: Journal, lines: int) -> int:
    made = 0
    while True:
        with store.reader() as connection:
            chunk = next_chunk(connection, lines=lines)
        if chunk is None:
            return made
        await opened.index(chunk)
        made += 1


@contextlib.contextmanager
def reading(where: str) -> Iterator[Connection]:
    with contextlib.closing(Store.open(where, StillClock())) as store, store.reader() as connection:
        yield connection


def all_pages(ask: Callable[[Cursor | None], Page[AlertTransition]]) -> list[AlertTransition]:
    found: list[AlertTransition] = []
    page = ask(None)
    while True:
        found += page.lines
        if page.older is None:
            return found
        page = ask(page.older)


def keys(lines: list[AlertTransition]) -> list[tuple[int, str, str]]:
    return [(line.at, line.kind.value, line.alert.labels.text()) for line in lines]


def remember(where: str, told: list[AlertTransition]) -> None:
    """Write the transitions; half of the alerts are forgotten again."""
    write(where, [Changes(alerts=ALERTS), Changes(collected_alerts=[each.labels for each in ALERTS[::2]])])
    keep(where, [Changes(transitions=told)])


def test_a_search_finds_what_looking_at_every_line_finds(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = story(1, 150)
    remember(where, told)
    numbered = sorted(enumerate(told), key=lambda each: (each[1].at, each[0]), reverse=True)
    since, until = NOW + 100, NOW + 300
    with reading(where) as connection:
        for text in MATCHERS:
            wanted = matchers(text)
            expected = [line for _, line in numbered if wanted.match(line.alert.labels)]
            resolved = [line for line in expected if line.kind is Transition.RESOLVED]

            def ask(
                limit: int, *kinds: Transition, since: int = 0, until: int = LATEST, wanted: Matchers = wanted
            ) -> list[tuple[int, str, str]]:
                return keys(
                    all_pages(
                        lambda before: history.transitions(
                            connection,
                            history.Span(before=before, limit=limit, since=since, until=until),
                            matchers=wanted,
                            kinds=kinds,
                        )
                    )
                )

            assert ask(7) == keys(expected), text
            assert ask(1000) == keys(expected), text
            assert ask(5, Transition.RESOLVED) == keys(resolved), text
            between = [each for each in expected if since <= each.at < until]
            assert ask(5, since=since, until=until) == keys(between), text
            # A page ends early where much was looked at for nothing; the next goes on there.
            with monkeypatch.context() as patched:
                patched.setattr(find, "_LINES_AT_MOST", 10)
                assert ask(5, Transition.RESOLVED) == keys(resolved), text


def test_labels_that_are_known_give_the_index_that_stored_ones_give(where: str) -> None:
    write(where, [Changes(alerts=ALERTS, transitions=story(3, 100))])
    known = {each.labels.identity: each.labels for each in ALERTS[::2]}
    asked: list[int] = []

    def labels_of(identity: int) -> Labels | None:
        asked.append(identity)
        return known.get(identity)

    with reading(where) as connection:
        made = [
            next_chunk(connection, lines=100),
            next_chunk(connection, labels_of, lines=100),
            next_chunk(connection, {each.labels.identity: each.labels for each in ALERTS}.get, lines=100),
        ]
    assert set(asked) & known.keys()
    assert set(asked) - known.keys()
    one, *others = [{name: index.postings for name, index in each.labels.items()} for each in made if each]
    assert set(one) == {"", "alertname", "instance", "job", "team"}
    assert others == [one, one]


def test_an_alert_is_found_by_its_identity(where: str) -> None:
    told = story(2, 100)
    remember(where, told)
    wanted = {ALERTS[3].labels.identity, ALERTS[4].labels.identity}
    with reading(where) as connection:
        page = history.transitions(connection, history.Span(limit=1000), identities=wanted)
    expected = [line for line in told if line.alert.labels.identity in wanted]
    assert sorted(keys(list(page.lines))) == sorted(keys(expected))


def test_decisions_are_found_by_the_alerts_they_are_about(where: str) -> None:
    told = [
        decision(
            f"G{number}",
            at=NOW + number,
            slot=slot(f"G{number}", "team" if number % 3 else "others"),
            firing=(ALERTS[number % 4].labels.identity,),
            resolved=(ALERTS[4 + number % 3].labels.identity,),
            muted={ALERTS[8 + number % 2].labels.identity: ["silence:x"]},
            outcome=Outcome.NOT_SENT if number % 2 else Outcome.SENT,
            reason=None if number % 2 else decision().reason,
            why_not=NotSent.SILENCED if number % 2 else None,
        )
        for number in range(50)
    ]
    keep(where, [Changes(alerts=ALERTS), Changes(decisions=told)])
    labels = {each.labels.identity: each.labels for each in ALERTS}
    with reading(where) as connection:
        for text in ('alertname="Down",instance="db0"', 'instance=~"db[23]",team!=""', 'team="nobody"'):
            wanted = matchers(text)

            def about(line: DecisionRecord, wanted: Matchers = wanted) -> bool:
                return any(wanted.match(labels[each]) for each in (*line.firing, *line.resolved, *line.muted))

            expected = [line for line in reversed(told) if about(line)]
            span = history.Span(limit=1000)
            assert history.decision_records(connection, span, matchers=wanted).lines == expected
            others = [line for line in expected if line.slot.receiver == "others"]
            page = history.decision_records(connection, span, matchers=wanted, receiver="others")
            assert page.lines == others
        page = history.decision_records(connection, history.Span(limit=1000), reasons=["silenced"])
        assert page.lines == [line for line in reversed(told) if line.why_not]
        page = history.decision_records(connection, history.Span(limit=1000), outcomes=[Outcome.SENT])
        assert page.lines == [line for line in reversed(told) if line.reason]


def test_the_index_of_lines_that_are_gone_goes_too(store: Store) -> None:
    told = [replace(each, at=NOW + number * SECOND) for number, each in enumerate(story(3, 100))]

    async def run() -> None:
        async with journal(store) as opened:
            await opened.write(Changes(alerts=ALERTS, transitions=told))
            assert await index(store, opened, 16) == 6
            await opened.sweep(NOW + 50 * SECOND)

    asyncio.run(run())
    with store.reader() as connection:
        found = history.transitions(connection, history.Span(limit=1000), matchers=matchers('alertname!=""'))
        assert {line.at for line in found.lines} == {NOW + number * SECOND for number in range(50, 100)}
        assert connection.execute(select(func.count()).select_from(tables.history_chunks)).scalar() == 3
        assert connection.execute(select(func.min(tables.history_labels.c.first))).scalar() == 49
        # PostgreSQL counts a little later.
        assert size(connection) > 0 or not store.database.is_sqlite


def test_attempts_are_told_with_their_decision(where: str) -> None:
    first, second = decision(attempts=2, at=NOW + 9), decision("Other", attempts=1, at=NOW + 5)

    def attempt(of: DecisionRecord, number: int, error: str = "") -> AttemptRecord:
        reason = FailureReason.SERVER_ERROR if error else None
        return AttemptRecord(
            slot=of.slot,
            tick=of.tick,
            number=number,
            started_at=NOW + number,
            latency=7,
            error=error,
            reason=reason,
        )

    made = [attempt(first, 1, "answered 503"), attempt(second, 1), attempt(first, 2)]

    async def run(store: Store) -> None:
        async with journal(store) as opened:
            await opened.write(Changes(decisions=[first, second]))
            for each in (*made, replace(attempt(first, 3), tick=NOW + 1)):
                await opened.attempt(each)

    with contextlib.closing(Store.open(where, StillClock())) as store:
        asyncio.run(run(store))
        with store.reader() as connection:
            told = history.attempts_of(connection, [first, second])
    assert told == {
        history.decision_key(first): [made[0], made[2]],
        history.decision_key(second): [made[1]],
    }


def test_what_people_did_is_kept(where: str) -> None:
    done = [
        history.Action(NOW, "receiver tested", "team", "somebody", "127.0.0.1", "webhook/0: ok"),
        history.Action(NOW + 1, "configuration reloaded", "alertmanager.yml"),
    ]

    async def run(store: Store) -> None:
        async with journal(store) as opened:
            for each in done:
                await opened.acted(each)

    with contextlib.closing(Store.open(where, StillClock())) as store:
        asyncio.run(run(store))
        with store.reader() as connection:
            assert history.action_records(connection, history.Span()).lines == done[::-1]
            assert history.action_records(connection, history.Span(), author="somebody").lines == done[:1]
