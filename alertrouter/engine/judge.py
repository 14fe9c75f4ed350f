"""Decides what one integration is to be told about a group as it stands."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alertrouter.core.alert import Status
from alertrouter.core.labels import order_for_display, order_of_like
from alertrouter.core.notification import Notification
from alertrouter.core.reason import NotSent, Reason
from alertrouter.core.time import SECOND
from alertrouter.engine.decision import Quiet, Send
from alertrouter.engine.dedup import Batch, why_notify
from alertrouter.engine.view import FAR

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from alertrouter.core.alert import Alert
    from alertrouter.core.receiver import Integration
    from alertrouter.core.route import Route
    from alertrouter.core.time import Moment
    from alertrouter.engine.changes import LogEntry
    from alertrouter.engine.group import AggregationGroup
    from alertrouter.engine.known import Known
    from alertrouter.engine.notification_log import NotificationLog
    from alertrouter.engine.slot import Slot
    from alertrouter.engine.view import Suppression, View

#: One for all: a group remembers several of these for as long as it lives.
NOBODY: frozenset[int] = frozenset()
_NOTHING: Mapping[Any, Any] = {}

#: Attempts may go on this long even where the group interval is shorter.
SHORTEST_DEADLINE = 10 * SECOND


class Judge:
    """Decides by the notification log and by what suppresses; ``suppression`` changes with the configuration.

    ``shows_alerts`` False leaves the alerts out of notifications: for who only asks who is told of whom, and why.
    """

    shows_alerts = True

    def __init__(self, log: NotificationLog, suppression: Suppression) -> None:
        self.suppression = suppression
        self._log = log
        self.generation = 0

    def reconfigured(self, suppression: Suppression) -> None:
        """Decide by another configuration from now on."""
        self.suppression = suppression
        self.generation += 1

    def decide(
        self,
        group: AggregationGroup,
        slot: Slot,
        integration: Integration,
        view: View,
        now: Moment,
        tick: Moment,
        stamp: tuple[int, ...] = (),
    ) -> Send | Quiet:
        """A message for this integration, or why there is none. ``stamp`` is that of the group, if it is at hand."""
        entry = self._log.entries.get(slot)
        resolved = view.resolved
        if integration.announce_muted_resolves and entry is not None:
            announced = entry.announced
            resolved = resolved + [
                known for known in view.muted if known.ends_at <= now and known.labels.identity in announced
            ]
        if not view.firing and not resolved:
            return Quiet(slot=slot, why_not=view.why_all_muted, muted=_muted(view))
        batch = Batch(identities(view.firing), identities(resolved), bool(view.muted_firing))
        reason = why_notify(
            entry,
            batch,
            send_resolved=integration.send_resolved,
            repeat_interval=group.route.repeat_interval,
            tick=tick,
        )
        if reason is None:
            left_out = _left_out(entry, view.resolved, send_resolved=integration.send_resolved)
            return Quiet(slot=slot, why_not=_why_not(entry, batch), muted=_muted(view), left_out=left_out)
        if reason is Reason.ALL_RESOLVED and not integration.send_resolved:
            left_out = _left_out(entry, resolved, send_resolved=False)
            return Quiet(
                slot=slot, why_not=NotSent.RESOLVES_NOT_WANTED, muted=_muted(view), left_out=left_out
            )
        told = view.firing + resolved if integration.send_resolved else view.firing
        alerts = tuple(in_display_order([known.as_told(now) for known in told])) if self.shows_alerts else ()
        firing_at_all = bool(batch.firing) or batch.any_muted_firing
        route = group.route
        notification = Notification(
            slot.receiver,
            Status.FIRING if firing_at_all else Status.RESOLVED,
            reason,
            alerts,
            group.labels,
            group.key,
            tick,
            group.flush_number,
            route.labels,
            entry.receiver_data if entry and reason is not Reason.FIRST else _NOTHING,
            bool(self._log.unsure) and slot in self._log.unsure,
        )
        return Send(
            slot,
            route,
            integration,
            notification,
            reason,
            tick,
            tick + max(route.group_interval, SHORTEST_DEADLINE),
            entry.revision if entry else 0,
            batch.firing,
            batch.resolved,
            self.pending(group, entry, batch) if entry else NOBODY,
            _muted(view) if view.muted else _NOTHING,
            _NOTHING if integration.send_resolved else _left_out(entry, resolved, send_resolved=False),
            stamp or self.stamp(group),
            self._valid_until(route, view, now),
        )

    def farewells(self, group: AggregationGroup, now: Moment) -> list[Send]:
        """D7: for a group that has lost its route, the messages that what was told to fire here is over here."""
        sends = []
        for slot, integration in group.slots():
            entry = self._log.entries.get(slot)
            if entry is None or not integration.send_resolved or not entry.announced:
                continue
            told = [k for k in group.members if k.labels.identity in entry.announced]
            alerts = tuple(in_display_order([_ended(k.alert(), now) for k in told]))
            send = Send(
                slot=slot,
                route=group.route,
                integration=integration,
                notification=Notification(
                    receiver=slot.receiver,
                    status=Status.RESOLVED,
                    reason=Reason.ALL_RESOLVED,
                    alerts=alerts,
                    group_labels=group.labels,
                    route_labels=group.route.labels,
                    group_key=group.key,
                    flushed_at=now,
                    flush_number=group.flush_number,
                    receiver_data=entry.receiver_data,
                ),
                reason=Reason.ALL_RESOLVED,
                tick=now,
                deadline=now + max(group.route.group_interval, SHORTEST_DEADLINE),
                revision=entry.revision,
                firing=frozenset(),
                resolved=identities(told),
                pending=frozenset(),
            )
            sends.append(send)
        return sends

    def pending(self, group: AggregationGroup, entry: LogEntry | None, batch: Batch) -> frozenset[int]:
        """The members that were announced and that this message does not mention: their resolve is still owed."""
        if entry is None:
            return NOBODY
        silent = entry.announced - batch.firing - batch.resolved
        return silent & identities(group.members) if silent else silent

    def stamp(self, group: AggregationGroup) -> tuple[int, ...]:
        """What a decision about this group rests on, apart from time."""
        suppression = self.suppression
        return (group.version, suppression.silences.version, suppression.inhibition.version, self.generation)

    def _valid_until(self, route: Route, view: View, now: Moment) -> Moment:
        """Until when the same facts give the same view, as time alone goes on."""
        if view.muted or route.active_time_intervals or route.mute_time_intervals:
            return now
        ends = min([known.ends_at for known in view.firing], default=FAR)
        next_silence = self.suppression.silences.next_start(now)
        return ends if next_silence is None else min(ends, next_silence)


def _why_not(entry: LogEntry | None, batch: Batch) -> NotSent:
    if batch.firing:
        return NotSent.DEDUPLICATED
    return NotSent.NOTHING_TO_ANNOUNCE if entry is None or not entry.announced else NotSent.DEDUPLICATED


def _left_out(
    entry: LogEntry | None, resolved: Sequence[Known], *, send_resolved: bool
) -> dict[int, NotSent]:
    """Why nothing is said of these resolved members; those are left out of whom it was said before."""
    left_out = {}
    for known in resolved:
        identity = known.labels.identity
        if entry is None or (
            identity not in entry.announced
            # What was said of the end of an episode before is not about this one.
            and (identity not in entry.resolved or known.ends_at > entry.sent_at)
        ):
            left_out[identity] = NotSent.NOTHING_TO_ANNOUNCE
        elif not send_resolved:
            left_out[identity] = NotSent.RESOLVES_NOT_WANTED
    return left_out


def _ended(alert: Alert, now: Moment) -> Alert:
    return alert if alert.resolved(now) else replace(alert, ends_at=now)


def identities(members: Collection[Known]) -> frozenset[int]:
    """How the notification log knows these alerts."""
    return frozenset([known.labels.identity for known in members]) if members else NOBODY


def _muted(view: View) -> dict[int, Sequence[str]]:
    return {known.labels.identity: causes for known, causes in view.muted.items()}


def in_display_order(alerts: list[Alert]) -> list[Alert]:
    """Put the alerts of a message in their order."""
    if len(alerts) > 1:
        names = {tuple(alert.labels) for alert in alerts}
        order = order_of_like(names.pop()) if len(names) == 1 else order_for_display
        alerts.sort(key=lambda alert: order(alert.labels))
    return alerts
