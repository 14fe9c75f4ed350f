"""Filling a database from elsewhere while no daemon works on it: all at once or not at all."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

from alertrouter.engine.changes import Changes, SilenceChange
from alertrouter.store.batch import Batch
from alertrouter.store.database import Database, locate
from alertrouter.store.errors import StoreError
from alertrouter.store.load import last_number, load
from alertrouter.store.posted import recover
from alertrouter.store.schema import upgrade
from alertrouter.store.statements import Statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from alertrouter.core.silence import Silence
    from alertrouter.core.time import Moment
    from alertrouter.engine.changes import LogEntry, StoredState


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """How much was written; of what is missing the database has newer versions."""

    silences: int
    entries: int


class Adoption:
    """A database that takes over silences and log entries. ``state`` is what it holds already."""

    def __init__(self, database: Database, state: StoredState) -> None:
        self.name = database.name
        self.state = state
        self._database = database

    @property
    def is_used(self) -> bool:
        """Whether there are silences or log entries already."""
        return bool(self.state.silences or self.state.entries)

    def take(self, silences: Iterable[Silence], entries: Iterable[LogEntry], now: Moment) -> Adopted:
        """Write them in one transaction, but nothing over a newer version (`semantics.md` 6.11). Raises StoreError."""
        silence_by_id = {silence.id: silence for silence in self.state.silences}
        entry_by_slot = {entry.slot: entry for entry in self.state.entries}
        changes = Changes()
        for silence in silences:
            known = silence_by_id.get(silence.id)
            if known is None or known.updated_at < silence.updated_at:
                changes.silences.append(SilenceChange(at=now, action="imported", silence=silence))
        for entry in entries:
            before = entry_by_slot.get(entry.slot)
            if before is None:
                changes.entries.append(entry)
            elif before.sent_at < entry.sent_at:
                changes.entries.append(replace(entry, revision=before.revision + 1))
        batch = Batch({}, count(last_number(self._database) + 1))
        batch.add(changes, now)
        with self._database.writer() as connection, connection.begin():
            batch.write(connection, Statements(self._database.writers.dialect))
        return Adopted(silences=len(changes.silences), entries=len(changes.entries))


@contextmanager
def adoption(where: str | Path) -> Iterator[Adoption]:
    """Open or create a database for this block. StoreError when it cannot be used, or a daemon works on it."""
    database = Database(locate(where))
    try:
        database.keep_out_others()
        upgrade(database)
        recover(database)
        loaded = load(database)
        if loaded.damage:
            raise StoreError(
                f"{loaded.damage}: let alertrouter start on it once, so that what can be read is saved"
            )
        yield Adoption(database, loaded.state)
    finally:
        database.close()
