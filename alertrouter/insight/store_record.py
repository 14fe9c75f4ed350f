"""The record as a database holds it. Read in pages, so that its size does not matter and a daemon is not held up."""

from __future__ import annotations

import heapq
from array import array
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import func, select

from alertrouter.core.labels import Labels
from alertrouter.core.time import EARLIEST, LATEST
from alertrouter.engine.changes import FlushRecord, RenewalRecord, Transition
from alertrouter.engine.milestones import Reconfigured, Started
from alertrouter.engine.slot import GroupId, Slot
from alertrouter.insight.record import RecordError, lapses_before, moment_of, with_lapses
from alertrouter.store import rows, tables
from alertrouter.store.find import labels_of
from alertrouter.store.milestones import BEGINNINGS, RECONFIGURED, STARTED, to_milestone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy import Connection, Table

    from alertrouter.core.routing import Routing
    from alertrouter.core.time import Moment
    from alertrouter.insight.record import Event

_Line = TypeVar("_Line")

_PAGE = 5000
# So many label sets are kept while the record is read, and as many names of groups.
_MOST_NAMES = 200_000


class StoreRecord:
    """A database that may be written to meanwhile: what comes later is not seen. See ``Record``."""

    def __init__(self, connection: Connection, name: str) -> None:
        self.name = name
        self._connection = connection
        self._labels: dict[int, Labels] = {}
        self._groups: dict[int, GroupId] = {}
        self._keys: dict[int, str] = {}

    @property
    def complete_from(self) -> Moment | None:
        """When the oldest checkpoint was."""
        found = self._connection.execute(select(func.min(_at)).where(_IS_BEGINNING)).scalar()
        return None if found is None else int(found)

    @property
    def complete_until(self) -> Moment:
        """When it was last noted that everything is written."""
        meta = tables.meta.c
        found = self._connection.execute(select(meta.value).where(meta.name == "seen_at")).scalar()
        return EARLIEST if found is None else int(found)

    def configuration_at(self, moment: Moment) -> Routing | None:
        """The routing in force at this moment."""
        table = tables.milestones.c
        query = (
            select(*list(table)[1:])
            .where(table.kind == RECONFIGURED, table.at <= moment)
            .order_by(table.id.desc())
            .limit(1)
        )
        row = self._connection.execute(query).first()
        if row is None:
            return None
        milestone = to_milestone(row)
        assert isinstance(milestone, Reconfigured)
        return milestone.routing

    def events(self, since: Moment, until: Moment) -> Iterator[Event]:
        """What happened, from the last checkpoint at or before ``since``."""
        first = self._first(since)
        last = max(self._last(table) for table in tables.NUMBERED)
        table = tables.milestones.c
        query = select(*list(table)[1:]).where(table.kind == RECONFIGURED, table.id < first)
        row = self._connection.execute(query.order_by(table.id.desc()).limit(1)).first()
        if row is None:
            raise RecordError(
                f"{self.name} tells of no configuration from before its first checkpoint: it is damaged"
            )
        yield to_milestone(row)
        written = (event for event in self._written(first, last) if moment_of(event) < until)
        yield from with_lapses(written, self._lapses(first), min(until, self.complete_until + 1))

    def _first(self, since: Moment) -> int:
        """The number of the checkpoint to begin with."""
        query = select(func.max(_number)).where(_IS_BEGINNING, _at <= since)
        found = self._connection.execute(query).scalar()
        if found is None:
            found = self._connection.execute(select(func.min(_number)).where(_IS_BEGINNING)).scalar()
        if found is None:
            raise RecordError(
                f"{self.name} holds no checkpoint to begin with: it was written by an alertrouter that did not record "
                "enough; the next start of the daemon makes one"
            )
        return int(found)

    def _last(self, table: Table) -> int:
        return self._connection.execute(select(func.max(table.c.id))).scalar() or 0

    def _written(self, first: int, last: int) -> Iterator[Event]:
        lines: list[Iterator[tuple[int, Event]]] = [
            self._lines(tables.milestones, first, last, self._milestones),
            self._lines(tables.alert_transitions, first, last, self._transitions),
            self._lines(tables.silence_versions, first, last, _each(rows.to_silence_change)),
            self._lines(tables.flushes, first, last, self._flushes),
            self._lines(tables.renewals, first, last, self._renewals),
            self._lines(tables.decisions, first, last, self._decisions),
            self._lines(tables.attempts, first, last, self._attempts),
        ]
        for _, event in heapq.merge(*lines, key=_place):
            yield event

    def _lines(
        self, table: Table, first: int, last: int, make: Callable[[Sequence[Sequence[Any]]], Iterable[_Line]]
    ) -> Iterator[tuple[int, _Line]]:
        number = table.c.id
        columns = [*list(table.c)[1:], number]
        position = first - 1
        while True:
            query = select(*columns).where(number > position, number <= last).order_by(number).limit(_PAGE)
            page = self._connection.execute(query).fetchall()
            if not page:
                return
            yield from zip([row[-1] for row in page], make(page), strict=True)
            position = page[-1][-1]

    # Rows to events

    def _milestones(self, page: Sequence[Sequence[Any]]) -> Iterator[Event]:
        # One at a time: they are large.
        return (to_milestone(row[:3]) for row in page)

    def _transitions(self, page: Sequence[Sequence[Any]]) -> list[Event]:
        self._learn_labels([row[1] for row in page])
        labels = self._labels
        return [rows.to_bare_transition(row, labels[row[1]]) for row in page]

    def _flushes(self, page: Sequence[Sequence[Any]]) -> list[Event]:
        self._learn_groups([row[1] for row in page])
        return [FlushRecord(at=row[0], group=self._groups[row[1]], due=row[2], tick=row[3]) for row in page]

    def _renewals(self, page: Sequence[Sequence[Any]]) -> list[Event]:
        self._learn_groups([row[1] for row in page])
        return [RenewalRecord(row[0], Slot(self._groups[row[1]], row[2], row[3])) for row in page]

    def _decisions(self, page: Sequence[Sequence[Any]]) -> list[Event]:
        self._learn_groups([row[1] for row in page])
        return [rows.to_decision_of(row, self._groups[row[1]], self._keys[row[1]]) for row in page]

    def _attempts(self, page: Sequence[Sequence[Any]]) -> list[Event]:
        self._learn_groups([row[1] for row in page])
        return [rows.to_attempt_of(row, self._groups[row[1]]) for row in page]

    def _learn_labels(self, identities: Iterable[int]) -> None:
        if len(self._labels) > _MOST_NAMES:
            self._labels.clear()
        unknown = {each for each in identities if each not in self._labels}
        found = labels_of(self._connection, [rows.unsigned(each) for each in unknown])
        for identity in unknown:
            self._labels[identity] = found.get(rows.unsigned(identity), _LOST)

    def _learn_groups(self, groups: Iterable[int]) -> None:
        if len(self._groups) > _MOST_NAMES:
            self._groups.clear()
            self._keys.clear()
        unknown = list({each for each in groups if each not in self._groups})
        names = tables.group_names.c
        for begin in range(0, len(unknown), 1000):
            query = select(names.id, names.route, names.labels, names.group_key).where(
                names.id.in_(unknown[begin : begin + 1000])
            )
            for number, route, labels, key in self._connection.execute(query):
                self._groups[number] = GroupId(route, rows.to_pairs(labels))
                self._keys[number] = key
        for number in unknown:
            self._groups.setdefault(number, GroupId("", Labels()))
            self._keys.setdefault(number, "")

    # Ends that passed

    def _lapses(self, first: int) -> list[tuple[Moment, int]]:
        """When which alerts ended without another word, in order: those noticed, and those nobody noticed yet."""
        moments, identities = array("q"), array("Q")
        for ends_at, identity in self._known_lapses(first):
            moments.append(ends_at)
            identities.append(identity)
        return sorted(set(zip(moments, identities, strict=True)))

    def _known_lapses(self, first: int) -> Iterator[tuple[Moment, int]]:
        transitions = tables.alert_transitions.c
        noticed = select(transitions.ends_at, transitions.identity).where(
            transitions.kind == Transition.EXPIRED.value, transitions.id > first
        )
        for ends_at, identity in self._connection.execute(noticed):
            yield ends_at, rows.unsigned(identity)
        alerts, moved = tables.alerts.c, tables.alert_ends.c
        ends_at = func.coalesce(moved.ends_at, alerts.ends_at)
        current = (
            select(ends_at, alerts.identity)
            .select_from(
                alerts.identity.table.outerjoin(moved.identity.table, moved.identity == alerts.identity)
            )
            .where(ends_at > alerts.updated_at, ends_at < LATEST)
        )
        for end, identity in self._connection.execute(current):
            yield end, rows.unsigned(identity)
        # What ended while no process ran, or was not noticed before one was cut off, stands in what the next one loaded.
        milestones = tables.milestones.c
        starts = select(*list(milestones)[1:]).where(milestones.kind == STARTED, milestones.id > first)
        for row in self._connection.execute(starts):
            start = to_milestone(row)
            assert isinstance(start, Started)
            yield from lapses_before(start)


def _place(line: tuple[int, object]) -> int:
    return line[0]


def _each(make: Callable[[Sequence[Any]], Event]) -> Callable[[Sequence[Sequence[Any]]], list[Event]]:
    return lambda page: [make(row[:-1]) for row in page]


_number, _at = tables.milestones.c.id, tables.milestones.c.at
_IS_BEGINNING = tables.milestones.c.kind.in_(BEGINNINGS)
# Of an alert whose labels are not remembered any more.
_LOST = Labels()
