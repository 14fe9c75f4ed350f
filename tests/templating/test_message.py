"""A message: its words, what takes their place when they fail, and what webhooks are sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from alertrouter.core.alert import Status
from alertrouter.core.time import SECOND
from alertrouter.gotemplate import Function, TemplateSet
from alertrouter.templating import bugs
from alertrouter.templating.errors import TemplateError
from alertrouter.templating.jinja import JinjaTemplates
from alertrouter.templating.mode import Mode
from alertrouter.templating.templates import Templates
from alertrouter.templating.yaml_value import yaml_value
from tests.templating.wording import EXTERNAL_URL, NOW, Heard, alert, loaded, message, notification

if TYPE_CHECKING:
    from alertrouter.templating.message import Message

RECORDED = json.loads((Path(__file__).parent / "recorded" / "structures.json").read_text(encoding="utf-8"))
SUBJECT = "[FIRING:1] Disk (a:9100 node)"
BROKEN = "{{ .Label.instance }}"
WHY = 'template: :1:9: executing "" at <.Label.instance>: can\'t evaluate field Label in type template.Data'

# Up to 0.33 the texts inside a decoded value were decoded again; 0.34 takes them as they are (`config.md` 8.0).
CHANGED_SINCE = {
    "a:\n  - 1\n  - [x, 'y', \"5\"]\n": {"a": [1, ["x", "y", "5"]]},
    "a: y\nb: 'y'\nc: 012\nd: 1.0\n": {"a": True, "b": "y", "c": 10, "d": 1},
    '{"severity": "5", "n": 5, "t": "true"}': {"severity": "5", "n": 5, "t": "true"},
    "{{ dict `a` `5` `b` (list 1 `y`) | toJson }}": {"a": "5", "b": [1, "y"]},
}


def recorded_message() -> Message:
    """The message that Alertmanager sent when the structures were recorded."""
    webhook = RECORDED["webhook"]["alerts"][0]
    shown = alert(
        webhook["labels"],
        webhook["annotations"],
        starts_at=NOW + 123_000_000,
        generator_url=webhook["generatorURL"],
    )
    return message(shown)


@pytest.mark.parametrize("case", [pytest.param(case, id=repr(case["text"])) for case in RECORDED["texts"]])
def test_a_text_in_a_structure_becomes_what_it_spells(case: dict[str, Any]) -> None:
    value = recorded_message().structure(case["text"])
    wanted = CHANGED_SINCE.get(case["text"], case["value"])
    assert value == wanted
    assert type(value) is type(wanted)


@pytest.mark.parametrize("case", RECORDED["structures"], ids=repr)
def test_a_structure_is_rendered_through_and_through(case: dict[str, Any]) -> None:
    assert recorded_message().structure(case["structure"]) == case["value"]


def test_keys_that_are_no_texts_are_dropped() -> None:
    assert message().structure({1: "a", False: "b", "c": {2: "d", "e": "f"}}) == {"c": {"e": "f"}}


@pytest.mark.parametrize(
    "text",
    ["*a", "[&a [1], *a, *a]", "&a [*a]", "[" * 200 + "]" * 200, "a: &x {b: *x}", ".inf", "-.INF", ".nan"],
)
def test_what_json_cannot_hold_or_would_blow_up_stays_text(text: str) -> None:
    assert yaml_value(text) == text


def test_a_text_that_fails_in_a_structure_becomes_the_subject_with_a_note() -> None:
    heard = Heard()
    text = message(templates=Templates.load(failed=heard)).structure({"text": BROKEN, "n": "5"})
    assert text == {
        "text": f"{SUBJECT} (A template failed, so this is the default wording: {WHY})",
        "n": 5,
    }
    assert heard == [(f"structure {BROKEN}", WHY)]


def test_webhook_members_are_those_alertmanager_sends() -> None:
    members = recorded_message().webhook_members()
    assert members.pop("routeLabels") == {}  # came with 0.34
    assert list(members) == list(RECORDED["webhook"])
    assert members == RECORDED["webhook"]
    assert list(members["alerts"][0]) == list(RECORDED["webhook"]["alerts"][0])


def test_webhook_members_of_0_34_in_order() -> None:
    assert list(message().webhook_members()) == [
        "receiver", "status", "alerts", "notification_reason", "groupLabels", "commonLabels", "commonAnnotations",
        "routeLabels", "externalURL", "version", "groupKey", "truncatedAlerts",
    ]  # fmt: skip


def test_max_alerts_cuts_the_list_but_not_what_all_have_in_common() -> None:
    resolved = [
        alert({"alertname": "Disk", "instance": name, "dc": "x"}, ends_at=NOW + SECOND) for name in "ab"
    ]
    firing = [alert({"alertname": "Disk", "instance": name}) for name in "cde"]
    members = message(*resolved, *firing).webhook_members(2)
    assert [shown["labels"]["instance"] for shown in members["alerts"]] == ["a", "b"]
    assert members["truncatedAlerts"] == 3
    assert members["status"] == "firing"
    assert members["commonLabels"] == {"alertname": "Disk"}


def test_status_is_the_messages_even_if_others_of_the_group_fire_unseen() -> None:
    shown = notification(alert({"alertname": "Disk"}, ends_at=NOW), status=Status.FIRING)
    told = Templates.built_in().message(shown, external_url=EXTERNAL_URL, now=NOW)
    assert told.webhook_members()["status"] == "firing"
    assert told.text("{{ .Status }} {{ len .Alerts.Firing }}") == "firing 0"


def test_times_of_a_webhook_have_nanoseconds_and_the_zone_they_were_posted_in() -> None:
    shown = alert({"a": "b"}, starts_at=NOW + 123_456_789, starts_offset=7200, ends_at=NOW + 5 * 10**8)
    members = message(shown).webhook_members()["alerts"][0]
    assert members["startsAt"] == "2024-05-06T09:08:09.123456789+02:00"
    assert members["endsAt"] == "2024-05-06T07:08:09.5Z"
    assert (
        message(shown).text("{{ (index .Alerts 0).StartsAt }}") == "2024-05-06 09:08:09.123456789 +0200 +0200"
    )


def test_an_empty_annotation_of_the_first_alert_is_common_to_those_that_lack_it() -> None:
    told = message(alert({"a": "b"}, {"x": "", "y": "1"}), alert({"a": "b"}, {"y": "1"}))
    assert told.webhook_members()["commonAnnotations"] == {"x": "", "y": "1"}
    assert told.data.common_annotations == {"x": "", "y": "1"}


@pytest.mark.parametrize(
    ("receiver", "shown"), [("team.x(1)", r"team\.x\(1\)"), ("a/b-c d_e", "a/b-c d_e"), ("$^{}[]|*+?\\", "\\$\\^\\{\\}\\[\\]\\|\\*\\+\\?\\\\")]
)  # fmt: skip
def test_the_receiver_is_shown_as_a_pattern(receiver: str, shown: str) -> None:
    told = Templates.built_in().message(notification(receiver=receiver), external_url=EXTERNAL_URL, now=NOW)
    assert told.receiver == shown
    assert told.webhook_members()["receiver"] == shown
    assert told.text("{{ .Receiver }}") == shown


@pytest.mark.parametrize(
    ("given", "shown"), [("http://h:9093/", "http://h:9093"), ("http://h/p/", "http://h/p")]
)
def test_the_external_url_has_no_slash_at_its_end(given: str, shown: str) -> None:
    assert message(external_url=given).text("{{ .ExternalURL }}") == shown


# ---- when a template fails


def test_without_a_fallback_the_error_is_raised_and_reported() -> None:
    heard = Heard()
    told = message(templates=Templates.load(failed=heard))
    with pytest.raises(TemplateError) as caught:
        told.text(BROKEN)
    assert caught.value.message == WHY
    assert heard == [("text", WHY)]
    assert [fault.message for fault in told.faults] == [WHY]


def test_one_line_falls_back_to_the_default_wording_without_a_note() -> None:
    told = message(fallbacks={BROKEN: '{{ template "slack.default.title" . }}'})
    assert told.text(BROKEN) == SUBJECT
    assert told.note == f"(A template failed, so this is the default wording: {WHY})"


def test_those_who_run_it_are_told_which_template_failed() -> None:
    told = message(fallbacks={BROKEN: "x"})
    told.text(BROKEN)
    told.text(BROKEN)
    told.structure({"a": "{{ if }}" + " long" * 50})
    with pytest.raises(TemplateError):
        told.text("hush {{ .Nope }}")

    known, structure, secret = told.failures.split("\n")

    assert known == f"text {BROKEN}: {WHY}"
    assert structure.startswith("structure {{ if }} long long")
    assert structure.endswith("…: template: :1: missing value for if")
    # What has no default wording may be a secret.
    assert secret.startswith("text: template: :1:")
    assert "hush" not in secret


@pytest.mark.parametrize(
    "template",
    [
        'http://h/{{ printf "hush%s" .Nope }}',
        "http://h/{{ printf `hush%s` .Nope }}",
        'http://h/{{ template "hush" . }}',
        "http://h/{{ hush }}",
        "{# jinja2 #}http://h/{{ hush }}",
        "{# jinja2 #}http://h/{{ 'hush' + 5 }}",
        "{# jinja2 #}http://h/{{ 'a' | hush }}",
    ],
)
def test_what_may_be_a_secret_is_not_in_its_error(template: str) -> None:
    told = message()
    with pytest.raises(TemplateError) as caught:
        told.text(template)
    assert "hush" not in f"{caught.value}{told.failures}{told.note}"


def test_what_nobody_foresaw_costs_no_page(caplog: pytest.LogCaptureFixture) -> None:
    told = message()
    bad = Templates.built_in()

    def forget(_mode: Mode, _text: str) -> NoReturn:
        raise KeyError("a bug")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bad, "_template", forget)
        error = bad.check_inline("{{ .Status }}")
        with pytest.raises(TemplateError) as caught:
            told.text("{{ .Status }}")

    assert str(error) == str(caught.value) == "unexpected KeyError, see the log"
    assert all(record.exc_info for record in caplog.records)
    assert len(caplog.records) == 2


def _broken(_: str) -> NoReturn:
    raise KeyError("hush")


@pytest.mark.parametrize("text", ["{{ broken .Status }}", "{# jinja2 #}{{ data.Status | broken }}"])
def test_a_bug_of_ours_is_told_once_with_its_way_and_without_its_words(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Function("broken", _broken, ("string",))
    bad = Templates.load()
    bad._set = TemplateSet.build(functions=[broken])
    bad._jinja = JinjaTemplates([], [broken], bad._go_template)
    bugs._told.clear()
    told = bad.message(notification(), external_url=EXTERNAL_URL, now=NOW)
    for _ in range(2):
        with pytest.raises(TemplateError):
            told.text(text)
    [record] = caplog.records
    assert record.getMessage() == "a template failed by a bug in this program"
    fields = vars(record)
    assert fields["err"] == "KeyError"
    assert "test_message.py" in fields["traceback"]
    assert "_broken" in fields["traceback"]
    assert "KeyError: 'hush'" not in fields["traceback"]


def test_several_lines_end_in_a_note() -> None:
    text = message().text(BROKEN, fallback='{{ template "telegram.default.message" . }}')
    assert text.startswith("\n\nAlerts Firing:\nLabels:\n - alertname = Disk\n")
    assert text.endswith(f"Source: \n\n(A template failed, so this is the default wording: {WHY})\n")


def test_a_default_that_the_user_broke_falls_back_to_ours(tmp_path: Path) -> None:
    heard = Heard()
    broken = {"mine.tmpl": '{{ define "__subject" }}{{ .Nope }}{{ end }}'}
    default = '{{ template "slack.default.title" . }}'
    told = message(templates=loaded(tmp_path, broken, heard), fallbacks={default: default})
    assert told.text(default) == SUBJECT
    assert len(heard) == 1
    assert 'executing "__subject" at <.Nope>' in heard[0][1]


def test_a_text_that_does_not_parse_falls_back_too() -> None:
    assert message().text("{{ if }}", fallback="{{ .Status }}") == "firing"


def test_html_falls_back_with_an_escaped_note_inside_the_body() -> None:
    html = message().html("{{ match `<` .Nope }}", fallback='{{ template "email.default.html" . }}')
    note = html[html.index("(A template failed") :]
    assert "match `&lt;`" not in html  # the context is that of the field
    assert note.index("</i>") < note.index("</body>")


@pytest.mark.parametrize("mode", Mode)
def test_a_message_too_large_for_any_wording_still_says_what_it_is_about(mode: Mode) -> None:
    huge = [alert({"alertname": "Disk", "instance": name}, {"text": "x" * 10_000_000}) for name in "abcd"]
    template = '{{ template "telegram.default.message" . }}'
    told = message(*huge, fallbacks={template: template})
    words = told.text(template) if mode is Mode.TEXT else told.html(template)
    assert words.startswith("[FIRING:4] Disk ")
    assert "\n4 firing, 0 resolved\n" in words
    assert "A template failed" in words
    assert len(words) < 1000


def test_nothing_is_said_of_a_message_that_renders() -> None:
    told = message()
    assert told.text("{{ .Status }}", fallback="x") == "firing"
    assert told.note == ""
    assert told.faults == []


def test_a_text_without_an_action_is_taken_as_it_is() -> None:
    assert message().text("") == ""
    assert message().text("plain }} text") == "plain }} text"


# ---- route labels


def test_route_labels_are_rendered_once_and_from_each_other() -> None:
    labels = {
        "team": "{{ .CommonLabels.job }}-team",
        "channel": '#{{ routeLabels "team" }}',
        "reason": "{{ .NotificationReason }}|{{ len .RouteLabels }}",
        "none": '{{ routeLabels "nope" }}',
        "literal": '{{ "{{ .Status }}" }}',
    }
    told = message(route_labels=labels)
    assert told.route_labels == {
        "channel": "#node-team",
        "literal": "{{ .Status }}",
        "none": "",
        "reason": "unknown|0",
        "team": "node-team",
    }
    assert list(told.route_labels) == sorted(labels)
    assert told.text('{{ routeLabels "channel" }} {{ .RouteLabels.team }} {{ .RouteLabels.literal }}') == (
        "#node-team node-team {{ .Status }}"
    )
    assert told.text('{{ routeLabels "nope" }}|{{ .NotificationReason }}') == "|first notification"
    assert told.webhook_members()["routeLabels"] == told.route_labels


def test_labels_in_a_circle_are_left_out_and_the_others_stay() -> None:
    heard = Heard()
    labels = {
        "a": '{{ routeLabels "b" }}',
        "b": '{{ routeLabels "a" }}',
        "c": "kept",
        "d": '{{ routeLabels "d" }}',
    }
    told = message(templates=Templates.load(failed=heard), route_labels=labels)
    assert told.route_labels == {"c": "kept"}
    assert [where for where, _ in heard] == ["route label 'a'", "route label 'b'", "route label 'd'"]
    assert "route label cycle detected: a -> b -> a" in heard[0][1]
    assert "route label cycle detected: d -> d" in heard[2][1]


def test_a_label_that_fails_takes_only_those_along_that_need_it() -> None:
    labels = {
        "bad": "{{ .Nope }}",
        "needs": 'x{{ routeLabels "bad" }}',
        "good": "{{ .Status }}",
        "broken": "{{ if",
    }
    assert message(route_labels=labels).route_labels == {"good": "firing"}


def test_templates_of_a_limited_message_see_its_alerts_and_what_all_have_in_common() -> None:
    """D12."""
    alerts = [
        alert({"alertname": "Disk", "instance": str(i)}, ends_at=NOW if i < 2 else None) for i in range(5)
    ]
    whole = message(*alerts)
    limited = whole.limited(2)

    text = "{{ .Status }} {{ len .Alerts }} {{ len .Alerts.Firing }} {{ .CommonLabels }}"
    assert whole.text(text) == "firing 5 3 alertname=Disk"
    assert limited.text(text) == "firing 2 0 alertname=Disk"
    assert limited.structure({"n": "{{ len .Alerts }}"}) == {"n": 2}
    assert limited.webhook_members()["truncatedAlerts"] == 3
    assert limited.limited(1).webhook_members()["truncatedAlerts"] == 4
    assert limited.limited(4) is limited
    assert whole.limited(0) is whole.limited(5) is whole


def test_a_fault_of_a_limited_message_is_one_of_the_message() -> None:
    whole = message(alert({"alertname": "A"}), alert({"alertname": "B"}))

    whole.limited(1).structure(BROKEN)

    assert [fault.message for fault in whole.faults] == [WHY]
