"""Rule files: what is read from them, and what is said of those that are wrong."""

from __future__ import annotations

import contextlib
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertrouter.core.time import HOUR, MILLISECOND, MINUTE, SECOND
from alertrouter.rules.load import find, load, load_text
from alertrouter.rules.model import (
    AlertingRule,
    Dialect,
    KeySet,
    PartialResponse,
    RecordingRule,
    RuleError,
    RuleGroup,
)

COMPLETE = """\
groups:
  - name: node
    interval: 30s
    query_offset: 0s
    limit: 500
    labels: {team: infra, tier: none}
    rules:
      - record: instance:cpu:rate5m
        expr: sum by (instance) (rate(node_cpu_seconds_total{mode!="idle"}[5m]))
        labels: {tier: agg, note: '{{ $value }}'}
      - alert: HighCpu
        expr: instance:cpu:rate5m > 0.9
        for: 10m
        keep_firing_for: 5m
        labels:
          severity: page
          zone: '{{ $labels.instance | stripPort }}'
        annotations:
          summary: 'CPU of {{ $labels.instance }} at {{ $value | humanizePercentage }}'
"""


def groups_of(text: str, dialect: Dialect = Dialect.PROMETHEUS) -> tuple[RuleGroup, ...]:
    return load_text(dedent(text), file="rules.yml", dialect=dialect).groups


def problems_of(text: str, dialect: Dialect = Dialect.PROMETHEUS) -> list[str]:
    with pytest.raises(RuleError) as error:
        load_text(dedent(text), file="f", dialect=dialect)
    return [str(problem) for problem in error.value.problems]


def an_alert(more: str) -> str:
    return "groups: [{name: g, rules: [{alert: A, expr: up, " + more + "}]}]"


def test_a_complete_file() -> None:
    (group,) = groups_of(COMPLETE)
    assert (group.key, group.interval, group.limit) == ("rules.yml;node", 30 * SECOND, 500)
    assert group.query_offset == 0, "an offset of zero is not the same as none"
    record, alert = group.rules
    assert isinstance(record, RecordingRule)
    assert record.labels == {"team": "infra", "tier": "agg", "note": "{{ $value }}"}, "not a template there"
    assert isinstance(alert, AlertingRule)
    assert (alert.hold, alert.keep_firing) == (10 * MINUTE, 5 * MINUTE)
    assert {name: template.text for name, template in alert.labels.items()} == {
        "team": "infra",
        "tier": "none",
        "severity": "page",
        "zone": "{{ $labels.instance | stripPort }}",
    }
    assert (alert.line, alert.column) == (11, 9)


def test_scalars_keep_the_text_they_were_written_with() -> None:
    (group,) = groups_of("""\
        groups:
          - name: g
            rules:
              - alert: 007
                expr: 1
                labels: {i: 1, b: true, y: yes, o: on, f: 1.50, d: 2020-01-01, t: 12:30:45, n: null, t2: ~, x: 0x1f, u: 1_000}
        """)
    (rule,) = group.rules
    assert isinstance(rule, AlertingRule)
    assert (rule.name, rule.expression) == ("007", "1")
    assert {name: template.text for name, template in rule.labels.items()} == {
        "i": "1", "b": "true", "y": "yes", "o": "on", "f": "1.50", "d": "2020-01-01", "t": "12:30:45",
        "n": "", "t2": "", "x": "0x1f", "u": "1_000",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "groups:", "groups: []", "# nothing\n", "~", "---\n"])
def test_a_file_without_groups_is_right(text: str) -> None:
    assert groups_of(text) == ()


def test_merges_bring_in_what_is_not_written_out() -> None:
    (group,) = groups_of("""\
        groups:
          - name: g
            rules:
              - &a {alert: A, expr: up, labels: {x: y}}
              - {alert: B, <<: *a}
              - {<<: [{expr: up == 0}, *a], alert: C}
        """)
    assert [(rule.name, rule.expression) for rule in group.rules] == [
        ("A", "up"),
        ("B", "up"),
        ("C", "up == 0"),
    ]


def test_members_of_lists_that_are_null_are_left_out() -> None:
    (group,) = groups_of("groups: [~, {name: g, rules: [~, {alert: A, expr: up}]}]")
    assert [rule.name for rule in group.rules] == ["A"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("groups: [{name: g, foo: 1}]", "f:1:20: field foo not found in type rulefmt.RuleGroup"),
        (an_alert("fro: 5m"), "f:1:49: field fro not found in type rulefmt.Rule (did you mean 'for'?)"),
        ("x-defaults: 1\ngroups: []", "f:1:1: field x-defaults not found in type rulefmt.RuleGroups"),
        (an_alert("alert: B"), 'f:1:49: mapping key "alert" already defined at line 1'),
        (an_alert("labels: [a]"), "f:1:57: cannot unmarshal !!seq into map[string]string"),
        (an_alert("labels: {a: [b]}"), "f:1:61: cannot unmarshal !!seq into string"),
        ("groups: [{name: g, limit: x}]", "f:1:27: cannot unmarshal !!str `x` into int"),
        ("groups: [{name: ''}]", "f:1:17: Groupname must not be empty"),
        ("groups: [{name: g}, {name: g}]", 'f:1:28: groupname: "g" is repeated in the same file'),
        ("groups: [{name: g, labels: {__name__: x}}]", "f:1:29: invalid label name: __name__"),
        (
            an_alert("record: b"),
            "f:1:57: group \"g\", rule 1, \"A\": only one of 'record' and 'alert' must be set",
        ),
        (
            "groups: [{name: g, rules: [{expr: up}]}]",
            "f:1:28: group \"g\", rule 1, \"\": one of 'record' or 'alert' must be set",
        ),
        (
            "groups: [{name: g, rules: [{alert: A}]}]",
            "f:1:28: group \"g\", rule 1, \"A\": field 'expr' must be set in rule",
        ),
        (
            "groups: [{name: g, rules: [{record: 'a{', expr: up}]}]",
            'f:1:37: group "g", rule 1, "a{": braces present in the recording rule name; should it be in expr?: a{',
        ),
        (an_alert("labels: {'': x}"), 'f:1:58: group "g", rule 1, "A": invalid label name: '),
        (an_alert("annotations: {'': x}"), 'f:1:63: group "g", rule 1, "A": invalid annotation name: '),
        (
            an_alert("labels: {k: '{{ nofunc }}'}"),
            'f:1:65: group "g", rule 1, "A": label "k": template: __alert_A:1: function "nofunc" not defined',
        ),
        (
            an_alert("annotations: {k: '{{ $x }}'}"),
            'f:1:73: group "g", rule 1, "A": annotation "k": template: __alert_A:1: undefined variable "$x"',
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(text: str, said: str) -> None:
    assert [problem[: len(said)] for problem in problems_of(text)] == [said]


@pytest.mark.parametrize(
    ("key", "more"),
    [("annotations", "annotations: {a: b}"), ("for", "for: 5m"), ("keep_firing_for", "keep_firing_for: 1s")],
)
def test_recording_rules_take_no_key_of_alerts(key: str, more: str) -> None:
    text = "groups: [{name: g, rules: [{record: a, expr: up, " + more + "}]}]"
    (said,) = problems_of(text)
    assert f"invalid field '{key}' in recording rule" in said
    assert groups_of(text, dialect=Dialect.METRICSQL)[0].rules, "vmalert takes and ignores it"


def test_a_recording_rule_may_write_out_that_it_waits_for_nothing() -> None:
    assert groups_of("groups: [{name: g, rules: [{record: a, expr: up, for: 0s}]}]")


@pytest.mark.parametrize("text", ["1.5h", "90", "5M", "1m1h", "-5m", "1h 30m", "1h1h", "300y", '""'])
def test_durations_that_are_none(text: str) -> None:
    (said,) = problems_of(an_alert(f"for: {text}"))
    assert said.startswith("f:1:54: ")
    assert "duration" in said


@pytest.mark.parametrize(
    ("text", "duration"),
    [("1h30m", 90 * MINUTE), ("0", 0), ("1d", 24 * HOUR), ("1500ms", 1500 * MILLISECOND), ("~", 0)],
)
def test_durations(text: str, duration: int) -> None:
    (rule,) = groups_of(an_alert(f"for: {text}"))[0].rules
    assert isinstance(rule, AlertingRule)
    assert rule.hold == duration


@pytest.mark.parametrize(
    ("text", "duration"), [("1.5h", 90 * MINUTE), ("90", 90 * SECOND), ("1m1h", 61 * MINUTE)]
)
def test_durations_of_victoriametrics(text: str, duration: int) -> None:
    (rule,) = groups_of(an_alert(f"for: {text}"), dialect=Dialect.METRICSQL)[0].rules
    assert isinstance(rule, AlertingRule)
    assert rule.hold == duration


def test_what_other_systems_add() -> None:
    (group,) = groups_of("""\
        groups:
          - name: g
            type: prometheus
            interval: 1m
            concurrency: 4
            params: {nocache: ["1"], extra_label: [env=dev]}
            headers: ["X-Scope-OrgID: team:a"]
            notifier_headers: ["A:b"]
            eval_offset: -10s
            eval_alignment: false
            debug: true
            partial_response_strategy: WARN
            source_tenants: [a, b]
            evaluation_delay: 2m
            align_evaluation_time_on_interval: true
            rules:
              - {alert: A, expr: up, debug: true, update_entries_limit: 5}
        """)
    assert group.concurrency == 4
    assert group.params == {"nocache": ("1",), "extra_label": ("env=dev",)}
    assert group.headers == (("X-Scope-OrgID", "team:a"),)
    assert group.notifier_headers == (("A", "b"),)
    assert (group.eval_offset, group.eval_alignment) == (-10 * SECOND, False)
    assert group.partial_response is PartialResponse.WARN
    assert (group.source_tenants, group.query_offset) == (("a", "b"), 2 * MINUTE)
    assert group.align_to_interval
    assert group.debug
    assert (group.rules[0].debug, group.rules[0].update_entries_limit) == (True, 5)


def test_what_other_systems_add_may_be_refused() -> None:
    with pytest.raises(RuleError, match="a key of vmalert, not of Prometheus"):
        load_text("groups: [{name: g, concurrency: 2}]", file="f", strict_keys=KeySet.PROMETHEUS)


@pytest.mark.parametrize(
    "more",
    [
        "concurrency: -1",
        "type: graphite",
        "headers: [secret]",
        "interval: 1m, eval_offset: 2m",
        "eval_offset: 2m",
        "interval: 5m, eval_offset: 2m, eval_delay: 1m",
        "partial_response_strategy: maybe",
        "tenant: '1'",
        "debug: maybe",
    ],
)
def test_what_other_systems_would_refuse(more: str) -> None:
    (said,) = problems_of("groups: [{name: g, " + more + "}]")
    assert said.startswith("f:1:")
    assert "secret" not in said, "a header may hold one"


def test_an_object_of_kubernetes() -> None:
    (group,) = groups_of("""\
        apiVersion: monitoring.coreos.com/v1
        kind: PrometheusRule
        metadata: {name: x}
        spec:
          groups:
            - name: g
              rules: [{alert: A, expr: up}]
        """)
    assert group.name == "g"
    assert (
        len(
            groups_of(
                "kind: List\nitems: [{kind: Secret}, {kind: PrometheusRule, spec: {groups: [{name: g}]}}]"
            )
        )
        == 1
    )
    assert "only objects of kind PrometheusRule" in problems_of("kind: Deployment")[0]


def test_a_group_alone_as_mimir_takes_it() -> None:
    (group,) = groups_of("name: g\nrules: [{alert: A, expr: up}]")
    assert group.name == "g"


def test_a_file_of_mimirtool_with_its_namespace() -> None:
    assert [group.name for group in groups_of("namespace: team\ngroups: [{name: g}]")] == ["g"]
    with pytest.raises(RuleError, match="field namespace not found"):
        load_text("namespace: a", file="f", strict_keys=KeySet.PROMETHEUS)


def test_only_the_first_document_is_read() -> None:
    read = load_text("groups: [{name: a}]\n---\ngroups: [{name: b}]\n", file="f")
    assert [group.name for group in read.groups] == ["a"]
    assert str(read.warnings[0]).startswith("f:3:1: only the first document")
    assert not load_text("groups: []\n---\n", file="f").warnings


@pytest.mark.parametrize("text", ["ALERT Down\n  IF up == 0\n", '# old\njob:x{a="b"} = sum(up)\n', "a = 1"])
def test_the_form_of_prometheus_1_names_the_command_that_converts_it(text: str) -> None:
    (said,) = problems_of(text)
    assert "artool rules convert f" in said


def test_errors_in_expressions_are_shown_where_they_are() -> None:
    text = """\
        groups:
          - name: g
            rules:
              - alert: Plain
                expr: sum(rate(x)
              - alert: Block
                expr: |
                  sum(
                    rate(x[5m)
                  )
              - alert: Folded
                expr: >
                  sum by (a) (x)
                  + rate(x[5m)
              - alert: Quoted
                expr: "x{a=\\"b\\"} > > 1"
        """
    places = [problem.split(": ")[0] for problem in problems_of(text)]
    assert [place.split(":")[1] for place in places] == ["5", "9", "14", "16"]


def test_everything_wrong_in_all_files_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("groups: [{name: ''}, {name: g, foo: 1}]")
    (tmp_path / "b.yml").write_text("groups:\n\t- x")
    (tmp_path / "c.yml").write_text(an_alert("for: 90, labels: {a: '{{'}"))
    (tmp_path / "good.yml").write_text(an_alert("for: 90s"))
    with pytest.raises(RuleError) as error:
        load([str(tmp_path / "*.yml"), "["], directory=tmp_path)
    said = [(Path(problem.file).name, problem.line) for problem in error.value.problems]
    assert said == [("[", 0), ("a.yml", 1), ("a.yml", 1), ("b.yml", 2), ("c.yml", 1), ("c.yml", 1)]


def test_groups_of_one_name_in_two_files(tmp_path: Path) -> None:
    for name in ("b.yml", "a.yml"):
        (tmp_path / name).write_text("groups: [{name: z}, {name: a}]")
    read = load(["*.yml", "a.yml", "nothing/*.yml"], directory=tmp_path)
    assert [group.key for group in read.groups] == [
        f"{tmp_path}/{file};{name}" for file in ("a.yml", "b.yml") for name in ("z", "a")
    ]
    assert [warning.message for warning in read.warnings] == ["no file matches"]


def test_two_stars_stand_for_any_folders(tmp_path: Path) -> None:
    for name in ("top.yml", "x/one.yml", "x/y/two.yml", "x/y/not.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "x" / "up").symlink_to(tmp_path)

    def names(glob: str) -> list[str]:
        return [str(path.relative_to(tmp_path)) for path in find(glob, tmp_path)]

    assert names("**/*.yml") == ["top.yml", "x/one.yml", "x/y/two.yml"]
    assert names("x/**/t*.yml") == ["x/y/two.yml"]
    assert names("x/**") == ["x/one.yml", "x/y/not.txt", "x/y/two.yml"]
    assert names("*.yml") == ["top.yml"]
    assert find(f"{tmp_path}/**/two.yml") == [tmp_path / "x/y/two.yml"]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "folder.yml").mkdir()
    (tmp_path / "latin.yml").write_bytes(b"groups:\n- name: caf\xe9\n")
    with pytest.raises(RuleError) as error:
        load(["*.yml"], directory=tmp_path)
    assert [(problem.line, problem.column) for problem in error.value.problems] == [(0, 0), (2, 12)]


PIECES = st.sampled_from(
    [*":-[]{},&*!|>'\"%@`#\n\t~", "<<: ", "- ", ": ", "0", "1e999", "{{", "$x", "\n  ", "\x00", "\ud800", "é"]
)  # fmt: skip


@settings(max_examples=300)
@given(data=st.data())
def test_no_text_does_anything_but_load_or_fail_with_problems(data: st.DataObject) -> None:
    text = COMPLETE
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(text)))
        end = min(len(text), begin + data.draw(st.integers(0, 12)))
        text = text[:begin] + data.draw(PIECES | st.text(max_size=4)) + text[end:]
    for dialect in Dialect:
        with contextlib.suppress(RuleError):
            load_text(text, file="f", dialect=dialect)
