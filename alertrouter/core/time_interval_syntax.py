"""The texts inside a time interval: ranges of times, days, months and years, and locations.

Each `parse_` function raises ValueError with Alertmanager's message (`config.md` 6); each kind of range has
one canonical text, which is what a printed configuration shows.
"""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alertrouter.core.go_quote import quote

if TYPE_CHECKING:
    from collections.abc import Callable

_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_MONTH_BY_NAME = {name: number for number, name in enumerate(_MONTHS, 1)}
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")
_INTEGER = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True, slots=True)
class Range:
    """From the first to the last, both included."""

    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}:{self.last}"


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Minutes since midnight, from the start up to, and not including, the end."""

    start: int
    end: int


def parse_time_range(start: str, end: str) -> TimeRange:
    """Two times of day, `HH:MM`; the end may be `24:00`."""
    if not start or not end:
        raise ValueError("both start and end times must be provided")
    times = TimeRange(_parse_time(start), _parse_time(end))
    if times.start >= times.end:
        raise ValueError("start time cannot be equal or greater than end time")
    return times


def _parse_time(text: str) -> int:
    if _TIME.fullmatch(text) is None:
        raise ValueError(f"couldn't parse timestamp {text}, invalid format")
    return int(text[:2]) * 60 + int(text[3:])


def parse_weekdays(text: str) -> Range:
    """weekdays = day [ ":" day ], English names in any case; the week begins on Sunday"""
    days = _parse_range(text, _parse_weekday)
    if days.first > days.last:
        raise ValueError("start day cannot be before end day")
    return days


def _parse_weekday(text: str) -> int:
    if text not in _WEEKDAYS:
        raise ValueError(f"{text} is not a valid weekday")
    return _WEEKDAYS.index(text)


def weekdays_text(days: Range) -> str:
    """``monday`` or ``monday:friday``."""
    if days.first == days.last:
        return _WEEKDAYS[days.first]
    return f"{_WEEKDAYS[days.first]}:{_WEEKDAYS[days.last]}"


def parse_days_of_month(text: str) -> Range:
    """days = day [ ":" day ], 1 to 31, or -1 (the last) to -31"""
    days = _parse_range(text, _parse_integer)
    for day in (days.first, days.last):
        if day == 0 or not -31 <= day <= 31:
            raise ValueError(f"{day} is not a valid day of the month: out of range")
    if days.first < 0 < days.last:
        raise ValueError("end day must be negative if start day is negative")
    # A range must be one in every month, so the shortest one decides.
    first, last = (day + 28 if day < 0 else day for day in (days.first, days.last))
    if first > last:
        raise ValueError(f"end day {days.last} is always before start day {days.first}")
    return days


def parse_months(text: str) -> Range:
    """months = month [ ":" month ], numbers or English names in any case

    Compat: there is no month 13, but Alertmanager takes it.
    """
    months = _parse_range(text, _parse_month)
    if months.first > months.last:
        raise ValueError(
            f"end month {_month_name(months.last)} is before start month {_month_name(months.first)}"
        )
    return months


def _parse_month(text: str) -> int:
    try:
        return _MONTH_BY_NAME[text] if text in _MONTH_BY_NAME else _parse_integer(text)
    except ValueError:
        raise ValueError(f"{text} is not a valid month") from None


def _month_name(month: int) -> str:
    return _MONTHS[month - 1] if 1 <= month <= 12 else ""


def parse_years(text: str) -> Range:
    """years = year [ ":" year ]"""
    years = _parse_range(text, _parse_integer)
    if years.first > years.last:
        raise ValueError(f"end year {years.last} is before start year {years.first}")
    return years


def _parse_range(text: str, parse: Callable[[str], int]) -> Range:
    text = text.lower()
    parts = text.split(":")
    if len(parts) > 2:
        raise ValueError(f"couldn't parse range {text}, invalid format")
    return Range(parse(parts[0]), parse(parts[-1]))


def _parse_integer(text: str) -> int:
    if _INTEGER.fullmatch(text) is None:
        raise ValueError(f"strconv.Atoi: parsing {quote(text)}: invalid syntax")
    if len(text.lstrip("+-0")) > 19 or not -(2**63) <= int(text) < 2**63:
        raise ValueError(f"strconv.Atoi: parsing {quote(text)}: value out of range")
    return int(text)


def parse_location(text: str) -> dt.tzinfo | None:
    """The time zone of a name: UTC for empty text, None for `Local`, the zone of this machine."""
    if text in {"", "UTC"}:
        return dt.UTC
    if text == "Local":
        return None
    if ".." in text or text[0] in "/\\":
        raise ValueError("time: invalid location name")
    try:
        return zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"unknown time zone {text}") from None
