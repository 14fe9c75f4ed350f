"""Making the index of history, when there are enough lines without one. It is written by the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from alertrouter.store import find
from alertrouter.store.chunk import LINES, MENTIONS, Chunk, make

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from alertrouter.store.chunk import Line
    from alertrouter.store.find import Source


def next_chunk(connection: Connection, *, lines: int = LINES, mentions: int = MENTIONS) -> Chunk | None:
    """The index over the oldest lines that have none; None while they are too few. Takes a tenth of a second."""
    for source in find.SOURCES:
        if chunk := _next_of(connection, source, lines, mentions):
            return chunk
    return None


def _next_of(connection: Connection, source: Source, most_lines: int, most_mentions: int) -> Chunk | None:
    waiting = select(source.number).where(find.unindexed(connection, source)).limit(most_lines)
    count = connection.execute(select(func.count()).select_from(waiting.subquery())).scalar() or 0
    if count < most_lines:
        return None
    lines: list[Line] = []
    mentioned = 0
    for line in find.lines(connection, source, most_lines):
        lines.append(line)
        mentioned += len(line.identities)
        if mentioned >= most_mentions:
            break
    return make(source.name, lines, lambda identities: find.each_pairs(connection, identities))
