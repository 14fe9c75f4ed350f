"""The labels and annotations of alerts, and the queries in them (`rules.md` R68 to R81)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertrouter.core.labels import Labels
from alertrouter.core.time import MINUTE
from alertrouter.rules.live_rule import Health
from alertrouter.rules.model import LabelMode
from alertrouter.rules.options import Options
from alertrouter.rules.rendering import Questions, Rendering
from alertrouter.rules.series import SameLabelsError
from alertrouter.rules.state import Terms, evaluate
from tests.rules.story import START, Story, alerting, recording, sample, unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.rules.state import Alerts, Seen
    from alertrouter.templating.rule_functions import Sample


def rendered(
    found: Sample, labels: Mapping[str, str] | None = None, annotations: Mapping[str, str] | None = None
) -> tuple[dict[str, str], dict[str, str]]:
    """Labels and annotations of the one alert that a sample makes."""
    story = Story(alerting(labels=labels, annotations=annotations))
    story.answer([found])
    story.evaluate(0)
    assert story.rule().health is Health.OK
    return dict(story.alert().labels), dict(story.alert().annotations)


def test_a_rule_label_replaces_that_of_the_series() -> None:  # R68
    labels, _ = rendered(sample(severity="x"), {"severity": "page"})
    assert labels == {"alertname": "Down", "severity": "page"}


def test_the_name_of_an_alert_is_that_of_its_rule() -> None:  # R69
    labels, _ = rendered(sample(alertname="series"), {"alertname": "foo"})
    assert labels == {"alertname": "Down"}


def test_an_empty_rule_label_removes_that_of_the_series() -> None:  # R70
    labels, _ = rendered(sample(zone="a"), {"zone": ""})
    assert labels == {"alertname": "Down"}


def test_a_label_that_is_missing_is_an_empty_text() -> None:  # R72
    labels, annotations = rendered(sample(), {"x": "{{ $labels.nope }}"}, {"summary": "<{{ $labels.nope }}>"})
    assert labels == {"alertname": "Down"}
    assert annotations == {"summary": "<>"}


def test_templates_see_the_name_of_the_series_and_the_alert_has_none() -> None:  # R73
    labels, annotations = rendered(sample(__name__="up"), None, {"summary": "{{ $labels.__name__ }}"})
    assert labels == {"alertname": "Down"}
    assert annotations == {"summary": "up"}


def test_templates_do_not_see_rule_labels() -> None:
    labels, _ = rendered(
        sample(b="series"), {"a": "{{ $labels.b }}", "b": "{{ $labels.b }}!", "c": "{{ $labels.a }}"}
    )
    assert labels == {"alertname": "Down", "a": "series", "b": "series!"}


def test_a_template_that_fails_says_so_and_the_alert_fires() -> None:  # R74
    story = Story(alerting(annotations={"bad": "{{ .Foo }}", "good": "fine"}))
    story.answer([sample()])
    story.evaluate(0)
    told = story.sent[0].annotations
    assert told["bad"].startswith("<error expanding template: error executing template __alert_Down:")
    assert told["good"] == "fine"
    assert story.rule().health is Health.OK
    assert len(story.rule().warnings) == 1
    assert story.live.counts.template_failures == 1


@pytest.mark.parametrize(
    ("value", "template", "text"),
    [
        (1234567, "{{ $value }}", "1.234567e+06"),  # R76
        (1234567, "{{ $value | humanize }}", "1.235M"),
        (1234567, '{{ printf "%.0f" $value }}', "1234567"),
        (0.12345, "{{ $value | humanizePercentage }}", "12.35%"),  # R77
        (90061, "{{ $value | humanizeDuration }}", "1d 1h 1m 1s"),
    ],
)
def test_values_in_annotations(value: float, template: str, text: str) -> None:
    _, annotations = rendered(sample(float(value)), None, {"summary": template})
    assert annotations == {"summary": text}


UP = '{{ with query "up" }}{{ . | first | value }}{{ end }}'


def test_a_query_in_a_template_is_asked_for_the_moment_of_the_evaluation() -> None:  # R78, R10
    story = Story(alerting(annotations={"summary": UP}), query_offset=MINUTE)
    story.answer([sample()])
    story.answer([sample(7)], "up")
    story.evaluate(5)
    assert story.backend.asked == [("up == 0", 4), ("up", 5)]
    assert story.sent[0].annotations == {"summary": "7"}


def test_a_query_in_a_template_without_an_answer_renders_nothing() -> None:  # R78
    story = Story(alerting(annotations={"a": UP, "b": '{{ query "up" | first | value }}'}))
    story.answer([sample()])
    story.answer([], "up")
    story.evaluate(0)
    told = story.sent[0].annotations
    assert told["a"] == ""
    assert told["b"].startswith("<error expanding template:")
    assert "first() called on vector with no elements" in told["b"]


def test_a_query_in_a_template_that_fails_is_an_error_in_the_text() -> None:
    story = Story(alerting(annotations={"summary": UP}))
    story.answer([sample()])
    story.answer(unreachable(), "up")
    story.evaluate(0)
    assert "connection refused" in story.sent[0].annotations["summary"]
    assert story.rule().health is Health.OK


def test_a_query_may_depend_on_the_answer_to_another() -> None:
    nested = '{{ range query "up" }}{{ range query (printf "down{i=%q}" .Labels.i) }}{{ .Value }};{{ end }}{{ end }}'
    story = Story(alerting(annotations={"summary": nested}))
    story.answer([sample()])
    story.answer([sample(i="a"), sample(i="b")], "up")
    story.answer([sample(1)], 'down{i="a"}')
    story.answer([sample(2)], 'down{i="b"}')
    story.evaluate(0)
    assert story.sent[0].annotations == {"summary": "1;2;"}


def test_a_recording_rules_label_is_no_template() -> None:  # R79
    story = Story(recording(x="{{ $value }}"), writes=True)
    story.answer([sample(3)], "sum(up)")
    story.evaluate(0)
    assert story.written(0) == {"job:up{x={{ $value }}}": 3}


def test_the_same_query_in_templates_is_asked_once_an_iteration() -> None:  # R80
    story = Story(
        alerting(annotations={"summary": UP}), alerting("Other", "other", annotations={"summary": UP})
    )
    ten = [sample(i=str(number)) for number in range(10)]
    story.answer(ten)
    story.answer(ten, "other")
    story.answer([sample(7)], "up")
    story.evaluate(0)
    assert sorted(story.backend.asked) == [("other", 0), ("up", 0), ("up == 0", 0)]
    assert {each.annotations["summary"] for each in story.sent} == {"7"}
    story.evaluate(1)
    assert [each for each in story.backend.asked if each[0] == "up"] == [("up", 0), ("up", 1)]


def test_a_label_that_is_another_every_time_makes_another_alert_every_time() -> None:  # R81
    story = Story(alerting(labels={"at": "{{ now }}"}))
    story.answer([sample()])
    story.evaluate(0, 2)
    starts = [(each.at, each.starts) for each in story.sent if each.ends > each.at]
    assert starts == [(0, 0), (1, 1), (2, 2)]


def test_external_labels_are_seen_by_templates_and_are_not_part_of_the_alert() -> None:  # R38, its first half
    story = Story(
        alerting(annotations={"summary": "{{ $externalLabels.cluster }} {{ externalURL }}"}),
        options=Options(external_labels={"cluster": "c1"}, external_url="http://prometheus"),
    )
    story.answer([sample()])
    story.evaluate(0)
    assert story.alert().labels == {"alertname": "Down"}
    assert story.sent[0].annotations == {"summary": "c1 http://prometheus"}


def test_a_thousand_samples_are_rendered_in_parts_and_told_apart() -> None:
    story = Story(alerting(annotations={"summary": "{{ $labels.i }}"}))
    story.answer([sample(i=str(number)) for number in range(1700)])
    story.evaluate(0)
    assert sorted(int(each.annotations["summary"]) for each in story.sent) == list(range(1700))


TEXTS = [
    "fixed",
    "",
    "{{ $labels.a }}",
    "{{ $labels.b }} {{ .Labels.a }}",
    "{{ $value }}",
    "{{ .Value | humanize }} {{ $labels.a }}",
    "{{ $labels.__name__ }}",
    "{{ $labels.alertname }}",
    "{{ $labels }}",
    "{{ . }}",
    "{{ $ }}",
    "{{ with $labels.a }}{{ . }}{{ end }}",
    '{{ index $labels "b" }}',
    "{{ range $n, $v := $labels }}{{ $v }}{{ end }}",
    "{{ now }}",
    "{{ $l := $labels }}{{ $l.b }}",
    "{{ $.Labels.b }}",
    "{{ .Foo }}",
    "{{ $externalLabels.c }}",
]
values = st.sampled_from([1.0, 2.0, float("nan")])
series = st.builds(
    lambda value, labels: sample(value, **labels),
    values,
    st.fixed_dictionaries(
        {"__name__": st.sampled_from(["up", "down"])},
        optional={"a": st.sampled_from(["1", "2"]), "b": st.sampled_from(["1", "2"])},
    ),
)
answers = st.lists(
    st.lists(series, max_size=2, unique_by=lambda each: each.labels.get("a")), min_size=1, max_size=5
)
texts = st.dictionaries(st.sampled_from(["a", "b", "s", "t"]), st.sampled_from(TEXTS), max_size=3)


@given(texts, texts, answers)
def test_what_is_not_rendered_again_would_have_been_the_same(
    labels: dict[str, str], annotations: dict[str, str], asked: list[list[Sample]]
) -> None:
    rule = alerting(labels=labels, annotations=annotations)
    terms = Terms(hold=0, keep_firing=2 * MINUTE, limit=0, resend_delay=MINUTE)

    def render(rendering: Rendering, found: list[Sample], at: int) -> dict[Labels, Seen]:
        seen: dict[Labels, Seen] = {}
        rendering.render(found, seen, before=alerts, at=at, questions=Questions({}))
        return seen

    frugal = Rendering(rule, external_labels={"c": "x"}, external_url="")
    alerts: Alerts = {}
    for minute, found in enumerate(asked):
        at = START + minute * MINUTE
        try:
            plain = render(Rendering(rule, external_labels={"c": "x"}, external_url=""), found, at)
            seen = render(frugal, found, at)
        except SameLabelsError:
            continue
        assert [(name, each.annotations) for name, each in seen.items()] == [
            (name, each.annotations) for name, each in plain.items()
        ]
        alerts = evaluate(alerts, seen, at, terms).alerts
        frugal.settled = True


def as_vmalert(found: Sample, labels: Mapping[str, str] | None = None, **annotations: str) -> Story:
    options = Options(label_mode=LabelMode.VMALERT, external_labels={"region": "eu", "team": "all"})
    story = Story(alerting(labels=labels, annotations=annotations), options=options)
    story.answer([found])
    story.evaluate(0)
    assert story.rule().health is Health.OK
    return story


def test_as_vmalert_what_is_replaced_is_kept_and_the_group_is_a_label() -> None:  # R68
    found = sample(
        __name__="up", severity="x", job="a", region="us", alertname="series", alertgroup="its own"
    )
    story = as_vmalert(found, {"severity": "page", "job": "a", "team": "web"})
    assert dict(story.alert().labels) == {
        "alertgroup": "node",
        "alertname": "Down",
        "exported_alertgroup": "its own",
        "exported_alertname": "series",
        "exported_region": "us",
        "exported_severity": "x",
        "job": "a",
        "region": "eu",
        "severity": "page",
        "team": "web",
    }


def test_as_vmalert_an_empty_label_is_none_and_nothing_is_kept_of_it() -> None:
    story = as_vmalert(sample(zone="a", team="b"), {"zone": "", "team": "{{ $labels.nope }}"})
    assert dict(story.alert().labels) == {"alertgroup": "node", "alertname": "Down", "region": "eu"}


def test_as_vmalert_annotations_see_the_labels_of_the_rule_but_first_those_of_the_series() -> None:
    shown = "{{ $labels.team }} {{ $labels.severity }} {{ $labels.alertgroup }} {{ $labels.alertname }} {{ $labels.x }}"
    story = as_vmalert(
        sample(severity="series"), {"severity": "page", "x": "<{{ $labels.team }}>"}, summary=shown
    )
    assert story.alert().annotations["summary"] == "all series node Down <>"
    story.answer([sample(severity="other")])
    story.evaluate(1)
    [firing] = [alert for alert in story.rule().alerts.values() if alert.resolved_at is None]
    assert firing.labels["exported_severity"] == "other"
    assert firing.annotations["summary"] == "all other node Down <>"


def test_as_vmalert_two_series_that_differ_in_a_replaced_label_are_two_alerts() -> None:
    story = as_vmalert(sample(), {"instance": "all"})
    story.answer([sample(instance="a"), sample(instance="b")])
    story.evaluate(1)
    assert story.rule().health is Health.OK
    assert {labels.get("exported_instance") for labels in story.rule().alerts} == {None, "a", "b"}


def test_as_vmalert_recorded_series_keep_what_is_replaced_and_have_external_labels() -> None:
    options = Options(label_mode=LabelMode.VMALERT, external_labels={"region": "eu", "job": "all"})
    story = Story(recording(job="web", tier=""), writes=True, options=options)
    story.answer([sample(3, __name__="up", job="a", region="eu", tier="x", exported_region="y")], "sum(up)")
    story.evaluate(0)
    assert story.written(0) == {"job:up{exported_job=a,exported_region=y,job=web,region=eu}": 3.0}
