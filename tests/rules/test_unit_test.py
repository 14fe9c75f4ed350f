"""Test files with given results: the notation of values, and what is read from files."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertrouter.core.time import MINUTE, SECOND
from alertrouter.rules.model import RuleError
from alertrouter.rules.unit_test.case import read_test_file
from alertrouter.rules.unit_test.values import parse_values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", []),
        ("1 2.5 -3 1e3 .5", [1, 2.5, -3, 1000, 0.5]),
        ("_ _x3 1", [None] * 4 + [1]),
        ("1x2", [1, 1, 1]),
        ("1+2x3", [1, 3, 5, 7]),
        ("10-2.5x2", [10, 7.5, 5]),
        ("-1-1x1", [-1, -2]),
        ("1 stale 2", [1, None, 2]),
        ("Inf -inf", [float("inf"), float("-inf")]),
        ("0x2", [0, 0, 0]),
    ],
)
def test_values_in_the_notation_of_promtool(text: str, values: list[float | None]) -> None:
    assert parse_values(text) == values


@pytest.mark.parametrize("text", ["x", "1+2", "1x", "_y3", "1,2", "{{schema:0}}", "1x9999999"])
def test_what_is_no_value(text: str) -> None:
    with pytest.raises(ValueError, match=r"value|histogram"):
        parse_values(text)


def test_a_file_is_read() -> None:
    read = read_test_file(
        """\
rule_files: [a.yml]
evaluation_interval: 30s
group_eval_order: [b, a]
tests:
- name: n
  interval: 15s
  start_timestamp: 1.5
  results: {'sum(  up )': [{labels: {job: 1}, values: 1 2}]}
  alert_rule_test: [{eval_time: 1m, alertname: A, exp_alerts: [{exp_labels: {a: b}, exp_annotations: {c: d}}]}]
- start_timestamp: '1970-01-01T00:01:00Z'
""",
        "t.yml",
    )
    first, second = read.cases
    assert (read.rule_files, read.evaluation_interval) == (("a.yml",), 30 * SECOND)
    assert read.group_order == ("b", "a")
    assert (first.interval, first.start, second.start) == (15 * SECOND, 1_500_000_000, MINUTE)
    (series,) = first.results["sum( up )"]
    assert (series.labels, series.values) == ({"job": "1"}, [1, 2])
    (check,) = first.checks
    assert (check.at, check.alertname, check.line) == (MINUTE, "A", 9)
    assert check.expected[0].labels == {"a": "b"}


@pytest.mark.parametrize("key", ["input_series: []", "promql_expr_test: []"])
def test_files_that_need_promql_are_told_from_others(key: str) -> None:
    assert read_test_file(f"tests: [{{{key}}}]", "t").needs_engine
    assert not read_test_file("tests: [{name: a}]", "t").needs_engine
    with pytest.raises(RuleError, match="either results, or series"):
        read_test_file(f"tests: [{{{key}, results: {{}}}}]", "t")


@pytest.mark.parametrize(
    "text",
    [
        "tests: 5",
        "foo: 1",
        "evaluation_interval: 0s",
        "tests: [{interval: 0}]",
        "tests: [{start_timestamp: soon}]",
        "tests: [{results: [a]}]",
        "tests: [{alert_rule_test: [{eval_time: 1m}]}]",
        "- a",
    ],
)
def test_what_is_wrong_has_a_place(text: str) -> None:
    with pytest.raises(RuleError) as error:
        read_test_file(text, "t")
    assert all(problem.line == 1 for problem in error.value.problems)


@settings(max_examples=200)
@given(st.text(alphabet="0123456789_x+-.einfastl {}", max_size=30))
def test_any_text_is_values_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert len(parse_values(text)) >= 0
