"""Rules evaluated by hand: answers as told, minutes as told, and what was sent and written."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from alertrouter.core.rule_state import AlertState, RuleChanges, StoredRuleAlert
from alertrouter.core.time import MINUTE, SECOND
from alertrouter.rules.live_group import LiveGroup
from alertrouter.rules.model import AlertingRule, RecordingRule, RuleGroup
from alertrouter.rules.options import Options
from alertrouter.rules.ports import Answer, QueryError, is_stale
from alertrouter.rules.world import World
from alertrouter.templating.rule_functions import Sample
from alertrouter.templating.rule_templates import RuleTemplate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from alertrouter.core.labels import Labels
    from alertrouter.core.rule_state import RuleAlertState
    from alertrouter.core.time import Duration, Moment
    from alertrouter.rules.live_rule import LiveRule
    from alertrouter.rules.model import Rule
    from alertrouter.rules.ports import Point, RuleAlert

#: The first minute of every story.
START: Moment = 1_700_000_040 * SECOND

Result = Answer | list[Sample] | Exception


def templates(texts: Mapping[str, str] | None, alert: str) -> dict[str, RuleTemplate]:
    return {name: RuleTemplate.compile(text, alert) for name, text in (texts or {}).items()}


def alerting(
    name: str = "Down",
    expression: str = "up == 0",
    *,
    hold: Duration = 0,
    keep: Duration = 0,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> AlertingRule:
    return AlertingRule(
        name=name,
        expression=expression,
        hold=hold,
        keep_firing=keep,
        labels=templates(labels, name),
        annotations=templates(annotations, name),
    )


def recording(name: str = "job:up", expression: str = "sum(up)", **labels: str) -> RecordingRule:
    return RecordingRule(name=name, expression=expression, labels=labels)


def group(*rules: Rule, **fields: Any) -> RuleGroup:
    return RuleGroup(**{"file": "rules.yml", "name": "node", "interval": MINUTE, "rules": rules, **fields})


def sample(value: float = 1.0, **labels: str) -> Sample:
    return Sample(labels, value)


def while_minutes(*spans: tuple[float, float], **labels: str) -> Callable[[float], list[Sample]]:
    """The series is there from the first to the last minute of each span, both included."""
    return lambda minute: [sample(1.0, **labels)] if any(a <= minute <= b for a, b in spans) else []


@dataclass
class PlayedBackend:
    """Answers each expression as it is told: a result, or one for each minute."""

    answers: dict[str, Result | Callable[[float], Result]] = field(default_factory=dict)
    asked: list[tuple[str, float]] = field(default_factory=list)
    groups: list[RuleGroup | None] = field(default_factory=list)
    timeouts: list[Duration] = field(default_factory=list)
    #: Whether others are answered first.
    is_late: Callable[[str, float], bool] = lambda expression, minute: False

    async def query(
        self,
        expression: str,
        at: Moment,
        *,
        timeout: Duration,  # noqa: ASYNC109 - as the port has it
        group: RuleGroup | None = None,
    ) -> Answer:
        minute = minutes(at)
        self.asked.append((expression, minute))
        self.groups.append(group)
        self.timeouts.append(timeout)
        if self.is_late(expression, minute):
            await asyncio.sleep(0)
        found = self.answers.get(expression, [])
        result = found if isinstance(found, (Answer, list, Exception)) else found(minute)
        if isinstance(result, Exception):
            raise result
        return result if isinstance(result, Answer) else Answer(result)

    def curl(self, expression: str, at: Moment, group: RuleGroup) -> str:
        return f"curl {expression} {minutes(at)} {group.name}"

    async def aclose(self) -> None:
        pass


def minutes(at: Moment) -> float:
    """Since the beginning of the story."""
    return (at - START) / MINUTE


def moment(minute: float) -> Moment:
    return START + round(minute * MINUTE)


def unreachable() -> QueryError:
    return QueryError("connection refused", kind="unreachable")


class StoppedClock:
    """It is always the minute that is evaluated."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> Moment:
        return self.moment

    async def sleep_until(self, moment: Moment) -> None:
        raise NotImplementedError

    async def sleep_for(self, duration: Duration) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class Sent:
    """What was told at which minute: since when it fires, and when it ends if no more is heard of it."""

    at: float
    starts: float
    ends: float
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    link: str


class Story:
    """One group with a played backend; it also is its notifier, its writer and its store."""

    def __init__(
        self, *rules: Rule, writes: bool = False, options: Options | None = None, **fields: Any
    ) -> None:
        self.backend = PlayedBackend()
        self.clock = StoppedClock()
        self.sent: list[Sent] = []
        self.points: list[Point] = []
        self.flushed: list[int] = []
        self.rows: dict[tuple[int, Labels], RuleAlertState] = {}
        self.changes: list[RuleChanges] = []
        self.options = options or Options(resend_on_query_error=False, tell_when_blind=False)
        self.writes = writes
        self.live = LiveGroup(group(*rules, **fields), self.world())

    def world(self) -> World:
        return World(
            options=self.options,
            backend=self.backend,
            notifier=self,
            writer=self if self.writes else None,
            clock=self.clock,
            remember=self.remember,
        )

    def answer(self, result: Result | Callable[[float], Result], expression: str = "up == 0") -> None:
        self.backend.answers[expression] = result

    def evaluate(self, first: float, last: float | None = None, step: float = 1) -> None:
        """Evaluate at this minute, or at each from the first to the last."""
        minute = first
        while minute <= (first if last is None else last):
            self.clock.moment = moment(minute)
            asyncio.run(self.live.iterate(moment(minute)))
            minute += step

    def reload(self, *rules: Rule, **fields: Any) -> list[LiveRule]:
        """The group is another from now on; the rules that are gone."""
        old, self.live = self.live, LiveGroup(group(*rules, **fields), self.world())
        return self.live.adopt(old)

    # What the group asks of the world

    async def notify(self, alerts: Sequence[RuleAlert], *, group: RuleGroup) -> None:
        assert group.name in {self.live.group.name, ""}
        self.sent += [
            Sent(
                minutes(self.clock.moment),
                minutes(each.starts_at),
                minutes(each.ends_at),
                each.labels,
                each.annotations,
                each.generator_url,
            )
            for each in alerts
        ]

    def write(self, points: Sequence[Point]) -> None:
        self.points += points

    async def flush(self, timeout: Duration) -> None:  # noqa: ASYNC109 - as the port has it
        assert timeout > 0
        self.flushed.append(len(self.points))

    async def aclose(self) -> None:
        pass

    def remember(self, changes: RuleChanges) -> None:
        self.changes.append(changes)
        self.rows |= {(each.rule, each.alert.labels): each.alert for each in changes.alerts}
        for key in changes.removed_alerts:
            self.rows.pop(key, None)

    # What tests look at

    def rule(self, place: int = 0) -> LiveRule:
        return self.live.rules[place]

    def alert(self, place: int = 0) -> RuleAlertState:
        """The only alert of a rule."""
        (alert,) = self.rule(place).alerts.values()
        return alert

    def states(self, place: int = 0) -> list[str]:
        """Of the alerts of a rule that are active."""
        return [
            alert.state.value
            for alert in self.rule(place).alerts.values()
            if alert.state is not AlertState.RESOLVED
        ]

    def times(self) -> list[float]:
        """When something was sent."""
        return [each.at for each in self.sent]

    def written(self, minute: float) -> dict[str, float | str]:
        """The samples of a minute, by series; ``stale`` for an end."""
        found: dict[str, float | str] = {}
        for point in self.points:
            if point.at == moment(minute):
                labels = {name: value for name, value in point.labels.items() if name != "__name__"}
                text = ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
                key = f"{point.labels['__name__']}{{{text}}}"
                assert key not in found
                found[key] = "stale" if is_stale(point.value) else point.value
        return found


def restarted(story: Story, *rules: Rule, last: float, **fields: Any) -> Story:
    """Another process that goes on with what this one stored; the last evaluation was at that minute."""
    other = Story(*rules, writes=story.writes, options=story.options, **fields)
    other.backend = story.backend
    other.clock.moment = moment(last)
    other.live = LiveGroup(other.live.group, other.world())
    by_rule: dict[int, list[StoredRuleAlert]] = {}
    for (rule, _), alert in story.rows.items():
        by_rule.setdefault(rule, []).append(StoredRuleAlert(rule, alert))
    other.live.remembered(moment(last), by_rule)
    other.rows = dict(story.rows)
    return other
