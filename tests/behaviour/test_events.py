"""What a watcher is told, and when (`semantics.md` 10.1 and 11.13)."""

from __future__ import annotations

import pytest

from alertrouter.core.reason import Reason
from alertrouter.engine.engine import EngineSettings
from alertrouter.engine.events import (
    AlertCreated,
    AlertGrouped,
    AlertResolved,
    Event,
    InhibitionMuted,
    Notified,
    SilenceCreated,
    SilenceMuted,
    SilenceUpdated,
)
from tests.timeline import FAILS, HOOK, OK, REFUSES, Timeline, seconds

INHIBITING = """
route: {receiver: hook, group_by: [name], group_wait: 30s, group_interval: 5m}
inhibit_rules:
  - name: first
    source_matchers: [name="Root"]
    target_matchers: [kind="leaf"]
    equal: [cluster]
  - name: second
    source_matchers: [name="Root"]
    target_matchers: [kind="leaf"]
receivers:
  - name: hook
    webhook_configs: [{url: "http://hook.example/"}]
"""


def watched(config: str = HOOK, **options: object) -> tuple[Timeline, list[Event]]:
    """A timeline and what its engine tells."""
    t = Timeline(config, **options)  # type: ignore[arg-type]
    events: list[Event] = []
    t.engine.watch(events)
    return t, events


def told(events: list[Event]) -> list[str]:
    """The events as short texts: second, kind, and whom or what it is about."""
    return [f"{seconds(event.at):g} {_text(event)}" for event in events]


def _text(event: Event) -> str:  # noqa: PLR0911 - one line for each kind
    match event:
        case AlertCreated(alert=alert):
            return f"created {alert.labels['name']}"
        case AlertGrouped(alert=alert, group=group):
            return f"grouped {alert.labels['name']} for {group.receiver}"
        case AlertResolved(alert=alert):
            return f"resolved {alert.labels['name']}"
        case Notified(send=send):
            names = "".join([alert.labels["name"] for alert in send.notification.alerts])
            return f"notified {names}: {send.reason}, flush {send.notification.flush_number}"
        case SilenceCreated():
            return "silence created"
        case SilenceUpdated():
            return "silence updated"
        case SilenceMuted(silence=silence, labels=labels):
            return f"{silence.comment} mutes {labels['name']}"
        case InhibitionMuted(rule=rule, labels=labels, source=source):
            return f"{source['name']} mutes {labels['name']} by {rule.name}"


def test_b189_an_alert_from_its_first_report_to_its_end() -> None:
    t, events = watched()
    t.at(0).fire("A")
    t.at(100).resolve("A")
    t.until(1000)
    assert told(events) == [
        "0 created A",
        "0 grouped A for hook",
        f"30 notified A: {Reason.FIRST}, flush 1",
        "100 grouped A for hook",
        f"330 notified A: {Reason.ALL_RESOLVED}, flush 2",
        "330 resolved A",
    ]


def test_b190_a_silenced_flush_tells_of_each_active_silence_and_alert() -> None:
    t, events = watched()
    t.at(0).silence('alertname="test"', ends=5000, comment="one")
    t.silence('name=~"A|B"', ends=5000, comment="two")
    t.silence('name="A"', starts=400, ends=5000, comment="pending")
    t.fire("A").fire("B")
    events.clear()
    t.at(300)
    assert sorted(told(events)) == [
        "30 one mutes A",
        "30 one mutes B",
        "30 two mutes A",
        "30 two mutes B",
    ]


def test_b190_looking_at_alerts_tells_nothing() -> None:
    t, events = watched()
    t.at(0).silence('name="A"', ends=5000)
    t.fire("A")
    events.clear()
    known = t.known("A")
    assert known is not None
    assert t.engine.silenced_by(known, t.now)
    assert t.engine.inhibited_by(known, t.now) is None
    t.engine.alert_states(t.now)
    assert events == []


def test_every_heartbeat_comes_into_the_group_again() -> None:
    t, events = watched()
    posted = {"labels": {"alertname": "test", "name": "A"}, "startsAt": 0}
    for at in (0, 10, 20):
        t.at(at).request(posted)
    assert told(events) == [
        "0 created A",
        "0 grouped A for hook",
        "10 grouped A for hook",
        "20 grouped A for hook",
    ]


def test_an_alert_is_created_again_once_it_was_forgotten() -> None:
    t, events = watched()
    t.at(0).fire("A")
    t.at(100).resolve("A")
    t.at(1000).collect().fire("A")
    assert told(events)[-2:] == ["1000 created A", "1000 grouped A for hook"]


def test_the_first_rule_that_inhibits_is_named_at_every_flush() -> None:
    t, events = watched(INHIBITING)
    t.at(0).fire("Root", cluster="c")
    t.at(10).fire("Leaf", cluster="c", kind="leaf")
    events.clear()
    t.at(400)
    assert told(events) == [
        f"30 notified Root: {Reason.FIRST}, flush 1",
        "40 Root mutes Leaf by first",
        "340 Root mutes Leaf by first",
    ]


def test_what_a_message_kept_back_stands_beside_it() -> None:
    t, events = watched()
    t.at(0).silence('name="B"', ends=5000)
    t.fire("A").fire("B")
    t.at(30)
    notified = [event for event in events if isinstance(event, Notified)]
    known = t.known("B")
    assert known is not None
    assert [set(event.send.muted) for event in notified] == [{known.labels.identity}]


def test_a_failed_message_is_no_event_and_nobody_leaves_for_it() -> None:
    t, events = watched(answers=lambda _to, at: REFUSES if 300 < at < 600 else OK)
    t.at(0).fire("A")
    t.at(100).resolve("A")
    t.until(1000)
    assert told(events)[-3:] == [
        "100 grouped A for hook",
        f"630 notified A: {Reason.ALL_RESOLVED}, flush 3",
        "630 resolved A",
    ]

    t, events = watched(answers=lambda _to, at: FAILS if at < 31 else OK)
    t.at(0).fire("A")
    t.at(100)
    assert [text.split(" ")[1] for text in told(events)] == ["created", "grouped", "notified"]


def test_a_message_that_nobody_is_told_of_is_no_event() -> None:
    config = HOOK.replace(
        "url: http://hook.example/", "url: http://hook.example/\n        send_resolved: false"
    )
    t, events = watched(config)
    t.at(0).fire("A")
    t.at(100).resolve("A")
    t.until(1000)
    assert told(events)[-1] == "330 resolved A"
    assert sum(isinstance(event, Notified) for event in events) == 1


def test_silences_are_created_updated_and_succeeded_and_their_end_is_no_event() -> None:
    t, events = watched()
    silence = t.at(0).silence('name="A"', ends=5000)
    edited = t.at(1).silence('name="A"', starts=0, ends=6000, id=silence.id)
    assert edited.id == silence.id
    successor = t.at(2).silence('name="B"', ends=6000, id=silence.id)
    assert successor.id != silence.id
    t.at(3).expire(successor)
    assert told(events) == ["0 silence created", "1 silence updated", "2 silence created"]


@pytest.mark.parametrize("strict", [False, True])
def test_a_reload_and_a_restart_are_not_the_birth_of_an_alert(*, strict: bool) -> None:
    t, events = watched(settings=EngineSettings(compat_strict=strict))
    t.at(0).fire("A")
    t.at(40)
    before = list(events)
    t.reload()
    t.restart()
    t.engine.watch(events)
    assert events == before


def test_the_same_happens_whether_somebody_watches_or_not() -> None:
    sent = []
    for sink in (None, list[Event]()):
        t = Timeline(INHIBITING)
        t.engine.watch(sink)
        t.at(0).fire("Root", cluster="c").fire("Leaf", cluster="c", kind="leaf")
        t.silence('name="X"', ends=700)
        t.fire("X")
        t.at(500).resolve("Root", cluster="c")
        sent.append((t.until(3000), t.store.decisions, t.store.groups))
    assert sent[0] == sent[1]
