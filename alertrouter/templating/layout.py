"""Go's time layouts: an example of the reference moment instead of percent codes.

The reference moment is *Mon Jan 2 15:04:05 2006* in zone MST (-0700). A layout is cut into pieces once, then
formatted or parsed. Here are fields of a calendar only; zones and moments are in `go_time`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


class Part(Enum):
    """What a piece of a layout stands for."""

    LITERAL = auto()
    YEAR = auto()
    YEAR_2 = auto()
    MONTH_NAME = auto()
    MONTH_SHORT = auto()
    MONTH_2 = auto()
    MONTH = auto()
    WEEKDAY_NAME = auto()
    WEEKDAY_SHORT = auto()
    DAY_2 = auto()
    DAY_SPACE = auto()
    DAY = auto()
    YEAR_DAY_3 = auto()
    YEAR_DAY_SPACE = auto()
    HOUR_24 = auto()
    HOUR_12_2 = auto()
    HOUR_12 = auto()
    MINUTE_2 = auto()
    MINUTE = auto()
    SECOND_2 = auto()
    SECOND = auto()
    UPPER_PM = auto()
    LOWER_PM = auto()
    FRACTION = auto()
    FRACTION_TRIMMED = auto()
    ABBREVIATION = auto()
    OFFSET = auto()


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a layout and the text that stood for it."""

    part: Part
    text: str


# Longer spellings first: the first that fits is meant.
_SPELLINGS: Final[dict[str, list[tuple[str, Part]]]] = {
    "J": [("January", Part.MONTH_NAME), ("Jan", Part.MONTH_SHORT)],
    "M": [
        ("Monday", Part.WEEKDAY_NAME),
        ("Mon", Part.WEEKDAY_SHORT),
        ("MST", Part.ABBREVIATION),
    ],
    "0": [
        ("002", Part.YEAR_DAY_3),
        ("01", Part.MONTH_2),
        ("02", Part.DAY_2),
        ("03", Part.HOUR_12_2),
        ("04", Part.MINUTE_2),
        ("05", Part.SECOND_2),
        ("06", Part.YEAR_2),
    ],
    "1": [("15", Part.HOUR_24), ("1", Part.MONTH)],
    "2": [("2006", Part.YEAR), ("2", Part.DAY)],
    "_": [("__2", Part.YEAR_DAY_SPACE), ("_2", Part.DAY_SPACE)],
    "3": [("3", Part.HOUR_12)],
    "4": [("4", Part.MINUTE)],
    "5": [("5", Part.SECOND)],
    "P": [("PM", Part.UPPER_PM)],
    "p": [("pm", Part.LOWER_PM)],
    "-": [(f"-{form}", Part.OFFSET) for form in ("070000", "07:00:00", "0700", "07:00", "07")],
    "Z": [(f"Z{form}", Part.OFFSET) for form in ("070000", "07:00:00", "0700", "07:00", "07")],
}


@lru_cache(maxsize=512)
def pieces(layout: str) -> tuple[Piece, ...]:
    """The layout, cut up; literal text is in as few pieces as can be."""
    found: list[Piece] = []
    literal = 0
    at = 0
    while at < len(layout):
        piece = _piece_at(layout, at)
        if piece is None:
            at += 1
            continue
        if layout.startswith("_2006", at):  # Compat: Go reads a literal underscore and a year.
            at += 1
            piece = Piece(Part.YEAR, "2006")
        if literal < at:
            found.append(Piece(Part.LITERAL, layout[literal:at]))
        found.append(piece)
        at += len(piece.text)
        literal = at
    if literal < len(layout):
        found.append(Piece(Part.LITERAL, layout[literal:]))
    return tuple(found)


def _piece_at(layout: str, at: int) -> Piece | None:
    first = layout[at]
    if first in ".,":
        return _fraction_at(layout, at)
    for spelling, part in _SPELLINGS.get(first, ()):
        if layout.startswith(spelling, at):
            after = layout[at + len(spelling) : at + len(spelling) + 1]
            if spelling in {"Jan", "Mon"} and "a" <= after <= "z":
                continue
            return Piece(part, spelling)
    return None


def _fraction_at(layout: str, at: int) -> Piece | None:
    digit = layout[at + 1 : at + 2]
    if digit not in {"0", "9"}:
        return None
    end = at + 1
    while end < len(layout) and layout[end] == digit:
        end += 1
    if "0" <= layout[end : end + 1] <= "9":
        return None
    return Piece(Part.FRACTION if digit == "0" else Part.FRACTION_TRIMMED, layout[at:end])


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """A moment as a clock and a calendar of one place show it. ``weekday`` counts from Sunday = 0."""

    year: int
    month: int
    day: int
    weekday: int
    year_day: int
    hour: int
    minute: int
    second: int
    nanosecond: int
    offset: int
    abbreviation: str


def format_layout(layout: str, shown: Calendar) -> str:
    """The moment in this layout."""
    return "".join([write(shown, text) for write, text in _writers(layout)])


@lru_cache(maxsize=512)
def _writers(layout: str) -> list[tuple[Callable[[Calendar, str], str], str]]:
    return [(_WRITERS[piece.part], piece.text) for piece in pieces(layout)]


def _trimmed_fraction(shown: Calendar, text: str) -> str:
    digits = f"{shown.nanosecond:09d}"[: len(text) - 1].rstrip("0")
    return text[0] + digits if digits else ""


_WRITERS: Final[dict[Part, Callable[[Calendar, str], str]]] = {
    Part.LITERAL: lambda _, text: text,
    Part.YEAR: lambda t, _: f"{t.year:04d}" if t.year >= 0 else f"-{-t.year:04d}",
    Part.YEAR_2: lambda t, _: f"{max(t.year, 0) % 100:02d}",
    Part.MONTH_NAME: lambda t, _: MONTHS[t.month - 1],
    Part.MONTH_SHORT: lambda t, _: MONTHS[t.month - 1][:3],
    Part.MONTH_2: lambda t, _: f"{t.month:02d}",
    Part.MONTH: lambda t, _: str(t.month),
    Part.WEEKDAY_NAME: lambda t, _: WEEKDAYS[t.weekday],
    Part.WEEKDAY_SHORT: lambda t, _: WEEKDAYS[t.weekday][:3],
    Part.DAY_2: lambda t, _: f"{t.day:02d}",
    Part.DAY_SPACE: lambda t, _: f"{t.day:2d}",
    Part.DAY: lambda t, _: str(t.day),
    Part.YEAR_DAY_3: lambda t, _: f"{t.year_day:03d}",
    Part.YEAR_DAY_SPACE: lambda t, _: f"{t.year_day:3d}",
    Part.HOUR_24: lambda t, _: f"{t.hour:02d}",
    Part.HOUR_12_2: lambda t, _: f"{t.hour % 12 or 12:02d}",
    Part.HOUR_12: lambda t, _: str(t.hour % 12 or 12),
    Part.MINUTE_2: lambda t, _: f"{t.minute:02d}",
    Part.MINUTE: lambda t, _: str(t.minute),
    Part.SECOND_2: lambda t, _: f"{t.second:02d}",
    Part.SECOND: lambda t, _: str(t.second),
    Part.UPPER_PM: lambda t, _: "PM" if t.hour >= 12 else "AM",
    Part.LOWER_PM: lambda t, _: "pm" if t.hour >= 12 else "am",
    Part.FRACTION: lambda t, text: text[0] + f"{t.nanosecond:09d}"[: len(text) - 1],
    Part.FRACTION_TRIMMED: _trimmed_fraction,
    Part.ABBREVIATION: lambda t, _: t.abbreviation or format_offset("-0700", t.offset),
    Part.OFFSET: lambda t, text: format_offset(text, t.offset),
}


def format_offset(form: str, offset: int) -> str:
    """An offset in seconds east of UTC, in one of the forms of a layout (``-07:00``, ``Z0700`` …)."""
    if form[0] == "Z" and offset == 0:
        return "Z"
    minutes = abs(offset) // 60
    text = f"{'-' if offset <= -60 else '+'}{minutes // 60:02d}"
    colon = ":" if ":" in form else ""
    digits = sum(character.isdigit() for character in form)
    if digits > 2:
        text += f"{colon}{minutes % 60:02d}"
    if digits > 4:
        text += f"{colon}{abs(offset) % 60:02d}"
    return text


def days_in_month(year: int, month: int) -> int:
    """The last day of a month of the Gregorian calendar."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in {4, 6, 9, 11} else 31
