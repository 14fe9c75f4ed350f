"""Writing a part of the record to a file, from which it can be replayed elsewhere; reading it is `file_record`.

The file is gzip over JSON lines. The first is a header with the format's name and version. After it come the tables: an
object names one and its columns, then each of its rows is an array, bytes in base64. The last line counts the rows, so that
a file that was cut off is noticed. It holds no secret: neither does the record.
"""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import LargeBinary, func, select

from alertrouter import __version__
from alertrouter.insight.record import RecordError
from alertrouter.store import tables
from alertrouter.store.find import DECISIONS
from alertrouter.store.milestones import BEGINNINGS, RECONFIGURED
from alertrouter.store.rows.columns import signed, unsigned
from alertrouter.store.schema import HEAD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Column, ColumnElement, Connection, Table

    from alertrouter.core.time import Moment

FORMAT = "alertrouter record"
#: The newest version that this program reads, and the one it writes.
VERSION = 1

#: What is in a file, and in which order. What people did is not: it plays no part in a replay.
LINES = tuple(table for table in tables.NUMBERED if table is not tables.actions)
NAMES = (tables.past_alerts, tables.group_names)
TABLES = (tables.meta, *LINES, tables.alerts, tables.alert_ends, *NAMES)

_AT_ONCE = 2000
_encode = msgspec.json.Encoder().encode


def export(connection: Connection, since: Moment) -> Iterator[bytes]:
    """The bytes of a file with everything from the last checkpoint at or before this moment on.

    Raises RecordError when there is no checkpoint to begin with.
    """
    first = _first(connection, since)
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    count = 0
    for line in _lines(connection, first, since):
        count += line.startswith(b"[")
        if packed := packer.compress(line + b"\n"):
            yield packed
    yield packer.compress(_encode({"end": True, "rows": count}) + b"\n") + packer.flush()


def _first(connection: Connection, since: Moment) -> int:
    """The number of the checkpoint to begin with, or of the configuration that it needs."""
    table = tables.milestones.c
    is_beginning = table.kind.in_(BEGINNINGS)
    first = connection.execute(select(func.max(table.id)).where(is_beginning, table.at <= since)).scalar()
    if first is None:
        first = connection.execute(select(func.min(table.id)).where(is_beginning)).scalar()
    if first is None:
        raise RecordError(
            "the record holds no checkpoint to begin with: it was written by an alertrouter that did not record enough; "
            "the next start of the daemon makes one"
        )
    before = select(func.max(table.id)).where(table.kind == RECONFIGURED, table.id < first)
    configuration = connection.execute(before).scalar()
    return int(first if configuration is None else configuration)


def _lines(connection: Connection, first: int, since: Moment) -> Iterator[bytes]:
    header = {
        "format": FORMAT,
        "version": VERSION,
        "schema": HEAD,
        "writer": f"alertrouter {__version__}",
        "since": since,
    }
    yield _encode(header)
    meta = tables.meta.c
    yield from _table(connection, tables.meta, meta.name.in_(["seen_at", "stopped_at"]))
    mentioned: set[int] = set()
    groups: set[int] = set()
    for table in LINES:
        yield _heading(table)
        for row in _after(connection, table, first):
            _note(table, row, mentioned, groups)
            yield _row(table, row)
    yield from _table(connection, tables.alerts)
    yield from _table(connection, tables.alert_ends)
    for table, key, wanted in (
        (tables.past_alerts, tables.past_alerts.c.identity, map(signed, mentioned)),
        (tables.group_names, tables.group_names.c.id, groups),
    ):
        yield _heading(table)
        for some in _parts(wanted):
            for found in connection.execute(select(table).where(key.in_(some))):
                yield _row(table, found)


def _table(connection: Connection, table: Table, *which: ColumnElement[bool]) -> Iterator[bytes]:
    yield _heading(table)
    for row in connection.execute(select(table).where(*which)):
        yield _row(table, row)


def _after(connection: Connection, table: Table, first: int) -> Iterator[Any]:
    """The rows of a table of lines from this number on, and of all reloads the one before, in pages."""
    number = table.c.id
    position = first - 1
    while True:
        query = select(table).where(number > position).order_by(number).limit(_AT_ONCE)
        page = connection.execute(query).fetchall()
        if not page:
            return
        yield from page
        position = page[-1][0]


def _note(table: Table, row: Any, mentioned: set[int], groups: set[int]) -> None:
    """Remember which alerts and groups must be named."""
    if table is tables.alert_transitions:
        mentioned.add(unsigned(row.identity))
    elif table is tables.decisions:
        mentioned.update(DECISIONS.identities((row.firing, row.resolved, row.muted)))
    if "group_id" in table.c:
        groups.add(row.group_id)


def _heading(table: Table) -> bytes:
    return _encode({"table": str(table.name), "columns": [str(column.name) for column in table.columns]})


def _row(table: Table, row: Any) -> bytes:
    if binary := _binary(table):
        row = [
            base64.b64encode(value).decode() if place in binary and value is not None else value
            for place, value in enumerate(row)
        ]
    return _encode(list(row))


def _binary(table: Table) -> frozenset[int]:
    return _BINARY[table.name]


_BINARY = {
    table.name: frozenset(
        place for place, column in enumerate(table.columns) if isinstance(column.type, LargeBinary)
    )
    for table in TABLES
}


def unpacked(table: Table, row: list[Any]) -> tuple[Any, ...]:
    """The row of a table that an array of the file stands for. Raises ValueError or TypeError."""
    return tuple([_value(column, value) for column, value in zip(table.columns, row, strict=True)])


def _value(column: Column[Any], value: Any) -> Any:
    if value is None and column.nullable:
        return None
    if isinstance(column.type, LargeBinary):
        return base64.b64decode(value, validate=True)
    if not isinstance(value, column.type.python_type):
        raise TypeError(f"{column.name} cannot be {value!r}"[:200])
    return value


def _parts(numbers: Iterable[int]) -> Iterator[list[int]]:
    ordered = sorted(numbers)
    for begin in range(0, len(ordered), _AT_ONCE):
        yield ordered[begin : begin + _AT_ONCE]
