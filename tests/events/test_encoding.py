"""Events as Alertmanager writes them (`semantics.md` 10.1)."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertrouter.core.labels import Labels
from alertrouter.core.time import SECOND
from alertrouter.engine.events import AlertCreated, AlertState, Event, Notified
from alertrouter.events.encoding import TYPE_OF, Started, Stopped, _duration, _moment, encode
from tests.timeline import HOOK, Timeline

ROUTED = """
route:
  receiver: other
  group_by: [alertname]
  routes:
    - matchers: ['team="x"', 'sev=~"a|b"']
      receiver: hook
      group_wait: 30s
      group_interval: 5m
      repeat_interval: 1500ms
inhibit_rules:
  - source_matchers: [name="Root"]
    target_matchers: [kind!="", kind="leaf"]
    equal: [zone, cluster]
receivers:
  - name: other
  - name: hook
    webhook_configs:
      - url: http://hook.example/
      - url: http://hook.example/
        send_resolved: false
"""


def watched(config: str = ROUTED) -> tuple[Timeline, list[Event]]:
    t = Timeline(config)
    events: list[Event] = []
    t.engine.watch(events)
    return t, events


def data(event: Event) -> dict[str, Any]:
    """The content of the only member of ``data``."""
    [content] = json.loads(encode(event, "here"))["data"].values()
    assert isinstance(content, dict)
    return content


def test_the_envelope() -> None:
    event = Started(1_500_000_000, "0.34.0", "(python=3.11)")
    assert json.loads(encode(event, "here")) == {
        "@timestamp": "1970-01-01T00:00:01.500Z",
        "instance": "here",
        "data": {"alertmanagerStartupEvent": {"version": "0.34.0", "buildContext": "(python=3.11)"}},
    }
    assert encode(Stopped(0), "here").endswith(b'"data":{"alertmanagerShutdownEvent":{}}}')


def test_the_types_are_the_members_in_other_letters() -> None:
    assert set(TYPE_OF.values()) == {
        "alertmanager_startup_event",
        "alertmanager_shutdown_event",
        "alert_created",
        "alert_grouped",
        "alert_resolved",
        "notification",
        "silence_created",
        "silence_updated",
        "silence_muted_alert",
        "inhibition_muted_alert",
    }


def test_an_alert_in_its_group() -> None:
    t, events = watched()
    t.at(0).fire("A", team="x", sev="a", annotations={"summary": "<s>"}, ends=500)
    created, grouped = events
    assert data(created) == {
        "alert": {
            "fingerprint": str(created.alert.labels.fingerprint),  # type: ignore[union-attr]
            "name": "test",
            "labels": {
                "labels": [
                    {"key": "alertname", "value": "test"},
                    {"key": "name", "value": "A"},
                    {"key": "sev", "value": "a"},
                    {"key": "team", "value": "x"},
                ]
            },
            "annotations": {"labels": [{"key": "summary", "value": "<s>"}]},
            "startsAt": "1970-01-01T00:00:00Z",
            "endsAt": "1970-01-01T00:08:20Z",
        }
    }
    assert data(grouped) == {
        "alert": {
            "hash": str(created.alert.labels.identity),  # type: ignore[union-attr]
            "details": data(created)["alert"],
        },
        "groupInfo": {
            "groupKey": '{}/{sev=~"a|b",team="x"}:{alertname="test"}',
            "groupLabels": {"labels": [{"key": "alertname", "value": "test"}]},
            "groupId": sha256(b'{}/{sev=~"a|b",team="x"}:{alertname="test"}').hexdigest(),
            "receiverName": "hook",
        },
    }


def test_hashes_are_those_of_a_real_one() -> None:
    """From events that Alertmanager 0.33.1 wrote."""
    labels = Labels({"alertname": "A", "sev": "a", "team": "x"})
    assert labels.identity == 14248233710123666569
    assert labels.fingerprint == 18394297473300431583
    t = Timeline(ROUTED)
    events: list[Event] = []
    t.engine.watch(events)
    t.at(0).request({"labels": dict(labels), "startsAt": 0})
    group = data(events[1])["groupInfo"]
    assert group["groupKey"] == '{}/{sev=~"a|b",team="x"}:{alertname="A"}'
    assert group["groupId"] == "419415d507ee494d83210ba3042b332940f55e85974f41d804d3803109b09e52"


def test_a_message_that_was_sent() -> None:
    t, events = watched()
    t.at(0).fire("A", team="x", sev="a").fire("B", team="x", sev="b")
    t.at(10).silence('name="B"', ends=5000)
    t.at(100).resolve("A", team="x", sev="a")
    t.at(400)
    first, again, over = [data(event) for event in events if isinstance(event, Notified)]
    a, b = (
        known.labels for known in (t.known("A", team="x", sev="a"), t.known("B", team="x", sev="b")) if known
    )
    assert list(first) == [
        "alerts",
        "firingAlerts",
        "mutedAlerts",
        "groupInfo",
        "repeatInterval",
        "reason",
        "flushId",
        "integration",
    ]
    [shown] = first["alerts"]
    assert shown["hash"] == str(a.identity)
    assert shown["details"]["endsAt"] == "0001-01-01T00:00:00Z"
    assert "resolved" not in shown["details"]
    assert first["firingAlerts"] == [{"hash": str(a.identity)}]
    assert first["mutedAlerts"] == [{"hash": str(b.identity)}]
    assert first["groupInfo"]["matchers"] == [
        {"type": "TYPE_REGEXP", "name": "sev", "pattern": "a|b", "rendered": 'sev=~"a|b"'},
        {"type": "TYPE_EQUAL", "name": "team", "pattern": "x", "rendered": 'team="x"'},
    ]
    assert first["repeatInterval"] == "1.500s"
    assert first["reason"] == "NOTIFY_REASON_FIRST_NOTIFICATION"
    assert first["flushId"] == "1"
    assert (first["integration"], again["integration"]) == (
        {"name": "webhook"},
        {"name": "webhook", "index": "1"},
    )
    assert over["reason"] == "NOTIFY_REASON_NEW_RESOLVED_ALERTS"
    assert over["resolvedAlerts"] == [{"hash": str(a.identity)}]
    assert "firingAlerts" not in over
    assert over["alerts"][0]["details"]["resolved"] is True
    instances = {each["groupInfo"]["groupUuid"] for each in (first, again, over)}
    assert len(instances) == 1


def test_another_life_of_a_group_has_another_name_and_a_restart_is_none() -> None:
    t, events = watched(HOOK)
    t.at(0).fire("A")
    t.at(40)
    t.restart()
    t.engine.watch(events)
    t.resolve("A")
    t.at(1000).fire("A")
    t.at(1100)
    sent = [data(event) for event in events if isinstance(event, Notified)]
    names = [each["groupInfo"]["groupUuid"] for each in sent]
    assert [each["reason"] for each in sent] == [
        "NOTIFY_REASON_FIRST_NOTIFICATION",
        "NOTIFY_REASON_ALL_ALERTS_RESOLVED",
        "NOTIFY_REASON_FIRST_NOTIFICATION",
    ]
    assert names[0] == names[1] != names[2]


def test_silences_and_what_they_mute() -> None:
    t, events = watched()
    t.at(0.25).silence('name="A",kind!~"b.*"', starts=1, ends=5000, annotations={"ticket": "1"})
    t.fire("A", team="x", sev="a")
    t.at(40)
    created = data(events[0])["silence"]
    matchers = [
        {"type": "TYPE_EQUAL", "name": "name", "pattern": "A", "rendered": 'name="A"'},
        {"type": "TYPE_NOT_REGEXP", "name": "kind", "pattern": "b.*", "rendered": 'kind!~"b.*"'},
    ]
    assert created == {
        "id": "00000000-0000-4000-8000-000000000001",
        "matchers": matchers,
        "annotations": {"labels": [{"key": "ticket", "value": "1"}]},
        "startsAt": "1970-01-01T00:00:01Z",
        "endsAt": "1970-01-01T01:23:20Z",
        "updatedAt": "1970-01-01T00:00:00.250Z",
        "createdBy": "somebody",
        "comment": "because",
        "matcherSets": [{"matchers": matchers}],
    }
    muted = data(events[-1])
    assert muted["silence"] == created
    assert muted["mutedAlert"]["labels"]["labels"][0] == {"key": "alertname", "value": "test"}


def test_an_inhibited_alert_with_rule_and_source() -> None:
    t, events = watched()
    t.at(0).fire("Root").fire("A", team="x", sev="a", kind="leaf")
    t.at(40)
    root, leaf = t.known("Root"), t.known("A", team="x", sev="a", kind="leaf")
    assert root is not None
    assert leaf is not None
    assert data(events[-1]) == {
        "inhibitRules": [
            {
                "sourceMatchers": [
                    {"type": "TYPE_EQUAL", "name": "name", "pattern": "Root", "rendered": 'name="Root"'}
                ],
                "targetMatchers": [
                    {"type": "TYPE_NOT_EQUAL", "name": "kind", "rendered": 'kind!=""'},
                    {"type": "TYPE_EQUAL", "name": "kind", "pattern": "leaf", "rendered": 'kind="leaf"'},
                ],
                "equalLabels": ["cluster", "zone"],
            }
        ],
        "mutedAlert": {
            "labels": {"labels": [{"key": name, "value": value} for name, value in leaf.labels.items()]},
            "fingerprint": str(leaf.labels.fingerprint),
        },
        "inhibitingFingerprints": [str(root.labels.fingerprint)],
    }


@pytest.mark.parametrize(
    ("rest", "text"),
    [(0, "05Z"), (100_000_000, "05.100Z"), (120_300_000, "05.120300Z"), (1, "05.000000001Z")],
)
def test_moments_have_their_digits_in_threes(rest: int, text: str) -> None:
    assert _moment(5 * SECOND + rest) == f"1970-01-01T00:00:{text}"


@pytest.mark.parametrize(
    ("duration", "text"),
    [(0, "0s"), (4 * 3600 * SECOND, "14400s"), (SECOND // 10, "0.100s"), (SECOND + 1, "1.000000001s")],
)
def test_durations(duration: int, text: str) -> None:
    assert _duration(duration) == text


@given(st.dictionaries(st.text(min_size=1), st.text()), st.dictionaries(st.text(min_size=1), st.text()))
def test_any_text_is_one_line_and_comes_back(labels: dict[str, str], annotations: dict[str, str]) -> None:
    alert = AlertState(Labels(labels), Labels(annotations), 0, 1)
    created = AlertCreated(0, alert)
    line = encode(created, "here")
    assert b"\n" not in line
    shown = json.loads(line)["data"]["alertCreated"]["alert"]
    pairs = shown["annotations"].get("labels", [])
    assert {pair["key"]: pair.get("value", "") for pair in pairs} == annotations
    assert {pair["key"]: pair.get("value", "") for pair in shown["labels"].get("labels", [])} == labels
