"""Writing many rows with few statements.

A statement with the values of hundreds of rows is one call into the database, in which Python's other threads run on.
With a call for each row (``executemany``) a busy event loop takes its turn after every single one: measured,
1,500 µs a row instead of 55. SQLAlchemy describes each statement for one row, once; here it is multiplied.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, insert
from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Column, Connection, Dialect, Table
    from sqlalchemy.sql.dml import Insert

    from alertrouter.store.rows import Row

# Few sizes, so that every statement is prepared once and found again.
_SIZES = (512, 64, 8, 1)

# The values of one row in an INSERT, up to where the statement ends or goes on.
_VALUES = re.compile(r"(?<=VALUES )(\(.+?\))(?= ON CONFLICT|$)", re.DOTALL)


class Bulk:
    """One statement, for any number of rows."""

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

    def _text(self, size: int) -> str:
        text = self._texts.get(size)
        if text is None:
            text = self._texts[size] = self._head + ", ".join([self._row] * size) + self._tail
        return text


def insertion(dialect: Dialect, table: Table) -> Bulk:
    """Append rows that hold every column but the number."""
    return multiplied(dialect, insert(table))


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
    return postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)


def deletion(dialect: Dialect, column: Column[int] | Column[str]) -> Bulk:
    """Delete the rows whose column has one of these values."""
    statement = delete(column.table).where(column == bindparam("key"))
    text = str(statement.compile(dialect=dialect))
    head, _, placeholder = text.rpartition(" = ")
    return Bulk(f"{head} IN (", placeholder, ")")


def multiplied(dialect: Dialect, statement: Insert) -> Bulk:
    """An INSERT of rows that hold every column its table does not number by itself."""
    table = statement.table
    names = [column.name for column in table.columns if column.autoincrement is not True]
    values: dict[str, object] = {name: bindparam(name) for name in names}
    compiled = statement.inline().values(values).compile(dialect=dialect)
    text = str(compiled)
    found = _VALUES.search(text)
    assert compiled.positiontup == names
    assert found is not None
    return Bulk(text[: found.start()], found.group(), text[found.end() :])
