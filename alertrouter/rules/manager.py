"""All groups of rules: started, replaced when the files change, stopped."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from alertrouter.core.rule_state import AlertState, EvaluatedGroup, RuleChanges, StoredRuleAlert
from alertrouter.rules.live_group import LiveGroup
from alertrouter.rules.live_rule import same
from alertrouter.rules.model import RecordingRule, RuleGroup
from alertrouter.rules.state import resolved, to_send

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from alertrouter.core.time import Duration, Moment
    from alertrouter.rules.live_rule import LiveRule
    from alertrouter.rules.model import RuleSet
    from alertrouter.rules.world import World

log = logging.getLogger(__name__)


class Manager:
    """Keeps the groups of the rule set in force evaluated. All methods belong to the event loop."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._groups: dict[str, LiveGroup] = {}
        self._replacing = asyncio.Lock()
        self._ends: set[asyncio.Task[None]] = set()

    def groups(self) -> Sequence[LiveGroup]:
        """The groups in force, by file and then by name."""
        return sorted(self._groups.values(), key=lambda each: (each.group.file, each.group.name))

    def stored(self) -> tuple[list[StoredRuleAlert], list[EvaluatedGroup]]:
        """Everything that the store must have, to be written anew."""
        alerts: list[StoredRuleAlert] = []
        evaluated: list[EvaluatedGroup] = []
        for group in self._groups.values():
            of_group, at = group.stored()
            alerts += of_group
            evaluated += at
        return alerts, evaluated

    async def start(
        self,
        rules: RuleSet,
        *,
        alerts: Iterable[StoredRuleAlert] = (),
        evaluated: Iterable[EvaluatedGroup] = (),
    ) -> None:
        """Begin, going on with what the store remembers."""
        now = self._world.clock.now()
        self._warn(rules)
        at_by_key = {each.key: each.at for each in evaluated}
        by_rule: dict[int, list[StoredRuleAlert]] = {}
        for each in alerts:
            by_rule.setdefault(each.rule, []).append(each)
        changes = RuleChanges()
        tolerance = self._world.options.outage_tolerance
        for group in rules.groups:
            live = self._groups[group.key] = LiveGroup(group, self._world)
            at = at_by_key.pop(group.key, None)
            if at is None:
                live.look_back()
                continue
            own = {rule.identity: by_rule.pop(rule.identity, []) for rule in live.rules}
            if now - at > tolerance:
                _forget((each for found in own.values() for each in found), changes)
            else:
                live.remembered(at, own)
        if rules.groups:
            # None at all is more likely a folder that is not mounted than an intention: nothing is resolved for it.
            await self._forget_the_rest(by_rule, at_by_key, now, changes)
        self._world.remember(changes)
        for live in self._groups.values():
            live.start()

    async def _forget_the_rest(
        self,
        alerts: Mapping[int, Sequence[StoredRuleAlert]],
        evaluated: Mapping[str, Moment],
        now: Moment,
        changes: RuleChanges,
    ) -> None:
        """What belongs to rules that are not there any more."""
        options = self._world.options
        left = [each for found in alerts.values() for each in found]
        _forget(left, changes)
        changes.removed_groups += evaluated
        firing = [each.alert for each in left if each.alert.state is AlertState.FIRING]
        if options.resolve_removed and firing:
            told = [to_send(resolved(alert, now), now, 0, "") for alert in firing]
            await self._world.notifier.notify(told, group=RuleGroup(file="", name=""))

    async def replace(self, rules: RuleSet, *, anew: bool = False) -> None:
        """Go on with these rules. Groups that say what they said before are left alone, unless all must begin ``anew``
        because what they are evaluated in has changed; their state they keep.
        """
        async with self._replacing:
            self._warn(rules)
            before, after = self._groups, dict[str, LiveGroup]()
            changed: list[tuple[LiveGroup, LiveGroup]] = []
            for group in rules.groups:
                old = before.get(group.key)
                if old is not None and not anew and same(old.group, group):
                    after[group.key] = old
                    continue
                new = after[group.key] = LiveGroup(group, self._world)
                if old is not None:
                    changed.append((old, new))
            removed = [live for key, live in before.items() if key not in after]
            await asyncio.gather(*[each.stop() for each in (*removed, *(old for old, _ in changed))])
            changes = RuleChanges()
            for old, new in changed:
                await self._dismiss(old, new.adopt(old), changes)
            for gone in removed:
                # None at all is more likely a folder that is not mounted than an intention: nothing is resolved for it.
                await self._dismiss(gone, gone.rules, changes, tells=bool(after))
                changes.removed_groups.append(gone.group.key)
                self._end_series_of(gone)
            self._groups = after
            self._world.remember(changes)
            for key, live in after.items():
                if before.get(key) is not live:
                    live.start()

    async def _dismiss(
        self, group: LiveGroup, rules: Sequence[LiveRule], changes: RuleChanges, *, tells: bool = True
    ) -> None:
        """Rules of this group are gone."""
        for rule in rules:
            changes.removed_alerts += [(rule.identity, labels) for labels in rule.alerts]
        if tells and self._world.options.resolve_removed:
            await group.resolve(rules, self._world.clock.now())

    def _end_series_of(self, group: LiveGroup) -> None:
        """End the series of a group that is gone, when it could not have been evaluated late any more."""
        if self._world.writer is None:
            return
        task = asyncio.create_task(self._end_series_after(group, 2 * group.interval))
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)

    async def _end_series_after(self, group: LiveGroup, wait: Duration) -> None:
        await self._world.clock.sleep_for(wait)
        group.end_series(self._world.clock.now())

    async def stop(self) -> None:
        """Evaluate no more; rules under way are finished."""
        async with self._replacing:
            for task in self._ends:
                task.cancel()
            await asyncio.gather(*[group.stop() for group in self._groups.values()])
            # Values and annotations are not written each time they change.
            self._world.remember(RuleChanges(alerts=self.stored()[0]))

    def _warn(self, rules: RuleSet) -> None:
        for warning in rules.warnings:
            log.warning("%s", warning)
        if self._world.writer is None and any(
            isinstance(rule, RecordingRule) for group in rules.groups for rule in group.rules
        ):
            log.warning(
                "Recording rules are not evaluated: --remote-write.url does not say where to write to"
            )


def _forget(alerts: Iterable[StoredRuleAlert], changes: RuleChanges) -> None:
    changes.removed_alerts += [(each.rule, each.alert.labels) for each in alerts]
