"""Reading a time by a Go layout; the moment it means is settled in `go_time`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from alertrouter.templating.layout import MONTHS, WEEKDAYS, Part, Piece, days_in_month, pieces

if TYPE_CHECKING:
    from collections.abc import Callable


class LayoutError(ValueError):
    """The text does not fit the layout; the message is Go's."""


@dataclass(slots=True, kw_only=True)
class Reading:
    """What a text said. ``offset`` None: no zone, or only ``abbreviation``; ``utc``: it said UTC or Z."""

    year: int = 0
    month: int = 0
    day: int = 0
    year_day: int = 0
    hour: int = 0
    minute: int = 0
    second: int = 0
    nanosecond: int = 0
    afternoon: bool | None = None
    offset: int | None = None
    abbreviation: str = ""
    utc: bool = False


class _OutOfRangeError(Exception):
    pass


_DIGITS_1_2: Final = re.compile(r"[0-9]{1,2}")
_DIGITS_1_3: Final = re.compile(r"[0-9]{1,3}")
_DIGITS_3: Final = re.compile(r"[0-9]{3}")
_DIGITS_2: Final = re.compile(r"[0-9]{2}")
_FRACTION: Final = re.compile(r"[.,][0-9]+")
_OFFSETS: Final = {
    "070000": re.compile(r"([+-])([0-9]{2})([0-9]{2})([0-9]{2})"),
    "07:00:00": re.compile(r"([+-])([0-9]{2}):([0-9]{2}):([0-9]{2})"),
    "0700": re.compile(r"([+-])([0-9]{2})([0-9]{2})"),
    "07:00": re.compile(r"([+-])([0-9]{2}):([0-9]{2})"),
    "07": re.compile(r"([+-])([0-9]{2})"),
}
_SIGNED_HOURS: Final = re.compile(r"[+-]([0-9]+)")
# Three to five capitals, the longer ones ending in T, and two zones in the Pacific and the one of Bali.
_ABBREVIATION: Final = re.compile(r"ChST|MeST|(?:WITA|[A-Z]{4}T|[A-Z]{3}T|[A-Z]{3})(?![A-Z])")


def read(layout: str, text: str) -> Reading:
    """What a text in this layout says; LayoutError with Go's message if it does not fit."""
    said = Reading()
    rest = text
    all_pieces = pieces(layout)
    for number, piece in enumerate(all_pieces):
        try:
            if piece.part is Part.LITERAL:
                after = _skip(rest, piece.text)
            else:
                after = _READERS[piece.part](said, rest, piece)
                if after is not None and piece.part in {Part.SECOND, Part.SECOND_2}:
                    after = _unasked_fraction(said, after, all_pieces[number + 1 :])
        except _OutOfRangeError as error:
            raise LayoutError(f"parsing time {_quoted(text)}: {error} out of range") from None
        if after is None:
            wanted, found = _quoted(piece.text), _quoted(rest)
            raise LayoutError(
                f"parsing time {_quoted(text)} as {_quoted(layout)}: cannot parse {found} as {wanted}"
            )
        rest = after
    if rest:
        raise LayoutError(f"parsing time {_quoted(text)}: extra text: {_quoted(rest)}")
    return _checked(said, text)


def _checked(said: Reading, text: str) -> Reading:
    if said.afternoon is True and said.hour < 12:
        said.hour += 12
    elif said.afternoon is False and said.hour == 12:
        said.hour = 0
    if said.year_day:
        _settle_year_day(said, text)
    said.month = said.month or 1
    said.day = said.day or 1
    if said.day > days_in_month(said.year, said.month):
        raise LayoutError(f"parsing time {_quoted(text)}: day out of range")
    return said


def _settle_year_day(said: Reading, text: str) -> None:
    lengths = [days_in_month(said.year, month) for month in range(1, 13)]
    if said.year_day > sum(lengths):
        raise LayoutError(f"parsing time {_quoted(text)}: day-of-year out of range")
    day, month = said.year_day, 1
    while day > lengths[month - 1]:
        day -= lengths[month - 1]
        month += 1
    for what, given, right in (("month", said.month, month), ("day", said.day, day)):
        if given and given != right:
            raise LayoutError(f"parsing time {_quoted(text)}: day-of-year does not match {what}")
    said.month, said.day = month, day


def _skip(rest: str, literal: str) -> str | None:
    """What follows the literal; a run of spaces in it stands for any number of spaces."""
    at = 0
    while at < len(literal):
        if literal[at] == " ":
            if rest and rest[0] != " ":
                return None
            while at < len(literal) and literal[at] == " ":
                at += 1
            rest = rest.lstrip(" ")
        elif rest[:1] == literal[at]:
            at += 1
            rest = rest[1:]
        else:
            return None
    return rest


def _unasked_fraction(said: Reading, rest: str, following: tuple[Piece, ...]) -> str:
    """A fraction after the seconds is taken even where the layout has none."""
    if following and following[0].part in {Part.FRACTION, Part.FRACTION_TRIMMED}:
        return rest
    found = _FRACTION.match(rest)
    if found is None:
        return rest
    said.nanosecond = _nanoseconds(found.group())
    return rest[found.end() :]


def _nanoseconds(fraction: str) -> int:
    return int(fraction[1:10].ljust(9, "0"))


def _number(
    field: str, form: re.Pattern[str], low: int, high: int, what: str
) -> Callable[[Reading, str, Piece], str | None]:
    def read_number(said: Reading, rest: str, _: Piece) -> str | None:
        found = form.match(rest)
        if found is None:
            return None
        value = int(found.group())
        if not low <= value <= high:
            raise _OutOfRangeError(what)
        setattr(said, field, value)
        return rest[found.end() :]

    return read_number


def _after_space(
    read_after: Callable[[Reading, str, Piece], str | None],
) -> Callable[[Reading, str, Piece], str | None]:
    def read_padded(said: Reading, rest: str, piece: Piece) -> str | None:
        return read_after(said, rest.removeprefix(" "), piece)

    return read_padded


def _year(said: Reading, rest: str, _: Piece) -> str | None:
    if not (len(rest) >= 4 and rest[:4].isdecimal() and rest[:4].isascii()):
        return None
    said.year = int(rest[:4])
    return rest[4:]


def _short_year(said: Reading, rest: str, _: Piece) -> str | None:
    if _DIGITS_2.match(rest) is None:
        return None
    # The years 69 to 99 are those of the twentieth century, as in Unix.
    said.year = int(rest[:2]) + (1900 if int(rest[:2]) >= 69 else 2000)
    return rest[2:]


def _name(
    names: tuple[str, ...], length: int | None, field: str
) -> Callable[[Reading, str, Piece], str | None]:
    wanted = [name[:length].lower() for name in names]

    def read_name(said: Reading, rest: str, _: Piece) -> str | None:
        for number, name in enumerate(wanted, 1):
            if rest[: len(name)].lower() == name:
                if field:
                    setattr(said, field, number)
                return rest[len(name) :]
        return None

    return read_name


def _year_day(said: Reading, rest: str, piece: Piece) -> str | None:
    if piece.part is Part.YEAR_DAY_SPACE:
        rest = rest.removeprefix(" ").removeprefix(" ")
        found = _DIGITS_1_3.match(rest)
    else:
        found = _DIGITS_3.match(rest)
    if found is None:
        return None
    said.year_day = int(found.group())
    if not said.year_day:
        raise _OutOfRangeError("day-of-year")
    return rest[found.end() :]


def _afternoon(said: Reading, rest: str, piece: Piece) -> str | None:
    words = ("AM", "PM") if piece.part is Part.UPPER_PM else ("am", "pm")
    if rest[:2] not in words:
        return None
    said.afternoon = rest[:2] == words[1]
    return rest[2:]


def _fraction(said: Reading, rest: str, piece: Piece) -> str | None:
    digits = len(piece.text) - 1
    if piece.part is Part.FRACTION_TRIMMED:
        found = _FRACTION.match(rest)
        if found is None:
            return rest
    else:
        found = re.match(rf"[.,][0-9]{{{digits}}}", rest)
        if found is None:
            return None
    said.nanosecond = _nanoseconds(found.group())
    return rest[found.end() :]


def _offset(said: Reading, rest: str, piece: Piece) -> str | None:
    if piece.text[0] == "Z" and rest[:1] == "Z":
        said.utc = True
        return rest[1:]
    found = _OFFSETS[piece.text[1:]].match(rest)
    if found is None:
        return None
    sign, *numbers = found.groups()
    hours, minutes, seconds = ([int(number) for number in numbers] + [0, 0])[:3]
    for value, high, what in ((hours, 24, "hour"), (minutes, 60, "minute"), (seconds, 60, "second")):
        if value > high:
            raise _OutOfRangeError(f"time zone offset {what}")
    said.offset = (hours * 60 + minutes) * 60 + seconds
    if sign == "-":
        said.offset = -said.offset
    return rest[found.end() :]


def _abbreviation(said: Reading, rest: str, _: Piece) -> str | None:
    if rest.startswith("UTC"):
        said.utc = True
        return rest[3:]
    length = _abbreviation_length(rest)
    if not length:
        return None
    said.abbreviation = rest[:length]
    return rest[length:]


def _abbreviation_length(rest: str) -> int:
    if len(rest) < 3:
        return 0
    if rest[:3] == "GMT":
        return 3 + _signed_hours_length(rest[3:])
    if rest[0] in "+-":
        return _signed_hours_length(rest)
    found = _ABBREVIATION.match(rest)
    return found.end() if found else 0


def _signed_hours_length(rest: str) -> int:
    found = _SIGNED_HOURS.match(rest)
    return found.end() if found and int(found.group(1)) <= 23 else 0


def _quoted(text: str) -> str:
    """Go's quoting in these messages: bytes beyond ASCII and control characters as ``\\xNN``."""
    written = []
    for character in text:
        if character in '"\\':
            written.append(f"\\{character}")
        elif " " <= character < "\x7f" or character == "\x7f":
            written.append(character)
        else:
            written += [f"\\x{byte:02x}" for byte in character.encode("utf-8", "replace")]
    return f'"{"".join(written)}"'


_READERS: Final[dict[Part, Callable[[Reading, str, Piece], str | None]]] = {
    Part.YEAR: _year,
    Part.YEAR_2: _short_year,
    Part.MONTH_NAME: _name(MONTHS, None, "month"),
    Part.MONTH_SHORT: _name(MONTHS, 3, "month"),
    Part.MONTH_2: _number("month", _DIGITS_2, 1, 12, "month"),
    Part.MONTH: _number("month", _DIGITS_1_2, 1, 12, "month"),
    Part.WEEKDAY_NAME: _name(WEEKDAYS, None, ""),
    Part.WEEKDAY_SHORT: _name(WEEKDAYS, 3, ""),
    Part.DAY_2: _number("day", _DIGITS_2, 1, 31, "day"),
    Part.DAY_SPACE: _after_space(_number("day", _DIGITS_1_2, 1, 31, "day")),
    Part.DAY: _number("day", _DIGITS_1_2, 1, 31, "day"),
    Part.YEAR_DAY_3: _year_day,
    Part.YEAR_DAY_SPACE: _year_day,
    Part.HOUR_24: _number("hour", _DIGITS_2, 0, 23, "hour"),
    Part.HOUR_12_2: _number("hour", _DIGITS_2, 0, 12, "hour"),
    Part.HOUR_12: _number("hour", _DIGITS_1_2, 0, 12, "hour"),
    Part.MINUTE_2: _number("minute", _DIGITS_2, 0, 59, "minute"),
    Part.MINUTE: _number("minute", _DIGITS_1_2, 0, 59, "minute"),
    Part.SECOND_2: _number("second", _DIGITS_2, 0, 59, "second"),
    Part.SECOND: _number("second", _DIGITS_1_2, 0, 59, "second"),
    Part.UPPER_PM: _afternoon,
    Part.LOWER_PM: _afternoon,
    Part.FRACTION: _fraction,
    Part.FRACTION_TRIMMED: _fraction,
    Part.ABBREVIATION: _abbreviation,
    Part.OFFSET: _offset,
}
