"""`artool rules check` prints and ends as a real promtool does, and expressions are judged as it judges them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from alertrouter.promql.errors import PromqlError
from alertrouter.promql.parser import parse
from benchmarks.processes import free_port
from tests.live.peers import peer, running

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.live

ARTOOL = (sys.executable, "-c", "import sys; from alertrouter.cli.main import artool; sys.exit(artool())")

FILES = {
    "empty": "",
    "null": "groups:\n",
    "good": """\
groups:
- name: a
  limit: 5
  interval: 1m30s
  labels: {x: y}
  rules:
  - {alert: X, expr: up, for: 5m, labels: {n: 1, b: yes, z: null}, annotations: {s: '{{ $value | humanize }}'}}
  - {record: 'x:y', expr: 'sum(up)', for: 0s}
- name: b
""",
    "merges": """\
groups:
- name: a
  rules:
  - &x {alert: X, expr: up, labels: {a: b}}
  - {<<: *x, alert: Z}
  - <<: *x
""",
    "nulls": "groups:\n- name: ~\n  rules: ~\n- name: b\n  rules:\n  - ~\n  - {alert: X, expr: ~}\n-\n",
    "alike": """\
groups:
- name: a
  rules:
  - {alert: X, expr: up, labels: {b: "2", a: "1"}}
  - {alert: X, expr: up > 5, labels: {b: "2", a: "1"}}
- name: b
  labels: {b: "2"}
  rules:
  - {alert: X, expr: up > 5, labels: {a: "1"}}
  - {record: X, expr: up > 5}
  - {record: X, expr: up > 6}
""",
    "unknown": """\
groups:
- name: a
  foo: 1
  rules:
  - {alert: X, expr: up, bar: 1}
  - alert: Y
    expr: up
    severity: {a: b}
other: 1
""",
    "twice": "groups:\n- name: a\n  rules:\n  - alert: X\n    alert: Y\n    expr: up\n",
    "kinds": "groups:\n- name: a\n  limit: many\n  rules:\n  - alert: [Y]\n    expr: {a: b}\n  - 5\n- 7\n",
    "map": "groups: {a: b}\n",
    "word": "groups: foo\n",
    "list": "- a\n",
    "text": "just text\n",
    "duration": "groups:\n- name: a\n  interval: 1.5h\n",
    "offset": "groups:\n- name: a\n  query_offset: 5M\n",
    "for": "groups:\n- name: a\n  rules:\n  - {alert: A, expr: up, for: 90}\n",
    "keep": "groups:\n- name: a\n  rules:\n  - {alert: A, expr: up, keep_firing_for: ''}\n",
    "indentation": "groups:\n- name: a\n   rules:\n  - x\n",
    "tab": "groups:\n\t- name: a\n",
    "quote": "groups:\n- name: 'a\n",
    "bracket": "groups: [\n",
    "anchor": "groups: *x\n",
    "names": """\
groups:
- name: ""
- name: a
  labels: {__name__: x}
  rules:
  - {alert: X, record: y, expr: up}
  - {expr: up}
  - {alert: Z}
  - {record: 'x{', expr: up}
  - {record: 'x y', expr: up}
  - {record: z, expr: up, for: 5m, keep_firing_for: 5m, annotations: {a: b}}
  - {alert: L, expr: up, labels: {'': x}}
  - {alert: N, expr: up, annotations: {'': x}}
- name: a
""",
    "templates": """\
groups:
- name: a
  rules:
  - {alert: T, expr: up, labels: {a: '{{ nofunc }}'}}
  - {alert: U, expr: up, annotations: {a: '{{ $x }}'}}
  - {alert: 'A "quoted" one', expr: up, annotations: {a: 'line\\n{{'}}
  - {alert: V, expr: up +, annotations: {a: '{{ end }}'}}
  - {alert: W, expr: up, annotations: {a: '{{ .Foo }} {{ $labels.x | humanizePercentage }}'}}
""",
    "windows": "groups:\r\n- name: a\r\n  rules:\r\n  - alert: X\r\n    expr: up ==\r\n",
    "mark": "\ufeffgroups: []\n",
    "comment": "# nothing\n",
    "literal": "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: |\n      sum by (a) (\n        rate(x[5m]\n      )\n",
    "folded": "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: >-\n      up\n      == ==\n",
    "flow": "{groups: [{name: g, rules: [{alert: A, expr: 'up ='}]}]}\n",
    "groups twice": "groups: []\ngroups: []\n",
    "label twice": "groups:\n- name: g\n  rules:\n  - {alert: A, expr: up, labels: {a: 1, a: 2}}\n",
    "labels of kinds": """\
groups:
- name: g
  rules:
  - {alert: A, expr: up, labels: [a, b]}
  - {alert: B, expr: up, labels: {a: {b: c}}}
  - {alert: C, expr: up, labels: ~, annotations: }
  - {alert: D, expr: up, for: {a: b}}
""",
    "words and numbers": """\
groups:
- name: 5
  rules:
  - {alert: 007, expr: 0x1F}
  - {alert: yes, expr: .inf}
  - {alert: 1.50, expr: 1e3, for: ~, keep_firing_for: }
  - {record: r, expr: up, annotations: {}, for: 0s, keep_firing_for: 0, labels: {a: '{{ nofunc }}'}}
  - {record: 'ü.b c', expr: '"a"'}
- name: 5
""",
    "truth": "groups:\n- name: a\n  limit: yes\n",
    "limit 1": "groups:\n- name: a\n  limit: 1.5\n",
    "limit 2": "groups:\n- name: a\n  limit: '5'\n- name: b\n  limit: 0x10\n- name: c\n  limit: -1\n",
    "limit 3": "groups:\n- name: a\n  limit: 99999999999999999999\n",
    "negative": "groups:\n- name: a\n  rules:\n  - {alert: A, expr: up, for: -5m}\n",
    "too long": "groups:\n- name: a\n  rules:\n  - {alert: A, expr: up, for: 300y}\n",
    "blank": "groups:\n- name: a\n  rules:\n  - {alert: A, expr: up, for: 1h 30m}\n",
    "order": "groups:\n- name: a\n  rules:\n  - {alert: A, expr: up, for: 1m1h}\n",
    "interval": "groups:\n- name: a\n  interval: 0s\n- name: b\n  interval: 60\n",
    "labels of a group": "groups:\n- name: a\n  labels: {a: '{{ $x', __name__: y, 'a b': c}\n",
    "top level": "x-defaults: &a {severity: page}\ngroups: []\n",
    "no merge": "groups:\n- name: g\n  rules:\n  - {alert: A, expr: up, labels: {<<: 5}}\n",
    "merged list": """\
groups:
- name: g
  rules:
  - {alert: A, expr: up, labels: &a {x: y}}
  - {alert: B, expr: &e up, labels: {<<: [*a, {z: w}]}}
  - {alert: C, expr: *e}
""",
    "empty expressions": """\
groups:
- name: g
  rules:
  - {alert: A, expr: ''}
  - {alert: B, expr: '  '}
  - {alert: C, expr: '# c'}
""",
    "rules": "groups:\n- name: a\n  rules: {alert: A, expr: up}\n- name: b\n  rules: foo\n",
    "case": "Groups: []\n",
    "tag": "groups:\n- name: !!binary aGVsbG8=\n",
    "control": 'groups:\n- name: "a\\a"\n',
    "others": "groups:\n- name: a\n  concurrency: 2\n  rules:\n  - {alert: A, expr: up, debug: true, alertrouter: {}}\n",
    "wrapped": "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec: {groups: []}\n",
}
FLAGS = (
    (),
    ("--lint-fatal",),
    ("--lint=none",),
    ("--lint=all",),
    ("--lint=other",),
    ("--ignore-unknown-fields",),
)


class Outcome(NamedTuple):
    status: int
    stdout: str
    stderr: list[str]


def run(command: Sequence[object], directory: Path, text: str | None = None) -> Outcome:
    done = subprocess.run(
        [str(each) for each in command],
        cwd=directory,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr.splitlines())


@pytest.fixture(scope="module")
def promtool() -> Path:
    return peer("ALERTROUTER_PEER_PROMTOOL", "promtool")


@pytest.mark.parametrize("flags", FLAGS, ids=" ".join)
def test_checks_print_and_end_alike(promtool: Path, tmp_path: Path, flags: tuple[str, ...]) -> None:
    for name, text in FILES.items():
        (tmp_path / f"{name}.yml").write_text(text)
    files = sorted(each.name for each in tmp_path.iterdir())

    theirs = run([promtool, "check", "rules", *flags, *files], tmp_path)
    ours = run([*ARTOOL, "rules", "check", *flags, *files], tmp_path)

    assert ours == theirs


@pytest.mark.parametrize("name", ["good", "names", "alike", "unknown"])
def test_standard_input_is_checked_alike(promtool: Path, tmp_path: Path, name: str) -> None:
    theirs = run([promtool, "check", "rules"], tmp_path, FILES[name])
    assert run([*ARTOOL, "rules", "check"], tmp_path, FILES[name]) == theirs


# What our promtool does not know yet, or words in another way than newer ones, is left out.
EXPRESSIONS = r"""
up
up == bool 1
0x
1e
1e+
1e-
0x_
1_
1__0
1.2.3
0x1.8
0x1p3
1e5x
1e5.5
0x1G
1_000_
1_e5
1m_
.5m
1.5m
1e5m
0x5m
1h30
5m5
5d1w
foo[1e]
foo[5m:1e]
1 +0x
foo{a!b}
()
((up)
up = 1
up =~ 'a'
up and and up
up{} {}
a{'b'}
a{__name__=~'b'}
-up ^ 2
job:up:sum{a=`b`, 'c.d'=~"e|f",} offset -5m
{"http.requests", code!~"2.."}
sum without (a, "b.c") (rate(x[5m])) > 1h
topk by (a) (3, x)
quantile_over_time(0.9, x[1h:5m] @ end() offset 1d)
a / on (b) group_left (c) d
a + ignoring (b) group_right c
sum(sum) by (by)
label_replace(up, 'a', '$1', 'b', '(.*)') # comment
1_000 + 0x1F + 1e-3 + .5 + 5. + Inf + NaN
vector(time()) > 1 or vector(1)
x{a="\n\t\"\x41\u00e9\101"}
x{a="é"} == 1
and + or
up +
up + + +
rate(up
up)
x > > 1
sum(x y)
sum(rate(x y))
sum x
sum by a (x)
sum by (a b) (x)
sum(x) by
x y
x{a=b}
x{a}
x{a="b" c="d"}
x{,}
x{a=~"["}
x{a=~"(?=b)"}
x{a=~"(b"}
x{a=~"b)"}
x{
x}
sum(x)[5m]
x offset 5m [5m]
x offset 5m offset 5m
1 offset 5m
x @
rate(x)
nosuch(x)
rate(x[5m], 1)
round()
round(x, 1, 2)
abs(x,)
abs(,)
1 > 2
x + bool y
x and 1
x and on (a) group_left y
x + on (a) 1
x + on (a) group_left (a) y
topk(x)
topk(x, x)
count_values(1, x)
sum()
{}
{a=""}
{a=~".*"}
{a!="b"}
x{__name__="y"}
'\d'
"\xg1"
'open
`open
1e999
5x
1..2
-'a'
'a' + 1
x[5m1h]
x = 1
x =~ 1
x !~ y
x & y
bool
on
group_left
!x
()
(x
((x)
x[5m] + 1
x[5m][5m]
abs(x[5m])
scalar(1)
absent(1)
histogram_quantile(x, 0.9)
sum(1)
sum("a")
time(1)
x unless y or z and w
x ^ -y
2 ^ x ^ 3
- - x
x atan2 y
x % 2 == 0
x offset 1w2d
x offset 5
x[60]
""".strip("\n").split("\n")  # fmt: skip


def test_expressions_are_judged_and_complained_of_alike(promtool: Path, tmp_path: Path) -> None:
    """In one file, for a promtool takes a while to start."""
    quoted = [each.replace("'", "''") for each in EXPRESSIONS]
    rules = "".join([f"  - {{record: r{place}, expr: '{each}'}}\n" for place, each in enumerate(quoted)])
    (tmp_path / "all.yml").write_text(f"groups:\n- name: g\n  rules:\n{rules}")

    theirs = run([promtool, "check", "rules", "--lint=none", "all.yml"], tmp_path).stderr

    said: dict[int, str] = {}
    for line in theirs[1:]:
        place, _, message = line.partition(" could not parse expression: ")
        said[int(place.split('"r')[1].split('"')[0])] = message
    ours: dict[int, str] = {}
    for number, each in enumerate(EXPRESSIONS):
        try:
            parse(each)
        except PromqlError as error:
            ours[number] = str(error)
    different = {
        each: (said.get(number), ours.get(number))
        for number, each in enumerate(EXPRESSIONS)
        if said.get(number) != ours.get(number)
    }
    assert different == {}
    assert len(said) > 50


RULES = """\
groups:
- name: g
  rules:
  - alert: High
    expr: load > 0.9
    for: 2m
    keep_firing_for: 1m
    labels: {severity: page}
    annotations: {summary: '{{ $labels.instance }} at {{ $value | humanizePercentage }}'}
"""
SERIES = """\
rule_files: [rules.yml]
tests:
- name: High
  interval: 1m
  input_series: [{series: 'load{instance="a"}', values: '0 0.95x3 0x5'}]
  alert_rule_test:
"""
RESULTS = """\
rule_files: [rules.yml]
tests:
- name: High
  interval: 1m
  results: {High: [{labels: {__name__: load, instance: a}, values: '_ 0.95x3 _x5'}]}
  alert_rule_test:
"""
FIRES = "exp_alerts: [{exp_labels: {instance: a, severity: page}, exp_annotations: {summary: a at 95%}}]"


NOTHING = "exp_alerts: []"


@pytest.mark.parametrize(("minute", "expected"), [(2, NOTHING), (4, FIRES), (4, NOTHING), (5, NOTHING)])
def test_given_results_end_as_the_same_series_do(
    promtool: Path, tmp_path: Path, minute: int, expected: str
) -> None:
    (tmp_path / "rules.yml").write_text(RULES)
    check = f"  - {{eval_time: {minute}m, alertname: High, {expected}}}\n"
    (tmp_path / "series.yml").write_text(SERIES + check)
    (tmp_path / "results.yml").write_text(RESULTS + check)

    through = run([*ARTOOL, "rules", "test", f"--promtool={promtool}", "series.yml"], tmp_path)
    given = run([*ARTOOL, "rules", "test", "results.yml"], tmp_path)

    assert ("SUCCESS" in through.stdout, "FAILED" in "".join(through.stderr)) == (
        through.status == 0,
        through.status == 1,
    )
    assert given.status == through.status


ON_A_SERVER = """\
rule_files: [recorded.yml]
evaluation_interval: 1m
tests:
- name: recorded and gone
  interval: 1m
  input_series:
  - {series: 'load{instance="a"}', values: '0 0.95x3 stale'}
  - {series: 'load{instance="b"}', values: '0+1x10'}
  alert_rule_test:
  - {eval_time: 3m, alertname: High, exp_alerts: [{exp_labels: {instance: a, severity: page}}, {exp_labels: {instance: b, severity: page}}]}
  - {eval_time: 5m, alertname: High, exp_alerts: [{exp_labels: {instance: b, severity: page}}]}
  promql_expr_test:
  - {expr: 'instance:load:max5m', eval_time: 4m, exp_samples: [{labels: 'instance:load:max5m{instance="a"}', value: 0.95}, {labels: 'instance:load:max5m{instance="b"}', value: 4}]}
  - {expr: 'count(ALERTS{alertstate="firing"})', eval_time: 5m, exp_samples: [{labels: '{}', value: 1}]}
- name: another begins anew
  input_series: [{series: 'load{instance="a"}', values: '0x5'}]
  alert_rule_test: [{eval_time: 4m, alertname: High}]
  promql_expr_test: [{expr: 'sum(instance:load:max5m)', eval_time: 2m, exp_samples: [{value: 0}]}]
"""
RECORDED = """\
groups:
- name: g
  rules:
  - {record: 'instance:load:max5m', expr: 'max_over_time(load[5m])'}
  - {alert: High, expr: 'instance:load:max5m > 0.9 and load', for: 2m, labels: {severity: page}}
"""


def test_a_server_to_throw_away_computes_what_promtool_does(promtool: Path, tmp_path: Path) -> None:
    program = peer("ALERTROUTER_PEER_PROMETHEUS", "prometheus")
    address = f"127.0.0.1:{free_port()}"
    (tmp_path / "recorded.yml").write_text(RECORDED)
    (tmp_path / "right.yml").write_text(ON_A_SERVER)
    (tmp_path / "wrong.yml").write_text(ON_A_SERVER.replace("value: 4}", "value: 5}"))
    (tmp_path / "prometheus.yml").write_text("{}")
    command: list[str | Path] = [
        program,
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--web.listen-address={address}",
        "--web.enable-remote-write-receiver",
    ]
    for name, status in (("right", 0), ("wrong", 1)):
        data = f"--storage.tsdb.path={tmp_path / name}"
        assert run([promtool, "test", "rules", f"{name}.yml"], tmp_path).status == status
        with running(
            [*command, data], ready=f"http://{address}/-/ready", log=tmp_path / "log", directory=tmp_path
        ):
            ours = run([*ARTOOL, "rules", "test", f"--query.url=http://{address}", f"{name}.yml"], tmp_path)
        assert (ours.status, ours.stderr) == (status, []), ours.stdout
        assert ("instance:load:max5m" in ours.stdout) is (status == 1)


MANY_RULES = """\
groups:
- name: g
  interval: 30s
  rules:
  - {record: 'job:up', expr: 'sum by (job) (up)', labels: {tier: agg}}
  - alert: Down
    expr: up == 0
    for: 5m
    labels: {severity: page, v: '{{ $labels.job }}'}
    annotations: {summary: '{{ $value }}', ext: '{{ $externalLabels.region }} {{ $externalURL }}'}
  - {alert: Kept, expr: up == 0, keep_firing_for: 3m}
  - {alert: Agg, expr: 'job:up < 2'}
- name: g2
  rules:
  - {alert: Absent, expr: 'absent(up{job="nope"})'}
  - {alert: Rate, expr: 'rate(requests[5m]) > 1', annotations: {v: '{{ $value | humanize }}'}}
"""
_UP = """- interval: 1m
  input_series: [{{series: 'up{{job="a"}}', values: '{values}'}}]
"""
_KEPT = "exp_alerts: [{exp_labels: {job: a}}]"
_DOWN = "exp_labels: {job: a, severity: page, v: a}, exp_annotations: {summary: '0', ext: "


def _case(values: str, *checks: str, more: str = "") -> str:
    return (
        _UP.format(values=values)
        + more
        + "  alert_rule_test:\n"
        + "".join(f"  - {{{each}}}\n" for each in checks)
    )


def _expressions(*checks: str, series: str = "1+1x10", interval: str = "1m") -> str:
    return (
        f"- interval: {interval}\n  input_series: [{{series: m, values: '{series}'}}]\n  promql_expr_test:\n"
        + "".join(f"  - {{{each}}}\n" for each in checks)
    )


# Each with what stands above its tests.
MANY_TESTS = {
    "fires": ("", _case("0x10", f"eval_time: 5m, alertname: Down, exp_alerts: [{{{_DOWN}' '}}}}]")),
    "external": (
        "",
        _case(
            "0x10",
            f"eval_time: 5m, alertname: Down, exp_alerts: [{{{_DOWN}'eu http://e/'}}}}]",
            more="  external_labels: {region: eu}\n  external_url: http://e/\n",
        ),
    ),
    "annotations missing": (
        "",
        _case(
            "0x10",
            "eval_time: 5m, alertname: Down, exp_alerts: [{exp_labels: {job: a, severity: page, v: a}}]",
        ),
    ),
    "early": ("", _case("0x10", "eval_time: 4m, alertname: Down", "eval_time: 4m59s, alertname: Down")),
    "between": ("", _case("0x10", "eval_time: 5m30s, alertname: Down")),
    "no such alert": ("", _case("1x10", "eval_time: 5m, alertname: Nope")),
    "kept": (
        "",
        _case("0x3 1x10", f"eval_time: 6m, alertname: Kept, {_KEPT}", "eval_time: 7m, alertname: Kept"),
    ),
    "stale": (
        "",
        _case("0x3 stale _x9", f"eval_time: 6m, alertname: Kept, {_KEPT}", "eval_time: 7m, alertname: Kept"),
    ),
    "gap": ("", _case("0 _x4 0 _x10", f"eval_time: 9m, alertname: Kept, {_KEPT}")),
    "chain": (
        "",
        _case("1x5", "eval_time: 0m, alertname: Agg, exp_alerts: [{exp_labels: {job: a, tier: agg}}]"),
    ),
    "absent": (
        "",
        _case("0x10", "eval_time: 1m, alertname: Absent, exp_alerts: [{exp_labels: {job: nope}}]"),
    ),
    "order": (
        "group_eval_order: [g2, g]\n",
        _case("0x10", "eval_time: 1m, alertname: Absent, exp_alerts: [{exp_labels: {job: nope}}]"),
    ),
    "order of others": (
        "group_eval_order: [nope]\n",
        _case("0x10", f"eval_time: 1m, alertname: Kept, {_KEPT}"),
    ),
    "two": (
        "",
        _case("0x10", "eval_time: 5m, alertname: Kept") + _case("1x10", "eval_time: 5m, alertname: Kept"),
    ),
    "expressions": (
        "",
        _expressions(
            "expr: m, eval_time: 90s, exp_samples: [{labels: m, value: 4}]",
            "expr: 'm > 100', eval_time: 1m",
            "expr: 'sum(m) * 2', eval_time: 2m, exp_samples: [{value: 10}]",
            interval="30s",
        ),
    ),
    "after the last evaluation": (
        "",
        _expressions("expr: m, eval_time: 90s, exp_samples: [{labels: m, value: 4}]", interval="30s"),
    ),
    "another value": ("", _expressions("expr: m, eval_time: 2m, exp_samples: [{labels: m, value: 4}]")),
    "another label": (
        "",
        _expressions("expr: m, eval_time: 2m, exp_samples: [{labels: 'm{a=\"b\"}', value: 3}]"),
    ),
    "infinite": (
        "",
        _expressions("expr: m, eval_time: 1m, exp_samples: [{labels: m, value: .inf}]", series="1 Inf"),
    ),
    "fuzzy": (
        "fuzzy_compare: true\n",
        _expressions("expr: m + 0.2, eval_time: 0, exp_samples: [{value: 0.3}]", series="0.1"),
    ),
    "not fuzzy": ("", _expressions("expr: m + 0.2, eval_time: 0, exp_samples: [{value: 0.3}]", series="0.1")),
    "no promql": ("", _expressions("expr: 'm +', eval_time: 1m")),
    "unknown key": ("foo: bar\n", _case("0x1", "eval_time: 1m, alertname: Down")),
    "nameless": ("", _case("0x1", "eval_time: 1m")),
    "values": ("", _case("0x 1y", "eval_time: 1m, alertname: Down")),
}


def test_many_files_in_one_run_end_on_a_server_as_each_does_with_promtool(
    promtool: Path, tmp_path: Path
) -> None:
    program = peer("ALERTROUTER_PEER_PROMETHEUS", "prometheus")
    address = f"127.0.0.1:{free_port()}"
    (tmp_path / "many.yml").write_text(MANY_RULES)
    (tmp_path / "prometheus.yml").write_text("{}")
    files = {f"{number}.test.yml": name for number, name in enumerate(MANY_TESTS)}
    for file, name in files.items():
        head, tests = MANY_TESTS[name]
        (tmp_path / file).write_text(
            f"rule_files: [many.yml]\nevaluation_interval: 1m\n{head}tests:\n{tests}"
        )
    command: list[str | Path] = [
        program,
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address={address}",
        "--web.enable-remote-write-receiver",
    ]
    with running(command, ready=f"http://{address}/-/ready", log=tmp_path / "log", directory=tmp_path):
        ours = run([*ARTOOL, "rules", "test", f"--query.url=http://{address}", *files], tmp_path)
    assert (ours.status, ours.stderr) == (1, [])
    said = dict(part.split("\n", 1) for part in ours.stdout.split("Unit Testing:  ")[1:])
    passed = {files[file]: text.startswith("  SUCCESS") for file, text in said.items()}
    theirs = {
        name: run([promtool, "test", "rules", file], tmp_path).status == 0 for file, name in files.items()
    }
    assert passed == theirs
    assert 0 < sum(passed.values()) < len(passed) == len(files)
