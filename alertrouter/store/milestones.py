"""What happens to an engine as a whole, as rows: configurations, starts with all that was loaded, checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from alertrouter.core.labels import Labels
from alertrouter.core.matcher import Matcher, Matchers, MatchType
from alertrouter.core.matcher_syntax import Mode
from alertrouter.core.reason import Reason
from alertrouter.core.silence import Silence
from alertrouter.engine.changes import GroupState, LogEntry
from alertrouter.engine.checkpoint import AlertThen, Checkpoint, GroupThen, SendThen
from alertrouter.engine.engine import EngineSettings
from alertrouter.engine.milestones import (
    Checkpointed,
    ClockSet,
    Maintained,
    Milestone,
    Reconfigured,
    Started,
    Stopped,
)
from alertrouter.engine.slot import GroupId, Slot
from alertrouter.store.deflated import deflated, inflated
from alertrouter.store.routing_form import routing_form, to_routing
from alertrouter.store.rows.columns import BadRowError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from alertrouter.core.notification import ReceiverDatum
    from alertrouter.store.rows.columns import Row

#: The kinds, as the database knows them.
RECONFIGURED = "configuration"
STARTED = "start"
CHECKPOINTED = "checkpoint"
#: Those that a replay can begin with.
BEGINNINGS = (STARTED, CHECKPOINTED)
STOPPED = "stop"
MAINTAINED = "maintenance"
CLOCK_SET = "clock set"

_Matcher = tuple[str, str, str]
_Slot = tuple[str, dict[str, str], str, str]


class _Group(msgspec.Struct, array_like=True):
    route: str
    labels: dict[str, str]
    receiver: str
    key: str
    path: str
    created_at: int
    due: int
    tick: int | None
    settled_at: int | None
    flush_number: int
    held: bool
    members: list[int]
    muted: list[int]
    recheck: int | None
    failed: bool
    overdue: bool
    seen_resolved: list[tuple[int, int]]
    sends: list[_Send]


class _Send(msgspec.Struct, array_like=True):
    receiver: str
    integration: str
    reason: str
    tick: int
    deadline: int
    revision: int
    firing: list[int]
    resolved: list[int]
    pending: list[int]
    possible_duplicate: bool


class _Entry(msgspec.Struct, array_like=True):
    slot: _Slot
    group_key: str
    revision: int
    flushed_at: int
    sent_at: int
    firing: list[int]
    resolved: list[int]
    pending: list[int]
    receiver_data: dict[str, str | int | float]
    expires_at: int


class _Silence(msgspec.Struct, array_like=True):
    id: str
    matchers: list[list[_Matcher]]
    starts_at: int
    ends_at: int
    updated_at: int
    created_by: str
    comment: str
    annotations: dict[str, str]


class _Checkpoint(msgspec.Struct):
    at: int
    identities: dict[str, str]
    alerts: list[tuple[dict[str, str], int, int, int, bool, bool]]
    groups: list[_Group]
    entries: list[_Entry]
    silences: list[_Silence]
    unsure: list[_Slot]


class _Begin(msgspec.Struct):
    started_at: int
    start_delay: int
    retention: int
    mode: str
    compat_strict: bool
    seen_at: int | None
    end_grace: int
    checkpoint: _Checkpoint
    cut_off: list[tuple[_Slot, int]] = []


_decode = msgspec.json.Decoder(_Begin).decode


def milestone_row(milestone: Milestone) -> Row:
    """``milestones`` without the number."""
    match milestone:
        case Reconfigured():
            return (milestone.at, RECONFIGURED, routing_form(milestone.routing))
        case Started():
            return (milestone.at, STARTED, _begin(milestone))
        case Checkpointed():
            return (milestone.at, CHECKPOINTED, _begin(milestone))
        case Stopped():
            return (milestone.at, STOPPED, None)
        case Maintained():
            return (milestone.at, MAINTAINED, None)
        case ClockSet():
            return (milestone.at, CLOCK_SET, str(milestone.before).encode())


def to_milestone(row: Sequence[Any]) -> Milestone:
    """Of a row of ``milestones`` without the number. Raises BadRowError."""
    at, kind, content = row
    if kind == STOPPED:
        return Stopped(at=at)
    if kind == MAINTAINED:
        return Maintained(at=at)
    if not isinstance(content, bytes):
        raise BadRowError(f"a milestone of the kind {kind!r} has no content")
    if kind == RECONFIGURED:
        return Reconfigured(at=at, routing=to_routing(content))
    try:
        if kind == CLOCK_SET:
            return ClockSet(at=at, before=int(content))
        form = _decode(inflated(content))
        settings = EngineSettings(
            started_at=form.started_at,
            start_delay=form.start_delay,
            retention=form.retention,
            mode=Mode(form.mode),
            compat_strict=form.compat_strict,
        )
        checkpoint = _to_checkpoint(form.checkpoint)
    except (msgspec.MsgspecError, ValueError) as error:
        raise BadRowError(f"a checkpoint cannot be read: {error}") from None
    if kind == CHECKPOINTED:
        return Checkpointed(at=at, settings=settings, checkpoint=checkpoint)
    if kind == STARTED:
        return Started(
            at=at,
            settings=settings,
            checkpoint=checkpoint,
            seen_at=form.seen_at,
            end_grace=form.end_grace,
            cut_off={_to_slot(slot): begun_at for slot, begun_at in form.cut_off},
        )
    raise BadRowError(f"a milestone of an unknown kind: {kind!r}")


def _begin(milestone: Started | Checkpointed) -> bytes:
    settings = milestone.settings
    begin = _Begin(
        started_at=settings.started_at,
        start_delay=settings.start_delay,
        retention=settings.retention,
        mode=settings.mode.value,
        compat_strict=settings.compat_strict,
        seen_at=None,
        end_grace=0,
        checkpoint=_form(milestone.checkpoint),
    )
    if isinstance(milestone, Started):
        begin.seen_at, begin.end_grace = milestone.seen_at, milestone.end_grace
        begin.cut_off = [(_slot(slot), begun_at) for slot, begun_at in milestone.cut_off.items()]
    return deflated(begin)


def _form(checkpoint: Checkpoint) -> _Checkpoint:
    return _Checkpoint(
        at=checkpoint.at,
        identities=dict(checkpoint.identities),
        alerts=[(dict(alert.labels), *alert[1:]) for alert in checkpoint.alerts],
        groups=[_group(group) for group in checkpoint.groups],
        entries=[_entry(entry) for entry in checkpoint.entries],
        silences=[_silence(silence) for silence in checkpoint.silences],
        unsure=[_slot(slot) for slot in checkpoint.unsure],
    )


def _to_checkpoint(form: _Checkpoint) -> Checkpoint:
    return Checkpoint(
        at=form.at,
        identities=form.identities,
        alerts=[AlertThen(Labels.in_order(each[0]), *each[1:]) for each in form.alerts],
        groups=[_to_group(group) for group in form.groups],
        entries=[_to_entry(entry) for entry in form.entries],
        silences=[_to_silence(silence) for silence in form.silences],
        unsure=[_to_slot(slot) for slot in form.unsure],
    )


def _matchers(matchers: Iterable[Matcher]) -> list[_Matcher]:
    return [(matcher.name, matcher.type.value, matcher.value) for matcher in matchers]


def _to_matchers(form: Iterable[_Matcher]) -> Matchers:
    return Matchers([Matcher(name, MatchType(operator), value) for name, operator, value in form])


def _slot(slot: Slot) -> _Slot:
    return (slot.group.route, dict(slot.group.labels), slot.receiver, slot.integration)


def _to_slot(form: _Slot) -> Slot:
    route, labels, receiver, integration = form
    return Slot(GroupId(route, Labels.in_order(labels)), receiver, integration)


def _group(then: GroupThen) -> _Group:
    state = then.state
    return _Group(
        route=state.id.route,
        labels=dict(state.id.labels),
        receiver=state.receiver,
        key=state.key,
        path=state.path,
        created_at=state.created_at,
        due=state.due,
        tick=state.tick,
        settled_at=state.settled_at,
        flush_number=state.flush_number,
        held=state.held,
        members=list(then.members),
        muted=list(then.muted),
        recheck=then.recheck,
        failed=then.failed,
        overdue=then.overdue,
        seen_resolved=list(then.seen_resolved),
        sends=[
            _Send(
                receiver=send.slot.receiver,
                integration=send.slot.integration,
                reason=send.reason.value,
                tick=send.tick,
                deadline=send.deadline,
                revision=send.revision,
                firing=list(send.firing),
                resolved=list(send.resolved),
                pending=list(send.pending),
                possible_duplicate=send.possible_duplicate,
            )
            for send in then.sends
        ],
    )


def _to_group(form: _Group) -> GroupThen:
    group = GroupId(form.route, Labels.in_order(form.labels))
    return GroupThen(
        state=GroupState(
            id=group,
            receiver=form.receiver,
            key=form.key,
            path=form.path,
            created_at=form.created_at,
            due=form.due,
            tick=form.tick,
            settled_at=form.settled_at,
            flush_number=form.flush_number,
            held=form.held,
        ),
        members=form.members,
        muted=form.muted,
        recheck=form.recheck,
        failed=form.failed,
        overdue=form.overdue,
        seen_resolved=form.seen_resolved,
        sends=[
            SendThen(
                slot=Slot(group, send.receiver, send.integration),
                reason=Reason(send.reason),
                tick=send.tick,
                deadline=send.deadline,
                revision=send.revision,
                firing=send.firing,
                resolved=send.resolved,
                pending=send.pending,
                possible_duplicate=send.possible_duplicate,
            )
            for send in form.sends
        ],
    )


def _entry(entry: LogEntry) -> _Entry:
    return _Entry(
        slot=_slot(entry.slot),
        group_key=entry.group_key,
        revision=entry.revision,
        flushed_at=entry.flushed_at,
        sent_at=entry.sent_at,
        firing=list(entry.firing),
        resolved=list(entry.resolved),
        pending=list(entry.pending),
        receiver_data=dict(entry.receiver_data),
        expires_at=entry.expires_at,
    )


def _to_entry(form: _Entry) -> LogEntry:
    data: dict[str, ReceiverDatum] = dict(form.receiver_data)
    return LogEntry(
        slot=_to_slot(form.slot),
        group_key=form.group_key,
        revision=form.revision,
        flushed_at=form.flushed_at,
        sent_at=form.sent_at,
        firing=frozenset(form.firing),
        resolved=frozenset(form.resolved),
        pending=frozenset(form.pending),
        receiver_data=data,
        expires_at=form.expires_at,
    )


def _silence(silence: Silence) -> _Silence:
    return _Silence(
        id=silence.id,
        matchers=[_matchers(matchers) for matchers in silence.matcher_sets],
        starts_at=silence.starts_at,
        ends_at=silence.ends_at,
        updated_at=silence.updated_at,
        created_by=silence.created_by,
        comment=silence.comment,
        annotations=dict(silence.annotations),
    )


def _to_silence(form: _Silence) -> Silence:
    return Silence(
        id=form.id,
        matcher_sets=[_to_matchers(matchers) for matchers in form.matchers],
        starts_at=form.starts_at,
        ends_at=form.ends_at,
        updated_at=form.updated_at,
        created_by=form.created_by,
        comment=form.comment,
        annotations=form.annotations,
    )
