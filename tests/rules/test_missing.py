"""Alerts whose data are gone while they fire (`rules.md` 9, 2)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertrouter.core.rule_state import AlertState
from alertrouter.core.time import MINUTE
from alertrouter.rules.live_rule import Health
from alertrouter.rules.load import load_text
from alertrouter.rules.missing_policy import MissingData, MissingDataKeys, MissingPolicy
from alertrouter.rules.model import AlertingRule, RuleError
from alertrouter.rules.options import Options
from alertrouter.rules.ports import Answer, QueryError
from tests.rules.story import Story, alerting, recording, restarted, sample, unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from alertrouter.templating.rule_functions import Sample

KEEP, ALERT, RESOLVE = MissingPolicy.KEEP, MissingPolicy.ALERT, MissingPolicy.RESOLVE
DATA = "up == bool  0"


def rule(
    policy: MissingPolicy = KEEP, evaluations: int = 3, expression: str = "up == 0", **fields: Any
) -> AlertingRule:
    return replace(
        alerting("Down", expression, **fields),
        missing=MissingDataKeys(policy=policy, evaluations=evaluations),
    )


def story_of(
    found: AlertingRule, values: Callable[[float, str], float | None], *, options: Options | None = None
) -> Story:
    """Two series, a and b; each fires while its value is 0, and has no data where the value is None."""
    story = Story(found, options=options)

    def series(minute: float) -> list[tuple[str, float]]:
        return [(name, value) for name in "ab" if (value := values(minute, name)) is not None]

    def firing(minute: float) -> list[Sample]:
        return [sample(value, instance=name) for name, value in series(minute) if value == 0]

    def there(minute: float) -> list[Sample]:
        return [sample(float(value == 0), instance=name) for name, value in series(minute)]

    story.answer(firing)
    story.answer(there, DATA)
    return story


def gone_from_two_on(minute: float, name: str) -> float | None:
    return None if name == "a" and minute >= 2 else 0 if name == "a" else 1


def firing(story: Story) -> list[str]:
    """The alerts that fire, in short."""
    return sorted(
        f"{labels['alertname']} {labels.get('instance', '')}".strip()
        for labels, alert in story.rule().alerts.items()
        if alert.state is AlertState.FIRING
    )


def states_by_minute(story: Story, last: int) -> list[list[str]]:
    found = []
    for minute in range(last + 1):
        story.evaluate(minute)
        found.append(firing(story))
    return found


def asked_for_data(story: Story) -> list[float]:
    return [minute for expression, minute in story.backend.asked if expression == DATA]


def test_without_a_policy_an_alert_without_data_is_over_as_in_prometheus() -> None:
    story = story_of(rule(RESOLVE), gone_from_two_on)
    assert states_by_minute(story, 2) == [["Down a"], ["Down a"], []]
    assert asked_for_data(story) == []


def test_an_alert_without_data_fires_on_for_some_evaluations_and_is_over_then() -> None:
    story = story_of(rule(KEEP, 3), gone_from_two_on)
    assert states_by_minute(story, 6) == [["Down a"]] * 5 + [[], []]
    assert [(each.at, each.starts) for each in story.sent if each.ends == 5] == [(5, 0)]
    assert all(each.ends > each.at for each in story.sent if each.at < 5)
    # Nobody asks while all that fires is seen, or nothing fires.
    assert asked_for_data(story) == [2, 3, 4, 5]


def test_an_alert_that_has_data_is_over_at_once() -> None:
    story = story_of(rule(), lambda minute, name: float(minute >= 2 or name == "b"))
    assert states_by_minute(story, 2) == [["Down a"], ["Down a"], []]
    assert asked_for_data(story) == [2]


def test_data_that_come_back_decide() -> None:
    story = story_of(
        rule(evaluations=9), lambda minute, name: None if 2 <= minute <= 3 else float(minute >= 4)
    )
    assert states_by_minute(story, 4) == [["Down a", "Down b"]] * 4 + [[]]

    story = story_of(rule(), lambda minute, name: None if minute in {2, 3, 5, 6} else 0.0)
    assert states_by_minute(story, 7) == [["Down a", "Down b"]] * 8
    assert story.rule().state is AlertState.FIRING
    assert {each.starts for each in story.sent} == {0}


def test_the_longer_of_the_two_keeps_an_alert() -> None:
    for keep, last in ((10 * MINUTE, 11), (MINUTE, 4)):
        story = story_of(rule(KEEP, 3, keep=keep), gone_from_two_on)
        assert sum(bool(each) for each in states_by_minute(story, 14)) == last + 1


def test_a_pending_alert_without_data_is_forgotten() -> None:
    story = story_of(rule(hold=5 * MINUTE), gone_from_two_on)
    states_by_minute(story, 2)
    assert story.rule().alerts == {}
    assert asked_for_data(story) == []


def test_while_nobody_answers_whether_data_are_there_everything_stays() -> None:
    story = story_of(rule(), gone_from_two_on)
    story.evaluate(0, 1)
    story.answer(unreachable(), DATA)
    story.evaluate(2, 9)
    assert firing(story) == ["Down a"]
    assert (story.rule().health, story.rule().last_error) == (Health.ERROR, "connection refused")
    story.answer([], DATA)
    assert [firing_at(story, minute) for minute in (10, 11, 12, 13)] == [["Down a"]] * 3 + [[]]


def firing_at(story: Story, minute: float) -> list[str]:
    story.evaluate(minute)
    return firing(story)


@pytest.mark.parametrize("policy", [KEEP, ALERT])
def test_when_nobody_can_tell_every_alert_is_kept(policy: MissingPolicy) -> None:
    refused = story_of(rule(policy), gone_from_two_on)
    refused.answer(QueryError("many-to-many", kind="execution", temporary=False), DATA)
    assert states_by_minute(refused, 5) == [["Down a"]] * 5 + [[]]

    other = Story(rule(policy, expression="default_rollup(up) default 1 == 0"))
    other.answer(lambda minute: [sample()] if minute < 2 else [], "default_rollup(up) default 1 == 0")
    assert states_by_minute(other, 5) == [["Down"]] * 5 + [[]]


def test_a_partial_answer_says_of_nothing_that_it_is_gone() -> None:
    story = story_of(rule(), gone_from_two_on)
    story.evaluate(0, 1)
    story.answer(Answer([], partial=True), DATA)
    story.evaluate(2, 8)
    assert firing(story) == ["Down a"]
    assert story.rule().health is Health.ERROR


def test_an_alert_tells_that_the_data_of_another_are_gone() -> None:
    story = story_of(
        rule(ALERT, labels={"severity": "page"}, annotations={"runbook_url": "http://runbook"}),
        gone_from_two_on,
    )
    assert states_by_minute(story, 8) == [["Down a"]] * 2 + [["RuleDataMissing a"]] * 7
    over = [each.at for each in story.sent if each.labels["alertname"] == "Down" and each.ends == 2]
    assert over[0] == 2
    told = [each for each in story.sent if each.labels["alertname"] == "RuleDataMissing"]
    assert [each.at for each in told] == [2, 4, 6, 8]
    assert {each.starts for each in told} == {2}
    assert dict(told[0].labels) == {
        "alertname": "RuleDataMissing",
        "instance": "a",
        "rule_name": "Down",
        "severity": "page",
    }
    assert told[0].annotations["summary"] == "The data of Down are gone while it was firing"
    assert "Down was firing for instance=a, severity=page when" in told[0].annotations["description"]
    assert told[0].annotations["runbook_url"] == "http://runbook"


@pytest.mark.parametrize(("value", "after"), [(0.0, ["Down a"]), (1.0, [])])
def test_the_alert_about_missing_data_ends_when_they_are_back(value: float, after: list[str]) -> None:
    story = story_of(
        rule(ALERT),
        lambda minute, name: gone_from_two_on(minute, name) if minute < 5 or name == "b" else value,
    )
    assert states_by_minute(story, 5)[4:] == [["RuleDataMissing a"], after]
    assert [each.ends for each in story.sent if each.labels["alertname"] == "RuleDataMissing"][-1] == 5


def test_the_alert_about_missing_data_lasts_a_day_and_no_longer() -> None:
    story = story_of(rule(ALERT), gone_from_two_on)
    story.evaluate(0, 2)
    story.evaluate(2 + 24 * 60 - 1)
    assert firing(story) == ["RuleDataMissing a"]
    story.evaluate(2 + 24 * 60)
    assert firing(story) == []


def test_the_alert_about_missing_data_does_not_wait_and_is_not_kept() -> None:
    story = story_of(
        rule(ALERT, hold=2 * MINUTE, keep=30 * MINUTE),
        lambda minute, name: None if name == "a" and 3 <= minute < 60 else float(name == "b" or minute >= 60),
    )
    # keep_firing_for holds the alert itself; that its data are gone is told at once.
    assert states_by_minute(story, 3)[2:] == [["Down a"], ["Down a", "RuleDataMissing a"]]
    story.evaluate(60)
    assert firing(story) == []


def test_a_restart_forgets_neither_how_long_an_alert_was_kept_nor_what_was_told() -> None:
    for policy, wanted in (
        (KEEP, [["Down a"], ["Down a"], []]),
        (ALERT, [["RuleDataMissing a"]] * 3),
    ):
        story = story_of(rule(policy, 3), gone_from_two_on)
        story.evaluate(0, 2)
        after = restarted(story, rule(policy, 3), last=2)
        assert [firing_at(after, minute) for minute in (3, 4, 5)] == wanted


def test_a_limit_counts_the_alerts_of_the_rule_alone() -> None:
    story = Story(rule(ALERT), limit=1)
    story.answer(lambda minute: [sample(instance="a" if minute < 1 else "b")])
    story.answer(lambda minute: [sample(instance="a" if minute < 1 else "b")], DATA)
    assert states_by_minute(story, 1) == [["Down a"], ["Down b", "RuleDataMissing a"]]
    assert story.rule().health is Health.OK


def test_the_default_is_for_rules_that_say_nothing_and_not_for_those_about_absence() -> None:
    options = Options(
        missing=MissingData(policy=KEEP, evaluations=1), resend_on_query_error=False, tell_when_blind=False
    )
    rules = [alerting("One", "up == 0"), rule(RESOLVE), rule(ALERT, 7), alerting("None", "absent(up)")]
    shown = [Story(each, options=options).rule().missing for each in rules]
    assert shown == [
        MissingData(policy=KEEP, evaluations=1),
        None,
        MissingData(policy=ALERT, evaluations=7),
        None,
    ]
    assert Story(recording(), options=options).rule().missing is None


def test_another_policy_takes_effect_at_a_reload_and_the_state_is_kept() -> None:
    story = story_of(rule(KEEP, 60), gone_from_two_on)
    story.evaluate(0, 4)
    story.reload(rule(RESOLVE))
    story.evaluate(5)
    assert firing(story) == []


@given(
    gone=st.lists(st.booleans(), min_size=8, max_size=12),
    policy=st.sampled_from([KEEP, ALERT]),
    evaluations=st.integers(1, 3),
)
def test_no_page_is_lost_without_a_word(gone: list[bool], policy: MissingPolicy, evaluations: int) -> None:
    """Whatever comes and goes: an alert that was firing is over only after its data were there, or as agreed."""
    story = story_of(
        rule(policy, evaluations),
        lambda minute, name: 1.0 if name == "b" else None if minute >= 1 and gone[int(minute) - 1] else 0.0,
    )
    without = 0
    for minute, states in enumerate(states_by_minute(story, len(gone))):
        without = without + 1 if minute and gone[minute - 1] else 0
        if not without:
            assert states == ["Down a"]
        elif policy is KEEP:
            assert states == (["Down a"] if without <= evaluations else [])
        else:
            assert states == ["RuleDataMissing a"]


# In files

FILE = """groups:
- name: g
  alertrouter: {group}
  rules:
  - alert: A
    expr: {expression}
    alertrouter: {rule}
"""


def read(group: str = "{}", of_rule: str = "{}", expression: str = "up == 0") -> MissingDataKeys:
    text = FILE.replace("{group}", group).replace("{rule}", of_rule).replace("{expression}", expression)
    [found] = load_text(text, file="f.yml").groups[0].rules
    assert isinstance(found, AlertingRule)
    return found.missing


def test_a_rule_wins_over_its_group() -> None:
    assert read() == MissingDataKeys()
    assert read("{missing_data: keep, missing_data_evaluations: 3}") == MissingDataKeys(
        policy=KEEP, evaluations=3
    )
    assert read(
        "{missing_data: keep, missing_data_evaluations: 3}", "{missing_data: alert}"
    ) == MissingDataKeys(policy=ALERT, evaluations=3)
    assert read("{missing_data: keep}", expression="absent(up)") == MissingDataKeys(policy=KEEP)


@pytest.mark.parametrize(
    ("of_rule", "expression", "wanted"),
    [
        ("{missing_data: kepe}", "up", "7:33: unsupported missing_data \"kepe\" (did you mean 'keep'?)"),
        ("{missing_data: never}", "up", "(write resolve, keep or alert)"),
        ("{missing_data_evaluations: 0}", "up", "f.yml:7:45: missing_data_evaluations must be 1 or more"),
        ("{missing: keep}", "up", "f.yml:7:19: field missing not found in type alertrouter"),
        ("keep", "up", "f.yml:7:18: cannot unmarshal !!str `keep` into alertrouter"),
        ("{missing_data: alert}", "absent(up)", "absent() fires because there are none (leave it out"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(of_rule: str, expression: str, wanted: str) -> None:
    with pytest.raises(RuleError) as caught:
        read(of_rule=of_rule, expression=expression)
    assert wanted in str(caught.value)


def test_it_is_no_key_of_recording_rules() -> None:
    text = FILE.replace("alert: A", "record: a").replace("{group}", "{missing_data: keep}")
    with pytest.raises(RuleError, match="invalid field 'alertrouter' in recording rule"):
        load_text(text.replace("{rule}", "{missing_data: keep}").replace("{expression}", "up"), file="f.yml")
    load_text(text.replace("    alertrouter: {rule}\n", "").replace("{expression}", "up"), file="f.yml")
