"""The clock of the machine is set by an hour, back or forth: no page waits for it, and nothing is falsely resolved."""

from __future__ import annotations

from alertrouter.core.time import SECOND
from tests.timeline import HANGS, OK, Timeline

HOUR = 3600


def told(t: Timeline) -> list[tuple[float, tuple[str, ...], tuple[str, ...]]]:
    return [(s.at, s.firing, s.resolved) for s in t.sent]


def test_a_first_message_waits_no_longer_than_group_wait_when_the_clock_is_set_back() -> None:
    t = Timeline()
    t.at(HOUR).fire("A")
    t.at(HOUR + 10).clock_set(10)
    t.until(60)
    assert told(t) == [(40, ("A",), ())]


def test_the_next_message_waits_no_longer_than_group_interval_when_the_clock_is_set_back() -> None:
    t = Timeline()
    t.at(HOUR).fire("A")
    t.at(HOUR + 60).fire("B")
    t.clock_set(60)
    t.until(400)
    assert told(t) == [(HOUR + 30, ("A",), ()), (360, ("A", "B"), ())]


def test_timers_that_are_not_far_away_stay_when_the_clock_is_set_back_a_little() -> None:
    t = Timeline()
    t.at(HOUR).fire("A")
    t.at(HOUR + 10).clock_set(HOUR + 5)
    t.until(HOUR + 60)
    assert told(t) == [(HOUR + 30, ("A",), ())]


def test_clients_have_time_to_report_again_when_the_clock_is_set_forth() -> None:
    t = Timeline()
    t.at(0).fire("A", ends=240)
    t.at(100).clock_set(HOUR)
    # Due long ago now; what its clients say within the minute counts.
    t.at(HOUR + 60).fire("A", starts=0, ends=HOUR + 300)
    t.until(HOUR + 240)
    assert told(t) == [(30, ("A",), ())]


def test_what_is_not_reported_again_after_the_clock_was_set_forth_is_over() -> None:
    t = Timeline()
    t.at(0).fire("A", ends=240)
    t.at(100).clock_set(HOUR)
    t.until(HOUR + 400)
    assert told(t)[1:] == [(HOUR + 90, (), ("A",))]


def test_a_restart_on_a_clock_that_was_set_back_meanwhile_keeps_no_page_waiting() -> None:
    t = Timeline()
    t.at(HOUR).fire("A")
    t.at(HOUR + 10).stop()
    t.now = 20 * SECOND
    t.restart(down_since=HOUR + 10)
    t.until(60)
    assert told(t) == [(50, ("A",), ())]


def test_a_flush_that_is_under_way_when_the_clock_is_set_back_ends_all_the_same() -> None:
    t = Timeline(answers=lambda _to, at: HANGS if at == HOUR + 30 else OK)
    t.at(HOUR).fire("A")
    t.at(HOUR + 31).clock_set(31)
    group = t.group()
    assert group is not None
    assert group.open
    assert group.due == (31 + 300) * SECOND
