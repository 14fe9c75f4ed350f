"""The samples that evaluations write (`rules.md` R109 to R111)."""

from __future__ import annotations

import math
import struct

import pytest

from alertrouter.core.time import MINUTE, SECOND
from alertrouter.rules.live_rule import Health
from alertrouter.rules.ports import STALE, is_stale
from alertrouter.templating.rule_functions import Histogram, Sample
from tests.rules.story import START, Story, alerting, recording, sample, unreachable, while_minutes


def test_the_end_of_a_series_has_bits_of_its_own() -> None:
    assert struct.pack(">d", STALE).hex() == "7ff0000000000002"
    assert is_stale(STALE)
    assert not is_stale(math.nan)
    assert not is_stale(1.0)


def test_a_series_that_is_gone_is_ended_once() -> None:  # R109
    story = Story(recording(), writes=True)
    story.answer(while_minutes((0, 0), job="a"), "sum(up)")
    story.evaluate(0, 2)
    assert story.written(0) == {"job:up{job=a}": 1}
    assert story.written(1) == {"job:up{job=a}": "stale"}
    assert story.written(2) == {}


def test_a_failure_ends_nothing() -> None:  # R110
    story = Story(recording(), alerting(), writes=True)
    for expression in ("sum(up)", "up == 0"):
        story.answer(
            lambda minute: unreachable() if minute == 1 else while_minutes((0, 0))(minute), expression
        )
    story.evaluate(0, 1)
    assert story.written(1) == {}
    story.evaluate(2)
    assert story.written(2) == {
        "job:up{}": "stale",
        "ALERTS{alertname=Down,alertstate=firing}": "stale",
        "ALERTS_FOR_STATE{alertname=Down}": "stale",
    }


def test_alerts_are_series_of_their_state() -> None:  # R111
    story = Story(alerting(hold=5 * MINUTE), writes=True)
    story.answer(while_minutes((0, 6), instance="a"))
    story.evaluate(0, 8)
    pending = "ALERTS{alertname=Down,alertstate=pending,instance=a}"
    firing = "ALERTS{alertname=Down,alertstate=firing,instance=a}"
    active = "ALERTS_FOR_STATE{alertname=Down,instance=a}"
    assert story.written(4) == {pending: 1, active: START // SECOND}
    assert story.written(5) == {firing: 1, active: START // SECOND, pending: "stale"}
    assert story.written(6) == {firing: 1, active: START // SECOND}
    assert story.written(7) == {firing: "stale", active: "stale"}
    assert story.written(8) == {}


def test_kept_alerts_go_on_as_series() -> None:
    story = Story(alerting(keep=2 * MINUTE), writes=True)
    story.answer(while_minutes((0, 0)))
    story.evaluate(0, 2)
    assert story.written(2)["ALERTS{alertname=Down,alertstate=firing}"] == 1


def test_a_label_called_alertstate_gives_way() -> None:
    story = Story(alerting(labels={"alertstate": "mine"}), writes=True)
    story.answer([sample()])
    story.evaluate(0)
    assert set(story.written(0)) == {
        "ALERTS{alertname=Down,alertstate=firing}",
        "ALERTS_FOR_STATE{alertname=Down,alertstate=mine}",
    }


def test_samples_are_of_the_moment_that_was_asked_for() -> None:  # R10
    story = Story(recording(), alerting(), writes=True, query_offset=MINUTE)
    story.answer([sample()], "sum(up)")
    story.answer([sample()])
    story.evaluate(5)
    assert {at for _, at in story.backend.asked} == {4}
    assert len(story.written(4)) == 3
    assert len(story.points) == 3
    assert (story.sent[0].starts, story.written(4)["ALERTS_FOR_STATE{alertname=Down}"]) == (
        5,
        (START + 5 * MINUTE) // SECOND,
    )


def test_an_empty_label_of_a_recording_rule_removes_it() -> None:
    story = Story(recording(job="", zone="a"), writes=True)
    story.answer([sample(job="x", __name__="up")], "sum(up)")
    story.evaluate(0)
    assert story.written(0) == {"job:up{zone=a}": 1}


def test_recorded_series_with_the_same_labels_are_an_error() -> None:
    story = Story(recording(job="all"), writes=True)
    story.answer([sample(job="a"), sample(job="b")], "sum(up)")
    story.evaluate(0)
    assert story.rule().last_error == (
        "vector contains metrics with the same labelset after applying rule labels"
    )
    assert story.points == []


def test_too_many_recorded_series_are_an_error() -> None:
    story = Story(recording(), writes=True, limit=2)
    story.answer([sample(job=name) for name in "abc"], "sum(up)")
    story.evaluate(0)
    assert story.rule().last_error == "exceeded limit of 2 with 3 series"
    assert story.points == []


def test_a_recorded_native_histogram_is_left_out_and_that_is_told(caplog: pytest.LogCaptureFixture) -> None:
    story = Story(recording(), writes=True)
    story.answer([Sample({"job": "a"}, Histogram("{count:1}")), sample(job="b")], "sum(up)")
    story.evaluate(0, 2)
    assert story.written(0) == {"job:up{job=b}": 1}
    assert story.rule().health is Health.OK
    [warning] = story.rule().warnings
    assert warning.startswith("1 native histograms were not recorded: ")
    assert story.live.counts.left_out == 3
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "Native histograms are not recorded"
    ]
    story.answer([sample(job="b")], "sum(up)")
    story.evaluate(3)
    assert story.rule().warnings == ()


def test_without_anywhere_to_write_recording_rules_are_not_evaluated() -> None:
    story = Story(recording(), alerting())
    story.evaluate(0)
    assert story.backend.asked == [("up == 0", 0)]
    assert story.rule(0).health is Health.UNKNOWN


def test_what_a_rule_reads_is_written_first() -> None:
    story = Story(
        recording("a:b", "x"),
        recording("c:d", "y"),
        alerting("A", "a:b > 1"),
        alerting("B", "z"),
        writes=True,
    )
    story.answer([sample()], "x")
    story.answer([sample()], "y")
    story.evaluate(0)
    assert [expression for expression, _ in story.backend.asked] == ["x", "y", "a:b > 1", "z"]
    assert story.flushed == [2]


def test_series_of_rules_that_are_gone_are_ended_at_the_next_evaluation() -> None:
    story = Story(recording(), alerting(), writes=True)
    story.answer([sample()], "sum(up)")
    story.answer([sample()])
    story.evaluate(0)
    story.reload(recording("job:up2"))
    story.evaluate(1)
    assert story.written(1) == {
        "job:up{}": "stale",
        "ALERTS{alertname=Down,alertstate=firing}": "stale",
        "ALERTS_FOR_STATE{alertname=Down}": "stale",
        "job:up2{}": 1,
    }
