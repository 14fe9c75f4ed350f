"""Walking the migrations and creating what the program describes give the same database."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from alertrouter.store import Store, StoreError, schema
from alertrouter.store.database import Database, locate
from alertrouter.store.tables import metadata
from tests.store.values import StillClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection


@contextlib.contextmanager
def walked_through(where: str) -> Iterator[tuple[Database, Connection]]:
    """An empty database in which all migrations were walked."""
    with contextlib.closing(Database(locate(where))) as database:
        with database.writer() as connection, connection.begin():
            schema.migrate(connection)
        with database.writer() as connection, connection.begin():
            yield database, connection


def test_migrations_lead_to_the_tables_as_described(where: str) -> None:
    with walked_through(where) as (_, connection):
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_migrations_and_create_all_give_the_same_sql(where: str) -> None:
    with walked_through(where) as (database, connection):
        walked = _described(database, connection)
        metadata.drop_all(connection)
        metadata.create_all(connection)
        assert _described(database, connection) == walked


def test_a_database_that_was_begun_without_migrations_is_at_the_newest(where: str) -> None:
    with (
        contextlib.closing(Store.open(where, StillClock())) as store,
        store.database.writer() as connection,
        connection.begin(),
    ):
        assert schema.version(connection) == schema.HEAD
        schema.migrate(connection)
        assert schema.version(connection) == schema.HEAD


def _described(database: Database, connection: Connection) -> list[tuple[object, ...]]:
    query = (
        "SELECT type, name, sql FROM sqlite_master WHERE name != 'alembic_version' AND tbl_name != 'alembic_version'"
        if database.is_sqlite
        else "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name != 'alembic_version' "
        "UNION SELECT tablename, indexname, indexdef, '', '' FROM pg_indexes "
        "WHERE schemaname = 'public' AND tablename != 'alembic_version'"
    )
    found = connection.execute(text(query))
    return sorted(tuple(" ".join(str(part).split()).replace(", ", ",") for part in row) for row in found)


def test_the_head_that_a_start_compares_with_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(schema.alembic_config()).get_current_head() == schema.HEAD


def test_a_second_start_changes_nothing(where: str) -> None:
    for _ in range(2):
        Store.open(where, StillClock()).close()


def test_a_database_of_a_newer_program_is_refused_and_left_alone(where: str) -> None:
    with (
        contextlib.closing(Store.open(where, StillClock())) as store,
        store.database.writer() as connection,
        connection.begin(),
    ):
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="schema 9999 of a newer alertrouter"):
        Store.open(where, StillClock())
