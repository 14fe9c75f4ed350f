"""Reloads and restarts are non-events (`semantics.md` 11.10)."""

from __future__ import annotations

from alertrouter.core.reason import Reason
from alertrouter.core.time import SECOND
from alertrouter.engine.engine import EngineSettings
from tests.timeline import HANGS, HOOK, OK, REFUSES, Answer, Sent, Timeline, moment, sent

STRICT = EngineSettings(compat_strict=True)
TREE = """
route:
  receiver: other
  group_by: [alertname]
  routes:
    - receiver: hook
      matchers: [alertname="test"]
receivers:
  - name: hook
    webhook_configs:
      - url: http://hook.example/
  - name: other
    webhook_configs:
      - url: http://other.example/
"""

UNRESOLVED = """
route:
  receiver: hook
  group_by: [alertname]
  repeat_interval: 10m
receivers:
  - name: hook
    webhook_configs:
      - url: http://hook.example/
        send_resolved: false
"""


def test_b169_a_reload_moves_no_timer() -> None:
    t = Timeline()
    t.at(0).fire("A")
    t.at(100).reload()
    t.fire("B")
    assert t.until(1000) == [
        sent(30, Reason.FIRST, firing="A"),
        sent(330, Reason.NEW_ALERTS, firing="AB"),
    ]


def test_b169_strictly_compatible_a_reload_restarts_timers() -> None:
    t = Timeline(settings=STRICT)
    t.at(0).fire("A")
    t.at(100).reload()
    t.at(110).fire("B")
    assert t.until(1000)[1:] == [sent(400, Reason.NEW_ALERTS, firing="AB")]


def test_b170_a_reload_does_not_announce_early() -> None:
    t = Timeline()
    t.at(0).fire("A")
    t.at(40).fire("B")
    t.at(100).reload()
    assert t.until(400)[1:] == [sent(330, Reason.NEW_ALERTS, firing="AB")]

    t = Timeline(settings=STRICT)
    t.at(0).fire("A")
    t.at(40).fire("B")
    t.at(100).reload()
    assert t.until(400)[1:] == [sent(100, Reason.NEW_ALERTS, firing="AB")]


def test_b171_a_reload_does_not_restart_group_wait() -> None:
    t = Timeline()
    t.at(0).fire("A")
    t.at(20).reload()
    assert t.until(100) == [sent(30, Reason.FIRST, firing="A")]

    t = Timeline(settings=STRICT)
    t.at(0).fire("A")
    t.at(20).reload()
    assert t.until(100) == [sent(50, Reason.FIRST, firing="A")]


def test_b173_an_alert_that_loses_its_route_is_announced_under_the_new_one() -> None:
    t = Timeline(TREE)
    t.at(0).fire("A")
    t.at(100).reload(
        TREE.replace('alertname="test"', 'alertname="nothing"')
        .replace("receiver: hook\n      m", "receiver: third\n      m")
        .replace("- name: hook", "- name: third")
    )
    assert t.until(1000) == [
        sent(30, Reason.FIRST, firing="A"),
        sent(100, Reason.FIRST, firing="A", to="other"),
    ]


def test_b173_the_old_receiver_may_be_told_that_it_is_over() -> None:
    moved = TREE.replace('alertname="test"', 'alertname="nothing"').replace(
        "receiver: hook\n      m", "receiver: other\n      m"
    )
    t = Timeline(TREE)
    t.at(0).fire("A")
    t.at(100).reload(moved + "alertrouter: {close_orphaned_groups: true}\n")
    assert set(t.until(1000)[1:]) == {
        sent(100, Reason.ALL_RESOLVED, resolved="A"),
        sent(100, Reason.FIRST, firing="A", to="other"),
    }


def test_an_edited_matcher_on_the_path_does_not_begin_a_new_history() -> None:
    t = Timeline(TREE)
    t.at(0).fire("A")
    t.at(100).reload(TREE.replace('[alertname="test"]', '[alertname=~"test|more"]'))
    assert t.until(1000) == [sent(30, Reason.FIRST, firing="A")]


def test_a_history_survives_an_edit_that_was_made_while_the_process_was_down() -> None:
    t = Timeline(TREE)
    t.at(0).fire("A")
    t.at(100).restart(config=TREE.replace('[alertname="test"]', '[alertname=~"test|more"]'))
    assert t.until(1000) == [sent(30, Reason.FIRST, firing="A")]


def test_a_named_route_keeps_its_history_wherever_it_moves() -> None:
    named = TREE.replace("    - receiver: hook\n", "    - receiver: hook\n      alertrouter: {name: tests}\n")
    before = named.replace(
        "  routes:\n", '  routes:\n    - receiver: other\n      matchers: [x="y"]\n'
    ).replace('[alertname="test"]', '[alertname=~"te.*"]')
    t = Timeline(named)
    t.at(0).fire("A")
    t.at(100).reload(before)
    assert t.until(1000) == [sent(30, Reason.FIRST, firing="A")]


def test_a_changed_group_interval_counts_from_the_last_flush() -> None:
    t = Timeline()
    t.at(0).fire("A")
    t.at(50).fire("B")
    t.at(100).reload(HOOK.replace("group_interval: 5m", "group_interval: 2m"))
    assert t.until(200)[1:] == [sent(150, Reason.NEW_ALERTS, firing="AB")]


def test_a_route_that_groups_by_other_labels_makes_new_groups() -> None:
    t = Timeline()
    t.at(0).fire("A", job="j")
    t.at(100).reload(HOOK.replace("[alertname]", "[job]"))
    assert t.until(300)[1:] == [sent(100, Reason.FIRST, firing="A")]


def test_b96_a_reload_during_retries_goes_on_with_the_new_integration() -> None:
    t = Timeline(answers=lambda _to, at: OK if at > 60 else Answer("temporary"))
    t.at(0).fire("A")
    t.at(50).reload()
    (message,) = t.until(300)
    assert 60 < message.at < 90


def test_b94_an_alert_that_resolves_during_retries_is_never_announced() -> None:
    t = Timeline(answers=lambda _to, at: OK if at >= 200 else Answer("temporary"))
    t.at(0).fire("A")
    t.at(100).resolve("A")
    assert t.until(1000) == []
    assert t.group() is None


def test_b95_a_silence_made_during_retries_holds() -> None:
    t = Timeline(answers=lambda _to, at: OK if at >= 200 else Answer("temporary"))
    t.at(0).fire("A")
    t.at(100).silence('name="A"', ends=5000)
    assert t.until(1000) == []


def test_b91_a_flush_that_hangs_ends_with_its_deadline_and_the_next_begins_at_once() -> None:
    t = Timeline(answers=lambda _to, at: HANGS if at == 30 else OK)
    t.at(0).fire("A")
    assert t.until(400) == [sent(330, Reason.FIRST, firing="A")]


def test_b92_the_deadline_is_ten_seconds_at_least() -> None:
    t = Timeline(
        HOOK.replace("group_interval: 5m", "group_interval: 5s"),
        answers=lambda _to, at: HANGS if at == 30 else OK,
    )
    t.at(0).fire("A")
    assert t.until(100) == [sent(40, Reason.FIRST, firing="A")]


def test_b97_a_failed_flush_keeps_what_is_resolved() -> None:
    t = Timeline(answers=lambda _to, at: REFUSES if at == 330 else OK)
    t.at(0).fire("A")
    t.at(100).resolve("A")
    assert t.until(1000)[1:] == [sent(630, Reason.ALL_RESOLVED, resolved="A")]


def test_b174_what_ends_while_the_process_is_down_is_told_afterwards() -> None:
    t = Timeline()
    t.at(0).fire("A", ends=300)
    t.at(60).fire("A", ends=360)
    t.at(100).stop()
    t.at(200).restart(down_since=100)
    assert t.until(1000)[1:] == [sent(630, Reason.ALL_RESOLVED, resolved="A")]
    assert t.notifications[1][1].alerts[0].ends_at == moment(360)


def test_after_a_long_outage_clients_may_report_again_before_anything_is_called_resolved() -> None:
    t = Timeline()
    t.at(0).fire("A", ends=300)
    t.at(100).stop()
    t._play(moment(99))
    t.now = moment(2000)
    t.restart(down_since=100)
    t.at(2060).fire("A", starts=0, ends=5000)
    assert t.until(3000) == [sent(30, Reason.FIRST, firing="A")]


def test_b175_a_restart_repeats_nothing() -> None:
    t = Timeline()
    t.at(0).fire("A")
    for when in range(50, 3000, 250):
        t.at(when).restart()
        t.fire("A", starts=0)
    assert t.until(14_000) == [sent(30, Reason.FIRST, firing="A")]


def test_b176_a_restart_during_group_wait_keeps_the_timer() -> None:
    t = Timeline()
    t.at(0).fire("A")
    t.at(20).restart()
    assert t.until(300) == [sent(30, Reason.FIRST, firing="A")]


def test_an_alert_that_ended_in_the_moment_of_a_flush_belongs_to_its_group_after_a_restart() -> None:
    def played(*, restart: bool) -> list[Sent]:
        t = Timeline(UNRESOLVED)
        t.at(0).fire("A")
        # After the flush of the same moment, which has told of it.
        t.at(30).resolve("A")
        if restart:
            t.at(31).restart()
        t.at(40).fire("A")
        return t.until(3000)

    assert played(restart=True) == played(restart=False)


def test_flushes_that_came_due_while_the_process_was_down_are_spread() -> None:
    t = Timeline(HOOK.replace("[alertname]", "['...']"))
    t.at(0)
    for number in range(100):
        t.fire(f"n{number:02}")
    t.at(10)
    t.now = moment(100)
    t.restart(down_since=10)
    assert t.engine.next_due() == moment(100)
    t.until(200)
    moments = sorted(s.at for s in t.sent)
    assert len(moments) == 100
    assert len(set(moments)) == 100
    assert moments[-1] <= 111


def test_a_send_without_a_known_outcome_is_sent_again_and_marked() -> None:
    t = Timeline(answers=lambda _to, at: HANGS if at == 30 else OK)
    t.at(0).fire("A")
    t.at(31).restart()
    t.until(60)
    ((_, notification),) = t.notifications
    assert notification.possible_duplicate
    t.at(100).fire("B")
    t.until(600)
    assert [n.possible_duplicate for _, n in t.notifications] == [True, False]


def test_an_end_that_heartbeats_moved_gets_some_grace_after_a_crash() -> None:
    t = Timeline()
    t.at(0).fire("A", ends=300)
    t.at(200).fire("A", ends=500)  # never written
    t.at(290).restart(end_grace=15)
    known = t.known("A")
    assert known is not None
    assert known.ends_at == 315 * SECOND


def test_what_was_called_resolved_just_before_a_crash_stays_resolved() -> None:
    t = Timeline()
    t.at(0).fire("A")
    t.at(200).resolve("A")
    t.at(201).restart(down_since=195, end_grace=15)
    known = t.known("A")
    assert known is not None
    assert known.ends_at == 200 * SECOND
