"""An hour of what a day is like: ``python -m benchmarks.soak --minutes 60``. Does memory grow, do timers drift?

20,000 alerts in 4,000 groups, each reported once a minute; every minute some end and others begin, somebody silences
something, dashboards ask; every five minutes the configuration is read again. Exits with 1 when memory or descriptors grow
steadily, or when flushes come late.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.alerts import BATCH, Batches
from benchmarks.load import LoadError, alert_requests, get, post, post_paced, post_request
from benchmarks.processes import Peer, Server
from benchmarks.sink import Sink

_ALERTS = 20_000
_GROUPS = 4_000
_CHURN = 4  # batches that end, and that begin, in a minute, unless the command line says otherwise
_SILENCES = 3  # in a minute, for five minutes
_RELOAD_EVERY = 5  # minutes
_LASTING = timedelta(minutes=4)
_WARM_UP = 10  # minutes until everything that is kept for some minutes has been kept once
_LATE = "0.05"
_CONFIG = """\
route:
  receiver: hook
  group_by: [cluster]
  group_wait: 10s
  group_interval: 1m
  repeat_interval: 30m
receivers:
  - name: hook
    webhook_configs: [{{url: "{url}"}}]
inhibit_rules:
  - source_matchers: [severity="critical"]
    target_matchers: [severity="warning"]
    equal: [cluster]
"""


class Minute(NamedTuple):
    """What was seen at the end of a minute; ``late`` is the share of its flushes that were over 50 ms late."""

    minute: int
    resident: float
    descriptors: int
    threads: int
    cpu: float
    flushes: int
    late: float
    messages: int
    stored: float


class _Flushes(NamedTuple):
    """How many there were so far, and how many of them in time."""

    all: float
    in_time: float


def _flushes(port: int) -> _Flushes:
    values = {}
    for line in get(port, "/metrics").body.decode().splitlines():
        name, _, value = line.rpartition(" ")
        if name.startswith("alertrouter_flush_lateness_seconds"):
            values[name] = float(value)
    prefix = "alertrouter_flush_lateness_seconds"
    return _Flushes(values[f"{prefix}_count"], values[f'{prefix}_bucket{{le="{_LATE}"}}'])


class _Mix:
    """The clients of one server."""

    def __init__(self, server: Server, churn: int) -> None:
        self._churn_size = churn
        self._port = server.port
        self._population = deque(Batches(BATCH, _GROUPS, first=first) for first in range(0, _ALERTS, BATCH))
        self._next = len(self._population) * BATCH

    def begin(self) -> None:
        """Everything fires for the first time, within a minute, so that not all of it is due at once."""
        post_paced(self._port, alert_requests(self._bodies(list(self._population))), 60)

    def minute(self, number: int) -> None:
        """Sixty seconds of it, as evenly as the machine allows."""
        begun = time.monotonic()
        beating = list(self._population)
        for second in range(60):
            part = beating[second * len(beating) // 60 : (second + 1) * len(beating) // 60]
            requests = alert_requests(self._bodies(part))
            if second == 20:
                requests += self._churn()
            if second % 20 == 10:
                requests.append(self._silence(number * 60 + second))
            if second == 55 and number % _RELOAD_EVERY == 0:
                requests.append(post_request("/-/reload", b""))
            posted = post(self._port, requests, connections=1)
            if len(posted.answered) != len(requests):
                raise LoadError(f"{posted.refused}, {posted.broken} broken connections")
            if second % 15 == 5:
                get(self._port, "/metrics")
                get(self._port, "/api/v2/alerts?filter=team%3D%22platform-3%22")
                get(self._port, "/api/v2/silences")
            if second == 45:
                get(self._port, "/api/v2/alerts/groups")
            time.sleep(max(0.0, begun + second + 1 - time.monotonic()))

    def _bodies(self, batches: list[Batches]) -> list[bytes]:
        return [body for batch in batches for body in batch.ending(_LASTING)]

    def _churn(self) -> list[bytes]:
        over = [self._population.popleft() for _ in range(self._churn_size)]
        fresh = [
            Batches(BATCH, _GROUPS, first=self._next + place * BATCH) for place in range(self._churn_size)
        ]
        self._next += self._churn_size * BATCH
        self._population += fresh
        ended = [body for batch in over for body in batch.ending(timedelta())]
        return alert_requests(ended + self._bodies(fresh))

    def _silence(self, number: int) -> bytes:
        now = datetime.now(UTC)
        return post_request(
            "/api/v2/silences",
            json.dumps(
                {
                    "matchers": [
                        {"name": "cluster", "value": f"cluster-{number % _GROUPS:05d}", "isRegex": False}
                    ],
                    "startsAt": now.isoformat(),
                    "endsAt": (now + timedelta(minutes=5)).isoformat(),
                    "createdBy": "soak",
                    "comment": "being repaired",
                }
            ).encode(),
        )


def main() -> int:
    """Run it and tell what was seen each minute."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument(
        "--churn", type=int, default=_CHURN, help=f"so many times {BATCH} alerts end and begin a minute"
    )
    parser.add_argument("--alertrouter", default=str(Path(sys.executable).with_name("alertrouter")))
    parser.add_argument("--json", help="a file for what was seen")
    options = parser.parse_args()
    if not 0 <= options.churn <= _ALERTS // BATCH:
        parser.error(
            f"--churn must be between 0 and {_ALERTS // BATCH}: {_ALERTS} alerts come in batches of {BATCH}"
        )
    # Who is told to stop stops what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    seen: list[Minute] = []
    with tempfile.TemporaryDirectory(prefix="alertrouter-soak-") as name:
        base = Path(name)
        base.chmod(0o755)  # nginx drops its rights, and must still find its way
        with Sink(base / "nginx") as sink:
            peer = Peer("alertrouter", options.alertrouter)
            # What is ended leaves within the hour, as it does within days elsewhere.
            flags = ("--data.retention=15m", "--data.maintenance-interval=1m", "--alerts.gc-interval=1m")
            with Server(peer, base / "server", _CONFIG.format(url=sink.url), *flags) as server:
                mix = _Mix(server, options.churn)
                mix.begin()
                for number in range(1, options.minutes + 1):
                    cpu, before, told = server.cpu(), _flushes(server.port), len(sink.moments())
                    mix.minute(number)
                    seen.append(_look(number, server, sink, cpu, before, told))
                    print(_line(seen[-1]), flush=True)
    if options.json:
        Path(options.json).write_text(
            json.dumps([each._asdict() for each in seen], indent=1), encoding="utf-8"
        )
    problems = _judge(seen)
    print("\n".join(problems) or "memory and descriptors stay where they are, and flushes come in time")
    return int(bool(problems))


def _look(number: int, server: Server, sink: Sink, cpu: float, before: _Flushes, told: int) -> Minute:
    after = _flushes(server.port)
    flushes = after.all - before.all
    process = Path(f"/proc/{server.pid}")
    stored = sum(file.stat().st_size for file in (server.directory / "data").iterdir())
    return Minute(
        minute=number,
        resident=server.resident(),
        descriptors=len(list((process / "fd").iterdir())),
        threads=len(list((process / "task").iterdir())),
        cpu=server.cpu() - cpu,
        flushes=round(flushes),
        late=1 - (after.in_time - before.in_time) / flushes if flushes else 0.0,
        messages=len(sink.moments()) - told,
        stored=stored / 1024 / 1024,
    )


def _line(seen: Minute) -> str:
    return (
        f"minute {seen.minute:3}: {seen.resident:6.1f} MB resident, {seen.descriptors} descriptors, "
        f"{seen.threads} threads, {seen.cpu:4.1f} s CPU, {seen.flushes} flushes, {seen.late:.2%} over 50 ms late, "
        f"{seen.messages} messages, {seen.stored:.0f} MB stored"
    )


def _judge(seen: list[Minute]) -> list[str]:
    """What is wrong: compares the last quarter with the first one after the warm-up."""
    steady = seen[_WARM_UP:]
    if len(steady) < 8:
        return ["too short to say anything: take more than a quarter of an hour"]
    quarter = len(steady) // 4
    problems = []

    def mean(name: str, part: list[Minute]) -> float:
        values: list[Any] = [getattr(each, name) for each in part]
        return float(sum(values)) / len(values)

    for name, room in (("resident", 1.05), ("descriptors", 1.2), ("threads", 1.2), ("cpu", 1.3)):
        early, late = mean(name, steady[:quarter]), mean(name, steady[-quarter:])
        if late > early * room:
            problems.append(f"{name} grows: {early:.1f} at first, {late:.1f} at the end")
    late_flushes = sum(each.late * each.flushes for each in steady)
    share = late_flushes / max(1, sum(each.flushes for each in steady))
    if share > 0.01:
        problems.append(f"{share:.1%} of the flushes were over 50 ms late")
    return problems


if __name__ == "__main__":
    raise SystemExit(main())
