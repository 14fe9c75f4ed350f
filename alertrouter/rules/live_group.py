"""One group of rules, evaluated again and again at its slots."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from time import perf_counter
from typing import TYPE_CHECKING, Final

import xxhash

from alertrouter.core.rule_state import AlertState, EvaluatedGroup, RuleChanges, StoredRuleAlert
from alertrouter.core.time import SECOND
from alertrouter.rules import restore
from alertrouter.rules.blindness import Blindness
from alertrouter.rules.iteration import Iteration, tell
from alertrouter.rules.live_rule import Health, LiveRule, identities
from alertrouter.rules.model import AlertingRule
from alertrouter.rules.order import dependencies
from alertrouter.rules.ports import STALE, Point
from alertrouter.rules.slots import query_time, slots_of
from alertrouter.rules.state import resolved
from alertrouter.rules.world import Counts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from alertrouter.core.labels import Labels
    from alertrouter.core.time import Duration, Moment
    from alertrouter.rules.model import RuleGroup
    from alertrouter.rules.world import World

log = logging.getLogger(__name__)

# A clock that was set is noticed this much later at most.
_LONGEST_NAP: Final = 5 * SECOND
# So long an iteration may take to end when the process stops, and samples to be written before they are read.
_STOP_WITHIN: Final = 10 * SECOND
_FLUSH_WITHIN: Final = 5 * SECOND


class LiveGroup:
    """A group and the state of its rules. ``identity`` is the same after reloads and restarts.

    ``evaluated_at`` is the moment of the last evaluation, its slot; ``began_at`` the time of day at which it began,
    ``seconds`` what it took, ``rule_seconds`` what its rules took altogether.
    """

    def __init__(self, group: RuleGroup, world: World) -> None:
        options = world.options
        self.group = group
        self.identity = xxhash.xxh64_intdigest(group.key.encode("utf-8", "surrogatepass"))
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
        self._world = world
        self._dependencies = dependencies(group)
        self._together = 1 if any(self._dependencies) else group.concurrency or options.concurrency
        self._left_series: list[Labels] = []
        # Until the first evaluation after a restart: when it was evaluated before, and the rules to be looked up elsewhere.
        self._evaluated_before: Moment | None = None
        self._looks_back: set[int] = set()
        # The clock was set: everything that is stored is of another time.
        self._store_all = False
        self._last: Moment | None = None
        self._blindness = Blindness(group, self.interval, options) if options.tell_when_blind else None
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
            try:
                await self.iterate(due.at)
            except Exception:
                # There is another chance at the next slot, and other groups must not suffer.
                log.exception(
                    "A group could not be evaluated because of a bug", extra={"group": self.group.key}
                )

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
        self._store_all = True
        return begin

    # State that was there before

    def remembered(self, evaluated_at: Moment, alerts: Mapping[int, Sequence[StoredRuleAlert]]) -> None:
        """Go on with what the store has of this group, by rule."""
        now = self._world.clock.now()
        set_back = evaluated_at - self.slots.at_or_before(now) if evaluated_at > now else 0
        self._evaluated_before = evaluated_at - set_back
        self._store_all = set_back > 0
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
        self._blindness = other._blindness if self._blindness is not None else None
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
            if alerts:
                await tell(self._world, self.group, rule, alerts, at, self.interval)

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
        begun = perf_counter()
        self.began_at = self._world.clock.now()
        turn = Iteration(
            self.group,
            self._world,
            at,
            interval=self.interval,
            counts=self.counts,
            looks_back=self._looks_back,
        )
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
            if self._store_all:
                turn.changes.alerts, _ = self.stored()
                self._store_all = False
            self._world.remember(turn.changes)
        self._say(turn)
        if self._blindness is not None:
            blind = turn.unanswered and not turn.answered
            told = self._blindness.evaluated(at, turn.first_error if blind else "")
            if told:
                await self._world.notifier.notify(told, group=self.group)
        self.counts.iterations += 1
        self.rule_seconds = sum(rule.seconds for rule in self.rules)
        self.seconds = perf_counter() - begun
        self.counts.seconds += self.seconds

    async def _every_rule(self, turn: Iteration) -> None:
        if self._together == 1 or len(self.rules) == 1:
            await self._in_order(turn)
            return
        rules = iter(self.rules)
        workers = [self._some(rules, turn) for _ in range(min(self._together, len(self.rules)))]
        await asyncio.gather(*workers)

    async def _in_order(self, turn: Iteration) -> None:
        writer = self._world.writer
        unwritten: set[int] = set()
        for place, rule in enumerate(self.rules):
            if self._stopping:
                break
            if writer is not None and not unwritten.isdisjoint(self._dependencies[place]):
                # Whether the backend shows them already is up to the backend.
                await writer.flush(_FLUSH_WITHIN)
                unwritten.clear()
            await turn.evaluate(rule)
            unwritten.add(place)

    async def _some(self, rules: Iterable[LiveRule], turn: Iteration) -> None:
        for rule in rules:
            if self._stopping:
                break
            await turn.evaluate(rule)

    def _end_left_series(self, at: Moment) -> None:
        if self._left_series and self._world.writer is not None:
            current = {labels for rule in self.rules for labels in rule.series}
            gone = [labels for labels in self._left_series if labels not in current]
            self._world.writer.write([Point(labels, at, STALE) for labels in gone])
        self._left_series = []

    def _say(self, turn: Iteration) -> None:
        """One line when rules begin to fail, or to fail differently, and one when all work again."""
        if not turn.first_error and not self._error:
            return
        # Of those that fail the first in the file: which fails first is chance where some are asked at once.
        failing = [rule for rule in self.rules if rule.health is Health.ERROR]
        error = f"{failing[0].rule.name}: {failing[0].last_error}" if failing else ""
        if error == self._error:
            return
        if error:
            log.warning(
                "Evaluating rules failed",
                extra={"group": self.group.key, "rules": len(failing), "err": error},
            )
        else:
            log.info("Evaluating rules works again", extra={"group": self.group.key})
        self._error = error

    # After a restart

    def _after_pause(self, last: Moment, at: Moment, changes: RuleChanges) -> None:
        for rule in self.rules:
            for alert in restore.after_pause(
                rule.alerts, last, at, self.interval, self._world.options.after_pause
            ):
                rule.alerts[alert.labels] = alert
                changes.alerts.append(StoredRuleAlert(rule.identity, alert))
