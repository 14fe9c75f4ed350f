"""When groups are made, when they flush, and when they end (`semantics.md` 11.3)."""

from __future__ import annotations

from alertrouter.core.alert import Status
from alertrouter.core.reason import Reason
from alertrouter.core.time import SECOND
from alertrouter.engine.engine import EngineSettings
from tests.timeline import HANGS, HOOK, OK, Answer, Timeline, moment, sent


def test_b47_a_group_is_announced_after_group_wait_and_then_stays_quiet() -> None:
    t = Timeline()
    t.at(0).fire("A")
    assert t.until(3600) == [sent(30, Reason.FIRST, firing="A")]
    ticks = [flush.tick / SECOND for flush in t.flushes]
    assert ticks[0] == 30
    assert all((tick - 30) % 300 == 0 for tick in ticks)


def test_b48_what_joins_within_group_wait_is_in_the_first_message() -> None:
    t = Timeline()
    t.at(0).fire("A")
    t.at(10).fire("B")
    assert t.until(300) == [sent(30, Reason.FIRST, firing="AB")]


def test_b49_what_joins_later_waits_for_the_group_interval() -> None:
    t = Timeline()
    t.at(0).fire("A")
    t.at(31).fire("B")
    assert t.until(1000) == [
        sent(30, Reason.FIRST, firing="A"),
        sent(330, Reason.NEW_ALERTS, firing="AB"),
    ]


def test_b50_an_old_alert_makes_its_group_flush_at_once() -> None:
    t = Timeline()
    t.at(0).fire("A", starts=-31)
    assert t.until(299) == [sent(0, Reason.FIRST, firing="A")]
    assert t.engine.next_due() == moment(300)


def test_b50_an_alert_exactly_as_old_as_group_wait_waits() -> None:
    t = Timeline()
    t.at(0).fire("A", starts=-30)
    assert t.until(299) == [sent(30, Reason.FIRST, firing="A")]


def test_b51_an_old_alert_that_joins_does_not_hurry_the_group() -> None:
    t = Timeline()
    t.at(0).fire("A")
    t.at(5).fire("B", starts=-3600)
    assert t.until(299) == [sent(30, Reason.FIRST, firing="AB")]


def test_b52_without_group_wait_the_first_alert_is_sent_at_once() -> None:
    t = Timeline(HOOK.replace("group_wait: 30s", "group_wait: 0s"))
    t.at(0).fire("A")
    t.at(1).fire("B")
    assert t.until(400) == [
        sent(0, Reason.FIRST, firing="A"),
        sent(300, Reason.NEW_ALERTS, firing="AB"),
    ]


def test_b53_what_resolves_within_group_wait_is_never_sent_and_the_group_ends() -> None:
    t = Timeline()
    t.at(0).fire("A")
    t.at(20).resolve("A")
    assert t.until(30) == []
    assert t.group() is None


def test_b54_a_resolve_is_told_at_the_next_flush_with_its_end() -> None:
    t = Timeline()
    t.at(0).fire("A")
    t.at(100).resolve("A")
    assert t.until(1000) == [
        sent(30, Reason.FIRST, firing="A"),
        sent(330, Reason.ALL_RESOLVED, resolved="A"),
    ]
    assert t.statuses == [Status.FIRING, Status.RESOLVED]
    assert t.notifications[1][1].alerts[0].ends_at == moment(100)


def test_b55_an_alert_whose_client_falls_silent_resolves_by_itself() -> None:
    t = Timeline()
    t.at(0).fire("A", ends=300)
    assert t.until(1000) == [
        sent(30, Reason.FIRST, firing="A"),
        sent(330, Reason.ALL_RESOLVED, resolved="A"),
    ]
    assert t.notifications[1][1].alerts[0].ends_at == moment(300)


def test_b56_after_its_end_a_group_begins_anew_with_group_wait() -> None:
    t = Timeline()
    t.at(0).fire("A")
    t.at(100).resolve("A")
    t.at(335).fire("A")
    assert t.until(600)[2:] == [sent(365, Reason.FIRST, firing="A")]


def test_b57_a_flap_that_no_flush_has_seen_is_invisible() -> None:
    t = Timeline()
    t.at(0).fire("A")
    t.at(100).resolve("A")
    t.at(200).fire("A", starts=200)
    assert t.until(14_429) == [sent(30, Reason.FIRST, firing="A")]
    assert t.until(14_430)[1:] == [sent(14_430, Reason.REPEAT, firing="A")]
    assert t.notifications[1][1].alerts[0].starts_at == moment(200)


def test_b58_one_of_two_resolves() -> None:
    t = Timeline()
    t.at(0).fire("A").fire("B")
    t.at(100).resolve("B")
    assert t.until(1000) == [
        sent(30, Reason.FIRST, firing="AB"),
        sent(330, Reason.SOME_RESOLVED, firing="A", resolved="B"),
    ]
    assert t.statuses == [Status.FIRING, Status.FIRING]


def test_b59_the_resolve_of_an_alert_nobody_was_told_of_is_no_news() -> None:
    t = Timeline()
    t.at(0).fire("A")
    t.at(100).resolve("C", starts=90)
    assert t.until(1000) == [sent(30, Reason.FIRST, firing="A")]


def test_b60_a_repeated_resolve_is_told_once() -> None:
    t = Timeline()
    t.at(0).fire("A")
    t.at(100).resolve("A")
    for again in (200, 400, 500):
        t.at(again).resolve("A", ends=100, starts=0)
    assert t.until(1000)[1:] == [sent(330, Reason.ALL_RESOLVED, resolved="A")]
    assert t.group() is None


def test_b61_a_resolve_that_comes_while_its_flush_is_sending_is_told_by_the_next() -> None:
    # B joins so that the flush at 330 has something to send.
    t = Timeline(answers=lambda _to, at: Answer(after=1) if at == 330 else OK)
    t.at(0).fire("A")
    t.at(100).fire("B")
    t.at(330.5).resolve("A")
    assert t.until(1000) == [
        sent(30, Reason.FIRST, firing="A"),
        sent(331, Reason.NEW_ALERTS, firing="AB"),
        sent(630, Reason.SOME_RESOLVED, firing="B", resolved="A"),
    ]


def test_b62_an_alert_that_fires_again_while_its_resolve_is_sent_stays_a_member() -> None:
    t = Timeline(answers=lambda _to, at: Answer(after=2) if at == 330 else OK)
    t.at(0).fire("A")
    t.at(100).resolve("A")
    t.at(331).fire("A", starts=331)
    t.at(400)
    group = t.group()
    assert group is not None
    assert [known.labels["name"] for known in group.members] == ["A"]
    assert t.until(1000) == [
        sent(30, Reason.FIRST, firing="A"),
        sent(332, Reason.ALL_RESOLVED, resolved="A"),
        sent(630, Reason.FIRST, firing="A"),
    ]


def test_b63_alerts_are_ordered_by_job_then_instance_then_labels() -> None:
    t = Timeline(HOOK.replace("group_by: [alertname]", "group_by: []"))
    t.at(0)
    t.fire("g", zone="z")
    t.fire("f")
    t.fire("e", instance="i9")
    t.fire("d", job="j2", instance="i1")
    t.fire("c", job="j1")
    t.fire("b", job="j1", instance="i1", alertname="an2")
    t.fire("a", job="j1", instance="i1", alertname="an1")
    assert t.until(30) == [sent(30, Reason.FIRST, firing="abcdefg")]


def test_b64_a_receiver_that_hangs_for_one_group_does_not_delay_another() -> None:
    def answers(_to: str, at: float) -> Answer:
        return HANGS if at == 30 else OK

    t = Timeline(answers=answers)
    t.at(0).fire("A")
    t.at(10).fire("B", alertname="other")
    assert t.until(200) == [sent(40, Reason.FIRST, firing="B")]


def test_b65_nothing_is_flushed_before_the_start_delay_is_over() -> None:
    t = Timeline(settings=EngineSettings(start_delay=moment(60)))
    t.at(10).fire("A")
    t.at(50).fire("B")
    assert t.until(69) == [sent(60, Reason.FIRST, firing="AB")]
    t.at(70).fire("C", alertname="later")
    t.at(200).reload()
    assert t.until(300)[1:] == [sent(100, Reason.FIRST, firing="C")]


def test_b66_timers_run_during_the_start_delay() -> None:
    t = Timeline(settings=EngineSettings(start_delay=moment(20)))
    t.at(10).fire("A")
    assert t.until(200) == [sent(40, Reason.FIRST, firing="A")]


def test_b67_an_alert_that_starts_in_the_future_fires_at_once() -> None:
    t = Timeline()
    t.at(0).fire("A", starts=1000)
    assert t.until(200) == [sent(30, Reason.FIRST, firing="A")]


def test_b68_a_large_group_is_one_message() -> None:
    t = Timeline()
    t.at(0)
    for number in range(1000):
        t.fire(f"n{number:04}")
    t.until(60)
    assert len(t.sent) == 1
    assert len(t.sent[0].firing) == 1000
