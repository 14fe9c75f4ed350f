"""Tests for a configuration: the documented ones pass, and what fails says what, where and why."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from alertrouter.cli import artool

DOCUMENTED = (Path(__file__).parents[2] / "docs" / "config-tests.md").read_text("utf-8")
CONFIG = re.search(r"```yaml\n# alertmanager.yml\n(.*?)```", DOCUMENTED, re.DOTALL)
TESTS = re.search(r"```yaml\n(# routing_tests.yml\n.*?)```", DOCUMENTED, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert CONFIG is not None
    (tmp_path / "alertmanager.yml").write_text(CONFIG[1])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    status = artool.main("artool", ["config", "test", *words])
    captured = capsys.readouterr()
    return status, captured.out + captured.err


def test_the_documented_tests_pass_as_documented(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert TESTS is not None
    (folder / "routing_tests.yml").write_text(TESTS[1])

    status, out = told(capsys, "routing_tests.yml")

    assert status == 0, out
    assert f"```text\n{out}```" in DOCUMENTED


FAILING = """\
# failing_tests.yml
tests:
  - name: a full disk pages the database team
    fire:
      - labels: {alertname: DiskFull, severity: page, instance: db1}
    expect:
      alerts:
        - labels: {instance: db1}
          receivers: [team-db]
"""


def test_a_failing_test_is_told_as_documented(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "failing_tests.yml").write_text(FAILING)

    status, out = told(capsys, "failing_tests.yml", "--junit=report.xml")

    assert status == 1
    assert f"```text\n{out}```" in DOCUMENTED
    [suite] = ET.parse(folder / "report.xml").getroot()  # written above
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.text is not None
    assert "routes[0]" in failure.text


def test_results_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "failing_tests.yml").write_text(FAILING)

    status, out = told(capsys, "failing_tests.yml", "-ojson")

    [result] = json.loads(out)
    assert (status, result["ok"], result["line"]) == (1, False, 3)
    assert result["differences"][0]["happened"] == "[pager]"


STORY = """\
tests:
  - name: story
    silence: [{{matchers: ['instance=~"db.*"'], for: 10m, comment: work}}]
    fire:
      - labels: {{alertname: Down, severity: page, rack: r1, instance: db1}}
      - labels: {{alertname: RackPowerLost, severity: ticket, rack: r2}}
      - labels: {{alertname: Soon, severity: info}}
    steps:
      - at: 20m
        expect:
{}
"""


@pytest.mark.parametrize(
    ("expect", "expected"),
    [
        (
            "alerts: [{labels: {instance: db1}, state: silenced}]",
            [
                'story.yml:11: at 20m: alert {instance="db1"}',
                "expected: silenced",
                "happened: active",
                'silence "work": it is not in force at 2024-01-01T00:20:00Z, but from 2024-01-01T00:00:00Z',
            ],
        ),
        (
            "alerts: [{labels: {instance: db1}, state: inhibited, by: RackPowerLost}]",
            ["happened: active", 'has another rack: "r2", not "r1"'],
        ),
        (
            "alerts: [{labels: {alertname: Soon}, state: inhibited}]",
            [
                "happened: muted by office",
                'it is no target: severity="page" fails: severity is "info"',
                "the route to tickets is muted at 2024-01-01T00:20:00Z by office",
            ],
        ),
        (
            "alerts: [{labels: {alertname: Down}, state: muted}]",
            ["route to pager: it has no time intervals"],
        ),
        (
            "alerts: [{labels: {alertname: Down}, groups: [{alertname: Down}]}]",
            ['expected: [{alertname="Down"}]', 'happened: [{alertname="Down", rack="r1"}]'],
        ),
        (
            "alerts: [{labels: {severity: other}}]",
            ["no alert has these labels", 'there is {alertname="Soon", severity="info"}'],
        ),
        (
            "messages: []",
            ["expected: no more messages", "to pager, at 10m", "to tickets, at 30s"],
        ),
        (
            "messages: [{to: tickets, firing: [RackPowerLost]}, {to: pager, at: 30s, firing: [Down]}]",
            ["expected: to pager, at 30s, firing [Down]", "happened: to pager, at 10m", "flushes next at"],
        ),
        (
            "messages: [{to: nobody, firing: [Gone]}]",
            ["happened: no such message", 'no alert has {alertname="Gone"}'],
        ),
    ],
)
def test_what_differs_is_explained(
    folder: Path, capsys: pytest.CaptureFixture[str], expect: str, expected: list[str]
) -> None:
    (folder / "story.yml").write_text(STORY.format("          " + expect))

    status, out = told(capsys, "story.yml")

    assert status == 1, out
    for each in expected:
        assert each in out


def test_a_reload_in_the_middle(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = (folder / "alertmanager.yml").read_text().replace("receiver: pager", "receiver: tickets")
    (folder / "other.yml").write_text(other)
    (folder / "tests.yml").write_text("""
tests:
  - name: another receiver from then on
    fire: [{labels: {alertname: A, severity: page}}]
    steps:
      - {at: 1m, reload: other.yml}
      - at: 1h
        expect:
          alerts: [{labels: {alertname: A}, receivers: [tickets]}]
""")
    status, out = told(capsys, "tests.yml")
    assert status == 0, out


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "bad.yml: the file is empty: it should have tests"),
        ("tests: []", "bad.yml:1:1: there are no tests in it"),
        (
            "tests:\n  - name: a\n    fires: []",
            "bad.yml:3:12: tests[0].fires: there is no fires here (did you mean 'fire'?)",
        ),
        ("tests:\n  - fire: []", "Object missing required field `name`"),
        ("tests:\n  - name: a\n    at: tomorrow", 'bad.yml:3:9: tests[0].at: "tomorrow" is neither'),
        ("starts: x\ntests: [{name: a}]", "bad.yml:1:9: starts: parsing time"),
        (
            "tests:\n  - name: a\n    steps:\n      - at: 2m\n      - at: 1m",
            "this step lies before the one above it",
        ),
        (
            "tests:\n  - name: a\n    resolve:\n      - {a: b}",
            'bad.yml:4:9: tests[0].resolve[0]: the alert {a="b"} does not fire',
        ),
        ("tests:\n  - name: a\n    fire: [{labels: {}}]", "at least one label pair required"),
        ("tests:\n  - name: a\n    silence: [{matchers: ['a=~(']}]", "tests[0].silence[0]: "),
        ("tests:\n  - name: a\n    expire: [x]", 'there is no silence with the comment "x": there are none'),
        ("config: none.yml\ntests: [{name: a}]", "none.yml"),
        ("a: [", "bad.yml:2"),
        (
            "tests:\n  - name: a\n    fire: [{labels: {a: b}}]\n    expect: {alerts: [{labels: {a: b}, state: on}]}",
            "a state is one of active, inhibited, silenced, muted",
        ),
    ],
)
def test_a_file_that_cannot_be_played_is_refused_with_the_place(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, complaint: str
) -> None:
    (folder / "bad.yml").write_text(text)

    status, out = told(capsys, "bad.yml")

    assert status == 1
    assert complaint in out
