"""Decisions, attempts and renewals, to rows and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from alertrouter.core.reason import FailureReason, NotSent, Reason
from alertrouter.delivery.attempt import AttemptRecord
from alertrouter.engine.changes import DecisionRecord, Outcome, RenewalRecord
from alertrouter.engine.slot import GroupId, Slot
from alertrouter.store.rows.columns import Row, identities, json_text, member, plain, to_identities, to_pairs
from alertrouter.store.rows.group import slot_in_history

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_muted = msgspec.json.Decoder(dict[str, list[str]]).decode


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


_OUTCOMES = {each.value: each for each in Outcome}
_REASONS = {each.value: each for each in Reason}
_NOT_SENT = {each.value: each for each in NotSent}


def decision_row(record: DecisionRecord) -> Row:
    """``decisions`` without the number."""
    return (
        record.at,
        *slot_in_history(record.slot),
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
        outcome=member(_OUTCOMES, outcome),
        reason=member(_REASONS, reason) if reason else None,
        why_not=member(_NOT_SENT, why_not) if why_not else None,
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
        *slot_in_history(record.slot),
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


def renewal_row(renewal: RenewalRecord) -> Row:
    """``renewals`` without the number."""
    return (renewal.at, *slot_in_history(renewal.slot))
