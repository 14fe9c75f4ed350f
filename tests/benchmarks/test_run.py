"""The whole run at a tiny scale. In Alertmanager's place stands a second alertrouter: it takes the same flags."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from benchmarks.figures import FIGURES
from benchmarks.run import main
from benchmarks.scenarios import SCENARIOS

PROGRAM = str(Path(sys.executable).with_name("alertrouter"))
nginx = pytest.mark.skipif(
    shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin") is None,
    reason="nginx receives the webhooks and is not installed",
)


@nginx
@pytest.mark.slow  # starts each program several times
@pytest.mark.parametrize(
    ("scenario", "figures"),
    [
        ("intake", {"first_seen", "heartbeats", "flat_heartbeats"}),
        (
            "lists",
            {"alerts_first", "alerts_again", "groups_first", "groups_again", "rest_memory", "reads_memory"},
        ),
        ("silences", {"silenced_first"}),
        ("webhooks", {"webhooks", "webhooks_peak"}),
        ("steady", {"steady_cpu", "steady_memory"}),
        ("crash", {"ready", "ready_lost", "lost"}),
    ],
)
def test_each_scenario_measures_its_figures(scenario: str, figures: set[str], tmp_path: Path) -> None:
    report = tmp_path / "report.json"

    status = main(["--alertmanager", PROGRAM, "--only", scenario, "--scale", "0.004", "--json", str(report)])

    assert status == 0
    found = json.loads(report.read_text())["medians"]
    assert figures <= found["alertrouter"].keys()
    assert found["alertrouter"].keys() == found["alertmanager"].keys()
    assert found["alertrouter"].keys() <= {figure.key for figure in FIGURES}
    if scenario == "crash":
        assert found["alertrouter"]["lost"] == found["alertrouter"]["ready_lost"] == 0


def test_every_scenario_is_tried_above() -> None:
    marks = test_each_scenario_measures_its_figures.pytestmark  # type: ignore[attr-defined]
    table = next(mark for mark in marks if mark.name == "parametrize")
    assert {row[0] for row in table.args[1]} == SCENARIOS.keys()


def test_a_program_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--alertmanager", "/nowhere/alertmanager"]) == 2
    assert "'/nowhere/alertmanager'" in capsys.readouterr().err
