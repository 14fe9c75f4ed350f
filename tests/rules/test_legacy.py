"""Rules of Prometheus 1.x: what is read, and where they end. Whole files are in tests/cli/scripts/rules_convert.txt."""

from __future__ import annotations

import contextlib

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from alertrouter.cli.rules_convert import as_yaml
from alertrouter.rules.legacy import looks_legacy, read_legacy
from alertrouter.rules.load import load_text
from alertrouter.rules.model import RuleError

FILE = """\
# Comments may stand anywhere.
ALERT InstanceDown
  IF up{alert="if"} == 0 # as here
  FOR 5m
  LABELS { severity = "page" }
  ANNOTATIONS { summary = "Instance {{ $labels.instance }} down", description = `a "b"` }
job:http:rate5m{tier="web"} = sum by (job) (rate(http_total{a!="="}[5m])) == bool 1
a = b
alert = 1
"""


def test_statements_end_where_the_next_begin() -> None:
    rules, problems = read_legacy(FILE, "f")
    assert problems == []
    assert [(rule.name, rule.expression, rule.line) for rule in rules] == [
        ("InstanceDown", 'up{alert="if"} == 0', 2),
        ("job:http:rate5m", 'sum by (job) (rate(http_total{a!="="}[5m])) == bool 1', 7),
        ("a", "b", 8),
        ("alert", "1", 9),
    ]
    assert rules[0].annotations["description"] == 'a "b"'


def test_what_is_converted_loads_and_says_the_same() -> None:
    rules, _ = read_legacy(FILE, "f")
    (group,) = load_text(as_yaml(rules, "old.rules"), file="new").groups
    assert group.name == "old.rules"
    assert [(rule.name, rule.expression) for rule in group.rules] == [
        (rule.name, rule.expression) for rule in rules
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("ALERT A", (1, 7)),
        ("ALERT A IF", (1, 11)),
        ("ALERT A IF up FOR ever", (1, 19)),
        ("ALERT A IF up\nLABELS {a=1}", (2, 11)),
        ('ALERT A IF up LABELS {a="b" c="d"}', (1, 29)),
        ("a{b=", (1, 5)),
        ("groups: []", (1, 9)),
        ("a =", (1, 4)),
    ],
)
def test_what_is_wrong_has_a_place(text: str, place: tuple[int, int]) -> None:
    with pytest.raises(RuleError) as error:
        read_legacy(text, "f")
    assert [(problem.line, problem.column) for problem in error.value.problems] == [place]


@pytest.mark.parametrize(
    ("text", "is_legacy"),
    [
        (FILE, True),
        ("alert a if b", True),
        ("a{b='c'} = d", True),
        ("groups: []", False),
        ("", False),
        ("ALERT: IF", False),
        ("groups:\n- name: a == b", False),
        ("a == b", False),
    ],
)
def test_the_form_is_told_from_others(text: str, is_legacy: bool) -> None:
    assert looks_legacy(text) is is_legacy


WORDS = st.sampled_from(
    [
        "ALERT",
        "A",
        "IF",
        "up",
        "FOR",
        "5m",
        "LABELS",
        "{",
        "}",
        "a",
        "=",
        '"b"',
        ",",
        "(",
        ")",
        "#",
        "==",
        "x:y",
        "\n",
        "`",
        "LABELS",
        "WITH",
        "SUMMARY",
    ]
)


@settings(max_examples=200)
@given(st.lists(WORDS | st.text(max_size=2), max_size=14).map(" ".join))
def test_any_text_is_rules_or_a_problem(text: str) -> None:
    with contextlib.suppress(RuleError):
        rules, _ = read_legacy(text, "f")
        written = yaml.safe_load(as_yaml(rules, "g"))["groups"][0]["rules"]
        assert [each["expr"].rstrip("\n") for each in written] == [
            "\n".join([line.rstrip() for line in rule.expression.splitlines()]) for rule in rules
        ]
