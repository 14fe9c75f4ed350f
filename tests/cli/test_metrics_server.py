"""A metrics server as commands ask it: what is sent, and what becomes of its answers."""

from __future__ import annotations

import json
import threading
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from alertrouter.cli.metrics_server import MetricsServer
from alertrouter.cli.session import GlobalOptions
from alertrouter.core.time import MILLISECOND, SECOND
from alertrouter.rules.lint.live import AskError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def answering(status: int, body: str, asked: list[tuple[str, dict[str, list[str]]]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked.append((self.path, parse_qs(form)))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://user:geheim@127.0.0.1:{server.server_address[1]}/prom/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def asking(
    status: int, body: str, asked: list[tuple[str, dict[str, list[str]]]] | None = None
) -> Iterator[MetricsServer]:
    with answering(status, body, [] if asked is None else asked) as url:
        server = MetricsServer(url, GlobalOptions())
        yield server
        server.close()


def body(kind: str, result: object) -> str:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}})


def test_a_range_is_asked_for_and_read() -> None:
    asked: list[tuple[str, dict[str, list[str]]]] = []
    series = [
        {"metric": {}, "values": [[1.5, "1"], [2.5, "0"]]},
        {"metric": {}, "histograms": [[3, {}]]},
        {"metric": {}, "values": []},
    ]
    with asking(200, body("matrix", series), asked) as server:
        found = server.moments("up > 0", 1500 * MILLISECOND, 10 * SECOND, 500 * MILLISECOND)

    assert found == [[1500 * MILLISECOND, 2500 * MILLISECOND], [3 * SECOND], []]
    assert asked == [
        (
            "/prom/api/v1/query_range",
            {"query": ["up > 0"], "start": ["1.500"], "end": ["10.000"], "step": ["0.500"]},
        )
    ]


@pytest.mark.parametrize(
    ("kind", "result", "is_there"),
    [
        ("vector", [], False),
        ("vector", [{"metric": {}, "value": [1, "0"]}], True),
        ("scalar", [1, "0"], True),
    ],
)
def test_whether_there_is_a_series(kind: str, result: object, is_there: bool) -> None:
    with (
        answering(200, body(kind, result), []) as url,
        closing(MetricsServer(url, GlobalOptions())) as server,
    ):
        assert server.is_there("up") is is_there


@pytest.mark.parametrize(
    ("status", "text", "is_refusal"),
    [
        (422, '{"status":"error","errorType":"execution","error":"too many samples"}', True),
        (503, "busy", False),
        (200, "<html>", False),
        (200, "[]", False),
        (200, '{"status":"success","data":{"resultType":"vector"}}', False),
    ],
)
def test_what_is_no_answer_is_told_without_the_password(status: int, text: str, is_refusal: bool) -> None:
    with asking(status, text) as server, pytest.raises(AskError, match=f"answered {status}") as error:
        server.is_there("up")
    assert error.value.is_refusal is is_refusal
    assert "geheim" not in str(error.value)


def test_a_server_that_is_not_there() -> None:
    with (
        closing(MetricsServer("http://127.0.0.1:9", GlobalOptions())) as server,
        pytest.raises(AskError, match=r"127\.0\.0\.1:9") as error,
    ):
        server.is_there("up")
    assert not error.value.is_refusal
