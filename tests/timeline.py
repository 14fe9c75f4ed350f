"""The behaviour language: a router on a virtual clock, told as a timeline.

    t = Timeline(CONFIG)
    t.at(0).fire("A")
    t.at(31).fire("B")
    assert t.until(1000) == [
        sent(30, Reason.FIRST, firing="A"),
        sent(330, Reason.NEW_ALERTS, firing="AB"),
    ]

Times are seconds after zero. The engine is the real one, and so is the configuration loader; only delivery is played,
since its sockets have a time of their own: attempts, waits (without jitter) and answers happen on the virtual clock.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from alertrouter.config import load_text
from alertrouter.core.alert import Alert, Status
from alertrouter.core.labels import Labels
from alertrouter.core.matcher_syntax import Mode, parse_matchers
from alertrouter.core.notification import Notification, ReceiverDatum
from alertrouter.core.reason import FailureReason, Reason
from alertrouter.core.routing import Routing
from alertrouter.core.silence import Silence
from alertrouter.core.time import SECOND, Moment, format_rfc3339
from alertrouter.engine.changes import (
    AlertTransition,
    Changes,
    DecisionRecord,
    GroupState,
    LogEntry,
    RenewalRecord,
    StoredState,
    Transition,
)
from alertrouter.engine.checkpoint import checkpoint
from alertrouter.engine.decision import Flush, Quiet, Send
from alertrouter.engine.engine import Engine, EngineSettings
from alertrouter.engine.group import AggregationGroup
from alertrouter.engine.known import Known
from alertrouter.engine.milestones import ClockSet, Maintained, Milestone, Reconfigured, Started
from alertrouter.engine.slot import GroupId, Slot
from alertrouter.insight.record import Event, lapses_before, moment_of, with_lapses
from alertrouter.intake import Intake, Taken
from alertrouter.wire import decode_alerts

#: One webhook that wants resolves, grouped by alertname: what most behaviours are told with.
HOOK = """
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 4h
receivers:
  - name: hook
    webhook_configs:
      - url: http://hook.example/
"""

#: When an alert ends that "fires" without another word: long after every timeline is over.
LONG = 100_000


def seconds(moment: Moment) -> float:
    """A moment in the units of the timeline."""
    return moment / SECOND


def moment(at: float) -> Moment:
    """A time of the timeline as the engine counts."""
    return round(at * SECOND)


@dataclass(frozen=True)
class Sent:
    """A message that a receiver took: when, why, and about which alerts (their ``name`` labels, in order)."""

    at: float
    reason: Reason
    firing: tuple[str, ...] = ()
    resolved: tuple[str, ...] = ()
    to: str = "hook"


def sent(
    at: float,
    reason: Reason,
    firing: str | tuple[str, ...] = (),
    resolved: str | tuple[str, ...] = (),
    to: str = "hook",
) -> Sent:
    """What is expected; ``firing="AB"`` means the alerts A and B. ``to`` is a receiver, or ``receiver:webhook/1``."""
    return Sent(at, reason, tuple(firing), tuple(resolved), to)


@dataclass(frozen=True)
class Answer:
    """How a receiver takes one attempt, and how many seconds later."""

    kind: str = "ok"
    after: float = 0.0
    data: Mapping[str, ReceiverDatum] | None = None


OK = Answer()
FAILS = Answer("temporary")
REFUSES = Answer("refused")
HANGS = Answer("hang")


@dataclass
class Attempt:
    """One attempt to send, as a receiver saw it."""

    at: float
    to: str
    send: Send
    answer: Answer
    life: int = 1


@dataclass
class Remembered:
    """What a store would know: the changes, applied one after the other."""

    alerts: dict[Labels, Alert] = field(default_factory=dict)
    groups: dict[GroupId, GroupState] = field(default_factory=dict)
    entries: dict[Slot, LogEntry] = field(default_factory=dict)
    silences: dict[str, Silence] = field(default_factory=dict)
    intents: dict[Slot, Moment] = field(default_factory=dict)
    transitions: list[AlertTransition] = field(default_factory=list)
    decisions: list[DecisionRecord] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def apply(self, changes: Changes) -> None:
        """Write these changes."""
        self.events += changes.flushes
        self.events += changes.transitions
        self.events += changes.silences
        self.events += changes.decisions
        for labels in changes.collected_alerts:
            self.alerts.pop(labels, None)
        self.alerts.update({alert.labels: alert for alert in changes.alerts})
        for group_id in changes.removed_groups:
            self.groups.pop(group_id, None)
        live = set(changes.removed_groups)
        self.groups.update({group.id: group for group in changes.groups if group.id not in live})
        for slot in changes.removed_entries:
            self.entries.pop(slot, None)
        self.entries.update({entry.slot: entry for entry in changes.entries})
        for silence_id in changes.removed_silences:
            self.silences.pop(silence_id, None)
        self.silences.update({change.silence.id: change.silence for change in changes.silences})
        self.transitions += changes.transitions
        self.decisions += changes.decisions

    def note(self, event: Milestone | RenewalRecord) -> None:
        """Write down something else that happened."""
        self.events.append(event)

    def state(self, seen_at: Moment) -> StoredState:
        """What a start finds."""
        return StoredState(
            alerts=list(self.alerts.values()),
            groups=list(self.groups.values()),
            entries=list(self.entries.values()),
            silences=list(self.silences.values()),
            intents=dict(self.intents),
            seen_at=seen_at,
        )


@dataclass
class PlayedRecord:
    """The record of a timeline: see ``alertrouter.insight.record.Record``."""

    timeline: Timeline
    name: str = "the timeline"
    complete_from: Moment = 0

    @property
    def complete_until(self) -> Moment:
        """The moment the timeline has come to."""
        return self.timeline.now

    def events(
        self, since: Moment, until: Moment, *, leave_out: Collection[type[Event]] = ()
    ) -> Iterator[Event]:
        """What happened, from the beginning."""
        assert since >= 0
        lapses = set()
        for event in self.timeline.store.events:
            if isinstance(event, AlertTransition) and event.kind is Transition.EXPIRED:
                assert event.alert.ends_at is not None
                lapses.add((event.alert.ends_at, event.alert.labels.identity))
            elif isinstance(event, Started):
                lapses.update(lapses_before(event))
        for known in self.timeline.engine.known.values():
            if known.ends_at > known.updated_at:
                lapses.add((known.ends_at, known.labels.identity))
        happened = [
            (number, moment_of(event), event)
            for number, event in enumerate(self.timeline.store.events)
            if type(event) not in leave_out
        ]
        return with_lapses(happened, sorted(lapses), until, min(until, self.timeline.now + 1))

    def configuration_at(self, moment: Moment) -> Routing | None:
        """The last configuration up to this moment."""
        found = [e for e in self.timeline.store.events if isinstance(e, Reconfigured) and e.at <= moment]
        return found[-1].routing if found else None


#: Every timeline that was begun since somebody emptied this.
timelines: list[Timeline] = []


class Timeline:
    """One router and the world around it."""

    def __init__(
        self,
        config: str = HOOK,
        *,
        settings: EngineSettings | None = None,
        answers: Callable[[str, float], Answer] = lambda _to, _at: OK,
        store: Remembered | None = None,
        witness: Callable[[Timeline], Callable[[], None]] = lambda _: lambda: None,
    ) -> None:
        """``witness`` is called before whatever is due is flushed, and what it returns right after that."""
        self.settings = settings or EngineSettings()
        self.answers = answers
        self.routing = routing(config, self.settings.mode)
        self.engine = Engine(self.routing, self.settings)
        self.intake = Intake(self.engine, self.settings.mode)
        self.now: Moment = 0
        self.sent: list[Sent] = []
        self.notifications: list[tuple[float, Notification]] = []
        self.attempts: list[Attempt] = []
        self.messages: list[tuple[int, Send]] = []
        self.lives = 0
        self.flushes: list[Flush] = []
        self.witness = witness
        self.store = store or Remembered()
        self.suppressed: dict[str, int] = {}
        self._events: list[tuple[Moment, int, Callable[[], None]]] = []
        self._count = 0
        self._silences = 0
        self._begun(None, {})
        timelines.append(self)

    def _begun(self, seen_at: Moment | None, cut_off: Mapping[Slot, Moment]) -> None:
        self.lives += 1
        then = checkpoint(self.engine, self.now)
        assert then is not None, "no group closes at a start"
        self.store.note(Reconfigured(at=self.now, routing=self.engine.routing))
        self.store.note(
            Started(at=self.now, settings=self.settings, checkpoint=then, seen_at=seen_at, cut_off=cut_off)
        )

    # Moving on

    def at(self, when: float) -> Timeline:
        """Let time pass up to this moment, with everything that is due before and at it."""
        self._play(moment(when))
        return self

    def until(self, when: float) -> list[Sent]:
        """Let time pass and tell what was sent from the beginning."""
        self._play(moment(when))
        return self.sent

    def _play(self, end: Moment) -> None:
        while True:
            due = self.engine.next_due()
            event = self._events[0][0] if self._events else None
            coming = min((m for m in (due, event) if m is not None), default=None)
            if coming is None or coming > end:
                break
            self.now = max(self.now, coming)
            if event is not None and event <= self.now:
                heapq.heappop(self._events)[2]()
            else:
                flushed = self.witness(self)
                flushes, changes = self.engine.flush(self.now)
                flushed()
                self.store.apply(changes)
                for flush in flushes:
                    self._flushed(flush)
        self.now = max(self.now, end)

    def _later(self, at: Moment, event: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (at, self._count, event))

    # Delivery

    def _flushed(self, flush: Flush) -> None:
        self.flushes.append(flush)
        for by, count in flush.suppressed.items():
            self.suppressed[by] = self.suppressed.get(by, 0) + count
        for send in flush.sends:
            self.store.intents[send.slot] = self.now
            self._attempt(self.engine, send, 1)

    def _attempt(self, engine: Engine, send: Send, number: int) -> None:
        if engine is not self.engine:
            return  # the process that made this attempt is gone
        current = engine.renew(send, self.now)
        if isinstance(current, Quiet):
            self.store.apply(engine.withdrawn(send, current, self.now, attempts=number - 1))
            self.store.intents.pop(send.slot, None)
            return
        if not current.says_what(send):
            self.store.note(RenewalRecord(self.now, send.slot))
        to = receiver_name(current)
        answer = self.answers(to, seconds(self.now))
        self.attempts.append(Attempt(seconds(self.now), to, current, answer, self.lives))
        begun = self.now
        if answer.kind == "hang":
            self._later(current.deadline, lambda: self._give_up(engine, current, number))
        elif answer.after:
            self._later(
                self.now + moment(answer.after),
                lambda: self._answered(engine, current, answer, number, begun),
            )
        else:
            self._answered(engine, current, answer, number, begun)

    def _answered(self, engine: Engine, send: Send, answer: Answer, number: int, begun: Moment) -> None:
        if engine is not self.engine:
            return
        if answer.kind == "ok":
            self.notifications.append((seconds(self.now), send.notification))
            self.messages.append((self.lives, send))
            self.sent.append(_as_sent(seconds(self.now), send))
            self.store.apply(engine.delivered(send, self.now, answer.data, attempts=number))
            self.store.intents.pop(send.slot, None)
        elif answer.kind == "refused":
            self.store.apply(
                engine.failed(send, self.now, FailureReason.CLIENT_ERROR, "answered 400", attempts=number)
            )
            self.store.intents.pop(send.slot, None)
        else:
            again = max(self.now, begun + moment(min(0.5 * 1.5 ** (number - 1), 60)))
            if again >= send.deadline:
                self._later(send.deadline, lambda: self._give_up(engine, send, number))
            else:
                self._later(again, lambda: self._attempt(engine, send, number + 1))

    def _give_up(self, engine: Engine, send: Send, number: int) -> None:
        if engine is self.engine:
            reason = FailureReason.CONTEXT_DEADLINE_EXCEEDED
            self.store.apply(engine.failed(send, self.now, reason, "deadline exceeded", attempts=number))
            self.store.intents.pop(send.slot, None)

    # What clients and people do

    def fire(
        self,
        name: str,
        *,
        starts: float | None = None,
        ends: float = LONG,
        annotations: Mapping[str, str] | None = None,
        **labels: str,
    ) -> Timeline:
        """Report an alert as firing: from now, or as it began when it fires already. ``name`` becomes its label."""
        known = self.known(name, **labels)
        if starts is None:
            going_on = known is not None and known.ends_at > self.now
            starts_at = known.starts_at if known is not None and going_on else self.now
        else:
            starts_at = moment(starts)
        return self._receive(name, labels, starts_at, moment(ends), annotations)

    def resolve(
        self, name: str, *, ends: float | None = None, starts: float | None = None, **labels: str
    ) -> Timeline:
        """Report an alert as resolved, now or at the time given."""
        known = self.known(name, **labels)
        ends_at = self.now if ends is None else moment(ends)
        starts_at = (
            moment(starts) if starts is not None else known.starts_at if known is not None else ends_at
        )
        annotations = known.annotations if known is not None else None
        return self._receive(name, labels, min(starts_at, ends_at), ends_at, annotations)

    def _receive(
        self,
        name: str,
        labels: Mapping[str, str],
        starts_at: Moment,
        ends_at: Moment,
        annotations: Mapping[str, str] | None,
    ) -> Timeline:
        alert = Alert(
            labels=labels_of(name, labels),
            annotations=Labels(annotations or {}),
            starts_at=starts_at,
            ends_at=ends_at,
            updated_at=self.now,
        )
        self.store.apply(self.engine.receive([alert], self.now).changes)
        return self

    def post(self, *alerts: Alert) -> Timeline:
        """Report alerts as they are, in one request."""
        self.store.apply(self.engine.receive(alerts, self.now).changes)
        return self

    def request(self, *alerts: object) -> Taken:
        """Post alerts as a client does, through the door; times in them may be given in seconds of the timeline."""
        posted = decode_alerts(json.dumps(_with_times(alerts)).encode())
        taken = self.intake.take(self.intake.read(posted), self.now)
        self.store.apply(taken.changes)
        return taken

    def silence(
        self, matchers: str, *, starts: float | None = None, ends: float, id: str = "", **changes: Any
    ) -> Silence:
        """Create a silence, or edit the one with this id."""
        self._silences += 1
        proposed = Silence(
            id=id,
            matcher_sets=(parse_matchers(matchers, Mode.FALLBACK).matchers,),
            starts_at=self.now if starts is None else moment(starts),
            ends_at=moment(ends),
            created_by="somebody",
            comment="because",
        )
        saved, changed = self.engine.save_silence(
            replace(proposed, **changes), self.now, f"00000000-0000-4000-8000-{self._silences:012}"
        )
        self.store.apply(changed)
        return saved

    def expire(self, silence: Silence) -> Timeline:
        """End a silence."""
        self.store.apply(self.engine.expire_silence(silence.id, self.now))
        return self

    def reload(self, config: str | None = None) -> Timeline:
        """Reload the configuration, the same or another."""
        if config is not None:
            self.routing = routing(config, self.settings.mode)
        self.store.apply(self.engine.reconfigure(self.routing, self.now))
        self.store.note(Reconfigured(at=self.now, routing=self.engine.routing))
        return self

    def clock_set(self, to: float) -> Timeline:
        """Set the clock of the machine while the process runs."""
        before, self.now = self.now, moment(to)
        self.store.apply(self.engine.clock_set(before, self.now))
        self.store.note(ClockSet(at=self.now, before=before))
        return self

    def collect(self) -> Timeline:
        """Run both maintenances: forget resolved alerts, ended silences and old log entries."""
        self.store.apply(self.engine.collect_alerts(self.now))
        forgotten = self.engine.maintain(self.now)
        self.store.apply(forgotten)
        if forgotten.removed_entries:
            self.store.note(Maintained(at=self.now))
        return self

    def stop(self) -> Timeline:
        """End the process as a clean stop does: what heartbeats moved is written."""
        for moved in self.engine.take_moved():
            self.store.alerts[moved.labels] = self.engine.known[moved.labels].alert()
        return self

    def restart(
        self, *, down_since: float | None = None, config: str | None = None, end_grace: float = 0
    ) -> Timeline:
        """Start another process on what is stored; ``down_since`` is when the old one was last seen.

        That is noted with everything that is written, so it is not before what happened last.
        """
        if config is not None:
            self.routing = routing(config, self.settings.mode)
        self.engine = Engine(self.routing, self.settings)
        self.intake = Intake(self.engine, self.settings.mode)
        self._events.clear()
        seen_at = self.now
        if down_since is not None:
            seen_at = max(moment(down_since), min(self.now, moment_of(self.store.events[-1])))
        state = self.store.state(seen_at)
        self.store.apply(self.engine.load(state, self.now, end_grace=moment(end_grace)))
        self._begun(seen_at, state.intents)
        return self

    # Looking

    def known(self, name: str, **labels: str) -> Known | None:
        """What the engine knows of an alert."""
        return self.engine.known.get(labels_of(name, labels))

    def group(self, **labels: str) -> AggregationGroup | None:
        """The live group with these group labels."""
        return next(
            (g for g in self.engine.groups if dict(g.labels) == (labels or {"alertname": "test"})), None
        )

    def record(self) -> PlayedRecord:
        """What happened so far, as a store would have it."""
        return PlayedRecord(self)

    @property
    def statuses(self) -> list[Status]:
        """The status of each message sent."""
        return [notification.status for _, notification in self.notifications]


def _with_times(alerts: tuple[object, ...]) -> list[object]:
    posted = []
    for alert in alerts:
        assert isinstance(alert, dict)
        times = {
            name: alert[name] for name in ("startsAt", "endsAt") if isinstance(alert.get(name), (int, float))
        }
        posted.append({**alert, **{name: format_rfc3339(moment(at)) for name, at in times.items()}})
    return list(posted)


def labels_of(name: str, labels: Mapping[str, str]) -> Labels:
    """The labels of the alert called ``name`` in a timeline."""
    return Labels({"alertname": "test", "name": name, **labels})


def routing(config: str, mode: Mode = Mode.FALLBACK) -> Routing:
    """What a configuration file says."""
    return load_text(config, file="alertmanager.yml", directory=Path.cwd(), mode=mode).routing


def receiver_name(send: Send) -> str:
    """``receiver``, or ``receiver:webhook/1`` for an integration that is not its only one."""
    several = len(send.route.receiver.integrations) > 1
    return f"{send.slot.receiver}:{send.slot.integration}" if several else send.slot.receiver


def _as_sent(at: float, send: Send) -> Sent:
    return Sent(
        at,
        send.reason,
        tuple(a.labels.get("name", a.labels.fingerprint_text) for a in send.notification.firing),
        tuple(a.labels.get("name", a.labels.fingerprint_text) for a in send.notification.resolved),
        receiver_name(send),
    )
