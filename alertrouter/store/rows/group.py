"""Aggregation groups, the slots of their integrations and their flushes, to rows and back."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import xxhash

from alertrouter.core.time import DAY, LATEST
from alertrouter.engine.changes import FlushRecord, GroupState
from alertrouter.engine.slot import GroupId, Slot
from alertrouter.store.rows.columns import BadRowError, Row, json_text, plain, require, signed, to_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.core.time import Moment


# A message is written in five rows that name its group and slot, one after the other; who was named last is known by
# being the same object. Between its intent and its outcome come those of the messages that are on their way with it.
@lru_cache(maxsize=1024)
def _columns_of_group(group: GroupId) -> tuple[int, str, str]:
    number = signed(xxhash.xxh64_intdigest(f"{group.labels.identity:x}\0{group.route}".encode()))
    return number, plain(group.route), json_text(group.labels)


@lru_cache(maxsize=1024)
def _columns_of_slot(slot: Slot) -> _OfSlot:
    group, route, labels = _group_columns(slot.group)
    receiver, integration = plain(slot.receiver), plain(slot.integration)
    number = signed(xxhash.xxh64_intdigest(f"{group:x}\0{slot.receiver}\0{slot.integration}".encode()))
    return _OfSlot(slot, (number, route, labels, receiver, integration), (group, receiver, integration))


class _OfSlot(NamedTuple):
    """A slot, what a row of its own begins with, and what names it in a line of history."""

    slot: Slot | None
    columns: tuple[int, str, str, str, str]
    in_history: tuple[int, str, str]


class _Last:
    """The group and the slot that were named last; each with its columns in one object, for several threads look."""

    group: tuple[GroupId | None, tuple[int, str, str]] = (None, (0, "", ""))
    slot = _OfSlot(None, (0, "", "", "", ""), (0, "", ""))


def _group_columns(group: GroupId) -> tuple[int, str, str]:
    last, columns = _Last.group
    if last is not group:
        columns = _columns_of_group(group)
        _Last.group = (group, columns)
    return columns


def slot_columns(slot: Slot) -> tuple[int, str, str, str, str]:
    """What a row begins with that is about a slot; ``to_slot`` reads it."""
    last = _Last.slot
    if last.slot is not slot:
        last = _Last.slot = _named_again(slot)
    return last.columns


def slot_in_history(slot: Slot) -> tuple[int, str, str]:
    """What names a slot in a line of history: its group, receiver and integration."""
    last = _Last.slot
    if last.slot is not slot:
        last = _Last.slot = _named_again(slot)
    return last.in_history


def _named_again(slot: Slot) -> _OfSlot:
    of_slot = _columns_of_slot(slot)
    # An equal one may have been named before.
    return of_slot if of_slot.slot is slot else of_slot._replace(slot=slot)


def group_id(group: GroupId) -> int:
    """The key of a group's row: a hash of its route's identity and its labels."""
    return _group_columns(group)[0]


def slot_id(slot: Slot) -> int:
    """The key of a notification log row."""
    return slot_columns(slot)[0]


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
    group = GroupId(sys.intern(require(route, str)), to_pairs(labels))
    if group_id(group) != key:
        raise BadRowError("the row is not under the group's key")
    # Thousands of groups share these.
    return GroupState(
        id=group,
        receiver=sys.intern(require(receiver, str)),
        key=sys.intern(require(route_key, str)),
        path=sys.intern(require(path, str)),
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


def to_slot(columns: Sequence[Any]) -> Slot:
    """Of the columns that ``slot_columns`` gives. Raises BadRowError."""
    key, route, labels, receiver, integration = columns
    group = GroupId(require(route, str), to_pairs(labels))
    slot = Slot(group, require(receiver, str), require(integration, str))
    if slot_id(slot) != key:
        raise BadRowError("the row is not under the slot's key")
    return slot


def flush_row(flush: FlushRecord) -> Row:
    """``flushes`` without the number."""
    return (flush.at, group_id(flush.group), flush.due, flush.tick)
