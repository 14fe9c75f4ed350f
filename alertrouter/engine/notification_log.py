"""The notification log: what each integration was last told about each group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.engine.changes import Changes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.core.time import Duration, Moment
    from alertrouter.engine.changes import LogEntry
    from alertrouter.engine.group import AggregationGroup
    from alertrouter.engine.slot import GroupId, Slot


class NotificationLog:
    """The entries by slot. ``unsure`` are slots with a send whose outcome was never written."""

    def __init__(self, retention: Duration) -> None:
        self.entries: dict[Slot, LogEntry] = {}
        self.unsure: set[Slot] = set()
        self._retention = retention

    def put(self, entry: LogEntry, changes: Changes) -> None:
        """Let this be the entry of its slot."""
        self.entries[entry.slot] = entry
        changes.entries.append(entry)

    def expiry(self, repeat_interval: Duration, now: Moment) -> Moment:
        """Until when an entry written now is kept at least."""
        return now + min(self._retention, 2 * repeat_interval)

    def announced(self, slot: Slot) -> frozenset[int]:
        """Whom the integration believes to be firing."""
        entry = self.entries.get(slot)
        return frozenset() if entry is None else entry.announced

    def owes(self, group: AggregationGroup) -> bool:
        """Whether some integration that wants resolves was told that members of this group fire."""
        return any(integration.send_resolved and self.announced(slot) for slot, integration in group.slots())

    def expire(self, groups: Mapping[GroupId, AggregationGroup], now: Moment) -> Changes:
        """Forget entries past their time. D5: not while their group has something open to tell."""
        changes = Changes()
        for slot, entry in list(self.entries.items()):
            if entry.expires_at > now:
                continue
            group = groups.get(slot.group)
            if group is not None and entry.announced and not _over_for_long(group, now):
                continue
            del self.entries[slot]
            changes.removed_entries.append(slot)
        return changes


def _over_for_long(group: AggregationGroup, now: Moment) -> bool:
    """Whether every member was resolved long ago, so that even a failing receiver is given up (B83)."""
    route = group.route
    patience = max(2 * route.repeat_interval, 2 * route.group_interval)
    return all(known.ends_at + patience <= now and known not in group.muted for known in group.members)
