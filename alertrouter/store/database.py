"""Where the store lies: opening it, keeping others out, and the few things the two databases do differently.

The differences: how a database is kept to one daemon, what a connection is told first, which errors mean what.
(``bulk.upsert`` and the row numbers in ``tables`` are the other two.)
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import sqlite3
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from sqlalchemy import URL, NullPool, create_engine, event, exc, make_url

from alertrouter.store.errors import DamagedError, StoreError, UnstorableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection

log = logging.getLogger(__name__)

_Bindable = TypeVar("_Bindable", bytes, None)

FILE_NAME = "alertrouter.db"

# How long a statement waits for a lock that another program holds, in seconds.
_PATIENCE = 5
_OLDEST_SQLITE = (3, 35)
# Any number, as long as it is always the same: "alertrtr".
_ADVISORY_LOCK = int.from_bytes(b"alertrtr")
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_LOCK_NOT_AVAILABLE = "55P03"


def locate(where: str | Path, environ: Mapping[str, str] | None = None) -> URL:
    """The address of a database: a URL (in which ``${NAME}`` is taken from the environment), a file, or a directory
    in which the file is ``alertrouter.db``. Raises StoreError.
    """
    if isinstance(where, str) and "://" in where:
        return _parse_url(where, os.environ if environ is None else environ)
    path = Path(where)
    if not (path.is_file() or path.suffix in {".db", ".sqlite", ".sqlite3"}):
        path /= FILE_NAME
    return URL.create("sqlite", database=str(path.absolute()))


def _parse_url(text: str, environ: Mapping[str, str]) -> URL:
    def value(found: re.Match[str]) -> str:
        name = found.group(1)
        if name not in environ:
            raise StoreError(
                f"the database URL names the environment variable {name}, which is not set: set it"
            )
        return environ[name]

    try:
        url = make_url(re.sub(r"\$\{([^}]*)\}", value, text))
    except (exc.ArgumentError, ValueError):
        raise StoreError(
            "the database URL cannot be read: it should look like postgresql://user@host:5432/name"
        ) from None
    if url.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername == "sqlite" and url.database and url.database != ":memory:":
        return URL.create("sqlite", database=str(Path(url.database).absolute()))
    raise StoreError(
        f"databases of the kind {url.drivername!r} are not supported: give a postgresql:// URL, or a directory for SQLite"
    )


class Database:
    """An open database that belongs to this process until it is closed; or not, when it is only to be read.

    ``name`` is for people: the file, or the URL without password and options.
    """

    def __init__(self, url: URL, *, only_reads: bool = False) -> None:
        self.is_sqlite = url.drivername == "sqlite"
        self.path = Path(url.database or "") if self.is_sqlite else None
        self.name = str(self.path or _shown(url))
        self._url = url
        self._lock: IO[str] | None = None
        self._lock_holder: Connection | None = None
        if self.path is not None:
            if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
                raise StoreError(
                    f"this Python comes with SQLite {sqlite3.sqlite_version}, but 3.35 is needed: use a newer Python"
                )
            self._lock = None if only_reads else _lock_file(self.path)
            self.writers = _sqlite(self.path, read_only=False)
            self.readers = _sqlite(self.path, read_only=True)
        else:
            self.writers = _postgresql(url)
            self.readers = self.writers.execution_options(postgresql_readonly=True)

    @contextmanager
    def writer(self) -> Iterator[Connection]:
        """A connection that may write. SQLite takes one at a time; it belongs to one thread."""
        with self.errors(), self.writers.connect() as connection:
            yield connection

    @contextmanager
    def reader(self) -> Iterator[Connection]:
        """A connection that cannot write, seeing the database as it was when its first query began."""
        with self.errors(), self.readers.connect() as connection:
            yield connection

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what the database complains of into StoreError."""
        try:
            yield
        except (exc.SQLAlchemyError, sqlite3.Error, OverflowError, UnicodeError) as error:
            raise self.problem(error) from error

    def problem(self, error: Exception) -> StoreError:
        """What went wrong, where, and what to do."""
        cause = getattr(error, "orig", None) or error
        if isinstance(error, (exc.DataError, exc.IntegrityError, OverflowError, UnicodeError)):
            return UnstorableError(f"{self.name} cannot hold what it was given: {_line(cause)}")
        if isinstance(cause, sqlite3.Error):
            return self._sqlite_problem(cause)
        state = getattr(cause, "sqlstate", None) or ""
        return StoreError(f"the database {self.name} failed: {_line(cause)}: {_advice(state)}")

    def _sqlite_problem(self, cause: sqlite3.Error) -> StoreError:
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_CORRUPT:
            return DamagedError(f"the database file {self.name} is damaged: {_line(cause)}")
        known = _SQLITE_PROBLEMS.get(code)
        if known is None:
            return StoreError(f"the database file {self.name} failed: {_line(cause)}")
        return StoreError(known.format(name=self.name, detail=_line(cause)))

    def return_memory(self, connection: Connection) -> None:
        """Give up the pages that SQLite keeps: eight megabytes once much was written or read."""
        if self.is_sqlite:
            # Past SQLAlchemy, which would begin a transaction.
            cursor = connection.connection.cursor()
            cursor.execute("PRAGMA shrink_memory")
            cursor.close()

    def keep_out_others(self, patience: int = 0) -> None:
        """Make sure that no other daemon writes to a PostgreSQL database. Raises StoreError when one does, and goes on
        doing so for ``patience`` seconds: the server notices only a while later that a process was killed.

        To be asked again after the connection may have been lost; a lost connection loses the lock.
        """
        if self.is_sqlite:
            return
        with self.errors():
            if self._lock_holder is not None:
                try:
                    self._lock_holder.exec_driver_sql("SELECT 1")
                except exc.SQLAlchemyError:
                    self._let_go()
                else:
                    return
            holder = self.writers.connect().execution_options(isolation_level="AUTOCOMMIT")
            if not _lock(holder, patience):
                holder.close()
                raise StoreError(
                    f"another alertrouter works on the database {self.name}: stop it, or give this one its own database"
                )
            self._lock_holder = holder

    def _let_go(self) -> None:
        if self._lock_holder is not None:
            self._lock_holder.invalidate()
            self._lock_holder.close()
            self._lock_holder = None

    def set_aside(self, moment: str) -> Path:
        """Move a damaged SQLite file out of the way, so that a new one can begin; where it is now."""
        assert self.path is not None
        self.writers.dispose()
        self.readers.dispose()
        aside = self.path.with_name(f"{self.path.name}.damaged-{moment}")
        for suffix in ("", "-wal", "-shm"):
            part = self.path.with_name(self.path.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        return aside

    def close(self) -> None:
        """Let go of the database."""
        if self._lock_holder is not None:
            # A server may notice late that a connection is gone, and who comes next may come at once.
            with suppress(exc.SQLAlchemyError):
                self._lock_holder.exec_driver_sql(f"SELECT pg_advisory_unlock({_ADVISORY_LOCK})")
        self._let_go()
        self.writers.dispose()
        self.readers.dispose()
        if self._lock is not None:
            self._lock.close()


_SQLITE_PROBLEMS = {
    sqlite3.SQLITE_FULL: "the disk of {name} is full, nothing more can be stored: free some space ({detail})",
    sqlite3.SQLITE_READONLY: "{name} may not be written to: give this user the right to write to it and its directory",
    sqlite3.SQLITE_BUSY: "another program has locked {name}: let it finish, or stop it",
    sqlite3.SQLITE_LOCKED: "another program has locked {name}: let it finish, or stop it",
    sqlite3.SQLITE_IOERR: "reading or writing {name} failed ({detail}): look after its disk",
    sqlite3.SQLITE_CANTOPEN: "{name} cannot be opened: see that its directory exists and this user may write there",
    sqlite3.SQLITE_NOTADB: "{name} is not a database of alertrouter: move it away, or give another --storage.path",
}


def _advice(state: str) -> str:
    if state == "25006":
        return "it only takes reads: connect to the primary server"
    if state == "42501":
        return "give its user the right to create and change tables there"
    if state.startswith("53"):
        return "give the database server more room"
    return "see that it runs, can be reached from here, and that it has this database and user"


def _line(error: object) -> str:
    """The first line of an error; drivers add statements and hints below."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _shown(url: URL) -> str:
    return URL.create(
        "postgresql", username=url.username, host=url.host, port=url.port, database=url.database
    ).render_as_string()


# SQLite


def _lock_file(path: Path) -> IO[str]:
    """Keep a second daemon from the same file. The system lets go of the lock when the process ends, however it ends."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f"{path.name}.lock").open("a+")
    except OSError as error:
        raise StoreError(
            f"the directory {path.parent} cannot be used for the database: {error.strerror}: create it, give this user the "
            f"right to write there, or give another --storage.path"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read(20).strip() or "unknown"
        lock.close()
        raise StoreError(
            f"another alertrouter (process {holder}) works on {path}: stop it, or give this one its own --storage.path"
        ) from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def _as_it_is(value: _Bindable) -> _Bindable:
    return value


# Python binds numbers and text at once, and asks around what to make of anything else unless it was told: 0.2 µs for each.
sqlite3.register_adapter(bool, int)
sqlite3.register_adapter(bytes, _as_it_is)
sqlite3.register_adapter(type(None), _as_it_is)


def _sqlite(path: Path, *, read_only: bool) -> Engine:
    def connect() -> sqlite3.Connection:
        # Percent signs and question marks have a meaning in SQLite's file addresses.
        address = f"file:{_escaped(path)}?mode={'ro' if read_only else 'rwc'}"
        return sqlite3.connect(
            address,
            uri=True,
            timeout=_PATIENCE,
            isolation_level=None,
            cached_statements=256,
            check_same_thread=False,
        )

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _: object) -> None:
        cursor = connection.cursor()
        for pragma in _READER_PRAGMAS if read_only else _WRITER_PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # Python's own transaction control begins too late; and a writer that began by reading could not wait for others.
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


# FULL: what was answered with 200 survives a power cut, not only the end of this process; measured, it costs 0.3 ms a
# commit. Pages of 8 KiB take a third less time to fill than those of 4. The WAL goes back into the file every 32 MiB.
# MEMORY: before a statement with many rows touches a page, SQLite copies it, in case that a later row cannot be stored.
_WRITER_PRAGMAS = (
    "page_size = 8192",
    "journal_mode = WAL",
    "synchronous = FULL",
    "wal_autocheckpoint = 4096",
    "journal_size_limit = 67108864",
    "cache_size = -8192",
    "temp_store = MEMORY",
)
_READER_PRAGMAS = ("query_only = ON", "cache_size = -8192")


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


# PostgreSQL


def _lock(holder: Connection, patience: int) -> bool:
    """Take the lock of the one daemon; False when another has it still after so many seconds."""
    if holder.exec_driver_sql(f"SELECT pg_try_advisory_lock({_ADVISORY_LOCK})").scalar():
        return True
    if not patience:
        return False
    log.info("waiting for another alertrouter to let go of the database", extra={"seconds": patience})
    holder.exec_driver_sql(f"SET lock_timeout = '{patience}s'")
    try:
        holder.exec_driver_sql(f"SELECT pg_advisory_lock({_ADVISORY_LOCK})")
    except exc.OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        return False
    holder.exec_driver_sql(f"SET lock_timeout = '{_PATIENCE}s'")
    return True


def _postgresql(url: URL) -> Engine:
    arguments: dict[str, Any] = {
        "connect_timeout": _PATIENCE,
        "application_name": "alertrouter",
        # A server that went away without a word must not hold up whoever waits for a commit.
        "tcp_user_timeout": 10_000,
        "keepalives_idle": 10,
        "options": f"-c lock_timeout={_PATIENCE}s",
    }
    for name in set(arguments) & set(url.query):
        del arguments[name]
    try:
        return create_engine(
            url, paramstyle="format", pool_size=4, pool_pre_ping=True, connect_args=arguments
        )
    except ImportError:
        raise StoreError(
            "the driver for PostgreSQL is missing: install it with: pip install 'alertrouter[postgresql]'"
        ) from None
