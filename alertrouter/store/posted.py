"""Requests that were acknowledged as they came, read again when a crash left them without rows of their alerts.

What a row says suffices: only requests that brought nothing but new alerts are kept in this way, so neither what was known
nor how reports are merged or refused matters for what became of them.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, exc, select

from alertrouter.core.time import EARLIEST, LATEST
from alertrouter.report import alert_of, read_report
from alertrouter.store import tables
from alertrouter.store.backlog import PostedBody, defer
from alertrouter.store.batch import Batch
from alertrouter.store.errors import UnstorableError
from alertrouter.store.rows.columns import BadRowError
from alertrouter.store.rows.posted import places_of
from alertrouter.store.statements import Statements
from alertrouter.wire import SchemaError, decode_alerts, read_moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from alertrouter.core.alert import Alert
    from alertrouter.store.database import Database

log = logging.getLogger(__name__)

_REQUESTS_AT_ONCE = 32


def recover(database: Database) -> int:
    """Write the rows of what was posted and had none yet; of how many alerts. To be called before the state is read.

    Each transaction writes some and deletes what it wrote them of, so it may be cut off and begun again anywhere. A
    request that cannot be read is told of in the log and left out. Raises StoreError.
    """
    with database.writer() as connection:
        if not _oldest(connection, 1):
            return 0
        connection.rollback()
        count = _recover(database, connection, Statements(database.writers.dialect))
    log.info(
        "alerts that were acknowledged just before the end are written",
        extra={"database": database.name, "alerts": count},
    )
    return count


def _recover(database: Database, connection: Connection, statements: Statements) -> int:
    count = 0
    at_most = _REQUESTS_AT_ONCE
    while True:
        with connection.begin():
            found = _oldest(connection, at_most)
        if not found:
            return count
        try:
            with connection.begin():
                count += _write(connection, statements, found)
        except (exc.SQLAlchemyError, ValueError, TypeError, OverflowError) as error:
            problem = database.problem(error)
            if isinstance(error, exc.SQLAlchemyError) and not isinstance(problem, UnstorableError):
                raise
            if at_most == 1:
                with connection.begin():
                    _give_up(connection, found[0], str(problem))
            at_most = 1


def read_posted(row: Sequence[Any]) -> list[Alert]:
    """The alerts that a row of ``posted`` stands for. Raises BadRowError."""
    _, at, resolve_timeout, lines, places, body = row
    try:
        posted = PostedBody(bytes(body), at, resolve_timeout, places_of(places))
        alerts = _alerts_of(posted)
    except (SchemaError, TypeError, IndexError, ValueError) as error:
        raise BadRowError(f"what was posted cannot be read: {error}") from None
    if len(alerts) != lines:
        raise BadRowError(f"what was posted has {len(alerts)} alerts instead of {lines}")
    return alerts


def _alerts_of(posted: PostedBody) -> list[Alert]:
    body, at, resolve_timeout, places = posted
    if not EARLIEST <= at + resolve_timeout <= LATEST:
        raise ValueError("the moment is none")
    raw = decode_alerts(body)
    alerts = []
    for each in [raw[place] for place in places] if places else raw:
        report = read_report(each, b"", b"", read_moment(each.startsAt), read_moment(each.endsAt))
        alerts.append(alert_of(report, at, resolve_timeout))
    return alerts


def _oldest(connection: Connection, at_most: int) -> list[Sequence[Any]]:
    query = select(tables.posted).order_by(tables.posted.c.id).limit(at_most)
    return list(connection.execute(query).fetchall())


def _write(connection: Connection, statements: Statements, found: Sequence[Sequence[Any]]) -> int:
    batch = Batch({}, iter(()))
    readable = []
    for row in found:
        try:
            readable.append(defer(row[0], row[1], read_posted(row), len(row[-1])))
        except BadRowError as error:
            _give_up(connection, row, str(error))
    batch.include(readable)
    seen_at = connection.execute(select(tables.meta.c.value).where(tables.meta.c.name == "seen_at")).scalar()
    # A request that is stored alone leaves no other word of when it came.
    batch.note("seen_at", max([seen_at or 0, *[row[1] for row in found]]))
    batch.write(connection, statements)
    return sum(len(each.labels) for each in readable)


def _give_up(connection: Connection, row: Sequence[Any], why: str) -> None:
    log.error(
        "a request that was acknowledged is lost: its alerts are known again when they are reported next",
        extra={"number": row[0], "at": row[1], "bytes": len(row[-1] or b""), "because": why},
    )
    connection.execute(delete(tables.posted).where(tables.posted.c.id == row[0]))
