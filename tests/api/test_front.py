"""Prefixes, limits and what stands around the endpoints."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from alertrouter.core.time import MILLISECOND, SECOND
from alertrouter.external_url import external_url, route_prefix
from alertrouter.settings import Settings
from tests.api.play import Raw, Step
from tests.api.scenes import CONFIG
from tests.api.server import Server, request

A = "/api/v2/alerts"


@pytest.mark.parametrize(
    ("external", "given_prefix", "prefix"),
    [
        ("", "", ""),
        ("http://x", "", ""),
        ("http://x/", "", ""),
        ("http://x/am", "", "/am"),
        ("http://x/am/", "", "/am"),
        ("http://x/a/b/", "", "/a/b"),
        ("http://x/am", "/", ""),
        ("http://x/am", "/other", "/other"),
        ("http://x", "am/", "/am"),
        ("", "//am//", "/am"),
    ],
)
def test_the_prefix_is_that_of_the_external_url_unless_given(
    external: str, given_prefix: str, prefix: str
) -> None:
    settings = Settings(web_external_url=external, web_route_prefix=given_prefix)
    assert route_prefix(given_prefix, external) == prefix
    server = Server(CONFIG, settings=settings)
    assert server.get(f"{prefix}{A}").status == 200
    assert server.get(f"{prefix}/-/healthy").status == 200
    assert server.get(f"{prefix}/metrics").status == 200
    assert server.get(f"{prefix}/").status == 200
    assert server.get(f"{prefix}/api/v1/alerts").status == 410
    if prefix:
        assert server.get(A).status == 404
        assert server.get(A).body == b"404 page not found\n"
        assert server.get("/elsewhere").status == 404


def test_the_way_to_the_prefix() -> None:
    server = Server(CONFIG, settings=Settings(web_route_prefix="/am"))
    ways = {
        path: server.get(path)
        for path in ("/", "/am", "/am//metrics", "/am/metrics/?a=b", "/am/api/v2", "/am/x")
    }
    assert {path: (way.status, way.headers.get("location")) for path, way in ways.items()} == {
        "/": (302, "/am"),
        "/am": (301, "/am/"),
        "/am//metrics": (301, "/am/metrics"),
        "/am/metrics/?a=b": (301, "/am/metrics?a=b"),
        "/am/api/v2": (301, "/am/api/v2/"),
        "/am/x": (404, None),
    }
    unknown = server.get("/am/api/v2/foo")
    assert json.loads(unknown.body)["message"] == "path /api/v2/foo was not found"


def test_an_external_url_must_be_of_the_web() -> None:
    assert external_url("https://x/am/", 9093) == "https://x/am"
    with pytest.raises(ValueError, match="scheme") as refused:
        external_url("ftp://x", 9093)
    assert str(refused.value) == "\"ftp://x\": invalid \"ftp\" scheme, only 'http' and 'https' are supported"


class SlowReload:
    """A reload that waits until it is let go."""

    def __init__(self, server: Server) -> None:
        self.go = asyncio.Event()
        server.router.reload = self  # type: ignore[method-assign]

    async def __call__(self) -> None:
        await self.go.wait()


def test_too_long_a_request_is_cut_off() -> None:
    server = Server(CONFIG, settings=Settings(web_timeout=50 * MILLISECOND))

    async def ask() -> Raw:
        SlowReload(server)
        return await request(server.app, Step("POST", "/-/reload"))

    answer = asyncio.run(ask())
    assert (answer.status, answer.body) == (503, b"Exceeded configured timeout of 50ms.\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_within_its_time_a_request_is_answered() -> None:
    server = Server(CONFIG, settings=Settings(web_timeout=10 * SECOND))
    assert server.get("/-/healthy").body == b"OK"
    assert server.get("/").status == 200


async def start_get(server: Server, let_go: asyncio.Event) -> asyncio.Future[None]:
    """A GET whose reader does not read until it is let go."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(_: Any) -> None:
        await let_go.wait()

    scope = {"type": "http", "method": "GET", "path": A, "query_string": b"", "headers": []}
    task: asyncio.Future[None] = asyncio.ensure_future(server.app(scope, receive, send))
    await asyncio.sleep(0)
    return task


def test_more_gets_at_once_than_allowed_are_refused_and_nothing_else_is() -> None:
    server = Server(CONFIG, settings=Settings(web_get_concurrency=2))

    async def ask() -> list[Raw]:
        let_go = asyncio.Event()
        under_way = [await start_get(server, let_go) for _ in range(2)]
        answers = [
            await request(server.app, Step(method, path, body, {"content-type": "application/json"}))
            for method, path, body in (
                ("GET", A, None),
                ("GET", "/", None),
                ("HEAD", "/-/healthy", None),
                ("POST", A, b"[]"),
                ("DELETE", "/api/v2/silence/x", None),
            )
        ]
        let_go.set()
        await asyncio.gather(*under_way)
        return [*answers, await request(server.app, Step("GET", A))]

    answers = asyncio.run(ask())
    assert [answer.status for answer in answers] == [503, 503, 200, 200, 422, 200]
    assert answers[0].body == b"Limit of concurrent GET requests reached (2), try again later.\n\n"
    assert answers[0].headers["x-content-type-options"] == "nosniff"
    counted = server.get("/metrics").body.decode()
    assert 'alertmanager_http_concurrency_limit_exceeded_total{method="get"} 2.0' in counted
    assert 'alertmanager_http_requests_in_flight{method="get"} 1.0' in counted


def test_a_fault_of_ours_is_answered_and_logged_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    server = Server(CONFIG)

    async def fail(_: object) -> None:
        raise RuntimeError("password=hunter2")

    server.router.expire_silence = fail  # type: ignore[method-assign,assignment]
    answer = server.ask(Step("DELETE", "/api/v2/silence/4789e58e-a589-4744-9cb6-a6bf0636a3a9"))
    assert answer.status == 500
    assert json.loads(answer.body) == "internal error: see the log"
    assert caplog.records[-1].exc_info is not None
    server.router.reload = fail  # type: ignore[method-assign,assignment]
    answer = server.ask(Step("POST", "/-/reload"))
    assert (answer.status, answer.body) == (500, b"internal error: see the log\n")


def test_a_redirect_leads_to_what_was_written() -> None:
    ways = {
        path: Server(CONFIG).get(path).headers["location"]
        for path in ("//a%20b%0d%0ax:y", "//%C3%BC%3Fx?y=%0d%0a", "//-/healthy/../x%00")
    }
    assert ways == {
        "//a%20b%0d%0ax:y": "/a%20b%0D%0Ax:y",
        "//%C3%BC%3Fx?y=%0d%0a": "/%C3%BC%3Fx?y=%0d%0a",
        "//-/healthy/../x%00": "/-/x%00",
    }
