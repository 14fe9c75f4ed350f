"""The state machine of alerting rules, minute by minute (`rules.md` R13 to R37)."""

from __future__ import annotations

import pytest

from alertrouter.core.rule_state import AlertState
from alertrouter.core.time import MINUTE, SECOND
from alertrouter.rules.live_rule import Health
from alertrouter.rules.options import Options
from tests.rules.story import Story, alerting, minutes, sample, while_minutes


def story_of(*spans: tuple[float, float], **rule: int) -> Story:
    story = Story(alerting(**rule))  # type: ignore[arg-type]
    story.answer(while_minutes(*spans, instance="a"))
    return story


def test_without_for_an_alert_fires_at_once() -> None:  # R13
    story = story_of((0, 0))
    story.evaluate(0)
    assert story.states() == ["firing"]
    assert [(each.at, each.starts, each.ends) for each in story.sent] == [(0, 0, 4)]
    assert story.sent[0].labels == {"alertname": "Down", "instance": "a"}


def test_with_for_an_alert_is_pending_first_and_nobody_is_told() -> None:  # R14
    story = story_of((0, 99), hold=5 * MINUTE)
    for minute in range(5):
        story.evaluate(minute)
        assert story.states() == ["pending"]
        assert minutes(story.alert().active_at) == 0
    assert story.sent == []
    story.evaluate(5)
    assert story.states() == ["firing"]
    assert [(each.at, each.starts) for each in story.sent] == [(5, 5)]
    assert minutes(story.alert().active_at) == 0


def test_for_ends_with_the_evaluation_after_it() -> None:  # R15
    story = story_of((0, 99), hold=90 * SECOND)
    story.evaluate(0, 1)
    assert story.states() == ["pending"]
    story.evaluate(2)
    assert story.states() == ["firing"]


def test_a_for_below_the_interval_lasts_one_interval() -> None:  # R16
    story = Story(alerting(hold=15 * SECOND), interval=30 * SECOND)
    story.answer(while_minutes((0, 99)))
    story.evaluate(0)
    assert story.states() == ["pending"]
    story.evaluate(0.5)
    assert story.states() == ["firing"]


def test_a_pending_alert_vanishes_silently_and_begins_anew() -> None:  # R17
    story = story_of((0, 2), (4, 99), hold=5 * MINUTE)
    story.evaluate(0, 3)
    assert story.rule().alerts == {}
    assert story.rows == {}
    story.evaluate(4)
    assert minutes(story.alert().active_at) == 4
    story.evaluate(5, 8)
    assert story.states() == ["pending"]
    assert story.sent == []
    story.evaluate(9)
    assert story.states() == ["firing"]


def test_a_firing_alert_whose_series_is_gone_is_resolved_at_once() -> None:  # R18
    story = story_of((0, 9))
    story.evaluate(0, 10)
    assert story.states() == []
    assert story.alert().state is AlertState.RESOLVED
    last = story.sent[-1]
    assert (last.at, last.starts, last.ends) == (10, 0, 10)


def test_a_resolved_alert_is_told_again_for_a_quarter_of_an_hour() -> None:  # R19
    story = story_of((0, 9))
    story.evaluate(0, 40)
    assert [(each.at, each.ends) for each in story.sent if each.at >= 10] == [
        (at, 10) for at in (10, 12, 14, 16, 18, 20, 22, 24)
    ]


def test_a_resolved_alert_that_returns_begins_anew() -> None:  # R20
    story = story_of((0, 9), (12, 99))
    story.evaluate(0, 12)
    last = story.sent[-1]
    assert (last.at, last.starts, last.ends) == (12, 12, 16)
    assert minutes(story.alert().active_at) == 12
    assert story.alert().resolved_at is None


def test_keep_firing_for_holds_an_alert_whose_series_is_gone() -> None:  # R21
    story = story_of((0, 9), keep=5 * MINUTE)
    story.evaluate(0, 9)
    for minute in range(10, 15):
        story.evaluate(minute)
        assert story.states() == ["firing"]
        assert minutes(story.alert().keep_firing_since or 0) == 10
    assert [(each.at, each.ends) for each in story.sent if each.at >= 10] == [(10, 14), (12, 16), (14, 18)]
    story.evaluate(15)
    assert story.states() == []
    assert (story.sent[-1].at, story.sent[-1].ends) == (15, 15)


def test_keep_firing_for_begins_anew_after_the_series_was_there() -> None:  # R22
    story = story_of((0, 9), (13, 13), keep=5 * MINUTE)
    story.evaluate(0, 13)
    assert story.alert().keep_firing_since is None
    story.evaluate(14)
    assert minutes(story.alert().keep_firing_since or 0) == 14
    story.evaluate(15, 18)
    assert story.states() == ["firing"]
    story.evaluate(19)
    assert story.states() == []


def test_keep_firing_for_keeps_no_pending_alert() -> None:  # R23
    story = story_of((0, 1), hold=5 * MINUTE, keep=5 * MINUTE)
    story.evaluate(0, 2)
    assert story.rule().alerts == {}


def test_a_kept_alert_says_what_it_said_when_it_was_seen_last() -> None:  # R24
    story = Story(alerting(keep=5 * MINUTE, annotations={"summary": "it is {{ $value }}"}))
    story.answer(lambda minute: [sample(minute)] if minute <= 9 else [])
    story.evaluate(0, 12)
    assert story.sent[-1].at == 12
    assert story.sent[-1].annotations == {"summary": "it is 9"}
    assert story.alert().value == 9


def test_keep_firing_for_below_the_interval_lasts_one_interval() -> None:  # R25
    story = story_of((0, 9), keep=30 * SECOND)
    story.evaluate(0, 10)
    assert story.states() == ["firing"]
    story.evaluate(11)
    assert story.states() == []


def test_a_longer_for_puts_a_firing_alert_back() -> None:  # R26
    story = story_of((0, 99), hold=5 * MINUTE)
    story.evaluate(0, 6)
    assert story.states() == ["firing"]
    told = len(story.sent)
    story.reload(alerting(hold=10 * MINUTE))
    story.evaluate(7)
    assert story.states() == ["pending"]
    story.evaluate(8, 9)
    assert len(story.sent) == told
    story.evaluate(10)
    assert (story.sent[-1].at, story.sent[-1].starts) == (10, 10)


def test_a_shorter_for_lets_a_pending_alert_fire() -> None:  # R27
    story = story_of((0, 99), hold=10 * MINUTE)
    story.evaluate(0, 6)
    story.reload(alerting(hold=5 * MINUTE))
    story.evaluate(7)
    assert story.states() == ["firing"]
    assert story.sent[-1].starts == 7


def test_another_value_is_the_same_alert() -> None:  # R28
    story = Story(alerting(annotations={"summary": "it is {{ $value }}"}))
    story.answer(lambda minute: [sample(1 if minute < 2 else 2)])
    story.evaluate(0, 2)
    assert [(each.at, each.starts, each.annotations["summary"]) for each in story.sent] == [
        (0, 0, "it is 1"),
        (2, 0, "it is 2"),
    ]


def test_a_value_in_a_label_makes_another_alert() -> None:  # R29
    story = Story(alerting(labels={"v": "{{ $value }}"}))
    story.answer(lambda minute: [sample(1 if minute == 0 else 2)])
    story.evaluate(0, 1)
    assert [(each.labels["v"], each.at, each.starts, each.ends) for each in story.sent] == [
        ("1", 0, 0, 4),
        ("1", 1, 0, 1),
        ("2", 1, 1, 5),
    ]


def test_a_resolved_alert_is_forgotten_after_more_than_a_quarter_of_an_hour() -> None:  # R30
    story = story_of((0, 9))
    story.evaluate(0, 25)
    assert len(story.rule().alerts) == 1
    story.evaluate(26)
    assert story.rule().alerts == {}
    assert story.rows == {}


def test_a_rule_is_in_the_highest_state_of_its_alerts() -> None:  # R31
    story = Story(alerting(hold=2 * MINUTE))
    assert story.rule().health is Health.UNKNOWN
    assert story.rule().state is None
    story.answer(lambda minute: [sample(i=name) for name in ("abc" if minute else "a")])
    story.evaluate(0, 2)
    assert sorted(story.states()) == ["firing", "pending", "pending"]
    assert story.rule().state is AlertState.FIRING
    story.answer([])
    story.evaluate(3)
    assert story.rule().state is None


@pytest.mark.parametrize(
    ("interval", "resend", "until", "at", "validity"),
    [
        (1, 1, 4, [0, 2, 4], 4),  # R32: equality with the delay is not enough
        (0.5, 1, 3, [0, 1.5, 3], 4),  # R33
        (0.25, 1, 2.5, [0, 1.25, 2.5], 4),  # R34
        (5, 1, 10, [0, 5, 10], 20),  # R35
        (1, 5, 12, [0, 6, 12], 20),  # R36
    ],
)
def test_a_firing_alert_is_told_again(
    interval: float, resend: float, until: float, at: list[float], validity: float
) -> None:
    story = Story(
        alerting(),
        interval=round(interval * MINUTE),
        options=Options(resend_delay=round(resend * MINUTE)),
    )
    story.answer(while_minutes((0, 99)))
    story.evaluate(0, until, interval)
    assert story.times() == at
    assert all(each.ends == each.at + validity for each in story.sent)
    assert {each.starts for each in story.sent} == {0}


def test_pending_alerts_are_never_told() -> None:  # R37
    story = story_of(*[(at, at + 3) for at in range(0, 60, 6)], hold=5 * MINUTE)
    story.evaluate(0, 60)
    assert story.sent == []


def test_a_link_leads_to_the_expression() -> None:  # R46
    story = Story(
        alerting(expression="up > 0 # all of them\n"),
        options=Options(external_url="http://e/p"),
    )
    story.answer([sample()], "up > 0 # all of them\n")
    story.evaluate(0)
    assert story.sent[0].link == "http://e/p/graph?g0.expr=up+%3E+0&g0.tab=1"


def test_a_hash_in_a_string_is_no_comment() -> None:
    expression = 'up{a="#1"} == 0'
    story = Story(alerting(expression=expression))
    story.answer([sample()], expression)
    story.evaluate(0)
    assert story.sent[0].link == "/graph?g0.expr=up%7Ba%3D%22%231%22%7D+%3D%3D+0&g0.tab=1"
