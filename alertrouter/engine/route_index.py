"""Which routes handle an alert, without trying each: trees of thousands of nodes are generated from lists of teams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.engine.candidates import Candidates

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from alertrouter.core.route import Route

# With fewer children than this it is faster to try each.
_FEW = 8


class RouteIndex:
    """Finds what ``Route.match`` finds. Routes that ask for a label's value are looked up by it, the others are tried."""

    def __init__(self, root: Route) -> None:
        self._root = root
        self._children: dict[Route, Candidates[int]] = {}
        for node in root.walk():
            if len(node.routes) >= _FEW:
                index = self._children[node] = Candidates()
                for place, child in enumerate(node.routes):
                    index.add(place, child.matchers)

    def match(self, labels: Mapping[str, str]) -> list[Route]:
        """The nodes that handle an alert with these labels, in order; empty when the root does not match."""
        if not self._children:
            return self._root.match(labels)
        return self._below(self._root, labels) if self._root.matchers.match(labels) else []

    def _below(self, node: Route, labels: Mapping[str, str]) -> list[Route]:
        """What handles an alert that this node matches."""
        found: list[Route] = []
        for child in self._possible(node, labels):
            if child.matchers.match(labels):
                found += self._below(child, labels)
                if not child.continues:
                    break
        return found or [node]

    def _possible(self, node: Route, labels: Mapping[str, str]) -> Iterable[Route]:
        index = self._children.get(node)
        if index is None:
            return node.routes
        return [node.routes[place] for place in sorted(index.of(labels))]
