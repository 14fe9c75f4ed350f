"""The course things take when the engine lives through a record by itself, under a configuration that may be another one.

Receivers take every message at once. Everything else comes as it is recorded: alerts, silences, restarts, the clock.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from alertrouter.delivery.attempt import AttemptRecord
from alertrouter.engine.changes import (
    AlertTransition,
    DecisionRecord,
    FlushRecord,
    RenewalRecord,
    SilenceChange,
)
from alertrouter.engine.milestones import Checkpointed, ClockSet, Maintained, Reconfigured, Started, Stopped
from alertrouter.insight.feed import Feed
from alertrouter.insight.record import Lapsed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from alertrouter.core.reason import NotSent, Reason
    from alertrouter.core.route import Route
    from alertrouter.core.routing import Routing
    from alertrouter.core.time import Moment
    from alertrouter.engine.changes import Changes
    from alertrouter.engine.checkpoint import Checkpoint
    from alertrouter.engine.engine import Engine, EngineSettings
    from alertrouter.engine.slot import Slot
    from alertrouter.insight.record import Event


#: What a course finds out by itself: a record need not be asked for it.
FOUND_OUT: frozenset[type[Event]] = frozenset({FlushRecord, RenewalRecord, DecisionRecord, AttemptRecord})


class Message(NamedTuple):
    """A message that a receiver would have been sent. The sets hold ``Labels.identity``."""

    at: Moment
    slot: Slot
    group_key: str
    reason: Reason
    firing: frozenset[int]
    resolved: frozenset[int]


class Kept(NamedTuple):
    """Whom a flush did not tell an integration of, for a new reason. ``muted``: by identity, what kept the alert back."""

    at: Moment
    slot: Slot
    why_not: NotSent | None
    muted: Mapping[int, Sequence[str]]


class Course:
    """One course. ``told`` is called with every message, ``kept`` with every new reason for none, ``decided`` with every line
    that a record would have.

    ``routing`` is in force instead of what the record says, from ``since`` on; None for what the record says. ``without``
    are causes that never were: ids of silences, and identities of alerts; ``without_intervals`` mute nothing; ``altered`` makes
    of each recorded configuration the one that is in force.
    """

    def __init__(
        self,
        *,
        routing: Routing | None = None,
        since: Moment = 0,
        told: Callable[[Message], object],
        kept: Callable[[Kept], object] | None = None,
        decided: Callable[[DecisionRecord], object] | None = None,
        without: frozenset[str | int] = frozenset(),
        without_intervals: frozenset[str] = frozenset(),
        altered: Callable[[Routing], Routing] = lambda routing: routing,
    ) -> None:
        self._routing = routing
        self._since = since
        self._told = told
        self._kept = kept
        self._decided = decided
        self._without = without
        self._feed: Feed | None = None
        self._recorded: Routing | None = None
        self._reload: Reconfigured | None = None
        self._stopped_at: Moment | None = None
        self._changed = False
        self._without_intervals = without_intervals
        self._altered = altered
        self._takers: dict[type[Event], Callable[[Any], None]] = {
            AlertTransition: self._transition,
            Lapsed: self._lapsed,
            SilenceChange: self._silence,
            Reconfigured: self._reconfigured,
            Started: self._started,
            Checkpointed: self._started,
            Stopped: self._has_stopped,
            Maintained: self._maintained,
            ClockSet: self._clock_set,
        }

    @property
    def engine(self) -> Engine:
        """The engine as it is now."""
        return self._fed.engine

    @property
    def has_begun(self) -> bool:
        """Whether there is an engine yet."""
        return self._feed is not None

    def happened(self, event: Event) -> None:
        """The next event of the record."""
        take = self._takers.get(type(event))
        if take is None:
            return  # what was decided then, and what became of it
        if self._reload is not None and not isinstance(event, Started):
            self._reconfigure()
        take(event)

    def _transition(self, event: AlertTransition) -> None:
        if event.alert.labels.identity not in self._without:
            self.until(event.at)
            self._fed.alert(event)

    def _lapsed(self, event: Lapsed) -> None:
        # What is due before is seen as it was then: the end lies later.
        self._fed.lapsed(event)

    def _silence(self, event: SilenceChange) -> None:
        if event.silence.id not in self._without:
            self.until(event.at)
            self._fed.silence(event)

    def _reconfigured(self, event: Reconfigured) -> None:
        self._reload = event

    def _has_stopped(self, event: Stopped) -> None:
        self.until(event.at)
        self._stopped_at = event.at

    def _maintained(self, event: Maintained) -> None:
        self.until(event.at)
        self.engine.maintain(event.at)

    def _clock_set(self, event: ClockSet) -> None:
        self.until(event.before)
        self.engine.clock_set(event.before, event.at)

    def until(self, moment: Moment) -> None:
        """Let time pass up to this moment, with everything that is due before and at it."""
        if self._stopped_at is not None:
            return
        engine = self.engine
        if self._routing is not None and not self._changed and moment >= self._since:
            self._flush(engine, self._since)
            self._changed = True
            engine.reconfigure(self._routing, self._since)
        if not engine.flusher.none_due(moment):
            self._flush(engine, moment)

    def _flush(self, engine: Engine, moment: Moment) -> None:
        while (due := engine.next_due()) is not None and due <= moment:
            flushes, changes = engine.flush(due)
            if self._kept is not None and changes.decisions:
                self._keep(changes)
            if self._decided is not None:
                self._tell(changes)
            for flush in flushes:
                for send in flush.sends:
                    if self._kept is not None and send.muted:
                        self._kept(Kept(due, send.slot, None, send.muted))
                    self._told(
                        Message(
                            due,
                            send.slot,
                            send.notification.group_key,
                            send.reason,
                            send.firing,
                            send.resolved,
                        )
                    )
                    delivered = engine.delivered(send, due)
                    if self._decided is not None:
                        self._tell(delivered)

    def _tell(self, changes: Changes) -> None:
        assert self._decided is not None
        for record in changes.decisions:
            self._decided(record)

    def _keep(self, changes: Changes) -> None:
        assert self._kept is not None
        for record in changes.decisions:
            if record.why_not is not None:
                self._kept(Kept(record.at, record.slot, record.why_not, record.muted))

    @property
    def _fed(self) -> Feed:
        assert self._feed is not None, "a record begins with a checkpoint"
        return self._feed

    def _reconfigure(self) -> None:
        assert self._reload is not None
        event, self._reload = self._reload, None
        self._recorded = self._altered(without(event.routing, self._without_intervals))
        if self._feed is not None and self._stopped_at is None:
            self.until(event.at)
            if not self._changed:
                self.engine.reconfigure(self._recorded, event.at)

    def _started(self, event: Started | Checkpointed) -> None:
        if self._reload is not None:
            routing, self._reload = self._reload.routing, None
            self._recorded = self._altered(without(routing, self._without_intervals))
        if self._feed is None:
            self._begin(event.settings, event.checkpoint)
        elif isinstance(event, Started):
            seen_at = self._stopped_at
            if seen_at is None:
                seen_at = event.at if event.seen_at is None else min(event.seen_at, event.at)
                self.until(seen_at)
            self._stopped_at = None
            assert self._recorded is not None, "a record begins with a configuration"
            self._feed.restart(event.settings, seen_at, event.at)
            if not self._changed:
                # The file may have been edited while no process ran.
                self.engine.reconfigure(self._recorded, event.at)

    def _begin(self, settings: EngineSettings, checkpoint: Checkpoint) -> None:
        assert self._recorded is not None, "a record begins with a configuration"
        if self._without:
            checkpoint = replace(
                checkpoint,
                alerts=[each for each in checkpoint.alerts if each.labels.identity not in self._without],
                silences=[each for each in checkpoint.silences if each.id not in self._without],
            )
        self._feed = Feed(self._recorded, settings, checkpoint)
        # What was on its way then arrives.
        for group in list(self.engine.groups):
            for send in list(group.open.values()):
                self.engine.delivered(send, checkpoint.at)


def without(routing: Routing, intervals: frozenset[str]) -> Routing:
    """A routing in which these time intervals mute nothing."""

    def lessened(route: Route) -> Route:
        return replace(
            route,
            mute_time_intervals=tuple([n for n in route.mute_time_intervals if n not in intervals]),
            active_time_intervals=()
            if intervals & set(route.active_time_intervals)
            else route.active_time_intervals,
            routes=[lessened(child) for child in route.routes],
        )

    return replace(routing, route=lessened(routing.route)) if intervals else routing
