"""The rule files and the tests of rules that docs/rule-files.md shows do what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alertrouter.cli import artool
from alertrouter.rules.load import load_text

PAGE = Path(__file__).parents[2] / "docs" / "rule-files.md"
BLOCKS = re.findall(r"^```yaml (rules|tests)\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
RULES = [text for kind, text in BLOCKS if kind == "rules"]
TESTS = [text for kind, text in BLOCKS if kind == "tests"]


@pytest.mark.parametrize("text", RULES)
def test_rule_files_load(text: str) -> None:
    read = load_text(text, file="shown.yml")
    assert read.groups
    assert not read.warnings


def test_tests_pass_and_a_wrong_one_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cpu.yml").write_text(RULES[0])
    (tmp_path / "right.yml").write_text(TESTS[0])
    (tmp_path / "wrong.yml").write_text(TESTS[0].replace("95%", "94%"))

    assert artool.main("artool", ["rules", "test", str(tmp_path / "right.yml")]) == 0
    assert artool.main("artool", ["rules", "test", str(tmp_path / "wrong.yml")]) == 1
    assert 'summary="CPU of a at 94%"' in capsys.readouterr().out


def test_the_test_of_missing_data_passes_and_tells_them_from_a_gap(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "disk.yml").write_text(RULES[2])
    (tmp_path / "right.yml").write_text(TESTS[1])
    (tmp_path / "wrong.yml").write_text(TESTS[1].replace("stale", "_"))

    assert artool.main("artool", ["rules", "test", str(tmp_path / "right.yml")]) == 0
    assert artool.main("artool", ["rules", "test", str(tmp_path / "wrong.yml")]) == 1
    assert "time: 6m" in capsys.readouterr().out


def test_comments_do_what_is_said_of_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "shown.yml").write_text(RULES[1].replace("# artool ignore/file\n", ""))
    assert artool.main("artool", ["rules", "lint", "--min-severity=info", str(tmp_path / "shown.yml")]) == 0
    found = capsys.readouterr().out
    assert "rule/label" in found
    assert "alerts/comparison" not in found
    assert "alerts/annotation" not in found
