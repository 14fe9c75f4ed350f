"""When a group of rules is evaluated: at slots that its name decides, the same after every restart (`rules.md` 2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from alertrouter.core.labels import Labels

if TYPE_CHECKING:
    from alertrouter.core.time import Duration, Moment
    from alertrouter.rules.model import RuleGroup


class Due(NamedTuple):
    """The moment of an evaluation, and how many before it were missed."""

    at: Moment
    missed: int


@dataclass(frozen=True, slots=True)
class Slots:
    """The moments ``offset``, ``offset + interval``, … since the epoch."""

    interval: Duration
    offset: Duration

    def at_or_before(self, now: Moment) -> Moment:
        """The last slot that has begun."""
        return (now - self.offset) // self.interval * self.interval + self.offset

    def first(self, start: Moment) -> Moment:
        """The first evaluation of who starts now; it waits for up to an interval."""
        return self.at_or_before(start) + self.interval

    def next(self, last: Moment, now: Moment) -> Due:
        """The evaluation after that of ``last``. Slots that have passed by now are missed and not made up for."""
        missed = max(0, (now - last) // self.interval - 1)
        return Due(last + (missed + 1) * self.interval, missed)


def slots_of(group: RuleGroup, interval: Duration) -> Slots:
    """The slots of a group whose interval is this.

    The offset is a hash of file and name, which spreads groups over the interval: Prometheus's own, so that both
    evaluate at the same moments.
    """
    if group.eval_offset is not None:
        return Slots(interval, group.eval_offset % interval)
    if group.align_to_interval:
        return Slots(interval, 0)
    return Slots(interval, Labels({"file": group.file, "name": group.name}).identity % interval)


def query_time(group: RuleGroup, at: Moment, interval: Duration, default_offset: Duration) -> Moment:
    """For which moment the queries of an evaluation ask, and which one what it writes is of.

    ``query_offset`` and ``eval_delay`` are the same wish in the words of two systems. An evaluation that is at an
    offset by ``eval_offset`` is not delayed by default.
    """
    offset = default_offset
    if group.query_offset is not None:
        offset = group.query_offset
    elif group.eval_delay is not None:
        offset = group.eval_delay
    elif group.eval_offset is not None:
        offset = 0
    moment = at - offset
    return moment // interval * interval if group.eval_alignment else moment
