"""The live stream towards clients that are slow, and what it costs when nobody listens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

from alertrouter import follow
from alertrouter.api.stream import PATH, Streams
from alertrouter.engine.changes import AlertTransition, Changes, Transition
from alertrouter.follow import Follower
from alertrouter.store import Journal, Store
from tests.api.server import Router
from tests.store.values import NOW, StillClock, alert, journal
from tests.waiting import until

CONFIG = "{route: {receiver: a}, receivers: [{name: a}]}"


class Client:
    """Takes what it is sent only when it reads."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.may_take = asyncio.Event()
        self.gone = asyncio.Event()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        await self.may_take.wait()
        self.got.append(message.get("body", b""))

    async def receive(self) -> MutableMapping[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    @property
    def text(self) -> str:
        return b"".join(self.got).decode()


class Following(Router):
    """A router with an end of its record."""

    def __init__(self, store: Store) -> None:
        super().__init__(CONFIG)
        self.store = store
        self._follower = Follower(store, self.settled)

    @property
    def follower(self) -> Follower:
        return self._follower


async def nothing_behind(*_: object) -> None:
    raise AssertionError("this path is the stream's")


def listen(router: Following, client: Client, query: bytes = b"") -> asyncio.Task[None]:
    scope = {"type": "http", "method": "GET", "path": PATH, "query_string": query, "headers": []}
    streams = Streams(nothing_behind, router=router, prefix="")
    return asyncio.ensure_future(streams(scope, client.receive, client.send))


async def fire(opened: Journal, first: int, count: int) -> None:
    alerts = [alert(f"A{number}") for number in range(first, first + count)]
    await opened.write(
        Changes(
            alerts=alerts,
            transitions=[AlertTransition(at=NOW, kind=Transition.FIRED, alert=each) for each in alerts],
        )
    )


def test_a_slow_client_is_told_and_goes_on_from_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "_MOST_KEPT", 10)

    async def story(store: Store) -> None:
        async with journal(store) as opened:
            router, slow = Following(store), Client()
            opened.on_commit = router.follower.ring
            slow.may_take.set()
            streaming = listen(router, slow)
            await until(lambda: slow.got)
            await fire(opened, 0, 1)
            await until(lambda: "A0" in slow.text)
            slow.may_take.clear()
            await fire(opened, 1, 30)
            await fire(opened, 31, 30)
            await until(lambda: router.follower.number >= 61)
            # However much happens, no more than this waits for the client.
            assert len(router.follower.kept(0)) == 10

            slow.may_take.set()
            await streaming
            assert "event: behind\n" in slow.text
            assert router.follower.listeners == 0
            last = [line.removeprefix("id: ") for line in slow.text.splitlines() if line.startswith("id: ")][
                -1
            ]

            again = Client()
            again.may_take.set()
            streaming = listen(router, again, f"after={last}".encode())
            await until(lambda: '"A60"' in again.text)
            again.gone.set()
            await streaming
            heard = (slow.text + again.text).count("event: alert\n")
            assert heard == 61

    with contextlib.closing(Store.open(tmp_path, StillClock())) as store:
        asyncio.run(story(store))


def test_nothing_is_read_or_kept_while_nobody_listens(tmp_path: Path) -> None:
    async def story(store: Store) -> None:
        async with journal(store) as opened:
            router, client = Following(store), Client()
            opened.on_commit = router.follower.ring
            await fire(opened, 0, 5)
            assert router.follower.kept(0) == []
            client.may_take.set()
            streaming = listen(router, client, b"after=1&filter=alertname%3DA4")
            await until(lambda: '"A4"' in client.text)
            assert '"A3"' not in client.text
            client.gone.set()
            await streaming
            before = len(asyncio.all_tasks())
            await fire(opened, 5, 5)
            assert router.follower.kept(0) == []
            assert len(asyncio.all_tasks()) == before

    with contextlib.closing(Store.open(tmp_path, StillClock())) as store:
        asyncio.run(story(store))


def test_a_gap_is_told_where_retention_has_cut(tmp_path: Path) -> None:
    async def story(store: Store) -> None:
        async with journal(store) as opened:
            router, client = Following(store), Client()
            await fire(opened, 0, 20)
            await opened.sweep(NOW + 1)
            await fire(opened, 20, 1)
            client.may_take.set()
            streaming = listen(router, client, b"after=5&kind=alert")
            await until(lambda: '"A20"' in client.text)
            assert client.text.index("event: gap\n") < client.text.index('"A20"')
            client.gone.set()
            await streaming

    with contextlib.closing(Store.open(tmp_path, StillClock())) as store:
        asyncio.run(story(store))
