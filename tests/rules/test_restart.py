"""Going on after a restart (`rules.md` R99 to R108)."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from alertrouter.core.time import MINUTE, SECOND, Duration
from alertrouter.rules.model import AlertingRule, Dialect
from alertrouter.rules.options import Options
from alertrouter.rules.ports import Answer
from alertrouter.rules.restore import AfterPause
from alertrouter.templating.rule_functions import Sample
from tests.rules.story import (
    START,
    Result,
    Story,
    alerting,
    minutes,
    restarted,
    sample,
    unreachable,
    while_minutes,
)


def test_who_fired_goes_on_firing() -> None:  # R99
    story = Story(alerting(hold=5 * MINUTE))
    story.answer(while_minutes((0, 99), instance="a"))
    story.evaluate(0, 10)
    after = restarted(story, alerting(hold=5 * MINUTE), last=10)
    assert after.states() == ["firing"]
    after.evaluate(12, 14)
    assert [(each.at, each.starts, each.ends) for each in after.sent] == [(12, 5, 16), (14, 5, 18)]


def test_what_resolved_meanwhile_is_told() -> None:  # R100
    story = Story(alerting(annotations={"summary": "{{ $value }}"}))
    story.answer(while_minutes((0, 10)))
    story.evaluate(0, 10)
    after = restarted(story, alerting(annotations={"summary": "{{ $value }}"}), last=10)
    after.evaluate(12)
    assert [(each.at, each.starts, each.ends) for each in after.sent] == [(12, 0, 12)]
    assert after.sent[0].annotations == {"summary": "1"}


def test_nothing_resolves_when_the_backend_is_away_after_a_restart() -> None:
    story = Story(alerting(), options=Options())
    story.answer(lambda minute: unreachable() if minute > 10 else [sample()])
    story.evaluate(0, 10)
    after = restarted(story, alerting(), last=10)
    after.evaluate(12, 13)
    assert after.states() == ["firing"]
    assert [(each.at, each.starts, each.ends) for each in after.sent] == [(12, 0, 16)]


@pytest.mark.parametrize(
    ("policy", "fires"), [(AfterPause.PAUSE, 35), (AfterPause.COUNT, 30), (AfterPause.RESET, 46)]
)
def test_a_pause_and_for(policy: AfterPause, fires: int) -> None:  # R101
    # Down from minute 10 to 15: the slots 11 to 15 are missed, the next is 16.
    rule = alerting(hold=30 * MINUTE)
    story = Story(rule, options=Options(after_pause=policy))
    story.answer([sample()])
    story.evaluate(0, 10)
    after = restarted(story, rule, last=10)
    after.evaluate(16, fires - 1)
    assert after.states() == ["pending"]
    after.evaluate(fires)
    assert after.states() == ["firing"]
    assert after.sent[0].starts == fires


def test_a_restart_without_a_missed_slot_is_no_pause() -> None:
    rule = alerting(hold=30 * MINUTE)
    story = Story(rule)
    story.answer([sample()])
    story.evaluate(0, 10)
    after = restarted(story, rule, last=10)
    after.evaluate(11, 30)
    assert after.sent[0].starts == 30


def test_a_kept_alert_is_kept_no_longer_than_it_was_to_be() -> None:  # R102
    rule = alerting(keep=10 * MINUTE)
    story = Story(rule)
    story.answer(while_minutes((0, 9)))
    story.evaluate(0, 12)
    after = restarted(story, rule, last=12)
    after.evaluate(14, 19)
    assert after.states() == ["firing"]
    assert minutes(after.alert().keep_firing_since or 0) == 10
    after.evaluate(20)
    assert (after.sent[-1].at, after.sent[-1].ends) == (20, 20)


def test_a_resolved_alert_is_told_until_its_time_is_over() -> None:
    story = Story(alerting())
    story.answer(while_minutes((0, 9)))
    story.evaluate(0, 12)
    after = restarted(story, alerting(), last=12)
    after.evaluate(13, 30)
    assert {each.ends for each in after.sent} == {10}
    assert (after.times()[0], after.times()[-1]) == (13, 25)


def test_series_that_ended_during_the_pause_are_ended() -> None:
    story = Story(alerting(), writes=True)
    story.answer(while_minutes((0, 10)))
    story.evaluate(0, 10)
    after = restarted(story, alerting(), last=10)
    after.evaluate(12)
    assert after.written(12) == {
        "ALERTS{alertname=Down,alertstate=firing}": "stale",
        "ALERTS_FOR_STATE{alertname=Down}": "stale",
    }


def looking_back(
    rule: AlertingRule,
    *,
    active: float,
    seen: float | None,
    options: Options | None = None,
    written: Mapping[str, str] = {},
) -> Story:
    """A first evaluation of somebody whose store is empty, with what the backend remembers."""
    story = Story(rule, options=options)
    story.answer([sample(instance="a", __name__="up")])
    selector = 'ALERTS_FOR_STATE{alertname="Down",severity="page"}'
    former = {"alertname": "Down", "severity": "page", "instance": "a", **written}

    def at(value: float) -> Result:
        # A series that ended is not in the answer.
        return [] if seen is None else [Sample({**former}, START / SECOND + value * 60)]

    story.answer(lambda _: at(active), selector)
    story.answer(lambda _: at(seen or 0), f"timestamp({selector})")
    story.live.look_back()
    return story


def held(hold: Duration) -> AlertingRule:
    return alerting(hold=hold, labels={"severity": "page", "zone": "{{ $labels.zone }}"})


@pytest.mark.parametrize(
    ("seen", "now", "active_at", "fires"),
    [
        (10, 16, 6, 36),  # R104
        (25, 30, 10, 40),  # R105
        (31, 36, 0, 37),  # R106
        (None, 16, 16, 46),  # R107
    ],
)
def test_the_backend_remembers_what_the_store_does_not(
    seen: float | None, now: float, active_at: float, fires: float
) -> None:
    story = looking_back(held(30 * MINUTE), active=0, seen=seen)
    story.evaluate(now)
    assert minutes(story.alert().active_at) == active_at
    assert next(iter(story.rows.values())).active_at == story.alert().active_at
    story.evaluate(now + 1, fires)
    assert story.sent[0].starts == fires
    # Asked once.
    assert len([text for text, _ in story.backend.asked if "ALERTS_FOR_STATE" in text]) == 2


@pytest.mark.parametrize(("written", "active_at"), [({"dc": "a"}, 6), ({"dc": "b"}, 16)])
def test_what_is_written_has_external_labels_of_which_alerts_know_nothing(
    written: dict[str, str], active_at: float
) -> None:
    options = Options(resend_on_query_error=False, external_labels={"dc": "a"})
    story = looking_back(held(30 * MINUTE), active=0, seen=10, options=options, written=written)
    story.evaluate(16)
    assert minutes(story.alert().active_at) == active_at


def test_short_rules_are_not_read_back() -> None:  # R108
    story = looking_back(held(5 * MINUTE), active=0, seen=10)
    story.evaluate(16)
    assert minutes(story.alert().active_at) == 16


def test_prometheus_is_asked_with_a_long_lookback() -> None:
    story = looking_back(held(30 * MINUTE), active=0, seen=10)
    story.evaluate(16)
    asked = [each for each in story.backend.groups if each is not None and each.params]
    assert [each.params for each in asked] == [{"lookback_delta": ("3600s",)}] * 2


def test_victoria_metrics_is_asked_in_its_own_words() -> None:
    story = looking_back(held(30 * MINUTE), active=0, seen=10, options=Options(dialect=Dialect.METRICSQL))
    selector = 'ALERTS_FOR_STATE{alertname="Down",severity="page"}[3600s]'
    former = {"alertname": "Down", "severity": "page", "instance": "a"}
    story.answer([Sample(former, START / SECOND)], f"default_rollup({selector})")
    story.answer([Sample(former, START / SECOND + 600)], f"tlast_over_time({selector})")
    story.evaluate(16)
    assert minutes(story.alert().active_at) == 6


def test_a_backend_that_cannot_be_read_back_is_no_reason_not_to_begin() -> None:
    story = Story(held(30 * MINUTE))
    story.answer(lambda _: Answer([sample()]))
    story.answer(unreachable(), 'ALERTS_FOR_STATE{alertname="Down",severity="page"}')
    story.live.look_back()
    story.evaluate(0)
    assert story.states() == ["pending"]


def test_a_rule_is_read_back_when_its_query_is_answered_at_last() -> None:
    story = looking_back(held(30 * MINUTE), active=0, seen=10)
    found = story.backend.answers["up == 0"]
    story.answer(unreachable())
    story.evaluate(14, 15)
    story.backend.answers["up == 0"] = found
    story.evaluate(16)
    assert minutes(story.alert().active_at) == 6
