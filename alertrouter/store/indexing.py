"""Making the index of history, when there are enough lines without one. It is written by the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from alertrouter.store import find
from alertrouter.store.chunk import LINES, MENTIONS, Chunk, make

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sqlalchemy import Connection

    from alertrouter.core.labels import Labels
    from alertrouter.store.chunk import Line
    from alertrouter.store.find import Source


def nobody(_: int) -> None:
    """Know no labels."""


def next_chunk(
    connection: Connection,
    known: Callable[[int], Labels | None] = nobody,
    *,
    lines: int = LINES,
    mentions: int = MENTIONS,
) -> Chunk | None:
    """The index over the oldest lines that have none; None while they are too few. Takes a twentieth of a second.

    ``known`` may tell the labels of an identity; those it does not are read.
    """

    def labels_of(identities: Collection[int]) -> dict[int, Mapping[str, str]]:
        found: dict[int, Mapping[str, str]] = {}
        unknown = []
        for identity in identities:
            labels = known(identity)
            if labels is None:
                unknown.append(identity)
            else:
                found[identity] = labels
        return found | find.pairs_of(connection, unknown) if unknown else found

    for source in find.SOURCES:
        if few := _lines_of(connection, source, lines, mentions):
            return make(source.name, few, labels_of)
    return None


def _lines_of(connection: Connection, source: Source, most_lines: int, most_mentions: int) -> list[Line]:
    """The lines that the next chunk is made of; none while they are too few."""
    waiting = select(source.number).where(find.unindexed(connection, source)).limit(most_lines)
    count = connection.execute(select(func.count()).select_from(waiting.subquery())).scalar() or 0
    if count < most_lines:
        return []
    lines: list[Line] = []
    mentioned = 0
    for line in find.lines(connection, source, most_lines):
        lines.append(line)
        mentioned += len(line.identities)
        if mentioned >= most_mentions:
            break
    return lines
