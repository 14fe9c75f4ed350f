"""HTTP/1.1 as servers speak it, byte by byte."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from alertrouter.clock import SystemClock
from alertrouter.config.http import HttpConfig
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.http_client import HttpClient
from tests.receivers import HttpReceiver
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

pytestmark = pytest.mark.anyio


class RawServer:
    """Answers each request on a connection with the next of the given bytes; closes after the last."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.heads: list[bytes] = []
        self.connections = 0
        self.open_connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_connections += 1
        try:
            while self.answers:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                answer = self.answers.pop(0)
                writer.write(answer)
                if answer.endswith(b"CLOSE"):
                    break
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.open_connections -= 1


@asynccontextmanager
async def talking(*answers: bytes) -> AsyncIterator[tuple[HttpClient, RawServer, Callable[[str], str]]]:
    raw = RawServer(*answers)
    http = HttpClient(HttpConfig(), SystemClock())
    async with await asyncio.start_server(raw.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        try:
            yield http, raw, lambda path: f"http://127.0.0.1:{port}{path}"
        finally:
            await http.aclose()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_an_answer_in_chunks() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    async with talking(chunked, OK) as (http, raw, url):
        assert (await http.get(url("/"))).text == "abcde"
        assert (await http.get(url("/"))).text == "ok"
        assert raw.connections == 1


async def test_an_answer_that_ends_with_its_connection() -> None:
    async with talking(b"HTTP/1.0 200 OK\r\n\r\nall of it CLOSE", OK) as (http, raw, url):
        assert (await http.get(url("/"))).text == "all of it CLOSE"
        assert (await http.get(url("/"))).text == "ok"
        assert raw.connections == 2


async def test_a_connection_the_server_wants_closed() -> None:
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    async with talking(closing, OK) as (http, raw, url):
        await http.get(url("/"))
        await http.get(url("/"))
        assert raw.connections == 2


async def test_a_connection_that_was_closed_while_idle() -> None:
    async with talking(OK) as (http, raw, url):
        await http.get(url("/"))
        await until(lambda: not raw.open_connections)
        await asyncio.sleep(0.05)  # for the server's farewell to arrive
        raw.answers.append(OK)
        assert (await http.get(url("/"))).text == "ok"
        assert raw.connections == 2


async def test_words_before_the_answer_are_passed_over() -> None:
    async with talking(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK) as (http, _, url):
        answer = await http.get(url("/"))

    assert (answer.status_code, answer.text, "link" in answer.headers) == (200, "ok", False)


async def test_headers_are_found_in_any_case_and_the_first_of_two_counts() -> None:
    answer = b"HTTP/1.1 200 OK\r\nRetry-AFTER: 1\r\nretry-after: 2\r\nContent-Length: 0\r\n\r\n"
    async with talking(answer) as (http, _, url):
        headers = (await http.get(url("/"))).headers

    assert (headers["Retry-After"], headers.get("Location"), sorted(headers)) == (
        "1",
        None,
        ["content-length", "retry-after"],
    )
    assert len(headers) == 2


async def test_a_body_larger_than_the_system_takes_at_once_arrives_whole() -> None:
    body = bytes(range(256)) * 40_000
    async with HttpReceiver() as receiver:
        http = HttpClient(HttpConfig(), SystemClock())
        for _ in range(3):
            assert (await http.post(receiver.url(), content=body)).status_code == 200
        await http.aclose()

    assert [request.body == body for request in receiver.requests] == [True] * 3


async def test_an_answer_without_a_body() -> None:
    async with talking(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"HTTP/1.1 204 No\r\n\r\n") as (
        http,
        _,
        url,
    ):
        assert (await http.request("HEAD", url("/"))).status_code == 200
        assert (await http.get(url("/"))).content == b""


async def test_more_than_was_asked_for_is_not_taken_for_the_next_answer() -> None:
    async with talking(OK + b"HTTP/1.1 500 Smuggled\r\nContent-Length: 0\r\n\r\n", OK) as (http, _, url):
        assert (await http.get(url("/"))).status_code == 200
        await asyncio.sleep(0)
        assert (await http.get(url("/"))).status_code == 200


async def test_no_header_can_add_another(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a\r\nX-Evil: 1")
    config = HttpConfig.model_validate({"http_headers": {"X-A": {"files": [str(tmp_path / "secret")]}}})
    http = HttpClient(config, SystemClock())

    with pytest.raises(RejectedError, match="a header holds a line break") as error:
        await http.get("http://127.0.0.1:1/")
    assert "X-Evil" not in str(error.value)
    await http.aclose()


async def test_a_request_that_was_cancelled_leaves_no_half_answer_behind() -> None:
    async with talking(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart", OK) as (http, raw, url):
        asking = asyncio.create_task(http.get(url("/")))
        await until(lambda: raw.heads)
        await asyncio.sleep(0.05)  # for half the answer to arrive
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert (await http.get(url("/"))).text == "ok"
        assert raw.connections == 2


@pytest.mark.parametrize(
    ("url", "target", "host"),
    [
        ("http://127.0.0.1:{port}", b"/", "127.0.0.1:{port}"),
        ("http://127.0.0.1:{port}?x=1#part", b"/?x=1", "127.0.0.1:{port}"),
        ("HTTP://localhost:{port}/a//b/../c;d=e", b"/a//b/../c;d=e", "localhost:{port}"),
    ],
)
async def test_what_the_first_lines_say(url: str, target: bytes, host: str) -> None:
    async with talking(OK) as (http, raw, make):
        port = make("").rpartition(":")[2]
        await http.get(url.format(port=port))

    assert raw.heads[0].startswith(
        b"GET " + target + b" HTTP/1.1\r\nHost: " + host.format(port=port).encode() + b"\r\n"
    )


@pytest.mark.parametrize("garbage", [b"SSH-2.0-x\r\n", b"\x15\x03\x01", b"HTTP/1.1 abc\r\n\r\n"])
async def test_garbage(garbage: bytes) -> None:
    async with talking(garbage + b"CLOSE") as (http, _, url):
        with pytest.raises(TemporaryError, match=r"is not HTTP|closed the connection"):
            await http.get(url("/"))
