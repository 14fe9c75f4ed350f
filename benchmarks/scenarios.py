"""What is done to a server, and what is measured while it is done."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from benchmarks.alerts import BATCH, Batches
from benchmarks.load import (
    LoadError,
    alert_requests,
    get,
    post,
    post_all,
    post_paced,
    post_request,
)
from benchmarks.processes import Peer, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from benchmarks.load import Got
    from benchmarks.sink import Sink

Measured = dict[str, float]
"""What a scenario found, by the name of the figure, in the figure's unit."""

_LASTING = timedelta(minutes=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much load. ``factor`` 1 is what the project promises its figures for."""

    factor: float = 1.0

    def count(self, full: int) -> int:
        """So many of what would be ``full``, at least enough for a few requests."""
        return max(3 * BATCH, round(full * self.factor))

    def seconds(self, full: float) -> float:
        """So long for what would take ``full``."""
        return max(1.0, full * min(1.0, self.factor * 3)) if self.factor < 1 else full


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One turn of one peer: where its storage goes, how much load, and who takes the webhooks."""

    peer: Peer
    directory: Path
    scale: Scale
    sink: Sink

    def server(self, config: str, *flags: str) -> Server:
        """A server that is not started yet."""
        return Server(self.peer, self.directory, config, *flags)

    def config(
        self, *, group_by: str = "[alertname, cluster]", group_wait: str = "1h", group_interval: str = "1h"
    ) -> str:
        """A configuration with one webhook; nothing is sent before ``group_wait`` is over."""
        return (
            f"route: {{receiver: hook, group_by: {group_by}, group_wait: {group_wait}, "
            f"group_interval: {group_interval}, repeat_interval: 4h}}\n"
            f"receivers: [{{name: hook, webhook_configs: [{{url: '{self.sink.url}'}}]}}]\n"
        )


def _alerts(got: Got) -> list[dict[str, Any]]:
    if got.status != 200:
        raise LoadError(f"a list was answered with {got.status}: {got.body[:200]!r}")
    alerts: list[dict[str, Any]] = json.loads(got.body)
    return alerts


def _expect(found: int, wanted: int, what: str) -> None:
    if found != wanted:
        raise LoadError(f"{found} {what} where there should be {wanted}: the figure would mean nothing")


def intake(bench: Bench) -> Measured:
    """First a tenth of the alerts is posted and repeated, then all of them."""
    count = bench.scale.count(50_000)
    few = Batches(count // 10, 1000)
    many = Batches(count - count // 10, 1000, first=count // 10)
    rounds = 6
    with bench.server(bench.config()) as server:
        post_all(server.port, alert_requests(few.ending(_LASTING)))
        few_rate, _ = _heartbeats(server, [few], rounds * 10)
        cpu = server.cpu()
        posted = post_all(server.port, alert_requests(many.ending(_LASTING)))
        answered_cpu = server.cpu() - cpu
        # What is put off until it is quiet counts as well.
        time.sleep(bench.scale.seconds(5))
        first_cpu = server.cpu() - cpu
        many_rate, beat_cpu = _heartbeats(server, [few, many], rounds)
        _expect(len(_alerts(get(server.port, "/api/v2/alerts"))), count, "alerts")
        return {
            "first_seen": many.count / posted.seconds,
            "first_seen_answered_cpu": answered_cpu / many.count * 1e6,
            "first_seen_cpu": first_cpu / many.count * 1e6,
            "heartbeats": many_rate,
            "heartbeats_cpu": beat_cpu,
            "flat_heartbeats": many_rate / few_rate,
        }


def _heartbeats(server: Server, known: list[Batches], rounds: int) -> tuple[float, float]:
    """Alerts a second and CPU microseconds an alert; the requests of a round are made before the clock runs."""
    seconds = cpu = 0.0
    taken = 0
    for number in range(rounds):
        lasting = _LASTING + timedelta(seconds=number + 1)
        requests = alert_requests(body for batches in known for body in batches.ending(lasting))
        before = server.cpu()
        seconds += post_all(server.port, requests).seconds
        cpu += server.cpu() - before
        taken += sum(batches.count for batches in known)
    return taken / seconds, cpu / taken * 1e6


def lists(bench: Bench) -> Measured:
    """All alerts are posted and repeated once; memory at rest; the lists, asked for again and again; memory after."""
    count = bench.scale.count(50_000)
    batches = Batches(count, 1000)
    with bench.server(bench.config()) as server:
        for number in range(2):
            post_all(server.port, alert_requests(batches.ending(_LASTING + timedelta(seconds=number))))
        time.sleep(bench.scale.seconds(15))
        measured = {"rest_memory": server.resident()}
        for name, path in (("alerts", "/api/v2/alerts"), ("groups", "/api/v2/alerts/groups")):
            got = get(server.port, path)
            alerts = _alerts(got)
            found = len(alerts) if name == "alerts" else sum(len(group["alerts"]) for group in alerts)
            _expect(found, count, f"alerts in the list of {name}")
            measured[f"{name}_first"] = got.seconds
        measured["reads_memory"] = server.resident()
        for name, path in (("alerts", "/api/v2/alerts"), ("groups", "/api/v2/alerts/groups")):
            measured[f"{name}_again"] = _median([get(server.port, path).seconds for _ in range(5)])
        measured["lists_peak"] = server.peak()
        return measured


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def silences(bench: Bench) -> Measured:
    """Alerts, then silences for a tenth of them, then the first list."""
    count, wanted = bench.scale.count(20_000), bench.scale.count(2_000)
    batches = Batches(count, 1000)
    with bench.server(bench.config()) as server:
        post_all(server.port, alert_requests(batches.ending(_LASTING)))
        get(server.port, "/api/v2/alerts")
        requests = [post_request("/api/v2/silences", body) for body in _silences(wanted)]
        posted = post_all(server.port, requests)
        got = get(server.port, "/api/v2/alerts")
        alerts = _alerts(got)
        _expect(len(alerts), count, "alerts")
        suppressed = sum(alert["status"]["state"] == "suppressed" for alert in alerts)
        _expect(suppressed, min(count, wanted), "suppressed alerts")
        return {
            "silenced_first": got.seconds,
            "silenced_again": get(server.port, "/api/v2/alerts").seconds,
            "silences": wanted / posted.seconds,
        }


def _silences(count: int) -> Iterator[bytes]:
    """Each mutes one alert: nine in ten by equality, as a click in a user interface has it, one by an expression."""
    now = datetime.now(UTC)
    for number in range(count):
        by_pattern = number % 10 == 9
        value = f"workload-{number:06d}-.+" if by_pattern else f"workload-{number:06d}-5d9c7b6f8d-x2x7q"
        silence = {
            "matchers": [
                {
                    "name": "cluster",
                    "value": f"cluster-{number % 1000:05d}",
                    "isRegex": False,
                    "isEqual": True,
                },
                {"name": "pod", "value": value, "isRegex": by_pattern, "isEqual": True},
            ],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=2)).isoformat(),
            "createdBy": "bench",
            "comment": "a planned change",
        }
        yield json.dumps(silence).encode()


def webhooks(bench: Bench) -> Measured:
    """Every alert is a group of its own, and all are due at the same time."""
    count = bench.scale.count(10_000)
    wait = bench.scale.seconds(10)
    config = bench.config(group_by="[cluster]", group_wait=f"{wait:.0f}s")
    with bench.server(config) as server:
        batches = Batches(count, count)
        bench.sink.forget()
        post_all(server.port, alert_requests(batches.ending(_LASTING)))
        before = server.cpu()
        moments = bench.sink.wait_for(count, wait + 60)
        cpu = server.cpu() - before
        time.sleep(0.5)
        _expect(len(bench.sink.moments()), count, "webhooks")
        return {
            "webhooks": count / (moments[-1] - moments[0]),
            "webhooks_cpu": cpu / count * 1e6,
            "webhooks_peak": server.peak(),
        }


def steady(bench: Bench) -> Measured:
    """Each alert is repeated once a minute, each group looked at once a minute, and nothing ever changes."""
    count, groups = bench.scale.count(50_000), bench.scale.count(20_000)
    window = bench.scale.seconds(60)
    batches = Batches(count, groups)
    config = bench.config(group_by="[cluster]", group_wait="1s", group_interval=f"{window:.0f}s")
    with bench.server(config) as server:
        bench.sink.forget()
        for number in range(2):
            post_all(server.port, alert_requests(batches.ending(_LASTING + timedelta(seconds=number))))
        bench.sink.wait_for(groups, 120)
        # What joined a group after its first flush is told at the next; then all is quiet.
        time.sleep(window + 3)
        told = len(bench.sink.moments())
        requests = alert_requests(batches.ending(2 * _LASTING))
        before = server.cpu()
        post_paced(server.port, requests, window)
        cpu = server.cpu() - before
        _expect(len(bench.sink.moments()), told, "webhooks, when nothing changed,")
        return {"steady_cpu": cpu * 60 / window, "steady_memory": server.resident()}


def crash(bench: Bench) -> Measured:
    """Killed while alerts are taken in, and once more at rest; what was acknowledged must be there after each."""
    count = bench.scale.count(50_000)
    batches = Batches(count, 1000)
    requests = alert_requests(batches.ending(_LASTING))
    server = bench.server(bench.config())
    try:
        server.start()
        half = len(requests) // 2
        acknowledged = set(post_all(server.port, requests[:half]).answered)
        silence = post(server.port, [post_request("/api/v2/silences", body) for body in _silences(100)])
        under_way = post(server.port, _killing(server, requests[half:]))
        acknowledged |= {half + place for place in under_way.answered}
        server.start()
        lost = sum(batches.sizes[place] for place in acknowledged) - len(
            _alerts(get(server.port, "/api/v2/alerts"))
        )
        lost_silences = len(silence.answered) - len(_alerts(get(server.port, "/api/v2/silences")))
        post_all(server.port, requests)
        server.kill()
        ready = server.start()
        back = len(_alerts(get(server.port, "/api/v2/alerts")))
        return {
            # Alerts that were stored though nobody was told so any more are no loss.
            "lost": max(0, lost) + max(0, lost_silences),
            "ready": ready,
            "ready_lost": count - back,
        }
    finally:
        server.kill()


def _killing(server: Server, requests: Sequence[bytes]) -> Iterator[bytes]:
    """The requests; the server is killed when the middle one is taken."""
    for place, request in enumerate(requests):
        if place == len(requests) // 2:
            server.kill()
        yield request


SCENARIOS: Mapping[str, Callable[[Bench], Measured]] = {
    "intake": intake,
    "lists": lists,
    "silences": silences,
    "webhooks": webhooks,
    "steady": steady,
    "crash": crash,
}
"""By the names that ``--only`` takes."""
