"""How alerts come in and what is made of them (`semantics.md` 11.1)."""

from __future__ import annotations

import pytest

from alertrouter.core.labels import Labels
from alertrouter.core.matcher_syntax import Mode
from alertrouter.core.reason import Reason
from alertrouter.engine.changes import Transition
from alertrouter.engine.engine import EngineSettings
from alertrouter.engine.known import Known
from tests.timeline import HOOK, Timeline, moment, seconds, sent


def known(t: Timeline, **labels: str) -> Known:
    return t.engine.known[Labels(labels)]


def ends(t: Timeline, **labels: str) -> float:
    return seconds(known(t, **labels).ends_at)


def starts(t: Timeline, **labels: str) -> float:
    return seconds(known(t, **labels).starts_at)


def test_b1_without_times_an_alert_starts_now_and_ends_after_the_resolve_timeout() -> None:
    t = Timeline()
    t.at(0).request({"labels": {"a": "1"}})
    assert (starts(t, a="1"), ends(t, a="1"), known(t, a="1").timeout) == (0, 300, True)


def test_b2_with_only_an_end_it_starts_at_its_end() -> None:
    t = Timeline()
    t.at(100)
    assert not t.request({"labels": {"a": "1"}, "endsAt": 40}).problems
    assert (starts(t, a="1"), ends(t, a="1")) == (40, 40)
    assert t.until(2000) == []


def test_b3_a_bad_alert_does_not_keep_out_the_good_ones() -> None:
    t = Timeline()
    taken = t.at(0).request(
        {"labels": {"n": "X"}}, {"labels": {"n": "Y"}, "startsAt": 10, "endsAt": 5}, {"labels": {"n": "Z"}}
    )
    assert taken.problems == ["start time must be before end time"]
    assert {each["n"] for each in t.engine.known} == {"X", "Z"}


def test_b4_empty_labels_do_not_count() -> None:
    t = Timeline()
    assert t.at(0).request({"labels": {"a": ""}}).problems == ["at least one label pair required"]
    assert not t.request({"labels": {"a": "", "b": "x"}}).problems
    assert list(t.engine.known) == [Labels({"b": "x"})]


def test_labels_are_found_by_their_identity_while_the_alert_is_known() -> None:
    t = Timeline()
    t.at(0).request({"labels": {"a": "1"}}, {"labels": {"a": "2"}})
    labels = next(iter(t.engine.known))
    assert t.engine.labels_of(labels.identity) is labels
    # Another that shares the hash under which it is looked for.
    assert t.engine.labels_of(labels.identity ^ 1 << 63) is None


def test_b5_an_empty_annotation_is_kept() -> None:
    t = Timeline()
    t.at(0).request({"labels": {"a": "1"}, "annotations": {"note": ""}})
    assert known(t, a="1").annotations == {"note": ""}


def test_b6_any_label_name_is_accepted_unless_in_classic_mode() -> None:
    odd = {"labels": {"a": "1", "00": "b", "Σ": "c", "🙂": "d"}}
    t = Timeline()
    assert not t.at(0).request(odd).problems
    assert dict(next(iter(t.engine.known))) == odd["labels"]
    t = Timeline(settings=EngineSettings(mode=Mode.CLASSIC))
    (problem,) = t.at(0).request(odd).problems
    assert "invalid label set" in problem
    assert not t.at(0).request({"labels": {"a": "Σ🙂"}}).problems


def test_b7_an_alert_may_end_as_it_starts_and_need_not_have_a_name() -> None:
    t = Timeline()
    assert not t.at(0).request({"labels": {"a": "1"}, "startsAt": 5, "endsAt": 5}).problems


def test_b8_an_alert_fires_until_its_end_and_not_at_it() -> None:
    t = Timeline()
    t.at(0).request({"labels": {"a": "1"}})
    alert = known(t, a="1").alert()
    assert not alert.resolved(moment(299.9))
    assert alert.resolved(moment(300))


def test_b9_a_heartbeat_moves_the_end() -> None:
    t = Timeline()
    t.at(0).request({"labels": {"a": "1"}})
    t.at(200).request({"labels": {"a": "1"}})
    assert ends(t, a="1") == 500


def test_b10_another_resolve_timeout_counts_from_the_next_report() -> None:
    t = Timeline()
    t.at(0).request({"labels": {"a": "1"}})
    t.at(100).reload("global: {resolve_timeout: 10m}\n" + HOOK)
    assert ends(t, a="1") == 300
    t.at(120).request({"labels": {"a": "1"}})
    assert ends(t, a="1") == 720


def test_b11_the_earlier_start_is_kept() -> None:
    t = Timeline()
    t.at(5).request({"labels": {"a": "1"}, "startsAt": 0})
    t.at(15).request({"labels": {"a": "1"}, "startsAt": 3})
    assert (starts(t, a="1"), ends(t, a="1")) == (0, 315)


def test_b12_an_earlier_start_is_taken() -> None:
    t = Timeline()
    t.at(5).request({"labels": {"a": "1"}, "startsAt": 3})
    t.at(15).request({"labels": {"a": "1"}, "startsAt": 0})
    assert starts(t, a="1") == 0


def test_b13_an_explicit_end_is_not_shortened_by_a_report_that_fires() -> None:
    t = Timeline()
    t.at(0).request({"labels": {"a": "1"}, "startsAt": 0, "endsAt": 240})
    t.at(10).request({"labels": {"a": "1"}, "startsAt": 0, "endsAt": 120, "annotations": {"v": "2"}})
    assert ends(t, a="1") == 240
    assert known(t, a="1").annotations == {"v": "2"}


def test_b13_nor_by_a_heartbeat() -> None:
    t = Timeline()
    t.at(0).request({"labels": {"a": "1"}, "startsAt": 0, "endsAt": 240})
    t.at(10).request({"labels": {"a": "1"}, "startsAt": 0, "endsAt": 120})
    assert ends(t, a="1") == 240


def test_b14_an_end_from_the_timeout_is() -> None:
    t = Timeline()
    t.at(0).request({"labels": {"a": "1"}, "startsAt": 0})
    t.at(10).request({"labels": {"a": "1"}, "startsAt": 0, "endsAt": 120})
    assert ends(t, a="1") == 120


def test_b15_a_resolve_always_shortens() -> None:
    t = Timeline()
    t.at(0).request({"labels": {"a": "1"}, "startsAt": 0, "endsAt": 100_000})
    t.at(100).request({"labels": {"a": "1"}, "startsAt": 0, "endsAt": 100})
    assert ends(t, a="1") == 100


def test_b16_of_two_resolves_the_later_end_counts() -> None:
    t = Timeline()
    t.at(0).request({"labels": {"a": "1"}, "startsAt": 0, "endsAt": 98})
    t.at(101).request({"labels": {"a": "1"}, "startsAt": 1, "endsAt": 95})
    assert (starts(t, a="1"), ends(t, a="1")) == (0, 98)
    t.at(102).request({"labels": {"a": "1"}, "startsAt": 1, "endsAt": 100})
    assert (starts(t, a="1"), ends(t, a="1")) == (0, 100)


def test_b17_annotations_are_replaced_not_united() -> None:
    t = Timeline()
    t.at(0).request({"labels": {"a": "1"}, "annotations": {"x": "1", "y": "1"}})
    t.at(1).request({"labels": {"a": "1"}, "annotations": {"x": "2"}})
    assert known(t, a="1").annotations == {"x": "2"}


def test_b18_after_its_end_an_alert_begins_a_new_episode() -> None:
    t = Timeline()
    t.at(0).request({"labels": {"a": "1"}, "startsAt": 0, "endsAt": 100})
    t.at(150).request({"labels": {"a": "1"}, "startsAt": 150})
    assert starts(t, a="1") == 150
    assert [each.kind for each in t.store.transitions] == [
        Transition.FIRED,
        Transition.EXPIRED,
        Transition.FIRED,
    ]


def test_b19_a_start_inside_the_known_range_goes_on_with_the_episode() -> None:
    t = Timeline()
    t.at(0).request({"labels": {"a": "1"}, "startsAt": 0, "endsAt": 100})
    t.at(110).request({"labels": {"a": "1"}, "startsAt": 50, "endsAt": 450})
    assert (starts(t, a="1"), ends(t, a="1")) == (0, 450)


def test_b20_the_later_of_two_in_one_request_counts() -> None:
    t = Timeline()
    t.at(0).request(
        {"labels": {"a": "1"}, "annotations": {"v": "1"}}, {"labels": {"a": "1"}, "annotations": {"v": "2"}}
    )
    assert len(t.engine.known) == 1
    assert known(t, a="1").annotations == {"v": "2"}


def test_b21_a_late_resolve_of_the_episode_before_changes_nothing() -> None:
    t = Timeline()
    t.at(150).request({"labels": {"a": "1"}, "startsAt": 100, "endsAt": 400})
    t.at(200).request({"labels": {"a": "1"}, "startsAt": 10, "endsAt": 90})
    assert (starts(t, a="1"), ends(t, a="1")) == (100, 400)


def test_b22_the_limit_per_alertname() -> None:
    t = Timeline(settings=EngineSettings(alertname_limit=2))
    t.at(0)
    for number in range(3):
        taken = t.request({"labels": {"alertname": "A", "n": str(number)}})
    assert taken.received.limited == {"A": 1}
    assert not taken.problems
    assert not t.request({"labels": {"alertname": "A", "n": "0"}}).received.limited
    assert not t.request({"labels": {"alertname": "B"}}, {"labels": {"x": "y"}}).received.limited
    assert len(t.engine.known) == 4


def test_b23_the_place_of_an_alert_that_is_over_is_free() -> None:
    t = Timeline(settings=EngineSettings(alertname_limit=1))
    t.at(0).request({"labels": {"alertname": "A", "n": "X"}, "endsAt": 50, "startsAt": 0})
    assert t.at(40).request({"labels": {"alertname": "A", "n": "Y"}}).received.limited == {"A": 1}
    assert not t.at(51).request({"labels": {"alertname": "A", "n": "Y"}}).received.limited


def test_b24_a_collected_alert_is_new_when_it_comes_again() -> None:
    t = Timeline()
    t.at(0).fire("A")
    t.at(100).resolve("A")
    t.at(1700).fire("A", starts=1700)
    t.at(1710).resolve("A")
    t.at(3600).collect()
    assert t.known("A") is None
    kinds = [each.kind for each in t.store.transitions]
    assert kinds[-1] is Transition.COLLECTED
    t.at(3700).fire("A")
    assert t.store.transitions[-1].kind is Transition.FIRED


def test_b25_firing_resolved_and_bad_alerts_are_counted() -> None:
    t = Timeline()
    taken = t.at(100).request(
        {"labels": {"a": "1"}, "startsAt": 0, "endsAt": 50},
        {"labels": {"a": "2"}},
        {"labels": {"a": "3"}, "startsAt": 1, "endsAt": 0},
    )
    assert (taken.firing, taken.resolved, len(taken.problems)) == (1, 2, 1)


@pytest.mark.parametrize(
    ("change", "counts", "so_does_the_next"),
    [
        ({}, True, True),
        ({"annotations": {"summary": "other"}}, False, False),
        ({"generatorURL": "http://other/"}, False, False),
        ({"startsAt": 3}, False, True),
        # Another replica saw it later; it began when the first one did.
        ({"startsAt": 7}, True, True),
    ],
)
def test_only_a_report_that_says_nothing_new_but_a_later_end_is_a_heartbeat(
    change: dict[str, object], counts: bool, so_does_the_next: bool
) -> None:
    t = Timeline()
    alert = {"labels": {"a": "1"}, "startsAt": 5, "endsAt": 300, "generatorURL": "http://p/"}
    t.at(10).request(alert)
    assert bool(t.at(20).request({**alert, "endsAt": 310, **change}).changes) is not counts
    # Twice, so that the second finds what the first left behind.
    assert bool(t.at(30).request({**alert, "endsAt": 320}).changes) is not so_does_the_next
    assert ends(t, a="1") == 320
    assert starts(t, a="1") == (3 if change == {"startsAt": 3} else 5)


def test_a_heartbeat_is_remembered_when_asked_for() -> None:
    t = Timeline()
    alert = {"labels": {"a": "1"}, "startsAt": 5, "endsAt": 300}
    t.at(10).request(alert)
    assert not t.at(20).request({**alert, "endsAt": 400}).changes
    assert [each.ends_at for each in t.engine.take_moved()] == [moment(400)]
    assert not list(t.engine.take_moved())


def test_the_same_bytes_after_an_alert_was_collected_make_it_anew() -> None:
    t = Timeline()
    t.at(0).request({"labels": {"a": "1"}, "startsAt": 0, "endsAt": 10})
    t.at(100).collect()
    assert not t.engine.known
    t.request({"labels": {"a": "1"}, "startsAt": 0, "endsAt": 1000})
    assert ends(t, a="1") == 1000


def test_a_resolve_and_a_refire_in_the_same_bytes_are_seen() -> None:
    t = Timeline(HOOK.replace("group_by: [alertname]", "group_by: [name]"))
    alert = {"labels": {"name": "A"}, "startsAt": 0, "endsAt": 9000}
    t.at(0).request(alert)
    t.at(60).request(alert)
    t.at(100).request({**alert, "endsAt": 100})
    t.at(400).request({**alert, "startsAt": 400})
    t.until(1000)
    assert t.sent == [
        sent(30, Reason.FIRST, firing="A"),
        sent(330, Reason.ALL_RESOLVED, resolved="A"),
        sent(430, Reason.FIRST, firing="A"),
    ]
