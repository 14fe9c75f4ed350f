"""What silences keep back, and what edits make of them (`semantics.md` 11.7)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alertrouter.core.alert import Status
from alertrouter.core.matcher_syntax import Mode, parse_matchers
from alertrouter.core.reason import NotSent, Reason
from alertrouter.core.silence import InvalidSilence, SilenceNotFound, SilenceState, list_order
from alertrouter.core.time import HOUR
from alertrouter.engine.engine import EngineSettings
from tests.timeline import HOOK, Answer, Timeline, moment, sent


def test_b117_a_silence_shows_at_once_and_acts_at_the_next_flush() -> None:
    t = Timeline()
    t.at(0).fire("A")
    silence = t.at(100).silence('name="A"', ends=5000)
    known = t.known("A")
    assert known is not None
    assert t.engine.silenced_by(known, t.now) == (silence,)
    assert t.until(1000) == [sent(30, Reason.FIRST, firing="A")]


def test_b118_a_group_silenced_from_the_start_is_announced_when_the_silence_ends() -> None:
    t = Timeline()
    t.at(0).silence('name="A"', ends=400)
    t.fire("A")
    sents = t.until(1000)
    assert [(s.reason, s.firing) for s in sents] == [(Reason.FIRST, ("A",))]
    assert 400 <= sents[0].at <= 430


def test_b118_strictly_compatible_it_waits_for_the_group_interval() -> None:
    t = Timeline(settings=EngineSettings(compat_strict=True))
    t.at(0).silence('name="A"', ends=400)
    t.fire("A")
    assert t.until(1000) == [sent(630, Reason.FIRST, firing="A")]


def test_b118_the_interval_counts_from_the_late_first_flush() -> None:
    t = Timeline()
    t.at(0).silence('name="A"', ends=400)
    t.fire("A")
    t.at(450).fire("B")
    first, second = t.until(1000)
    assert second.at == first.at + 300


def test_b119_a_member_announced_before_its_silence_is_not_repeated_after_it() -> None:
    t = Timeline()
    t.at(0).fire("A").fire("B")
    t.at(100).silence('name="A"', ends=700)
    assert t.until(3000) == [sent(30, Reason.FIRST, firing="AB")]


def test_b120_a_message_in_between_makes_the_silenced_member_new_again() -> None:
    t = Timeline()
    t.at(0).fire("A").fire("B")
    t.at(100).silence('name="A"', ends=700)
    t.at(110).fire("C")
    assert t.until(3000) == [
        sent(30, Reason.FIRST, firing="AB"),
        sent(330, Reason.NEW_ALERTS, firing="BC"),
        sent(930, Reason.NEW_ALERTS, firing="ABC"),
    ]


def test_b121_a_resolve_during_the_silence_is_told_after_it() -> None:
    t = Timeline()
    t.at(0).fire("A")
    t.at(100).silence('name="A"', ends=400)
    t.at(200).resolve("A")
    assert t.until(1000) == [
        sent(30, Reason.FIRST, firing="A"),
        sent(630, Reason.ALL_RESOLVED, resolved="A"),
    ]
    assert t.group() is None


def test_b121_a_receiver_may_want_to_hear_of_resolves_during_the_silence() -> None:
    t = Timeline(HOOK + "        alertrouter: {announce_muted_resolves: true}\n")
    t.at(0).fire("A")
    t.at(100).silence('name="A"', ends=4000)
    t.at(200).resolve("A")
    assert t.until(1000)[1:] == [sent(330, Reason.ALL_RESOLVED, resolved="A")]


def test_a_resolve_owed_survives_messages_in_between_and_a_restart() -> None:
    t = Timeline()
    t.at(0).fire("A").fire("B")
    t.at(100).silence('name="A"', ends=1000)
    t.at(110).resolve("A").fire("C")
    t.at(400).collect()
    t.at(500).restart()
    assert t.until(2000) == [
        sent(30, Reason.FIRST, firing="AB"),
        sent(330, Reason.NEW_ALERTS, firing="BC"),
        sent(1230, Reason.SOME_RESOLVED, firing="BC", resolved="A"),
    ]


def test_b122_an_alert_that_fires_again_after_its_silence_is_told() -> None:
    t = Timeline()
    t.at(0).fire("A")
    t.at(100).silence('name="A"', ends=400)
    t.at(200).resolve("A")
    t.at(700).fire("A")
    assert t.until(1000)[2:] == [sent(730, Reason.FIRST, firing="A")]


def test_b123_while_a_silenced_member_fires_not_all_is_resolved() -> None:
    t = Timeline()
    t.at(0).fire("A").fire("B")
    t.at(100).silence('name="A"', ends=5000)
    t.at(110).resolve("B")
    assert t.until(400)[1:] == [sent(330, Reason.SOME_RESOLVED, resolved="B")]
    assert t.statuses[1] is Status.FIRING


def test_b124_after_deleting_a_silence_the_table_decides() -> None:
    t = Timeline()
    t.at(0).fire("A")
    silence = t.at(100).silence('name="A"', ends=50_000)
    t.at(350).expire(silence)
    assert t.until(14_430) == [sent(30, Reason.FIRST, firing="A"), sent(14_430, Reason.REPEAT, firing="A")]


def test_b124_deleting_the_silence_of_a_group_never_announced_lets_it_out() -> None:
    t = Timeline()
    silence = t.at(0).silence('name="A"', ends=50_000)
    t.fire("A")
    t.at(350).expire(silence)
    (message,) = t.until(1000)
    assert 350 <= message.at <= 380


def test_b125_a_pending_silence_mutes_only_in_its_time() -> None:
    t = Timeline(HOOK.replace("repeat_interval: 4h", "repeat_interval: 5m"))
    t.at(0).silence('name="A"', starts=200, ends=400)
    t.fire("A")
    assert t.until(700) == [sent(30, Reason.FIRST, firing="A"), sent(630, Reason.REPEAT, firing="A")]


def test_b126_a_start_in_the_past_becomes_now() -> None:
    t = Timeline()
    silence = t.at(100).silence('name="A"', starts=50, ends=200)
    assert silence.starts_at == moment(100)
    assert silence.id


@pytest.mark.parametrize(
    "change", [{"comment": "other"}, {"annotations": {"ticket": "1"}}, {"created_by": "you"}]
)
def test_b127_b128_texts_and_end_change_in_place(change: dict[str, object]) -> None:
    t = Timeline()
    first = t.at(100).silence('name="A"', ends=200)
    second = t.at(110).silence('name="A"', starts=100.4, ends=900, id=first.id, **change)
    assert second.id == first.id
    assert (second.updated_at, second.ends_at) == (moment(110), moment(900))
    assert len(t.engine.silences) == 1


def test_b129_other_matchers_make_a_successor() -> None:
    t = Timeline()
    first = t.at(100).silence('name="A"', ends=900)
    second = t.at(110).silence('name="B"', starts=100, ends=900, id=first.id)
    assert second.id != first.id
    assert t.engine.silences[first.id].ends_at == moment(110)
    assert set(t.engine.silences) == {first.id, second.id}


def test_b130_another_start_makes_a_successor_of_an_active_silence() -> None:
    t = Timeline()
    first = t.at(100).silence('name="A"', ends=900)
    second = t.at(110).silence('name="A"', starts=98, ends=900, id=first.id)
    assert second.id != first.id
    assert t.engine.silences[first.id].ends_at == moment(110)


def test_b131_a_pending_silence_may_move_within_the_future() -> None:
    t = Timeline()
    first = t.at(100).silence('name="A"', starts=500, ends=900)
    assert t.at(110).silence('name="A"', starts=300, ends=900, id=first.id).id == first.id
    assert t.at(120).silence('name="A"', starts=50, ends=900, id=first.id).id != first.id


def test_b132_an_expired_silence_stays_and_an_unknown_one_is_not_found() -> None:
    t = Timeline()
    first = t.at(100).silence('name="A"', ends=200)
    second = t.at(300).silence('name="A"', ends=900, id=first.id)
    assert second.id != first.id
    assert t.engine.silences[first.id] == first
    with pytest.raises(SilenceNotFound):
        t.silence('name="A"', ends=900, id="11111111-1111-4111-8111-111111111111")


@pytest.mark.parametrize("matchers", ["", 'a=""', 'b=~".*"', 'a="",b=~".*"'])
def test_b133_matchers_that_match_everything_are_refused(matchers: str) -> None:
    t = Timeline()
    with pytest.raises(InvalidSilence, match=r"^invalid silence: "):
        t.at(0).silence(matchers, ends=100)
    assert not t.engine.silences


def test_b133_a_negative_matcher_alone_is_enough() -> None:
    t = Timeline()
    assert t.at(0).silence('a!="x"', ends=100).id


def test_b134_expiring() -> None:
    t = Timeline()
    pending = t.at(100).silence('name="A"', starts=500, ends=900)
    over = t.silence('name="A"', ends=200)
    t.at(300).expire(pending).expire(over)
    now = t.engine.silences
    assert (now[pending.id].starts_at, now[pending.id].ends_at) == (moment(300), moment(300))
    assert now[pending.id].shown_state(t.now) is SilenceState.EXPIRED
    assert now[over.id] == over
    with pytest.raises(SilenceNotFound):
        t.engine.expire_silence("nobody", t.now)


def test_b135_the_count_limit() -> None:
    t = Timeline(settings=EngineSettings(max_silences=1))
    first = t.at(0).silence('name="A"', ends=900)
    with pytest.raises(InvalidSilence, match=r"exceeded maximum number of silences: 1 \(limit: 1\)"):
        t.silence('name="B"', ends=900)
    assert t.silence('name="A"', starts=0, ends=950, id=first.id).id == first.id
    with pytest.raises(InvalidSilence):
        t.silence('name="B"', ends=900, id=first.id)
    assert t.engine.silences[first.id].state(t.now) is SilenceState.ACTIVE


def test_b136_the_size_limit() -> None:
    t = Timeline(settings=EngineSettings(max_silence_size=400))
    first = t.at(0).silence('name="A"', ends=900)
    with pytest.raises(
        InvalidSilence, match=r"silence exceeded maximum size: \d+ bytes \(limit: 400 bytes\)"
    ):
        t.silence('name="A"', starts=0, ends=900, id=first.id, comment="x" * 400)
    assert t.engine.silences[first.id] == first


def test_b137_an_ended_silence_is_kept_for_its_retention() -> None:
    t = Timeline(settings=EngineSettings(retention=HOUR))
    silence = t.at(0).silence('name="A"', ends=400)
    t.at(3999).collect()
    assert silence.id in t.engine.silences
    t.at(4000).collect()
    assert not t.engine.silences


def test_b138_any_of_several_matcher_sets_silences() -> None:
    t = Timeline()
    sets = tuple(parse_matchers(text, Mode.FALLBACK).matchers for text in ('name="A"', 'name="B",x="1"'))
    t.at(0).silence('name="A"', ends=900, matcher_sets=sets)
    t.fire("A").fire("B").fire("B", x="1").fire("C")
    assert t.until(100) == [sent(30, Reason.FIRST, firing="BC")]


def test_b139_all_active_silences_are_named() -> None:
    t = Timeline()
    one = t.at(0).silence('name="A"', ends=900)
    two = t.silence('alertname="test"', ends=900)
    t.silence('alertname="test"', starts=500, ends=900)
    t.fire("A")
    known = t.known("A")
    assert known is not None
    assert {silence.id for silence in t.engine.silenced_by(known, t.now)} == {one.id, two.id}


def test_b140_silences_are_listed_active_pending_expired() -> None:
    t = Timeline()
    expired_early = t.at(0).silence('n="1"', ends=10)
    expired_late = t.silence('n="2"', ends=20)
    late = t.silence('n="3"', ends=900)
    early = t.silence('n="4"', ends=500)
    pending_late = t.silence('n="5"', starts=400, ends=900)
    pending_early = t.silence('n="6"', starts=300, ends=900)
    t.at(100)
    listed = sorted(t.engine.silences.values(), key=lambda s: list_order(s, t.now))
    assert listed == [early, late, pending_early, pending_late, expired_late, expired_early]


def test_b141_a_silence_survives_a_restart() -> None:
    t = Timeline()
    silence = t.at(0).silence('name="A"', ends=5000)
    t.restart()
    t.fire("A")
    assert t.engine.silences[silence.id] == silence
    assert t.until(1000) == []


def test_b142_classic_mode_refuses_names_beyond_ascii() -> None:
    t = Timeline(settings=EngineSettings(mode=Mode.CLASSIC))
    odd = (parse_matchers('"fooΣ"="bar"', Mode.UTF8).matchers,)
    with pytest.raises(InvalidSilence, match=r"^invalid silence: "):
        t.at(0).silence('name="A"', ends=100, matcher_sets=odd)
    t = Timeline()
    assert t.at(0).silence('name="A"', ends=100, matcher_sets=odd).matcher_sets == odd


def test_b143_each_change_of_a_silence_is_told_for_the_log() -> None:
    t = Timeline()
    first = t.at(0).silence('name="A"', ends=900)
    _, changes = t.engine.save_silence(
        replace(first, matcher_sets=(parse_matchers('name="B"', Mode.FALLBACK).matchers,)),
        t.now,
        "22222222-2222-4222-8222-222222222222",
    )
    assert [change.action for change in changes.silences] == ["expired", "created"]


def test_why_a_silenced_alert_was_not_sent_is_recorded_with_the_silence() -> None:
    t = Timeline()
    silence = t.at(0).silence('name="A"', ends=5000)
    t.fire("A")
    t.until(3000)
    (record,) = t.store.decisions
    assert record.why_not is NotSent.SILENCED
    assert list(record.muted.values()) == [(f"silence:{silence.id}",)]
    assert t.suppressed["silence"] >= 1


def test_a_silence_made_while_a_message_is_on_its_way_acts_at_the_next_flush() -> None:
    t = Timeline(answers=lambda _to, _at: Answer(after=20))
    t.at(0).fire("A")
    silence = t.at(40).silence('name="A"', ends=5000)
    t.until(340)
    assert t.sent == [sent(50, Reason.FIRST, firing="A")]
    assert t.engine.alert_states(t.now) == {"active": 0, "suppressed": 1, "unprocessed": 0}
    assert list(t.store.decisions[-1].muted.values()) == [(f"silence:{silence.id}",)]


def test_each_alert_that_a_silence_comes_to_cover_is_recorded_once() -> None:
    t = Timeline()
    silence = t.at(0).silence('name=~"A|B"', ends=5000)
    t.fire("A")
    t.at(400).fire("B")
    t.until(3000)
    a, b = (known.labels.identity for known in t.engine.known.values())
    by = (f"silence:{silence.id}",)
    assert [dict(record.muted) for record in t.store.decisions] == [{a: by}, {b: by}]


def test_an_alert_that_is_free_again_and_was_told_of_before_is_recorded() -> None:
    t = Timeline()
    t.at(0).fire("A").fire("B")
    silence = t.at(100).silence('name="A"', ends=500)
    t.until(1000)
    a = next(known.labels.identity for known in t.engine.known.values() if known.labels["name"] == "A")
    assert [(record.why_not, dict(record.muted), dict(record.left_out)) for record in t.store.decisions] == [
        (None, {}, {}),
        (NotSent.DEDUPLICATED, {a: (f"silence:{silence.id}",)}, {}),
        (NotSent.DEDUPLICATED, {}, {a: NotSent.DEDUPLICATED}),
    ]
