"""Bringing a database to the schema that this program knows."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sqlalchemy import Column, MetaData, String, Table, delete, insert, inspect, text

from alertrouter import assets
from alertrouter.store import tables
from alertrouter.store.errors import StoreError

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

    from alertrouter.store.database import Database

log = logging.getLogger(__name__)

#: The newest migration; a start at this schema need not load Alembic.
HEAD = "0005"


def upgrade(database: Database) -> None:
    """Create the tables, or change them as newer migrations say. Raises StoreError."""
    with database.writer() as connection, connection.begin():
        found = version(connection)
        if found == HEAD:
            # Whether it can be written should be known now, not at the first alert.
            connection.execute(delete(tables.meta).where(tables.meta.c.name == "tried_at"))
            return
        if found is None and not inspect(connection).get_table_names():
            # What the migrations would make of an empty database, at a tenth of the time: a test compares the two.
            tables.metadata.create_all(connection)
            _stamp(connection)
            return
        if found is not None and not _knows(alembic_config(), found):
            raise StoreError(
                f"{database.name} has the schema {found} of a newer alertrouter, this one knows {HEAD} at most: install "
                f"the newer version again, or go back to a copy of the database from before"
            )
        log.info("database schema changes", extra={"database": database.name, "from": found, "to": HEAD})
        migrate(connection)


def migrate(connection: Connection) -> None:
    """Walk the migrations that are missing."""
    from alembic import command

    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def alembic_config() -> Config:
    """Where Alembic finds the migrations."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(assets.folder("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def version(connection: Connection) -> str | None:
    """The schema of a database; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _stamp(connection: Connection) -> None:
    stamp = Table(
        "alembic_version", MetaData(), Column("version_num", String(32), primary_key=True, nullable=False)
    )
    stamp.create(connection)
    connection.execute(insert(stamp).values(version_num=HEAD))


def _knows(config: Config, version: str) -> bool:
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    try:
        return ScriptDirectory.from_config(config).get_revision(version) is not None
    except CommandError:
        return False
