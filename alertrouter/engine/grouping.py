"""Which routes handle an alert, and into which aggregation group of each it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.engine.events import EventSink, grouped
from alertrouter.engine.group import AggregationGroup
from alertrouter.engine.route_index import RouteIndex
from alertrouter.engine.slot import GroupId

if TYPE_CHECKING:
    from alertrouter.core.labels import Labels
    from alertrouter.core.route import Route
    from alertrouter.core.time import Moment
    from alertrouter.engine.changes import Changes
    from alertrouter.engine.flusher import Flusher
    from alertrouter.engine.known import Known

# So many combinations of the values that routes ask for are remembered with the routes they take.
_MOST_VALUES = 4096

# By route and the values of the labels it groups by a group is found at half the cost of making its labels.
_GroupKey = tuple["Route | str | None", ...]


class Grouping:
    """Finds the groups of alerts in the engine's ``group_by_id``, and makes those that are missing."""

    def __init__(self, root: Route, group_by_id: dict[GroupId, AggregationGroup], flusher: Flusher) -> None:
        self.events: EventSink | None = None
        self._group_by_id = group_by_id
        self._flusher = flusher
        self.take_routes(root)

    def take_routes(self, root: Route) -> None:
        """Go by another routing tree."""
        self._route_index = RouteIndex(root)
        self._route_sets: dict[tuple[Route, ...], tuple[Route, ...]] = {}
        # By the values of the labels that routes ask for.
        self._asked_for = sorted({matcher.name for route in root.walk() for matcher in route.matchers})
        self._routes_by_values: dict[tuple[str | None, ...], tuple[Route, ...]] = {}
        self._group_by_values: dict[_GroupKey, AggregationGroup] = {}

    def routes_of(self, labels: Labels) -> tuple[Route, ...]:
        """The routes that handle an alert with these labels; one tuple for all alerts that take the same."""
        values = tuple(map(labels.get, self._asked_for))
        return self._routes_by_values.get(values) or self._find_routes(labels, values)

    def _find_routes(self, labels: Labels, values: tuple[str | None, ...]) -> tuple[Route, ...]:
        found = tuple(self._route_index.match(labels))
        found = self._route_sets.setdefault(found, found)
        if len(self._routes_by_values) >= _MOST_VALUES:
            self._routes_by_values.clear()
        self._routes_by_values[values] = found
        return found

    def join(self, known: Known, route: Route, changes: Changes, now: Moment) -> bool:
        """Make an alert a member of its group of this route; whether it was none before."""
        group_by = route.group_by
        if group_by is None:
            group = self._group_of_labels(known, route, known.labels, changes, now)
        else:
            key = (route, *map(known.labels.get, group_by))
            found = self._group_by_values.get(key)
            # A group that is removed while routes stay has no members.
            if found is None or found.closing or not found.members:
                found = self._find_group(key, known, route, changes, now)
            group = found
        joined = self._flusher.join(group, known)
        if self.events is not None:
            self.events.append(grouped(known, group, now))
        if (
            group.held
            and joined
            and known.ends_at > now
            and self._flusher.hurry(group, now + route.group_wait)
        ):
            changes.groups.append(group.state())
        return joined

    def _find_group(
        self, key: _GroupKey, known: Known, route: Route, changes: Changes, now: Moment
    ) -> AggregationGroup:
        if len(self._group_by_values) > 2 * len(self._group_by_id) + 100:
            self._group_by_values.clear()
        labels = route.group_labels(known.labels)
        group = self._group_by_values[key] = self._group_of_labels(known, route, labels, changes, now)
        return group

    def _group_of_labels(
        self, known: Known, route: Route, labels: Labels, changes: Changes, now: Moment
    ) -> AggregationGroup:
        """The group of this route with these labels, in which the alert belongs; a new one if there is none."""
        group = self._group_by_id.get(GroupId(route.identity, labels))
        if group is None or group.closing:
            # An alert that is old already has waited long enough.
            waits = known.starts_at + route.group_wait >= now
            due = now + route.group_wait if waits else now
            group = AggregationGroup(route, labels, created_at=now, due=due)
            self._group_by_id[group.id] = group
            self._flusher.schedule(group)
            changes.groups.append(group.state())
        return group
