"""What a receiver is told: one message about one group, before any wording."""

from __future__ import annotations

import hashlib
from dataclasses import field
from typing import TYPE_CHECKING

from alertrouter.core.value import value_class

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alertrouter.core.alert import Alert, Status
    from alertrouter.core.labels import Labels
    from alertrouter.core.reason import Reason
    from alertrouter.core.time import Moment

#: What an integration may keep with the notification log and gets back with the next message of the same group.
ReceiverDatum = str | int | float


@value_class(frozen=True, slots=True)
class Notification:
    """One message to one integration.

    ``alerts`` are in display order; a firing one has no end, whatever end is known for it. ``status`` may be
    firing although all alerts shown are resolved: others of the group fire but are muted (D11).
    ``route_labels`` are the route's label templates, not yet rendered. ``flush_number`` counts the group's flushes from 1.
    """

    receiver: str
    status: Status
    reason: Reason
    alerts: Sequence[Alert]
    group_labels: Labels
    group_key: str
    flushed_at: Moment
    flush_number: int = 1
    route_labels: Mapping[str, str] = field(default_factory=dict)
    receiver_data: Mapping[str, ReceiverDatum] = field(default_factory=dict)
    possible_duplicate: bool = False

    @property
    def group_hash(self) -> str:
        """Lower-case hexadecimal SHA-256 of the group key: the dedup key given to other systems."""
        return hashlib.sha256(self.group_key.encode()).hexdigest()

    @property
    def firing(self) -> list[Alert]:
        """The alerts of this message that fire."""
        return [alert for alert in self.alerts if alert.ends_at is None]

    @property
    def resolved(self) -> list[Alert]:
        """The alerts of this message that are resolved."""
        return [alert for alert in self.alerts if alert.ends_at is not None]
