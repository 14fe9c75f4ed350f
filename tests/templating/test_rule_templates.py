"""Rule templates, compared with what a real `promtool` made of them, and what goes beyond it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from alertrouter.core.time import SECOND
from alertrouter.templating.errors import TemplateError
from alertrouter.templating.rule_functions import Histogram, RuleEnvironment, Sample
from alertrouter.templating.rule_templates import RuleData, RuleTemplate
from tests.templating.rule_corpus import EXTERNAL_LABELS, EXTERNAL_URL, LABELS

if TYPE_CHECKING:
    from collections.abc import Sequence

ANSWERS = json.loads((Path(__file__).parent / "recorded" / "rules.json").read_text(encoding="utf-8"))[
    "answers"
]


def answer_query(text: str) -> Sequence[Sample]:
    match text:
        case "up":
            return [
                Sample({"__name__": "up", "instance": "b:9090", "job": "x"}, 21.0),
                Sample({"__name__": "up", "instance": "a:9090", "job": "y"}, 11.5),
            ]
        case "named":
            return [Sample({"__name__": "named", "__value__": "v", "instance": "c"}, 1.0)]
        case "none":
            return []
        case _:
            raise ValueError("1:4: parse error: unexpected end of input inside braces")


ENVIRONMENT = RuleEnvironment(now=600 * SECOND, external_url=EXTERNAL_URL, query=answer_query)


def data(value: float | Histogram = 1234.5678) -> RuleData:
    return RuleData(LABELS, value, external_labels=EXTERNAL_LABELS, external_url=EXTERNAL_URL)


# Prometheus prints what is left of such a number of seconds in 64 bits, days of a wrong sign. We print the days.
OVERFLOWS = {("{{ $value | humanizeDuration }}", "1e30"), ("{{ $value | humanizeDuration }}", "1e21")}


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(answer, id=f"{number}-{answer['value']}")
        for number, answer in enumerate(ANSWERS)
        if (answer["template"], answer["value"]) not in OVERFLOWS
    ],
)
def test_we_expand_what_prometheus_expands(answer: dict[str, str]) -> None:
    template = RuleTemplate.compile(answer["template"], "X")
    text, _ = template.expand_or_say_why(data(float(answer["value"])), ENVIRONMENT)
    assert text == answer["text"]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ $value | toDuration }}", "20m34.5678s"),
        ("{{ 90 | toDuration }} {{ `1.5` | toDuration }}", "1m30s 1.5s"),
        ("{{ toDuration 0.0000000001 }} {{ (toDuration 3600).Hours }}", "0s 1"),
        ("{{ now }} {{ (now | toTime).Format `15:04:05` }}", "600 00:10:00"),
        ("{{ urlQueryEscape `a b&c/é` }}", "a+b%26c%2F%C3%A9"),
        ("{{ parseDuration `-5m` }} {{ parseDuration `-1d` | humanizeDuration }}", "-300 -1d 0h 0m 0s"),
        ("{{ externalURL }} {{ pathPrefix }}", "http://prom.example:9090/path /path"),
        ("{{ $labels.instance }} is at {{ $value | humanize }}", "web-1.example.com:9100 is at 1.235k"),
    ],
)
def test_functions_of_newer_releases(template: str, text: str) -> None:
    assert RuleTemplate.compile(template, "X").expand(data(), ENVIRONMENT) == text


def test_a_histogram_prints_as_its_text_and_is_refused_as_a_number() -> None:
    histogram = data(Histogram("{count:3, sum:10}"))
    assert RuleTemplate.compile("{{ $value }}", "X").expand(histogram, ENVIRONMENT) == "{count:3, sum:10}"
    with pytest.raises(TemplateError, match=r"can't convert \*histogram.FloatHistogram to float"):
        RuleTemplate.compile("{{ $value | humanize }}", "X").expand(histogram, ENVIRONMENT)


def test_a_text_that_does_not_parse_says_where_in_the_users_own_text() -> None:
    with pytest.raises(TemplateError) as caught:
        RuleTemplate.compile("so much: {{ foo }}", "Disk")
    assert caught.value.message == 'template: __alert_Disk:1: function "foo" not defined'
    assert (caught.value.line, caught.value.column) == (1, 13)


def test_a_failure_keeps_prometheus_wording_and_points_into_the_users_own_text() -> None:
    template = RuleTemplate.compile("{{ if gt $value 10 }}x{{ end }}", "X")
    text, error = template.expand_or_say_why(data(), ENVIRONMENT)
    assert error is not None
    assert text == f"<error expanding template: {error.message}>"
    assert (error.line, error.column) == (1, 7)
    assert error.hint == "$value is a float: compare it with 10.0, not with 10"


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("{{ query `up` }}", True),
        ("{{ range query `up` }}{{ end }}", True),
        ("query {{ $value }}", False),
        ("plain", False),
    ],
)
def test_a_template_that_asks_the_metrics_server_is_known(text: str, asks: bool) -> None:
    assert RuleTemplate.compile(text, "X").asks is asks
