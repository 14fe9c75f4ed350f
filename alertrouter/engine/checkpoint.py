"""The engine as it is at one moment, as a value: a replay that begins there goes on exactly as the engine did."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from alertrouter.core.alert import Alert, Status
from alertrouter.core.labels import Labels
from alertrouter.core.notification import Notification
from alertrouter.core.value import value_class
from alertrouter.engine.decision import Send
from alertrouter.engine.group import AggregationGroup
from alertrouter.engine.known import Known
from alertrouter.engine.reroute import with_identities

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alertrouter.core.reason import Reason
    from alertrouter.core.silence import Silence
    from alertrouter.core.time import Moment
    from alertrouter.engine.changes import GroupState, LogEntry
    from alertrouter.engine.engine import Engine
    from alertrouter.engine.slot import Slot


class AlertThen(NamedTuple):
    """An alert, as far as it decides."""

    labels: Labels
    starts_at: Moment
    ends_at: Moment
    updated_at: Moment
    timeout: bool
    over: bool


class SendThen(NamedTuple):
    """A message whose outcome is not known yet. The sets hold ``Labels.identity``."""

    slot: Slot
    reason: Reason
    tick: Moment
    deadline: Moment
    revision: int
    firing: Sequence[int]
    resolved: Sequence[int]
    pending: Sequence[int]
    possible_duplicate: bool


@value_class(frozen=True, slots=True, kw_only=True)
class GroupThen:
    """A group, with what a restart may forget. Members are named by ``Labels.identity``."""

    state: GroupState
    members: Sequence[int]
    muted: Sequence[int] = ()
    recheck: Moment | None = None
    failed: bool = False
    overdue: bool = False
    seen_resolved: Sequence[tuple[int, Moment]] = ()
    sends: Sequence[SendThen] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Everything that decides what happens next, apart from the configuration.

    ``identities`` gives the identity of each route by its place in the tree: what it was called in configurations before
    lives on in the names of its groups.
    """

    at: Moment
    identities: Mapping[str, str] = field(default_factory=dict)
    alerts: Sequence[AlertThen] = ()
    groups: Sequence[GroupThen] = ()
    entries: Sequence[LogEntry] = ()
    silences: Sequence[Silence] = ()
    unsure: Sequence[Slot] = ()


def checkpoint(engine: Engine, now: Moment) -> Checkpoint | None:
    """The engine as it is; None while a group that has lost its route says so to its receiver."""
    if any(group.closing for group in engine.groups):
        return None
    return Checkpoint(
        at=now,
        identities={route.place: route.identity for route in engine.routing.route.walk()},
        alerts=[
            AlertThen(k.labels, k.starts_at, k.ends_at, k.updated_at, k.timeout, k.over)
            for k in engine.known.values()
        ],
        groups=[_then(group) for group in engine.groups],
        entries=list(engine.entries.values()),
        silences=list(engine.silences.values()),
        unsure=list(engine.flusher.log.unsure),
    )


def resume(engine: Engine, then: Checkpoint) -> None:
    """Let an engine that holds nothing yet go on from there. Its configuration must be the one of then."""
    engine.routing = replace(
        engine.routing, route=with_identities(engine.routing.route, dict(then.identities))
    )
    engine.silence_index.load(then.silences)
    known_by_identity: dict[int, Known] = {}
    for labels, starts_at, ends_at, updated_at, timeout, over in then.alerts:
        alert = Alert(
            labels=labels,
            annotations=_NONE,
            starts_at=starts_at,
            ends_at=ends_at,
            updated_at=updated_at,
            timeout=timeout,
        )
        known = Known(alert, engine.grouping.routes_of(labels))
        known.over = over
        engine.known[labels] = known_by_identity[labels.identity] = known
        engine.limit.count(labels.get("alertname", ""), known)
        engine.inhibition.observe(known)
    log = engine.flusher.log
    log.entries.update((entry.slot, entry) for entry in then.entries)
    log.unsure.update(then.unsure)
    routes = {route.identity: route for route in engine.routing.route.walk()}
    for each in then.groups:
        route = routes.get(each.state.id.route)
        if route is not None:
            group = AggregationGroup(
                route, each.state.id.labels, created_at=each.state.created_at, due=each.state.due
            )
            _as_then(group, each, known_by_identity)
            engine.group_by_id[group.id] = group
            for known in group.members:
                known.groups += (group,)
                if group.held:
                    engine.inhibition.ask(known)
            engine.flusher.take_over(group)


def _then(group: AggregationGroup) -> GroupThen:
    members = [known.labels.identity for known in group.members]
    if not (
        group.muted or group.seen_resolved or group.open or group.recheck or group.failed or group.overdue
    ):
        return GroupThen(state=group.state(), members=members)
    return GroupThen(
        state=group.state(),
        members=members,
        muted=[known.labels.identity for known in group.muted],
        recheck=group.recheck,
        failed=group.failed,
        overdue=group.overdue,
        seen_resolved=[(known.labels.identity, at) for known, at in group.seen_resolved],
        sends=[
            SendThen(
                slot=slot,
                reason=send.reason,
                tick=send.tick,
                deadline=send.deadline,
                revision=send.revision,
                firing=list(send.firing),
                resolved=list(send.resolved),
                pending=list(send.pending),
                possible_duplicate=send.notification.possible_duplicate,
            )
            for slot, send in group.open.items()
        ],
    )


def _as_then(group: AggregationGroup, then: GroupThen, known: Mapping[int, Known]) -> None:
    state = then.state
    group.tick = state.tick
    group.settled_at = state.settled_at
    group.flush_number = state.flush_number
    group.held = state.held
    group.members = {known[identity]: None for identity in then.members if identity in known}
    group.muted = frozenset([known[identity] for identity in then.muted if identity in known])
    group.recheck = then.recheck
    group.failed = then.failed
    group.overdue = then.overdue
    group.seen_resolved = [(known[identity], at) for identity, at in then.seen_resolved if identity in known]
    integrations = dict(group.slots())
    for send in then.sends:
        integration = integrations.get(send.slot)
        if integration is not None:
            group.open[send.slot] = Send(
                slot=send.slot,
                route=group.route,
                integration=integration,
                notification=Notification(
                    receiver=send.slot.receiver,
                    status=Status.FIRING if send.firing else Status.RESOLVED,
                    reason=send.reason,
                    alerts=(),
                    group_labels=group.labels,
                    route_labels=group.route.labels,
                    group_key=group.key,
                    flushed_at=send.tick,
                    flush_number=group.flush_number,
                    possible_duplicate=send.possible_duplicate,
                ),
                reason=send.reason,
                tick=send.tick,
                deadline=send.deadline,
                revision=send.revision,
                firing=frozenset(send.firing),
                resolved=frozenset(send.resolved),
                pending=frozenset(send.pending),
            )


_NONE = Labels()
