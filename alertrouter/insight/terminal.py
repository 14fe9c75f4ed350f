"""How a flush ended for each alert in it, as the record tells: one terminal decision for each alert and integration.

A message names everybody in its group. Where nothing was due, a line names only those of whom something else is true than
before (`DecisionRecord`), and a flush in which nothing is true that was not true before leaves no line. So what became of
an alert in a flush follows from the lines up to then.

Nor does a message leave a line that was on its way when the process ended: who was in it is known to nobody, and the next
start tells that it was (``Started.cut_off``). Up to that start the record is the same as if the flush had had nothing to say,
and so it stays when the process ended before it had written that a message was to be sent, which means that none was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from alertrouter.core.reason import NotSent
from alertrouter.engine.changes import AlertTransition, DecisionRecord, Outcome, Transition
from alertrouter.engine.milestones import Started

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from alertrouter.core.time import Moment
    from alertrouter.engine.slot import Slot


class End(NamedTuple):
    """What became of one alert in one flush, for one integration.

    ``why_not``: None when the integration was told. ``causes``: what keeps the alert back, as in ``DecisionRecord.muted``.
    ``line`` says so; for what was said before, it is the message that said it. None when no line does.
    """

    why_not: NotSent | None
    causes: Sequence[str] = ()
    line: DecisionRecord | None = None


def ends_of(line: DecisionRecord) -> dict[int, End]:
    """What a line says of each alert that it names, by ``Labels.identity``."""
    ends = {each: End(_why(causes), causes, line) for each, causes in line.muted.items()}
    if line.outcome in {Outcome.SENT, Outcome.FAILED}:
        ends.update((each, End(line.why_not, (), line)) for each in (*line.firing, *line.resolved))
    else:
        # Withdrawn: of those that are not kept back all was said before, unless the route or the integration is gone.
        why = line.why_not if line.why_not is NotSent.ROUTE_GONE else NotSent.DEDUPLICATED
        for each in (*line.firing, *line.resolved):
            ends.setdefault(each, End(why, (), line))
    ends.update((each, End(why, (), line)) for each, why in line.left_out.items())
    return ends


def _why(causes: Sequence[str]) -> NotSent:
    """One kind of thing keeps an alert back, whatever else would."""
    return _WHY.get(causes[0].partition(":")[0], NotSent.MUTED) if causes else NotSent.MUTED


_WHY = {"inhibition": NotSent.INHIBITED, "silence": NotSent.SILENCED, "interval": NotSent.MUTED}


_ENDED = {NotSent.NOTHING_TO_ANNOUNCE, NotSent.RESOLVES_NOT_WANTED}


class _Said:
    """What the lines of one integration and group say so far."""

    __slots__ = ("lasting", "told")

    def __init__(self) -> None:
        self.lasting: dict[int, End] = {}
        self.told: dict[int, DecisionRecord] = {}

    def take(self, line: DecisionRecord, ends: Mapping[int, End]) -> None:
        if line.outcome is not Outcome.NOT_SENT or line.reason is not None or line.flush_number == 1:
            # It names everybody, or it is the first of a new group.
            self.lasting.clear()
        for each, end in ends.items():
            if end.why_not is None:
                self.told[each] = line
            if each in line.muted or each in line.left_out:
                self.lasting[each] = end

    def fires_again(self, identity: int) -> None:
        """Nothing that was said of its end holds any more."""
        end, told = self.lasting.get(identity), self.told.get(identity)
        if end is not None and end.why_not in _ENDED:
            del self.lasting[identity]
        if told is not None and identity in told.resolved and identity not in told.left_out:
            del self.told[identity]

    def end(self, identity: int) -> End:
        end = self.lasting.get(identity)
        told = self.told.get(identity)
        if end is not None:
            return end._replace(line=told) if end.why_not is NotSent.DEDUPLICATED else end
        return End(NotSent.UNKNOWN if told is None else NotSent.DEDUPLICATED, (), told)


class Ends:
    """How things stand by the events of a record, given in order, as a flush that has nothing new to say leaves them.

    An alert of which no line told yet is ``UNKNOWN``: a message may be on its way, or it was when the process ended.
    """

    def __init__(self) -> None:
        self._said: dict[Slot, _Said] = {}
        self._about: dict[int, dict[Slot, None]] = {}

    def happened(self, event: object) -> Mapping[int, End]:
        """The next event; what it says of the alerts that it names."""
        if isinstance(event, Started):
            # The first flush of the new process tells it again.
            for said in self._said.values():
                said.lasting.clear()
        elif isinstance(event, DecisionRecord):
            ends = ends_of(event)
            for each in ends:
                self._about.setdefault(each, {})[event.slot] = None
            self._said.setdefault(event.slot, _Said()).take(event, ends)
            return ends
        elif isinstance(event, AlertTransition) and event.kind is Transition.FIRED:
            identity = event.alert.labels.identity
            for slot in self._about.get(identity, ()):
                self._said[slot].fires_again(identity)
        return {}

    def end(self, slot: Slot, identity: int) -> End:
        """How it stands with an alert."""
        said = self._said.get(slot)
        return End(NotSent.UNKNOWN) if said is None else said.end(identity)

    def told(self, slot: Slot, identity: int) -> DecisionRecord | None:
        """The last message that told of an alert."""
        said = self._said.get(slot)
        return None if said is None else said.told.get(identity)


class FlushEnds(NamedTuple):
    """A flush of an integration, and how it ended for each member. ``line``: the one it left, if any."""

    slot: Slot
    tick: Moment
    ends: dict[int, End]
    line: DecisionRecord | None = None


class Flushes:
    """The terminal decisions of flushes, each alert of each has exactly one: ``done``, in order.

    ``flushed`` is to be called before the events that a flush leaves are given to ``happened``.
    """

    def __init__(self) -> None:
        self.done: list[FlushEnds] = []
        self._ends = Ends()
        # The flushes of this process whose line may come, and the last one of each integration, by their places.
        self._open: dict[tuple[Slot, Moment], int] = {}
        self._last: dict[Slot, int] = {}

    def flushed(self, slot: Slot, tick: Moment, members: Iterable[int]) -> None:
        """A group was flushed."""
        self._open[slot, tick] = self._last[slot] = len(self.done)
        self.done.append(FlushEnds(slot, tick, {each: self._ends.end(slot, each) for each in members}))

    def happened(self, event: object) -> None:
        """The next event of the record."""
        ends = self._ends.happened(event)
        if isinstance(event, Started):
            for slot, begun_at in event.cut_off.items():
                self._cut_off(slot, begun_at)
            self._open.clear()
            self._last.clear()
        elif isinstance(event, DecisionRecord):
            self._close(event, ends)

    def _close(self, line: DecisionRecord, ends: Mapping[int, End]) -> None:
        place = self._open.get((line.slot, line.tick))
        if place is None:
            return
        flush = self.done[place]
        # A message names everybody; who was a member and is not named has left while it was on its way.
        gone = End(NotSent.ROUTE_GONE, (), line)
        whole = line.outcome is not Outcome.NOT_SENT or line.reason is not None
        self.done[place] = flush._replace(
            line=line,
            ends={
                each: ends.get(each, gone) if whole else self._ends.end(line.slot, each)
                for each in flush.ends
            },
        )

    def _cut_off(self, slot: Slot, begun_at: Moment) -> None:
        """A message was on its way when the process ended: while it is, its group is not flushed again."""
        place = self._last.get(slot)
        if place is None:
            return
        flush = self.done[place]
        # A later flush without a line: the message was of a process before that one.
        if flush.line is None and flush.tick <= begun_at:
            self.done[place] = flush._replace(ends=dict.fromkeys(flush.ends, End(NotSent.UNKNOWN)))
