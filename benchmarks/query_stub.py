"""A backend that answers queries at next to no cost, and takes alerts: ``python -m benchmarks.query_stub``.

Prints the port it listens on. A query with ``series="N"`` in it is answered with N series. ``GET /counts`` tells how many
queries, requests with alerts, and bytes of alerts there were.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from functools import lru_cache
from typing import cast

import uvloop

from benchmarks.load import HOST

# As it stands in a form: series="N".
_SERIES = re.compile(rb"series%3D%22(\d+)%22")
_EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Counts:
    """What has come so far."""

    def __init__(self) -> None:
        self.queries = 0
        self.posts = 0
        self.alert_bytes = 0


class _Connection(asyncio.Protocol):
    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._text = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._text += data
        while True:
            end = self._text.find(b"\r\n\r\n")
            if end < 0:
                return
            size = _length(self._text[:end])
            if len(self._text) < end + 4 + size:
                return
            head, body = self._text[:end], self._text[end + 4 : end + 4 + size]
            self._text = self._text[end + 4 + size :]
            self._transport.write(self._answer(head, body))
            if b"\r\nConnection: close" in head:
                self._transport.close()

    def _answer(self, head: bytes, body: bytes) -> bytes:
        target = head.split(b" ", 2)[1]
        if b"/api/v1/query" in target:
            self._counts.queries += 1
            found = _SERIES.search(body) or _SERIES.search(target)
            return _vector(int(found[1]) if found else 0)
        if b"/api/v2/alerts" in target:
            self._counts.posts += 1
            self._counts.alert_bytes += len(body)
            return _EMPTY
        if target == b"/counts":
            return _json(json.dumps(vars(self._counts)).encode())
        return _EMPTY


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _json(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@lru_cache(maxsize=100)
def _vector(count: int) -> bytes:
    result = [
        {
            "metric": {
                "__name__": "bench",
                "instance": f"host-{number}.example:9100",
                "job": "node",
                "cluster": "eu-1",
                "namespace": f"team-{number % 7}",
                "pod": f"api-{number:05d}",
            },
            "value": [1700000000, str(number + 0.5)],
        }
        for number in range(count)
    ]
    data = {"resultType": "vector", "result": result}
    return _json(json.dumps({"status": "success", "data": data}, separators=(",", ":")).encode())


async def main() -> None:
    """Serve until ended."""
    counts = Counts()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(counts), HOST, 0, backlog=1024
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
