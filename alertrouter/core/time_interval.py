"""Time intervals: named calendars that mute routes, or let them speak (`semantics.md` 7, `config.md` 6)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from alertrouter.core.time import DAY, SECOND
from alertrouter.core.time_interval_syntax import parse_location

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from alertrouter.core.time import Moment
    from alertrouter.core.time_interval_syntax import Range, TimeRange

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SEARCHED = 400 * DAY
_MINUTES_OF_DAY = 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSpec:
    """One entry of a time interval: holds when every field that is given holds.

    A field holds when one of its ranges does, so an empty field never does; None is a field that is not
    given. Only the clock and calendar on the wall at the location count: what daylight saving time skips
    never comes, what it repeats comes twice.
    """

    times: tuple[TimeRange, ...] | None = None
    weekdays: tuple[Range, ...] | None = None
    """Sunday is 0."""
    days_of_month: tuple[Range, ...] | None = None
    """Negative days count from the end of the month, -1 is the last."""
    months: tuple[Range, ...] | None = None
    years: tuple[Range, ...] | None = None
    location: str | None = None
    """An IANA name, `UTC`, or `Local` for the zone of this machine; None is UTC."""

    _zone: dt.tzinfo | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raises ValueError for a location that is not known."""
        object.__setattr__(self, "_zone", parse_location(self.location or ""))

    def contains(self, moment: Moment) -> bool:
        local = self._local(moment // SECOND)
        return self._contains_date(local) and self._contains_time(local.hour * 60 + local.minute)

    def _local(self, second: int) -> dt.datetime:
        # With None for a zone this is the machine's own.
        return (_EPOCH + dt.timedelta(seconds=second)).astimezone(self._zone)

    def _contains_time(self, minute: int) -> bool:
        return self.times is None or any(span.start <= minute < span.end for span in self.times)

    def _contains_date(self, local: dt.datetime) -> bool:
        return (
            _any_contains(self.years, local.year)
            and _any_contains(self.months, local.month)
            and _any_contains(self.weekdays, local.isoweekday() % 7)
            and self._contains_day(local)
        )

    def _contains_day(self, local: dt.datetime) -> bool:
        if self.days_of_month is None:
            return True
        last = _last_day(local)
        # A range that begins after the end of a short month does not touch it: 30:31 is never in February.
        return any(
            _from_start(span.first, last) <= local.day <= _from_start(span.last, last)
            for span in self.days_of_month
        )

    def _next_boundary(self, moment: Moment) -> Moment | None:
        """A later moment before which `contains` stays as it is; None when it always does."""
        dates = (self.weekdays, self.days_of_month, self.months, self.years)
        if self.times is None and all(ranges is None for ranges in dates):
            return None
        second = moment // SECOND
        local = self._local(second)
        now = local.hour * 60 + local.minute
        boundary = min(self._later_times(local, now), default=_MINUTES_OF_DAY)
        candidate = second + boundary * 60 - (now * 60 + local.second)
        if self._local(candidate).utcoffset() != local.utcoffset():
            candidate = self._clock_change(second, candidate)
        return candidate * SECOND

    def _later_times(self, local: dt.datetime, now: int) -> Iterator[int]:
        if self.times is not None and self._contains_date(local):
            for span in self.times:
                yield from (minute for minute in (span.start, span.end) if minute > now)

    def _clock_change(self, before: int, after: int) -> int:
        """The first second with another offset from UTC, of two that have different ones."""
        offset = self._local(before).utcoffset()
        while after - before > 1:
            middle = (before + after) // 2
            if self._local(middle).utcoffset() == offset:
                before = middle
            else:
                after = middle
        return after


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What `next_change` says from one moment up to another."""

    since: Moment
    until: Moment
    change: Moment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeInterval:
    """A named time interval: holds when one of its specs does, so without specs never."""

    name: str
    specs: tuple[TimeSpec, ...]

    _known: list[_Answer] = field(init=False, repr=False, compare=False, default_factory=list)
    """The last answer of `next_change`, if there was one: a thousand groups may ask for the same."""

    def contains(self, moment: Moment) -> bool:
        return any(spec.contains(moment) for spec in self.specs)

    def next_change(self, moment: Moment) -> Moment | None:
        """The first later moment at which `contains` gives the other answer.

        None when that is more than some 400 days away, or never.
        """
        for answer in self._known:
            if answer.since <= moment < answer.until:
                return answer.change
        change = self._find_change(moment)
        # That nothing changes for long is worth looking up anew now and then.
        until = moment + DAY if change is None else change
        self._known[:] = [_Answer(since=moment, until=until, change=change)]
        return change

    def _find_change(self, moment: Moment) -> Moment | None:
        contained = self.contains(moment)
        later = moment
        while later - moment <= _SEARCHED:
            boundaries = [spec._next_boundary(later) for spec in self.specs]  # noqa: SLF001  same file
            known = [boundary for boundary in boundaries if boundary is not None]
            if not known:
                return None
            later = min(known)
            if self.contains(later) != contained:
                return later
        return None


def _any_contains(ranges: Sequence[Range] | None, number: int) -> bool:
    return ranges is None or any(span.first <= number <= span.last for span in ranges)


def _last_day(local: dt.datetime) -> int:
    # Compat: the calendar's days. Alertmanager 0.34.0 counts hours and loses a day where clocks go forward.
    next_month = local.replace(day=28, tzinfo=None) + dt.timedelta(days=4)
    return (next_month - dt.timedelta(days=next_month.day)).day


def _from_start(day: int, last: int) -> int:
    return last + day + 1 if day < 0 else day
