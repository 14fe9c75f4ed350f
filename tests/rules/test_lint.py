"""What is found unwise in rules, and what is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertrouter.core.time import DAY, HOUR, MINUTE, SECOND
from alertrouter.rules.lint.finding import Finding, Severity
from alertrouter.rules.lint.live import AskError, Terms, ask, firings
from alertrouter.rules.lint.run import ABOUT, lint
from alertrouter.rules.load import load_text
from alertrouter.rules.model import Dialect, RuleError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.core.time import Duration, Moment

GOOD = "labels: {severity: page}, annotations: {summary: s, runbook_url: r}"


def findings(text: str, *, now: Moment = 0, disabled: Sequence[str] = ()) -> list[Finding]:
    return lint(load_text(text, file="f"), {"f": text}, now, disabled=disabled)


def checks(rule: str, group: str = "") -> list[str]:
    return [each.check for each in findings(f"groups: [{{name: g, {group} rules: [{{{rule}}}]}}]")]


def alert(expression: str, more: str = GOOD) -> str:
    return f"alert: A, expr: '{expression}', {more}"


@pytest.mark.parametrize(
    ("rule", "check"),
    [
        (alert("up"), "alerts/comparison"),
        (alert("up == bool 0"), "alerts/comparison"),
        (alert("up == 0 or down"), "alerts/comparison"),
        (alert("absent(up)"), "alerts/absent"),
        (alert('"a"'), "promql/type"),
        ("record: a, expr: 'x[5m]'", "promql/type"),
        (alert("topk(3, x) > 1"), "promql/fragile"),
        (alert('x{a="b", a="c"} > 1'), "promql/impossible"),
        (alert('x{a="b", a!="b"} > 1'), "promql/impossible"),
        (alert('x{a=~"b"} > 1'), "promql/regexp"),
        (alert('x{a=~"^b.*"} > 1'), "promql/regexp"),
        (alert('x{a=~".*"} > 1'), "promql/regexp"),
        (alert("rate(sum(x)[5m:]) > 1"), "promql/rate"),
        (alert("sum by (a) (x) / sum by (a, b) (y) > 1"), "promql/vector_matching"),
        (alert("sum by (a) (x) / on (b) y > 1"), "promql/vector_matching"),
        (alert("x offset -5m > 1"), "promql/offset"),
        (alert("x > 1", "labels: {severity: a, v: '{{ $value }}'}, annotations: {summary: s, runbook_url: r}"), "alerts/template"),
        (alert("x > 1", "labels: {severity: a, v: '{{ now }}'}, annotations: {summary: s, runbook_url: r}"), "alerts/template"),
        (alert("sum(x) > 1", "labels: {severity: a}, annotations: {summary: '{{ $labels.pod }}', runbook_url: r}"), "alerts/template"),
        (alert("x > 1", "annotations: {summary: s, runbook_url: r}"), "rule/label"),
        (alert("x > 1", "labels: {severity: a}, annotations: {runbook_url: r}"), "alerts/annotation"),
        (alert("x > 1", "labels: {severity: a, alertname: b}, annotations: {summary: s, runbook_url: r}"), "rule/name"),
        ("record: 'a b', expr: x", "rule/name"),
    ],
)  # fmt: skip
def test_each_check_finds_what_it_is_for(rule: str, check: str) -> None:
    assert checks(rule) == [check]


@pytest.mark.parametrize(
    "expression",
    [
        "up == 0",
        "up == 0 and x",
        "x unless y",
        "absent(up) == 0 or x > 1",
        "rate(x[5m]) > 0.1",
        "sum by (a) (x > 0)",
        "sum by (a) (x) / on (a) group_left (b) y > 1",
        "sum by (a, b) (x) / ignoring (b) sum by (a) (y) > 1",
        "histogram_quantile(0.9, sum by (le, a) (x)) > 1 and sum by (a) (y) > 1",
        'x{a=~"b|c", d!~"e.*"} > 1',
        "ALERTS",
        "sum(x) > 1 or vector(0) > 1",
    ],
)
def test_what_is_sound_is_left_alone(expression: str) -> None:
    assert checks(alert(expression, f"for: 5m, {GOOD}")) == []


@pytest.mark.parametrize(
    ("more", "dialect", "wanted"),
    [
        ("", Dialect.PROMETHEUS, []),
        ("keep_firing_for: 2m,", Dialect.PROMETHEUS, ["alerts/missing"]),
        ("keep_firing_for: 1m,", Dialect.PROMETHEUS, []),
        ("", Dialect.METRICSQL, ["alerts/missing"]),
    ],
)
def test_what_is_said_of_missing_data_must_have_an_effect(
    more: str, dialect: Dialect, wanted: list[str]
) -> None:
    expression = "x > 1" if dialect is Dialect.PROMETHEUS else "x default 1 > 1"
    keys = f"{more} alertrouter: {{missing_data: keep, missing_data_evaluations: 2}}, {GOOD}"
    text = f"groups: [{{name: g, rules: [{{{alert(expression, keys)}}}]}}]"
    read = load_text(text, file="f.yml", dialect=dialect)
    assert [each.check for each in lint(read, {"f.yml": text}, 0)] == wanted


def test_labels_that_the_expression_leaves_may_be_used() -> None:
    used = "annotations: {runbook_url: r, summary: '{{ $labels.a }} {{ $labels.b }} {{ $labels.alertname }}'}"
    severity = "labels: {severity: '{{ if gt $value 5.0 }}page{{ else }}info{{ end }}'}"
    for expression in (
        "sum by (a, b) (x) > 1",
        "sum by (a) (x) * on (a) group_left (b) y > 1",
        'label_replace(sum by (a) (x), "b", "$1", "a", "(.*)") > 1',
        'absent(x{a="1", b="2"})',
        "max without (c) (x) > 1",
    ):
        assert checks(alert(expression, f"for: 5m, {severity}, {used}")) == [], expression


def test_groups_are_looked_at_as_a_whole() -> None:
    found = findings("""\
groups:
- name: g
  interval: 10m
  rules:
  - {record: a, expr: b + 1}
  - {record: b, expr: x}
  - {record: b, expr: x}
  - {record: b, expr: y}
  - {alert: A, expr: x > 1, for: 15m, labels: {severity: a}, annotations: {summary: s, runbook_url: r}}
""")
    assert {(each.check, each.line) for each in found} == {
        *[("group/interval", line) for line in (5, 6, 7, 8)],
        ("rule/dependency", 5),
        ("rule/duplicate", 7),
        ("rule/duplicate", 8),
        ("alerts/for", 9),
    }
    assert [each.message for each in found if each.check == "alerts/for"] == [
        "'for: 15m' takes 20m, as the group is evaluated every 10m"
    ]


COMMENTED = """\
groups:
- name: g
  rules:
  # artool disable alerts/comparison
  - alert: A
    expr: x
    labels: {severity: a}
  - alert: B
    expr: x  # pint disable alerts/comparison
    labels: {severity: a}
  - alert: C
    # artool snooze 1970-01-03 alerts/comparison
    expr: x
    labels: {severity: a}
  - alert: D
    expr: x
    labels: {severity: a}
# artool file/disable alerts/annotation
"""


@pytest.mark.parametrize(("now", "left"), [(DAY, ["D"]), (3 * DAY, ["C", "D"])])
def test_comments_switch_checks_off(now: Moment, left: list[str]) -> None:
    assert [each.rule for each in findings(COMMENTED, now=now)] == left


def test_a_whole_file_may_be_left_alone_and_comments_may_be_wrong() -> None:
    assert findings(COMMENTED + "# artool ignore/file\n") == []
    bad = findings("groups: []\n# artool disabled x\n# artool snooze soon y\n# artool rules are fun\n")
    assert [(each.check, each.line) for each in bad] == [("lint/comment", 2), ("lint/comment", 3)]


def test_checks_may_be_switched_off_by_name() -> None:
    assert findings(COMMENTED, now=DAY, disabled=["alerts/comparison"]) == []


@pytest.mark.parametrize(
    ("minutes", "hold", "keep", "lasted"),
    [
        ([], 0, 0, []),
        ([0], 0, 0, [1]),
        ([0, 1, 2], 2, 0, [1]),
        ([0, 1], 2, 0, []),
        ([0, 1, 2, 5, 6, 7, 8], 2, 0, [1, 2]),
        ([0, 1, 5, 6], 0, 2, [4, 2]),
        ([0, 1, 4, 5], 0, 2, [6]),
        ([0, 1, 2, 4, 5], 2, 0, [1]),
    ],
)
def test_how_often_and_how_long_an_alert_would_have_fired(
    minutes: list[int], hold: int, keep: int, lasted: list[int]
) -> None:
    found = firings([at * MINUTE for at in minutes], MINUTE, hold * MINUTE, keep * MINUTE)
    assert [each // MINUTE for each in found] == lasted


class Server:
    """Knows which queries have an answer."""

    def __init__(self, *there: str, moments: Sequence[Sequence[Moment]] = (), refuses: str = "") -> None:
        self.there = there
        self.asked: list[str] = []
        self.ranges: list[tuple[Moment, Moment, Duration]] = []
        self.answer = list(moments)
        self.refuses = refuses

    def is_there(self, expression: str) -> bool:
        self.asked.append(expression)
        return any(f"({each})" in expression or f"({each}[" in expression for each in self.there)

    def moments(self, expression: str, start: Moment, end: Moment, step: Duration) -> list[Sequence[Moment]]:
        self.ranges.append((start, end, step))
        if self.refuses:
            raise AskError(self.refuses, is_refusal=self.refuses != "down")
        return self.answer


TERMS = Terms(lookback=7 * DAY, interval=MINUTE, most_firings=2, now=30 * DAY)


def asked(server: Server, rule: str, terms: Terms = TERMS) -> list[Finding]:
    text = f"groups: [{{name: g, rules: [{{{rule}}}, {{record: known, expr: x}}]}}]"
    return [
        each
        for each in lint(
            load_text(text, file="f"), {"f": text}, 0, ask=lambda subjects: ask(subjects, server, terms)
        )
        if each.check in {"promql/series", "promql/label", "alerts/count", "promql/refused"}
    ]


def test_series_that_do_not_exist_are_told_with_what_is_missing() -> None:
    server = Server("x{}", 'x{a="b"}')
    said = {
        expression: [each.message.split(",")[0] for each in asked(server, alert(expression))]
        for expression in (
            'x{a="b"} > 1',
            "y > 1",
            'x{a="b", c="d"} > 1',
            "known > 1",
            "ALERTS == 1",
            '{c="d"} > 1',
        )
    }
    assert said == {
        'x{a="b"} > 1': [],
        "y > 1": ["there is no series called y"],
        'x{a="b", c="d"} > 1': ['x has no series with c="d"'],
        "known > 1": [],
        "ALERTS == 1": [],
        '{c="d"} > 1': ['there is no series {c="d"}'],
    }
    assert "count(known{})" not in server.asked, "it is recorded by a rule"


def test_labels_that_are_kept_must_exist() -> None:
    server = Server("x{}", 'x{a!=""}')
    (found,) = asked(server, alert("sum by (a, b) (rate(x[5m])) > 1"))
    assert found.check == "promql/label"
    assert "no series of x has the label 'b' that sum keeps" in found.message


def test_how_often_the_alert_would_have_fired() -> None:
    at = 25 * DAY
    once = [at + step * MINUTE for step in range(10)]
    server = Server("x{}", moments=[once, [at, at + HOUR], []])
    (found,) = asked(server, alert("x > 1", f"for: 0s, {GOOD}"))
    assert found.message == "would have fired 3 times on 2 series in the last 1w, 12m in all"
    assert found.severity is Severity.WARNING
    assert server.ranges == [(23 * DAY, 30 * DAY, MINUTE)]


def test_short_intervals_are_asked_for_in_pieces() -> None:
    server = Server("x{}")
    assert asked(server, alert("x > 1"), TERMS._replace(interval=15 * SECOND)) == []
    ends = [(start, end) for start, end, _ in server.ranges]
    assert len(ends) == 4
    assert ends[0][0] == 23 * DAY
    assert ends[-1][1] == 30 * DAY
    assert all((end - start) // (15 * SECOND) <= 11_000 for start, end in ends)


def test_what_the_server_refuses_is_a_finding_and_that_it_is_down_is_not() -> None:
    (found,) = asked(Server("x{}", refuses="too many samples"), alert("x > 1"))
    assert (found.check, found.message) == ("promql/refused", "too many samples")
    with pytest.raises(AskError, match="down"):
        asked(Server("x{}", refuses="down"), alert("x > 1"))


TEXTS = st.recursive(
    st.sampled_from(["x", 'y{a="b"}', "1", "x[5m]", "'a'", "time()", 'z{__name__=~"q|r"}']),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "> bool", ">", "and", "or on (a)", "/ on (a) group_left (b)"]), inner).map(
            " ".join
        ),
        st.tuples(st.sampled_from(["sum by (a, b)", "topk(2, ", "rate", "absent", "-", "histogram_quantile(0.9,"]), inner).map(
            lambda parts: f"{parts[0]}{'' if parts[0].endswith((',', ', ')) else '('}{parts[1]})"
        ),
        inner.map(lambda text: f"{text}[1h:5m]"),
    ),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=200)
@given(TEXTS)
def test_no_expression_is_too_odd_to_be_looked_at(expression: str) -> None:
    text = json.dumps(
        {
            "groups": [
                {
                    "name": "g",
                    "rules": [{"alert": "A", "expr": expression, "annotations": {"a": "{{ $labels.b }}"}}],
                }
            ]
        }
    )
    for dialect in Dialect:
        try:
            rules = load_text(text, file="f", dialect=dialect)
        except RuleError:
            continue
        found = lint(rules, {"f": text}, 0, ask=lambda subjects: ask(subjects, Server(), TERMS))
        assert {each.check for each in found} <= ABOUT.keys()


@pytest.mark.parametrize("count", [140, 300, 450, 2000])
def test_long_chains_are_looked_at_or_left_alone(count: int) -> None:
    assert set(checks(alert("x" + " + x" * count))) <= {"alerts/comparison"}
