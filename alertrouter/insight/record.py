"""The record: everything that happened, in its order, as the engine that lived through it saw it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from alertrouter.core.time import SECOND
from alertrouter.delivery.attempt import AttemptRecord
from alertrouter.engine.changes import (
    AlertTransition,
    DecisionRecord,
    FlushRecord,
    RenewalRecord,
    SilenceChange,
)
from alertrouter.engine.milestones import Checkpointed, ClockSet, Maintained, Reconfigured, Started, Stopped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from alertrouter.core.routing import Routing
    from alertrouter.core.time import Moment


#: What the last moments of a process did may not have been written, or not have been done.
LAST_MOMENTS = 15 * SECOND


@dataclass(frozen=True, slots=True)
class Lapsed:
    """The end of an alert passed without another word. It stands where it happened, noticed or not.

    ``identity`` is that of the alert's ``Labels``. Heartbeats are not recorded: an alert fires until this or its resolve.
    """

    at: Moment
    identity: int


Event = (
    AlertTransition
    | Lapsed
    | SilenceChange
    | FlushRecord
    | RenewalRecord
    | DecisionRecord
    | AttemptRecord
    | Reconfigured
    | Started
    | Checkpointed
    | Stopped
    | Maintained
    | ClockSet
)


class RecordError(Exception):
    """The record cannot answer: what is missing or wrong, and what can be asked instead."""


class Record(Protocol):
    """What happened, readable any number of times.

    ``complete_from`` is the moment of the oldest checkpoint: from then on a replay is exact; None when there is none yet.
    ``complete_until`` is up to when everything that happened is known to be in the record, but for what heartbeats may have
    moved in the last moments of a process that was cut off. ``name`` is for people.
    """

    @property
    def name(self) -> str: ...

    @property
    def complete_from(self) -> Moment | None: ...

    @property
    def complete_until(self) -> Moment: ...

    def events(
        self, since: Moment, until: Moment, *, leave_out: Collection[type[Event]] = ()
    ) -> Iterator[Event]:
        """What happened before ``until``, in order, from the last checkpoint at or before ``since``.

        The first is the configuration in force then (``Reconfigured``), the second the checkpoint (``Started`` or
        ``Checkpointed``), from the oldest checkpoint when all are younger; what was checkpointed later may be left out, as
        who has come so far knows it. ``leave_out`` are kinds of lines that are not asked for: reading them takes time.
        Raises RecordError.
        """

    def configuration_at(self, moment: Moment) -> Routing | None:
        """The routing in force at this moment; None when the record does not reach back so far."""


def lapses_before(start: Started) -> Iterator[tuple[Moment, int]]:
    """The ends of alerts that had passed unnoticed when a process ended, as the next one found them.

    Not those of its last moments: heartbeats may have moved them without its being written.
    """
    seen_at = start.at if start.seen_at is None else start.seen_at
    for alert in start.checkpoint.alerts:
        if alert.updated_at < alert.ends_at <= seen_at - LAST_MOMENTS:
            yield alert.ends_at, alert.labels.identity


def with_lapses(
    happened: Iterable[tuple[int, Moment, Event]],
    lapses: Iterable[tuple[Moment, int]],
    until: Moment,
    lapsed_until: Moment,
) -> Iterator[Event]:
    """What happened before ``until`` (each with its number and moment), and in their places those ends of alerts (moments and
    identities, in order) that lie before it, or else before ``lapsed_until``.
    """
    coming = iter(lapses)
    lapse = next(coming, None)
    for _, at, event in happened:
        if at >= until:
            continue
        while lapse is not None and lapse[0] <= at:
            yield Lapsed(*lapse)
            lapse = next(coming, None)
        yield event
    while lapse is not None and lapse[0] < lapsed_until:
        yield Lapsed(*lapse)
        lapse = next(coming, None)


def moment_of(event: Event) -> Moment:
    """When it happened; of an attempt, when it ended."""
    return event.started_at + event.latency if isinstance(event, AttemptRecord) else event.at
