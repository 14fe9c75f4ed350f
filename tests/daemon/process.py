"""A real daemon, as a process of its own, on a free port."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, Self

import httpx

from alertrouter.core.time import LATEST
from alertrouter.insight.store_record import StoreRecord
from alertrouter.insight.verify import verify
from alertrouter.store import StoreError
from alertrouter.store.reading import reading
from tests.daemon.forked import begin
from tests.waiting import PATIENCE, until

CONFIG = """
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 100ms
  group_interval: 500ms
  repeat_interval: 1h
receivers:
  - name: hook
    webhook_configs:
      - url: {url}
"""


class Process(Protocol):
    """A started program, as `asyncio.subprocess` has one."""

    stderr: asyncio.StreamReader | None

    @property
    def returncode(self) -> int | None: ...
    def send_signal(self, signal: int) -> None: ...
    def kill(self) -> None: ...
    async def wait(self) -> int: ...


class Daemon:
    """The daemon under test. Its configuration file may be rewritten while it runs.

    ``address`` is where it listens; ``prefix`` is the path below which it is asked.
    """

    address: str
    prefix = ""

    def __init__(self, folder: Path, configuration: str, *flags: str) -> None:
        self.folder = folder
        self.config = folder / "alertmanager.yml"
        self.storage = folder / "data"
        self.config.write_text(configuration, encoding="utf-8")
        self.said: list[str] = []
        self.client = httpx.AsyncClient(timeout=PATIENCE, trust_env=False)
        #: Whether what it recorded is replayed in the end.
        self.is_replayed = True
        self._flags = flags
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, failed: type[BaseException] | None, *_: object) -> None:
        await self.client.aclose()
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        if self._reading is not None:
            await self._reading
        if failed is None and self.is_replayed:
            self.replay()

    def replay(self) -> None:
        """Replay what it recorded: every message must come out the same. A database that no one can read says nothing."""
        with contextlib.suppress(StoreError), reading(self.storage) as connection:
            record = StoreRecord(connection, "the record")
            if record.complete_from is not None:
                verdict = verify(record, 0, LATEST)
                assert not verdict.differing, "\n".join(map(str, verdict.differences))

    async def start(self) -> None:
        """Start it, and wait until it is ready."""
        await self.launch()
        self.address = (await until(self.listening))[0].split("address=")[1].strip()
        self.client.base_url = httpx.URL(f"http://{self.address}{self.prefix}")
        await until(self.is_ready)

    def listening(self) -> list[str]:
        """What it said of where it listens."""
        assert self.process.returncode is None, "\n".join(self.said)
        return [line for line in self.said if 'msg="Listening on"' in line]

    async def is_ready(self) -> bool:
        """Whether it says so."""
        return (await self.client.get("/-/ready")).status_code == 200

    async def launch(self) -> None:
        """Start it, ready or not."""
        self.said.clear()
        self.process = await self.begin(
            [
                f"--config.file={self.config}",
                f"--storage.path={self.storage}",
                "--web.listen-address=127.0.0.1:0",
                *self._flags,
            ]
        )
        self._reading = asyncio.create_task(self._read())

    async def begin(self, words: Sequence[str]) -> Process:
        """Start the program with these words."""
        return await begin(words)

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.said.append(line.decode())

    async def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        await self._ended()

    async def stop(self) -> int:
        """Stop it in order; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return await self._ended()

    async def _ended(self) -> int:
        status = await self.process.wait()
        if self._reading is not None:
            await self._reading
        return status

    async def exit_status(self) -> int:
        """Wait for it to end by itself."""
        return await self._ended()

    async def post(self, *alerts: dict[str, Any]) -> httpx.Response:
        """Post alerts as a client does."""
        return await self.client.post("/api/v2/alerts", json=list(alerts))

    async def alerts(self) -> list[Any]:
        """The alerts it lists."""
        found: list[Any] = (await self.client.get("/api/v2/alerts")).json()
        return found

    async def silence(self, name: str, value: str) -> str:
        """Silence for an hour; the id."""
        now = datetime.now(UTC)
        answer = await self.client.post(
            "/api/v2/silences",
            json={
                "matchers": [{"name": name, "value": value, "isRegex": False}],
                "startsAt": now.isoformat(),
                "endsAt": (now + timedelta(hours=1)).isoformat(),
                "createdBy": "somebody",
                "comment": "because",
            },
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["silenceID"])

    async def metric(self, series: str) -> float:
        """The value of a series, as it is written."""
        text = (await self.client.get("/metrics")).text
        line = next(line for line in text.splitlines() if line.startswith(series + " "))
        return float(line.rpartition(" ")[2])


def alert(name: str, **labels: str) -> dict[str, Any]:
    """An alert as Prometheus posts it: firing for some minutes."""
    now = datetime.now(UTC)
    return {
        "labels": {"alertname": name, **labels},
        "annotations": {"summary": f"{name} fires"},
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(minutes=4)).isoformat(),
        "generatorURL": "http://prometheus.example/graph",
    }


def resolved(alert: dict[str, Any]) -> dict[str, Any]:
    """The same alert, resolved now."""
    return {**alert, "endsAt": datetime.now(UTC).isoformat()}


def names(body: bytes) -> set[str]:
    """The alertnames in a webhook body."""
    with contextlib.suppress(json.JSONDecodeError):
        return {each["labels"].get("alertname", "") for each in json.loads(body)["alerts"]}
    return set()
