"""What happened: transitions of alerts, decisions, attempts, what people did to silences. Newest first, in pages.

Queries block; call these from a thread, with a connection of ``Store.reader``. A line that cannot be read is left out.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from sqlalchemy import func, select

from alertrouter.core.matcher import Matchers
from alertrouter.store import find
from alertrouter.store.chunk import Wanted
from alertrouter.store.find import labels_of
from alertrouter.store.rows.alert import to_transition
from alertrouter.store.rows.decision import to_attempt, to_decision
from alertrouter.store.rows.group import group_id
from alertrouter.store.rows.silence import to_silence_change
from alertrouter.store.span import Cursor, Page, Span
from alertrouter.store.tables import (
    NUMBERED,
    actions,
    alert_transitions,
    alerts,
    attempts,
    decisions,
    group_names,
    past_alerts,
    reloads,
    silence_versions,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from sqlalchemy import Column, ColumnElement, Connection, Select, Table

    from alertrouter.core.time import Moment
    from alertrouter.delivery.attempt import AttemptRecord
    from alertrouter.engine.changes import (
        AlertTransition,
        DecisionRecord,
        Outcome,
        SilenceChange,
        Transition,
    )
    from alertrouter.engine.slot import GroupId

__all__ = [
    "Action",
    "Cursor",
    "DecisionKey",
    "Page",
    "Reload",
    "Span",
    "action_records",
    "attempt_records",
    "attempts_of",
    "decision_key",
    "decision_records",
    "happened_after",
    "is_gone",
    "labels_of",
    "last_number",
    "reload_records",
    "silence_changes",
    "transitions",
]

log = logging.getLogger(__name__)

_Line = TypeVar("_Line")
_NO_MATCHERS = Matchers()


class Reload(NamedTuple):
    """A configuration came into force; its text without secrets."""

    at: Moment
    config_hash: int
    config: str


class Action(NamedTuple):
    """Something a person did: ``action`` is one of the words in ``docs/history.md``, ``subject`` what it was done to.

    ``author`` and ``address`` say who did it, empty where that is not known; ``outcome`` what came of it.
    """

    at: Moment
    action: str
    subject: str
    author: str = ""
    address: str = ""
    outcome: str = ""


def transitions(
    connection: Connection,
    span: Span,
    *,
    identities: Collection[int] | None = None,
    matchers: Matchers = _NO_MATCHERS,
    kinds: Collection[Transition] = (),
) -> Page[AlertTransition]:
    """What became of alerts: of all, of those with these ``Labels.identity``, or of those that pass the matchers.

    Each tells the annotations the alert had then. Its generator URL and offsets are not kept.
    """
    table = alert_transitions.c
    conditions = [table.kind.in_([kind.value for kind in kinds])] if kinds else []
    found = find.search(connection, find.TRANSITIONS, span, Wanted(matchers, identities), *conditions)
    return _page(connection, _TRANSITIONS, found)


def decision_records(
    connection: Connection,
    span: Span,
    *,
    receiver: str | None = None,
    group: GroupId | None = None,
    identities: Collection[int] | None = None,
    matchers: Matchers = _NO_MATCHERS,
    outcomes: Collection[Outcome] = (),
    reasons: Collection[str] = (),
) -> Page[DecisionRecord]:
    """What flushes decided: all, or for one receiver or one group, or about alerts that are chosen as in `transitions`.

    ``reasons`` are values of ``Reason``, ``NotSent`` and ``FailureReason``.
    """
    table = decisions.c
    conditions: list[ColumnElement[bool]] = []
    if receiver is not None:
        conditions.append(table.receiver == receiver)
    if group is not None:
        conditions.append(table.group_id == group_id(group))
    if outcomes:
        conditions.append(table.outcome.in_([outcome.value for outcome in outcomes]))
    if reasons:
        conditions.append(table.reason.in_(reasons) | table.why_not.in_(reasons) | table.failure.in_(reasons))
    found = find.search(connection, find.DECISIONS, span, Wanted(matchers, identities), *conditions)
    return _page(connection, _DECISIONS, found)


def attempt_records(
    connection: Connection, span: Span, *, receiver: str | None = None
) -> Page[AttemptRecord]:
    """What was tried to be sent."""
    table = attempts.c
    conditions = [] if receiver is None else [table.receiver == receiver]
    found = find.scan(connection, table.id, table.started_at, span, *conditions)
    return _page(connection, _ATTEMPTS, found)


def attempts_of(
    connection: Connection, records: Collection[DecisionRecord]
) -> dict[DecisionKey, list[AttemptRecord]]:
    """The attempts that were made for these decisions, in order, by `decision_key`."""
    table = attempts.c
    wanted = {decision_key(each) for each in records if each.attempts}
    found: dict[DecisionKey, list[AttemptRecord]] = {}
    for since, until, groups in _stretches(records):
        query = _ATTEMPTS.query.where(
            table.started_at >= since, table.started_at <= until, table.group_id.in_(groups)
        ).order_by(table.started_at, table.id)
        for row in connection.execute(query):
            record = _ATTEMPTS.make(row)
            key = (row[1], record.slot.receiver, record.slot.integration, record.tick)
            if key in wanted:
                found.setdefault(key, []).append(record)
    return found


#: The group, the receiver, the integration, the flush.
DecisionKey = tuple[int, str, str, int]


def decision_key(record: DecisionRecord) -> DecisionKey:
    """Which message of which flush this was."""
    slot = record.slot
    return (group_id(slot.group), slot.receiver, slot.integration, record.tick)


def _stretches(records: Collection[DecisionRecord]) -> list[tuple[Moment, Moment, set[int]]]:
    """From when to when attempts for these may have been made, overlapping times joined, and for which groups."""
    found: list[tuple[Moment, Moment, set[int]]] = []
    for record in sorted(records, key=lambda each: each.tick):
        if not record.attempts:
            continue
        group = group_id(record.slot.group)
        if found and record.tick <= found[-1][1]:
            since, until, groups = found[-1]
            found[-1] = (since, max(until, record.at), groups | {group})
        else:
            found.append((record.tick, record.at, {group}))
    return found


def silence_changes(
    connection: Connection, span: Span, *, silence_id: str | None = None
) -> Page[SilenceChange]:
    """What people did to silences."""
    table = silence_versions.c
    conditions = [] if silence_id is None else [table.silence_id == silence_id]
    found = find.scan(connection, table.id, table.at, span, *conditions)
    return _page(connection, _SILENCES, found)


def reload_records(connection: Connection, span: Span) -> Page[Reload]:
    """Which configurations were in force."""
    table = reloads.c
    found = find.scan(connection, table.id, table.at, span)
    return _page(connection, _RELOADS, found)


def action_records(connection: Connection, span: Span, *, author: str | None = None) -> Page[Action]:
    """What people did, silences included."""
    table = actions.c
    conditions = [] if author is None else [table.author == author]
    found = find.scan(connection, table.id, table.at, span, *conditions)
    return _page(connection, _ACTIONS, found)


def happened_after(connection: Connection, number: int, limit: int) -> tuple[list[tuple[int, Any]], int]:
    """The first lines with a greater number, whatever they tell of, in order; and the number up to which these are all."""
    found: list[tuple[int, Any]] = []
    horizons = []
    for shape in (_TRANSITIONS, _DECISIONS, _SILENCES, _RELOADS, _ACTIONS):
        query = select(shape.number).where(shape.number > number).order_by(shape.number).limit(limit)
        numbers = list(connection.execute(query).scalars())
        found += _lines(connection, shape, numbers)
        if len(numbers) == limit:
            horizons.append(numbers[-1])
    horizon = min(horizons, default=max([number, *[each for each, _ in found]]))
    return sorted([line for line in found if line[0] <= horizon], key=lambda line: line[0]), horizon


def last_number(connection: Connection) -> int:
    """The number of the youngest line of history; 0 when there is none."""
    return max(connection.execute(select(func.max(table.c.id))).scalar() or 0 for table in NUMBERED)


def is_gone(connection: Connection, number: int) -> bool:
    """Whether lines that came after this number were deleted."""
    younger = [connection.execute(select(func.min(table.c.id))).scalar() for table in NUMBERED]
    oldest = min((each for each in younger if each is not None), default=number)
    return oldest > number + 1


@dataclass(frozen=True, slots=True)
class _Shape(Generic[_Line]):
    """How lines of a kind are read: the query for their rows, and what makes lines of these."""

    number: Column[int]
    query: Select[Any]
    make: Callable[[Sequence[Any]], _Line]


def _transitions_shape() -> _Shape[AlertTransition]:
    table = alert_transitions.c
    # The annotations of then are those that the next transition which changed them replaced.
    later = alert_transitions.alias("later").c
    replaced = (
        select(later.replaced_annotations)
        .where(later.identity == table.identity, later.id > table.id, later.at >= table.at)
        .where(later.replaced_annotations.is_not(None))
        .order_by(later.at, later.id)
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(
            *list(table)[1:],
            func.coalesce(alerts.c.labels, past_alerts.c.labels),
            func.coalesce(replaced, alerts.c.annotations),
        )
        .outerjoin(alerts, alerts.c.identity == table.identity)
        .outerjoin(past_alerts, past_alerts.c.identity == table.identity)
    )
    return _Shape(table.id, query, lambda row: to_transition(row[:6], row[6], row[7]))


def _named(table: Table, *names: Column[str]) -> Select[Any]:
    """The rows of a table, and what their groups are called."""
    return select(*list(table.c)[1:], *names).outerjoin(group_names, group_names.c.id == table.c.group_id)


def _plain(table: Table) -> Select[Any]:
    return select(*list(table.c)[1:])


_names = group_names.c
_TRANSITIONS = _transitions_shape()
_DECISIONS = _Shape(
    decisions.c.id,
    _named(decisions, _names.route, _names.labels, _names.group_key),
    lambda row: to_decision(row[:16], *row[16:19]),
)
_ATTEMPTS = _Shape(
    attempts.c.id,
    _named(attempts, _names.route, _names.labels),
    lambda row: to_attempt(row[:9], *row[9:11]),
)
_SILENCES = _Shape(silence_versions.c.id, _plain(silence_versions), to_silence_change)
_RELOADS = _Shape(reloads.c.id, _plain(reloads), Reload._make)
_ACTIONS = _Shape(actions.c.id, _plain(actions), Action._make)


def _page(connection: Connection, shape: _Shape[_Line], found: find.Found) -> Page[_Line]:
    lines = _lines(connection, shape, [key.number for key in found.keys])
    return Page([line for _, line in lines], found.older)


def _lines(connection: Connection, shape: _Shape[_Line], numbers: Sequence[int]) -> list[tuple[int, _Line]]:
    """The lines with these numbers, in their order, each with its number."""
    row_by_number: dict[int, Sequence[Any]] = {}
    query = shape.query.add_columns(shape.number.label("page_number"))
    for begin in range(0, len(numbers), _ROWS_AT_ONCE):
        some = query.where(shape.number.in_(numbers[begin : begin + _ROWS_AT_ONCE]))
        row_by_number |= {row[-1]: row[:-1] for row in connection.execute(some)}
    lines: list[tuple[int, _Line]] = []
    for each in numbers:
        if (row := row_by_number.get(each)) is None:
            continue  # its time was over meanwhile
        try:
            lines.append((each, shape.make(row)))
        except ValueError as error:
            log.warning("a line of history was left out", extra={"number": each, "because": str(error)})
    return lines


_ROWS_AT_ONCE = 500
