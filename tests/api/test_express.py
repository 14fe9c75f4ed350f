"""The short way of posted alerts: no client can tell it from the long one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Self, TypeVar

import pytest

from alertrouter.api.alerts import Alerts
from alertrouter.api.express import Express
from alertrouter.api.listing import Listing
from alertrouter.api.router import UnavailableError
from alertrouter.core.time import SECOND
from alertrouter.http_protocol import Protocol
from alertrouter.serve import Server as HttpServer
from alertrouter.serve import event_loop
from alertrouter.settings import Settings
from tests.api.scenes import CONFIG, alert
from tests.api.server import Server
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable
    from pathlib import Path

    from starlette.types import ASGIApp

    from alertrouter.api.http import Answer

T = TypeVar("T")

PATH = "/api/v2/alerts"
JSON = "application/json"
GOOD = json.dumps([alert({"alertname": "Up"})]).encode()


class Watched(Express):
    """Counts what it takes."""

    def __init__(self, server: Server) -> None:
        super().__init__(Alerts(server.router, Listing(server.router)), server.metrics, prefix="")
        self.taken = 0

    def take(self, body: bytes, begun: float) -> Answer | ASGIApp:
        self.taken += 1
        return super().take(body, begun)


class Storing:
    """What is posted is taken in at once, and stored when ``done`` is."""

    def __init__(self, server: Server) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.begun = 0
        self._take_in = server.router.take_in
        server.router.take_in = self  # type: ignore[method-assign]

    def __call__(self, body: bytes) -> asyncio.Future[list[str]]:
        problems = self._take_in(body)
        assert isinstance(problems, list)
        self.begun += 1
        return asyncio.ensure_future(self._once_stored(problems))

    async def _once_stored(self, problems: list[str]) -> list[str]:
        await asyncio.shield(self.done)
        return problems


class Client:
    """A connection on which every byte counts."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()
            # The other side reads it before the next comes.
            await asyncio.sleep(0.001)

    async def answer(self) -> bytes:
        """The next answer, without its date."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if not line.startswith(b"date:")]
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        return b"\r\n".join(lines) + await self._reader.readexactly(length)

    async def rest(self) -> bytes:
        """All until the other side closes."""
        return await self._reader.read()


def head(*headers: str, line: str = f"POST {PATH} HTTP/1.1", length: int | None = None) -> bytes:
    lines = [line, "Host: x", *headers, *([] if length is None else [f"Content-Length: {length}"])]
    return "\r\n".join([*lines, "", ""]).encode()


def posting(body: bytes, *headers: str, line: str = f"POST {PATH} HTTP/1.1", brings: str = JSON) -> bytes:
    return head(f"Content-Type: {brings}", *headers, line=line, length=len(body)) + body


@contextlib.asynccontextmanager
async def served(server: Server, express: Express | None) -> AsyncIterator[tuple[HttpServer, int]]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        async with contextlib.AsyncExitStack() as stack:
            http = HttpServer(server.app, express=express)
            await http.begin([listening], stack)
            yield http, listening.getsockname()[1]


async def told(request: bytes, answers: int, *, short: bool) -> tuple[list[bytes], int, list[str]]:
    """The answers, how many were given on the short way, and who is known then."""
    server = Server(CONFIG)
    express = Watched(server)
    async with served(server, express if short else None) as (_, port), Client(port) as client:
        await client.send(request)
        found = [await client.answer() for _ in range(answers)]
    return found, express.taken, sorted(labels["alertname"] for labels in server.router.engine.known)


ORDINARY = {
    "one alert": posting(GOOD),
    "none": posting(b"[]"),
    "with a character set": posting(GOOD, brings="application/json; charset=utf-8"),
    "as Prometheus has it": posting(GOOD, "User-Agent: Prometheus/3.0", "Accept-Encoding: gzip"),
    "names in any case": posting(GOOD).replace(b"Content-Type", b"CONTENT-TYPE"),
    "no JSON": posting(b"what?"),
    "no list": posting(b"{}"),
    "of another type": posting(b'[{"labels": {"a": 1}}]'),
    "without labels": posting(b'[{"labels": {}}]'),
    "some good, some not": posting(json.dumps([{"labels": {}}, alert({"alertname": "Up"})]).encode()),
    "half a character": posting(b'[{"labels": {"a": "b"}, "startsAt": "\\ud800"}]'),
}
UNUSUAL = {
    "of another origin": posting(GOOD, "Origin: http://elsewhere"),
    "in chunks": head(f"Content-Type: {JSON}", "Transfer-Encoding: chunked") + b"2\r\n[]\r\n0\r\n\r\n",
    "closing": posting(GOOD, "Connection: close"),
    "as HTTP/1.0": posting(GOOD, line=f"POST {PATH} HTTP/1.0"),
    "with a query": posting(GOOD, line=f"POST {PATH}?a=b HTTP/1.1"),
    "with a slash": posting(GOOD, line=f"POST {PATH}/ HTTP/1.1"),
    "with an escape": posting(GOOD, line="POST /api/v2/%61lerts HTTP/1.1"),
    "with two slashes": posting(GOOD, line="POST /api//v2/alerts HTTP/1.1"),
    "of what is no JSON": posting(GOOD, brings="text/plain"),
    "of an odd type": posting(GOOD, brings="what"),
    "without a type": head(length=2) + b"[]",
    "without a body": head(f"Content-Type: {JSON}", length=0),
    "with two types": posting(GOOD, "Content-Type: text/plain"),
    "of an old version": posting(GOOD, line="POST /api/v1/alerts HTTP/1.1"),
    "put": posting(GOOD, line=f"PUT {PATH} HTTP/1.1"),
    "asked for": posting(b"[]", line=f"GET {PATH} HTTP/1.1"),
    "an upgrade": posting(GOOD, "Connection: upgrade", "Upgrade: h2c"),
    "no HTTP": b"\x16\x03\x01 what?\r\n\r\n",
}


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_request_is_answered_the_same_on_the_short_way(name: str) -> None:
    short, taken, known = on_the_loop(told(ORDINARY[name], 1, short=True))
    assert taken == 1
    assert (short, known) == on_the_loop(told(ORDINARY[name], 1, short=False))[::2]


@pytest.mark.parametrize("name", UNUSUAL)
def test_whatever_is_unusual_takes_the_long_way(name: str) -> None:
    short, taken, known = on_the_loop(told(UNUSUAL[name], 1, short=True))
    assert taken == 0
    assert (short, known) == on_the_loop(told(UNUSUAL[name], 1, short=False))[::2]


def test_a_client_that_wants_to_be_told_to_go_on_is_told() -> None:
    answers, taken, known = on_the_loop(told(posting(GOOD, "Expect: 100-continue"), 2, short=True))
    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 100", b"HTTP/1.1 200"]
    assert (taken, known) == (0, ["Up"])


def on_the_loop(coroutine: Coroutine[None, None, T]) -> T:
    """Run it on the event loop that the daemon runs on."""
    with asyncio.Runner(loop_factory=event_loop()) as runner:
        return runner.run(coroutine)


Story = Callable[[Server, Watched, HttpServer, int], Coroutine[None, None, None]]


def run(story: Story) -> Server:
    """Play a story with a server."""

    async def play() -> Server:
        server = Server(CONFIG)
        express = Watched(server)
        async with served(server, express) as (http, port):
            await story(server, express, http, port)
        return server

    return on_the_loop(play())


def test_requests_that_come_at_once_are_answered_in_their_order() -> None:
    bad, unknown = posting(b"what?"), head(line="GET /api/v2/unknown HTTP/1.1")

    async def story(_: Server, express: Watched, __: HttpServer, port: int) -> None:
        async with Client(port) as client:
            requests = [posting(GOOD), bad, unknown, posting(GOOD), head(line="GET /-/ready HTTP/1.1"), bad]
            await client.send(b"".join(requests))
            statuses = [(await client.answer())[9:12] for _ in requests]
            assert statuses == [b"200", b"400", b"404", b"200", b"200", b"400"]
            # What comes while another is under way waits for it, on the long way.
            assert express.taken == 2
            await client.send(posting(GOOD))
            assert (await client.answer())[9:12] == b"200"
            assert express.taken == 3

    run(story)


def test_what_waits_to_be_stored_holds_up_what_comes_after_it_and_nobody_else() -> None:
    async def story(server: Server, express: Watched, _: HttpServer, port: int) -> None:
        storing = Storing(server)
        async with Client(port) as client, Client(port) as other:
            await client.send(posting(GOOD) + head(line="GET /-/ready HTTP/1.1") + posting(b"[]"))
            await until(lambda: storing.begun == 1)
            await other.send(head(line="GET /-/healthy HTTP/1.1"))
            assert (await other.answer()).endswith(b"OK")
            storing.done.set_result(None)
            answers = [await client.answer() for _ in range(3)]
            assert [answer[9:12] for answer in answers] == [b"200"] * 3
            assert (await told(posting(GOOD), 1, short=False))[0][0] == answers[0]
            assert express.taken == 1

    run(story)


@pytest.mark.parametrize(
    ("problem", "status", "words"),
    [
        (UnavailableError("not stored: no"), b"503", "not stored: no"),
        (RuntimeError("password=hunter2"), b"500", "internal error: see the log"),
    ],
)
def test_what_cannot_be_stored_is_told(problem: Exception, status: bytes, words: str) -> None:
    async def story(server: Server, express: Watched, _: HttpServer, port: int) -> None:
        storing = Storing(server)
        storing.done.set_exception(problem)
        async with Client(port) as client:
            await client.send(posting(GOOD))
            answer = await client.answer()
            assert answer[9:12] == status
            assert b"\r\ncache-control: no-store\r\n" in answer
            assert json.loads(answer.partition(b"\r\n\r\n")[2]) == words
            assert express.taken == 1

    run(story)


@pytest.mark.parametrize(
    ("problem", "status"), [(UnavailableError("no"), b"503"), (RuntimeError("password=hunter2"), b"500")]
)
def test_what_cannot_be_taken_in_is_told(problem: Exception, status: bytes) -> None:
    def fail(_: bytes) -> list[str] | Awaitable[list[str]]:
        raise problem

    async def story(server: Server, express: Watched, __: HttpServer, port: int) -> None:
        server.router.take_in = fail  # type: ignore[method-assign,assignment]
        async with Client(port) as client:
            await client.send(posting(GOOD) + posting(GOOD))
            for _ in range(2):
                answer = await client.answer()
                assert answer[9:12] == status
                assert b"hunter2" not in answer
            assert express.taken == 2

    run(story)


def test_a_request_may_come_byte_by_byte() -> None:
    request = posting(GOOD) + posting(b"[]")

    async def story(_: Server, express: Watched, __: HttpServer, port: int) -> None:
        async with Client(port) as client:
            await client.send(*[request[place : place + 1] for place in range(len(request))])
            assert [(await client.answer())[9:12] for _ in range(2)] == [b"200"] * 2
            assert express.taken == 2

    assert len(run(story).router.engine.known) == 1


def test_ten_megabytes_are_taken_whole() -> None:
    body = json.dumps([alert({"alertname": "Big"}, annotations={"x": "y" * 10_000_000})]).encode()

    async def story(_: Server, express: Watched, __: HttpServer, port: int) -> None:
        async with Client(port) as client:
            await client.send(posting(body))
            assert (await client.answer())[9:12] == b"200"
            assert express.taken == 1

    (known,) = run(story).router.engine.known.values()
    assert len(known.alert().annotations["x"]) == 10_000_000


def test_of_a_client_that_goes_in_the_middle_nothing_is_taken_in() -> None:
    async def story(_: Server, express: Watched, http: HttpServer, port: int) -> None:
        async with Client(port) as client:
            await client.send(posting(GOOD)[:-1])
        await until(lambda: not http.server_state.connections)
        assert express.taken == 0

    assert not run(story).router.engine.known


def test_what_a_client_posted_that_did_not_wait_is_taken_in_and_counted() -> None:
    async def story(server: Server, _: Watched, http: HttpServer, port: int) -> None:
        storing = Storing(server)
        async with Client(port) as client:
            await client.send(posting(GOOD))
            await until(lambda: storing.begun == 1)
        await until(lambda: not http.server_state.connections)
        storing.done.set_result(None)
        await until(lambda: not http.server_state.tasks)

    server = run(story)
    assert len(server.router.engine.known) == 1
    assert counted(server) == {"200": 1.0}


def test_a_client_that_takes_no_answers_is_asked_for_no_more() -> None:
    async def story(server: Server, express: Watched, http: HttpServer, port: int) -> None:
        async with Client(port) as client:
            # Its answers are as long as what is wrong with it, and more than all buffers between us hold.
            bad = posting(json.dumps([{"labels": {"a": "b"}, "startsAt": "x" * 60_000}]).encode())
            sending = asyncio.create_task(client.send(*[bad] * 400))
            (connection,) = http.server_state.connections
            assert isinstance(connection, Protocol)
            await until(lambda: connection.flow.write_paused)
            taken = express.taken
            await asyncio.sleep(0.05)
            assert express.taken == taken < 400
            answers = [await client.answer() for _ in range(400)]
            assert {answer[9:12] for answer in answers} == {b"400"}
            await sending

    run(story)


def test_a_server_that_ends_answers_what_is_under_way() -> None:
    async def story(server: Server, express: Watched, http: HttpServer, port: int) -> None:
        storing = Storing(server)
        async with Client(port) as half, Client(port) as waiting, Client(port) as idle:
            await half.send(posting(GOOD)[:-5])
            await waiting.send(posting(GOOD))
            await idle.send(posting(b"what?"))
            assert (await idle.answer())[9:12] == b"400"
            await until(lambda: storing.begun == 1)
            ending = asyncio.gather(*[http.shutdown()])
            assert await idle.rest() == b""
            await half.send(posting(GOOD)[-5:])
            storing.done.set_result(None)
            for client in (half, waiting):
                assert (await client.answer())[9:12] == b"200"
                assert await client.rest() == b""
            await ending
            assert express.taken == 2

    run(story)


def counted(server: Server) -> dict[str, float]:
    """How many posts were counted, by their answer."""
    found = {}
    for line in server.get("/metrics").body.decode().splitlines():
        if (
            line.startswith("alertmanager_http_request_duration_seconds_count")
            and f'handler="{PATH}"' in line
        ):
            found[line.partition('code="')[2].partition('"')[0]] = float(line.rpartition(" ")[2])
    return found


def test_each_way_is_counted_the_same() -> None:
    async def story(_: Server, express: Watched, __: HttpServer, port: int) -> None:
        async with Client(port) as client:
            for request in (posting(GOOD), posting(b"{}"), posting(GOOD, "Origin: x")):
                await client.send(request)
                await client.answer()
            assert express.taken == 2

    assert counted(run(story)) == {"200": 2.0, "400": 1.0}


def test_nobody_gets_past_what_stands_before_the_paths(tmp_path: Path) -> None:
    web = tmp_path / "web.yml"
    web.write_text("{}", encoding="utf-8")
    assert Server(CONFIG).express is not None
    for settings in (
        Settings(web_config_file=str(web)),
        Settings(web_read_only=True),
        Settings(web_timeout=SECOND),
    ):
        assert Server(CONFIG, settings=settings).express is None


def test_the_short_way_begins_below_the_prefix() -> None:
    express = Server(CONFIG, settings=Settings(web_external_url="http://x/am")).express
    assert express is not None
    assert express.url == b"/am/api/v2/alerts"
