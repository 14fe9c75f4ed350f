"""The notification log, and the attempts that are under way, to rows and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from alertrouter.engine.changes import LogEntry
from alertrouter.store.rows.columns import (
    BadRowError,
    Row,
    identities,
    json_text,
    plain,
    require,
    to_identities,
)
from alertrouter.store.rows.group import slot_columns, to_slot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alertrouter.core.notification import ReceiverDatum
    from alertrouter.core.time import Moment
    from alertrouter.engine.slot import Slot

_receiver_data = msgspec.json.Decoder(dict[str, str | int | float]).decode


def entry_row(entry: LogEntry) -> Row:
    """``notification_log``."""
    return (
        *slot_columns(entry.slot),
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
        require(number, int)
    try:
        data: Mapping[str, ReceiverDatum] = _receiver_data(receiver_data)
        sets = [frozenset(to_identities(stored)) for stored in (firing, resolved, pending)]
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        raise BadRowError(f"a set of alerts or the receiver's data cannot be read: {error}") from None
    return LogEntry(
        slot=to_slot(row[:5]),
        group_key=require(group_key, str),
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
    return (*slot_columns(slot), begun_at)


def to_intent(row: Sequence[Any]) -> tuple[Slot, Moment]:
    """Of a row of ``intents``. Raises BadRowError."""
    return to_slot(row[:5]), require(row[5], int)
