"""The store: a database, opened and brought to the present schema."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from alertrouter.core.time import SECOND
from alertrouter.engine.changes import StoredState
from alertrouter.store.database import Database, locate
from alertrouter.store.errors import DamagedError
from alertrouter.store.load import Loaded, last_number, load
from alertrouter.store.posted import recover
from alertrouter.store.schema import upgrade

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sqlalchemy import Connection

    from alertrouter.clock import Clock

log = logging.getLogger(__name__)

# How long a start waits for the process before it to be gone, in seconds.
_PATIENCE = 5


class Store:
    """Where everything is remembered. Reading is done here and in ``history``, all writing by the journal.

    ``last_number`` is that of the newest line of history when the store was opened.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.damage = ""
        self.last_number = 0
        self.loaded = Loaded()
        self._clock = clock

    @classmethod
    def open(cls, where: str | Path, clock: Clock) -> Store:
        """Open or create the database at this directory, file or URL, for this process alone.

        Raises StoreError: the text says what is wrong, with which database, and what to do.
        """
        store = cls(Database(locate(where)), clock)
        try:
            store.database.keep_out_others(_PATIENCE)
            try:
                upgrade(store.database)
            except DamagedError as error:
                # Better to begin with nothing than to be no pager at all.
                store.damage = str(error)
                store.begin_anew()
            try:
                recover(store.database)
            except DamagedError as error:
                # What can be read is loaded all the same, and written into a new file.
                store.damage = str(error)
            store.last_number = last_number(store.database)
        except BaseException:
            store.close()
            raise
        return store

    @property
    def name(self) -> str:
        """The database, for people; without a password."""
        return self.database.name

    def load(self) -> StoredState:
        """What must be remembered. More about it, such as what could not be read, is in ``loaded``."""
        self.loaded = load(self.database)
        self.damage = self.damage or self.loaded.damage
        # Who asked makes something else of it, and nobody needs it twice in memory.
        state, self.loaded.state = self.loaded.state, StoredState()
        return state

    @property
    def stopped_in_order(self) -> bool:
        """Whether the run before this one ended with everything written. Known after ``load``."""
        return self.loaded.stopped_at is not None

    def reader(self) -> AbstractContextManager[Connection]:
        """A connection for ``history``. Queries block: call them from a thread."""
        return self.database.reader()

    def begin_anew(self) -> None:
        """Move a damaged file out of the way and create an empty database in its place."""
        aside = self.database.set_aside(str(self._clock.now() // SECOND))
        log.error(
            "the database file is damaged: it was set aside and a new one begun",
            extra={"database": self.name, "aside": str(aside), "because": self.damage},
        )
        self.damage = ""
        upgrade(self.database)

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()
