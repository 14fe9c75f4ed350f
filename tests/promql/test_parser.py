"""Expressions: what is taken, and what is said of what is not. Prometheus's own words are in tests/live."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertrouter.promql.errors import PromqlError
from alertrouter.promql.nodes import (
    Aggregation,
    Binary,
    Call,
    Cardinality,
    Number,
    Selector,
    ValueType,
    walk,
)
from alertrouter.promql.parser import TooDeepError, parse
from alertrouter.promql.types import type_of


@pytest.mark.parametrize(
    "text",
    [
        "up",
        "up == bool 1",
        "-up ^ 2",
        "job:up:sum{a=`b`, 'c.d'=~\"e|f\",} offset -5m",
        '{"http.requests", code!~"2.."}',
        'sum without (a, "b.c") (rate(x[5m])) > 1h',
        "topk by (a) (3, x)",
        'count_values("v", x)',
        "quantile_over_time(0.9, x[1h:5m] @ end() offset 1d)",
        "a / on (b) group_left (c) d",
        "a + ignoring (b) group_right fill_left(0) fill_right(-1) c",
        "sum(sum) by (by)",
        "fill + fill_left",
        "label_replace(up, 'a', '$1', 'b', '(.*)') # comment",
        "rate(x[5m + step()] anchored)",
        "rate(x[max_of(1m, range() / 2)])",
        "x offset (1m * 2)",
        "x smoothed",
        "x </ 5",
        "1_000 + 0x1F + 1e-3 + .5 + 5. + Inf + NaN",
        "start() + end() + max_of(1, 2)",
        'info(x, {a="b"})',
        "vector(time()) > 1 or vector(1)",
        "x[1d2h3m]",
        "(((x)))",
        'sort_by_label(x, "a", "b")',
        "holt_winters(x[5m], 0.5, 0.5)",
    ],
)  # fmt: skip
def test_expressions(text: str) -> None:
    assert type_of(parse(text)) in ValueType


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "unknown position: parse error: no expression found in input"),
        ("# nothing", "1:1: parse error: no expression found in input"),
        ("up +", "1:5: parse error: unexpected end of input"),
        ("rate(up", "1:8: parse error: unclosed left parenthesis"),
        ("up)", "1:4: parse error: unexpected right parenthesis ')'"),
        ("x > > 1", "1:5: parse error: unexpected <op:>>"),
        ("sum(x y)", '1:7: parse error: unexpected identifier "y" in aggregation'),
        ("sum by a (x)", '1:8: parse error: unexpected identifier "a" in grouping opts, expected "("'),
        ("sum by (a b) (x)", '1:11: parse error: unexpected identifier "b" in grouping opts, expected "," or ")"'),
        ("x{a=b}", '1:5: parse error: unexpected identifier "b" in label matching, expected string'),
        ("x{a}", '1:4: parse error: unexpected "}" in label matching, expected label matching operator'),
        ('x{a="b" c="d"}', '1:9: parse error: unexpected identifier "c" in label matching, expected "," or "}"'),
        ("x{", "1:3: parse error: unexpected end of input inside braces"),
        ('x{a=~"["}', "1:3: parse error: error parsing regexp: missing closing ]: `[`"),
        ("x[5m", "1:5: parse error: unexpected end of input in duration expression"),
        ("x[]", '1:3: parse error: unexpected "]" in subquery or range selector, expected number, duration, step(), or range()'),
        ("x[0s]", "1:3: parse error: duration must be greater than 0"),
        ("sum(x)[5m]", "1:7: parse error: ranges only allowed for vector selectors"),
        ("x offset 5m [5m]", "1:13: parse error: no offset modifiers allowed before range"),
        ("x offset 5m offset 5m", "1:1: parse error: offset may not be set multiple times"),
        ("1 offset 5m", "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery"),
        ("rate(x)", '1:6: parse error: expected type range vector in call to function "rate", got instant vector'),
        ("nosuch(x)", '1:1: parse error: unknown function with name "nosuch"'),
        ("rate(x[5m], 1)", '1:1: parse error: expected 1 argument(s) in call to "rate", got 2'),
        ("round()", '1:1: parse error: expected at least 1 argument(s) in call to "round", got 0'),
        ("abs(x,)", "1:6: parse error: trailing commas not allowed in function call args"),
        ("1 > 2", "1:3: parse error: comparisons between scalars must use BOOL modifier"),
        ("x + bool y", "1:3: parse error: bool modifier can only be used on comparison operators"),
        ("x and 1", '1:1: parse error: set operator "and" not allowed in binary scalar expression'),
        ("x and on (a) group_left y", '1:1: parse error: no grouping allowed for "and" operation'),
        ("x + on (a) 1", "1:1: parse error: vector matching only allowed between instant vectors"),
        ("x + on (a) group_left (a) y", '1:3: parse error: label "a" must not occur in ON and GROUP clause at once'),
        ("topk(x)", "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1"),
        ("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        ('{a=~".*"}', "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        ('x{__name__="y"}', '1:1: parse error: metric name must not be set twice: "x" or "y"'),
        ("'\\d'", "1:1: parse error: unknown escape sequence U+0064 'd'"),
        ("'open", "1:1: parse error: unterminated quoted string"),
        ("sum(\n  rate(ü[5m])\n)", "2:8: parse error: unexpected character: 'ü'"),
        ("1e999", '1:1: parse error: error parsing number: strconv.ParseFloat: parsing "1e999": value out of range'),
        ("-'a'", '1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got "string"'),
        ("x[5m1h]", '1:3: parse error: not a valid duration string: "5m1h"'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_the_words_of_prometheus(text: str, said: str) -> None:
    with pytest.raises(PromqlError) as error:
        parse(text)
    assert str(error.value) == said


def test_operators_bind_as_in_prometheus() -> None:
    node = parse("-a ^ b * c or d and e > 1")
    assert isinstance(node, Binary)
    assert node.operator == "or"
    assert isinstance(node.right, Binary)
    assert node.right.operator == "and"
    left = parse("a - b - c")
    assert isinstance(left, Binary)
    assert isinstance(left.left, Binary)
    power = parse("a ^ b ^ c")
    assert isinstance(power, Binary)
    assert isinstance(power.right, Binary)


def test_the_tree_says_what_stands_where() -> None:
    text = 'sum by (job) (rate(http_total{code=~"5.."}[5m])) / on (job) group_left (team) owner > 0.5'
    node = parse(text)
    assert isinstance(node, Binary)
    assert text[node.operator_position] == ">"
    assert isinstance(node.right, Number)
    ratio = node.left
    assert isinstance(ratio, Binary)
    assert ratio.matching.cardinality is Cardinality.MANY_TO_ONE
    assert (ratio.matching.labels, ratio.matching.include) == (("job",), ("team",))
    total = ratio.left
    assert isinstance(total, Aggregation)
    assert total.labels == ("job",)
    assert isinstance(total.expression, Call)
    selectors = [each for each in walk(node) if isinstance(each, Selector)]
    assert [each.metric for each in selectors] == ["http_total", "owner"]
    assert text[selectors[1].position :].startswith("owner")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1 + 1", ValueType.SCALAR),
        ("x + 1", ValueType.VECTOR),
        ("'a'", ValueType.STRING),
        ("x[5m]", ValueType.MATRIX),
        ("x[5m:]", ValueType.MATRIX),
        ("scalar(x)", ValueType.SCALAR),
        ("-(time())", ValueType.SCALAR),
    ],
)
def test_types(text: str, kind: ValueType) -> None:
    assert type_of(parse(text)) is kind


@pytest.mark.parametrize("text", ["(" * 5000 + "x" + ")" * 5000, "x" + " or x" * 5000, "x[" + "(" * 5000])
def test_what_is_too_deep_for_us_is_not_called_wrong(text: str) -> None:
    with pytest.raises(TooDeepError):
        parse(text)


WORDS = "sum by ( ) , x [ 5m ] : { } a = =~ \"b\" 1 offset @ - + > bool and on group_left rate `r` 'q' # \n \\ é ! ~ end"


@settings(max_examples=300)
@given(st.lists(st.sampled_from(WORDS.split(" ")) | st.text(max_size=3), max_size=12).map(" ".join))
def test_any_text_is_an_expression_or_an_error_with_a_place(text: str) -> None:
    with contextlib.suppress(PromqlError):
        assert type_of(parse(text)) in ValueType
