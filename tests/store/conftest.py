"""Both databases: SQLite always, PostgreSQL where a server is installed."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from alertrouter.store import Store
from tests.store import postgresql as pg
from tests.store.values import StillClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def postgresql() -> Iterator[pg.Server]:
    """A PostgreSQL server of our own."""
    with pg.server(pg.installed()) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database: a directory for SQLite, or a URL."""
    if request.param == "sqlite":
        yield str(tmp_path / "data")
        return
    server: pg.Server = request.getfixturevalue("postgresql")
    with server.database() as url:
        yield url


@pytest.fixture
def store(where: str) -> Iterator[Store]:
    """An open, empty store."""
    with contextlib.closing(Store.open(where, StillClock())) as opened:
        yield opened
