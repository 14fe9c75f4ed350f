"""An aggregation group: the alerts of one route with equal group labels, and their timer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.core.time import SECOND
from alertrouter.engine.changes import GroupState
from alertrouter.engine.slot import GroupId, Slot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.core.labels import Labels
    from alertrouter.core.receiver import Integration
    from alertrouter.core.route import Route
    from alertrouter.core.time import Moment
    from alertrouter.engine.decision import Send
    from alertrouter.engine.known import Known
    from alertrouter.engine.record import Written


RESEND_GRACE = 90 * SECOND
"""Alerts whose end passed while nobody listened are given this long to be reported again."""

#: One for all groups.
NOBODY_MUTED: frozenset[Known] = frozenset()


class AggregationGroup:
    """One group, alive as long as it has members.

    ``due`` is the next flush and ``recheck`` an earlier moment at which a group that is held back may have become
    free (D10). ``version`` counts changes of members. ``open`` holds the sends of the running flush; while there are
    any, no other flush begins. ``seen_resolved`` are the members that were resolved when the running flush began, with
    the time of their last report, and ``seen`` what it found out by who is muted, and until when time alone mutes nobody
    else. ``muted`` are the members that the last flush kept back. ``alone`` is the tuple of this group, for all members that
    are in no other.
    """

    __slots__ = (
        "_slots",
        "alone",
        "closing",
        "created_at",
        "due",
        "failed",
        "flush_number",
        "held",
        "id",
        "key",
        "labels",
        "members",
        "muted",
        "open",
        "overdue",
        "quiet_stamp",
        "quiet_until",
        "recheck",
        "records",
        "route",
        "seen",
        "seen_resolved",
        "settled_at",
        "tick",
        "timer",
        "version",
    )

    def __init__(self, route: Route, labels: Labels, *, created_at: Moment, due: Moment) -> None:
        self.id = GroupId(route.identity, labels)
        self.alone: tuple[AggregationGroup, ...] = (self,)
        self.route = route
        self.labels = labels
        self.key = route.group_key(labels)
        self.members: dict[Known, None] = {}
        self.created_at = created_at
        self.due = due
        self.recheck: Moment | None = None
        self.timer: Moment | None = None
        self.tick: Moment | None = None
        self.settled_at: Moment | None = None
        self.flush_number = 0
        self.version = 0
        self.held = False
        self.closing = False
        self.open: dict[Slot, Send] = {}
        self.failed = False
        self.overdue = False
        self.seen: tuple[tuple[int, ...], Moment] | None = None
        self.seen_resolved: list[tuple[Known, Moment]] = []
        self.muted: frozenset[Known] = NOBODY_MUTED
        self.quiet_stamp: tuple[int, ...] = ()
        self.quiet_until: Moment = 0
        self.records: dict[Slot, Written] = {}
        self._slots: Sequence[tuple[Slot, Integration]] | None = None

    def slots(self) -> Sequence[tuple[Slot, Integration]]:
        """Each integration that is told about this group, with the name of its log entry."""
        if self._slots is None:
            receiver = self.route.receiver
            self._slots = [(Slot(self.id, receiver.name, each.key), each) for each in receiver.integrations]
        return self._slots

    def integration_of(self, slot: Slot) -> Integration | None:
        """Whose slot this is, if anybody's."""
        for each, integration in self.slots():
            if each == slot:
                return integration
        return None

    def waits_no_longer(self, now: Moment) -> None:
        """A flush that is further away than its route lets it wait can only be so because the clock was set back."""
        wait = self.route.group_wait if self.tick is None else self.route.group_interval
        self.due = min(self.due, now + wait)

    def waits_for_clients(self, seen_at: Moment, now: Moment) -> None:
        """Put the flush off if the end of a member passed while nobody could hear that it goes on.

        To call it resolved at once would be a false message for every alert after a long outage.
        """
        if any(seen_at < known.ends_at <= now for known in self.members):
            self.due = max(self.due, now + RESEND_GRACE)

    def moves_to(self, route: Route) -> None:
        """Belong to the node of a new configuration that goes on for the old one."""
        self.route = route
        self.id = GroupId(route.identity, self.labels)
        self.key = route.group_key(self.labels)
        self._slots = None

    def state(self) -> GroupState:
        """What must be remembered."""
        route = self.route
        return GroupState(
            self.id,
            route.receiver.name,
            route.key,
            route.place,
            self.created_at,
            self.due,
            self.tick,
            self.settled_at,
            self.flush_number,
            self.held,
        )
