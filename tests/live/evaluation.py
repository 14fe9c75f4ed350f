"""The story that rules are evaluated by: what happens to the series, who evaluates, and who hears of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from tests.receivers import Answer, HttpReceiver, ReceivedRequest

INTERVAL = 1.0

RULES = """
groups:
  - name: story
    rules:
      - alert: Quick
        expr: story_value{case="quick"} > 0  # at once
        labels: {severity: page, where: '{{ $labels.instance }}', empty: ''}
        annotations:
          summary: '{{ $labels.case }} is {{ $value | humanize }} on {{ .Labels.instance }} in {{ $externalLabels.region }}'
          other: '{{ with query "story_value{case=\\"patient\\"}" }}{{ . | first | value }}{{ end }}'
      - alert: Patient
        expr: story_value{case="patient"} > 0
        for: 3s
        labels: {severity: page}
        annotations: {summary: '{{ $labels.case }} waits'}
      - alert: Fleeting
        expr: story_value{case="fleeting"} > 0
        for: 4s
      - alert: Kept
        expr: story_value{case="kept"} > 0
        keep_firing_for: 4s
        annotations: {summary: 'was {{ $value }}'}
      - alert: ByValue
        expr: story_value{case="value"} > 0
        labels: {v: '{{ $value }}'}
      - alert: Scalar
        expr: '1'
      - alert: NotANumber
        expr: story_value{case="nan"}
        annotations: {summary: '{{ $value }}', broken: '{{ $value | title }}'}
      - alert: Twice
        expr: story_value{case=~"quick|patient"} > 0
        labels: {case: both}
      - record: story:sum
        expr: sum(story_value{case=~"quick|patient|value"})
"""

# What vmalert of any age reads alike.
COMMON_RULES = """
groups:
  - name: story
    rules:
      - alert: Quick
        expr: story_value{case="quick"} > 0
        labels: {severity: page}
        annotations: {summary: '{{ $labels.case }} is {{ $value }} on {{ $labels.instance }}'}
      - alert: Patient
        expr: story_value{case="patient"} > 0
        for: 3s
        labels: {severity: page}
"""


class Target:
    """What is scraped: ``story_value``, by case."""

    def __init__(self) -> None:
        self.values = dict.fromkeys(("quick", "patient", "fleeting", "kept", "value"), "0")
        self.values["nan"] = "NaN"
        self.server = HttpReceiver()
        self.server.answer_with(self._exposition)

    def _exposition(self, _: ReceivedRequest) -> Answer:
        lines = [f'story_value{{case="{case}"}} {value}\n' for case, value in self.values.items()]
        return Answer(200, "".join(lines).encode(), {"Content-Type": "text/plain; version=0.0.4"})


class Change(NamedTuple):
    """An alert began or ended, at ``at`` as it was told; ``heard`` is when."""

    state: str
    at: float
    heard: float


@dataclass(slots=True)
class Told:
    """What was told of one alert: its changes, the annotations it had, and until when it was said to fire, each time."""

    labels: Mapping[str, str]
    changes: list[Change] = field(default_factory=list)
    annotations: list[Mapping[str, str]] = field(default_factory=list)
    promises: list[tuple[float, float]] = field(default_factory=list)
    links: set[str] = field(default_factory=set)

    @property
    def states(self) -> list[str]:
        return [change.state for change in self.changes]


class Recorder:
    """An Alertmanager that only listens."""

    def __init__(self) -> None:
        self.told: dict[frozenset[tuple[str, str]], Told] = {}
        self.server = HttpReceiver()
        self.server.answer_with(self._alerts)

    def _alerts(self, request: ReceivedRequest) -> Answer:
        now = time.time()
        if request.target.endswith("/api/v2/alerts"):
            for alert in request.json():
                self._alert(alert, now)
        return Answer(200, b"{}")

    def _alert(self, alert: Mapping[str, Any], now: float) -> None:
        labels = alert["labels"]
        told = self.told.setdefault(frozenset(labels.items()), Told(labels))
        begins, ends = _seconds(alert["startsAt"]), _seconds(alert["endsAt"])
        change = Change("resolved", ends, now) if ends <= now else Change("firing", begins, now)
        if not told.changes or (told.changes[-1].state, told.changes[-1].at) != (change.state, change.at):
            told.changes.append(change)
        told.promises.append((now, ends))
        told.links.add(alert.get("generatorURL", ""))
        annotations = alert.get("annotations", {})
        if annotations not in told.annotations:
            told.annotations.append(annotations)

    def of(self, alertname: str) -> list[Told]:
        """What was told of the alerts with this name, by their labels."""
        found = [told for told in self.told.values() if told.labels["alertname"] == alertname]
        return sorted(found, key=lambda told: sorted(told.labels.items()))


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


class Proxy:
    """A way to a server that can be closed: connections break, and new ones end at once."""

    def __init__(self) -> None:
        self.is_open = True
        self._connections: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def to(self, port: int) -> AsyncIterator[int]:
        """Serve until the end of the block; the port."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if not self.is_open:
                writer.close()
                return
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", port)
            self._connections |= {writer, upstream_writer}
            for source, sink in ((reader, upstream_writer), (upstream_reader, writer)):
                task = asyncio.create_task(_pump(source, sink))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            self.close()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def close(self) -> None:
        """Break all connections, and let nobody in."""
        self.is_open = False
        for writer in self._connections:
            writer.close()
        self._connections.clear()

    def open(self) -> None:
        """Let everybody in again."""
        self.is_open = True


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await source.read(65536):
            sink.write(piece)
            await sink.drain()
    sink.close()


def pairs(theirs: Recorder, ours: Recorder) -> Iterator[tuple[Told, Told]]:
    """What both told of the same alert."""
    for key, told in theirs.told.items():
        if key in ours.told:
            yield told, ours.told[key]
