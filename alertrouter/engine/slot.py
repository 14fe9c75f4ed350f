"""The names under which groups and their notification log entries are remembered."""

from __future__ import annotations

from typing import NamedTuple

from alertrouter.core.labels import Labels  # noqa: TC001 - a named tuple's annotations are looked at


class GroupId(NamedTuple):
    """Who an aggregation group is: the identity of its route and its group labels."""

    route: str
    labels: Labels


class Slot(NamedTuple):
    """Who a notification log entry is about: one integration of a group's receiver."""

    group: GroupId
    receiver: str
    integration: str
