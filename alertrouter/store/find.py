"""Finding lines of history: by the labels of the alerts they are about, and by what stands in them, at a bounded cost.

The youngest lines have no index yet and are read; the others are found by way of their chunks (`chunk`). One search looks
at so much and no more; then the page ends early and says where to go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, bindparam, func, literal, or_, select, true

from alertrouter.store.chunk import Header, LabelIndex, Line, Places
from alertrouter.store.rows.alert import AlertReader
from alertrouter.store.rows.columns import label_pairs, signed, to_identities, unsigned
from alertrouter.store.rows.decision import muted_identities
from alertrouter.store.span import Cursor, Span
from alertrouter.store.tables import (
    alert_transitions,
    alerts,
    decisions,
    history_chunks,
    history_labels,
    past_alerts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from sqlalchemy import Column, ColumnElement, Connection

    from alertrouter.core.labels import Labels
    from alertrouter.store.chunk import Wanted

# One search looks at so many lines that its conditions may refuse.
_LINES_AT_MOST = 50_000
_LINES_AT_ONCE = 1_000
_CHUNKS_AT_ONCE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A table whose lines are about alerts. ``mentions`` are the columns that ``identities`` is made of."""

    name: str
    number: Column[int]
    at: Column[int]
    mentions: tuple[Column[Any], ...]
    identities: Callable[[Sequence[Any]], Sequence[int]]


def _of_decision(mentions: Sequence[Any]) -> Sequence[int]:
    firing, resolved, muted = mentions
    members = {*to_identities(firing), *to_identities(resolved), *muted_identities(muted)}
    return list(members)


TRANSITIONS = Source(
    name="transitions",
    number=alert_transitions.c.id,
    at=alert_transitions.c.at,
    mentions=(alert_transitions.c.identity,),
    identities=lambda mentions: (unsigned(mentions[0]),),
)
DECISIONS = Source(
    name="decisions",
    number=decisions.c.id,
    at=decisions.c.at,
    mentions=(decisions.c.firing, decisions.c.resolved, decisions.c.muted),
    identities=_of_decision,
)
SOURCES = (TRANSITIONS, DECISIONS)


class Found(NamedTuple):
    """The lines that were found, newest first, and where to go on; None when there are no more."""

    keys: Sequence[Cursor]
    older: Cursor | None


def scan(
    connection: Connection, number: Column[int], at: Column[int], span: Span, *conditions: ColumnElement[bool]
) -> Found:
    """The lines of a table for which these conditions hold."""
    asked = _in_span(number, at, span)
    order = (at.desc(), number.desc())
    horizon = None
    if conditions:
        beyond = select(at, number).where(asked).order_by(*order).offset(_LINES_AT_MOST).limit(1)
        if (row := connection.execute(beyond).first()) is not None:
            horizon = Cursor(*row)
            asked &= _newer_than(number, at, horizon)
    query = select(at, number).where(asked, *conditions).order_by(*order).limit(span.limit + 1)
    found = [Cursor(*row) for row in connection.execute(query)]
    return _page(found, span.limit, None if horizon is None else Cursor(horizon.at, horizon.number + 1))


def search(
    connection: Connection, source: Source, span: Span, wanted: Wanted, *conditions: ColumnElement[bool]
) -> Found:
    """The lines about wanted alerts for which these conditions hold."""
    if not wanted:
        return scan(connection, source.number, source.at, span, *conditions)
    return _Search(connection, source, span, wanted, conditions).run()


def labels_of(
    connection: Connection, identities: Collection[int], reader: AlertReader | None = None
) -> dict[int, Labels]:
    """The labels of alerts, current or past, by ``Labels.identity``; of those that are still remembered.

    A ``reader`` that is used more than once lets them share their texts.
    """
    reader = reader or AlertReader()
    return {
        identity: reader.labels(stored, signed(identity))
        for identity, stored in _stored_labels(connection, identities)
    }


def pairs_of(connection: Connection, identities: Collection[int]) -> dict[int, Mapping[str, str]]:
    """The same, bare and unchecked: for looking at thousands of them."""
    return {identity: label_pairs(stored) for identity, stored in _stored_labels(connection, identities)}


def _stored_labels(connection: Connection, identities: Collection[int]) -> Iterator[tuple[int, str]]:
    wanted = [signed(each) for each in identities]
    for begin in range(0, len(wanted), _LINES_AT_ONCE):
        some = wanted[begin : begin + _LINES_AT_ONCE]
        for table in (past_alerts, alerts):
            identity = table.c.identity
            # As one parameter: SQLAlchemy looks at each of a thousand otherwise.
            query = select(identity, table.c.labels).where(
                identity.in_(bindparam(None, some, identity.type, expanding=True))
            )
            for each, stored in connection.execute(query).fetchall():
                yield unsigned(each), stored


def unindexed(connection: Connection, source: Source) -> ColumnElement[bool]:
    """Which lines have no index yet."""
    last = connection.execute(
        select(func.max(history_chunks.c.last)).where(history_chunks.c.source == source.name)
    ).scalar()
    return true() if last is None else source.number > last


def lines(connection: Connection, source: Source, most: int) -> Iterator[Line]:
    """The oldest lines without an index, at most so many."""
    query = (
        select(source.number, source.at, *source.mentions)
        .where(unindexed(connection, source))
        .order_by(source.number)
        .limit(most)
    )
    for number, at, *mentions in connection.execute(query).fetchall():
        yield Line(number, at, source.identities(mentions))


class _Search:
    """One search: what was found so far, and how far it has looked."""

    def __init__(
        self,
        connection: Connection,
        source: Source,
        span: Span,
        wanted: Wanted,
        conditions: Sequence[ColumnElement[bool]],
    ) -> None:
        self._connection = connection
        self._source = source
        self._span = span
        self._wanted = wanted
        self._passes = and_(true(), *conditions)
        self._found: list[Cursor] = []
        self._looked_at = 0
        self._horizon: Cursor | None = None

    def run(self) -> Found:
        self._read_the_youngest()
        headers, at_once = self._headers(), 1
        while headers:
            some, headers = headers[:at_once], headers[at_once:]
            at_once = min(at_once * 4, _CHUNKS_AT_ONCE)
            indexes = self._label_indexes(some)
            for header in some:
                if self._ends_before(Cursor(header.newest, header.last)):
                    return _page(self._found, self._span.limit, self._horizon)
                self._look_into(header, indexes.get(header.first, {}))
        return _page(self._found, self._span.limit, self._horizon)

    def _ends_before(self, newest: Cursor) -> bool:
        """Whether lines as old as this one do not matter any more."""
        if self._horizon is not None and newest < self._horizon:
            return True
        self._found.sort(reverse=True)
        del self._found[self._span.limit + 1 :]
        return len(self._found) > self._span.limit and newest < self._found[-1]

    # Without an index

    def _read_the_youngest(self) -> None:
        source = self._source
        unread = unindexed(self._connection, source)
        if self._span.before is not None:
            unread &= source.at <= self._span.before.at
        wanted: dict[int, bool] = {}
        while True:
            query = (
                select(source.number, source.at, self._passes, *source.mentions)
                .where(unread)
                .order_by(source.number.desc())
                .limit(_LINES_AT_ONCE)
            )
            read = self._connection.execute(query).fetchall()
            self._choose(read, wanted)
            if len(read) < _LINES_AT_ONCE:
                return
            number, at = read[-1][:2]
            unread &= source.number < number
            self._looked_at += len(read)
            if self._looked_at >= _LINES_AT_MOST:
                self._horizon = Cursor(at, number)
                return
            newest = self._connection.execute(select(func.max(source.at)).where(unread)).scalar()
            if newest is None or self._ends_before(Cursor(newest, number)):
                return

    def _choose(self, read: Sequence[Sequence[Any]], wanted: dict[int, bool]) -> None:
        since, until, identities = self._span.since, self._span.until, self._source.identities
        asked = [(row, identities(row[3:])) for row in read if row[2] and since <= row[1] < until]
        unknown = {each for _, mentioned in asked for each in mentioned if each not in wanted}
        labels = pairs_of(self._connection, unknown)
        for each in unknown:
            wanted[each] = self._wanted.wants(each, labels.get(each, _NO_LABELS))
        for (number, at, *_), mentioned in asked:
            if any(wanted[each] for each in mentioned) and self._span.holds(Cursor(at, number)):
                self._found.append(Cursor(at, number))

    # By way of the index

    def _headers(self) -> list[Header]:
        """The chunks that may hold lines, those with the newest ones first."""
        table, span = history_chunks.c, self._span
        offsets = func.length(table.offsets)
        query = select(table.first, table.last, table.oldest, table.newest, table.in_order, offsets).where(
            table.source == self._source.name, table.newest >= span.since, table.oldest < span.until
        )
        if span.before is not None:
            query = query.where(table.oldest <= span.before.at)
        query = query.order_by(table.newest.desc(), table.first.desc())
        return [
            Header(
                source=self._source.name,
                first=first,
                last=last,
                oldest=oldest,
                newest=newest,
                in_order=bool(in_order),
                alerts=size // 4 - 1,
            )
            for first, last, oldest, newest, in_order, size in self._connection.execute(query)
        ]

    def _look_into(self, header: Header, indexes: Mapping[str, LabelIndex]) -> None:
        selected = self._wanted.alerts(indexes, header.alerts)
        if selected.is_empty:
            return
        table = history_chunks.c
        query = select(table.offsets, table.positions).where(
            table.source == header.source, table.first == header.first
        )
        places = Places(header.first, *self._connection.execute(query).one())
        numbers = places.numbers(selected.among(places.count))
        before = self._span.before
        if header.in_order and before is not None and header.first <= before.number <= header.last:
            numbers = [number for number in numbers if number < before.number]
        self._take(numbers, header)

    def _label_indexes(self, headers: Sequence[Header]) -> dict[int, dict[str, LabelIndex]]:
        """What is needed of these chunks, by their first lines and the names of labels."""
        table = history_labels.c
        here = (table.source == self._source.name, table.first.in_([header.first for header in headers]))
        with_values = self._wanted.names_with_values()
        plain = self._wanted.names() - with_values
        found: dict[int, dict[str, LabelIndex]] = {}
        for names, values in ((plain, literal("")), (with_values, table.label_values)):
            if not names:
                continue
            query = select(table.first, table.name, table.postings, values).where(
                *here, table.name.in_(names)
            )
            for first, *index in self._connection.execute(query):
                found.setdefault(first, {})[index[0]] = LabelIndex(*index[1:])
        return found

    def _take(self, numbers: Sequence[int], header: Header) -> None:
        """Of these lines of a chunk, the greatest number first, those that are asked for."""
        source, taken, size = self._source, 0, self._span.limit + 1
        while taken < len(numbers):
            some = numbers[taken : taken + size]
            taken += len(some)
            query = (
                select(source.at, source.number, self._passes)
                .where(source.number.in_(some))
                .order_by(source.number.desc())
            )
            read = self._connection.execute(query).fetchall()
            self._found += [
                Cursor(at, number)
                for at, number, passes in read
                if passes and self._span.holds(Cursor(at, number))
            ]
            self._looked_at += len(some)
            if header.in_order and read:
                last = Cursor(*read[-1][:2])
                if last.at < self._span.since or self._ends_before(last):
                    return
                if self._looked_at >= _LINES_AT_MOST:
                    self._horizon = last
                    return
            size = min(size * 4, _LINES_AT_ONCE)


_NO_LABELS: dict[str, str] = {}


def _in_span(number: Column[int], at: Column[int], span: Span) -> ColumnElement[bool]:
    asked = and_(at >= span.since, at < span.until)
    if span.before is not None:
        asked &= at <= span.before.at
        asked &= or_(at < span.before.at, number < span.before.number)
    return asked


def _newer_than(number: Column[int], at: Column[int], key: Cursor) -> ColumnElement[bool]:
    return and_(at >= key.at, or_(at > key.at, number > key.number))


def _page(found: list[Cursor], limit: int, horizon: Cursor | None) -> Found:
    """``horizon``: everything from there on was looked at, and nothing that is older."""
    found.sort(reverse=True)
    if horizon is not None:
        found = [key for key in found if key >= horizon]
    if len(found) > limit:
        return Found(found[:limit], found[limit - 1])
    return Found(found, horizon)
