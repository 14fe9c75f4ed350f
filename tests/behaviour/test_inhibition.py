"""Which alerts keep others back (`semantics.md` 11.6)."""

from __future__ import annotations

from alertrouter.core.alert import Status
from alertrouter.core.reason import NotSent, Reason
from alertrouter.engine.changes import Transition
from tests.timeline import HOOK, OK, Answer, Timeline, seconds, sent

RULE = """
inhibit_rules:
  - source_matchers: [sev="crit"]
    target_matchers: [sev="warn"]
    equal: [cluster]
"""
# Each alert is a group of its own, so that what is sent tells who was inhibited.
ALONE = HOOK.replace("group_by: [alertname]", "group_by: ['...']") + RULE
TOGETHER = HOOK + RULE
BOTH_SIDES = (
    HOOK.replace("group_by: [alertname]", "group_by: ['...']")
    + """
inhibit_rules:
  - source_matchers: [a="1"]
    target_matchers: [b="1"]
"""
)


def names(t: Timeline) -> set[str]:
    return {name for each in t.sent for name in each.firing}


def test_b100_a_source_mutes_targets_with_equal_labels_only() -> None:
    t = Timeline(ALONE)
    t.at(0).fire("S", sev="crit", cluster="c1")
    t.fire("same", sev="warn", cluster="c1").fire("other", sev="warn", cluster="c2")
    t.until(100)
    assert names(t) == {"S", "other"}


def test_b101_a_resolved_source_mutes_nothing_from_that_instant() -> None:
    t = Timeline(ALONE)
    t.at(0).fire("T", sev="warn", cluster="c1").fire("S", sev="crit", cluster="c1", ends=30)
    t.until(100)
    assert names(t) == {"T"}


def test_b102_a_missing_label_equals_a_missing_label_and_nothing_else() -> None:
    t = Timeline(ALONE)
    t.at(0).fire("S", sev="crit").fire("both-lack", sev="warn").fire("has", sev="warn", cluster="x")
    t.until(100)
    assert names(t) == {"S", "has"}

    t = Timeline(ALONE)
    t.at(0).fire("S", sev="crit", cluster="x").fire("lacks", sev="warn")
    t.until(100)
    assert names(t) == {"S", "lacks"}


def test_b103_without_equal_labels_any_source_mutes_every_target() -> None:
    t = Timeline(ALONE.replace("equal: [cluster]", "equal: []"))
    t.at(0).fire("S", sev="crit", cluster="x").fire("T", sev="warn", cluster="y")
    t.until(100)
    assert names(t) == {"S"}


def test_b104_alerts_on_both_sides_do_not_mute_each_other() -> None:
    t = Timeline(BOTH_SIDES)
    t.at(0).fire("AB", a="1", b="1").fire("AB2", a="1", b="1")
    t.until(100)
    assert names(t) == {"AB", "AB2"}


def test_b104_an_alert_on_both_sides_is_muted_by_a_pure_source_and_mutes_a_pure_target() -> None:
    t = Timeline(BOTH_SIDES)
    t.at(0).fire("AB", a="1", b="1").fire("A", a="1")
    t.until(100)
    assert names(t) == {"A"}

    t = Timeline(BOTH_SIDES)
    t.at(0).fire("AB", a="1", b="1").fire("B", b="1")
    t.until(100)
    assert names(t) == {"AB"}


def test_b105_when_one_of_two_sources_resolves_the_other_still_mutes() -> None:
    t = Timeline(ALONE)
    t.at(0).fire("S1", sev="crit", cluster="c1", ends=90_000).fire(
        "S2", sev="crit", cluster="c1", ends=80_000
    )
    t.fire("T", sev="warn", cluster="c1")
    t.at(10).resolve("S1", sev="crit", cluster="c1")
    t.until(400)
    assert "T" not in names(t)


def test_b106_collecting_one_source_does_not_free_the_targets_of_another() -> None:
    t = Timeline(ALONE)
    t.at(0).fire("S1", sev="crit", cluster="c1").fire("S2", sev="crit", cluster="c1")
    t.fire("T", sev="warn", cluster="c1")
    t.at(10).resolve("S1", sev="crit", cluster="c1")
    t.at(1800).collect()
    assert t.known("S1", sev="crit", cluster="c1") is None
    t.until(2200)
    assert "T" not in names(t)


def test_b107_a_pure_source_counts_beside_one_on_both_sides() -> None:
    t = Timeline(BOTH_SIDES)
    t.at(0).fire("AB", a="1", b="1", ends=99_000).fire("A", a="1", ends=50_000).fire("AB2", a="1", b="1")
    t.until(100)
    assert names(t) == {"A"}


def test_b108_a_source_that_is_silenced_muted_or_inhibited_still_inhibits() -> None:
    t = Timeline(ALONE)
    t.at(0).silence('name="S"', ends=5000)
    t.fire("S", sev="crit", cluster="c1").fire("T", sev="warn", cluster="c1")
    assert t.until(400) == []

    chain = ALONE + '  - source_matchers: [name="root"]\n    target_matchers: [sev="crit"]\n'
    t = Timeline(chain)
    t.at(0).fire("root").fire("S", sev="crit", cluster="c1").fire("T", sev="warn", cluster="c1")
    t.until(400)
    assert names(t) == {"root"}


def test_b109_a_source_that_nobody_is_told_of_still_inhibits() -> None:
    sink = ALONE.replace(
        "receivers:",
        '  routes:\n    - matchers: [sev="crit"]\n      receiver: sink\nreceivers:\n  - name: sink',
    )
    t = Timeline(sink)
    t.at(0).fire("S", sev="crit", cluster="c1").fire("T", sev="warn", cluster="c1")
    assert t.until(400) == []


def test_b110_a_target_announced_before_is_not_repeated_by_the_end_of_its_inhibition() -> None:
    t = Timeline(ALONE)
    t.at(0).fire("T", sev="warn", cluster="c1")
    t.at(100).fire("S", sev="crit", cluster="c1")
    t.at(400).resolve("S", sev="crit", cluster="c1")
    t.until(14_429)
    assert [s for s in t.sent if "T" in s.firing] == [sent(30, Reason.FIRST, firing="T")]
    t.until(14_430)
    assert t.sent[-1] == sent(14_430, Reason.REPEAT, firing="T")


def test_b111_a_target_never_announced_is_announced_when_its_source_resolves() -> None:
    t = Timeline(ALONE)
    t.at(0).fire("T", sev="warn", cluster="c1").fire("S", sev="crit", cluster="c1")
    t.at(400).resolve("S", sev="crit", cluster="c1")
    t.until(430)
    assert [s for s in t.sent if "T" in s.firing] == [sent(400, Reason.FIRST, firing="T")]


def test_b112_target_and_source_resolve_together() -> None:
    t = Timeline(TOGETHER)
    t.at(0).fire("S", sev="crit", cluster="c1").fire("T", sev="warn", cluster="c1")
    t.at(400).resolve("S", sev="crit", cluster="c1").resolve("T", sev="warn", cluster="c1")
    assert t.until(1000) == [
        sent(30, Reason.FIRST, firing="S"),
        sent(630, Reason.ALL_RESOLVED, resolved="ST"),
    ]


def test_b113_an_empty_rule_mutes_nothing() -> None:
    t = Timeline(HOOK + "\ninhibit_rules:\n  - {}\n")
    t.at(0).fire("A").fire("B")
    assert t.until(100) == [sent(30, Reason.FIRST, firing="AB")]


def test_b114_the_first_rule_that_inhibits_names_the_source() -> None:
    t = Timeline(ALONE + '  - source_matchers: [name="S2"]\n    target_matchers: [sev="warn"]\n')
    t.at(0).fire("S2").fire("S1", sev="crit", cluster="c1").fire("T", sev="warn", cluster="c1")
    target = t.known("T", sev="warn", cluster="c1")
    assert target is not None
    source = t.engine.inhibited_by(target, t.now)
    assert source is not None
    assert source.labels["name"] == "S1"
    assert len(source.labels.fingerprint_text) == 16
    assert [i.source.labels["name"] for i in t.engine.inhibitors(target, t.now)] == ["S1", "S2"]


def test_b115_after_a_restart_sources_are_known_before_anything_is_sent() -> None:
    t = Timeline(ALONE)
    t.at(0).fire("T", sev="warn", cluster="c1", starts=-600).fire("S", sev="crit", cluster="c1", starts=-600)
    t.at(100).restart()
    t.until(1000)
    assert "T" not in names(t)


def test_b116_a_reload_does_not_let_an_inhibited_alert_out() -> None:
    t = Timeline(ALONE)
    t.at(0).fire("S", sev="crit", cluster="c1").fire("T", sev="warn", cluster="c1")
    for when in (10, 31, 100, 331):
        t.at(when).reload()
    t.until(1000)
    assert names(t) == {"S"}


def test_a_group_with_a_muted_firing_member_is_not_reported_resolved() -> None:
    t = Timeline(TOGETHER)
    t.at(0).fire("T", sev="warn", cluster="c1").fire("B")
    t.at(100).fire("S", sev="crit", cluster="c1", alertname="elsewhere").resolve("B")
    t.until(400)
    assert t.sent[-1] == sent(330, Reason.SOME_RESOLVED, resolved="B")
    assert t.statuses[-1] is Status.FIRING


def test_why_an_inhibited_alert_was_not_sent_is_recorded_once() -> None:
    t = Timeline(ALONE)
    t.at(0).fire("S", sev="crit", cluster="c1").fire("T", sev="warn", cluster="c1")
    t.until(3000)
    quiet = [d for d in t.store.decisions if d.why_not is NotSent.INHIBITED]
    assert len(quiet) == 1
    source = t.known("S", sev="crit", cluster="c1")
    assert source is not None
    assert list(quiet[0].muted.values()) == [(f"inhibition::{source.labels.fingerprint_text}",)]


def test_who_joins_a_group_that_is_held_back_waits_for_group_wait_only() -> None:
    t = Timeline(TOGETHER)
    t.at(0).fire("S", sev="crit", cluster="c1", alertname="elsewhere").fire("T", sev="warn", cluster="c1")
    t.at(40).fire("U")
    assert t.until(1000)[1:] == [sent(70, Reason.FIRST, firing="U")]


def test_a_source_that_fires_while_a_message_is_on_its_way_counts_at_the_next_flush() -> None:
    t = Timeline(TOGETHER, answers=lambda _to, at: Answer(after=20 if at == 30 else 0))
    t.at(0).fire("T", sev="warn", cluster="c1")
    t.at(40).fire("S", sev="crit", cluster="c1", alertname="source")
    t.until(400)
    why = [(seconds(d.at), d.why_not) for d in t.store.decisions if "source" not in d.group_key]
    assert why == [(50, None), (330, NotSent.INHIBITED)]
    assert t.engine.alert_states(t.now) == {"active": 1, "suppressed": 1, "unprocessed": 0}


def test_that_the_end_of_a_source_passed_is_written_down_with_the_decision_that_rests_on_it() -> None:
    t = Timeline(ALONE)
    t.at(0).fire("T", sev="warn", cluster="c1").fire("S", sev="crit", cluster="c1", ends=150)
    t.until(100)
    # The source was told at 30 and would be looked at at 330 again; the process ends before.
    t.at(155).stop().restart(down_since=150, end_grace=15)
    ended = [(seconds(e.at), e.kind, e.alert.labels["name"]) for e in t.store.transitions[2:]]
    assert ended == [(150, Transition.EXPIRED, "S")]
    assert t.until(160) == [sent(30, Reason.FIRST, firing="S"), sent(150, Reason.FIRST, firing="T")]


def test_that_a_source_ended_while_a_message_was_tried_again_is_written_down_with_its_outcome() -> None:
    t = Timeline(TOGETHER, answers=lambda _to, at: Answer("temporary") if at < 40 else OK)
    t.at(0).fire("free", sev="other").fire("T", sev="warn", cluster="c1")
    t.fire("S", sev="crit", cluster="c1", ends=39, alertname="source")
    t.until(41)
    assert t.sent[0].firing == ("free", "T")
    t.at(44).stop().restart(down_since=41, end_grace=15)
    assert (Transition.EXPIRED, "S") in [(e.kind, e.alert.labels["name"]) for e in t.store.transitions]
