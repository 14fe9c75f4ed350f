"""Recognising the routes of another configuration, so that groups and their history survive an edit (D7)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from alertrouter.core.route import Route


class RouteTrace(NamedTuple):
    """What is remembered of a route that groups were made for."""

    identity: str
    path: str
    receiver: str


def traces(root: Route) -> Iterator[RouteTrace]:
    """Each node of a tree."""
    for route in root.walk():
        yield RouteTrace(route.identity, route.place, route.receiver.name)


def recognise(root: Route, before: Iterable[RouteTrace]) -> Route:
    """The tree with the identities that its nodes had before.

    A node is the same when its identity is (a name given to it, or the text of all matchers down to it with the
    receiver), or else when it stands in the same place and has the same receiver as one that is gone.
    """
    traced = list(before)
    now = {trace.identity for trace in traces(root)}
    gone = {(t.path, t.receiver): t.identity for t in traced if t.identity not in now}
    if not gone:
        return root
    known = {t.identity for t in traced}
    renamed = {
        route.place: gone[route.place, route.receiver.name]
        for route in root.walk()
        if route.identity not in known and (route.place, route.receiver.name) in gone
    }
    return with_identities(root, renamed) if renamed else root


def with_identities(route: Route, identities: Mapping[str, str]) -> Route:
    """The tree with these identities, by place; the others stay."""
    return replace(
        route,
        identity=identities.get(route.place, route.identity),
        routes=tuple([with_identities(child, identities) for child in route.routes]),
    )
