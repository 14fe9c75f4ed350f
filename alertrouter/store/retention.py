"""Deleting history that is past its time, a little at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, delete, func, select

from alertrouter.core.time import DAY
from alertrouter.store import tables

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection

    from alertrouter.core.time import Moment


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
    return 0


def _due(before: Moment) -> list[tuple[Column[int], ColumnElement[bool]]]:
    transitions, decisions, attempts = tables.alert_transitions.c, tables.decisions.c, tables.attempts.c
    versions, reloads = tables.silence_versions.c, tables.reloads.c
    past, names = tables.past_alerts.c, tables.group_names.c
    return [
        (transitions.id, transitions.at < before),
        (decisions.id, decisions.at < before),
        (attempts.id, attempts.started_at < before),
        (versions.id, (versions.at < before) & versions.silence_id.not_in(select(tables.silences.c.id))),
        (reloads.id, (reloads.at < before) & (reloads.id < select(func.max(reloads.id)).scalar_subquery())),
        (past.identity, past.collected_at < before),
        # Names are marked as used once a day only.
        (names.id, names.used_at < before - DAY),
    ]
