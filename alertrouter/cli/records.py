"""The record that a command reads."""

from __future__ import annotations

import gc
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alertrouter.cli.errors import Failure
from alertrouter.cli.flags import Kind, flag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from alertrouter.cli.session import Session
    from alertrouter.core.routing import Routing
    from alertrouter.core.time import Moment
    from alertrouter.insight.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions:
    """Where the record is."""

    storage_path: str = flag(
        "storage.path",
        Kind.TEXT,
        "Read this database, be a daemon at work on it or not: its directory or file.",
    )
    storage_url: str = flag("storage.url", Kind.TEXT, "Read this database: postgresql://user@host/name.")
    input: str = flag("input", Kind.TEXT, "Read this file, which artool history export has written.")


@contextmanager
def opened(options: RecordOptions, session: Session, since: str = "") -> Iterator[Record]:
    """The record that is asked for; of a server's, what happened since then. What is wrong with it ends the command."""
    from alertrouter.insight.file_record import FileRecord
    from alertrouter.insight.record import RecordError
    from alertrouter.insight.store_record import StoreRecord
    from alertrouter.store import StoreError
    from alertrouter.store.reading import reading
    from alertrouter.store.rows.columns import BadRowError

    # Most of what is made stays: to look through it less often saves a sixth of the time.
    gc.set_threshold(50_000, 20, 100)
    where = options.storage_url or options.storage_path
    if (where and options.input) or not (where or options.input or session.options.url):
        raise Failure(
            "give one of --alertmanager.url for what a server remembers, --storage.path for what a database does, and "
            "--input for an exported file"
        )
    try:
        if not where and not options.input:
            with _of_server(session, since) as record:
                yield record
            return
        if options.input:
            with FileRecord(Path(options.input)) as record:
                yield record
            return
        with reading(where) as connection:
            tell_of_the_last(connection, session)
            yield StoreRecord(connection, where.partition("://")[2].rpartition("@")[2] or where)
    except (RecordError, StoreError, BadRowError, OSError) as error:
        raise Failure(str(error)) from None


@contextmanager
def _of_server(session: Session, since: str) -> Iterator[Record]:
    """What the server exports. It is replayed here, so that the server is not kept from its work."""
    from alertrouter.insight.file_record import FileRecord

    with tempfile.TemporaryDirectory(prefix="artool-") as folder:
        path = Path(folder) / "record.gz"
        with path.open("wb") as file:
            for piece in session.client.export(since):
                file.write(piece)
        with FileRecord(path) as record:
            record.name = session.options.url
            yield record


def tell_of_the_last(connection: Connection, session: Session) -> None:
    """Say so when a daemon was killed, or is at work, before its last new alerts came into the record."""
    from alertrouter.store.reading import not_yet_recorded

    if count := not_yet_recorded(connection):
        session.warn(
            f"Warning: {count} new {'alert is' if count == 1 else 'alerts are'} not in the record yet: alertrouter adds them "
            "when it is quiet, or when it is started again"
        )


def moment(name: str, text: str, session: Session, missing: Moment) -> Moment:
    """A moment that was typed, or so long ago."""
    from alertrouter.insight.past import read_moment

    try:
        return read_moment(f"--{name}", text, session.now(), missing)
    except ValueError as error:
        raise Failure(str(error)) from None


def routing_of(file: str, session: Session) -> Routing:
    """What a configuration file says; Failure with everything that is wrong with it."""
    from alertrouter.config import ConfigError, load

    try:
        return load(Path(file), mode=session.mode).routing
    except ConfigError as error:
        raise Failure("\n  ".join([f"{file} cannot be used:", *map(str, error.problems)])) from None


def check_reach(record: Record, since: Moment, session: Session) -> None:
    """Say so when the record does not reach back to this moment."""
    complete_from = record.complete_from
    if complete_from is not None and since < complete_from:
        session.warn(
            f"Warning: the record of {record.name} begins later than asked for: answers are exact from "
            f"{to_second(complete_from)} on"
        )


def to_second(moment: Moment) -> str:
    """A time for people."""
    from alertrouter.core.time import SECOND, format_rfc3339

    return format_rfc3339(moment // SECOND * SECOND)
