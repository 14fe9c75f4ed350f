"""Durations as text: Prometheus' way, Go's way, and the mixture that flags take. Values are nanoseconds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from alertrouter.core.go_quote import quote
from alertrouter.core.time import DAY, HOUR, LATEST, MICROSECOND, MILLISECOND, MINUTE, NANOSECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.core.time import Duration

_WEEK = 7 * DAY
_YEAR = 365 * DAY

# From big to small: the only order a Prometheus duration may have.
_UNITS = {"y": _YEAR, "w": _WEEK, "d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND, "ms": MILLISECOND}
_GO_UNITS = {
    "ns": NANOSECOND,
    "us": MICROSECOND,
    "µs": MICROSECOND,
    "μs": MICROSECOND,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
}
_FLAG_UNITS = {**_GO_UNITS, "d": DAY, "w": _WEEK}

_PART = re.compile(r"([0-9]*)([^0-9]*)")
_GO_PART = re.compile(r"([0-9]*)(?:(\.)([0-9]*))?([^0-9.]*)")


def parse_duration(text: str) -> Duration:
    """Read a Prometheus duration (`config.md` 1.4); ValueError says what is wrong.

    duration = "0" | number unit { number unit }, units from big to small out of y w d h m s ms
    """
    if text == "0":
        return 0
    if not text:
        raise ValueError("empty duration string")
    total = 0
    units = list(_UNITS)
    position = 0
    while position < len(text):
        found = _PART.match(text, position)
        number, unit = found.groups() if found else ("", "")
        if not number or not unit or _is_over(number, 2**64 - 1):
            raise ValueError(f"not a valid duration string: {quote(text)}")
        if unit not in _UNITS:
            raise ValueError(f"unknown unit {quote(unit)} in duration {quote(text)}")
        if unit not in units:
            raise ValueError(f"not a valid duration string: {quote(text)}")
        units = units[units.index(unit) + 1 :]
        total += int(number) * _UNITS[unit]
        if total > LATEST:
            raise ValueError("duration out of range")
        position += len(number) + len(unit)
    return total


def _is_over(digits: str, limit: int) -> bool:
    # Thousands of digits are more than int() takes.
    significant = digits.lstrip("0")
    return len(significant) > 20 or int(significant or "0") > limit


def format_duration(duration: Duration) -> str:
    """A duration as Prometheus prints it: `1h30m`, `90d`, `0s`; less than a millisecond is dropped."""
    rest = abs(duration) // MILLISECOND * MILLISECOND
    if rest == 0:
        return "0s"
    text = "-" if duration < 0 else ""
    for unit, size in _UNITS.items():
        # Years and weeks only when nothing is left: 90d says more than 12w6d.
        if unit in {"y", "w"} and rest % size:
            continue
        count, rest = divmod(rest, size)
        if count:
            text += f"{count}{unit}"
    return text


def parse_go_duration(text: str) -> Duration:
    """Read a duration as Go's ``time.ParseDuration`` does; ValueError says what is wrong.

    duration = [ "+" | "-" ] ( "0" | number unit { number unit } ), units ns us µs ms s m h in any order,
    numbers perhaps with a fraction
    """
    return _parse_go(text, _GO_UNITS)


def parse_flag_duration(text: str) -> Duration:
    """Read the duration of a command-line flag: Go's, and `d` and `w` as well (`api-and-cli.md` 8.1)."""
    return _parse_go(text, _FLAG_UNITS)


def _parse_go(text: str, units: Mapping[str, Duration]) -> Duration:
    unsigned = text[1:] if text[:1] in {"+", "-"} else text
    if unsigned == "0":
        return 0
    if not unsigned:
        _invalid(text)
    total = 0
    position = 0
    while position < len(unsigned):
        found = _GO_PART.match(unsigned, position)
        whole, _, fraction, unit = found.groups("") if found else ("", "", "", "")
        if found is None or not (whole or fraction) or _is_over(whole, 2**63):
            _invalid(text)
        # Further digits are far below a nanosecond.
        fraction = fraction[: 18 if _is_over(fraction[:19], 2**63) else 19]
        if not unit:
            raise ValueError(f"time: missing unit in duration {_go_quote(text)}")
        if unit not in units:
            raise ValueError(f"time: unknown unit {_go_quote(unit)} in duration {_go_quote(text)}")
        # Go computes fractions in floating point, and so do we: 0.3333333333333333h is 20 minutes.
        total += int(whole or "0") * units[unit] + int(
            int(fraction or "0") * (units[unit] / 10 ** len(fraction))
        )
        position = found.end()
    # Of the 2^63 nanoseconds only the negative ones have a place.
    if total > LATEST + text.startswith("-"):
        _invalid(text)
    return -total if text.startswith("-") else total


def _invalid(text: str) -> NoReturn:
    raise ValueError(f"time: invalid duration {_go_quote(text)}")


def _go_quote(text: str) -> str:
    """Quoted as Go's package `time` does it: bytes outside printable ASCII as ``\\xNN``."""
    quoted = ""
    for byte in text.encode(errors="replace"):
        character = chr(byte)
        if not 0x20 <= byte < 0x7F:
            quoted += f"\\x{byte:02x}"
        else:
            quoted += f"\\{character}" if character in '"\\' else character
    return f'"{quoted}"'


def format_go_duration(duration: Duration) -> str:
    """A duration as Go prints it: `1h30m0s`, `1.5s`, `250ms`, `0s`."""
    if duration == 0:
        return "0s"
    sign = "-" if duration < 0 else ""
    rest = abs(duration)
    for unit, size in (("ns", NANOSECOND), ("µs", MICROSECOND), ("ms", MILLISECOND)):
        if rest < size * 1000:
            return f"{sign}{_decimal(rest, size)}{unit}"
    minutes, rest = divmod(rest, MINUTE)
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(rest, SECOND)}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{sign}{hours}h{text}" if hours else f"{sign}{text}"


def _decimal(duration: Duration, unit: Duration) -> str:
    """How many units, with as many digits after the point as are needed."""
    whole, rest = divmod(duration, unit)
    digits = f"{rest:0{len(str(unit)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)
