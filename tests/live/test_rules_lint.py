"""`artool rules lint` asks a real Prometheus that scrapes itself."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING

import pytest

from benchmarks.processes import free_port
from tests.live.peers import peer, running
from tests.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.live

RULES = """\
groups:
- name: g
  interval: 1s
  rules:
  - {alert: Fires, expr: up == 1}
  - {alert: Never, expr: up == 0}
  - {alert: NoSeries, expr: nosuch_total > 0}
  - {alert: NoMatch, expr: 'up{job="nope", instance=~".+"} == 0'}
  - {alert: NoLabel, expr: 'sum by (job, zone) (up) == 0'}
  - {alert: Quoted, expr: '{"up", job="self"} == 0'}
  - {alert: Recorded, expr: 'job:up:sum < 0'}
  - {record: 'job:up:sum', expr: sum by (job) (up)}
  - {alert: Refused, expr: 'up + on (job) group_left up > 9 or mad_over_time(up[5m]) > 9'}
"""


def answers(url: str, expression: str) -> bool:
    query = urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(f"{url}/api/v1/query?{query}", timeout=PATIENCE) as answer:
        return bool(json.load(answer)["data"]["result"])


def test_series_labels_and_firings_are_found(tmp_path: Path) -> None:
    program = peer("ALERTROUTER_PEER_PROMETHEUS", "prometheus")
    address = f"127.0.0.1:{free_port()}"
    url = f"http://{address}"
    (tmp_path / "rules.yml").write_text(RULES)
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: self, static_configs: [{{targets: ['{address}']}}]}}]\n"
    )
    command: list[str | Path] = [
        program,
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address={address}",
    ]
    with running(command, ready=f"{url}/-/ready", log=tmp_path / "log", directory=tmp_path):
        wait_until(lambda: answers(url, "up == 1"))
        # A range query looks at the moments on the grid of its step alone.
        time.sleep(1.5)
        done = subprocess.run(
            [
                *(
                    sys.executable,
                    "-c",
                    "import sys; from alertrouter.cli.main import artool; sys.exit(artool())",
                ),
                *(
                    "rules",
                    "lint",
                    "-o",
                    "json",
                    "--min-severity=info",
                    f"--query.url={url}",
                    "--lookback=1h",
                ),
                *("--disable=alerts/annotation", "--disable=rule/label", "--disable=alerts/for", "rules.yml"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.stderr == ""
    found = {(each["rule"], each["check"]): each["message"] for each in json.loads(done.stdout)}
    assert found.keys() == {
        ("Fires", "alerts/count"),
        ("NoSeries", "promql/series"),
        ("NoMatch", "promql/series"),
        ("NoLabel", "promql/label"),
        ("Recorded", "rule/dependency"),
        ("Refused", "promql/refused"),
    }
    assert found["Fires", "alerts/count"].startswith("would have fired 1 time on 1 series in the last 1h")
    assert found["NoMatch", "promql/series"] == 'up has no series with job="nope", now or in the last 1h'
    assert "the label 'zone'" in found["NoLabel", "promql/label"]
    assert done.returncode == 1
