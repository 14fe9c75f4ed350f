"""The record that a command reads."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alertrouter.cli.errors import Failure
from alertrouter.cli.flags import Kind, flag

if TYPE_CHECKING:
    from collections.abc import Iterator

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
def opened(options: RecordOptions) -> Iterator[Record]:
    """The record that is asked for. What is wrong with it ends the command."""
    from alertrouter.insight.file_record import FileRecord
    from alertrouter.insight.record import RecordError
    from alertrouter.insight.store_record import StoreRecord
    from alertrouter.store import StoreError
    from alertrouter.store.reading import reading
    from alertrouter.store.rows import BadRowError

    where = options.storage_url or options.storage_path
    if bool(where) == bool(options.input):
        raise Failure(
            "give --storage.path or --storage.url, the database with what happened, or --input, a file exported from one"
        )
    try:
        if options.input:
            with FileRecord(Path(options.input)) as record:
                yield record
            return
        with reading(where) as connection:
            yield StoreRecord(connection, where.partition("://")[2].rpartition("@")[2] or where)
    except (RecordError, StoreError, BadRowError, OSError) as error:
        raise Failure(str(error)) from None


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
