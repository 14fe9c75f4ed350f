"""Labels as a real vmalert gives them and as we do with ``--rules.labels=vmalert``: the same rules, the same answers."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from benchmarks.processes import free_port
from tests.live.evaluation import Recorder
from tests.live.peers import peer, running
from tests.receivers import Answer, HttpReceiver, ReceivedRequest
from tests.waiting import until

pytestmark = [pytest.mark.live, pytest.mark.slow]

SERIES = {
    "plain": {"__name__": "up", "job": "a"},
    "clashes": {"__name__": "up", "severity": "x", "region": "us", "job": "a"},
    "named": {"__name__": "up", "alertname": "series", "alertgroup": "its own"},
    "removed": {"__name__": "up", "zone": "a", "job": "b"},
}
RULES = """
groups:
  - name: first group
    labels: {team: group, region: from the group}
    rules:
      - alert: Plain
        expr: plain
        labels: {severity: page}
        annotations: {summary: '{{ $labels.job }} {{ $labels.__name__ }}'}
      - alert: Clashes
        expr: clashes
        labels: {severity: page, job: a, owner: '{{ $labels.severity }}'}
        annotations: {summary: '{{ $labels.severity }} {{ $labels.job }} {{ $value }}'}
      - alert: Named
        expr: named
        labels: {team: rule}
  - name: second
    rules:
      - alert: Removed
        expr: removed
        labels: {zone: ''}
"""
ALERTS = ("Clashes", "Named", "Plain", "Removed")


def answered(request: ReceivedRequest) -> Answer:
    fields = parse_qs(request.body.decode() or urlsplit(request.target).query)
    fields |= parse_qs(urlsplit(request.target).query)
    labels = SERIES.get(fields.get("query", [""])[0])
    result = [] if labels is None else [{"metric": labels, "value": [1700000000, "1"]}]
    body = {"status": "success", "data": {"resultType": "vector", "result": result}}
    return Answer(200, json.dumps(body).encode(), {"Content-Type": "application/json"})


def labels_told(recorder: Recorder) -> list[dict[str, str]]:
    # What is empty is sent by vmalert, and none to any Alertmanager.
    return [
        {name: text for name, text in told.labels.items() if text}
        for alert in ALERTS
        for told in recorder.of(alert)
    ]


@pytest.mark.anyio
async def test_the_labels_of_alerts_are_those_of_vmalert(tmp_path: Path) -> None:
    program = peer("ALERTROUTER_PEER_VMALERT", "vmalert")
    (tmp_path / "rules.yml").write_text(RULES)
    theirs, ours = Recorder(), Recorder()
    ports = free_port(), free_port()
    async with HttpReceiver() as backend, theirs.server, ours.server:
        backend.answer_with(answered)
        vmalert: list[str | Path] = [
            program,
            f"-rule={tmp_path / 'rules.yml'}",
            f"-datasource.url={backend.url()}",
            f"-notifier.url={theirs.server.url()}",
            f"-httpListenAddr=127.0.0.1:{ports[0]}",
            "-evaluationInterval=1s",
            "-external.label=region=eu",
            "-external.label=cluster=c1",
        ]
        evaluate: list[str | Path] = [
            *(sys.executable, "-m", "alertrouter", "evaluate", "--rules.labels=vmalert"),
            f"--storage.path={tmp_path / 'data'}",
            f"--rules.file={tmp_path / 'rules.yml'}",
            f"--query.url={backend.url()}",
            f"--alertmanager.url={ours.server.url()}",
            f"--web.listen-address=127.0.0.1:{ports[1]}",
            "--evaluation.interval=1s",
            "--external.label=region=eu",
            "--external.label=cluster=c1",
        ]
        with ExitStack() as both:
            for command, path, port in ((vmalert, "health", ports[0]), (evaluate, "-/ready", ports[1])):
                run = running(
                    command,
                    ready=f"http://127.0.0.1:{port}/{path}",
                    log=tmp_path / f"{port}.log",
                    directory=tmp_path,
                )
                await asyncio.to_thread(both.enter_context, run)
            try:
                await until(lambda: min(len(labels_told(each)) for each in (theirs, ours)) >= len(ALERTS))
            finally:
                await asyncio.to_thread(both.close)
    keeps = any(name.startswith("exported_") for told in labels_told(theirs) for name in told)
    for mine, other in zip(labels_told(ours), labels_told(theirs), strict=True):
        # Versions of some age keep nothing of a label that a rule's took the place of.
        known = {name: text for name, text in mine.items() if keeps or not name.startswith("exported_")}
        assert known == other
    texts = [
        [each.annotations for name in ALERTS for each in recorder.of(name)] for recorder in (ours, theirs)
    ]
    assert texts[0] == texts[1]
