"""What a flush decides: for each integration of the receiver, a message or the reason for none."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from alertrouter.core.value import value_class

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alertrouter.core.notification import Notification
    from alertrouter.core.reason import MutedBy, NotSent, Reason
    from alertrouter.core.receiver import Integration
    from alertrouter.core.route import Route
    from alertrouter.core.time import Moment
    from alertrouter.engine.slot import GroupId, Slot


@value_class(frozen=True, slots=True)
class Send:
    """A message that is due.

    ``revision`` is that of the log entry it was decided on (0: none). ``deadline`` is when attempts must end.
    ``firing``, ``resolved`` and ``pending`` are what the log will say once it is delivered. ``muted``: members that are kept
    back, and by what; ``left_out``: those of which the message says nothing although nothing mutes them, and why.
    """

    slot: Slot
    route: Route
    integration: Integration
    notification: Notification
    reason: Reason
    tick: Moment
    deadline: Moment
    revision: int
    firing: frozenset[int]
    resolved: frozenset[int]
    pending: frozenset[int]
    muted: Mapping[int, Sequence[str]] = field(default_factory=dict)
    left_out: Mapping[int, NotSent] = field(default_factory=dict)
    # What the decision rests on; while the same and before `valid_until` it need not be taken again.
    stamp: tuple[int, ...] = ()
    valid_until: Moment = 0

    def says_what(self, other: Send) -> bool:
        """Whether both tell of the same alerts for the same reason."""
        return self is other or (
            self.reason is other.reason
            and self.firing == other.firing
            and self.resolved == other.resolved
            and self.pending == other.pending
        )


@value_class(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Nothing is to be sent, and why.

    ``muted``: members that are kept back, and by what; ``left_out``: why nothing is said of others. Of members in neither
    of them all was said before.
    """

    slot: Slot
    why_not: NotSent
    muted: Mapping[int, Sequence[str]] = field(default_factory=dict)
    left_out: Mapping[int, NotSent] = field(default_factory=dict)


@value_class(frozen=True, slots=True)
class Flush:
    """One turn of an aggregation group: the messages that are due and how many alerts were muted by what.

    ``logged`` counts the integrations whose log moved on without a message (they do not want resolves); the
    notifications metric counts them too.
    """

    group: GroupId
    route: Route
    tick: Moment
    number: int
    sends: Sequence[Send] = ()
    logged: Sequence[Integration] = ()
    suppressed: Mapping[MutedBy, int] = field(default_factory=dict)
