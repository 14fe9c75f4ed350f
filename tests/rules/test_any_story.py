"""Whatever series do: what must hold of alerts all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from alertrouter.core.rule_state import AlertState
from alertrouter.core.time import MINUTE
from alertrouter.rules.options import Options
from tests.rules.story import Result, Story, alerting, minutes, restarted, sample, unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from alertrouter.rules.model import AlertingRule

# For each minute: the series that are there, or None for a failure.
minute = st.none() | st.frozensets(st.sampled_from("ab"), max_size=2)
lives = st.lists(minute, min_size=1, max_size=30)
rules = st.builds(
    lambda hold, keep: alerting(hold=hold * MINUTE, keep=keep * MINUTE, annotations={"v": "{{ $value }}"}),
    st.integers(0, 4),
    st.integers(0, 4),
)


def answers(life: list[frozenset[str] | None]) -> Callable[[float], Result]:
    def answer(minute: float) -> Result:
        there = life[int(minute)]
        return unreachable() if there is None else [sample(minute, i=name) for name in sorted(there)]

    return answer


@given(rules, lives, st.booleans())
def test_what_is_told_makes_sense(
    rule: AlertingRule, life: list[frozenset[str] | None], resend: bool
) -> None:
    story = Story(rule, options=Options(resend_on_query_error=resend, tell_when_blind=False))
    story.answer(answers(life))
    story.evaluate(0, len(life) - 1)
    over: dict[tuple[str, float], float] = {}
    for each in story.sent:
        name = each.labels["i"]
        since = int(each.starts)
        # It was there without a gap for as long as it takes, failures aside.
        held = life[since - minutes_of(rule.hold) : since + 1]
        assert all(there is None or name in there for there in held)
        if each.ends > each.at:
            # Nothing that is over fires again with the same start.
            assert (name, each.starts) not in over
            assert each.ends == each.at + 4
        else:
            assert over.setdefault((name, each.starts), each.ends) == each.ends
            there = life[int(each.ends)]
            assert there is not None
            assert name not in there
    told = {(each.labels["i"], each.starts) for each in story.sent}
    for alert in story.rule().alerts.values():
        if alert.state is not AlertState.PENDING:
            assert alert.fired_at is not None
            assert (alert.labels["i"], minutes(alert.fired_at)) in told


def minutes_of(duration: int) -> int:
    return duration // MINUTE


@given(rules, lives, st.sets(st.integers(0, 29), max_size=5))
def test_a_restart_without_a_missed_slot_changes_nothing(
    rule: AlertingRule, life: list[frozenset[str] | None], restarts: set[int]
) -> None:
    undisturbed = Story(rule)
    undisturbed.answer(answers(life))
    undisturbed.evaluate(0, len(life) - 1)

    story = Story(rule)
    story.answer(answers(life))
    told = set()
    for at in range(len(life)):
        if at in restarts and at > 0:
            told |= set(outcomes(story))
            story = restarted(story, rule, last=at - 1)
        story.evaluate(at)
    told |= set(outcomes(story))

    # Some is told once more, but nothing else is.
    assert told == set(outcomes(undisturbed))
    assert shape(story) == shape(undisturbed)
    assert story.rows.keys() == {(story.rule().identity, labels) for labels in story.rule().alerts}


def outcomes(story: Story) -> list[tuple[str, float, float | None]]:
    """Who fired since when, and until when as far as that was told."""
    return [
        (each.labels["i"], each.starts, each.ends if each.ends <= each.at else None) for each in story.sent
    ]


def shape(story: Story) -> list[tuple[object, ...]]:
    """The alerts, but for when they were told, and what was: after a crash that is what was told last."""
    return [(alert.labels, *alert[3:-1]) for alert in story.rule().alerts.values()]
