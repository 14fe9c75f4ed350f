"""History is kept within its age and size, and indexed while it is quiet."""

from __future__ import annotations

import asyncio

import pytest

from alertrouter import keep_history
from alertrouter.core.labels import Labels
from alertrouter.core.time import DAY
from alertrouter.engine.changes import AlertTransition, Changes, Transition
from alertrouter.keep_history import HistoryKeeper
from alertrouter.store import Store, history, indexing
from alertrouter.store.retention import size
from tests.store.values import NOW, alert, journal


def days(first: int, count: int) -> Changes:
    """Twenty alerts a day, with long annotations that were replaced."""
    return Changes(
        transitions=[
            AlertTransition(
                at=NOW + day * DAY,
                kind=Transition.CHANGED,
                alert=alert(f"A{number}"),
                replaced=Labels({"text": "x" * 2000}),
            )
            for day in range(first, first + count)
            for number in range(20)
        ]
    )


def oldest_and_count(store: Store) -> tuple[int, int]:
    with store.reader() as connection:
        lines = history.transitions(connection, history.Span(limit=10_000)).lines
    return (min(line.at for line in lines) - NOW) // DAY, len(lines)


def test_what_is_too_old_or_too_much_goes_and_the_oldest_goes_first(store: Store) -> None:
    if not store.database.is_sqlite:
        pytest.skip("the size is an estimate there, of statistics that come late")

    async def run() -> None:
        async with journal(store) as opened:
            await opened.write(days(0, 100))
            now = NOW + 100 * DAY
            await HistoryKeeper(store, opened, retention=60 * DAY, max_size=0).sweep(now)
            assert oldest_and_count(store) == (40, 1200)
            with store.reader() as connection:
                whole = size(connection)
            await HistoryKeeper(store, opened, retention=0, max_size=0).sweep(now + 100 * DAY)
            assert oldest_and_count(store) == (40, 1200)
            await HistoryKeeper(store, opened, retention=0, max_size=whole // 2).sweep(now)
            first, left = oldest_and_count(store)
            assert 60 <= first <= 75
            assert left == (100 - first) * 20
            with store.reader() as connection:
                assert size(connection) <= whole // 2
            # What is current takes room, too: all history goes, and then nothing more is tried.
            await HistoryKeeper(store, opened, retention=0, max_size=1).sweep(now)
            with store.reader() as connection:
                assert history.transitions(connection, history.Span()).lines == []

    asyncio.run(run())


def test_lines_are_indexed_while_it_is_quiet(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        keep_history, "next_chunk", lambda c, known: indexing.next_chunk(c, known, lines=1500)
    )

    async def run() -> None:
        async with journal(store) as opened:
            keeper = HistoryKeeper(store, opened, retention=0, max_size=0)
            await opened.write(days(0, 70))
            assert not await keeper.index()
            await opened.write(days(70, 10))
            assert await keeper.index()
            assert not await keeper.index()

    asyncio.run(run())
