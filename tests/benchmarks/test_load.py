"""The generator: every request once, every answer read as a whole."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from benchmarks.alerts import BATCH, Batches, alert
from benchmarks.load import LoadError, alert_requests, get, post, post_all, post_paced

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[bytes] = []
        self.refuse = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(503 if self.server.refuse else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"3\r\nabc\r\n10\r\n" + b"d" * 16 + b"\r\n0\r\n\r\n")
        else:
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"whole")
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def _running() -> Iterator[_Server]:
    server = _Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_every_request_is_sent_once_and_as_a_whole() -> None:
    requests = alert_requests(Batches(20 * BATCH + 5, 10).ending(timedelta(minutes=5)))
    with _running() as server:
        posted = post(server.server_address[1], requests)

    assert sorted(posted.answered) == list(range(21))
    pods = [each["labels"]["pod"] for body in server.bodies for each in json.loads(body)]
    assert len(pods) == len(set(pods)) == 20 * BATCH + 5
    assert posted.seconds > 0


def test_a_refusal_is_counted_and_makes_a_figure_impossible() -> None:
    with _running() as server:
        server.refuse = True
        posted = post(server.server_address[1], alert_requests([b"[]"] * 3))
        assert (posted.answered, posted.refused) == ([], {503: 3})
        with pytest.raises(LoadError, match="0 of 1 requests were taken"):
            post_all(server.server_address[1], alert_requests([b"[]"]))


def test_a_server_that_goes_away_ends_the_load() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def hang_up() -> None:
            for _ in range(8):
                connection, _ = listening.accept()
                connection.recv(100)
                connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        posted = post(port, alert_requests([b"[]"] * 100))
        thread.join()

    assert posted.answered == []
    assert posted.broken == 8


def test_a_paced_load_takes_its_time() -> None:
    with _running() as server:
        before = len(server.bodies)
        post_paced(server.server_address[1], alert_requests([b"[]"] * 4), 0.2)
        assert len(server.bodies) == before + 4


@pytest.mark.parametrize(("path", "body"), [("/chunked", b"abc" + b"d" * 16), ("/plain", b"whole")])
def test_an_answer_is_read_in_whatever_way_it_comes(path: str, body: bytes) -> None:
    with _running() as server:
        got = get(server.server_address[1], path)

    assert (got.status, got.body) == (200, body)


def test_the_same_alert_is_the_same_but_for_its_end() -> None:
    batches = Batches(3, 2)
    (first,) = batches.ending(timedelta(minutes=5))
    (second,) = batches.ending(timedelta(minutes=6))

    assert first != second
    without_end = [{**each, "endsAt": ""} for each in json.loads(first)]
    assert without_end == [{**each, "endsAt": ""} for each in json.loads(second)]
    assert len(first) == len(second)


def test_an_alert_is_as_large_as_the_figures_say() -> None:
    now = datetime.now(UTC)
    posted = alert(7, 5, now)

    assert len(posted["labels"]) == 8
    assert len(posted["annotations"]) == 3
    assert len({alert(number, 5, now)["labels"]["cluster"] for number in range(50)}) == 5
