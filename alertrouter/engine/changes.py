"""What an event changed: the values the journal writes and the history keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from alertrouter.core.value import value_class

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alertrouter.core.alert import Alert
    from alertrouter.core.labels import Labels
    from alertrouter.core.notification import ReceiverDatum
    from alertrouter.core.reason import FailureReason, NotSent, Reason
    from alertrouter.core.rule_state import EvaluatedGroup, StoredRuleAlert
    from alertrouter.core.silence import Silence
    from alertrouter.core.time import Moment
    from alertrouter.engine.slot import GroupId, Slot


class Transition(StrEnum):
    """What became of an alert."""

    FIRED = "fired"  # first seen, or a new episode
    CHANGED = "changed"  # still firing, with another start, annotations or generator URL
    RESOLVED = "resolved"  # its client said so, or reported it resolved from the start
    EXPIRED = "expired"  # its end passed without another word; noticed by the first report or decision that rests on it
    RESOLVED_AGAIN = "resolved again"  # its client repeats itself, and that changes when somebody is told
    COLLECTED = "collected"  # forgotten, some time after it was resolved


@value_class(frozen=True, slots=True)
class AlertTransition:
    """One line of an alert's history.

    ``replaced`` are the annotations the alert had before, when this changed them.
    """

    at: Moment
    kind: Transition
    alert: Alert
    replaced: Mapping[str, str] | None = None


class MovedEnd(NamedTuple):
    """What a heartbeat changes of an alert."""

    labels: Labels
    ends_at: Moment
    updated_at: Moment
    timeout: bool
    ends_offset: int


@value_class(frozen=True, slots=True)
class GroupState:
    """What must be remembered of an aggregation group; its members follow from the alerts.

    ``tick`` is the last flush (None before the first) and ``due`` the next; later flushes without anything to
    say may have moved both by whole group intervals since this was written. ``settled_at`` is the tick of the
    last flush that ended well: resolved alerts it saw have left the group. ``key`` and ``path`` (the route's place)
    tell which route it was, should its identity be looked for in another configuration.
    """

    id: GroupId
    receiver: str
    key: str
    path: str
    created_at: Moment
    due: Moment
    tick: Moment | None
    settled_at: Moment | None
    flush_number: int
    held: bool = False


@value_class(frozen=True, slots=True)
class LogEntry:
    """What one integration was last told about a group.

    The sets hold ``Labels.identity``. ``pending``: announced as firing earlier, muted when the last message
    went out, so their resolve is still owed (D3). ``flushed_at`` is the tick of the logged flush and
    ``sent_at`` the moment after it succeeded. Every write raises ``revision`` by one.
    """

    slot: Slot
    group_key: str
    revision: int
    flushed_at: Moment
    sent_at: Moment
    expires_at: Moment
    firing: frozenset[int]
    resolved: frozenset[int]
    pending: frozenset[int] = frozenset()
    receiver_data: Mapping[str, ReceiverDatum] = field(default_factory=dict)

    @property
    def announced(self) -> frozenset[int]:
        """Whom the receiver believes to be firing."""
        return self.firing | self.pending if self.pending else self.firing


class Outcome(StrEnum):
    """How the notification of one integration in one flush ended."""

    SENT = "sent"
    LOGGED = "logged"  # nothing was sent, on purpose, and the log moved on (send_resolved: false)
    NOT_SENT = "not sent"
    FAILED = "failed"


@value_class(frozen=True, slots=True)
class DecisionRecord:
    """One line of the decision history: what became of a message, or why there was none if a reason is a new one.

    ``why_not`` is set unless something was sent. ``muted`` maps an alert's identity to what keeps it back, for
    people: ``silence:<id>``, ``inhibition:<rule>:<source fingerprint>``, ``interval:<name>``; ``left_out`` maps those of
    which nothing is said although nothing mutes them to the reason. The line of a message (it has attempts, or was
    withdrawn) names every member of its group. Where nothing was due, only those are named of whom something else is true
    than the line before told; of the others that still holds, or all was said with the last message.
    """

    at: Moment
    slot: Slot
    group_key: str
    tick: Moment
    flush_number: int
    outcome: Outcome
    reason: Reason | None = None
    why_not: NotSent | None = None
    firing: Sequence[int] = ()
    resolved: Sequence[int] = ()
    muted: Mapping[int, Sequence[str]] = field(default_factory=dict)
    left_out: Mapping[int, NotSent] = field(default_factory=dict)
    attempts: int = 0
    error: str = ""
    failure: FailureReason | None = None
    possible_duplicate: bool = False


@value_class(frozen=True, slots=True)
class FlushRecord:
    """A flush that had something to say or changed something; others leave nothing but their time behind.

    ``due`` is when it was to come, and later than ``at`` for a group that was free before its time (D10); ``tick`` is
    the time it counts from. ``group_key`` is what people know the group by, where that is known.
    """

    at: Moment
    group: GroupId
    due: Moment
    tick: Moment
    group_key: str = field(default="", compare=False, repr=False)


class RenewalRecord(NamedTuple):
    """A message on its way says something else from now on, for the facts have changed before it was sent."""

    at: Moment
    slot: Slot


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceChange:
    """A new version of a silence, with what was done: created, updated, expired or imported."""

    at: Moment
    action: str
    silence: Silence


@dataclass(slots=True)
class Changes:
    """What one event changed, to be committed together; empty when nothing must be remembered.

    What is both written and removed in one of these is removed.
    """

    alerts: list[Alert] = field(default_factory=list)
    collected_alerts: list[Labels] = field(default_factory=list)
    transitions: list[AlertTransition] = field(default_factory=list)
    groups: list[GroupState] = field(default_factory=list)
    removed_groups: list[GroupId] = field(default_factory=list)
    entries: list[LogEntry] = field(default_factory=list)
    removed_entries: list[Slot] = field(default_factory=list)
    silences: list[SilenceChange] = field(default_factory=list)
    removed_silences: list[str] = field(default_factory=list)
    flushes: list[FlushRecord] = field(default_factory=list)
    decisions: list[DecisionRecord] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(
            self.alerts
            or self.groups
            or self.entries
            or self.silences
            or self.decisions
            or self.flushes
            or self.transitions
            or self.collected_alerts
            or self.removed_groups
            or self.removed_entries
            or self.removed_silences
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredState:
    """What the store remembers, as a start needs it.

    ``alerts``: all that were not collected. ``seen_at``: the last moment the store is known to have been
    followed; None for an empty one. ``intents``: sends that were begun, and when, whose outcome nobody wrote. What there is of
    rules is the evaluator's: the engine neither asks for it nor fills it in.
    """

    alerts: Sequence[Alert] = ()
    groups: Sequence[GroupState] = ()
    entries: Sequence[LogEntry] = ()
    silences: Sequence[Silence] = ()
    intents: Mapping[Slot, Moment] = field(default_factory=dict)
    rule_alerts: Sequence[StoredRuleAlert] = ()
    rule_groups: Sequence[EvaluatedGroup] = ()
    seen_at: Moment | None = None
