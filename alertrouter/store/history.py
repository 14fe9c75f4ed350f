"""What happened: transitions of alerts, decisions, attempts, what people did to silences. Newest first, in pages.

Queries block; call these from a thread, with a connection of ``Store.reader``. A line that cannot be read is left out.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from sqlalchemy import func, select

from alertrouter.core.matcher import Matchers
from alertrouter.store import find, rows
from alertrouter.store.chunk import Wanted
from alertrouter.store.find import labels_of
from alertrouter.store.span import Cursor, Page, Span
from alertrouter.store.tables import (
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

    from sqlalchemy import Column, ColumnElement, Connection, Select

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
    "labels_of",
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
    return _page(connection, query, table.id, found, lambda row: rows.to_transition(row[:6], row[6], row[7]))


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
        conditions.append(table.group_id == rows.group_id(group))
    if outcomes:
        conditions.append(table.outcome.in_([outcome.value for outcome in outcomes]))
    if reasons:
        conditions.append(table.reason.in_(reasons) | table.why_not.in_(reasons) | table.failure.in_(reasons))
    found = find.search(connection, find.DECISIONS, span, Wanted(matchers, identities), *conditions)
    query = select(
        *list(table)[1:], group_names.c.route, group_names.c.labels, group_names.c.group_key
    ).outerjoin(group_names, group_names.c.id == table.group_id)
    return _page(connection, query, table.id, found, lambda row: rows.to_decision(row[:16], *row[16:]))


def attempt_records(
    connection: Connection, span: Span, *, receiver: str | None = None
) -> Page[AttemptRecord]:
    """What was tried to be sent."""
    table = attempts.c
    conditions = [] if receiver is None else [table.receiver == receiver]
    found = find.scan(connection, table.id, table.started_at, span, *conditions)
    query = select(*list(table)[1:], group_names.c.route, group_names.c.labels).outerjoin(
        group_names, group_names.c.id == table.group_id
    )
    return _page(connection, query, table.id, found, lambda row: rows.to_attempt(row[:9], *row[9:]))


def attempts_of(
    connection: Connection, records: Collection[DecisionRecord]
) -> dict[DecisionKey, list[AttemptRecord]]:
    """The attempts that were made for these decisions, in order, by `decision_key`."""
    table = attempts.c
    wanted = {decision_key(each) for each in records if each.attempts}
    found: dict[DecisionKey, list[AttemptRecord]] = {}
    for since, until, groups in _stretches(records):
        query = (
            select(*list(table)[1:], group_names.c.route, group_names.c.labels)
            .outerjoin(group_names, group_names.c.id == table.group_id)
            .where(table.started_at >= since, table.started_at <= until, table.group_id.in_(groups))
            .order_by(table.started_at, table.id)
        )
        for row in connection.execute(query):
            record = rows.to_attempt(row[:9], *row[9:])
            key = (row[1], record.slot.receiver, record.slot.integration, record.tick)
            if key in wanted:
                found.setdefault(key, []).append(record)
    return found


#: The group, the receiver, the integration, the flush.
DecisionKey = tuple[int, str, str, int]


def decision_key(record: DecisionRecord) -> DecisionKey:
    """Which message of which flush this was."""
    slot = record.slot
    return (rows.group_id(slot.group), slot.receiver, slot.integration, record.tick)


def _stretches(records: Collection[DecisionRecord]) -> list[tuple[Moment, Moment, set[int]]]:
    """From when to when attempts for these may have been made, overlapping times joined, and for which groups."""
    found: list[tuple[Moment, Moment, set[int]]] = []
    for record in sorted(records, key=lambda each: each.tick):
        if not record.attempts:
            continue
        group = rows.group_id(record.slot.group)
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
    return _page(connection, select(*list(table)[1:]), table.id, found, rows.to_silence_change)


def reload_records(connection: Connection, span: Span) -> Page[Reload]:
    """Which configurations were in force."""
    table = reloads.c
    found = find.scan(connection, table.id, table.at, span)
    return _page(connection, select(*list(table)[1:]), table.id, found, Reload._make)


def action_records(connection: Connection, span: Span, *, author: str | None = None) -> Page[Action]:
    """What people did, silences included."""
    table = actions.c
    conditions = [] if author is None else [table.author == author]
    found = find.scan(connection, table.id, table.at, span, *conditions)
    return _page(connection, select(*list(table)[1:]), table.id, found, Action._make)


def _page(
    connection: Connection,
    query: Select[Any],
    number: Column[int],
    found: find.Found,
    make: Callable[[Sequence[Any]], _Line],
) -> Page[_Line]:
    numbers = [key.number for key in found.keys]
    row_by_number: dict[int, Sequence[Any]] = {}
    query = query.add_columns(number.label("page_number"))
    for begin in range(0, len(numbers), _ROWS_AT_ONCE):
        some = query.where(number.in_(numbers[begin : begin + _ROWS_AT_ONCE]))
        row_by_number |= {row[-1]: row[:-1] for row in connection.execute(some)}
    lines: list[_Line] = []
    for each in numbers:
        if (row := row_by_number.get(each)) is None:
            continue  # its time was over meanwhile
        try:
            lines.append(make(row))
        except ValueError as error:
            log.warning("a line of history was left out", extra={"number": each, "because": str(error)})
    return Page(lines, found.older)


_ROWS_AT_ONCE = 500
