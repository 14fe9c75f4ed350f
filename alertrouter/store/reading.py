"""Reading a database on which a daemon may be working."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import select

from alertrouter.store import tables
from alertrouter.store.database import Database, locate
from alertrouter.store.errors import StoreError
from alertrouter.store.schema import HEAD, version

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection


@contextmanager
def reading(where: str | Path) -> Iterator[Connection]:
    """A connection for ``history`` to the database at this directory, file or URL. Raises StoreError."""
    url = locate(where)
    database = Database(url, only_reads=True)
    if database.path is not None and not database.path.is_file():
        raise StoreError(
            f"there is no database {database.name}: give the directory that alertrouter has as --storage.path"
        )
    with closing(database), database.reader() as connection:
        found = version(connection)
        if found != HEAD:
            raise StoreError(
                f"{database.name} has the schema {found}, this program reads {HEAD}: use the artool of the alertrouter that "
                f"works on it"
            )
        yield connection


def not_yet_recorded(connection: Connection) -> int:
    """How many new alerts were acknowledged and have no line in the history yet: see ``posted``."""
    return sum(connection.execute(select(tables.posted.c.lines)).scalars())
