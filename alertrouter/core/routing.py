"""Everything a configuration says that decides who is told what: one immutable value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from alertrouter.core.time import MINUTE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alertrouter.core.inhibition import InhibitionRule
    from alertrouter.core.receiver import Receiver
    from alertrouter.core.route import Route
    from alertrouter.core.time import Duration
    from alertrouter.core.time_interval import TimeInterval


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Routing:
    """The routing tree with what it names.

    ``receivers`` are in the order of the file, those that no route uses included.
    ``close_orphaned_groups``: when a group loses its route, tell the old receiver that it is resolved (D7).
    """

    route: Route
    receivers: Mapping[str, Receiver]
    inhibition_rules: Sequence[InhibitionRule] = ()
    time_intervals: Mapping[str, TimeInterval] = field(default_factory=dict)
    resolve_timeout: Duration = 5 * MINUTE
    close_orphaned_groups: bool = False
