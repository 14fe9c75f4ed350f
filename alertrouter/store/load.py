"""Reading back what must be remembered. A row that cannot be read is left out and counted; a start never fails for it."""

from __future__ import annotations

import gc
import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import exc, func, select, text

from alertrouter.engine.changes import StoredState
from alertrouter.store import tables
from alertrouter.store.errors import DamagedError
from alertrouter.store.posted import read_posted
from alertrouter.store.rows.alert import AlertReader
from alertrouter.store.rows.group import to_group
from alertrouter.store.rows.notification_log import to_entry, to_intent
from alertrouter.store.rows.rule import to_rule_alert, to_rule_group
from alertrouter.store.rows.silence import to_silence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy import Connection, Table

    from alertrouter.core.alert import Alert
    from alertrouter.core.time import Moment
    from alertrouter.store.database import Database

log = logging.getLogger(__name__)

_Value = TypeVar("_Value")

_ROWS_AT_ONCE = 1000


@dataclass(slots=True)
class Loaded:
    """What was read. ``skipped`` counts rows that made no sense, by table; ``damage`` tells of an unreadable file.

    ``stopped_at`` is when the last run ended in order; None when it was cut off, so that the ends that its heartbeats
    moved last may be missing.
    """

    state: StoredState = field(default_factory=StoredState)
    skipped: Counter[str] = field(default_factory=Counter)
    damage: str = ""
    stopped_at: Moment | None = None


def load(database: Database) -> Loaded:
    """Everything that is current. Raises StoreError when the database cannot be read at all."""
    collects = gc.isenabled()
    # Half a million objects are made here, all to stay: looking through them again and again takes a sixth of the time.
    gc.disable()
    try:
        return _load(database)
    finally:
        if collects:
            gc.enable()


def _load(database: Database) -> Loaded:
    loaded = Loaded()
    with database.reader() as connection:
        reader = _Reader(database, connection, loaded)
        ends = {row[0]: row for row in reader.raw(tables.alert_ends)}
        alert_reader = AlertReader()

        def alert(row: Sequence[Any]) -> Alert:
            return alert_reader.alert(row, ends.get(row[0]))

        alerts = reader.values(tables.alerts, alert)
        # There are none but in a file so damaged that they could not be written as rows.
        posted = reader.values(tables.posted, read_posted)
        if posted:
            latest = {each.labels: each for each in alerts}
            latest.update((each.labels, each) for request in posted for each in request)
            alerts = list(latest.values())
        meta: dict[str, Moment] = {row[0]: row[1] for row in reader.raw(tables.meta)}
        loaded.state = StoredState(
            alerts=alerts,
            groups=reader.values(tables.groups, to_group),
            entries=reader.values(tables.notification_log, to_entry),
            silences=reader.values(tables.silences, to_silence),
            intents=dict(reader.values(tables.intents, to_intent)),
            rule_alerts=reader.values(tables.rule_alerts, lambda row: to_rule_alert(row, alert_reader)),
            rule_groups=reader.values(tables.rule_groups, to_rule_group),
            seen_at=meta.get("seen_at"),
        )
        loaded.stopped_at = meta.get("stopped_at")
    if loaded.skipped:
        log.error(
            "rows of the database make no sense and were left out",
            extra={"database": database.name, "rows": dict(loaded.skipped)},
        )
    return loaded


def last_number(database: Database) -> int:
    """The number of the newest line of history; 0 when there is none, or the file is damaged."""
    numbers = []
    with database.reader() as connection:
        for table in tables.NUMBERED:
            try:
                numbers.append(connection.execute(select(func.max(table.c.id))).scalar() or 0)
            except exc.DatabaseError as error:
                if not isinstance(database.problem(error), DamagedError):
                    raise
    return max(numbers, default=0)


class _Reader:
    def __init__(self, database: Database, connection: Connection, loaded: Loaded) -> None:
        self._database = database
        self._connection = connection
        self._loaded = loaded

    def values(self, table: Table, make: Callable[[Sequence[Any]], _Value]) -> list[_Value]:
        try:
            return self._made(table, self._rows(table), make)
        except exc.SQLAlchemyError as error:
            self._loaded.skipped.pop(table.name, None)
            return self._made(table, self._salvaged(table, error), make)

    def raw(self, table: Table) -> list[Sequence[Any]]:
        try:
            return list(self._rows(table))
        except exc.SQLAlchemyError as error:
            return self._salvaged(table, error)

    def _rows(self, table: Table) -> Iterator[Sequence[Any]]:
        """The rows, some at a time: all texts at once would take three times what becomes of them."""
        result = self._connection.execute(select(table))
        while some := result.fetchmany(_ROWS_AT_ONCE):
            yield from some

    def _made(
        self, table: Table, rows: Iterable[Sequence[Any]], make: Callable[[Sequence[Any]], _Value]
    ) -> list[_Value]:
        found = []
        for row in rows:
            try:
                found.append(make(row))
            except ValueError as error:
                self._loaded.skipped[table.name] += 1
                log.warning("row left out", extra={"table": table.name, "key": row[0], "because": str(error)})
        return found

    def _salvaged(self, table: Table, error: exc.SQLAlchemyError) -> list[Sequence[Any]]:
        """What can be read of a damaged table; raises the error when it has another cause."""
        problem = self._database.problem(error)
        if not isinstance(problem, DamagedError):
            raise error
        self._loaded.damage = str(problem)
        found = {row[0]: row for row in _salvage(self._connection, table)}
        log.error(
            "a table is damaged; what can be read of it is used",
            extra={"database": self._database.name, "table": table.name, "rows": len(found)},
        )
        return list(found.values())


def _salvage(connection: Connection, table: Table) -> Iterator[Sequence[Any]]:
    """The rows of a damaged SQLite table that can be reached from its beginning or from its end."""
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    for direction, further in (("ASC", ">"), ("DESC", "<")):
        last = None
        for size in (500, 1):
            # In large steps up to the damage, then row by row.
            while True:
                where = "" if last is None else f"WHERE rowid {further} {last}"
                query = f"SELECT {columns}, rowid FROM {table.name} {where} ORDER BY rowid {direction} LIMIT {size}"  # noqa: S608  # all names and numbers are ours
                try:
                    found = connection.execute(text(query)).fetchall()
                except exc.SQLAlchemyError:
                    break
                if not found:
                    break
                last = found[-1][-1]
                yield from (row[:-1] for row in found)
