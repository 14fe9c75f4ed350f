"""The record as a database holds it. Read in pages, so that its size does not matter and a daemon is not held up."""

from __future__ import annotations

import heapq
import sys
from array import array
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import func, select

from alertrouter.core.labels import Labels
from alertrouter.core.time import EARLIEST, LATEST
from alertrouter.delivery.attempt import AttemptRecord
from alertrouter.engine.changes import (
    AlertTransition,
    DecisionRecord,
    FlushRecord,
    RenewalRecord,
    SilenceChange,
    Transition,
)
from alertrouter.engine.milestones import Reconfigured, Started
from alertrouter.engine.slot import GroupId, Slot
from alertrouter.insight.record import LAST_MOMENTS, RecordError, lapses_before, moment_of, with_lapses
from alertrouter.store import tables
from alertrouter.store.find import labels_of
from alertrouter.store.milestones import BEGINNINGS, CHECKPOINTED, RECONFIGURED, STARTED, to_milestone
from alertrouter.store.rows.alert import AlertReader, to_bare_transition
from alertrouter.store.rows.columns import to_pairs, unsigned
from alertrouter.store.rows.decision import to_attempt_of, to_decision_of
from alertrouter.store.rows.silence import to_silence_change

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Select, Table

    from alertrouter.core.routing import Routing
    from alertrouter.core.time import Moment
    from alertrouter.insight.record import Event

_WINDOW = 8192
_NAMES = 50_000
_AT_ONCE = 2000

_Line = tuple[int, "Moment", "Event | None"]
_Name = TypeVar("_Name")


class StoreRecord:
    """A database that may be written to meanwhile: what comes later is not seen. See ``Record``.

    Lines are read as many at a time as are in ``window``; at least ``names`` label sets are kept meanwhile and as many names
    of groups, at most twice as many and those of one window.
    """

    def __init__(
        self, connection: Connection, name: str, *, window: int = _WINDOW, names: int = _NAMES
    ) -> None:
        self.name = name
        self._window = window
        self._connection = connection
        self._labels: Lately[Labels] = Lately(names)
        self._groups: Lately[tuple[GroupId, str]] = Lately(names)
        self._reader = AlertReader()

    @property
    def complete_from(self) -> Moment | None:
        """When the oldest checkpoint was."""
        found = self._connection.execute(select(func.min(_at)).where(_IS_BEGINNING)).scalar()
        return None if found is None else int(found)

    @property
    def complete_until(self) -> Moment:
        """When it was last noted that everything is written."""
        found = self._meta("seen_at")
        return EARLIEST if found is None else found

    @property
    def _ends_known_until(self) -> Moment:
        """Up to when it is certain that an alert whose end passed had not been reported again.

        Ends that heartbeats move are written some seconds later, and not at all by a process that is cut off.
        """
        return self.complete_until - (LAST_MOMENTS if self._meta("stopped_at") is None else 0)

    def _meta(self, name: str) -> Moment | None:
        meta = tables.meta.c
        found = self._connection.execute(select(meta.value).where(meta.name == name)).scalar()
        return None if found is None else int(found)

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

    def events(
        self, since: Moment, until: Moment, *, leave_out: Collection[type[Event]] = ()
    ) -> Iterator[Event]:
        """What happened, from the last checkpoint at or before ``since``."""
        first = self._first(since)
        last = max(self._last(table, until) for table in tables.NUMBERED)
        table = tables.milestones.c
        query = select(*list(table)[1:]).where(table.kind == RECONFIGURED, table.id < first)
        row = self._connection.execute(query.order_by(table.id.desc()).limit(1)).first()
        if row is None:
            raise RecordError(
                f"{self.name} tells of no configuration from before its first checkpoint: it is damaged"
            )
        yield to_milestone(row)
        lapsed_until = min(until, self.complete_until + 1)
        yield from with_lapses(
            self._happened(first, last, leave_out), self._lapses(first), until, lapsed_until
        )

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

    def _last(self, table: Table, until: Moment) -> int:
        """The greatest number of what happened before this moment; the clock may have been set back since."""
        query = select(func.max(table.c.id))
        if until < LATEST:
            at = table.c.started_at if table is tables.attempts else table.c.at
            query = query.where(at < until)
        return self._connection.execute(query).scalar() or 0

    def _happened(
        self, first: int, last: int, leave_out: Collection[type[Event]]
    ) -> Iterator[tuple[int, Moment, Event]]:
        """The lines with these numbers, in order, with their moments."""
        kinds: list[tuple[type[Event], Callable[[int, int], list[_Line]]]] = [
            (AlertTransition, self._transitions),
            (FlushRecord, self._flushes),
            (DecisionRecord, self._decisions),
            (AttemptRecord, self._attempts),
            (RenewalRecord, self._renewals),
            (SilenceChange, self._silences),
        ]
        reads = [read for kind, read in kinds if kind not in leave_out]
        begin = first
        while begin <= last:
            end = min(begin + self._window, last + 1)
            lines = self._milestones(begin, end, first)
            for read in reads:
                lines += read(begin, end)
            if not lines:
                begin = max(end, self._next(end))
                continue
            lines.sort(key=_number_of)
            for number, at, event in lines:
                if event is None:
                    # They are large: one is held at a time.
                    event = self._milestone(number)  # noqa: PLW2901
                yield number, at, event
            begin = end

    def _next(self, begin: int) -> int:
        """The number of the first line from there on; 0 when there is none."""
        found = [
            self._connection.execute(select(func.min(table.c.id)).where(table.c.id >= begin)).scalar()
            for table in tables.NUMBERED
        ]
        return min((number for number in found if number is not None), default=0)

    def _rows(self, table: Table, begin: int, end: int) -> Sequence[Sequence[Any]]:
        """What these numbers stand for in a table; a row ends with its number."""
        number = table.c.id
        query = select(*list(table.c)[1:], number).where(number >= begin, number < end)
        return self._connection.execute(query).fetchall()

    # Rows to events

    def _milestones(self, begin: int, end: int, first: int) -> list[_Line]:
        """Their places. Of the checkpoints only the first is asked for: making one takes as long as thousands of lines."""
        table = tables.milestones.c
        query = select(table.id, table.at).where(
            table.id >= begin, table.id < end, (table.id == first) | (table.kind != CHECKPOINTED)
        )
        return [(number, at, None) for number, at in self._connection.execute(query)]

    def _milestone(self, number: int) -> Event:
        table = tables.milestones.c
        row = self._connection.execute(select(*list(table)[1:]).where(table.id == number)).one()
        return to_milestone(row)

    def _transitions(self, begin: int, end: int) -> list[_Line]:
        found = self._rows(tables.alert_transitions, begin, end)
        labels = self._labels.among([row[1] for row in found], self._read_labels)
        return [(row[-1], row[0], to_bare_transition(row, labels[row[1]])) for row in found]

    def _flushes(self, begin: int, end: int) -> list[_Line]:
        found = self._rows(tables.flushes, begin, end)
        groups = self._names(found)
        return [
            (number, at, FlushRecord(at=at, group=groups[group][0], due=due, tick=tick))
            for at, group, due, tick, number in found
        ]

    def _renewals(self, begin: int, end: int) -> list[_Line]:
        found = self._rows(tables.renewals, begin, end)
        groups = self._names(found)
        return [
            (number, at, RenewalRecord(at, Slot(groups[group][0], receiver, integration)))
            for at, group, receiver, integration, number in found
        ]

    def _decisions(self, begin: int, end: int) -> list[_Line]:
        found = self._rows(tables.decisions, begin, end)
        groups = self._names(found)
        return [(row[-1], row[0], to_decision_of(row, *groups[row[1]])) for row in found]

    def _attempts(self, begin: int, end: int) -> list[_Line]:
        found = self._rows(tables.attempts, begin, end)
        groups = self._names(found)
        attempts = [to_attempt_of(row, groups[row[1]][0]) for row in found]
        return [(row[-1], moment_of(each), each) for row, each in zip(found, attempts, strict=True)]

    def _silences(self, begin: int, end: int) -> list[_Line]:
        found = self._rows(tables.silence_versions, begin, end)
        return [(row[-1], row[0], to_silence_change(row[:-1])) for row in found]

    def _names(self, found: Sequence[Sequence[Any]]) -> Mapping[int, tuple[GroupId, str]]:
        return self._groups.among([row[1] for row in found], self._read_groups)

    def _read_labels(self, unknown: Collection[int]) -> dict[int, Labels]:
        # Who reads what is forgotten meanwhile must not keep all texts there ever were.
        if self._labels.turned:
            self._reader = AlertReader()
        found = labels_of(self._connection, [unsigned(each) for each in unknown], self._reader)
        return {identity: found.get(unsigned(identity), _LOST) for identity in unknown}

    def _read_groups(self, unknown: Collection[int]) -> dict[int, tuple[GroupId, str]]:
        found = dict.fromkeys(unknown, (GroupId("", Labels()), ""))
        names = tables.group_names.c
        wanted = list(unknown)
        for begin in range(0, len(wanted), _AT_ONCE):
            query = select(names.id, names.route, names.labels, names.group_key).where(
                names.id.in_(wanted[begin : begin + _AT_ONCE])
            )
            for number, route, labels, key in self._connection.execute(query):
                found[number] = (GroupId(sys.intern(route), to_pairs(labels)), key)
        return found

    # Ends that passed

    def _lapses(self, first: int) -> Iterator[tuple[Moment, int]]:
        """When which alerts ended without another word, in order: those noticed, and those nobody noticed yet."""
        last = None
        for lapse in heapq.merge(self._noticed(first), self._unnoticed(), *self._found_by_starts(first)):
            if lapse != last:
                last = lapse
                yield lapse

    def _noticed(self, first: int) -> Iterator[tuple[Moment, int]]:
        table = tables.alert_transitions.c
        query = select(table.ends_at, table.identity).where(
            table.kind == Transition.EXPIRED.value, table.id > first
        )
        return self._in_order(query, table.ends_at, table.identity)

    def _unnoticed(self) -> Iterator[tuple[Moment, int]]:
        alerts, moved = tables.alerts.c, tables.alert_ends.c
        ends_at = func.coalesce(moved.ends_at, alerts.ends_at)
        query = (
            select(ends_at, alerts.identity)
            .select_from(
                alerts.identity.table.outerjoin(moved.identity.table, moved.identity == alerts.identity)
            )
            .where(ends_at > alerts.updated_at, ends_at <= self._ends_known_until)
        )
        return self._in_order(query, ends_at, alerts.identity)

    def _in_order(
        self, query: Select[Any], ends_at: ColumnElement[int], identity: ColumnElement[int]
    ) -> Iterator[tuple[Moment, int]]:
        """These ends, sorted by the database: there may be as many as the record is long."""
        # Identities are kept with a sign: those that have it are greater.
        ordered = query.order_by(ends_at, identity < 0, identity).execution_options(yield_per=_AT_ONCE)
        for end, who in self._connection.execute(ordered):
            yield end, unsigned(who)

    def _found_by_starts(self, first: int) -> Iterator[Iterator[tuple[Moment, int]]]:
        """What ended while no process ran, or was not noticed before one was cut off, as the next one loaded it."""
        table = tables.milestones.c
        query = select(table.id).where(table.kind == STARTED, table.id > first).order_by(table.id)
        for number in self._connection.execute(query).scalars().all():
            start = self._milestone(number)
            assert isinstance(start, Started)
            lapses = sorted(lapses_before(start))
            if lapses:
                # Sixteen bytes each: all starts are looked at before the first event.
                moments, identities = zip(*lapses, strict=True)
                yield zip(array("q", moments), array("Q", identities), strict=True)


class Lately(Generic[_Name]):
    """What was looked up lately: at least the last ``least`` things, and at most twice as many."""

    def __init__(self, least: int) -> None:
        self._least = least
        self._young: dict[int, _Name] = {}
        self._old: dict[int, _Name] = {}
        #: Whether the older half was forgotten by the last look-up.
        self.turned = False

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def among(
        self, wanted: Collection[int], find: Callable[[Collection[int]], dict[int, _Name]]
    ) -> Mapping[int, _Name]:
        """All that are wanted, and perhaps others. ``find`` is asked for those that are not here."""
        unknown = set(wanted).difference(self._young)
        if not unknown:
            return self._young
        self.turned = len(self._young) >= self._least
        if self.turned:
            unknown = set(wanted)
            self._young, self._old = {}, self._young
        known = unknown & self._old.keys()
        self._young |= {each: self._old.pop(each) for each in known}
        if len(known) < len(unknown):
            self._young |= find(unknown - known)
        return self._young


def _number_of(line: _Line) -> int:
    return line[0]


_number, _at = tables.milestones.c.id, tables.milestones.c.at
_IS_BEGINNING = tables.milestones.c.kind.in_(BEGINNINGS)
# Of an alert whose labels are not remembered any more.
_LOST = Labels()
