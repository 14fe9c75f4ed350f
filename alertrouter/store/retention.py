"""Deleting history that is past its time or too much, a little at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, delete, func, select, text, tuple_

from alertrouter.core.time import DAY
from alertrouter.store import tables
from alertrouter.store.milestones import RECONFIGURED

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection

    from alertrouter.core.time import Moment


_CHUNKS_AT_ONCE = 10
_BYTES_OF_AN_INDEX_ENTRY = 30
_GROWING = (*tables.NUMBERED, tables.past_alerts, tables.history_chunks, tables.history_labels)


def delete_before(connection: Connection, before: Moment, at_most: int) -> int:
    """Delete about so many rows of history from before this moment; how many it were, 0 when none are left.

    What is current stays, and with it the last reload, the versions of silences that are still listed, and the labels
    of alerts and groups that younger history speaks of.
    """
    for key, due in _due(before):
        rows = select(key).where(due).limit(at_most)
        deleted = connection.execute(delete(key.table).where(key.in_(rows.scalar_subquery())))
        if deleted.rowcount:
            return deleted.rowcount
    return _delete_chunks(connection, before)


def _delete_chunks(connection: Connection, before: Moment) -> int:
    """Delete the index over lines that are gone; how many rows it were."""
    chunks, labels = tables.history_chunks.c, tables.history_labels.c
    query = select(chunks.source, chunks.first).where(chunks.newest < before).limit(_CHUNKS_AT_ONCE)
    gone = [tuple(row) for row in connection.execute(query)]
    if not gone:
        return 0
    deleted = connection.execute(
        delete(labels.first.table).where(tuple_(labels.source, labels.first).in_(gone))
    )
    connection.execute(delete(chunks.first.table).where(tuple_(chunks.source, chunks.first).in_(gone)))
    return deleted.rowcount + len(gone)


def size(connection: Connection) -> int:
    """How many bytes the database takes: without what is free in its file, on PostgreSQL estimated."""
    if connection.dialect.name == "sqlite":
        used, free, page = [
            connection.execute(text(f"PRAGMA {name}")).scalar() or 0
            for name in ("page_count", "freelist_count", "page_size")
        ]
        return int((used - free) * page)
    # Files do not shrink there, new lines fill the room that old ones leave: lines are counted and weighed instead.
    return sum(_weight(connection, table.name, len(table.indexes) + 1) for table in _GROWING)


def _weight(connection: Connection, table: str, indexes: int) -> int:
    rows = text(
        "SELECT CAST(coalesce(sum(n_live_tup), 0) AS bigint) FROM pg_stat_user_tables WHERE relid = CAST(:name AS regclass)"
    )
    sample = f"(SELECT * FROM {table} LIMIT 1000) AS sample"  # noqa: S608  # the name is ours
    weighed = text(f"SELECT coalesce(avg(pg_column_size(sample.*)), 0) FROM {sample}")  # noqa: S608
    count = connection.execute(rows, {"name": table}).scalar() or 0
    average = connection.execute(weighed).scalar() or 0
    return int(count * (float(average) + indexes * _BYTES_OF_AN_INDEX_ENTRY))


def oldest(connection: Connection) -> Moment | None:
    """When the oldest line of what grows most happened; None when there is none."""
    found = [
        connection.execute(select(func.min(column))).scalar()
        for column in (tables.alert_transitions.c.at, tables.decisions.c.at, tables.attempts.c.started_at)
    ]
    return min((moment for moment in found if moment is not None), default=None)


def _due(before: Moment) -> list[tuple[Column[int], ColumnElement[bool]]]:
    transitions, decisions, attempts = tables.alert_transitions.c, tables.decisions.c, tables.attempts.c
    versions, reloads = tables.silence_versions.c, tables.reloads.c
    past, names = tables.past_alerts.c, tables.group_names.c
    flushes, renewals, milestones = tables.flushes.c, tables.renewals.c, tables.milestones.c
    in_force = select(func.max(milestones.id)).where(milestones.kind == RECONFIGURED, milestones.at < before)
    outdated = (milestones.kind != RECONFIGURED) | (milestones.id < in_force.scalar_subquery())
    return [
        # Before what followed them, or a replay would begin there and miss it.
        (milestones.id, (milestones.at < before) & outdated),
        (flushes.id, flushes.at < before),
        (renewals.id, renewals.at < before),
        (transitions.id, transitions.at < before),
        (decisions.id, decisions.at < before),
        (attempts.id, attempts.started_at < before),
        (versions.id, (versions.at < before) & versions.silence_id.not_in(select(tables.silences.c.id))),
        (tables.actions.c.id, tables.actions.c.at < before),
        (reloads.id, (reloads.at < before) & (reloads.id < select(func.max(reloads.id)).scalar_subquery())),
        (past.identity, past.collected_at < before),
        # Names are marked as used once a day only.
        (names.id, names.used_at < before - DAY),
    ]
