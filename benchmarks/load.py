"""The generator: requests over keep-alive connections from one thread, at next to no cost, and whole answers read."""

from __future__ import annotations

import select
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

HOST = "127.0.0.1"
CONNECTIONS = 8
_PATIENCE = 120.0
_PIECE = 1 << 20


class LoadError(Exception):
    """A server did not answer as it must for a figure to mean anything."""


def post_request(path: str, body: bytes) -> bytes:
    """A request as it goes over the wire."""
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def alert_requests(bodies: Iterable[bytes]) -> list[bytes]:
    """Requests that post these alerts."""
    return [post_request("/api/v2/alerts", body) for body in bodies]


@dataclass(slots=True, kw_only=True)
class Posted:
    """What came of many requests: ``answered`` has the place of each that was answered with 200."""

    seconds: float = 0.0
    answered: list[int] = field(default_factory=list)
    refused: dict[int, int] = field(default_factory=dict)
    broken: int = 0


class _Connection:
    """One connection and the request on it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(0)
        self.place = -1
        self._left = memoryview(b"")
        self._answer = b""

    def begin(self, place: int, request: bytes) -> None:
        """Send a request, or as much of it as the other side takes now."""
        self.place = place
        self._left = memoryview(request)
        self._answer = b""
        self.send()

    @property
    def sending(self) -> bool:
        """Whether part of the request is still to be sent."""
        return bool(self._left)

    def send(self) -> None:
        """Send on."""
        try:
            self._left = self._left[self.socket.send(self._left) :]
        except BlockingIOError:
            return

    def receive(self) -> int | None:
        """The status, once the answer is there as a whole."""
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionResetError
        self._answer += piece
        head, blank, body = self._answer.partition(b"\r\n\r\n")
        if not blank or len(body) < _content_length(head):
            return None
        return int(head[9:12])


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


class _Load:
    """Requests on their way over several connections."""

    def __init__(self, port: int, requests: Iterable[bytes], connections: int) -> None:
        self.posted = Posted()
        self._left: Iterator[tuple[int, bytes]] = enumerate(requests)
        self._by_file = {
            each.socket.fileno(): each for each in (_Connection(port) for _ in range(connections))
        }
        self._poll = select.epoll()
        for file in self._by_file:
            self._poll.register(file, select.EPOLLIN)

    def run(self) -> None:
        """Send all of them; LoadError when nothing is answered any more."""
        begun = time.perf_counter()
        for file in list(self._by_file):
            self._turn(file, 0)
        while self._by_file:
            events = self._poll.poll(_PATIENCE)
            if not events:
                raise LoadError(f"no answer within {_PATIENCE:g} s")
            for file, event in events:
                self._turn(file, event)
        self.posted.seconds = time.perf_counter() - begun

    def close(self) -> None:
        """Let go of all connections."""
        self._poll.close()
        for each in self._by_file.values():
            each.socket.close()

    def _turn(self, file: int, event: int) -> None:
        """Go on with one connection; it is closed when it has nothing more to do, and so are all once one breaks."""
        each = self._by_file[file]
        was_sending = each.sending
        try:
            done = not event or self._go_on(each, event)
            if done and not self._begin_next(each):
                self._end(file)
                return
        except ConnectionError:
            self.posted.broken += 1
            self._left = iter(())
            self._end(file)
            return
        if each.sending != was_sending:
            self._poll.modify(file, select.EPOLLIN | (select.EPOLLOUT if each.sending else 0))

    def _begin_next(self, each: _Connection) -> bool:
        for place, request in self._left:
            each.begin(place, request)
            return True
        return False

    def _go_on(self, each: _Connection, event: int) -> bool:
        """Whether the request on this connection was answered."""
        if each.sending:
            each.send()
        if not event & ~select.EPOLLOUT:
            return False
        status = each.receive()
        if status is None:
            return False
        if status == 200:
            self.posted.answered.append(each.place)
        else:
            self.posted.refused[status] = self.posted.refused.get(status, 0) + 1
        return True

    def _end(self, file: int) -> None:
        self._poll.unregister(file)
        self._by_file.pop(file).socket.close()


def post(port: int, requests: Iterable[bytes], *, connections: int = CONNECTIONS) -> Posted:
    """Send the requests, each once, as many at a time as there are connections; no more once one breaks."""
    load = _Load(port, requests, connections)
    try:
        load.run()
    finally:
        load.close()
    return load.posted


def post_all(port: int, requests: Sequence[bytes]) -> Posted:
    """As ``post``; LoadError unless every request is answered with 200."""
    posted = post(port, requests)
    if len(posted.answered) != len(requests):
        raise LoadError(
            f"{len(posted.answered)} of {len(requests)} requests were taken; refused: {posted.refused}, "
            f"broken connections: {posted.broken}"
        )
    return posted


def post_paced(port: int, requests: Sequence[bytes], seconds: float) -> None:
    """Send the requests evenly over this time, on one connection."""
    begun = time.monotonic()
    with socket.create_connection((HOST, port), timeout=_PATIENCE) as connection:
        for place, request in enumerate(requests):
            time.sleep(max(0.0, begun + seconds * place / len(requests) - time.monotonic()))
            connection.sendall(request)
            answer = connection.recv(65536)
            if answer[9:12] != b"200":
                raise LoadError(f"a paced request was answered with {answer[:200]!r}")
    time.sleep(max(0.0, begun + seconds - time.monotonic()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """An answer, read as a whole: ``seconds`` from the first byte sent to the last received."""

    status: int
    body: bytes
    seconds: float


def get(port: int, path: str, *, timeout: float = _PATIENCE) -> Got:
    """Ask for something. Nothing is decoded while the clock runs. Raises OSError."""
    pieces = []
    with socket.create_connection((HOST, port), timeout=timeout) as connection:
        begun = time.perf_counter()
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        while piece := connection.recv(_PIECE):
            pieces.append(piece)
        seconds = time.perf_counter() - begun
    head, _, body = b"".join(pieces).partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head.lower():
        body = _dechunked(body)
    if not head.startswith(b"HTTP/1."):
        raise ConnectionResetError(f"no answer to GET {path}")
    return Got(status=int(head[9:12]), body=body, seconds=seconds)


def _dechunked(body: bytes) -> bytes:
    pieces: list[bytes] = []
    place = 0
    while True:
        line = body.index(b"\r\n", place)
        size = int(body[place:line].partition(b";")[0], 16)
        if size == 0:
            return b"".join(pieces)
        pieces.append(body[line + 2 : line + 2 + size])
        place = line + 2 + size + 2
