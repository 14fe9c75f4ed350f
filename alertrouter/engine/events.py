"""What the engine tells a watcher: the events of Alertmanager's event recorder, as values (`semantics.md` 10.1).

Nothing in the engine reads them. They are made only while somebody watches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from alertrouter.core.inhibition import InhibitionRule
    from alertrouter.core.labels import Labels
    from alertrouter.core.silence import Silence
    from alertrouter.core.time import Moment
    from alertrouter.engine.decision import Send
    from alertrouter.engine.group import AggregationGroup
    from alertrouter.engine.known import Known
    from alertrouter.engine.view import Suppression, View


class AlertState(NamedTuple):
    """An alert as it stood at the time of an event. Making one is cheap: heartbeats make most."""

    labels: Labels
    annotations: Labels
    starts_at: Moment
    ends_at: Moment


class GroupName(NamedTuple):
    """Which group an event is about; a group itself may change while the event waits to be written."""

    key: str
    labels: Labels
    receiver: str


class AlertCreated(NamedTuple):
    """An alert was seen that was not known."""

    at: Moment
    alert: AlertState


class AlertGrouped(NamedTuple):
    """A report of an alert came into one of its groups; heartbeats count."""

    at: Moment
    alert: AlertState
    group: GroupName


class AlertResolved(NamedTuple):
    """A resolved alert left one of its groups, for a flush that saw it resolved ended well."""

    at: Moment
    alert: AlertState
    group: GroupName


class Notified(NamedTuple):
    """An integration took a message. ``group_created_at`` tells instances of the same group apart."""

    at: Moment
    send: Send
    group_created_at: Moment


class SilenceCreated(NamedTuple):
    """A silence is new, be it as the successor of another."""

    at: Moment
    silence: Silence


class SilenceUpdated(NamedTuple):
    """A silence was edited and kept its id."""

    at: Moment
    silence: Silence


class SilenceMuted(NamedTuple):
    """An active silence kept an alert out of a flush."""

    at: Moment
    silence: Silence
    labels: Labels


class InhibitionMuted(NamedTuple):
    """A source kept an alert out of a flush, by the first rule that does."""

    at: Moment
    rule: InhibitionRule
    labels: Labels
    source: Labels


Event = (
    AlertCreated
    | AlertGrouped
    | AlertResolved
    | Notified
    | SilenceCreated
    | SilenceUpdated
    | SilenceMuted
    | InhibitionMuted
)


class EventSink(Protocol):
    """Where events go, at once and in order; a list is one. It must neither wait nor fail."""

    def append(self, event: Event, /) -> None:
        """Take one more."""


def created(known: Known, now: Moment) -> AlertCreated:
    """The event of an alert that was not known."""
    return AlertCreated(now, _state(known))


def grouped(known: Known, group: AggregationGroup, now: Moment) -> AlertGrouped:
    """The event of a report that came into this group."""
    return AlertGrouped(now, _state(known), _name(group))


def resolved(known: Known, group: AggregationGroup, now: Moment) -> AlertResolved:
    """The event of a member that leaves this group."""
    return AlertResolved(now, _state(known), _name(group))


def tell_muted(events: EventSink, view: View, suppression: Suppression, now: Moment) -> None:
    """The events of what a flush kept back; time intervals have none."""
    for known, (first, *_) in view.muted.items():
        kind = first.partition(":")[0]
        if kind == "silence":
            for silence in suppression.silences.covering(known, now):
                events.append(SilenceMuted(now, silence, known.labels))
        elif kind == "inhibition" and (inhibitor := suppression.inhibition.inhibitor(known, now)):
            events.append(InhibitionMuted(now, inhibitor.rule, known.labels, inhibitor.source.labels))


def _name(group: AggregationGroup) -> GroupName:
    return GroupName(group.key, group.labels, group.route.receiver.name)


def _state(known: Known) -> AlertState:
    return AlertState(known.labels, known.annotations, known.starts_at, known.ends_at)
