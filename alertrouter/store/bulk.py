"""Writing many rows with few statements.

A statement with hundreds of rows is one call into the database, in which Python's other threads run on. With a call for
each row (``executemany``) a busy event loop takes its turn after every single one: measured on SQLite, 1,500 µs a row
instead of 55. SQLAlchemy describes each statement for one row, once; here it is multiplied, for SQLite by repeating the
values, for PostgreSQL, where thousands of parameters are slow, by giving each column as an array.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import bindparam, delete, insert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Column, ColumnElement, Connection, Dialect, Table
    from sqlalchemy.dialects import postgresql, sqlite
    from sqlalchemy.sql.dml import Insert

    from alertrouter.store.rows.columns import Row

# Powers of two: any number of rows takes few statements, and every statement is prepared once and found again. Larger
# ones gain nothing and keep half a megabyte each.
_SIZES = (256, 128, 64, 32, 16, 8, 4, 2, 1)

# The values of one row in an INSERT, up to where the statement ends or goes on.
_VALUES = re.compile(r"(?<=VALUES )(\(.+?\))(?= ON CONFLICT|$)", re.DOTALL)


class Bulk(Protocol):
    """One statement, for any number of rows."""

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Execute for these rows, in order."""

    def run_alone(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Execute for these rows in a transaction of its own: all of them are stored, or none."""


class _Repeated:
    """The values of each row, one row after the other."""

    def __init__(self, head: str, row: str, tail: str) -> None:
        self._head = head
        self._row = row
        self._tail = tail
        self._texts: dict[int, str] = {}

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Execute for these rows, in order."""
        begin = 0
        for size in _SIZES:
            while len(rows) - begin >= size:
                part = rows[begin : begin + size]
                connection.exec_driver_sql(self._text(size), tuple(chain.from_iterable(part)))
                begin += size

    def run_alone(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Execute for these rows in a transaction of its own: one call from its beginning to its end."""
        text = self._head + ", ".join([self._row] * len(rows)) + self._tail
        driver = connection.connection.driver_connection
        assert driver is not None, "the connection is open"
        driver.execute(text, tuple(chain.from_iterable(rows))).close()

    def _text(self, size: int) -> str:
        text = self._texts.get(size)
        if text is None:
            text = self._texts[size] = self._head + ", ".join([self._row] * size) + self._tail
        return text


class _Arrays:
    """The values of each column, as an array."""

    def __init__(self, text: str) -> None:
        self._text = text

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Execute for these rows, in order."""
        connection.exec_driver_sql(self._text, tuple([list(column) for column in zip(*rows, strict=True)]))

    def run_alone(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Execute for these rows in a transaction of its own."""
        with connection.begin():
            self.run(connection, rows)


def insertion(dialect: Dialect, table: Table, *, with_number: bool = False) -> Bulk:
    """Append rows that hold every column, be it with or without the one the table could number by itself."""
    return multiplied(dialect, insert(table), with_number=with_number)


def replacement(dialect: Dialect, table: Table) -> Bulk:
    """Write rows over those with the same key."""
    statement = upsert(dialect, table)
    fresh = {
        column.name: statement.excluded[column.name] for column in table.columns if not column.primary_key
    }
    return multiplied(
        dialect, statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=fresh)
    )


def upsert(dialect: Dialect, table: Table) -> postgresql.Insert | sqlite.Insert:
    """The dialect's INSERT that can be told what to do about a row that is there already."""
    if dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # two megabytes that SQLite needs not

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


def deletion(dialect: Dialect, column: Column[Any]) -> Bulk:
    """Delete the rows whose column has one of these values."""
    text = str(delete(column.table).where(column == bindparam("key")).compile(dialect=dialect))
    head, _, placeholder = text.rpartition(" = ")
    if dialect.name == "postgresql":
        return _Arrays(f"{head} = ANY ({_array(dialect, column)})")
    return _Repeated(f"{head} IN (", placeholder, ")")


def multiplied(dialect: Dialect, statement: Insert, *, with_number: bool = False) -> Bulk:
    """An INSERT of rows that hold every column its table does not number by itself, or all of them."""
    table = statement.table
    columns = [column for column in table.columns if with_number or column.autoincrement is not True]
    values: dict[str, object] = {column.name: bindparam(column.name) for column in columns}
    compiled = statement.inline().values(values).compile(dialect=dialect)
    text = str(compiled)
    found = _VALUES.search(text)
    assert compiled.positiontup == list(values)
    assert found is not None
    head, tail = text[: found.start()], text[found.end() :]
    if dialect.name == "postgresql":
        arrays = ", ".join(_array(dialect, column) for column in columns)
        text = f"{head.removesuffix('VALUES ')}SELECT * FROM unnest({arrays}){tail}"  # noqa: S608  # SQLAlchemy wrote it
        return _Arrays(text)
    return _Repeated(head, found.group(), tail)


def _array(dialect: Dialect, column: ColumnElement[Any]) -> str:
    return f"%b::{column.type.compile(dialect)}[]"
