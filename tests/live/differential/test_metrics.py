"""A real Alertmanager and our daemon, both just started as a cluster of one: each of its series is there, by name and labels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.processes import free_port
from tests.api.play import Scene, Step
from tests.api.record import Start, program, running
from tests.api.scenes import CONFIG
from tests.daemon.forked import Child
from tests.waiting import wait_until

pytestmark = pytest.mark.live

# Families that ours lacks, by how they begin, and why.
MISSING = {
    "go_": "they are about the runtime of Go",
    "process_network_": "the client library does not count them here",
    "process_virtual_memory_max_bytes": "the same",
}
# Labels whose values are those of the build, of the process or of the moment.
OF_THEIRS = {"version", "revision", "branch", "goversion", "tags", "peer"}

Series = tuple[str, frozenset[tuple[str, str]]]


def series(start: Start, cluster: int) -> dict[Series, str]:
    """By name and labels, with the type of the family."""
    flags = (
        f"--cluster.listen-address=127.0.0.1:{cluster}",
        "--cluster.settle-timeout=0s",
    )
    with running(start, Scene("metrics", [], CONFIG, flags=flags)) as server:
        body = json.dumps([{"labels": {"alertname": "A"}}]).encode()
        assert (
            server.ask(Step("POST", "/api/v2/alerts", body, {"Content-Type": "application/json"})).status
            == 200
        )
        # Some are there when they were counted once, which happens behind the answers.
        wait_until(
            lambda: (
                b"dispatcher_alert_processing_duration_seconds_count 1"
                in server.ask(Step("GET", "/metrics")).body
            )
        )
        text = server.ask(Step("GET", "/metrics")).body.decode()
    return {
        (
            sample.name,
            frozenset((name, "" if name in OF_THEIRS else value) for name, value in sample.labels.items()),
        ): family.type
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_series_of_theirs_is_there(alertmanager: Path) -> None:
    cluster = free_port()
    ours = series(Child, cluster)
    theirs = series(program(alertmanager), cluster)
    # Requests are counted as they come, and ours is asked more often until it is up.
    missing = [
        each
        for each, kind in theirs.items()
        if not each[0].startswith((*MISSING, "alertmanager_http_re")) and ours.get(each) != kind
    ]
    assert missing == []
    absent = {name for name, _ in theirs} - {name for name, _ in ours}
    assert all(each.startswith(tuple(MISSING)) for each in absent), absent
    for beginning, reason in MISSING.items():
        assert any(name.startswith(beginning) for name in absent), f"not missing any more: {reason}"
