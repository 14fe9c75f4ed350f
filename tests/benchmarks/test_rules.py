"""What evaluating rules costs: the whole run at a tiny scale, where vmalert is to be had."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from benchmarks.load import get
from benchmarks.rules import FIGURES, Load, Stub, main

PROGRAM = str(Path(sys.executable).with_name("alertrouter"))


@pytest.mark.slow  # starts each program twice, and waits until alerts fire
@pytest.mark.skipif(shutil.which("vmalert") is None, reason="there is no vmalert to compare with")
def test_every_figure_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    sizes = ["--rules", "40", "--groups", "4", "--interval", "1", "--seconds", "1"]

    status = main(
        ["--vmalert", str(shutil.which("vmalert")), "--alertrouter", PROGRAM, "--json", str(report), *sizes]
    )

    assert status == 0
    found = json.loads(report.read_text())["medians"]
    keys = {figure.key for figure in FIGURES}
    assert keys <= found["alertrouter"].keys() & found["vmalert"].keys()
    assert "CPU of a rule whose answer is empty" in capsys.readouterr().out


def test_the_backend_answers_with_as_many_series_as_a_rule_asks_for(tmp_path: Path) -> None:
    Load(rules=4, groups=2, interval=1, seconds=1).write(tmp_path, 3)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["000.yml", "001.yml"]
    assert (tmp_path / "000.yml").read_text().count('{series="3"}') == 2

    with Stub() as stub:
        answer = json.loads(get(stub.port, "/api/v1/query?query=x%7Bseries%3D%223%22%7D").body)
        empty = json.loads(get(stub.port, "/api/v1/query?query=up").body)

        assert len(answer["data"]["result"]) == 3
        assert empty["data"]["result"] == []
        assert stub.queries() == 2


def test_a_program_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--vmalert", "/nowhere/vmalert"]) == 2
    assert "'/nowhere/vmalert'" in capsys.readouterr().err
