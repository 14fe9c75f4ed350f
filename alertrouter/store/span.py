"""Which lines of history are asked for, and how they come: newest first, in pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from alertrouter.core.time import EARLIEST, LATEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.core.time import Moment

_Line = TypeVar("_Line")


class Cursor(NamedTuple):
    """Where a line stands: when it happened, and its number. The greater is the newer."""

    at: Moment
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From ``since`` to before ``until``; at most ``limit`` lines, those older than ``before`` when that is given."""

    since: Moment = EARLIEST
    until: Moment = LATEST
    before: Cursor | None = None
    limit: int = 100

    def holds(self, key: Cursor) -> bool:
        """Whether a line that stands there is asked for."""
        return self.since <= key.at < self.until and (self.before is None or key < self.before)


@dataclass(frozen=True, slots=True)
class Page(Generic[_Line]):
    """Some lines, newest first, and where the next page begins; None when there are no older ones.

    A page may hold fewer lines than asked for, even none, with more to come: a search looks at so much at a time.
    """

    lines: Sequence[_Line]
    older: Cursor | None
