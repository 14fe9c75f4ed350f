"""The processor for what goes by the clock, before all else that wants it; where that may be asked for, as by root."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_FIRST = -15
# Processes of one session share what the scheduler gives it, and their own priorities count among themselves only.
_SESSION = Path("/proc/self/autogroup")


@contextlib.contextmanager
def first_in_line() -> Iterator[None]:
    """This process, and those that it starts meanwhile, come first; everything is as it was afterwards."""
    before, session = os.getpriority(os.PRIO_PROCESS, 0), _session()
    _ask(_FIRST, _FIRST if session is not None else None)
    try:
        yield
    finally:
        _ask(before, session)


def like_parent(priority: int) -> None:
    """Come as early as who started this process, which another one made."""
    _ask(priority, None)


def _session() -> int | None:
    try:
        return int(_SESSION.read_text(encoding="ascii").rpartition(" ")[2])
    except (OSError, ValueError):
        return None


def _ask(own: int, session: int | None) -> None:
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, own)
    if session is not None:
        with contextlib.suppress(OSError):
            _SESSION.write_text(str(session), encoding="ascii")
