"""Go's times and durations as a template sees them: `.StartsAt.Format …`, `.EndsAt.Sub .StartsAt`.

A `Time` is a number of nanoseconds and a place. Everything a calendar knows is worked out when it is asked for.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, ClassVar, Final

from alertrouter.core.duration import format_go_duration
from alertrouter.core.go_quote import quote
from alertrouter.core.time import SECOND, days_since_epoch
from alertrouter.gotemplate import INT, STRING, Function, Kind
from alertrouter.templating.layout import MONTHS, WEEKDAYS, Calendar, format_layout
from alertrouter.templating.layout_parsing import Reading, read
from alertrouter.templating.zone import LOCAL, UTC, FixedZone, Location

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.core.time import Moment

#: 0001-01-01T00:00:00Z, Go's zero time: "not set".
ZERO_MOMENT: Final = -62_135_596_800 * SECOND

_LONGEST: Final = 2**63 - 1
_SHORTEST: Final = -(2**63)
_DEFAULT_LAYOUT: Final = "2006-01-02 15:04:05.999999999 -0700 MST"
_RFC3339: Final = "2006-01-02T15:04:05.999999999Z07:00"


class Duration(int):
    """Nanoseconds, printed as ``1h30m0.5s``."""

    __slots__ = ()
    __go_type__ = "time.Duration"
    __go_methods__: ClassVar[Mapping[str, Function]]

    def seconds(self) -> float:
        """The same in seconds."""
        return _count(self, SECOND)

    def __go_string__(self) -> str:
        return format_go_duration(self)

    __str__ = __go_string__


class Month(int):
    """A month from 1, printed as its English name."""

    __slots__ = ()
    __go_type__ = "time.Month"
    __go_methods__: ClassVar[Mapping[str, Function]]

    def __go_string__(self) -> str:
        return MONTHS[self - 1]

    __str__ = __go_string__


class Weekday(int):
    """A day of the week from Sunday = 0, printed as its English name."""

    __slots__ = ()
    __go_type__ = "time.Weekday"
    __go_methods__: ClassVar[Mapping[str, Function]]

    def __go_string__(self) -> str:
        return WEEKDAYS[self]

    __str__ = __go_string__


class Time:
    """A moment with nanoseconds, shown in a place."""

    __slots__ = ("_calendar", "location", "moment")
    __go_type__ = "time.Time"
    __go_fields__: ClassVar[Mapping[str, str]] = {}
    __go_methods__: ClassVar[Mapping[str, Function]]

    def __init__(self, moment: Moment, location: Location = UTC) -> None:
        self.moment = moment
        self.location = location
        self._calendar: Calendar | None = None

    @classmethod
    def posted(cls, moment: Moment, offset: int) -> Time:
        """A time that was posted with this offset of its zone, in seconds.

        Compat: where this process's own zone has the same offset then, Go shows the time in that one.
        """
        if offset == 0:
            return cls(moment)
        if LOCAL.zone_at(moment // SECOND)[0] == offset:
            return cls(moment, LOCAL)
        return cls(moment, FixedZone("", offset))

    @property
    def calendar(self) -> Calendar:
        """The moment as clock and calendar of its place show it."""
        if self._calendar is None:
            self._calendar = _calendar(self.moment, self.location)
        return self._calendar

    def format(self, layout: str) -> str:
        """The moment in one of Go's layouts."""
        return format_layout(layout, self.calendar)

    def datetime(self) -> datetime:
        """The same moment for Python, cut to microseconds; OverflowError outside the years 1 to 9999."""
        shown = self.calendar
        offset = timedelta(seconds=shown.offset)
        zone = timezone(offset, shown.abbreviation) if shown.abbreviation else timezone(offset)
        second, nanosecond = divmod(self.moment, SECOND)
        moment = datetime.fromtimestamp(0, zone) + timedelta(seconds=second, microseconds=nanosecond // 1000)
        return moment.astimezone(zone)

    def rfc3339(self) -> str:
        """RFC 3339 with as many digits as the moment has."""
        return self.format(_RFC3339)

    def __go_string__(self) -> str:
        return self.format(_DEFAULT_LAYOUT)

    __str__ = __go_string__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Time) and self.moment == other.moment

    def __hash__(self) -> int:
        return hash(self.moment)

    def __repr__(self) -> str:
        return f"Time({self.__go_string__()})"


def _calendar(moment: Moment, location: Location) -> Calendar:
    second, nanosecond = divmod(moment, SECOND)
    offset, abbreviation, _ = location.zone_at(second)
    days, clock = divmod(second + offset, 86_400)
    year, month, day = _date(days)
    return Calendar(
        year=year,
        month=month,
        day=day,
        weekday=(days + 4) % 7,
        year_day=days - days_since_epoch(year, 1, 1) + 1,
        hour=clock // 3600,
        minute=clock // 60 % 60,
        second=clock % 60,
        nanosecond=nanosecond,
        offset=offset,
        abbreviation=abbreviation,
    )


def _date(days: int) -> tuple[int, int, int]:
    """Year, month and day of the Gregorian calendar, days after 1970-01-01."""
    # Count from 0000-03-01: every year then ends with its leap day, every era of 400 years is alike.
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted_month + 2) // 5 + 1
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    return era * 400 + year_of_era + (month <= 2), month, day


def parse_time(layout: str, text: str) -> Time:
    """The time a text in one of Go's layouts means, UTC where it names no zone; ValueError with Go's message."""
    said = read(layout, text)
    moment = _moment(said, said.offset or 0)
    if said.utc or (said.offset is None and not said.abbreviation):
        return Time(moment)
    if said.offset is None:
        hours = said.abbreviation.removeprefix("GMT")
        offset = int(hours) * 3600 if hours != said.abbreviation and hours else 0
        return Time(moment, FixedZone(said.abbreviation, offset))
    if said.offset == 0 and said.abbreviation in {"", "UTC"}:
        return Time(moment)
    return Time(moment, FixedZone(said.abbreviation, said.offset))


def _moment(said: Reading, offset: int) -> Moment:
    days = days_since_epoch(said.year, said.month, said.day)
    second = days * 86_400 + said.hour * 3600 + said.minute * 60 + said.second - offset
    return second * SECOND + said.nanosecond


def wall_clock(calendar: Calendar, location: Location) -> Moment:
    """The moment at which the clocks of a place show this; months and days may be out of their range."""
    year, month = calendar.year + (calendar.month - 1) // 12, (calendar.month - 1) % 12 + 1
    days = days_since_epoch(year, month, 1) + calendar.day - 1
    second = days * 86_400 + calendar.hour * 3600 + calendar.minute * 60 + calendar.second
    # Compat: in the hour a zone skips or repeats, Go decides by the offset at the same numbers in UTC.
    offset = location.zone_at(second)[0]
    if offset:
        offset = location.zone_at(second - offset)[0]
    return (second - offset) * SECOND + calendar.nanosecond


def _saturated(nanoseconds: int) -> Duration:
    return Duration(min(max(nanoseconds, _SHORTEST), _LONGEST))


def _wrapped(number: int) -> int:
    """What is left of it in 64 bits."""
    return (number + 2**63) % 2**64 - 2**63


def _add_date(t: Time, years: int, months: int, days: int) -> Time:
    shown = t.calendar
    moved = replace(shown, year=shown.year + years, month=shown.month + months, day=shown.day + days)
    return Time(wall_clock(moved, t.location), t.location)


def _truncate(t: Time, step: int) -> Time:
    return Time(t.moment - (t.moment - ZERO_MOMENT) % step, t.location) if step > 0 else t


def _round(t: Time, step: int) -> Time:
    if step <= 0:
        return t
    beyond = (t.moment - ZERO_MOMENT) % step
    return Time(t.moment - beyond + (step if beyond * 2 >= step else 0), t.location)


def _go_source(t: Time) -> str:
    shown = t.calendar
    place = {"UTC": "time.UTC", "Local": "time.Local"}.get(t.location.name)
    return (
        f"time.Date({shown.year}, time.{MONTHS[shown.month - 1]}, {shown.day}, {shown.hour}, {shown.minute}, "
        f"{shown.second}, {shown.nanosecond}, {place or f'time.Location({quote(t.location.name)})'})"
    )


class _Bytes(list[int]):
    """Go's []byte, which prints as a list of numbers."""

    __slots__ = ()
    __go_type__ = "[]uint8"


def _truncate_duration(d: int, step: int) -> Duration:
    return Duration(d - _remainder(d, step)) if step > 0 else Duration(d)


def _round_duration(d: int, step: int) -> Duration:
    if step <= 0:
        return Duration(d)
    beyond = abs(_remainder(d, step))
    size = abs(d) - beyond + (step if beyond * 2 >= step else 0)
    return _saturated(size if d >= 0 else -size)


def _remainder(d: int, step: int) -> int:
    """With the sign of ``d``, as in Go."""
    return d % step if d >= 0 else -(-d % step)


def _count(d: int, unit: int) -> float:
    # Whole units and the rest one by one, as Go does: the last digits depend on it.
    return float(_divided(d, unit)) + _remainder(d, unit) / unit


def _divided(d: int, step: int) -> int:
    return (d - _remainder(d, step)) // step


def _table(*functions: Function) -> dict[str, Function]:
    return {function.name: function for function in functions}


#: The kinds of function arguments that take these values.
TIME: Final = Kind("time.Time", (Time,))
DURATION: Final = Kind("time.Duration", (Duration,), "int")
_LOCATION: Final = Kind("*time.Location", (Location,))

Duration.__go_methods__ = _table(
    Function("Hours", lambda d: _count(d, 3600 * SECOND)),
    Function("Minutes", lambda d: _count(d, 60 * SECOND)),
    Function("Seconds", Duration.seconds),
    Function("Milliseconds", lambda d: _divided(d, 10**6)),
    Function("Microseconds", lambda d: _divided(d, 10**3)),
    Function("Nanoseconds", int),
    Function("Round", _round_duration, (DURATION,)),
    Function("Truncate", _truncate_duration, (DURATION,)),
    Function("Abs", lambda d: _saturated(abs(d))),
    Function("String", Duration.__go_string__),
)
Month.__go_methods__ = _table(Function("String", Month.__go_string__))
Weekday.__go_methods__ = _table(Function("String", Weekday.__go_string__))
Time.__go_methods__ = _table(
    Function("Format", Time.format, (STRING,)),
    Function("String", Time.__go_string__),
    Function("GoString", _go_source),
    Function("UTC", lambda t: Time(t.moment)),
    Function("Local", lambda t: Time(t.moment, LOCAL)),
    Function("In", lambda t, place: Time(t.moment, place), (_LOCATION,)),
    Function("Location", lambda t: t.location),
    Function("Add", lambda t, d: Time(t.moment + d, t.location), (DURATION,)),
    Function("AddDate", _add_date, (INT, INT, INT)),
    Function("Sub", lambda t, other: _saturated(t.moment - other.moment), (TIME,)),
    Function("After", lambda t, other: t.moment > other.moment, (TIME,)),
    Function("Before", lambda t, other: t.moment < other.moment, (TIME,)),
    Function("Equal", lambda t, other: t.moment == other.moment, (TIME,)),
    Function("Compare", lambda t, other: (t.moment > other.moment) - (t.moment < other.moment), (TIME,)),
    Function("IsZero", lambda t: t.moment == ZERO_MOMENT),
    Function("IsDST", lambda t: t.location.zone_at(t.moment // SECOND)[2]),
    Function("Unix", lambda t: t.moment // SECOND),
    Function("UnixMilli", lambda t: t.moment // 10**6),
    Function("UnixMicro", lambda t: t.moment // 10**3),
    Function("UnixNano", lambda t: _wrapped(t.moment)),
    Function("Year", lambda t: t.calendar.year),
    Function("Month", lambda t: Month(t.calendar.month)),
    Function("Day", lambda t: t.calendar.day),
    Function("Weekday", lambda t: Weekday(t.calendar.weekday)),
    Function("YearDay", lambda t: t.calendar.year_day),
    Function("Hour", lambda t: t.calendar.hour),
    Function("Minute", lambda t: t.calendar.minute),
    Function("Second", lambda t: t.calendar.second),
    Function("Nanosecond", lambda t: t.calendar.nanosecond),
    Function("Truncate", _truncate, (DURATION,)),
    Function("Round", _round, (DURATION,)),
    Function("MarshalJSON", lambda t: _Bytes(f'"{t.rfc3339()}"'.encode())),
    Function("MarshalText", lambda t: _Bytes(t.rfc3339().encode())),
)
