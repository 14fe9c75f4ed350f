"""The routing tree, compiled: every option that meant "inherit" is resolved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from alertrouter.core.labels import Labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from alertrouter.core.matcher import Matchers
    from alertrouter.core.receiver import Receiver
    from alertrouter.core.time import Duration


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Route:
    """One node of the routing tree.

    ``group_by`` None groups by all labels. ``key`` is the text of the matchers from the root down, ``id``
    the same with the places among siblings, ``place`` those places alone (``0/2``; empty for the root); ``identity`` is the name under which the node's groups are
    remembered: it stays the same over edits that leave the node recognisable (D7 of `semantics.md` 12.2).
    """

    receiver: Receiver
    matchers: Matchers
    continues: bool = False
    group_by: tuple[str, ...] | None
    group_wait: Duration
    group_interval: Duration
    repeat_interval: Duration
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    key: str
    id: str
    identity: str
    place: str = ""
    routes: Sequence[Route] = ()

    def match(self, labels: Mapping[str, str]) -> list[Route]:
        """The nodes that handle an alert with these labels, in order; empty when this one does not match."""
        if not self.matchers.match(labels):
            return []
        found: list[Route] = []
        for child in self.routes:
            below = child.match(labels)
            if below:
                found += below
                if not child.continues:
                    break
        return found or [self]

    def group_labels(self, labels: Labels) -> Labels:
        """The labels that name the group of this node in which an alert belongs."""
        if self.group_by is None:
            return labels
        return Labels.in_order([(name, labels[name]) for name in self.group_by if name in labels])

    def group_key(self, group_labels: Labels) -> str:
        """The textual key of a group, as payloads show it: ``{}/{a="b"}:{alertname="x"}``."""
        return f"{self.key}:{group_labels.text()}"

    def walk(self) -> Iterator[Route]:
        """This node and all below it, parents before children."""
        yield self
        for child in self.routes:
            yield from child.walk()
