"""What happened: transitions of alerts, decisions, attempts, what people did to silences. Newest first, in pages.

Queries block; call these from a thread, with a connection of ``Store.reader``. A line that cannot be read is left out.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from sqlalchemy import and_, func, or_, select

from alertrouter.core.time import EARLIEST, LATEST
from alertrouter.store import rows
from alertrouter.store.tables import (
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

    from sqlalchemy import Column, Connection, Select

    from alertrouter.core.labels import Labels
    from alertrouter.core.time import Moment
    from alertrouter.delivery.attempt import AttemptRecord
    from alertrouter.engine.changes import AlertTransition, DecisionRecord, SilenceChange
    from alertrouter.engine.slot import GroupId

log = logging.getLogger(__name__)

_Line = TypeVar("_Line")


class Cursor(NamedTuple):
    """Where a page ended."""

    at: Moment
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From ``since`` to before ``until``; at most ``limit`` lines, those older than ``before`` when that is given."""

    since: Moment = EARLIEST
    until: Moment = LATEST
    before: Cursor | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Page(Generic[_Line]):
    """Some lines, newest first, and where the next page begins; None when there are no older ones."""

    lines: Sequence[_Line]
    older: Cursor | None


class Reload(NamedTuple):
    """A configuration came into force; its text without secrets."""

    at: Moment
    config_hash: int
    config: str


def transitions(
    connection: Connection, span: Span, *, identities: Collection[int] | None = None
) -> Page[AlertTransition]:
    """What became of alerts: of all, or of those with these ``Labels.identity``.

    Each tells the annotations the alert had then. Its generator URL and offsets are not kept.
    """
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
    if identities is not None:
        query = query.where(table.identity.in_([rows.signed(each) for each in identities]))
    return _page(
        connection, query, table.at, table.id, span, lambda row: rows.to_transition(row[:6], row[6], row[7])
    )


def decision_records(
    connection: Connection, span: Span, *, receiver: str | None = None, group: GroupId | None = None
) -> Page[DecisionRecord]:
    """What flushes decided: all, or for one receiver or one group."""
    table = decisions.c
    query = select(
        *list(table)[1:], group_names.c.route, group_names.c.labels, group_names.c.group_key
    ).outerjoin(group_names, group_names.c.id == table.group_id)
    if receiver is not None:
        query = query.where(table.receiver == receiver)
    if group is not None:
        query = query.where(table.group_id == rows.group_id(group))
    return _page(
        connection, query, table.at, table.id, span, lambda row: rows.to_decision(row[:16], *row[16:])
    )


def attempt_records(
    connection: Connection, span: Span, *, receiver: str | None = None
) -> Page[AttemptRecord]:
    """What was tried to be sent."""
    table = attempts.c
    query = select(*list(table)[1:], group_names.c.route, group_names.c.labels).outerjoin(
        group_names, group_names.c.id == table.group_id
    )
    if receiver is not None:
        query = query.where(table.receiver == receiver)
    return _page(
        connection, query, table.started_at, table.id, span, lambda row: rows.to_attempt(row[:9], *row[9:])
    )


def silence_changes(
    connection: Connection, span: Span, *, silence_id: str | None = None
) -> Page[SilenceChange]:
    """What people did to silences."""
    table = silence_versions.c
    query = select(*list(table)[1:])
    if silence_id is not None:
        query = query.where(table.silence_id == silence_id)
    return _page(connection, query, table.at, table.id, span, rows.to_silence_change)


def reload_records(connection: Connection, span: Span) -> Page[Reload]:
    """Which configurations were in force."""
    table = reloads.c
    return _page(connection, select(*list(table)[1:]), table.at, table.id, span, Reload._make)


def labels_of(connection: Connection, identities: Collection[int]) -> dict[int, Labels]:
    """The labels of alerts, current or past, by ``Labels.identity``; of those that are still remembered."""
    reader = rows.AlertReader()
    wanted = [rows.signed(each) for each in identities]
    found: dict[int, Labels] = {}
    for begin in range(0, len(wanted), 1000):
        some = wanted[begin : begin + 1000]
        for table in (past_alerts, alerts):
            query = select(table.c.identity, table.c.labels).where(table.c.identity.in_(some))
            for identity, stored in connection.execute(query):
                found[rows.unsigned(identity)] = reader.labels(stored, identity)
    return found


def _page(
    connection: Connection,
    query: Select[Any],
    at: Column[int],
    number: Column[int],
    span: Span,
    make: Callable[[Sequence[Any]], _Line],
) -> Page[_Line]:
    query = query.add_columns(at.label("page_at"), number.label("page_number")).where(
        at >= span.since, at < span.until
    )
    if span.before is not None:
        query = query.where(
            at <= span.before.at,
            or_(at < span.before.at, and_(at == span.before.at, number < span.before.number)),
        )
    query = query.order_by(at.desc(), number.desc()).limit(span.limit + 1)
    found = connection.execute(query).fetchall()
    lines: list[_Line] = []
    for row in found[: span.limit]:
        try:
            lines.append(make(row[:-2]))
        except ValueError as error:
            log.warning("a line of history was left out", extra={"number": row[-1], "because": str(error)})
    more = len(found) > span.limit
    return Page(lines, Cursor(*found[span.limit - 1][-2:]) if more else None)
