"""Moments and durations as plain integers, and the timestamps of the API.

A moment is the number of nanoseconds since 1970-01-01T00:00:00Z, a duration a number of nanoseconds.
Both fit 64 bits: what is outside saturates when it is read.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache

Moment = int
Duration = int

NANOSECOND: Duration = 1
MICROSECOND: Duration = 1_000
MILLISECOND: Duration = 1_000_000
SECOND: Duration = 1_000_000_000
MINUTE: Duration = 60 * SECOND
HOUR: Duration = 60 * MINUTE
DAY: Duration = 24 * HOUR

EARLIEST: Moment = -(2**63)
LATEST: Moment = 2**63 - 1

ZERO_TIME = "0001-01-01T00:00:00Z"

_LAYOUT = "2006-01-02T15:04:05Z07:00"
_ZERO_TIME_SECONDS = -62_135_596_800
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    # Without seconds there is no offset; after a space there are seconds and no zone.
    r"(?:(?:T(?!\d\d?:\d\d[+-])| (?=\d\d?:\d\d:[^Z+-]*$))"
    r"(\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?:Z|([+-])(\d\d):(\d\d))?)?",
    re.ASCII,
)
# What stands for each part of a timestamp in Go's layout, in order; for the message alone.
_PARTS = (
    (r"\d{4}", "2006"),
    ("-", "-"),
    (r"\d\d", "01"),
    ("-", "-"),
    (r"\d\d", "02"),
    ("[T ]", "T"),
    (r"\d\d?", "15"),
    (":", ":"),
    (r"\d\d", "04"),
    ("(?=.)", ":"),
    (r"(?::\d\d(?:[.,]\d+)?)?", "05"),
    (r"Z|[+-]\d\d:\d\d|$", "Z07:00"),
)

# The usual forms, `2026-11-20T16:12:54Z` and `2026-11-20T16:12:54.891Z`, are put together from three look-ups. The minutes fill up
# as timestamps come in, and start anew when there are too many.
_MOST_MINUTES = 20_000
_minutes: dict[str, Moment] = {}
_SECONDS = {f":{second:02d}": second * SECOND for second in range(60)}
_FRACTIONS = {"Z": 0, **{f".{count:03d}Z": count * MILLISECOND for count in range(1000)}}


def parse_timestamp(text: str) -> tuple[Moment | None, int]:
    """Read a timestamp of the API: the moment and the offset of its zone in seconds.

    None is the zero time 0001-01-01T00:00:00Z, meaning *not set*. Empty text is the Unix epoch. Digits
    past the nanosecond are cut off. The forms are those of `api-and-cli.md` 4.1; everything else raises
    ValueError with Go's wording.

        timestamp = date [ "T" hh ":" mm [ "Z" ] | "T" time [ "Z" | ("+" | "-") hh ":" mm ] | " " time ]
        time = hh ":" mm ":" ss [ ("." | ",") digits ]
    """
    try:
        if len(text) in {20, 24}:
            return _minutes[text[:16]] + _SECONDS[text[16:19]] + _FRACTIONS[text[19:]], 0
        if (
            text[19:20] == "."
            and text[-1] == "Z"
            and (digits := text[20:-1]).isdecimal()
            and digits.isascii()
        ):
            return _minutes[text[:16]] + _SECONDS[text[16:19]] + int(digits[:9].ljust(9, "0")), 0
    except KeyError:
        pass
    return _parse_any(text)


@lru_cache(maxsize=4096)
def _parse_any(text: str) -> tuple[Moment | None, int]:
    if not text:
        return 0, 0
    if (found := _TIMESTAMP.fullmatch(text)) is None:
        raise ValueError(_complaint(text))
    year, month, day, hour, minute, second, fraction, sign, zone_hour, zone_minute = found.groups("0")
    for value, low, high, what in (
        (month, 1, 12, "month"),
        (day, 1, _days_in_month(int(year), int(month)), "day"),
        (hour, 0, 23, "hour"),
        (minute, 0, 59, "minute"),
        (second, 0, 59, "second"),
        (zone_hour, 0, 24, "time zone offset hour"),
        (zone_minute, 0, 60, "time zone offset minute"),
    ):
        if not low <= int(value) <= high:
            raise ValueError(f'parsing time "{text}": {what} out of range')
    offset = int(zone_hour) * 3600 + int(zone_minute) * 60
    if sign == "-":
        offset = -offset
    days = days_since_epoch(int(year), int(month), int(day))
    minutes = days * 1440 + int(hour) * 60 + int(minute)
    seconds = minutes * 60 + int(second) - offset
    nanoseconds = int(fraction[:9].ljust(9, "0"))
    if seconds == _ZERO_TIME_SECONDS and nanoseconds == 0:
        return None, offset
    if EARLIEST <= minutes * MINUTE <= LATEST - MINUTE:
        if len(_minutes) >= _MOST_MINUTES:
            _minutes.clear()
        _minutes[f"{text[:10]}T{hour:0>2}:{minute}"] = minutes * MINUTE
    return min(max(seconds * SECOND + nanoseconds, EARLIEST), LATEST), offset


def _complaint(text: str) -> str:
    rest = text
    for pattern, part in _PARTS:
        if (found := re.match(pattern, rest, re.ASCII)) is None:
            return f'parsing time "{text}" as "{_LAYOUT}": cannot parse "{rest}" as "{part}"'
        rest = rest[found.end() :]
    return f'parsing time "{text}": extra text: "{rest or text[10:]}"'


def days_since_epoch(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a date of the proleptic Gregorian calendar, from the year 0 on."""
    # Years that begin in March put the leap day at their end.
    shifted = year - (month <= 2)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return shifted * 365 + shifted // 4 - shifted // 100 + shifted // 400 + day_of_year - 719_468


def _days_in_month(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in {4, 6, 9, 11} else 31


def format_milliseconds(moment: Moment, offset: int = 0) -> str:
    """``2026-11-20T16:12:54.891Z``: always three digits, the rest cut off; ``+02:00`` for an offset."""
    second, rest = divmod(moment, SECOND)
    text = _second_text(second + offset)
    if offset:
        return f"{text}.{rest // MILLISECOND:03d}{_zone(offset)}"
    return f"{text}.{rest // MILLISECOND:03d}Z"


def format_rfc3339(moment: Moment | None, offset: int = 0) -> str:
    """RFC 3339 with as many digits as the moment has, up to nine; `ZERO_TIME` for None."""
    if moment is None:
        return ZERO_TIME
    second, rest = divmod(moment, SECOND)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{_second_text(second + offset)}{fraction}{_zone(offset)}"


@lru_cache(maxsize=8192)
def _second_text(second: int) -> str:
    moment = _EPOCH + dt.timedelta(seconds=second)
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=256)
def _zone(offset: int) -> str:
    if offset == 0:
        return "Z"
    hours, minutes = divmod(abs(offset) // 60, 60)
    return f"{'-' if offset < 0 else '+'}{hours:02d}:{minutes:02d}"
