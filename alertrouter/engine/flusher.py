"""Flushes: what each due group has to say, to which integration, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from alertrouter.core.reason import NotSent
from alertrouter.core.time import SECOND
from alertrouter.engine.changes import AlertTransition, Changes, FlushRecord, LogEntry, Outcome, Transition
from alertrouter.engine.decision import Flush, Quiet, Send
from alertrouter.engine.dedup import Batch, seen_resolved
from alertrouter.engine.events import EventSink, Notified, resolved, tell_muted
from alertrouter.engine.group import NOBODY_MUTED
from alertrouter.engine.group_timers import GroupTimers
from alertrouter.engine.judge import Judge, identities
from alertrouter.engine.notification_log import NotificationLog
from alertrouter.engine.record import record_quiet, record_send
from alertrouter.engine.slot import Slot
from alertrouter.engine.view import FAR

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from alertrouter.core.notification import ReceiverDatum
    from alertrouter.core.reason import FailureReason
    from alertrouter.core.receiver import Integration
    from alertrouter.core.time import Duration, Moment
    from alertrouter.engine.group import AggregationGroup
    from alertrouter.engine.known import Known
    from alertrouter.engine.slot import GroupId
    from alertrouter.engine.view import Suppression, View

# A flush that comes this late counts from when it came.
_LATE = SECOND


class Flusher(GroupTimers):
    """Flushes groups when their time has come, and carries out what becomes of each message."""

    def __init__(
        self,
        groups: dict[GroupId, AggregationGroup],
        suppression: Suppression,
        *,
        retention: Duration,
        compat_strict: bool,
    ) -> None:
        super().__init__(groups)
        self.log = NotificationLog(retention)
        self.judge = Judge(self.log, suppression)
        self._compat_strict = compat_strict
        self.events: EventSink | None = None
        # Whose end passed, as was found before an attempt.
        self._ended: dict[Known, None] = {}

    # Flushing

    def flush(self, now: Moment, *, at_most: int) -> tuple[list[Flush], Changes]:
        """Flush what is due, at most so many groups."""
        flushes: list[Flush] = []
        changes = Changes()
        for _ in range(at_most):
            group = self._timers.pop_due(now)
            if group is None:
                break
            if group.open:
                # One flush at a time: the next one begins when this one is over.
                group.overdue = True
            else:
                self.turn(group, flushes, changes, now)
        return flushes, changes

    def turn(self, group: AggregationGroup, flushes: list[Flush], changes: Changes, now: Moment) -> None:
        """The turn of one group that waits for no outcome: a flush, if it is due or free before its time."""
        due, number = group.due, group.flush_number
        before = _extent(group, changes)
        unusual, group.overdue = group.overdue or group.closing, False
        if group.closing:
            flushes.append(self._flush_closing(group, changes, now))
        elif now < due:
            self._flush_if_free(group, flushes, changes, now)
        else:
            self._flush_group(group, flushes, changes, now, due if now - due < _LATE else now)
        if group.flush_number != number:
            tick = group.tick
            assert tick is not None
            if unusual or tick != due or group.open or _extent(group, changes) != before:
                changes.flushes.append(FlushRecord(now, group.id, due, tick, group.key))

    def _flush_if_free(
        self, group: AggregationGroup, flushes: list[Flush], changes: Changes, now: Moment
    ) -> None:
        # D10: a group that was kept back at its first flush and is free now does not wait for its interval.
        view = self.judge.suppression.view(group.route, group.members, now, now)
        if any(known in group.muted for known in view.firing):
            self._flush_group(group, flushes, changes, now, now)
        else:
            group.recheck = _later(view.free_at, now)
            self.schedule(group)

    def _flush_group(
        self, group: AggregationGroup, flushes: list[Flush], changes: Changes, now: Moment, tick: Moment
    ) -> None:
        group.tick = tick
        group.flush_number += 1
        group.due = tick + group.route.group_interval
        group.recheck = None
        stamp = self.judge.stamp(group)
        if group.quiet_stamp == stamp and now < group.quiet_until:
            self.schedule(group)
            return
        note_expired(group.members, changes, now)
        view = self.judge.suppression.view(group.route, group.members, now, tick)
        if view.ended:
            note_expired(view.ended, changes, now)
        group.muted = frozenset(view.muted) if view.muted else NOBODY_MUTED
        group.seen = (stamp, self._unmoved_until(now))
        if self.events is not None and view.muted:
            tell_muted(self.events, view, self.judge.suppression, now)
        group.seen_resolved = [(known, known.updated_at) for known in group.members if known.ends_at <= now]
        group.failed = False
        sends: list[Send] = []
        logged: list[Integration] = []
        if not group.route.receiver.integrations:
            slot = Slot(group.id, group.route.receiver.name, "")
            nobody = dict.fromkeys(identities(group.members), NotSent.NO_INTEGRATION)
            record_quiet(
                group, Quiet(slot=slot, why_not=NotSent.NO_INTEGRATION, left_out=nobody), changes, now
            )
        for slot, integration in group.slots():
            decision = self.judge.decide(group, slot, integration, view, now, tick, stamp)
            if isinstance(decision, Quiet):
                self._stay_quiet(group, decision, integration, view, logged, changes, now)
            else:
                sends.append(decision)
                group.open[slot] = decision
        self._hold(group, view, now, sending=bool(sends))
        self.schedule(group)
        flushes.append(Flush(group.id, group.route, tick, group.flush_number, sends, logged, view.suppressed))
        if not sends:
            self._settle(group, changes, now)

    def turn_quietly(self, group: AggregationGroup, view: View, now: Moment) -> None:
        """A flush, now that it is due, of which it is known that it says and changes nothing; ``view`` is what it saw."""
        group.tick = group.settled_at = group.due
        group.flush_number += 1
        group.due += group.route.group_interval
        group.recheck = None
        group.muted = frozenset(view.muted) if view.muted else NOBODY_MUTED
        group.seen_resolved = []
        group.failed = False
        self._hold(group, view, now, sending=False)
        self.schedule(group)
        self._note_quiet(group, now, as_seen=True)

    def _hold(self, group: AggregationGroup, view: View, now: Moment, *, sending: bool) -> None:
        """Remember a group that was never announced because it is muted (D10)."""
        group.held = not sending and self.would_hold(group, view)
        if group.held:
            self._held[group] = None
            group.recheck = _later(view.free_at, now)
        else:
            self._held.pop(group, None)

    def would_hold(self, group: AggregationGroup, view: View) -> bool:
        """Whether a flush that sends nothing holds this group back (D10)."""
        return (
            bool(view.muted_firing)
            and not self._compat_strict
            and not any(self.log.announced(slot) for slot, _ in group.slots())
        )

    def hold_again(self, group: AggregationGroup, now: Moment) -> None:
        """Go on holding back a group that was held back before a restart, and see at once whether it is free."""
        group.held = True
        group.muted = frozenset([k for k in group.members if group.tick is None or k.starts_at < group.tick])
        group.recheck = now
        self._held[group] = None

    # What becomes of a decision

    def renew(self, send: Send, now: Moment) -> Send | Quiet:
        """The decision on what is known now: the same, one that tells something else, or none."""
        group = self._groups.get(send.slot.group)
        if group is None or send.slot not in group.open:
            return Quiet(slot=send.slot, why_not=NotSent.ROUTE_GONE)
        if group.closing:
            return send
        integration = group.integration_of(send.slot)
        if integration is None:
            return Quiet(slot=send.slot, why_not=NotSent.ROUTE_GONE)
        if (
            now < send.valid_until
            and integration is send.integration
            and send.stamp == self.judge.stamp(group)
        ):
            return send
        view = self.judge.suppression.view(group.route, group.members, now, now)
        self._ended.update(view.ended)
        self._ended.update(
            (known, None) for known in group.members if known.ends_at <= now and not known.over
        )
        decision = self.judge.decide(group, send.slot, integration, view, now, send.tick)
        if isinstance(decision, Send):
            decision = replace(decision, deadline=send.deadline)
            group.open[send.slot] = decision
        return decision

    def delivered(
        self,
        send: Send,
        now: Moment,
        receiver_data: Mapping[str, ReceiverDatum] | None,
        *,
        attempts: int,
        note: str = "",
    ) -> Changes:
        """Log the message and settle the group once all its integrations are done."""
        changes = self._noticed(now)
        before = self.log.entries.get(send.slot)
        entry = LogEntry(
            send.slot,
            send.notification.group_key,
            before.revision + 1 if before else 1,
            send.tick,
            now,
            self.log.expiry(send.route.repeat_interval, now),
            send.firing,
            send.resolved,
            send.pending,
            send.notification.receiver_data if receiver_data is None else receiver_data,
        )
        self.log.put(entry, changes)
        if self.log.unsure:
            self.log.unsure.discard(send.slot)
        group = self._groups.get(send.slot.group)
        record_send(group, send, changes, now, attempts=attempts, error=note)
        if self.events is not None:
            self.events.append(Notified(now, send, group.created_at if group else send.tick))
        self._close(group, send, changes, now)
        return changes

    def failed(
        self, send: Send, now: Moment, failure: FailureReason, error: str, *, attempts: int
    ) -> Changes:
        """Keep everything as it was: the next flush of the group tries again."""
        changes = self._noticed(now)
        group = self._groups.get(send.slot.group)
        record_send(group, send, changes, now, attempts=attempts, failure=failure, error=error)
        if group is not None:
            group.failed = True
        self._close(group, send, changes, now)
        return changes

    def withdrawn(self, send: Send, quiet: Quiet, now: Moment, *, attempts: int) -> Changes:
        """Nothing was due any more: a success with nothing to log."""
        changes = self._noticed(now)
        group = self._groups.get(send.slot.group)
        record_send(group, send, changes, now, attempts=attempts, quiet=quiet)
        self._close(group, send, changes, now)
        return changes

    def _noticed(self, now: Moment) -> Changes:
        """The ends that passed while messages were on their way, and that were noticed before an attempt."""
        changes = Changes()
        if self._ended:
            note_expired([known for known in self._ended if not known.gone], changes, now)
            self._ended.clear()
        return changes

    def _close(self, group: AggregationGroup | None, send: Send, changes: Changes, now: Moment) -> None:
        if group is None or group.open.pop(send.slot, None) is None or group.open:
            return
        if group.closing:
            self.remove(group, changes)
            return
        self._settle(group, changes, now)
        if group.overdue and group.members:
            group.due = now
            self.schedule(group)

    def _settle(self, group: AggregationGroup, changes: Changes, now: Moment) -> None:
        """End a flush: if it went well, the resolved members it saw leave the group."""
        if group.failed:
            changes.groups.append(group.state())
            return
        as_seen = self._is_as_seen(group, now)
        left_before = len(group.members)
        for known, updated_at in group.seen_resolved:
            if (
                known in group.members
                and known.updated_at == updated_at
                and not self.owed(group, known, group.muted)
            ):
                if self.events is not None:
                    self.events.append(resolved(known, group, now))
                self.leave(group, known)
        group.seen_resolved = []
        group.settled_at = group.tick
        if not group.members:
            self.remove(group, changes)
            return
        if len(group.members) != left_before or changes.entries or changes.decisions or group.held:
            changes.groups.append(group.state())
        self._note_quiet(group, now, as_seen=as_seen)

    def owed(self, group: AggregationGroup, known: Known, muted: Collection[Known]) -> bool:
        """D3: a muted member stays while somebody who was told of it has not heard that it is resolved."""
        return known in muted and any(
            integration.send_resolved and known.labels.identity in self.log.announced(slot)
            for slot, integration in group.slots()
        )

    def _unmoved_until(self, now: Moment) -> Moment:
        """Until when time alone mutes nobody else."""
        next_silence = self.judge.suppression.silences.next_start(now)
        return FAR if next_silence is None else next_silence

    def _is_as_seen(self, group: AggregationGroup, now: Moment) -> bool:
        """Whether nothing happened to the group, or to what may mute its members, since its flush began."""
        if group.seen is None:
            return False
        stamp, until = group.seen
        return now < until and stamp == self.judge.stamp(group)

    def _note_quiet(self, group: AggregationGroup, now: Moment, *, as_seen: bool) -> None:
        """Find out how long a flush would say nothing if nothing changes, so that it need not look."""
        route = group.route
        group.quiet_stamp = ()
        group.seen = None
        if not as_seen:
            return
        if group.muted or route.active_time_intervals or route.mute_time_intervals:
            return
        until = min([known.ends_at for known in group.members])
        if until <= now:
            return
        members = identities(group.members)
        for slot, _ in group.slots():
            entry = self.log.entries.get(slot)
            if entry is None or not members <= entry.firing:
                return  # somebody came or fired again while the flush was sending
            until = min(until, entry.flushed_at + route.repeat_interval)
        group.quiet_until = min(until, self._unmoved_until(now))
        group.quiet_stamp = self.judge.stamp(group)

    def _stay_quiet(
        self,
        group: AggregationGroup,
        quiet: Quiet,
        integration: Integration,
        view: View,
        logged: list[Integration],
        changes: Changes,
        now: Moment,
    ) -> None:
        entry = self.log.entries.get(quiet.slot)
        outcome = Outcome.NOT_SENT
        if entry is not None:
            resolved = identities([k for k in (*view.resolved, *view.muted) if k.ends_at <= now])
            if quiet.why_not is NotSent.RESOLVES_NOT_WANTED:
                outcome = Outcome.LOGGED
                logged.append(integration)
                pending = self.judge.pending(group, entry, Batch(firing=frozenset(), resolved=resolved))
                expires_at = self.log.expiry(group.route.repeat_interval, now)
                entry = replace(
                    entry,
                    flushed_at=group.tick or now,
                    sent_at=now,
                    firing=frozenset(),
                    resolved=resolved,
                    pending=pending,
                    revision=entry.revision + 1,
                    expires_at=expires_at,
                )
                self.log.put(entry, changes)
            elif (
                firing := seen_resolved(entry, resolved, send_resolved=integration.send_resolved)
            ) is not None:
                self.log.put(replace(entry, firing=firing, revision=entry.revision + 1), changes)
        record_quiet(group, quiet, changes, now, outcome=outcome)

    def _flush_closing(self, group: AggregationGroup, changes: Changes, now: Moment) -> Flush:
        """D7: the group has lost its route; whoever was told that it fires is told that it is over here."""
        group.tick = now
        group.flush_number += 1
        sends = self.judge.farewells(group, now)
        group.open.update((send.slot, send) for send in sends)
        if not sends:
            self.remove(group, changes)
        return Flush(group=group.id, route=group.route, tick=now, number=group.flush_number, sends=sends)


def note_expired(alerts: Iterable[Known], changes: Changes, now: Moment) -> None:
    """Write down which of these ended without another word, on which a decision rests.

    A later report may say that an alert goes on, and whoever reads the record must not take it for fired all along.
    """
    for known in alerts:
        if known.ends_at <= now and not known.over:
            known.over = True
            alert = known.alert()
            changes.alerts.append(alert)
            changes.transitions.append(AlertTransition(at=now, kind=Transition.EXPIRED, alert=alert))


def _extent(group: AggregationGroup, changes: Changes) -> tuple[int, int, bool]:
    """What differs when a flush says or changes something."""
    lines = len(changes.decisions) + len(changes.entries) + len(changes.transitions)
    return (lines, len(group.members), group.held)


def _later(moment: Moment, now: Moment) -> Moment | None:
    """A moment to look again, never this one; None when it would be never."""
    return None if moment >= FAR else max(moment, now + 1)
