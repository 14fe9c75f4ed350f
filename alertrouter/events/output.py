"""Outputs that are written to where the recorder's thread stands: a file, and standard output."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


_STDOUT = 1


class Output(Protocol):
    """Where events go. Used by one thread alone, apart from ``name``."""

    @property
    def name(self) -> str:
        """The ``output`` label of the metrics; without secrets."""

    @property
    def overhead(self) -> int:
        """How many bytes each event takes besides its own."""

    def write(self, lines: Sequence[bytes]) -> tuple[int, OSError | None]:
        """Take these events, each a JSON object; how many were taken, and what stopped the others."""

    def close(self) -> None:
        """Take no more."""


class FileOutput:
    """Appends a line for each event to a file, which is made when it is missing.

    A file that was moved away or removed is made anew with the next event. OSError when it cannot be opened at first.
    """

    overhead = 1

    def __init__(self, path: str) -> None:
        self.name = f"file:{path}"
        self._path = path
        self._file: int | None = _open(path)
        # A disk that was full may have taken half a line.
        self._mid_line = False

    def write(self, lines: Sequence[bytes]) -> tuple[int, OSError | None]:
        """Append a line for each of these."""
        try:
            file = self._current()
        except OSError as error:
            return 0, error
        written, self._mid_line, problem = _write(file, lines, mid_line=self._mid_line)
        return written, problem

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _current(self) -> int:
        """The open file, opened again if another, or none, is there now."""
        if self._file is not None:
            ours = os.fstat(self._file)
            try:
                there = os.stat(self._path)  # noqa: PTH116 - on every write: half the cost of Path.stat
            except FileNotFoundError:
                there = None
            if there is not None and (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino):
                return self._file
            self.close()
        self._file = _open(self._path)
        self._mid_line = False
        return self._file


class StdoutOutput:
    """Writes a line for each event to standard output."""

    name = "stdout"
    overhead = 1

    def __init__(self) -> None:
        self._mid_line = False

    def write(self, lines: Sequence[bytes]) -> tuple[int, OSError | None]:
        """Write a line for each of these."""
        written, self._mid_line, error = _write(_STDOUT, lines, mid_line=self._mid_line)
        return written, error

    def close(self) -> None:
        """Standard output is the process's."""


def _open(path: str) -> int:
    flags = os.O_APPEND | os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC
    # A pipe that nobody reads must not stop us here; from then on writing may wait.
    file = os.open(path, flags | os.O_NONBLOCK, 0o644)
    os.set_blocking(file, True)
    return file


def _write(file: int, lines: Sequence[bytes], *, mid_line: bool) -> tuple[int, bool, OSError | None]:
    """Write lines; how many were written whole, whether half a line stands at the end, and what went wrong."""
    begin = b"\n" if mid_line else b""
    content = begin + b"".join([line + b"\n" for line in lines])
    done = 0
    try:
        while done < len(content):
            done += os.write(file, content[done:])
    except OSError as error:
        if not done:
            return 0, mid_line, error
        whole = content[:done].count(b"\n") - len(begin)
        return whole, content[done - 1 : done] != b"\n", error
    return len(lines), False, None
