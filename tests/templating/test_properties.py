"""Whatever a template says and whatever the alerts hold: a text, or a TemplateError."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertrouter.templating.case import title, to_lower, to_upper
from alertrouter.templating.errors import TemplateError
from alertrouter.templating.functions import FUNCTIONS
from alertrouter.templating.go_time import Duration, Time, parse_time
from alertrouter.templating.json_text import to_json
from alertrouter.templating.layout import format_layout
from alertrouter.templating.layout_parsing import LayoutError
from alertrouter.templating.marker import JINJA as MARKER
from alertrouter.templating.number import humanize, humanize_1024, humanize_duration
from alertrouter.templating.regex import RegexError, replace_all
from alertrouter.templating.rule_functions import RULE_FUNCTIONS, RuleEnvironment
from alertrouter.templating.rule_templates import RuleData, RuleTemplate
from alertrouter.templating.templates import Templates
from alertrouter.templating.yaml_value import yaml_value
from alertrouter.templating.zone import FixedZone
from tests.templating.corpus import DEFAULT_NAMES
from tests.templating.wording import NOW, alert, message

texts = st.text(max_size=12) | st.sampled_from(
    [
        "",
        "a:9100",
        "2024-05-06",
        "2006-01-02",
        "1.5",
        "-0x1p4",
        "(a)|b",
        "%zz",
        "YQ==",
        "Europe/Berlin",
        "<b>",
        "{{",
        "\ud800",
    ]
)
words = st.one_of(
    st.sampled_from([function.name for function in FUNCTIONS]),
    st.sampled_from(
        [".", "$", ".Alerts", ".CommonLabels", ".CommonLabels.SortedPairs", ".Status", "(index .Alerts 0).StartsAt",
         "(index .Alerts 0).StartsAt.Format", ".GroupLabels.Remove", ".Alerts.Firing", ".RouteLabels", "nil", "true", "now",
         "(now.Sub now)", "len", "index", "printf", "print", "(stringSlice `a`)", "(list 1 2)", "(dict `a` 1)", "|", "eq", "html"]
    ),
    st.integers(-(2**63), 2**63 - 1).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    texts.map(lambda text: json.dumps(text, ensure_ascii=False)),
)  # fmt: skip
# What the API takes in is UTF-8.
utf8 = st.text(st.characters(codec="utf-8"), max_size=12)
pairs = st.dictionaries(utf8, utf8, max_size=5)


@settings(max_examples=300)
@given(st.lists(words, min_size=1, max_size=5))
def test_any_action_renders_or_raises_a_template_error(action: list[str]) -> None:
    with contextlib.suppress(TemplateError):
        assert isinstance(message().text("{{ " + " ".join(action) + " }}"), str)
    with contextlib.suppress(TemplateError):
        assert isinstance(message().html("<p title='{{ " + " ".join(action) + " }}'>"), str)


@settings(max_examples=200)
@given(st.text(max_size=60).map(lambda text: text.replace("x", "{{").replace("y", "}}")))
def test_any_text_renders_or_raises_a_template_error(text: str) -> None:
    with contextlib.suppress(TemplateError):
        assert isinstance(message().text(text), str)
    with contextlib.suppress(TemplateError):
        assert isinstance(message().text(MARKER + text), str)
    with contextlib.suppress(TemplateError):
        assert isinstance(message().html(f"<a href='{text}'>{text}"), str)


@settings(max_examples=100)
@given(st.lists(st.tuples(pairs, pairs, utf8), min_size=1, max_size=3))
def test_the_defaults_render_on_any_alerts(found: list[tuple[dict[str, str], dict[str, str], str]]) -> None:
    told = message(*[alert(labels, annotations, generator_url=url) for labels, annotations, url in found])
    for name in DEFAULT_NAMES:
        assert isinstance(told.text(f'{{{{ template "{name}" . }}}}'), str)
    assert told.webhook_members()["truncatedAlerts"] == 0
    assert not told.faults


@settings(max_examples=200)
@given(st.lists(st.sampled_from([f.name for f in RULE_FUNCTIONS]) | words | st.sampled_from(["$value", "$labels"]), min_size=1, max_size=4), st.floats())  # fmt: skip
def test_any_rule_template_gives_a_text(action: list[str], value: float) -> None:
    def none(_: str) -> list[object]:
        return []

    environment = RuleEnvironment(now=NOW, external_url="http://x", query=none)  # type: ignore[arg-type]
    with contextlib.suppress(TemplateError):
        template = RuleTemplate.compile("{{ " + " ".join(action) + " }}", "X")
        data = RuleData({"job": "x"}, value, external_labels={}, external_url="http://x")
        text, _ = template.expand_or_say_why(data, environment)
        assert isinstance(text, str)


@given(st.text(max_size=40) | st.text("[]{}:,-#&*!|>'\"%@` \nay15.~", max_size=20))
def test_any_text_is_a_value_or_itself(text: str) -> None:
    value = yaml_value(text)
    assert value == text or not isinstance(value, str)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-50_000, 50_000))
def test_a_time_that_was_written_in_full_is_read_back(moment: int, offset: int) -> None:
    shown = Time(moment, FixedZone("", offset // 60 * 60))
    layout = "2006-01-02T15:04:05.999999999Z07:00"
    assert parse_time(layout, shown.format(layout)).moment == moment


@given(
    st.text("0123456789MonJanPMpm-Z:._ ,T", max_size=25), st.text("0123456789MonMayPMpm-Z:._ ,T", max_size=25)
)
def test_any_layout_formats_and_parses_or_says_what_does_not_fit(layout: str, text: str) -> None:
    assert isinstance(format_layout(layout, Time(NOW).calendar), str)
    with contextlib.suppress(LayoutError):
        parse_time(layout, text)


@given(st.text(), st.text(max_size=5), st.text(max_size=10))
def test_texts_of_any_kind_pass_through_the_text_functions(text: str, pattern: str, replacement: str) -> None:
    assert len(to_upper(text)) == len(to_lower(text)) == len(text)
    assert isinstance(title(text), str)
    assert json.loads(to_json(text)) == text.encode("utf-8", "replace").decode() if text.isascii() else True
    with contextlib.suppress(RegexError):
        replace_all(pattern, replacement, text)


@given(st.floats())
def test_any_number_can_be_humanized(value: float) -> None:
    for humanized in (humanize(value), humanize_1024(value), humanize_duration(value)):
        assert humanized


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_json_numbers_are_the_numbers_they_were(value: float) -> None:
    assert float(json.loads(to_json(value))) == value


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_durations_are_cut_and_rounded_towards_what_go_does(duration: int, step: int) -> None:
    methods = Duration.__go_methods__
    cut = methods["Truncate"].call(Duration(duration), step)
    rounded = methods["Round"].call(Duration(duration), step)
    assert isinstance(cut, int)
    assert isinstance(rounded, int)
    if step > 0:
        assert cut % step == 0
        assert abs(cut) <= abs(duration)
        assert rounded % step == 0 or abs(rounded) >= 2**63 - 1
        assert abs(rounded - duration) * 2 <= step or abs(rounded) >= 2**63 - 1


@pytest.mark.parametrize(
    "greedy",
    [
        '{{ reReplaceAll "" (printf "%0100000d" 0) (printf "%0100000d" 0) }}',
        '{{ reReplaceAll "0" "$0$0" (printf "%01000000d" 0) }}',
    ],
)
def test_greedy_replacements_end_in_an_error(greedy: str) -> None:
    with pytest.raises(TemplateError, match="too long"):
        Templates.built_in().render_text(greedy, {}, now=0)
