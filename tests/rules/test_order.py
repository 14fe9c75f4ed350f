"""Which rules wait for which (`rules.md` 2.2)."""

from __future__ import annotations

import pytest

from alertrouter.rules.order import dependencies
from tests.rules.story import alerting, group, recording


@pytest.mark.parametrize(
    ("expression", "read"),
    [
        ("up == 0", set()),
        ("a:b > 1", {0}),
        ("sum(rate(a:b[5m])) / on() c:d", {0, 1}),
        # A part of a name is another name.
        ("a:b:c > 1", set()),
        # A selector without a name reads everything, and so does one whose name is a matcher.
        ('{job="x"} > 1', {0, 1, 2}),
        ('{__name__=~"a.*"}', {0, 1, 2}),
        ('up{job="x"} > 1', set()),
        ('ALERTS{alertstate="firing"}', {2}),
        ("ALERTS_FOR_STATE > 1", {2}),
    ],
)
def test_a_rule_reads_what_those_before_it_make(expression: str, read: set[int]) -> None:
    made = group(recording("a:b", "x"), recording("c:d", "y"), alerting("A", "z"), alerting("B", expression))
    assert dependencies(made)[3] == read


def test_rules_read_nothing_of_those_behind_them() -> None:
    assert dependencies(group(alerting("A", "a:b > 1"), recording("a:b", "x"))) == [set(), set()]


def test_a_name_with_other_characters_stands_in_quotes() -> None:
    made = group(recording("a.b-c", "x"), alerting("A", '{"a.b-c"} > 1'))
    assert dependencies(made)[1] == {0}
