"""The expression that tells whether the data of another are there."""

from __future__ import annotations

import pytest

from alertrouter.promql.errors import PromqlError
from alertrouter.promql.parser import parse
from alertrouter.promql.presence import presence


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("up", "up"),
        ("up == 0", "up == bool  0"),
        ("up==0", "up== bool 0"),
        ("up == bool 0", "up == bool 0"),
        ("0 < up", "0 < bool  up"),
        ("a > 5 < 10", "a > bool  5 < bool  10"),
        ("a > on (x) group_left (y) b", "a > bool  on (x) group_left (y) b"),
        ("(a > 1) and (b < 2)", "(a > bool  1) and (b < bool  2)"),
        ("a > 1 or b > 2", "a > bool  1 or b > bool  2"),
        ("a > 1 unless on (x) b == 1", "a > bool  1 "),
        ("(a unless b > 1) > 2 # why", "(a ) > bool  2 # why"),
        ("a unless b unless c", "a  "),
        ("a unless (b and c) or d > 3", "a  or d > bool  3"),
        ("count by (job) (up == 0) > 3", "count by (job) (up == bool  0) > bool  3"),
        ("topk(5, cpu) > 0.9", "(cpu) > bool  0.9"),
        ("topk by (x) (5, a > 1)", "(a > bool  1)"),
        ("bottomk(scalar(x > 3), (a)) without (y) < 2", "((a)) < bool  2"),
        ("quantile(0.9, a) > 1", "quantile(0.9, a) > bool  1"),
        ('rate(a{b=">"}[5m]) > 1', 'rate(a{b=">"}[5m]) > bool  1'),
        (
            "max_over_time((a > 1)[1h:5m] offset 1d) >= 2",
            "max_over_time((a > bool  1)[1h:5m] offset 1d) >= bool  2",
        ),
        ("-a > -1", "-a > bool  -1"),
        ("vector(time() > bool 5) != 0", "vector(time() > bool 5) != bool  0"),
        ("a\n  >\n  # limit\n  0.9", "a\n  > bool \n  # limit\n  0.9"),
        ("h </ 5 > 1", "h </ 5 > bool  1"),
    ],
)
def test_conditions_are_answered_instead_of_met(expression: str, wanted: str) -> None:
    found = presence(expression)
    assert found == wanted
    parse(wanted)


@pytest.mark.parametrize("expression", ["absent(up)", "up == 0 or absent_over_time(up[5m]) > 0"])
def test_who_asks_for_absence_has_no_data_to_be_there(expression: str) -> None:
    assert presence(expression) is None


def test_what_is_no_promql_is_refused() -> None:
    with pytest.raises(PromqlError):
        presence("default_rollup(x")
