"""One group of rules, evaluated again and again at its slots."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING, Final
from urllib.parse import quote_plus

from alertrouter.clock import let_others_run
from alertrouter.core.rule_state import AlertState, EvaluatedGroup, RuleChanges, StoredRuleAlert
from alertrouter.core.time import SECOND, format_rfc3339
from alertrouter.rules import restore
from alertrouter.rules.live_rule import Health, LiveRule, identities
from alertrouter.rules.model import AlertingRule, PartialResponse
from alertrouter.rules.order import dependencies
from alertrouter.rules.ports import STALE, Point, QueryError
from alertrouter.rules.rendering import Questions
from alertrouter.rules.series import SameLabelsError, recorded_points
from alertrouter.rules.slots import query_time, slots_of
from alertrouter.rules.state import LimitError, Turn, resend, resolved, to_send, validity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from alertrouter.clock import Timer
    from alertrouter.core.labels import Labels
    from alertrouter.core.rule_state import RuleAlertState
    from alertrouter.core.time import Duration, Moment
    from alertrouter.rules.model import RuleGroup
    from alertrouter.rules.options import Options
    from alertrouter.rules.ports import Answer, Backend, Notifier, Writer
    from alertrouter.rules.rendering import Answers

log = logging.getLogger(__name__)

_STRING_OR_COMMENT: Final = re.compile(
    r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)|#[^\n]*""", re.DOTALL
)

# A clock that was set is noticed this much later at most.
_LONGEST_NAP: Final = 5 * SECOND
# So long an iteration may take to end when the process stops, and samples to be written before they are read.
_STOP_WITHIN: Final = 10 * SECOND
_FLUSH_WITHIN: Final = 5 * SECOND
_ASKED_AT_ONCE = 8


def bare(expression: str) -> str:
    """An expression without comments and the space around it."""
    return _STRING_OR_COMMENT.sub(lambda found: found.group(1) or "", expression).strip()


@dataclass(slots=True, kw_only=True)
class World:
    """What groups are evaluated in; a reload may put others in its places. ``remember`` writes what changed; nobody waits
    for it.
    """

    options: Options
    backend: Backend
    notifier: Notifier
    writer: Writer | None
    clock: Timer
    remember: Callable[[RuleChanges], object]


@dataclass(slots=True)
class Counts:
    """What became of the evaluations of a group, since the process started.

    ``resets``: the clock was set back so far that waiting for the next slot began anew. ``resent``: alerts told again
    while the query of their rule failed. ``template_failures``: texts that could not be rendered.
    """

    iterations: int = 0
    missed: int = 0
    resets: int = 0
    evaluations: int = 0
    failures: int = 0
    resent: int = 0
    template_failures: int = 0
    rule_seconds: float = 0.0
    seconds: float = 0.0


@dataclass(slots=True)
class _Iteration:
    """What one iteration gathers."""

    at: Moment
    query_at: Moment
    changes: RuleChanges = field(default_factory=RuleChanges)
    answers: Answers = field(default_factory=dict)
    asking: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_ASKED_AT_ONCE))
    first_error: str = ""


class LiveGroup:
    """A group and the state of its rules.

    ``evaluated_at`` is the moment of the last evaluation, its slot; ``began_at`` the time of day at which it began,
    ``seconds`` what it took, ``rule_seconds`` what its rules took altogether.
    """

    def __init__(self, group: RuleGroup, world: World) -> None:
        options = world.options
        self.group = group
        self.interval: Duration = group.interval or options.interval
        self.slots = slots_of(group, self.interval)
        self.rules = [
            LiveRule(rule, identity, group, options)
            for rule, identity in zip(group.rules, identities(group), strict=True)
        ]
        self.counts = Counts()
        self.evaluated_at: Moment | None = None
        self.began_at: Moment | None = None
        self.seconds = 0.0
        self.rule_seconds = 0.0
        self.restore_seconds = 0.0
        self._world = world
        self._dependencies = dependencies(group)
        self._together = 1 if any(self._dependencies) else group.concurrency or options.concurrency
        self._validity = validity(self.interval, options.resend_delay)
        self._timeout = min(options.query_timeout, self.interval)
        self._links: dict[int, str] = {}
        self._left_series: list[Labels] = []
        # Until the first evaluation after a restart: when it was evaluated before, and the rules to be looked up elsewhere.
        self._evaluated_before: Moment | None = None
        self._looks_back: set[int] = set()
        self._last: Moment | None = None
        self._error = ""
        self._stopping = False
        self._waiting = False
        self._task: asyncio.Task[None] | None = None

    # Life

    def start(self) -> None:
        """Begin to evaluate at the slots."""
        self._task = asyncio.create_task(self.run(), name=f"rules {self.group.key}")

    async def stop(self) -> None:
        """Evaluate no more. The rules under way are finished."""
        self._stopping = True
        task = self._task
        if task is None:
            return
        if not self._waiting:
            await asyncio.wait([task], timeout=_STOP_WITHIN / SECOND)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def run(self) -> None:
        """Evaluate at each slot until stopped."""
        clock, slots, counts = self._world.clock, self.slots, self.counts
        last = self._last if self._last is not None else slots.at_or_before(clock.now())
        while not self._stopping:
            now = clock.now()
            due = slots.next(last, now)
            left = due.at - now
            if left > 2 * self.interval:
                last = self._reset(last, now)
                continue
            if left > 0:
                self._waiting = True
                await clock.sleep_for(min(left, _LONGEST_NAP))
                self._waiting = False
                continue
            counts.iterations += due.missed
            counts.missed += due.missed
            self._last = last = due.at
            await self.iterate(due.at)

    def _reset(self, last: Moment, now: Moment) -> Moment:
        """The clock was set back: go on from there, and let what lasted so long have lasted so long."""
        begin = self.slots.at_or_before(now)
        self.counts.resets += 1
        log.warning(
            "The clock was set back: rules are evaluated on from there",
            extra={"group": self.group.key, "seconds": (last - begin) // SECOND},
        )
        for rule in self.rules:
            rule.shift(begin - last)
        return begin

    # State that was there before

    def remembered(self, evaluated_at: Moment, alerts: Mapping[int, Sequence[StoredRuleAlert]]) -> None:
        """Go on with what the store has of this group, by rule."""
        now = self._world.clock.now()
        set_back = evaluated_at - self.slots.at_or_before(now) if evaluated_at > now else 0
        self._evaluated_before = evaluated_at - set_back
        for rule in self.rules:
            if isinstance(rule.rule, AlertingRule) and rule.identity in alerts:
                rule.alerts = restore.remembered((each.alert for each in alerts[rule.identity]), set_back)
                if self._world.writer is not None:
                    rule.series = rule.shown_series()

    def look_back(self) -> None:
        """The store knows nothing of this group: ask the backend once what was pending before."""
        if self._world.options.read_back:
            self._looks_back = {rule.identity for rule in self.rules}

    def adopt(self, other: LiveGroup) -> list[LiveRule]:
        """Go on where the group was before it was changed, rule by rule; the rules that are gone."""
        left = {rule.identity: rule for rule in other.rules}
        for rule in self.rules:
            former = left.pop(rule.identity, None)
            if former is not None:
                rule.adopt(former)
        self.counts = other.counts
        self.evaluated_at = other.evaluated_at
        self.began_at = other.began_at
        self.seconds = other.seconds
        self.rule_seconds = other.rule_seconds
        self._evaluated_before = other._evaluated_before
        self._looks_back = other._looks_back
        self._left_series = [
            *other._left_series,
            *(labels for rule in left.values() for labels in rule.series),
        ]
        if self.slots == other.slots:
            self._last = other._last
        return list(left.values())

    def stored(self) -> tuple[list[StoredRuleAlert], list[EvaluatedGroup]]:
        """Everything of this group that the store must have."""
        alerts = [
            StoredRuleAlert(rule.identity, alert) for rule in self.rules for alert in rule.alerts.values()
        ]
        at = self.evaluated_at or self._evaluated_before
        return alerts, [] if at is None else [EvaluatedGroup(self.group.key, at)]

    async def resolve(self, rules: Iterable[LiveRule], at: Moment) -> None:
        """Tell once that alerts are over whose rules are gone."""
        for rule in rules:
            alerts = [
                resolved(alert, at) for alert in rule.alerts.values() if alert.state is AlertState.FIRING
            ]
            await self._tell(rule, alerts, at)

    def end_series(self, at: Moment) -> None:
        """Write the end of every series of this group, which is gone."""
        if self._world.writer is None:
            return
        gone = [*self._left_series, *(labels for rule in self.rules for labels in rule.series)]
        moment = query_time(self.group, at, self.interval, self._world.options.query_offset)
        self._world.writer.write([Point(labels, moment, STALE) for labels in gone])

    # An iteration

    async def iterate(self, at: Moment) -> None:
        """Evaluate every rule for this moment."""
        options = self._world.options
        begun = perf_counter()
        self.began_at = self._world.clock.now()
        turn = _Iteration(at, query_time(self.group, at, self.interval, options.query_offset))
        if self._evaluated_before is not None:
            self._after_pause(self._evaluated_before, at, turn.changes)
            self._evaluated_before = None
        self._end_left_series(turn.query_at)
        try:
            await self._every_rule(turn)
        finally:
            # Also of an iteration that was cut off.
            self.evaluated_at = at
            turn.changes.groups.append(EvaluatedGroup(self.group.key, at))
            self._world.remember(turn.changes)
        self._say(turn)
        self.counts.iterations += 1
        self.rule_seconds = sum(rule.seconds for rule in self.rules)
        self.seconds = perf_counter() - begun
        self.counts.seconds += self.seconds

    async def _every_rule(self, turn: _Iteration) -> None:
        if self._together == 1 or len(self.rules) == 1:
            await self._in_order(turn)
            return
        rules = iter(self.rules)
        workers = [self._some(rules, turn) for _ in range(min(self._together, len(self.rules)))]
        await asyncio.gather(*workers)

    async def _in_order(self, turn: _Iteration) -> None:
        writer = self._world.writer
        unwritten: set[int] = set()
        for place, rule in enumerate(self.rules):
            if self._stopping:
                break
            if writer is not None and not unwritten.isdisjoint(self._dependencies[place]):
                # Whether the backend shows them already is up to the backend.
                await writer.flush(_FLUSH_WITHIN)
                unwritten.clear()
            await self._evaluate(rule, turn)
            unwritten.add(place)

    async def _some(self, rules: Iterable[LiveRule], turn: _Iteration) -> None:
        for rule in rules:
            if self._stopping:
                break
            await self._evaluate(rule, turn)

    async def _evaluate(self, rule: LiveRule, turn: _Iteration) -> None:
        if not isinstance(rule.rule, AlertingRule) and self._world.writer is None:
            # Nobody would take what it records.
            return
        begun = perf_counter()
        rule.evaluated_at = self._world.clock.now()
        self.counts.evaluations += 1
        try:
            await self._evaluated(rule, turn)
        except QueryError as error:
            self._failed(rule, str(error), turn)
            await self._tell_again(rule, turn)
        except LimitError as error:
            self._failed(rule, str(error), turn)
            turn.changes.removed_alerts += [(rule.identity, labels) for labels in rule.alerts]
            rule.alerts = {}
        except SameLabelsError as error:
            self._failed(rule, str(error), turn)
        except Exception:
            # One rule must not keep the others from being evaluated.
            log.exception(
                "A rule could not be evaluated because of a bug",
                extra={"group": self.group.key, "rule": rule.rule.name},
            )
            self._failed(rule, "internal error: see the log", turn)
        rule.seconds = perf_counter() - begun
        self.counts.rule_seconds += rule.seconds

    async def _evaluated(self, rule: LiveRule, turn: _Iteration) -> None:
        answer = await self._answer(rule, turn)
        writer = self._world.writer
        if isinstance(rule.rule, AlertingRule):
            made = await rule.turn(
                answer.samples,
                turn.at,
                complete=not answer.partial,
                questions=Questions(turn.answers),
                ask=lambda wanted: self._ask(wanted, turn),
                let_others_run=let_others_run,
            )
            if rule.identity in self._looks_back:
                self._looks_back.discard(rule.identity)
                await self._restore(rule, made, turn)
            self._take(rule, made, turn.changes)
            await self._tell(rule, made.send, turn.at)
            if writer is not None:
                self._write(rule, rule.shown_series() if rule.alerts else {}, turn.query_at)
        elif writer is not None:
            self._write(rule, rule.record(rule.rule, answer.samples), turn.query_at)
        if rule.rule.debug or self.group.debug:
            self._tell_the_log(rule, answer, turn)
        rule.health = Health.OK
        rule.last_error = ""
        rule.failing_since = None
        rule.samples = len(answer.samples)
        rule.series_fetched = answer.series_fetched
        failures = rule.template_failures()
        self.counts.template_failures += len(failures)
        rule.warnings = (*answer.warnings, *failures) if failures else answer.warnings

    def _tell_the_log(self, rule: LiveRule, answer: Answer, turn: _Iteration) -> None:
        states = Counter(alert.state.value for alert in rule.alerts.values())
        log.info(
            "A rule was evaluated",
            extra={
                "group": self.group.key,
                "rule": rule.rule.name,
                "query": rule.rule.expression,
                "time": format_rfc3339(turn.query_at),
                "samples": len(answer.samples),
                "series_fetched": answer.series_fetched,
                "alerts": dict(states),
            },
        )

    async def _answer(self, rule: LiveRule, turn: _Iteration) -> Answer:
        answer = await self._world.backend.query(
            rule.rule.expression, turn.query_at, timeout=self._timeout, group=self.group
        )
        self._refuse_partial(answer)
        return answer

    def _refuse_partial(self, answer: Answer) -> None:
        if answer.partial and self.group.partial_response is PartialResponse.ABORT:
            raise QueryError("the answer is partial: some of the data could not be read", kind="partial")

    def _take(self, rule: LiveRule, made: Turn, changes: RuleChanges) -> None:
        rule.alerts = made.alerts
        if made.changed:
            changes.alerts += [StoredRuleAlert(rule.identity, alert) for alert in made.changed]
        if made.removed:
            changes.removed_alerts += [(rule.identity, labels) for labels in made.removed]

    def _write(self, rule: LiveRule, made: dict[Labels, float], at: Moment) -> None:
        points = recorded_points(made, rule.series, at)
        rule.series = made
        if points:
            assert self._world.writer is not None
            self._world.writer.write(points)

    def _end_left_series(self, at: Moment) -> None:
        if self._left_series and self._world.writer is not None:
            current = {labels for rule in self.rules for labels in rule.series}
            gone = [labels for labels in self._left_series if labels not in current]
            self._world.writer.write([Point(labels, at, STALE) for labels in gone])
        self._left_series = []

    # Queries of templates

    async def _ask(self, wanted: Sequence[str], turn: _Iteration) -> None:
        """Have what templates ask answered, once in an iteration, for the moment of the evaluation itself."""
        for expression in wanted:
            if expression not in turn.asking:
                turn.asking[expression] = asyncio.create_task(self._ask_one(expression, turn))
        await asyncio.gather(*[turn.asking[expression] for expression in wanted])

    async def _ask_one(self, expression: str, turn: _Iteration) -> None:
        async with turn.turns:
            try:
                answer = await self._world.backend.query(
                    expression, turn.at, timeout=self._timeout, group=self.group
                )
                self._refuse_partial(answer)
            except QueryError as error:
                turn.answers[expression] = ValueError(str(error))
            else:
                turn.answers[expression] = answer.samples

    # Telling

    async def _tell(self, rule: LiveRule, alerts: Sequence[RuleAlertState], at: Moment) -> None:
        if alerts:
            link = self._link(rule)
            told = [to_send(alert, at, self._validity, link) for alert in alerts]
            await self._world.notifier.notify(told, group=self.group)

    def _link(self, rule: LiveRule) -> str:
        """Where the expression of a rule can be looked at."""
        link = self._links.get(rule.identity)
        if link is None:
            expression = quote_plus(bare(rule.rule.expression))
            link = f"{self._world.options.external_url}/graph?g0.expr={expression}&g0.tab=1"
            self._links[rule.identity] = link
        return link

    # Failures

    def _failed(self, rule: LiveRule, error: str, turn: _Iteration) -> None:
        self.counts.failures += 1
        rule.health = Health.ERROR
        rule.last_error = error
        rule.samples = 0
        rule.failing_since = turn.at if rule.failing_since is None else rule.failing_since
        turn.first_error = turn.first_error or f"{rule.rule.name}: {error}"

    async def _tell_again(self, rule: LiveRule, turn: _Iteration) -> None:
        """While the backend does not answer nothing resolves: who fires is told so, for a while."""
        options = self._world.options
        assert rule.failing_since is not None
        if (
            not options.resend_on_query_error
            or not rule.alerts
            or turn.at - rule.failing_since > options.longest_resend
        ):
            return
        made = resend(rule.alerts, turn.at, options.resend_delay)
        self._take(rule, made, turn.changes)
        self.counts.resent += len(made.send)
        await self._tell(rule, made.send, turn.at)

    def _say(self, turn: _Iteration) -> None:
        """One line when rules begin to fail, or to fail differently, and one when all work again."""
        if turn.first_error == self._error:
            return
        failing = sum(rule.health is Health.ERROR for rule in self.rules)
        if turn.first_error:
            log.warning(
                "Evaluating rules failed",
                extra={"group": self.group.key, "rules": failing, "err": turn.first_error},
            )
        else:
            log.info("Evaluating rules works again", extra={"group": self.group.key})
        self._error = turn.first_error

    # After a restart

    def _after_pause(self, last: Moment, at: Moment, changes: RuleChanges) -> None:
        for rule in self.rules:
            for alert in restore.after_pause(
                rule.alerts, last, at, self.interval, self._world.options.after_pause
            ):
                rule.alerts[alert.labels] = alert
                changes.alerts.append(StoredRuleAlert(rule.identity, alert))

    async def _restore(self, rule: LiveRule, made: Turn, turn: _Iteration) -> None:
        """Let alerts that have just become pending go on where ``ALERTS_FOR_STATE`` says that they were."""
        options = self._world.options
        assert isinstance(rule.rule, AlertingRule)
        if rule.rule.hold < options.grace or not made.alerts:
            return
        begun = perf_counter()
        former = await self._former_alerts(rule.rule, turn.at)
        self.restore_seconds += perf_counter() - begun
        for place, alert in enumerate(made.changed):
            found = former.get(alert.labels)
            if found is None or alert.state is not AlertState.PENDING:
                continue
            active_at = restore.active_since(found, turn.at, rule.rule.hold, options.grace)
            made.changed[place] = made.alerts[alert.labels] = alert._replace(active_at=active_at)

    async def _former_alerts(self, rule: AlertingRule, at: Moment) -> dict[Labels, restore.FormerAlert]:
        options = self._world.options
        lookup = restore.lookup(rule, options.outage_tolerance, options.dialect)
        group = replace(self.group, params={**self.group.params, **lookup.params})
        try:
            active_at, seen_at = [
                await self._world.backend.query(expression, at, timeout=self._timeout, group=group)
                for expression in (lookup.active_at, lookup.seen_at)
            ]
        except QueryError as error:
            log.warning(
                "Pending alerts could not be restored from the backend: they begin to wait anew",
                extra={"group": self.group.key, "rule": rule.name, "err": str(error)},
            )
            return {}
        return restore.former_alerts(active_at.samples, seen_at.samples, options.external_labels)
