"""The engine: all live state, fed with events and moments, giving back what changed and what is due."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, cast

from alertrouter.core.alert import merge
from alertrouter.core.labels import WithIdentity
from alertrouter.core.matcher_syntax import Mode
from alertrouter.core.time import HOUR
from alertrouter.engine import silencing
from alertrouter.engine.changes import AlertTransition, Changes, SilenceChange, StoredState, Transition
from alertrouter.engine.events import (
    EventSink,
    SilenceCreated,
    SilenceUpdated,
    created,
    grouped,
)
from alertrouter.engine.flusher import Flusher
from alertrouter.engine.grouping import Grouping
from alertrouter.engine.inhibition import InhibitionIndex, Inhibitor
from alertrouter.engine.known import Known
from alertrouter.engine.limit import AlertnameLimit
from alertrouter.engine.reconfigure import reconfigure
from alertrouter.engine.restore import restore
from alertrouter.engine.silences import SilenceIndex
from alertrouter.engine.view import Suppression

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from alertrouter.core.alert import Alert
    from alertrouter.core.labels import Labels
    from alertrouter.core.notification import ReceiverDatum
    from alertrouter.core.reason import FailureReason
    from alertrouter.core.routing import Routing
    from alertrouter.core.silence import Silence
    from alertrouter.core.time import Duration, Moment
    from alertrouter.engine.changes import LogEntry, MovedEnd
    from alertrouter.engine.decision import Flush, Quiet, Send
    from alertrouter.engine.group import AggregationGroup
    from alertrouter.engine.slot import GroupId, Slot


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What the command line says that decides.

    ``compat_strict`` turns D8 and D10 off: timers restart at a reload, and a group that was muted waits for its group
    interval. ``start_delay`` counts from ``started_at``; until it is over nothing is flushed.
    """

    started_at: Moment = 0
    start_delay: Duration = 0
    retention: Duration = 120 * HOUR
    alertname_limit: int = 0
    max_silences: int = 0
    max_silence_size: int = 0
    mode: Mode = Mode.FALLBACK
    compat_strict: bool = False


@dataclass(slots=True)
class Received:
    """What taking in alerts did: ``limited`` counts those dropped by the limit per alertname, by alertname."""

    changes: Changes = field(default_factory=Changes)
    limited: dict[str, int] = field(default_factory=dict)


class Engine:
    """Decides who is told what, and when. No clock, no I/O: the same events give the same decisions.

    ``known`` holds every alert by its labels, ``groups`` every live aggregation group, ``silences`` the stored silences
    by id, ``entries`` the notification log. They are for reading; what changes them are the methods.
    """

    def __init__(self, routing: Routing, settings: EngineSettings | None = None) -> None:
        self.settings = settings or EngineSettings()
        self.routing = routing
        self.known: dict[Labels, Known] = {}
        self.group_by_id: dict[GroupId, AggregationGroup] = {}
        self.silence_index = SilenceIndex()
        self.limit = AlertnameLimit(self.settings.alertname_limit)
        self._moved: dict[Known, None] = {}
        self._events: EventSink | None = None
        self.inhibition = InhibitionIndex(routing.inhibition_rules)
        self.flusher = Flusher(
            self.group_by_id,
            self._suppression(),
            retention=self.settings.retention,
            compat_strict=self.settings.compat_strict,
        )
        self.grouping = Grouping(routing.route, self.group_by_id, self.flusher)

    # What the outside reads

    @property
    def groups(self) -> Collection[AggregationGroup]:
        """The live aggregation groups."""
        return self.group_by_id.values()

    @property
    def silences(self) -> Mapping[str, Silence]:
        """The stored silences by id, ended ones included until their retention is over."""
        return self.silence_index.by_id

    @property
    def entries(self) -> Mapping[Slot, LogEntry]:
        """The notification log."""
        return self.flusher.log.entries

    def labels_of(self, identity: int) -> Labels | None:
        """The labels of an alert that is known, by ``Labels.identity``. Any thread may ask."""
        known = self.known.get(cast("Labels", WithIdentity(identity)))
        return None if known is None else known.labels

    def silenced_by(self, known: Known, now: Moment) -> tuple[Silence, ...]:
        """The silences that mute this alert now."""
        return self.silence_index.covering(known, now)

    def inhibited_by(self, known: Known, now: Moment) -> Known | None:
        """The source that inhibits this alert by the first rule that does."""
        inhibitor = self.inhibition.inhibitor(known, now)
        return inhibitor.source if inhibitor else None

    def inhibitors(self, known: Known, now: Moment) -> list[Inhibitor]:
        """Every rule and source that inhibits this alert."""
        return list(self.inhibition.inhibitors(known, now))

    def muted_by(self, group: AggregationGroup, now: Moment) -> list[str]:
        """The names of the time intervals that mute this group now."""
        return self.flusher.judge.suppression.interval_names(group.route, now)

    def alert_states(self, now: Moment) -> dict[str, int]:
        """Unresolved alerts in groups by the strongest state any group's last flush gave them."""
        counts = {"active": 0, "suppressed": 0, "unprocessed": 0}
        for known in self.known.values():
            if known.groups and known.ends_at > now:
                if any(known in group.muted for group in known.groups):
                    counts["suppressed"] += 1
                elif any(group.tick is not None for group in known.groups):
                    counts["active"] += 1
                else:
                    counts["unprocessed"] += 1
        return counts

    def watch(self, events: EventSink | None) -> None:
        """Put what happens from now on where a watcher finds it; None to stop. What is loaded did not happen now."""
        self._events = self.flusher.events = self.grouping.events = events

    # Alerts

    def receive(self, alerts: Iterable[Alert], now: Moment) -> Received:
        """Take in valid alerts in the order they were reported, all as of this moment."""
        received = Received()
        for alert in alerts:
            self.take_in(alert, received, now)
        return received

    def take_in(self, alert: Alert, received: Received, now: Moment) -> Known | None:
        """Take in one valid alert and add what it changes; what is known of it now, None when a limit dropped it."""
        known = self.known.get(alert.labels)
        if known is None:
            return self.first_seen(alert, received, now)
        self.seen_again(known, alert, received, now)
        return known

    def seen_again(self, known: Known, alert: Alert, received: Received, now: Moment) -> None:
        """``take_in`` for an alert that is known."""
        if not self.heartbeat(known, alert, now):
            self._reported_again(known, alert, received, now)

    def heartbeat(self, known: Known, alert: Alert, now: Moment) -> bool:
        """Take in a report that may say nothing new but a later end; False, and nothing done, when it says more.

        A later start within what is known is nothing new: of two replicas one saw the alert first, and it began then.

        A heartbeat is remembered with ``take_moved``, not with every change.
        """
        assert alert.ends_at is not None
        if (
            known.ends_at <= now
            or alert.ends_at <= now
            or not known.starts_at <= alert.starts_at < known.ends_at
            or alert.generator_url != known.generator_url
            or not known.has_annotations(alert.annotations)
            or alert.ends_at <= known.starts_at
            or (known.timeout and alert.ends_at < known.ends_at)
        ):
            return False
        self.beat(known, alert.ends_at, now, timeout=alert.timeout, ends_offset=alert.ends_offset)
        return True

    def beat(
        self, known: Known, ends_at: Moment, now: Moment, *, timeout: bool, ends_offset: int = 0
    ) -> None:
        """Move the end of a firing alert as a report does that says nothing else; the end lies in the future.

        A report that does not resolve cannot shorten an end that was given explicitly. To shorten one that was not
        given is more than a heartbeat says: it goes by ``take_in``.
        """
        if ends_at >= known.ends_at or known.timeout:
            known.ends_at = ends_at
            known.ends_offset = ends_offset
        known.timeout = timeout
        known.updated_at = now
        self._moved[known] = None
        if self._events is not None:
            self._tell_grouped(known, now)

    def take_moved(self) -> Iterator[MovedEnd]:
        """The ends of the alerts whose end heartbeats have moved since this was asked last, each as it is when it comes up.

        That may be later: what is forgotten by then does not come up any more.
        """
        moved, self._moved = self._moved, {}
        return (known.moved_end() for known in moved if not known.gone)

    def first_seen(self, alert: Alert, received: Received, now: Moment) -> Known | None:
        """``take_in`` for an alert that is not known."""
        labels = alert.labels
        limited = self.limit.is_on
        if limited and not self._within_limit(labels, None, received, now):
            return None
        known = self.known[labels] = Known(alert, self.grouping.routes_of(labels))
        if limited:
            self.limit.count(labels.get("alertname", ""), known)
        if self._events is not None:
            self._events.append(created(known, now))
        known.over = known.ends_at <= now
        changes = received.changes
        changes.alerts.append(alert)
        changes.transitions.append(AlertTransition(now, _RESOLVED if known.over else _FIRED, alert))
        self._take_effect(known, changes, now)
        return known

    def _reported_again(self, known: Known, alert: Alert, received: Received, now: Moment) -> None:
        if not self._within_limit(alert.labels, known, received, now):
            return
        self.limit.count(alert.labels.get("alertname", ""), known)
        before = known.alert()
        merged = merge(before, alert, now)
        if merged is before:
            if self._events is not None:
                self._tell_grouped(known, now)
            return
        if before.resolved(now) and not known.over:
            expired = AlertTransition(at=now, kind=Transition.EXPIRED, alert=before)
            received.changes.transitions.append(expired)
        known.take(merged)
        refired = before.resolved(now) and not merged.resolved(now)
        kind = Transition.FIRED if refired else Transition.CHANGED
        replaced = before.annotations if before.annotations != merged.annotations else None
        moved = before.ends_at != merged.ends_at
        self._reported(known, merged, kind, received, now, replaced=replaced, moved=moved)

    def _within_limit(self, labels: Labels, known: Known | None, received: Received, now: Moment) -> bool:
        name = labels.get("alertname", "")
        if self.limit.admits(name, known, now):
            return True
        received.limited[name] = received.limited.get(name, 0) + 1
        return False

    def _reported(
        self,
        known: Known,
        alert: Alert,
        kind: Transition,
        received: Received,
        now: Moment,
        *,
        replaced: Mapping[str, str] | None = None,
        moved: bool = False,
    ) -> None:
        changes = received.changes
        changes.alerts.append(alert)
        self._moved.pop(known, None)
        if not alert.resolved(now):
            known.over = False
            changes.transitions.append(AlertTransition(at=now, kind=kind, alert=alert, replaced=replaced))
            self._take_effect(known, changes, now)
        elif not known.over:
            known.over = True
            resolved = AlertTransition(at=now, kind=Transition.RESOLVED, alert=alert, replaced=replaced)
            changes.transitions.append(resolved)
            self._take_effect(known, changes, now)
        elif self._take_effect(known, changes, now) or moved or any(group.open for group in known.groups):
            # A resolve that is only repeated is no transition, unless somebody may be told of it because of that.
            again = AlertTransition(at=now, kind=Transition.RESOLVED_AGAIN, alert=alert, replaced=replaced)
            changes.transitions.append(again)

    def _take_effect(self, known: Known, changes: Changes, now: Moment) -> bool:
        """Let an alert inhibit, and be a member of its groups; whether it joined any."""
        if not self.inhibition.is_empty:
            self._observe(known, now)
        joined = False
        for route in known.routes:
            joined |= self.grouping.join(known, route, changes, now)
        return joined

    def _observe(self, known: Known, now: Moment) -> None:
        """Let an alert that is new or changed inhibit others, or no longer: what was decided about these is looked at anew."""
        targets = self.inhibition.observe(known)
        if targets is None:
            self.flusher.recheck_held(now)
            return
        for target in targets:
            for group in target.groups:
                group.version += 1
                if group.held:
                    self.flusher.recheck(group, now)

    def retake(self, transition: AlertTransition, changes: Changes, now: Moment) -> Known | None:
        """Take in what the record says became of an alert; the alert, None when it is forgotten.

        Merging and limits had their say when it was recorded. That an end passed is for ``lapse``.
        """
        alert = transition.alert
        known = self.known.get(alert.labels)
        if transition.kind is Transition.COLLECTED:
            if known is not None and not known.groups:
                self._forget(known)
            return None
        if known is None:
            known = self.known[alert.labels] = Known(alert, self.grouping.routes_of(alert.labels))
        else:
            known.take(alert)
        known.over = alert.resolved(now)
        self._take_effect(known, changes, now)
        return known

    def lapse(self, known: Known, ends_at: Moment, now: Moment) -> None:
        """An alert that was retaken without an end turns out to have ended."""
        known.ends_at = ends_at
        for group in known.groups:
            group.version += 1
        self._observe(known, now)

    def _tell_grouped(self, known: Known, now: Moment) -> None:
        assert self._events is not None
        for group in known.groups:
            self._events.append(grouped(known, group, now))

    def collect_alerts(self, now: Moment) -> Changes:
        """Forget the alerts that are resolved and that no group still has to tell of."""
        changes = Changes()
        for known in [k for k in self.known.values() if k.ends_at <= now and not k.groups]:
            self._forget(known)
            alert = known.alert()
            if not known.over:
                changes.transitions.append(AlertTransition(at=now, kind=Transition.EXPIRED, alert=alert))
            changes.transitions.append(AlertTransition(at=now, kind=Transition.COLLECTED, alert=alert))
            changes.collected_alerts.append(known.labels)
        return changes

    def _forget(self, known: Known) -> None:
        del self.known[known.labels]
        known.gone = True
        self._moved.pop(known, None)
        self.inhibition.forget(known)
        self.limit.forget(known)

    # Silences

    def save_silence(self, proposed: Silence, now: Moment, fresh_id: str) -> tuple[Silence, Changes]:
        """Create a silence, or edit the one whose id is given, in place or by a successor (`semantics.md` 6.4).

        ``fresh_id`` names a silence that is made. Raises ``InvalidSilence`` or ``SilenceNotFound``.
        """
        versions = silencing.save(self.silences, proposed, self.settings, now, fresh_id)
        return versions[-1].silence, self._keep_silences(versions, now)

    def expire_silence(self, silence_id: str, now: Moment) -> Changes:
        """End a silence now; one that is over stays as it is. Raises ``SilenceNotFound``."""
        return self._keep_silences(silencing.expire(self.silences, silence_id, now), now)

    def _keep_silences(self, versions: list[SilenceChange], now: Moment) -> Changes:
        for change in versions:
            self.silence_index.put(change.silence)
            if self._events is not None and change.action in _SILENCE_EVENTS:
                self._events.append(_SILENCE_EVENTS[change.action](now, change.silence))
            self.flusher.recheck_held(now)
        return Changes(silences=versions)

    def retake_silence(self, silence: Silence, now: Moment) -> None:
        """Take in a version of a silence as the record has it."""
        self.silence_index.put(silence)
        self.flusher.recheck_held(now)

    # Time

    def next_due(self) -> Moment | None:
        """When ``flush`` should be called next; None when nothing is waiting."""
        due = self.flusher.next_due()
        return None if due is None else max(due, self._dispatch_from)

    @property
    def _dispatch_from(self) -> Moment:
        return self.settings.started_at + self.settings.start_delay if self.settings.start_delay else 0

    def flush(self, now: Moment, *, at_most: int = 1000) -> tuple[list[Flush], Changes]:
        """Flush the groups that are due, not more than so many of them; ``next_due`` tells whether more are left.

        The sends of the flushes are handed to delivery, which reports each with ``delivered``, ``failed`` or
        ``withdrawn``; until all are reported the group does not flush again.
        """
        if now < self._dispatch_from:
            return [], Changes()
        return self.flusher.flush(now, at_most=at_most)

    def renew(self, send: Send, now: Moment) -> Send | Quiet:
        """Take the decision again on what is known now; to be asked before every attempt."""
        return self.flusher.renew(send, now)

    def delivered(
        self,
        send: Send,
        now: Moment,
        receiver_data: Mapping[str, ReceiverDatum] | None = None,
        *,
        attempts: int = 1,
        note: str = "",
    ) -> Changes:
        """The receiver took the message. ``receiver_data`` None keeps what was kept before.

        ``note`` goes to the decision history: what was wrong with the message all the same.
        """
        return self.flusher.delivered(send, now, receiver_data, attempts=attempts, note=note)

    def failed(
        self, send: Send, now: Moment, failure: FailureReason, error: str, *, attempts: int = 1
    ) -> Changes:
        """Delivery gave the message up; the next flush of the group tries again."""
        return self.flusher.failed(send, now, failure, error, attempts=attempts)

    def withdrawn(self, send: Send, quiet: Quiet, now: Moment, *, attempts: int = 0) -> Changes:
        """The message was not due any more when it was about to be sent."""
        return self.flusher.withdrawn(send, quiet, now, attempts=attempts)

    def maintain(self, now: Moment) -> Changes:
        """Forget silences and log entries that are past their time."""
        changes = self.flusher.log.expire(self.group_by_id, now)
        for silence in list(self.silences.values()):
            if silence.ends_at + self.settings.retention <= now:
                self.silence_index.remove(silence.id)
                changes.removed_silences.append(silence.id)
        return changes

    def clock_set(self, before: Moment, now: Moment) -> Changes:
        """The clock was set while this ran: it would be ``before`` and is ``now``.

        No group waits longer than its route says because of that, and what seems to be over for that reason alone is
        given time to be reported again.
        """
        changes = self.flusher.clock_set(before, now)
        self.flusher.recheck_held(now)
        return changes

    # Configuration

    def reconfigure(self, routing: Routing, now: Moment) -> Changes:
        """Go on under another configuration: alerts, silences and log stay, groups follow their routes (D7, D8)."""
        return reconfigure(self, routing, now)

    def recognised(self, routing: Routing) -> None:
        """Go on under this configuration; what was routed by another is the caller's to route again."""
        self.routing = routing
        self.grouping.take_routes(routing.route)

    def take_routing(self, routing: Routing) -> None:
        """Go on under this configuration: alerts have its routes and inhibit by its rules, groups are the caller's."""
        self.recognised(routing)
        self.inhibition = InhibitionIndex(routing.inhibition_rules)
        for known in self.known.values():
            known.targets = None
            known.routes = self.grouping.routes_of(known.labels)
            known.listing = None
            self.inhibition.observe(known)
        self.flusher.judge.reconfigured(self._suppression())

    def _suppression(self) -> Suppression:
        return Suppression(self.inhibition, self.silence_index, self.routing.time_intervals)

    # Recovery

    def load(self, state: StoredState, now: Moment, *, end_grace: Duration = 0) -> Changes:
        """Take over what was remembered. To be called once, before anything else.

        ``end_grace``: by how much heartbeats may have moved an end without its being written; 0 after a clean stop.
        Flushes that came due meanwhile are spread over the next seconds. Returns what the start itself changed.
        """
        return restore(self, state, now, end_grace=end_grace)

    def stored_state(self, now: Moment) -> StoredState:
        """Everything that must be remembered, as a whole: for a store that has lost the thread."""
        return StoredState(
            alerts=[known.alert() for known in self.known.values()],
            groups=[group.state() for group in self.group_by_id.values()],
            entries=list(self.entries.values()),
            silences=list(self.silences.values()),
            intents=dict.fromkeys(
                chain.from_iterable(group.open for group in self.group_by_id.values()), now
            ),
            seen_at=now,
        )


# To look up a member of an enumeration costs as much as to make a value.
_FIRED, _RESOLVED = Transition.FIRED, Transition.RESOLVED

# Compat: that a silence was expired is no event.
_SILENCE_EVENTS: dict[str, type[SilenceCreated | SilenceUpdated]] = {
    "created": SilenceCreated,
    "updated": SilenceUpdated,
}
