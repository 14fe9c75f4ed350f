"""Values to rows and back. The order of a row is the order of its table's columns."""

from __future__ import annotations

import sys
from array import array
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import xxhash

from alertrouter.core.alert import Alert
from alertrouter.core.labels import Labels
from alertrouter.core.matcher import Matcher, Matchers, MatchType
from alertrouter.core.reason import FailureReason, NotSent, Reason
from alertrouter.core.rule_state import AlertState, EvaluatedGroup, RuleAlertState, StoredRuleAlert
from alertrouter.core.silence import Silence
from alertrouter.core.time import DAY, LATEST
from alertrouter.delivery.attempt import AttemptRecord
from alertrouter.engine.changes import (
    AlertTransition,
    DecisionRecord,
    FlushRecord,
    GroupState,
    LogEntry,
    MovedEnd,
    Outcome,
    RenewalRecord,
    SilenceChange,
    Transition,
)
from alertrouter.engine.slot import GroupId, Slot
from alertrouter.wire import share_texts, shared_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from alertrouter.core.notification import ReceiverDatum
    from alertrouter.core.time import Moment
    from alertrouter.store.backlog import PostedBody
    from alertrouter.store.history import Action

Row = tuple[Any, ...]
_Member = TypeVar("_Member")

_MASK = (1 << 64) - 1
_SIGN = 1 << 63


# Alerts that were posted together have their moments in common.
_MOST_MOMENTS = 10_000


class BadRowError(ValueError):
    """A row does not hold what its table is for."""


def signed(identity: int) -> int:
    """64 unsigned bits as the signed ones that databases have."""
    return identity - (1 << 64) if identity & _SIGN else identity


def unsigned(stored: int) -> int:
    """What ``signed`` was given."""
    return stored & _MASK


# A message is written in five rows that name its group and slot, one after the other; who was named last is known by
# being the same object. Between its intent and its outcome come those of the messages that are on their way with it.
@lru_cache(maxsize=1024)
def _columns_of_group(group: GroupId) -> tuple[int, str, str]:
    number = signed(xxhash.xxh64_intdigest(f"{group.labels.identity:x}\0{group.route}".encode()))
    return number, plain(group.route), json_text(group.labels)


@lru_cache(maxsize=1024)
def _columns_of_slot(slot: Slot) -> tuple[int, str, str, str, str]:
    group, route, labels = _group_columns(slot.group)
    number = signed(xxhash.xxh64_intdigest(f"{group:x}\0{slot.receiver}\0{slot.integration}".encode()))
    return number, route, labels, plain(slot.receiver), plain(slot.integration)


class _Last:
    """The group and the slot that were named last; each with its columns in one object, for several threads look."""

    group: tuple[GroupId | None, tuple[int, str, str]] = (None, (0, "", ""))
    slot: tuple[Slot | None, tuple[int, str, str, str, str]] = (None, (0, "", "", "", ""))


def _group_columns(group: GroupId) -> tuple[int, str, str]:
    last, columns = _Last.group
    if last is not group:
        columns = _columns_of_group(group)
        _Last.group = (group, columns)
    return columns


def _slot_columns(slot: Slot) -> tuple[int, str, str, str, str]:
    last, columns = _Last.slot
    if last is not slot:
        columns = _columns_of_slot(slot)
        _Last.slot = (slot, columns)
    return columns


def group_id(group: GroupId) -> int:
    """The key of a group's row: a hash of its route's identity and its labels."""
    return _group_columns(group)[0]


def slot_id(slot: Slot) -> int:
    """The key of a notification log row."""
    return _slot_columns(slot)[0]


_to_json = msgspec.json.Encoder().encode
_text_by_name = msgspec.json.Decoder(dict[str, str]).decode
_receiver_data = msgspec.json.Decoder(dict[str, str | int | float]).decode
_matcher_sets = msgspec.json.Decoder(list[list[tuple[str, str, str]]]).decode
_muted = msgspec.json.Decoder(dict[str, list[str]]).decode


def json_text(value: object) -> str:
    """Compact JSON. PostgreSQL takes no NUL in text; JSON writes it as an escape, so nothing is lost."""
    return _to_json(value).decode()


def plain(text: str) -> str:
    """Text that any database takes: without NUL and what is no Unicode."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def identities(members: Collection[int]) -> bytes:
    """A set of identities, eight bytes each, little endian."""
    if not members:
        return b""
    if len(members) == 1:
        (only,) = members
        return only.to_bytes(8, "little")
    numbers = array("Q", members)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def to_identities(stored: bytes) -> array[int]:
    """What ``identities`` was given."""
    numbers = array("Q")
    numbers.frombytes(stored)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def posted_row(number: int, posted: PostedBody, lines: int) -> Row:
    """``posted``."""
    body, at, resolve_timeout, places = posted
    return (number, at, resolve_timeout, lines, _places(places), body)


def _places(places: Sequence[int]) -> bytes:
    numbers = array("I", places)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def places_of(stored: bytes) -> array[int]:
    """The ``places`` column of ``posted``."""
    numbers = array("I")
    numbers.frombytes(stored)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def muted_identities(stored: str | None) -> Iterable[int]:
    """The alerts in the ``muted`` column of a decision."""
    if not stored:
        return
    for key, texts in _muted(stored).items():
        if key in _NOT_SENT:
            yield from map(int, texts)
        else:
            yield int(key)


def _not_told(record: DecisionRecord) -> str | None:
    """The ``muted`` column: by alert what keeps it back, and by reason the alerts that are left out otherwise."""
    if not record.muted and not record.left_out:
        return None
    texts = {str(identity): list(causes) for identity, causes in record.muted.items()}
    for identity, why in record.left_out.items():
        texts.setdefault(why.value, []).append(str(identity))
    return json_text(texts)


def label_pairs(stored: str) -> dict[str, str]:
    """Labels as stored, bare: for looking at thousands of them. Raises BadRowError."""
    try:
        return _text_by_name(stored)
    except (msgspec.MsgspecError, TypeError) as error:
        raise BadRowError(f"not a JSON object of texts: {error}") from None


# Alerts


def alert_row(alert: Alert) -> Row:
    """``alerts``."""
    return (
        signed(alert.labels.identity),
        json_text(alert.labels),
        json_text(alert.annotations),
        alert.starts_at,
        alert.ends_at,
        alert.updated_at,
        plain(alert.generator_url),
        alert.timeout,
        alert.starts_offset,
        alert.ends_offset,
    )


class AlertReader:
    """Makes alerts of rows; equal texts and moments become one object, as thousands of alerts share most of theirs."""

    def __init__(self) -> None:
        self._moments: dict[Moment, Moment] = {}

    def alert(self, row: Sequence[Any], end: Sequence[Any] | None = None) -> Alert:
        """Of a row of ``alerts``, with the row of ``alert_ends`` if there is one. Raises BadRowError."""
        (
            identity,
            labels,
            annotations,
            starts_at,
            ends_at,
            updated_at,
            url,
            timeout,
            starts_offset,
            ends_offset,
        ) = row
        if end is not None:
            _, ends_at, updated_at, timeout, ends_offset = end
        if not (
            isinstance(starts_at, int)
            and (ends_at is None or isinstance(ends_at, int))
            and isinstance(updated_at, int)
            and isinstance(starts_offset, int)
            and isinstance(ends_offset, int)
            and isinstance(url, str)
        ):
            raise BadRowError("a moment, an offset or the generator URL is none")
        return Alert(
            labels=self.labels(labels, identity),
            annotations=self._pairs(annotations),
            starts_at=self._one(starts_at),
            ends_at=None if ends_at is None else self._one(ends_at),
            updated_at=self._one(updated_at),
            generator_url=shared_text(url),
            timeout=bool(timeout),
            starts_offset=starts_offset,
            ends_offset=ends_offset,
        )

    def _one(self, moment: Moment) -> Moment:
        if len(self._moments) >= _MOST_MOMENTS:
            self._moments.clear()
        return self._moments.setdefault(moment, moment)

    def rule_alert(self, row: Sequence[Any]) -> StoredRuleAlert:
        """Of a row of ``rule_alerts``. Raises BadRowError."""
        key, rule, labels, annotations, value, state, *moments = row
        active_at, *others = moments
        if not (
            isinstance(rule, int)
            and isinstance(active_at, int)
            and all(each is None or isinstance(each, int) for each in others)
        ):
            raise BadRowError("the rule or a moment is none")
        try:
            alert = RuleAlertState(
                self._pairs(labels), self._pairs(annotations), _to_value(value), AlertState(state), *moments
            )
        except ValueError as error:
            raise BadRowError(str(error)) from None
        if rule_alert_id(unsigned(rule), alert.labels) != key:
            raise BadRowError("the row is not under the alert's key")
        return StoredRuleAlert(unsigned(rule), alert)

    def labels(self, stored: str, identity: int) -> Labels:
        """Labels as stored, which must be those that have this identity."""
        labels = self._pairs(stored)
        if labels.identity != unsigned(identity):
            raise BadRowError("the labels are not those of the alert's identity")
        return labels

    def _pairs(self, stored: str) -> Labels:
        try:
            pairs = _text_by_name(stored)
        except (msgspec.MsgspecError, TypeError) as error:
            raise BadRowError(f"not a JSON object of texts: {error}") from None
        share_texts(pairs)
        # They were written in order.
        return Labels.in_order(pairs)


# The alerts of our own rules


def rule_alert_id(rule: int, labels: Labels) -> int:
    """The key of the row of an alert of a rule."""
    return signed(xxhash.xxh64_intdigest(f"{labels.identity:x}\0{rule:x}".encode()))


def rule_alert_row(stored: StoredRuleAlert) -> Row:
    """``rule_alerts``."""
    rule, alert = stored
    return (
        rule_alert_id(rule, alert.labels),
        signed(rule),
        json_text(alert.labels),
        json_text(alert.annotations),
        plain(alert.value) if isinstance(alert.value, str) else repr(alert.value),
        alert.state.value,
        alert.active_at,
        alert.fired_at,
        alert.keep_firing_since,
        alert.resolved_at,
        alert.last_sent_at,
    )


def _to_value(stored: str) -> float | str:
    try:
        return float(stored)
    except ValueError:
        return stored


def rule_group_id(key: str) -> int:
    """The key of the row of a group of rules."""
    return signed(xxhash.xxh64_intdigest(plain(key).encode()))


def rule_group_row(group: EvaluatedGroup) -> Row:
    """``rule_groups``."""
    return (rule_group_id(group.key), plain(group.key), group.at)


def to_rule_group(row: Sequence[Any]) -> EvaluatedGroup:
    """Of a row of ``rule_groups``. Raises BadRowError."""
    key, name, evaluated_at = row
    if not (isinstance(name, str) and isinstance(evaluated_at, int)) or rule_group_id(name) != key:
        raise BadRowError("the row is not under the key of its group")
    return EvaluatedGroup(name, evaluated_at)


def end_row(alert: Alert | MovedEnd) -> Row:
    """``alert_ends``."""
    return (
        signed(alert.labels.identity),
        alert.ends_at,
        alert.updated_at,
        alert.timeout,
        alert.ends_offset,
    )


def transition_row(transition: AlertTransition) -> Row:
    """``alert_transitions`` without the number."""
    alert = transition.alert
    replaced = transition.replaced
    if transition.kind is Transition.COLLECTED:
        # The alert's row is deleted now, and with it the annotations.
        replaced = alert.annotations
    return (
        transition.at,
        signed(alert.labels.identity),
        transition.kind.value,
        alert.starts_at,
        alert.ends_at,
        None if replaced is None else json_text(replaced),
    )


def to_transition(row: Sequence[Any], labels: str | None, annotations: str | None) -> AlertTransition:
    """Of a row of ``alert_transitions`` and the texts it refers to. Raises BadRowError."""
    at, identity, kind, starts_at, ends_at, replaced = row
    reader = AlertReader()
    if kind == Transition.COLLECTED:
        # With the alert its annotations went; see ``transition_row``.
        annotations, replaced = replaced, None
    return AlertTransition(
        at=at,
        kind=Transition(kind),
        alert=Alert(
            labels=Labels() if labels is None else reader.labels(labels, identity),
            annotations=to_pairs(annotations),
            starts_at=starts_at,
            ends_at=ends_at,
            updated_at=at,
        ),
        replaced=None if replaced is None else to_pairs(replaced),
    )


def to_bare_transition(row: Sequence[Any], labels: Labels) -> AlertTransition:
    """Of a row of ``alert_transitions`` without the number, for who does not ask for annotations."""
    at, _, kind, starts_at, ends_at = row[:5]
    return AlertTransition(
        at=at,
        kind=_member(_TRANSITIONS, kind),
        alert=Alert(
            labels=labels, annotations=_NO_PAIRS, starts_at=starts_at, ends_at=ends_at, updated_at=at
        ),
    )


_NO_PAIRS = Labels()
# A look-up takes a fifth of what making a member of an enumeration does.
_TRANSITIONS = {each.value: each for each in Transition}
_OUTCOMES = {each.value: each for each in Outcome}
_REASONS = {each.value: each for each in Reason}
_NOT_SENT = {each.value: each for each in NotSent}


def _member(members: Mapping[str, _Member], value: str) -> _Member:
    try:
        return members[value]
    except KeyError:
        raise BadRowError(f"{value!r} is none of {', '.join(members)}") from None


def to_pairs(stored: str | None) -> Labels:
    """A JSON object of texts; nothing when there is none."""
    if stored is None:
        return Labels()
    try:
        return Labels.in_order(_text_by_name(stored))
    except (msgspec.MsgspecError, TypeError) as error:
        raise BadRowError(f"not a JSON object of texts: {error}") from None


# Groups and slots


def group_row(state: GroupState) -> Row:
    """``groups``."""
    return (
        *_group_columns(state.id),
        plain(state.receiver),
        plain(state.key),
        plain(state.path),
        state.created_at,
        state.due,
        state.tick,
        state.settled_at,
        state.flush_number,
        state.held,
    )


def to_group(row: Sequence[Any]) -> GroupState:
    """Of a row of ``groups``. Raises BadRowError."""
    key, route, labels, receiver, route_key, path, created_at, due, tick, settled_at, number, held = row
    if not (
        isinstance(created_at, int)
        and isinstance(due, int)
        and isinstance(number, int)
        and (tick is None or isinstance(tick, int))
        and (settled_at is None or isinstance(settled_at, int))
    ):
        raise BadRowError("a moment is none")
    group = GroupId(sys.intern(_require(route, str)), to_pairs(labels))
    if group_id(group) != key:
        raise BadRowError("the row is not under the group's key")
    # Thousands of groups share these.
    return GroupState(
        id=group,
        receiver=sys.intern(_require(receiver, str)),
        key=sys.intern(_require(route_key, str)),
        path=sys.intern(_require(path, str)),
        created_at=created_at,
        due=due,
        tick=tick,
        settled_at=settled_at,
        flush_number=number,
        held=bool(held),
    )


def group_name_row(group: GroupId, group_key: str, used_at: Moment) -> Row:
    """``group_names``."""
    # A day is added to it in SQL, where numbers end.
    used_at = min(used_at, LATEST - DAY)
    return (*_group_columns(group), plain(group_key), used_at)


def _to_slot(columns: Sequence[Any]) -> Slot:
    key, route, labels, receiver, integration = columns
    group = GroupId(_require(route, str), to_pairs(labels))
    slot = Slot(group, _require(receiver, str), _require(integration, str))
    if slot_id(slot) != key:
        raise BadRowError("the row is not under the slot's key")
    return slot


def entry_row(entry: LogEntry) -> Row:
    """``notification_log``."""
    return (
        *_slot_columns(entry.slot),
        plain(entry.group_key),
        entry.revision,
        entry.flushed_at,
        entry.sent_at,
        identities(entry.firing),
        identities(entry.resolved),
        identities(entry.pending),
        json_text(dict(entry.receiver_data)) if entry.receiver_data else "{}",
        entry.expires_at,
    )


def to_entry(row: Sequence[Any]) -> LogEntry:
    """Of a row of ``notification_log``. Raises BadRowError."""
    group_key, revision, flushed_at, sent_at, firing, resolved, pending, receiver_data, expires_at = row[5:]
    for number in (revision, flushed_at, sent_at, expires_at):
        _require(number, int)
    try:
        data: Mapping[str, ReceiverDatum] = _receiver_data(receiver_data)
        sets = [frozenset(to_identities(stored)) for stored in (firing, resolved, pending)]
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        raise BadRowError(f"a set of alerts or the receiver's data cannot be read: {error}") from None
    return LogEntry(
        slot=_to_slot(row[:5]),
        group_key=_require(group_key, str),
        revision=revision,
        flushed_at=flushed_at,
        sent_at=sent_at,
        firing=sets[0],
        resolved=sets[1],
        pending=sets[2],
        receiver_data=data,
        expires_at=expires_at,
    )


def intent_row(slot: Slot, begun_at: Moment) -> Row:
    """``intents``."""
    return (*_slot_columns(slot), begun_at)


def to_intent(row: Sequence[Any]) -> Slot:
    """Of a row of ``intents``. Raises BadRowError."""
    return _to_slot(row[:5])


# Decisions


def decision_row(record: DecisionRecord) -> Row:
    """``decisions`` without the number."""
    return (
        record.at,
        group_id(record.slot.group),
        plain(record.slot.receiver),
        plain(record.slot.integration),
        record.tick,
        record.flush_number,
        record.outcome.value,
        record.reason.value if record.reason else None,
        record.why_not.value if record.why_not else None,
        identities(record.firing),
        identities(record.resolved),
        _not_told(record),
        record.attempts,
        plain(record.error),
        record.failure.value if record.failure else None,
        record.possible_duplicate,
    )


def to_decision(
    row: Sequence[Any], route: str | None, labels: str | None, group_key: str | None
) -> DecisionRecord:
    """Of a row of ``decisions`` without the number and what its group is called."""
    return to_decision_of(row, GroupId(route or "", to_pairs(labels)), group_key or "")


def to_decision_of(row: Sequence[Any], group: GroupId, group_key: str) -> DecisionRecord:
    """Of a row of ``decisions`` without the number and its group."""
    (at, _, receiver, integration, tick, number, outcome, reason, why_not) = row[:9]
    (firing, resolved, muted, attempts, error, failure, duplicate) = row[9:16]
    causes = _muted(muted) if muted else {}
    return DecisionRecord(
        at=at,
        slot=Slot(group, receiver, integration),
        group_key=group_key,
        tick=tick,
        flush_number=number,
        outcome=_member(_OUTCOMES, outcome),
        reason=_member(_REASONS, reason) if reason else None,
        why_not=_member(_NOT_SENT, why_not) if why_not else None,
        firing=tuple(to_identities(firing)),
        resolved=tuple(to_identities(resolved)),
        muted={int(key): texts for key, texts in causes.items() if key not in _NOT_SENT},
        left_out={
            int(identity): _NOT_SENT[key]
            for key, texts in causes.items()
            if key in _NOT_SENT
            for identity in texts
        }
        if causes
        else {},
        attempts=attempts,
        error=error,
        failure=FailureReason(failure) if failure else None,
        possible_duplicate=bool(duplicate),
    )


def attempt_row(record: AttemptRecord) -> Row:
    """``attempts`` without the number."""
    return (
        record.started_at,
        group_id(record.slot.group),
        plain(record.slot.receiver),
        plain(record.slot.integration),
        record.tick,
        record.number,
        record.latency,
        plain(record.error),
        record.reason.value if record.reason else None,
    )


def to_attempt(row: Sequence[Any], route: str | None, labels: str | None) -> AttemptRecord:
    """Of a row of ``attempts`` without the number and what its group is called. Raises BadRowError."""
    return to_attempt_of(row, GroupId(route or "", to_pairs(labels)))


def to_attempt_of(row: Sequence[Any], group: GroupId) -> AttemptRecord:
    """Of a row of ``attempts`` without the number and its group."""
    started_at, _, receiver, integration, tick, number, latency, error, reason = row[:9]
    return AttemptRecord(
        slot=Slot(group, receiver, integration),
        tick=tick,
        number=number,
        started_at=started_at,
        latency=latency,
        error=error,
        reason=FailureReason(reason) if reason else None,
    )


def flush_row(flush: FlushRecord) -> Row:
    """``flushes`` without the number."""
    return (flush.at, group_id(flush.group), flush.due, flush.tick)


def renewal_row(renewal: RenewalRecord) -> Row:
    """``renewals`` without the number."""
    slot = renewal.slot
    return (renewal.at, group_id(slot.group), plain(slot.receiver), plain(slot.integration))


# Silences


def silence_row(silence: Silence) -> Row:
    """``silences``; also the end of a row of ``silence_versions``."""
    sets = [[(m.name, m.type.value, m.value) for m in matchers] for matchers in silence.matcher_sets]
    return (
        plain(silence.id),
        json_text(sets),
        silence.starts_at,
        silence.ends_at,
        silence.updated_at,
        plain(silence.created_by),
        plain(silence.comment),
        json_text(dict(silence.annotations)),
    )


def to_silence(row: Sequence[Any]) -> Silence:
    """Of a row of ``silences``. Raises BadRowError."""
    silence_id, matchers, starts_at, ends_at, updated_at, created_by, comment, annotations = row
    for moment in (starts_at, ends_at, updated_at):
        _require(moment, int)
    try:
        sets = [
            Matchers([Matcher(name, MatchType(operator), value) for name, operator, value in each])
            for each in _matcher_sets(matchers)
        ]
    except (ValueError, TypeError) as error:
        raise BadRowError(f"the matchers cannot be read: {error}") from None
    return Silence(
        id=_require(silence_id, str),
        matcher_sets=sets,
        starts_at=starts_at,
        ends_at=ends_at,
        updated_at=updated_at,
        created_by=_require(created_by, str),
        comment=_require(comment, str),
        annotations=dict(to_pairs(annotations)),
    )


def silence_version_row(change: SilenceChange) -> Row:
    """``silence_versions`` without the number."""
    return (change.at, plain(change.action), *silence_row(change.silence))


def to_silence_change(row: Sequence[Any]) -> SilenceChange:
    """Of a row of ``silence_versions`` without the number. Raises BadRowError."""
    return SilenceChange(at=row[0], action=row[1], silence=to_silence(row[2:]))


def action_row(action: Action) -> Row:
    """``actions`` without the number."""
    return (action.at, *map(plain, action[1:]))


def _require(value: Any, expected: type) -> Any:
    if not isinstance(value, expected):
        raise BadRowError(f"{value!r} is not {expected.__name__}")
    return value
