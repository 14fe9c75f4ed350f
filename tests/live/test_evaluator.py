"""The same rules and the same series: what a real Prometheus's ruler tells, what vmalert tells, and what we tell.

Everybody asks one Prometheus. On our way to it stands a proxy, so that it can be away for us alone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from benchmarks.processes import free_port
from tests.live.evaluation import COMMON_RULES, INTERVAL, RULES, Proxy, Recorder, Target, Told, pairs
from tests.live.lateness import Lateness
from tests.live.peers import peer, running
from tests.waiting import PATIENCE
from tests.waiting import until as wait_for

# The story may have to be played several times, on a busy machine.
pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(600)]

PROMETHEUS = """
global:
  scrape_interval: 250ms
  evaluation_interval: 1s
  external_labels: {{region: eu, replica: a}}
rule_files: [rules.yml]
alerting:
  alert_relabel_configs: [{{regex: replica, action: labeldrop}}]
  alertmanagers:
    - static_configs: [{{targets: ['127.0.0.1:{recorder}']}}]
scrape_configs:
  - job_name: story
    static_configs: [{{targets: ['127.0.0.1:{target}']}}]
"""

QUERY_CONFIG = """
alert_relabel_configs: [{{regex: replica, action: labeldrop}}]
remote_write:
  - url: http://127.0.0.1:{port}/api/v1/write
    write_relabel_configs:
      - {{target_label: evaluator, replacement: ours}}
      - {{regex: replica|region, action: labeldrop}}
"""

# Who is late by a whole interval has missed something; a little more is the machine's.
CLOSE = INTERVAL + 0.35
_TOO_LATE = 0.3
_ATTEMPTS = 6


@dataclass(slots=True)
class Played:
    """What came of the story."""

    theirs: Recorder = field(default_factory=Recorder)
    ours: Recorder = field(default_factory=Recorder)
    vmalert: Recorder = field(default_factory=Recorder)
    has_vmalert: bool = False
    seen: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    series: dict[str, Any] = field(default_factory=dict)
    restart: tuple[float, float] = (0.0, 0.0)
    outage: tuple[float, float] = (0.0, 0.0)
    errors: list[str] = field(default_factory=list)
    log: str = ""
    lateness: Lateness = field(default_factory=Lateness)


class Evaluator:
    """``alertrouter evaluate``, which is stopped and started in the middle."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.port = free_port()
        self._log = folder / "evaluator.log"
        self._command = [
            sys.executable,
            "-m",
            "alertrouter",
            "evaluate",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            *flags,
        ]

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(*self._command, stdout=log, stderr=log)
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:

            async def is_ready() -> bool:
                assert self.process.returncode is None, self.said
                try:
                    return (await client.get(f"http://127.0.0.1:{self.port}/-/ready")).status_code == 200
                except httpx.HTTPError:
                    return False

            await wait_for(is_ready)

    async def end(self, by: signal.Signals) -> None:
        if self.process.returncode is None:
            self.process.send_signal(by)
        await self.process.wait()

    @property
    def said(self) -> str:
        return self._log.read_text(errors="replace")


@contextmanager
def vmalert(played: Played, folder: Path, prometheus: int, recorder: int) -> Iterator[None]:
    """vmalert at the same rules, where it is to be had."""
    try:
        program = peer("ALERTROUTER_PEER_VMALERT", "vmalert")
    except pytest.skip.Exception:
        yield
        return
    rules = folder / "common.yml"
    rules.write_text(COMMON_RULES)
    port = free_port()
    command: list[str | Path] = [
        program,
        f"-rule={rules}",
        f"-datasource.url=http://127.0.0.1:{prometheus}",
        f"-notifier.url=http://127.0.0.1:{recorder}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-evaluationInterval=1s",
        "-external.label=region=eu",
    ]
    with running(
        command, ready=f"http://127.0.0.1:{port}/health", log=folder / "vmalert.log", directory=folder
    ):
        played.has_vmalert = True
        yield


@asynccontextmanager
async def stage(
    played: Played, folder: Path
) -> AsyncIterator[tuple[Target, Evaluator, Proxy, httpx.AsyncClient]]:
    """Everybody is there and evaluates."""
    target, proxy = Target(), Proxy()
    prometheus = peer("ALERTROUTER_PEER_PROMETHEUS", "prometheus")
    async with AsyncExitStack() as stack:
        for server in (target.server, played.theirs.server, played.ours.server, played.vmalert.server):
            await stack.enter_async_context(server)
        (folder / "rules.yml").write_text(RULES)
        (folder / "prometheus.yml").write_text(
            PROMETHEUS.format(recorder=played.theirs.server.port, target=target.server.port)
        )
        port = free_port()
        (folder / "query.yml").write_text(QUERY_CONFIG.format(port=port))
        command: list[str | Path] = [
            prometheus,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.external-url=http://prom.example/p",
            "--web.route-prefix=/",
            "--web.enable-remote-write-receiver",
            "--rules.alert.resend-delay=1s",
        ]
        url = f"http://127.0.0.1:{port}"
        # It waits while it starts, and the servers here must answer meanwhile.
        peers = await asyncio.to_thread(
            _enter, running(command, ready=f"{url}/-/ready", log=folder / "log", directory=folder)
        )
        stack.push_async_callback(asyncio.to_thread, peers.close)
        through = await stack.enter_async_context(proxy.to(port))
        evaluator = Evaluator(
            folder,
            f"--rules.file={folder / 'rules.yml'}",
            f"--query.url=http://127.0.0.1:{through}",
            f"--query.config.file={folder / 'query.yml'}",
            "--query.external-url=http://prom.example/p",
            f"--alertmanager.url={played.ours.server.url()}",
            "--evaluation.interval=1s",
            "--rules.alert.resend-delay=1s",
            "--external.label=region=eu",
            "--external.label=replica=b",
        )
        await evaluator.start()
        stack.push_async_callback(evaluator.end, signal.SIGTERM)
        alike = await asyncio.to_thread(_enter, vmalert(played, folder, port, played.vmalert.server.port))
        stack.push_async_callback(asyncio.to_thread, alike.close)
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, trust_env=False))
        yield target, evaluator, proxy, client
    played.log = evaluator.said


def _enter(block: AbstractContextManager[object]) -> ExitStack:
    stack = ExitStack()
    stack.enter_context(block)
    return stack


async def play(played: Played, folder: Path) -> None:
    async with stage(played, folder) as (target, evaluator, proxy, prometheus):
        ours = httpx.AsyncClient(base_url=f"http://127.0.0.1:{evaluator.port}", trust_env=False)
        await wait_for(lambda: played.theirs.of("Scalar") and played.ours.of("Scalar"))

        async def anything() -> None:
            await prometheus.get("/-/ready")

        async with played.lateness.watched(anything):
            await tell(played, target, evaluator, proxy, prometheus, ours)
        await ours.aclose()


async def tell(
    played: Played,
    target: Target,
    evaluator: Evaluator,
    proxy: Proxy,
    prometheus: httpx.AsyncClient,
    ours: httpx.AsyncClient,
) -> None:
    """The story."""
    begun = time.time()

    async def until(second: float) -> None:
        await asyncio.sleep(max(0.0, begun + second - time.time()))

    async def both(name: str, path: str) -> None:
        answers = [(await client.get(path)).json()["data"] for client in (prometheus, ours)]
        played.seen[name] = (answers[0], answers[1])

    target.values |= {"quick": "1", "patient": "1", "kept": "7", "value": "5", "fleeting": "1"}
    await until(2)
    await both("pending", "/api/v1/alerts")
    target.values |= {"fleeting": "0", "value": "6"}
    await until(6)
    await both("rules", "/api/v1/rules")
    target.values |= {"quick": "0", "kept": "0"}
    await until(8)
    played.series["firing"] = await _both_series(prometheus, 'ALERTS{alertname=~"Quick|Patient|Kept"}')
    await until(11.5)
    stopped = time.time()
    await evaluator.end(signal.SIGTERM)
    await evaluator.start()
    played.restart = (stopped, time.time())
    await asyncio.sleep(3)
    proxy.close()
    closed = time.time()
    await asyncio.sleep(3)
    await both("outage", "/api/v1/rules")
    await asyncio.sleep(3)
    proxy.open()
    played.outage = (closed, time.time())
    await asyncio.sleep(2)
    target.values |= {"patient": "0", "quick": "2.5"}
    await asyncio.sleep(3)
    played.series["ended"] = await _both_series(prometheus, "ALERTS")
    played.series["recorded"] = await _both_series(prometheus, "story:sum")
    played.series["since"] = await _both_series(prometheus, "ALERTS_FOR_STATE")


async def _both_series(client: httpx.AsyncClient, query: str) -> tuple[list[Any], list[Any]]:
    """The series of Prometheus's ruler and ours, without the label that tells them apart."""
    answer = (await client.get("/api/v1/query", params={"query": query})).json()
    found: tuple[list[Any], list[Any]] = ([], [])
    for each in answer["data"]["result"]:
        labels = each["metric"]
        found[labels.pop("evaluator", "") == "ours"].append((sorted(labels.items()), each["value"][1]))
    return sorted(found[0]), sorted(found[1])


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    for _ in range(_ATTEMPTS):
        played = Played()
        asyncio.run(play(played, tmp_path_factory.mktemp("evaluator")))
        if played.lateness.seconds < _TOO_LATE:
            return played
    pytest.fail(f"this machine is too busy: an answer came {played.lateness.seconds:.1f} seconds late")


def test_the_same_alerts_with_the_same_labels(played: Played) -> None:
    def sets(recorder: Recorder) -> list[list[tuple[str, str]]]:
        return sorted(sorted(told.labels.items()) for told in recorder.told.values())

    assert sets(played.ours) == sets(played.theirs)
    assert {told.labels["alertname"] for told in played.ours.told.values()} == {
        "Quick",
        "Patient",
        "Kept",
        "ByValue",
        "Scalar",
        "NotANumber",
        "Twice",
    }


def test_the_same_annotations(played: Played) -> None:
    for theirs, ours in pairs(played.theirs, played.ours):
        assert ours.annotations == theirs.annotations, ours.labels


def test_the_same_links(played: Played) -> None:
    def parts(told: Told) -> list[tuple[str, object]]:
        links = [urlsplit(link) for link in told.links]
        return [(link._replace(query="").geturl(), parse_qs(link.query)) for link in links]

    for theirs, ours in pairs(played.theirs, played.ours):
        assert parts(ours) == parts(theirs), ours.labels


def test_the_same_changes_within_one_interval(played: Played) -> None:
    compared = 0
    for theirs, ours in pairs(played.theirs, played.ours):
        assert ours.states == theirs.states, ours.labels
        for mine, other in zip(ours.changes, theirs.changes, strict=True):
            if (ours.labels["alertname"], mine.state) in {("Scalar", "firing"), ("NotANumber", "firing")}:
                # They fire from the first evaluation on, and who started first was first.
                continue
            assert abs(mine.at - other.at) <= CLOSE, (ours.labels, mine, other)
            assert abs(mine.heard - other.heard) <= CLOSE, (ours.labels, mine, other)
            compared += 1
    assert compared >= 10


def test_what_was_to_happen_has_happened(played: Played) -> None:
    states = {
        name: [told.states for told in played.theirs.of(name)]
        for name in ("Quick", "Patient", "Kept", "ByValue")
    }

    assert states == {
        "Quick": [["firing", "resolved", "firing"]],
        "Patient": [["firing", "resolved"]],
        "Kept": [["firing", "resolved"]],
        "ByValue": [["firing", "resolved"], ["firing"]],
    }


def test_pending_alerts_are_listed_alike(played: Played) -> None:
    theirs, ours = (
        sorted(
            [
                (
                    sorted(alert["labels"].items()),
                    sorted(alert["annotations"].items()),
                    alert["state"],
                    alert["value"],
                )
                for alert in answer["alerts"]
            ]
        )
        for answer in played.seen["pending"]
    )

    assert ours == theirs
    assert {state for _, _, state, _ in ours} == {"pending", "firing"}


def test_rules_are_listed_alike(played: Played) -> None:
    def shown(answer: Any) -> list[Any]:
        [group] = answer["groups"]
        keys = ("type", "name", "state", "health", "duration", "keepFiringFor", "labels", "annotations")
        return [
            {key: rule.get(key) or None for key in keys} | {"alerts": len(rule.get("alerts", []))}
            for rule in group["rules"]
        ]

    theirs, ours = played.seen["rules"]
    assert shown(ours) == shown(theirs)
    assert [rule["health"] for rule in shown(ours)].count("err") == 1


def test_a_restart_is_not_noticed(played: Played) -> None:
    stopped, started = played.restart
    [patient] = played.ours.of("Patient")

    assert [change for change in patient.changes if stopped <= change.heard <= started + 3] == []


def test_while_the_backend_is_away_what_fires_goes_on_firing(played: Played) -> None:
    closed, opened = played.outage
    [patient] = played.ours.of("Patient")
    _, ours = played.seen["outage"]
    [group] = ours["groups"]

    told = [(heard, until) for heard, until in patient.promises if closed + 1.5 <= heard <= opened]
    assert len(told) >= 2
    assert all(until > heard for heard, until in told)
    # An Alertmanager would not have taken it for resolved at any moment.
    assert all(
        later[0] < earlier[1]
        for earlier, later in zip(patient.promises, patient.promises[1:], strict=False)
        if closed < later[0] < opened + 1
    )
    assert {rule["health"] for rule in group["rules"]} == {"err"}
    assert {rule["state"] for rule in group["rules"] if rule["name"] == "Patient"} == {"firing"}


def test_series_are_written_as_the_ruler_writes_them(played: Played) -> None:
    theirs, ours = played.series["firing"]
    assert ours == theirs
    assert len(ours) == 2

    theirs, ours = played.series["recorded"]
    assert ours == theirs
    assert len(ours) == 1


def test_ended_series_are_gone_at_once(played: Played) -> None:
    theirs, ours = played.series["ended"]

    assert ours == theirs
    names = [dict(labels)["alertname"] for labels, _ in ours]
    assert "Patient" not in names
    assert "Kept" not in names
    assert "Quick" in names


def test_since_when_alerts_are_active_is_written(played: Played) -> None:
    theirs, ours = (
        {tuple(labels): float(value) for labels, value in series} for series in played.series["since"]
    )

    assert ours.keys() == theirs.keys()
    assert all(
        abs(value - theirs[labels]) <= 2 or dict(labels)["alertname"] in {"Scalar", "NotANumber"}
        for labels, value in ours.items()
    )


def test_vmalert_tells_the_same(played: Played) -> None:
    if not played.has_vmalert:
        assert os.environ.get("ALERTROUTER_REQUIRE_PEERS") != "1"
        pytest.skip("vmalert is not there: set ALERTROUTER_PEER_VMALERT to its path")

    def told(recorder: Recorder, name: str) -> list[tuple[dict[str, str], list[str]]]:
        # It adds the name of the group, and our rule has one label more.
        return [
            (
                {name: text for name, text in told.labels.items() if name not in {"alertgroup", "where"}},
                told.states,
            )
            for told in recorder.of(name)
        ]

    for name in ("Quick", "Patient"):
        assert told(played.ours, name) == told(played.vmalert, name)
        for theirs, ours in zip(played.vmalert.of(name), played.ours.of(name), strict=True):
            for mine, other in zip(ours.changes, theirs.changes, strict=True):
                assert abs(mine.heard - other.heard) <= CLOSE, (name, mine, other)


def test_nothing_went_wrong(played: Played) -> None:
    assert "Traceback" not in played.log
    assert "samples were refused" not in played.log
