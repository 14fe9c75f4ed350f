"""Routes that are muted, or active, at certain times (`semantics.md` 11.8). The clock begins at 1970-01-01T00:00Z."""

from __future__ import annotations

from alertrouter.core.reason import NotSent, Reason
from alertrouter.engine.engine import EngineSettings
from alertrouter.engine.group import AggregationGroup
from tests.timeline import Timeline, sent

CONFIG = """
route:
  receiver: hook
  routes:
    - receiver: hook
      group_by: [alertname]
      group_wait: 30s
      group_interval: 5m
      {times}
time_intervals:
  - name: first quarter
    time_intervals: [{times: [{start_time: '00:00', end_time: '00:15'}]}]
  - name: late
    time_intervals: [{times: [{start_time: '00:10', end_time: '00:30'}]}]
  - name: noon
    time_intervals: [{times: [{start_time: '12:00', end_time: '13:00'}]}]
  - name: evening
    time_intervals: [{times: [{start_time: '18:00', end_time: '19:00'}]}]
inhibit_rules:
  - source_matchers: [name="S"]
    target_matchers: [name="T"]
receivers:
  - name: hook
    webhook_configs: [{url: 'http://hook.example/'}]
"""
MUTED_FIRST = CONFIG.replace("{times}", "mute_time_intervals: [first quarter]")
MUTED_LATE = CONFIG.replace("{times}", "mute_time_intervals: [late]")


def group(t: Timeline) -> AggregationGroup:
    found = t.group()
    assert found is not None
    return found


def test_b151_a_group_muted_from_the_start_is_announced_when_the_window_ends() -> None:
    t = Timeline(MUTED_FIRST)
    t.at(0).fire("A")
    assert t.until(1500) == [sent(900, Reason.FIRST, firing="A")]


def test_b151_strictly_compatible_it_waits_for_the_group_interval() -> None:
    t = Timeline(MUTED_FIRST, settings=EngineSettings(compat_strict=True))
    t.at(0).fire("A")
    assert t.until(1500) == [sent(930, Reason.FIRST, firing="A")]


def test_b152_a_resolve_inside_the_window_is_told_after_it() -> None:
    t = Timeline(MUTED_LATE)
    t.at(0).fire("A")
    t.at(700).resolve("A")
    assert t.until(3000) == [
        sent(30, Reason.FIRST, firing="A"),
        sent(1830, Reason.ALL_RESOLVED, resolved="A"),
    ]


def test_b153_who_mutes_a_group_shows_at_once() -> None:
    t = Timeline(MUTED_LATE)
    t.at(0).fire("A")
    t.at(599)
    assert t.engine.muted_by(group(t), t.now) == []
    t.at(600)
    assert t.engine.muted_by(group(t), t.now) == ["late"]


def test_b154_outside_all_active_intervals_a_route_is_muted_by_all_of_them() -> None:
    t = Timeline(CONFIG.replace("{times}", "active_time_intervals: [noon, evening]"))
    t.at(0).fire("A")
    assert t.until(100) == []
    assert t.engine.muted_by(group(t), t.now) == ["noon", "evening"]
    assert t.suppressed["active_time_interval"] == 1

    t = Timeline(CONFIG.replace("{times}", "active_time_intervals: [noon, first quarter]"))
    t.at(0).fire("A")
    assert t.until(100) == [sent(30, Reason.FIRST, firing="A")]


def test_b155_where_both_apply_muting_wins() -> None:
    t = Timeline(
        CONFIG.replace(
            "{times}", "active_time_intervals: [first quarter]\n      mute_time_intervals: [first quarter]"
        )
    )
    t.at(0).fire("A")
    assert t.until(800) == []
    assert t.suppressed["mute_time_interval"] >= 1


def test_b156_the_moment_of_the_flush_decides() -> None:
    t = Timeline(MUTED_LATE)
    t.at(0).fire("A")
    t.at(400).fire("B")
    t.until(630)
    # 330 was before B; the flush at 630 lies in the window.
    assert t.sent == [sent(30, Reason.FIRST, firing="A")]
    assert t.until(2000)[1:] == [sent(1830, Reason.NEW_ALERTS, firing="AB")]


def test_b157_a_group_all_of_whose_members_are_inhibited_counts_as_inhibited() -> None:
    t = Timeline(MUTED_FIRST)
    t.at(0).fire("S", alertname="elsewhere").fire("T")
    t.until(100)
    reasons = {d.why_not for d in t.store.decisions if d.group_key.endswith('{alertname="test"}')}
    assert reasons == {NotSent.INHIBITED}


def test_why_a_muted_group_was_not_sent_is_recorded_with_the_interval() -> None:
    t = Timeline(MUTED_FIRST)
    t.at(0).fire("A")
    t.until(500)
    (record,) = t.store.decisions
    assert record.why_not is NotSent.MUTED
    assert list(record.muted.values()) == [("interval:first quarter",)]
