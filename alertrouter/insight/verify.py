"""Replaying a record with the configurations that were in force: every message must come out as it is recorded.

What the outside did is taken from the record: when which group had its turn, what became of each message. What the engine
makes of it is found out anew and compared: when a group is due, who is in it, who is told of whom and why.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from alertrouter.core.reason import FailureReason, NotSent
from alertrouter.core.time import SECOND, format_rfc3339
from alertrouter.delivery.attempt import AttemptRecord
from alertrouter.engine.changes import (
    AlertTransition,
    Changes,
    DecisionRecord,
    FlushRecord,
    Outcome,
    RenewalRecord,
    SilenceChange,
)
from alertrouter.engine.decision import Quiet, Send
from alertrouter.engine.dedup import seen_resolved
from alertrouter.engine.judge import identities
from alertrouter.engine.milestones import Checkpointed, ClockSet, Maintained, Reconfigured, Started, Stopped
from alertrouter.engine.record import Written
from alertrouter.engine.view import FAR
from alertrouter.insight.feed import Feed
from alertrouter.insight.record import LAST_MOMENTS, Lapsed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from alertrouter.core.routing import Routing
    from alertrouter.core.time import Moment
    from alertrouter.engine.checkpoint import Checkpoint
    from alertrouter.engine.decision import Flush
    from alertrouter.engine.engine import Engine, EngineSettings
    from alertrouter.engine.group import AggregationGroup
    from alertrouter.engine.slot import GroupId, Slot
    from alertrouter.engine.view import View
    from alertrouter.insight.record import Event, Record

# A flush that comes later than this is recorded with its own time, whatever it says.
_LATE = SECOND
_MOST_TOLD = 1000
# What comes without time passing before it: a process that ended did nothing until the next began.
_OUT_OF_TIME = (Started, Lapsed)
# With more reasons than this in memory, old ones are forgotten.
_MANY = 32
_NOTHING = Written(None, {}, {})


class _Unsaid(NamedTuple):
    """That a flush at this moment told an integration nothing, and why: all in all, and for each alert.

    ``before``: what the lines before it say; None where that is not known.
    """

    at: Moment
    tick: Moment
    why_not: NotSent | None
    muted: Mapping[int, Sequence[str]]
    left_out: Mapping[int, NotSent]
    before: Written | None

    def has_otherwise(self, record: DecisionRecord) -> int:
        """Of how many alerts something else is true than the line says; it names those of whom it is news."""
        muted, left_out = self.muted, self.left_out
        differing = 0
        for each, causes in record.muted.items():
            differing += not _same(muted.get(each), causes)
        for each, why in record.left_out.items():
            if why is NotSent.DEDUPLICATED:
                differing += each in muted or each in left_out
            else:
                differing += left_out.get(each) is not why
        if record.outcome is Outcome.LOGGED:
            # That one names everybody.
            differing += len((muted.keys() | left_out.keys()) - record.muted.keys() - record.left_out.keys())
        return differing

    def has_besides(self, record: DecisionRecord) -> int:
        """Of how many alerts something is news and the line does not name them."""
        before, muted, left_out = self.before, self.muted, self.left_out
        if before is None:
            return 0
        news = {each for each, causes in muted.items() if not _same(before.muted.get(each), causes)}
        news.update(each for each, why in left_out.items() if before.left_out.get(each) is not why)
        # And those that are free again.
        news |= (before.muted.keys() | before.left_out.keys()) - muted.keys() - left_out.keys()
        return len(news - record.muted.keys() - record.left_out.keys())


def _same(causes: Sequence[str] | None, others: Sequence[str]) -> bool:
    # In which order several silences are named is nobody's business.
    return causes is not None and (causes == others or set(causes) == set(others))


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that the record has otherwise than a replay."""

    at: Moment
    group_key: str
    receiver: str
    what: str

    def __str__(self) -> str:
        where = " ".join([part for part in (self.receiver, self.group_key) if part])
        return f"{format_rfc3339(self.at)} {where}: {self.what}"


@dataclass(slots=True)
class Verdict:
    """What a verification found. At most some differences are kept; ``differing`` counts all."""

    since: Moment = 0
    until: Moment = 0
    transitions: int = 0
    flushes: int = 0
    messages: int = 0
    differing: int = 0
    differences: list[Difference] = field(default_factory=list)


def verify(record: Record, since: Moment, until: Moment) -> Verdict:
    """Replay the record and compare. Raises RecordError."""
    reenactment = Reenactment()
    for event in record.events(since, until, leave_out={AttemptRecord}):
        reenactment.happened(event)
    reenactment.end(min(until, record.complete_until))
    return reenactment.verdict


class Reenactment:
    """An engine that does, at the moments the record gives, what was done then."""

    def __init__(self) -> None:
        self.verdict = Verdict()
        self.now: Moment = 0
        self._feed: Feed | None = None
        self._routing: Routing | None = None
        self._settings: EngineSettings | None = None
        self._reload: Reconfigured | None = None
        self._stopped = False
        # Groups whose timer came and that will have something to say, or that are busy: the record tells when.
        self._waiting: dict[GroupId, Moment] = {}
        # Before this moment none of them needs to be looked at again.
        self._look_again: Moment = FAR
        # Several for one slot when reloads took its group away and brought it back meanwhile.
        self._sends: dict[Slot, list[Send]] = {}
        self._quiet: dict[Slot, _Unsaid] = {}
        # A replay that begins in the middle does not know what lines said of these groups before; then of these slots it does.
        self._older: set[GroupId] = set()
        self._read: set[Slot] = set()
        self._closed_at: dict[GroupId, Moment] = {}
        self._many = _MANY
        self._takers: dict[type[Event], Callable[[Any], None]] = {
            AlertTransition: self._transition,
            Lapsed: self._lapsed,
            SilenceChange: self._silence,
            FlushRecord: self._flush,
            RenewalRecord: self._renew,
            DecisionRecord: self._decided,
            Reconfigured: self._reconfigured,
            Started: self._started,
            Checkpointed: self._checkpointed,
            Stopped: self._has_stopped,
            Maintained: self._maintained,
            ClockSet: self._clock_set,
        }

    @property
    def engine(self) -> Engine:
        """The engine as it is now."""
        assert self._feed is not None, "a record begins with a checkpoint"
        return self._feed.engine

    @property
    def has_begun(self) -> bool:
        """Whether there is an engine yet."""
        return self._feed is not None

    def happened(self, event: Event) -> None:
        """The next event of the record."""
        if isinstance(event, AttemptRecord):
            return  # what became of a message is told by its decision
        if self._reload is not None and not isinstance(event, Started):
            self._take_configuration()
        if self._feed is not None and not self._stopped and not isinstance(event, _OUT_OF_TIME):
            self._advance(
                event.before if isinstance(event, ClockSet) else event.at,
                event if isinstance(event, FlushRecord) else None,
            )
        self.now = event.at
        self._takers[type(event)](event)

    def _transition(self, event: AlertTransition) -> None:
        self.verdict.transitions += 1
        self._fed.alert(event)

    def _lapsed(self, event: Lapsed) -> None:
        self._fed.lapsed(event)

    def _silence(self, event: SilenceChange) -> None:
        self._fed.silence(event)

    def _reconfigured(self, event: Reconfigured) -> None:
        self._reload = event

    def _started(self, event: Started) -> None:
        if self._feed is not None:
            self._look_for_missing(self.now if event.seen_at is None else event.seen_at)
        self._begin(event.settings, event.checkpoint)

    def _checkpointed(self, event: Checkpointed) -> None:
        if self._feed is None:
            self._begin(event.settings, event.checkpoint)
            self._older = set(self.engine.group_by_id)

    def _has_stopped(self, event: Stopped) -> None:
        self._look_for_missing(event.at)
        self._stopped = True

    def _maintained(self, event: Maintained) -> None:
        self.engine.maintain(event.at)

    def _clock_set(self, event: ClockSet) -> None:
        self._waiting.clear()
        self.engine.clock_set(event.before, event.at)

    def end(self, until: Moment) -> None:
        """The record is known to be complete up to here."""
        if self._reload is not None:
            self._take_configuration()
        self.verdict.until = until
        if self._feed is not None and not self._stopped:
            self._advance(until)
            self._look_for_missing(until)

    @property
    def _fed(self) -> Feed:
        assert self._feed is not None, "a record begins with a checkpoint"
        return self._feed

    # Configurations and processes

    def _take_configuration(self) -> None:
        assert self._reload is not None
        reload, self._reload = self._reload, None
        self._routing = reload.routing
        if self._feed is not None and not self._stopped:
            self.engine.reconfigure(reload.routing, reload.at)
            self._waiting = {
                group: due for group, due in self._waiting.items() if group in self.engine.group_by_id
            }

    def _begin(self, settings: EngineSettings, checkpoint: Checkpoint) -> None:
        if self._reload is not None:
            self._routing, self._reload = self._reload.routing, None
        assert self._routing is not None, "a record begins with a configuration"
        if self._feed is None:
            self.verdict.since = checkpoint.at
        self._feed = Feed(self._routing, settings, checkpoint)
        self._settings = settings
        self._stopped = False
        self._waiting.clear()
        self._sends = {slot: [send] for group in self.engine.groups for slot, send in group.open.items()}
        self._quiet.clear()
        self._older.clear()
        self._read.clear()
        self._closed_at.clear()

    # Time

    def _advance(self, to: Moment, coming: FlushRecord | None = None) -> None:
        """Let time pass: flushes with nothing to say happen by themselves, the others when the record says.

        ``coming`` is the flush that the record tells of next.
        """
        engine = self.engine
        flusher = engine.flusher
        if not flusher.none_due(to):
            while (due := engine.next_due()) is not None and due <= to:
                group = flusher.pop_due(due)
                if group is None:
                    break
                self._due(group, due, coming)
        if self._waiting and to >= self._look_again:
            self._reconsider(to)

    def _wait(self, group: AggregationGroup, since: Moment) -> None:
        self._waiting[group.id] = since
        self._look_again = min(self._look_again, since + _LATE)

    def _due(self, group: AggregationGroup, now: Moment, coming: FlushRecord | None) -> None:
        if group.id in self._waiting:
            return
        if group.open or group.closing:
            self._wait(group, now)
            return
        flusher = self.engine.flusher
        if now != group.due:
            if self._has_something_to_say(group, now):
                self._wait(group, now)
            else:
                self._turn(group, now)
        elif coming is not None and coming.due == now and coming.group == group.id:
            # What it says is found out by its flush.
            self._wait(group, now)
        elif group.quiet_stamp == flusher.judge.stamp(group) and now < group.quiet_until:
            self._turn(group, now)
        else:
            view = flusher.judge.suppression.view(group.route, group.members, now, now)
            if self._says_something(group, view, now):
                self._wait(group, now)
            else:
                flusher.turn_quietly(group, view, now)

    def _reconsider(self, now: Moment) -> None:
        """A flush may have come a moment after it was due, when there was nothing to say any more."""
        again = FAR
        for group_id, since in list(self._waiting.items()):
            group = self.engine.group_by_id.get(group_id)
            if group is None:
                del self._waiting[group_id]
                continue
            base = max(since, self._closed_at.get(group_id, since))
            if group.open or group.closing:
                again = min(again, now + _LATE)
            elif now < base + _LATE:
                again = min(again, base + _LATE)
            elif self._has_something_to_say(group, now, due_at=since):
                again = now
            else:
                del self._waiting[group_id]
                self._turn(group, max(since, group.tick or since))
        self._look_again = again

    def _turn(
        self, group: AggregationGroup, now: Moment, before: Mapping[Slot, Written] | None = None
    ) -> Changes:
        """``before``: what lines said so far, where it is to be compared with what they say now."""
        flushes: list[Flush] = []
        changes = Changes()
        self.engine.flusher.turn(group, flushes, changes, now)
        for flush in flushes:
            for send in flush.sends:
                self._sends.setdefault(send.slot, []).append(send)
        for record in changes.decisions:
            self._quiet[record.slot] = _Unsaid(
                now,
                record.tick,
                record.why_not,
                record.muted,
                record.left_out,
                None if before is None else self._written(record.slot, before),
            )
        if len(self._quiet) > self._many or len(self._closed_at) > self._many:
            self._forget_old(now)
        return changes

    def _written(self, slot: Slot, before: Mapping[Slot, Written]) -> Written | None:
        if slot.group in self._older and slot not in self._read:
            return None
        return before.get(slot, _NOTHING)

    def _forget_old(self, now: Moment) -> None:
        """Reasons are compared right after their flush, and of groups that are gone nothing is asked."""
        self._quiet = {
            slot: unsaid for slot, unsaid in self._quiet.items() if unsaid.at >= now - LAST_MOMENTS
        }
        groups = self.engine.group_by_id
        self._closed_at = {group: at for group, at in self._closed_at.items() if group in groups}
        self._many = max(_MANY, 2 * len(self._quiet), 2 * len(self._closed_at))

    def _has_something_to_say(
        self, group: AggregationGroup, now: Moment, due_at: Moment | None = None
    ) -> bool:
        """Whether a flush of this group leaves more behind than the time of its next one."""
        flusher = self.engine.flusher
        judge = flusher.judge
        came_at = now if due_at is None else due_at
        if came_at < group.due:
            view = judge.suppression.view(group.route, group.members, now, now)
            return any(known in group.muted for known in view.firing)
        if came_at - group.due >= _LATE:
            return True
        if group.quiet_stamp == judge.stamp(group) and now < group.quiet_until:
            return False
        view = judge.suppression.view(group.route, group.members, now, group.due)
        return self._says_something(group, view, now)

    def _says_something(self, group: AggregationGroup, view: View, now: Moment) -> bool:
        flusher = self.engine.flusher
        judge = flusher.judge
        over = []
        for known in group.members:
            if known.ends_at <= now:
                if not known.over or not flusher.owed(group, known, view.muted):
                    return True
                over.append(known)
        ended = identities(over)
        for slot, integration in group.slots():
            decision = judge.decide(group, slot, integration, view, now, group.due)
            if isinstance(decision, Send) or decision.why_not is NotSent.RESOLVES_NOT_WANTED:
                return True
            entry = flusher.log.entries.get(slot)
            if entry is None or not ended:
                continue
            if seen_resolved(entry, ended, send_resolved=integration.send_resolved) is not None:
                return True
        return flusher.would_hold(group, view) != group.held

    def _look_for_missing(self, until: Moment) -> None:
        """What should have been flushed well before this moment and is not in the record."""
        for group_id, since in self._waiting.items():
            group = self.engine.group_by_id.get(group_id)
            if group is None or group.open or since >= until - LAST_MOMENTS:
                continue
            if self._closed_at.get(group_id, since) < until - LAST_MOMENTS:
                self._differ(
                    since, group.key, group.route.receiver.name, "the record has no flush that was due"
                )
        self._waiting.clear()

    # What the record says

    def _flush(self, record: FlushRecord) -> None:
        self.verdict.flushes += 1
        group = self.engine.group_by_id.get(record.group)
        self._waiting.pop(record.group, None)
        if group is None:
            self._differ(record.at, str(record.group), "", "a group was flushed that a replay does not have")
            return
        receiver = group.route.receiver.name
        if group.open:
            self._differ(
                record.at, group.key, receiver, "flushed while messages were on their way in a replay"
            )
            group.open.clear()
        if (early := self._done_early(group, record)) and not group.closing:
            # It had nothing to say and was done already, when it was due; it was late, or there was a new reason.
            group.flush_number -= early
        elif record.due not in (group.due, self._closed_at.get(record.group)):
            self._differ(
                record.at,
                group.key,
                receiver,
                f"due at {format_rfc3339(record.due)}, in a replay at {format_rfc3339(group.due)}",
            )
        group.due = record.due
        # It was looked at in full then, be it because heartbeats had moved an end; and every reason is to be compared.
        group.quiet_stamp = ()
        before = dict(group.records)
        group.records.clear()
        number = group.flush_number
        self._turn(group, record.at, before)
        for slot, written in before.items():
            group.records.setdefault(slot, written)
        if group.flush_number == number:
            self._differ(
                record.at, group.key, receiver, "flushed before its time, in a replay it is kept back"
            )
        elif group.tick != record.tick:
            self._differ(
                record.at,
                group.key,
                receiver,
                f"counted from {format_rfc3339(record.tick)}, in a replay from {format_rfc3339(group.tick or 0)}",
            )

    def _done_early(self, group: AggregationGroup, record: FlushRecord) -> int:
        """How many flushes of the group were done before the one that is recorded came: that one, and those after it."""
        if group.tick is None:
            return 0
        ahead, interval = group.tick - record.due, group.route.group_interval
        if record.tick == group.tick:
            return 1
        return ahead // interval + 1 if 0 <= ahead <= _LATE + interval and ahead % interval == 0 else 0

    def _renew(self, record: RenewalRecord) -> None:
        sends = self._sends.get(record.slot)
        if not sends:
            self._differ(
                record.at, "", record.slot.receiver, "a message was renewed that a replay does not have"
            )
            return
        send = sends[-1]
        renewed = self.engine.renew(send, record.at)
        if isinstance(renewed, Quiet):
            self._differ(
                record.at,
                send.notification.group_key,
                record.slot.receiver,
                f"a message was renewed, in a replay it was not due any more: {renewed.why_not.value}",
            )
        else:
            sends[-1] = renewed

    def _decided(self, record: DecisionRecord) -> None:
        if record.slot.group in self._older:
            self._read.add(record.slot)
        if record.outcome is Outcome.LOGGED or record.reason is None:
            self._stayed_quiet(record)
            return
        self.verdict.messages += record.outcome is Outcome.SENT
        send = self._take_send(record)
        if send is None:
            self._differ_about(record, "a replay has no such message")
            return
        if record.why_not is not None and record.why_not is not NotSent.FAILED:
            self._withdrawn(record, send)
        else:
            self._compare(record, send)
            if record.outcome is Outcome.SENT:
                self.engine.delivered(send, record.at, None, attempts=record.attempts)
            else:
                failure = record.failure or FailureReason.OTHER
                self.engine.failed(send, record.at, failure, record.error, attempts=record.attempts)
        self._closed_at[record.slot.group] = record.at

    def _take_send(self, record: DecisionRecord) -> Send | None:
        """The message of whose end the record tells: of several the first of that flush."""
        sends = self._sends.get(record.slot, [])
        send = next((each for each in sends if each.tick == record.tick), next(iter(sends), None))
        if send is not None:
            sends.remove(send)
            if not sends:
                del self._sends[record.slot]
        return send

    def _withdrawn(self, record: DecisionRecord, send: Send) -> None:
        renewed = self.engine.renew(send, record.at)
        if not isinstance(renewed, Quiet):
            self._differ_about(record, "withdrawn, in a replay it was still due")
            renewed = Quiet(slot=record.slot, why_not=record.why_not or NotSent.NOTHING_LEFT)
        elif renewed.why_not is not record.why_not:
            self._differ_about(record, f"withdrawn, in a replay because: {renewed.why_not.value}")
        self.engine.withdrawn(send, renewed, record.at, attempts=record.attempts)

    def _compare(self, record: DecisionRecord, send: Send) -> None:
        if send.tick != record.tick:
            self._differ_about(record, f"in a replay of the flush at {format_rfc3339(send.tick)}")
        if send.reason is not record.reason:
            self._differ_about(record, f"in a replay because: {send.reason.value}")
        for what, told, members in (
            ("firing", record.firing, send.firing),
            ("resolved", record.resolved, send.resolved),
        ):
            if frozenset(told) != members:
                self._differ_about(
                    record, f"{len(told)} {what}, in a replay {len(members)}, not the same ones"
                )
        if (
            record.outcome is Outcome.SENT
            and record.possible_duplicate != send.notification.possible_duplicate
        ):
            self._differ_about(record, "marked as a possible duplicate only in one of record and replay")

    def _stayed_quiet(self, record: DecisionRecord) -> None:
        found = self._quiet.get(record.slot)
        if found is None or found.tick != record.tick:
            self._differ_about(record, "a replay does not stay quiet then")
        elif found.why_not is not record.why_not:
            why_not = "" if found.why_not is None else found.why_not.value
            self._differ_about(record, f"in a replay because: {why_not}")
        elif differing := found.has_otherwise(record):
            self._differ_about(record, f"of {differing} alerts, in a replay for another reason")
        elif missing := found.has_besides(record):
            self._differ_about(record, f"of {missing} alerts more in a replay")

    def _differ_about(self, record: DecisionRecord, what: str) -> None:
        why = record.why_not.value if record.why_not else ""
        said = ", ".join(
            [part for part in (record.outcome.value, why, record.reason and record.reason.value) if part]
        )
        self._differ(record.at, record.group_key, record.slot.receiver, f"{said}; {what}")

    def _differ(self, at: Moment, group_key: str, receiver: str, what: str) -> None:
        self.verdict.differing += 1
        if len(self.verdict.differences) < _MOST_TOLD:
            self.verdict.differences.append(Difference(at, group_key, receiver, what))
