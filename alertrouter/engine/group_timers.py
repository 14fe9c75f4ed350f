"""The live groups: who is in them, and when each has its turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.engine.changes import Changes
from alertrouter.engine.timers import Timers

if TYPE_CHECKING:
    from alertrouter.core.time import Moment
    from alertrouter.engine.group import AggregationGroup
    from alertrouter.engine.known import Known
    from alertrouter.engine.slot import GroupId


class GroupTimers:
    """Groups with their members and timers. Those held back were never announced, as they are muted (D10)."""

    def __init__(self, groups: dict[GroupId, AggregationGroup]) -> None:
        self._groups = groups
        self._timers = Timers()
        self._held: dict[AggregationGroup, None] = {}

    def schedule(self, group: AggregationGroup) -> None:
        """Wake the group when it is due, or earlier to see whether it is free."""
        at = group.due if group.recheck is None else min(group.due, group.recheck)
        self._timers.set(group, at)

    def next_due(self) -> Moment | None:
        """The earliest timer."""
        return self._timers.next()

    def none_due(self, now: Moment) -> bool:
        """Whether no timer has come: the quick answer for most moments."""
        return self._timers.none_before(now)

    def join(self, group: AggregationGroup, known: Known) -> bool:
        """Let an alert that is new or changed be a member; whether it was none before."""
        group.version += 1
        if known in group.members:
            return False
        known.join(group)
        group.members[known] = None
        return True

    def hurry(self, group: AggregationGroup, due: Moment) -> bool:
        """Flush a group by this moment that was held back so far and now has a member that is not (D10)."""
        if not group.held or due >= group.due:
            return False
        group.due = due
        self.schedule(group)
        return True

    def leave(self, group: AggregationGroup, known: Known) -> None:
        """Let an alert be a member no longer."""
        del group.members[known]
        known.leave(group)
        group.version += 1
        for slot, written in group.records.items():
            group.records[slot] = written.without(known.labels.identity)

    def remove(self, group: AggregationGroup, changes: Changes) -> None:
        """Forget a group that has no members left, or no route."""
        if self._groups.get(group.id) is group:
            del self._groups[group.id]
            changes.removed_groups.append(group.id)
        self._timers.cancel(group)
        self._held.pop(group, None)
        group.alone = ()  # it need not wait for the garbage collector

    def recheck_held(self, now: Moment) -> None:
        """Something that mutes may have ended: look at the groups that it kept back."""
        for group in self._held:
            self.recheck(group, now)

    def recheck(self, group: AggregationGroup, now: Moment) -> None:
        """What kept this group back may have ended: look at it."""
        group.recheck = now
        if not group.open:
            self.schedule(group)

    def clock_set(self, before: Moment, now: Moment) -> Changes:
        """Bring each timer into line with a clock that jumped; what that changed of the groups."""
        changes = Changes()
        for group in self._groups.values():
            group.quiet_until = 0
            group.waits_no_longer(now)
            group.waits_for_clients(before, now)
            if not group.open:
                self.schedule(group)
            changes.groups.append(group.state())
        return changes

    def pop_due(self, now: Moment) -> AggregationGroup | None:
        """A group whose timer has come, for who takes over what is done with it; None when there is none."""
        return self._timers.pop_due(now)

    def take_over(self, group: AggregationGroup) -> None:
        """Go on with a group exactly as it was."""
        if group.held:
            self._held[group] = None
        self.schedule(group)
