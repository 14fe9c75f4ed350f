"""Other rules while it runs (`rules.md` R94 to R98)."""

from __future__ import annotations

import pytest

from alertrouter.core.labels import Labels
from alertrouter.core.rule_state import AlertState, EvaluatedGroup, RuleAlertState, StoredRuleAlert
from alertrouter.core.time import MINUTE
from alertrouter.rules.live_rule import identities
from alertrouter.rules.model import AlertingRule, RuleGroup
from alertrouter.rules.options import Options
from alertrouter.rules.ports import is_stale
from tests.rules.story import START, Story, alerting, group, minutes, moment, recording, sample
from tests.rules.world import Played, rule_set

pytestmark = pytest.mark.anyio


def aligned(*rules: AlertingRule, **fields: object) -> RuleGroup:
    return group(*rules, align_to_interval=True, **fields)


async def firing(*groups: RuleGroup, **settings: object) -> Played:
    """Alerts that fire for 3.5 minutes."""
    played = Played(**settings)  # type: ignore[arg-type]
    played.backend.answers["up == 0"] = [sample(instance="a")]
    played.backend.answers["up < 1"] = [sample(instance="a")]
    await played.manager.start(rule_set(*groups))
    await played.minutes(3.5)
    return played


async def test_a_group_that_says_the_same_is_left_alone() -> None:  # R94
    played = await firing(aligned(alerting()))
    (before,) = played.manager.groups()
    await played.manager.replace(rule_set(aligned(alerting(), line=40), aligned(alerting(), name="other")))
    assert played.manager.groups()[0] is before
    await played.minutes(1)
    assert minutes(before.evaluated_at or 0) == 4
    assert before.counts.iterations == 4
    await played.manager.stop()


async def test_a_changed_annotation_is_told_of_the_same_alert() -> None:  # R95
    played = await firing(aligned(alerting(annotations={"summary": "{{ $labels.instance }}"})))
    await played.manager.replace(
        rule_set(aligned(alerting(annotations={"summary": "{{ $labels.instance }} is down"})))
    )
    await played.minutes(2)
    assert [(each.at, each.starts, each.annotations["summary"]) for each in played.sent] == [
        (1, 1, "a"),
        (3, 1, "a"),
        (5, 1, "a is down"),
    ]
    assert [at for _, at in played.backend.asked] == [1, 2, 3, 4, 5]
    await played.manager.stop()


async def test_a_changed_expression_keeps_the_alerts() -> None:  # R96
    played = await firing(aligned(alerting()))
    await played.manager.replace(rule_set(aligned(alerting(expression="up < 1"))))
    await played.minutes(2)
    assert [(each.at, each.starts) for each in played.sent] == [(1, 1), (3, 1), (5, 1)]
    await played.manager.stop()


@pytest.mark.parametrize("told", [True, False])
async def test_a_changed_label_drops_the_alerts(*, told: bool) -> None:  # R97
    played = await firing(aligned(alerting()), options=Options(resolve_removed=told))
    await played.manager.replace(rule_set(aligned(alerting(labels={"team": "db"}, hold=2 * MINUTE))))
    await played.minutes(3)
    resolved = [(each.labels.get("team"), each.at, each.ends) for each in played.sent if each.ends <= each.at]
    assert resolved == ([(None, 3.5, 3.5)] if told else [])
    assert [(each.at, each.starts) for each in played.sent if "team" in each.labels] == [(6, 6)]
    await played.manager.stop()


@pytest.mark.parametrize("told", [True, False])
async def test_a_group_that_is_gone(*, told: bool) -> None:  # R98
    played = await firing(
        aligned(alerting()),
        options=Options(resolve_removed=told, resend_on_query_error=False),
        writes=True,
    )
    before = len(played.sent)
    await played.manager.replace(rule_set(aligned(alerting("B", "nothing"), name="other")))
    assert [(each.at, each.ends) for each in played.sent[before:]] == ([(3.5, 3.5)] if told else [])
    assert not any(is_stale(point.value) for point in played.points)
    assert len(played.changes[-1].removed_alerts) == 1
    assert played.changes[-1].removed_groups == ["rules.yml;node"]
    await played.minutes(1.9)
    assert not any(is_stale(point.value) for point in played.points)
    await played.minutes(30)
    ended = [point for point in played.points if is_stale(point.value)]
    assert [(point.labels["__name__"], minutes(point.at)) for point in ended] == [
        ("ALERTS", 5.5),
        ("ALERTS_FOR_STATE", 5.5),
    ]
    assert len(played.sent) == before + told
    await played.manager.stop()


async def test_when_all_rules_are_gone_nothing_is_resolved() -> None:
    played = await firing(aligned(alerting()), options=Options(resolve_removed=True))
    before = len(played.sent)
    await played.manager.replace(rule_set())
    await played.minutes(30)
    assert len(played.sent) == before
    await played.manager.stop()


async def test_a_new_group_begins_with_its_next_slot() -> None:
    played = await firing(aligned(alerting()))
    await played.manager.replace(
        rule_set(aligned(alerting()), aligned(alerting("B", "up < 1"), name="other"))
    )
    await played.minutes(1)
    assert [(each.at, each.link) for each in played.sent] == [(1, "node"), (3, "node"), (4, "other")]
    await played.manager.stop()


async def test_a_hundred_reloads_shift_no_slot() -> None:
    played = await firing(aligned(alerting()))
    for number in range(100):
        rule = alerting(annotations={"summary": str(number)})
        await played.manager.replace(rule_set(aligned(rule)))
        await played.minutes(0.1)
    assert [at for _, at in played.backend.asked] == list(range(1, 14))
    assert [(each.at, each.starts) for each in played.sent] == [(at, 1) for at in range(1, 14, 2)]
    await played.manager.stop()


async def test_recording_rules_without_anywhere_to_write_are_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    played = Played()
    await played.manager.start(rule_set(group(recording())))
    assert "--remote-write.url" in caplog.text
    await played.manager.stop()


# Alike rules


def test_of_rules_that_are_alike_the_first_goes_on_as_the_first() -> None:
    story = Story(alerting(), alerting(expression="other"))
    story.answer([sample(i="1")])
    story.answer([sample(i="2")], "other")
    story.evaluate(0)
    story.reload(alerting("New", "new"), alerting(hold=MINUTE), alerting(expression="other"))
    assert [
        sorted(alert.labels.get("i", "") for alert in rule.alerts.values()) for rule in story.live.rules
    ] == [
        [],
        ["1"],
        ["2"],
    ]


# The start


async def restored(at: float, *, rule: AlertingRule | None = None, options: Options | None = None) -> Played:
    """A process that starts at this minute, after another whose last evaluation was at minute 10."""
    labels = Labels({"alertname": "Down"})
    alert = RuleAlertState(
        labels, Labels(), 1.0, AlertState.FIRING, START, fired_at=START, last_sent_at=moment(10)
    )
    (identity,) = identities(group(alerting()))
    played = Played(now=moment(at), options=options)
    played.backend.answers["up == 0"] = [sample()]
    await played.manager.start(
        rule_set(aligned(rule or alerting())),
        alerts=[StoredRuleAlert(identity, alert)],
        evaluated=[EvaluatedGroup("rules.yml;node", moment(10))],
    )
    return played


async def test_what_is_older_than_the_tolerance_is_forgotten() -> None:  # R103
    played = await restored(71)
    assert played.manager.groups()[0].rules[0].alerts == {}
    assert len(played.changes[0].removed_alerts) == 1
    await played.minutes(1)
    assert [(each.at, each.starts) for each in played.sent] == [(72, 72)]
    await played.manager.stop()


async def test_what_is_within_the_tolerance_goes_on() -> None:
    played = await restored(69.5)
    await played.minutes(1)
    assert [(each.at, each.starts) for each in played.sent] == [(70, 0)]
    await played.manager.stop()


async def test_a_clock_that_was_set_back_meanwhile_is_followed() -> None:
    played = await restored(-50)
    await played.minutes(3)
    assert [(each.at, each.starts) for each in played.sent] == [(-49, -60), (-47, -60)]
    assert played.manager.groups()[0].counts.resets == 0
    await played.manager.stop()


@pytest.mark.parametrize("told", [True, False])
async def test_rules_that_went_while_nobody_looked(*, told: bool) -> None:
    played = await restored(12, rule=alerting("Other", "other"), options=Options(resolve_removed=told))
    assert [(each.labels["alertname"], each.starts, each.ends) for each in played.sent] == (
        [("Down", 0, 12)] if told else []
    )
    assert len(played.changes[0].removed_alerts) == 1
    await played.manager.stop()


async def test_a_stop_in_order_stores_what_was_seen_last() -> None:
    played = Played()
    played.backend.answers["up == 0"] = lambda minute: [sample(minute)]
    await played.manager.start(rule_set(aligned(alerting(annotations={"v": "{{ $value }}"}))))
    await played.minutes(2.5)
    await played.manager.stop()
    (stored,) = played.changes[-1].alerts
    assert (stored.alert.value, stored.alert.annotations) == (2, {"v": "2"})


async def test_no_rules_at_all_after_a_restart_resolve_nothing() -> None:
    played = Played(options=Options(resolve_removed=True))
    (identity,) = identities(group(alerting()))
    alert = RuleAlertState(Labels({"alertname": "Down"}), Labels(), 1.0, AlertState.FIRING, START, START)
    await played.manager.start(
        rule_set(),
        alerts=[StoredRuleAlert(identity, alert)],
        evaluated=[EvaluatedGroup("rules.yml;node", START)],
    )
    assert played.sent == []
    assert not any(played.changes)
    await played.manager.stop()


async def test_everything_that_is_remembered_can_be_written_anew() -> None:
    played = await firing(aligned(alerting()))
    alerts, groups = played.manager.stored()
    assert [each.alert.state for each in alerts] == [AlertState.FIRING]
    assert groups == [EvaluatedGroup("rules.yml;node", START + 3 * MINUTE)]
    await played.manager.stop()
