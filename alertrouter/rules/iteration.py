"""One evaluation of a group of rules, for one moment: ask, decide, tell, write."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

from alertrouter.clock import let_others_run
from alertrouter.core.rule_state import AlertState, RuleChanges, StoredRuleAlert
from alertrouter.core.time import format_rfc3339
from alertrouter.rules import restore
from alertrouter.rules.live_rule import Health
from alertrouter.rules.model import AlertingRule, PartialResponse
from alertrouter.rules.ports import QueryError
from alertrouter.rules.rendering import Questions
from alertrouter.rules.series import SameLabelsError, recorded_points
from alertrouter.rules.slots import query_time
from alertrouter.rules.state import LimitError, Turn, resend, to_send, validity
from alertrouter.rules.updates import Update

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.core.labels import Labels
    from alertrouter.core.rule_state import RuleAlertState
    from alertrouter.core.time import Duration, Moment
    from alertrouter.rules.live_rule import LiveRule
    from alertrouter.rules.model import RuleGroup
    from alertrouter.rules.ports import Answer
    from alertrouter.rules.rendering import Answers
    from alertrouter.rules.world import Counts, World
    from alertrouter.templating.rule_functions import Sample

log = logging.getLogger(__name__)

_ASKED_AT_ONCE = 8
_NO_HISTOGRAMS = "what the query API tells of them is not all of them; record a quantile or a sum of them"
# What a backend says of a query that it does not like, and would say again.
_OF_THE_RULE = ("bad_data", "execution")


async def tell(
    world: World,
    group: RuleGroup,
    rule: LiveRule,
    alerts: Sequence[RuleAlertState],
    at: Moment,
    interval: Duration,
) -> None:
    """Hand on alerts of a rule as they are at this moment."""
    link = rule.link(world.options.external_url)
    holds = validity(interval, world.options.resend_delay)
    await world.notifier.notify([to_send(alert, at, holds, link) for alert in alerts], group=group)


class Iteration:
    """What one evaluation of a group gathers, and how its rules are evaluated.

    ``looks_back`` are the rules whose former alerts are still to be asked of the backend. ``changes`` must be stored,
    ``first_error`` is that of the first rule that failed. ``unanswered`` counts the rules whose query the backend did not
    answer for reasons of its own, ``answered`` all others.
    """

    def __init__(
        self,
        group: RuleGroup,
        world: World,
        at: Moment,
        *,
        interval: Duration,
        counts: Counts,
        looks_back: set[int],
    ) -> None:
        self.at = at
        self.query_at = query_time(group, at, interval, world.options.query_offset)
        self.changes = RuleChanges()
        self.first_error = ""
        self.answered = 0
        self.unanswered = 0
        self._evaluated_rules = 0
        self._group = group
        self._world = world
        self._interval = interval
        self._timeout = min(world.options.query_timeout, interval)
        self._counts = counts
        self._looks_back = looks_back
        self._answers: Answers = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._turns = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def evaluate(self, rule: LiveRule) -> None:
        """Evaluate one rule; whatever goes wrong is noted at the rule."""
        if not isinstance(rule.rule, AlertingRule) and self._world.writer is None:
            # Nobody would take what it records.
            return
        begun = perf_counter()
        rule.evaluated_at = self._world.clock.now()
        self._counts.evaluations += 1
        self._evaluated_rules += 1
        try:
            await self._evaluated(rule)
        except QueryError as error:
            self._failed(rule, str(error))
            self.unanswered += error.kind not in _OF_THE_RULE
            await self._tell_again(rule)
        except LimitError as error:
            self._failed(rule, str(error))
            self.changes.removed_alerts += [(rule.identity, labels) for labels in rule.alerts]
            rule.alerts = {}
        except SameLabelsError as error:
            self._failed(rule, str(error))
        except Exception:
            # One rule must not keep the others from being evaluated.
            log.exception(
                "A rule could not be evaluated because of a bug",
                extra={"group": self._group.key, "rule": rule.rule.name},
            )
            self._failed(rule, "internal error: see the log")
        self.answered = self._evaluated_rules - self.unanswered
        rule.seconds = perf_counter() - begun
        self._counts.rule_seconds += rule.seconds
        fetched = None if rule.last_error else rule.series_fetched
        rule.updates.add(
            Update(rule.evaluated_at, self.query_at, rule.seconds, rule.samples, fetched, rule.last_error)
        )

    async def _evaluated(self, rule: LiveRule) -> None:
        answer = await self._answer(rule)
        writer = self._world.writer
        left_out = 0
        if isinstance(rule.rule, AlertingRule):
            made = await rule.turn(
                answer.samples,
                self.at,
                complete=not answer.partial,
                questions=Questions(self._answers),
                ask=self._ask,
                look=self._look,
                let_others_run=let_others_run,
            )
            if rule.identity in self._looks_back:
                self._looks_back.discard(rule.identity)
                await self._restore(rule, made)
            self._take(rule, made, self.changes)
            await self._tell(rule, made.send)
            if writer is not None:
                self._write(rule, rule.shown_series() if rule.alerts else {}, self.query_at)
        elif writer is not None:
            made_series = rule.record(rule.rule, answer.samples)
            left_out = len(answer.samples) - len(made_series)
            self._write(rule, made_series, self.query_at)
        if rule.rule.debug or self._group.debug:
            self._tell_the_log(rule, answer)
        rule.health = Health.OK
        rule.last_error = ""
        rule.failing_since = None
        rule.samples = len(answer.samples)
        rule.series_fetched = answer.series_fetched
        failures = rule.template_failures()
        self._counts.template_failures += len(failures)
        rule.warnings = (*answer.warnings, *failures) if failures else answer.warnings
        if left_out:
            self._say_left_out(rule, left_out)

    def _say_left_out(self, rule: LiveRule, count: int) -> None:
        """That native histograms were not recorded: in the list of rules always, in the log once."""
        self._counts.left_out += count
        rule.warnings = (*rule.warnings, f"{count} native histograms were not recorded: {_NO_HISTOGRAMS}")
        if not rule.told_of_histograms:
            rule.told_of_histograms = True
            log.warning(
                "Native histograms are not recorded: %s",
                _NO_HISTOGRAMS,
                extra={"group": self._group.key, "rule": rule.rule.name},
            )

    def _tell_the_log(self, rule: LiveRule, answer: Answer) -> None:
        states = Counter(alert.state.value for alert in rule.alerts.values())
        log.info(
            "A rule was evaluated",
            extra={
                "group": self._group.key,
                "rule": rule.rule.name,
                "query": rule.rule.expression,
                "time": format_rfc3339(self.query_at),
                "samples": len(answer.samples),
                "series_fetched": answer.series_fetched,
                "alerts": dict(states),
            },
        )

    async def _answer(self, rule: LiveRule) -> Answer:
        answer = await self._world.backend.query(
            rule.rule.expression, self.query_at, timeout=self._timeout, group=self._group
        )
        self._refuse_partial(answer)
        return answer

    def _refuse_partial(self, answer: Answer) -> None:
        if answer.partial and self._group.partial_response is PartialResponse.ABORT:
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

    # Queries of templates

    async def _ask(self, wanted: Sequence[str]) -> None:
        """Have what templates ask answered, once in an iteration, for the moment of the evaluation itself."""
        for expression in wanted:
            if expression not in self._asking:
                self._asking[expression] = asyncio.create_task(self._ask_one(expression))
        await asyncio.gather(*[self._asking[expression] for expression in wanted])

    async def _ask_one(self, expression: str) -> None:
        async with self._turns:
            try:
                answer = await self._world.backend.query(
                    expression, self.at, timeout=self._timeout, group=self._group
                )
                self._refuse_partial(answer)
            except QueryError as error:
                self._answers[expression] = ValueError(str(error))
            else:
                self._answers[expression] = answer.samples

    async def _look(self, expression: str) -> Sequence[Sample] | None:
        """Whether data are there; None when the backend cannot say. Raises QueryError while it does not answer."""
        try:
            answer = await self._world.backend.query(
                expression, self.query_at, timeout=self._timeout, group=self._group
            )
        except QueryError as error:
            if error.kind not in _OF_THE_RULE:
                raise
            log.warning(
                "It cannot be found out whether data are missing: alerts that end are kept for a while",
                extra={"group": self._group.key, "query": expression, "err": str(error)},
            )
            return None
        # Half an answer says of nothing that it is not there.
        if answer.partial:
            raise QueryError("the answer is partial: some of the data could not be read", kind="partial")
        return answer.samples

    # Telling

    async def _tell(self, rule: LiveRule, alerts: Sequence[RuleAlertState]) -> None:
        if alerts:
            await tell(self._world, self._group, rule, alerts, self.at, self._interval)

    # Failures

    def _failed(self, rule: LiveRule, error: str) -> None:
        self._counts.failures += 1
        rule.health = Health.ERROR
        rule.last_error = error
        rule.samples = 0
        rule.failing_since = self.at if rule.failing_since is None else rule.failing_since
        self.first_error = self.first_error or f"{rule.rule.name}: {error}"

    async def _tell_again(self, rule: LiveRule) -> None:
        """While the backend does not answer nothing resolves: who fires is told so, for a while."""
        options = self._world.options
        assert rule.failing_since is not None
        if (
            not options.resend_on_query_error
            or not rule.alerts
            or self.at - rule.failing_since > options.longest_resend
        ):
            return
        made = resend(rule.alerts, self.at, options.resend_delay)
        self._take(rule, made, self.changes)
        self._counts.resent += len(made.send)
        await self._tell(rule, made.send)

    async def _restore(self, rule: LiveRule, made: Turn) -> None:
        """Let alerts that have just become pending go on where ``ALERTS_FOR_STATE`` says that they were."""
        options = self._world.options
        assert isinstance(rule.rule, AlertingRule)
        if rule.rule.hold < options.grace or not made.alerts:
            return
        begun = perf_counter()
        former = await self._former_alerts(rule.rule, self.at)
        self._counts.restore_seconds += perf_counter() - begun
        for place, alert in enumerate(made.changed):
            found = former.get(alert.labels)
            if found is None or alert.state is not AlertState.PENDING:
                continue
            active_at = restore.active_since(found, self.at, rule.rule.hold, options.grace)
            made.changed[place] = made.alerts[alert.labels] = alert._replace(active_at=active_at)

    async def _former_alerts(self, rule: AlertingRule, at: Moment) -> dict[Labels, restore.FormerAlert]:
        options = self._world.options
        lookup = restore.lookup(rule, options.outage_tolerance, options.dialect)
        group = replace(self._group, params={**self._group.params, **lookup.params})
        try:
            active_at, seen_at = [
                await self._world.backend.query(expression, at, timeout=self._timeout, group=group)
                for expression in (lookup.active_at, lookup.seen_at)
            ]
        except QueryError as error:
            log.warning(
                "Pending alerts could not be restored from the backend: they begin to wait anew",
                extra={"group": self._group.key, "rule": rule.name, "err": str(error)},
            )
            return {}
        return restore.former_alerts(active_at.samples, seen_at.samples, options.external_labels)
