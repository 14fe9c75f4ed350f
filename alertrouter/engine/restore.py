"""Taking over what was remembered when the daemon starts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from alertrouter.core.time import MILLISECOND, SECOND
from alertrouter.engine.changes import Changes, GroupState, StoredState
from alertrouter.engine.group import AggregationGroup
from alertrouter.engine.known import Known
from alertrouter.engine.reroute import RouteTrace, recognise
from alertrouter.engine.slot import GroupId, Slot

if TYPE_CHECKING:
    from alertrouter.core.route import Route
    from alertrouter.core.time import Duration, Moment
    from alertrouter.engine.engine import Engine

# Overdue flushes are spread: at most so long, each this long after the one before.
_LONGEST_SPREAD = 10 * SECOND
_SPREAD = 2 * MILLISECOND


def restore(engine: Engine, state: StoredState, now: Moment, *, end_grace: Duration) -> Changes:
    """See ``Engine.load``."""
    return _Restore(engine, state, now, end_grace).run()


class _Restore:
    """One recovery, step by step, driving the parts of an engine that holds nothing yet."""

    def __init__(self, engine: Engine, state: StoredState, now: Moment, end_grace: Duration) -> None:
        self._engine = engine
        self._state = state
        self._now = now
        self._end_grace = end_grace
        self._changes = Changes()
        self._groups = engine.group_by_id
        self._flusher = engine.flusher
        # By route and the values of the labels it groups by: found at half the cost of making the group's labels.
        self._group_by_values: dict[tuple[Route, tuple[str | None, ...]], AggregationGroup] = {}

    def run(self) -> Changes:
        self._engine.silence_index.load(self._state.silences)
        stored = self._recognised_groups()
        self._load_alerts()
        self._load_groups(stored)
        self._rejoin(stored)
        self._drop_empty(stored)
        self._flusher.log.unsure.update(slot for slot in self._state.intents if slot in self._known_slots())
        self._set_timers()
        return self._changes

    def _recognised_groups(self) -> dict[GroupId, GroupState]:
        """The stored groups under the identities of the current routes (D7), and the log entries with them."""
        before = dict.fromkeys(RouteTrace(g.id.route, g.path, g.receiver) for g in self._state.groups)
        engine = self._engine
        engine.recognised(replace(engine.routing, route=recognise(engine.routing.route, before)))
        for entry in self._state.entries:
            self._flusher.log.entries[entry.slot] = entry
        return {group.id: group for group in self._state.groups}

    def _load_alerts(self) -> None:
        engine = self._engine
        seen_at = self._state.seen_at
        for alert in self._state.alerts:
            known = Known(alert, engine.grouping.routes_of(alert.labels))
            # Heartbeats move ends that lie ahead; one that was past when it was reported is an end for good.
            if seen_at is not None and known.ends_at > max(seen_at, known.updated_at):
                known.ends_at += self._end_grace
            known.over = alert.ends_at is not None and seen_at is not None and alert.ends_at <= seen_at
            engine.known[alert.labels] = known
            engine.limit.count(alert.labels.get("alertname", ""), known)
            engine.inhibition.observe(known)

    def _load_groups(self, stored: dict[GroupId, GroupState]) -> None:
        routes = {route.identity: route for route in self._engine.routing.route.walk()}
        for group_id, state in stored.items():
            route = routes.get(group_id.route)
            if route is None:
                continue
            group = AggregationGroup(route, group_id.labels, created_at=state.created_at, due=state.due)
            group.tick = state.tick
            group.settled_at = state.settled_at
            group.flush_number = state.flush_number
            group.held = state.held and not self._engine.settings.compat_strict
            self._groups[group.id] = group

    def _rejoin(self, stored: dict[GroupId, GroupState]) -> None:
        for known in self._engine.known.values():
            for route in known.routes:
                group = self._stored_group(known, route, stored)
                if group is not None:
                    if self._was_member(group, known):
                        self._flusher.join(group, known)
                elif known.ends_at > self._now:
                    # The configuration changed meanwhile: a route that this alert never had.
                    self._engine.grouping.join(known, route, self._changes, self._now)

    def _stored_group(
        self, known: Known, route: Route, stored: dict[GroupId, GroupState]
    ) -> AggregationGroup | None:
        """The group of this route in which the alert belongs, if it is one of those that were stored."""
        key = (route, tuple([known.labels.get(name) for name in route.group_by or ()]))
        group = None if route.group_by is None else self._group_by_values.get(key)
        if group is None:
            group_id = GroupId(route.identity, route.group_labels(known.labels))
            group = self._groups.get(group_id) if group_id in stored else None
            if group is not None:
                self._group_by_values[key] = group
        return group

    def _was_member(self, group: AggregationGroup, known: Known) -> bool:
        since = group.settled_at
        if since is None:
            # What was over before the group was made, and not reported since, belonged to one before it.
            if known.ends_at > group.created_at or known.updated_at >= group.created_at:
                return True
        elif known.ends_at > since or known.updated_at >= since:
            return True
        # Resolved before the last flush that ended well: gone, unless its resolve is still owed to somebody.
        return any(
            integration.send_resolved and known.labels.identity in self._flusher.log.announced(slot)
            for slot, integration in group.slots()
        )

    def _drop_empty(self, stored: dict[GroupId, GroupState]) -> None:
        for group_id in stored:
            group = self._groups.get(group_id)
            if group is None:
                self._changes.removed_groups.append(group_id)
            elif not group.members:
                self._flusher.remove(group, self._changes)

    def _known_slots(self) -> set[Slot]:
        return {slot for group in self._groups.values() for slot, _ in group.slots()}

    def _set_timers(self) -> None:
        """Bring each timer up to now: those that came due meanwhile one after the other, the others in their time."""
        for group in self._groups.values():
            if group.held:
                self._flusher.hold_again(group, self._now)
        overdue = []
        begun = {slot.group for slot in self._flusher.log.unsure}
        for group in self._groups.values():
            group.waits_no_longer(self._now)
            interval = group.route.group_interval
            missed = group.due <= self._now
            if group.tick is not None and missed:
                # Flushes that had nothing to say were not written down; only what came due while nobody
                # watched was missed.
                seen_at = self._state.seen_at
                if seen_at is not None and group.due <= seen_at:
                    group.due += (seen_at - group.due) // interval * interval + interval
                    missed = group.due <= self._now
            if missed or group.id in begun:
                overdue.append(group)
            else:
                self._flusher.schedule(group)
        overdue.sort(key=lambda group: group.due)
        step = min(_SPREAD, _LONGEST_SPREAD // max(1, len(overdue)))
        for place, group in enumerate(overdue):
            group.due = self._now + place * step
            if self._state.seen_at is not None:
                group.waits_for_clients(self._state.seen_at, self._now)
            self._flusher.schedule(group)
