"""The statements that write what a batch has gathered, made once for a dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import literal_column

from alertrouter.core.time import DAY
from alertrouter.store import bulk, tables

if TYPE_CHECKING:
    from sqlalchemy import Dialect

_ROWS_IN_PLACE = (
    tables.alerts,
    tables.alert_ends,
    tables.groups,
    tables.notification_log,
    tables.intents,
    tables.silences,
    tables.rule_alerts,
    tables.rule_groups,
)

#: The tables that hold what is current.
STATE = (*_ROWS_IN_PLACE, tables.posted)


class Statements:
    """The statements a batch needs, in one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.put = {table: bulk.replacement(dialect, table) for table in (*_ROWS_IN_PLACE, tables.meta)}
        self.append = {
            table: bulk.insertion(dialect, table, with_number=True)
            for table in (
                tables.alert_transitions,
                tables.flushes,
                tables.renewals,
                tables.decisions,
                tables.attempts,
                tables.silence_versions,
                tables.reloads,
                tables.milestones,
                tables.actions,
            )
        }
        for table in (tables.history_chunks, tables.history_labels, tables.posted):
            self.append[table] = bulk.insertion(dialect, table)
        self.delete = {
            table: bulk.deletion(dialect, next(iter(table.primary_key))) for table in (*STATE, tables.meta)
        }
        names = bulk.upsert(dialect, tables.group_names)
        stored, fresh = tables.group_names.c, names.excluded
        self.name_groups = bulk.multiplied(
            dialect,
            names.on_conflict_do_update(
                index_elements=[stored.id],
                set_={"used_at": fresh.used_at, "group_key": fresh.group_key},
                # A name that is used all day is written once a day.
                where=(fresh.used_at > stored.used_at + literal_column(str(DAY)))
                | ((fresh.group_key != stored.group_key) & (fresh.group_key != literal_column("''"))),
            ),
        )
        past = bulk.upsert(dialect, tables.past_alerts)
        self.remember_labels = bulk.multiplied(
            dialect,
            past.on_conflict_do_update(
                index_elements=[tables.past_alerts.c.identity],
                set_={"collected_at": past.excluded.collected_at},
            ),
        )
