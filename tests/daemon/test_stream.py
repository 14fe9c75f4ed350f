"""The live stream of a running daemon: what happens, from where somebody left off, to many and to slow ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from tests.daemon.process import CONFIG, Daemon, alert, resolved
from tests.daemon.test_receivers import artool
from tests.receivers import HttpReceiver
from tests.waiting import PATIENCE

STREAM = "/api/alertrouter/v1/stream"


class Event(NamedTuple):
    id: int
    kind: str
    data: Any


async def events(answer: httpx.Response) -> AsyncIterator[Event]:
    """The events of a stream, without comments."""
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
            continue
        if "data" in fields:
            yield Event(int(fields.get("id", "0")), fields["event"], json.loads(fields["data"]))
        fields = {}


async def some(
    daemon: Daemon, count: int, query: str = "", *, listens: asyncio.Semaphore | None = None, since: int = 0
) -> list[Event]:
    """So many events, from a connection of their own; ``listens`` is released when nothing is missed any more."""
    url = f"{daemon.client.base_url}{STREAM}?{query}"
    async with (
        httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client,
        client.stream("GET", url, headers={"Last-Event-ID": str(since)} if since else {}) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        if listens is not None:
            listens.release()
        found = []
        async for event in events(answer):
            found.append(event)
            if len(found) == count:
                break
        return found


def alertnames(found: list[Event]) -> list[str]:
    return [event.data["labels"]["alertname"] for event in found]


def test_what_happens_comes_as_it_happens_and_goes_on_where_somebody_left_off(tmp_path: Path) -> None:
    async def story() -> None:
        async with HttpReceiver() as hook, Daemon(tmp_path, CONFIG.format(url=hook.url("/"))) as daemon:
            await daemon.post(alert("Before"))
            listens = asyncio.Semaphore(0)
            listening = [
                asyncio.create_task(some(daemon, count, query, listens=listens))
                for count, query in (
                    (2, "filter=alertname%3DA"),
                    *[(1, "kind=alert&filter=alertname%3DB")] * 10,
                    (1, "kind=silence&kind=action"),
                )
            ]
            for _ in listening:
                await listens.acquire()
            fires = alert("A")
            await daemon.post(fires)
            await daemon.post(alert("B"))
            await daemon.silence("alertname", "C")
            whole, *only_b, silence = await asyncio.gather(*listening)

            assert [event.kind for event in whole] == ["alert", "notification"]
            assert whole[0].data["labels"]["alertname"] == "A"
            assert {*map(tuple, [alertnames(each) for each in only_b])} == {("B",)}
            assert silence[0].data["action"] == "created"
            assert len({each[0].id for each in only_b}) == 1

            # More than eight listen, and reading goes on.
            assert len(await daemon.alerts()) == 3

            await daemon.post(resolved(fires))
            again = await some(daemon, 2, "kind=alert", since=whole[0].id)
            assert alertnames(again) == ["B", "A"]
            assert again[1].data["kind"] == "resolved"

            # Also over a restart.
            await daemon.kill()
            await daemon.start()
            assert await some(daemon, 2, "kind=alert", since=whole[0].id) == again
            everything = await some(daemon, 3, "kind=alert&after=0")
            assert alertnames(everything) == ["Before", "A", "B"]

            followed = ["history", "follow", "alertname=B", "--after=0", "--limit=2"]
            status, out = await artool(daemon, *followed)
            told = [line.split("  ", 1)[1] for line in out.splitlines()]
            assert (status, told[0]) == (0, "alert         fired     B")
            assert told[1].startswith("notification  sent      to hook webhook/0: first notification: B")

            [gap] = await some(daemon, 1, "after=999999")
            assert gap.kind == "gap"

    asyncio.run(story())


def test_what_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with Daemon(tmp_path, CONFIG.format(url="http://127.0.0.1:9/")) as daemon:
            for query, complaint in (
                ("kind=nothing", 'kind: there is no "nothing": there are alert, notification'),
                ("after=x", 'after: "x" is not the id of an event'),
                ("filter=%3D", "bad matcher format"),
            ):
                answer = await daemon.client.get(f"{STREAM}?{query}")
                assert answer.status_code == 400
                assert complaint in answer.json()
            assert (await daemon.client.post(STREAM)).status_code == 405

            # A stop does not wait for those who listen; they are told.
            listens = asyncio.Semaphore(0)
            listening = asyncio.create_task(some(daemon, 1, listens=listens))
            await listens.acquire()
            assert await daemon.stop() == 0
            [end] = await listening
            assert (end.kind, end.data) == ("end", "the server stops")

    asyncio.run(story())
