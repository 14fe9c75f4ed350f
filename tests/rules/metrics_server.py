"""Something on a real socket that answers queries as Prometheus does, and takes alerts as Alertmanager does."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Self
from urllib.parse import parse_qs


class MetricsServer:
    """Each expression is answered with the series it is given here, those without any with nothing.

    ``broken`` makes every query fail. ``asked`` are the expressions, ``posted`` the alerts that came.
    """

    def __init__(self) -> None:
        self.series: dict[str, list[dict[str, str]]] = {}
        self.broken = False
        self.asked: list[str] = []
        self.posted: list[dict[str, Any]] = []
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = next(
                    int(line.partition(":")[2])
                    for line in head.lower().splitlines()
                    if line.startswith("content-length:")
                )
                body = await reader.readexactly(length)
                status, answer = self._answer(head.split()[1], body)
                writer.write(
                    f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(answer)}\r\n\r\n".encode()
                    + answer
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def _answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        if path == "/api/v2/alerts":
            self.posted += json.loads(body)
            return 200, b""
        assert path == "/api/v1/query", path
        form = parse_qs(body.decode())
        expression = form["query"][0]
        self.asked.append(expression)
        if self.broken:
            return 500, b'{"status":"error","errorType":"internal","error":"out of order"}'
        result = [
            {"metric": labels, "value": [float(form["time"][0]), "1"]}
            for labels in self.series.get(expression, [])
        ]
        return 200, json.dumps(
            {"status": "success", "data": {"resultType": "vector", "result": result}}
        ).encode()

    def told(self, alertname: str) -> list[dict[str, Any]]:
        """The alerts of this name that were posted, in order."""
        return [each for each in self.posted if each["labels"]["alertname"] == alertname]
