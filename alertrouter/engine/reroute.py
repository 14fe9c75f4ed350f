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
    """Each node of a tree; ``path`` is its place among siblings at each level, as ``0/2`` (empty: the root)."""
    for path, route in _walk(root, ""):
        yield RouteTrace(route.identity, path, route.receiver.name)


def recognise(root: Route, before: Iterable[RouteTrace]) -> Route:
    """The tree with the identities that its nodes had before.

    A node is the same when its identity is (a name given to it, or the text of all matchers down to it with the
    receiver), or else when it stands in the same place and has the same receiver as one that is gone.
    """
    now = {trace.identity for trace in traces(root)}
    gone = {(t.path, t.receiver): t.identity for t in before if t.identity not in now}
    if not gone:
        return root
    known = {t.identity for t in before}
    renamed = {
        path: gone[path, route.receiver.name]
        for path, route in _walk(root, "")
        if route.identity not in known and (path, route.receiver.name) in gone
    }
    return _with_identities(root, "", renamed) if renamed else root


def _walk(route: Route, path: str) -> Iterator[tuple[str, Route]]:
    yield path, route
    for place, child in enumerate(route.routes):
        yield from _walk(child, _below(path, place))


def _below(path: str, place: int) -> str:
    return f"{path}/{place}" if path else str(place)


def _with_identities(route: Route, path: str, identities: Mapping[str, str]) -> Route:
    return replace(
        route,
        identity=identities.get(path, route.identity),
        routes=tuple(
            [
                _with_identities(child, _below(path, place), identities)
                for place, child in enumerate(route.routes)
            ]
        ),
    )
