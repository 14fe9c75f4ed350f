"""Going on under another configuration: alerts, silences and log stay, groups follow their routes (D7, D8)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from alertrouter.engine.changes import Changes
from alertrouter.engine.flusher import note_expired
from alertrouter.engine.reroute import recognise, traces
from alertrouter.engine.slot import GroupId

if TYPE_CHECKING:
    from alertrouter.core.route import Route
    from alertrouter.core.routing import Routing
    from alertrouter.core.time import Moment
    from alertrouter.engine.engine import Engine
    from alertrouter.engine.group import AggregationGroup
    from alertrouter.engine.known import Known


def reconfigure(engine: Engine, routing: Routing, now: Moment) -> Changes:
    """See ``Engine.reconfigure``."""
    before = list(traces(engine.routing.route))
    routing = replace(routing, route=recognise(routing.route, before))
    engine.take_routing(routing)
    return _Move(engine, now).regroup(routing)


class _Move:
    """The groups and members of one engine, on their way to the routes it has now."""

    def __init__(self, engine: Engine, now: Moment) -> None:
        self._engine = engine
        self._now = now
        self._changes = Changes()

    def regroup(self, routing: Routing) -> Changes:
        """Bring every group to its route, and every alert into the groups it belongs to; what that changed."""
        engine = self._engine
        routes = {route.identity: route for route in routing.route.walk()}
        old_groups = list(engine.group_by_id.values())
        engine.group_by_id.clear()
        for group in old_groups:
            route = routes.get(group.id.route)
            if route is None or group.closing:
                self._orphan(group, close=group.closing or routing.close_orphaned_groups)
            else:
                self._follow(group, route)
        for known in engine.known.values():
            self._rejoin(known)
        for group in [g for g in engine.group_by_id.values() if not g.members]:
            engine.flusher.remove(group, self._changes)
        engine.flusher.recheck_held(self._now)
        return self._changes

    def _orphan(self, group: AggregationGroup, *, close: bool) -> None:
        for known in group.members:
            known.leave(group)
        if close and self._engine.flusher.log.owes(group):
            group.closing = True
            self._engine.group_by_id[group.id] = group
            if not group.open:
                group.due = self._now
                self._engine.flusher.schedule(group)
        else:
            self._engine.flusher.remove(group, self._changes)

    def _follow(self, group: AggregationGroup, route: Route) -> None:
        old = group.route
        labels = group.labels
        regrouped = next((k for k in group.members if route.group_labels(k.labels) != labels), None)
        if regrouped is not None:
            # The route groups by other labels now: its alerts find new groups.
            for known in group.members:
                known.leave(group)
            self._engine.flusher.remove(group, self._changes)
            return
        group.moves_to(route)
        self._engine.group_by_id[group.id] = group
        group.version += 1
        for known in [k for k in group.members if route not in k.routes]:
            self._engine.flusher.leave(group, known)
        if self._engine.settings.compat_strict:
            self._restart_timer(group)
        elif group.tick is None and old.group_wait != route.group_wait:
            group.due = max(self._now, group.created_at + route.group_wait)
        elif group.tick is not None and old.group_interval != route.group_interval:
            group.due = max(self._now, group.tick + route.group_interval)
        if not group.open:
            self._engine.flusher.schedule(group)
        self._changes.groups.append(group.state())

    def _restart_timer(self, group: AggregationGroup) -> None:
        # Compat: with --compat.strict a reload makes every group anew, by the rule for new groups.
        first = next(iter(group.members), None)
        wait = group.route.group_wait
        group.due = self._now if first is None or first.starts_at + wait < self._now else self._now + wait
        group.tick = None
        group.created_at = self._now

    def _rejoin(self, known: Known) -> None:
        member_of = {group.id for group in known.groups}
        for route in known.routes:
            group_id = GroupId(route.identity, route.group_labels(known.labels))
            # An alert that is over is told of where it was, and not brought up elsewhere.
            if group_id in member_of:
                continue
            if known.ends_at > self._now:
                self._engine.grouping.join(known, route, self._changes, self._now)
            else:
                note_expired([known], self._changes, self._now)
