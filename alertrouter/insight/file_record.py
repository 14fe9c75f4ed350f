"""A record out of a file that `export` has written."""

from __future__ import annotations

import gzip
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec
from sqlalchemy import URL, NullPool, create_engine, exc, insert

from alertrouter.insight.export import FORMAT, TABLES, VERSION, unpacked
from alertrouter.insight.record import RecordError
from alertrouter.insight.store_record import StoreRecord
from alertrouter.store import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Table

_AT_ONCE = 2000
# Longer than any line that was ever written: a checkpoint of a hundred thousand alerts is a tenth of it.
_LONGEST_LINE = 512 << 20
_TABLES = {table.name: table for table in TABLES}
_decode = msgspec.json.Decoder().decode


class FileRecord(StoreRecord):
    """The record in a file; see ``Record``. Raises RecordError for a file that is damaged, cut off or newer.

    It is unpacked into a database of its own, in the system's folder for what is temporary, so that its size does not
    matter; ``close`` removes that.
    """

    def __init__(self, path: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="alertrouter-record-", ignore_cleanup_errors=True)
        database = str(Path(self._folder.name) / "record.db")
        self._engine = create_engine(URL.create("sqlite", database=database), poolclass=NullPool)
        try:
            with self._engine.begin() as connection:
                connection.exec_driver_sql("PRAGMA synchronous = OFF")
                tables.metadata.create_all(connection, tables=[*TABLES, tables.actions])
                _Reader(path, connection).read()
            super().__init__(self._engine.connect(), str(path))
        except BaseException:
            self._engine.dispose()
            self._folder.cleanup()
            raise

    def close(self) -> None:
        """Remove what was unpacked."""
        self._connection.close()
        self._engine.dispose()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Reader:
    def __init__(self, path: Path, connection: Connection) -> None:
        self._path = path
        self._connection = connection
        self._line = 0
        self._rows = 0
        self._ended = False
        self._waiting: list[dict[str, Any]] = []
        self._table: Table | None = None
        self._columns: list[str] = []

    def read(self) -> None:
        lines = self._lines()
        self._read_header(next(lines, None))
        for line in lines:
            if self._ended:
                raise self._damaged("there is something after its end")
            if isinstance(line, list):
                self._read_row(line)
            elif isinstance(line, dict):
                self._write()
                self._read_heading(line)
            else:
                raise self._damaged("this line is neither a row nor a heading")
        if not self._ended:
            raise RecordError(f"{self._path} was cut off after {self._rows} rows: export it again")

    def _lines(self) -> Iterator[Any]:
        try:
            with gzip.open(self._path, "rb") as file:
                while line := file.readline(_LONGEST_LINE):
                    self._line += 1
                    yield _decode(line)
        except (EOFError, zlib.error) as error:
            raise RecordError(
                f"{self._path} is damaged or was cut off in line {self._line}: {error}: export it again"
            ) from None
        except gzip.BadGzipFile:
            raise (self._damaged("its checksum is wrong") if self._line else self._foreign()) from None
        except OSError as error:
            raise RecordError(f"{self._path} cannot be read: {error.strerror or error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise (self._damaged(f"it is no JSON: {error}") if self._line > 1 else self._foreign()) from None

    def _foreign(self) -> RecordError:
        return RecordError(
            f"{self._path} is no exported record: give a file that artool history export has written"
        )

    def _damaged(self, what: str) -> RecordError:
        return RecordError(f"{self._path} is damaged in line {self._line}: {what}: export it again")

    def _read_header(self, header: Any) -> None:
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise self._foreign()
        version = header.get("version")
        if not isinstance(version, int):
            raise self._damaged("it does not say of which version it is")
        if version > VERSION:
            raise RecordError(
                f"{self._path} has version {version} of the format and was written by {header.get('writer')}; this program "
                f"reads version {VERSION} at most: use that artool, or a newer one"
            )

    def _read_heading(self, heading: dict[str, Any]) -> None:
        if heading.get("end"):
            if heading.get("rows") != self._rows:
                raise self._damaged(f"it should have {heading.get('rows')} rows but has {self._rows}")
            self._ended = True
            return
        name, columns = heading.get("table"), heading.get("columns")
        table = _TABLES.get(name) if isinstance(name, str) else None
        if table is None or not isinstance(columns, list) or columns != [c.name for c in table.columns]:
            raise self._damaged(f"this program knows no table {name} with these columns")
        self._table = table
        self._columns = columns

    def _read_row(self, row: list[Any]) -> None:
        if self._table is None or len(row) != len(self._columns):
            raise self._damaged("this row does not fit its table")
        try:
            self._waiting.append(dict(zip(self._columns, unpacked(self._table, row), strict=True)))
        except (ValueError, TypeError) as error:
            raise self._damaged(str(error)) from None
        self._rows += 1
        if len(self._waiting) >= _AT_ONCE:
            self._write()

    def _write(self) -> None:
        if self._table is None or not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        try:
            self._connection.execute(insert(self._table), waiting)
        except (exc.SQLAlchemyError, ValueError, OverflowError) as error:
            text = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise self._damaged(f"rows of {self._table.name} make no sense: {text}") from None
