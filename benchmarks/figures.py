"""The figures: what each means, which way is better, and what it must reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from benchmarks.scenarios import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """``at_least`` and ``aim`` say how many times better than Alertmanager; None where nothing is promised.

    ``more_is_better`` tells rates from times and sizes. ``own_limit`` is a limit of our own value instead.
    """

    key: str
    title: str
    unit: str
    more_is_better: bool = False
    at_least: float | None = None
    aim: float | None = None
    own_limit: float | None = None

    def times_better(self, theirs: float, ours: float) -> float | None:
        """How many times better ours is; None when they cannot be compared."""
        better, worse = (ours, theirs) if self.more_is_better else (theirs, ours)
        return better / worse if worse else None

    def verdict(self, theirs: float, ours: float) -> str:
        """What to make of it, in a word or two."""
        if self.own_limit is not None:
            kept = ours >= self.own_limit if self.more_is_better else ours <= self.own_limit
            return "ok" if kept else "MISSED"
        times = self.times_better(theirs, ours)
        if times is None or self.at_least is None:
            return ""
        if times < 1:
            return "WORSE"
        if times < self.at_least:
            return "MISSED"
        return "aim" if self.aim is not None and times >= self.aim else "ok"


def _rate(key: str, title: str, at_least: float | None = None, aim: float | None = None) -> Figure:
    return Figure(key=key, title=title, unit="/s", more_is_better=True, at_least=at_least, aim=aim)


def _cost(key: str, title: str, unit: str, at_least: float | None = None, aim: float | None = None) -> Figure:
    return Figure(key=key, title=title, unit=unit, at_least=at_least, aim=aim)


FIGURES: Sequence[Figure] = (
    _rate("heartbeats", "heartbeats taken in, alerts", 2, 10),
    _rate("first_seen", "first seen, stored before the answer, alerts", 1, 2),
    _cost("heartbeats_cpu", "  CPU of a heartbeat", "µs"),
    _cost("first_seen_answered_cpu", "  CPU of an alert first seen, until all are answered", "µs"),
    _cost("first_seen_cpu", "  CPU of an alert first seen", "µs"),
    _cost("alerts_first", "GET /alerts, first", "s", 5, 15),
    _cost("alerts_again", "GET /alerts, again", "s", 5, 15),
    _cost("groups_first", "GET /alerts/groups, first", "s", 5, 15),
    _cost("groups_again", "GET /alerts/groups, again", "s", 5, 15),
    _cost("silenced_first", "first GET /alerts after 2,000 silences", "s", 10, 50),
    _cost("silenced_again", "  the next", "s"),
    _rate("silences", "  silences taken in"),
    _rate("webhooks", "10,000 groups due at once, webhooks", 1, 2),
    _cost("webhooks_cpu", "  CPU of a webhook", "µs"),
    _cost("webhooks_peak", "  memory at the peak", "MB", 1, 2),
    _cost("rest_memory", "memory at rest with 50,000 alerts", "MB", 1, 2),
    _cost("reads_memory", "memory after full reads", "MB", 1, 2),
    _cost("lists_peak", "  memory at the peak of many reads", "MB"),
    _cost("steady_cpu", "CPU a minute, 20,000 groups, nothing changes", "s", 1, 1 / 0.3),
    _cost("steady_memory", "  memory then", "MB", 1, 2),
    Figure(
        key="flat_heartbeats",
        title="heartbeats/s with ten times the alerts",
        unit="×",
        more_is_better=True,
        own_limit=0.7,
    ),
    Figure(key="ready", title="ready again after kill -9", unit="s", own_limit=5),
    Figure(key="ready_lost", title="  alerts gone then", unit="", own_limit=0),
    Figure(key="lost", title="acknowledged and lost by kill -9 under load", unit="", own_limit=0),
)
"""In the order of the table. An indented one explains the one before it."""


def table(
    theirs: Measured, ours: Measured, names: tuple[str, str], figures: Sequence[Figure] = FIGURES
) -> str:
    """The table for people: a line for each figure that was measured."""
    rows = [("figure", *names, "better", "at least", "aim", ""), *_rows(theirs, ours, figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if place in {0, 6} else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * max(len(line) for line in lines))
    return "\n".join(lines)


def _rows(theirs: Measured, ours: Measured, figures: Sequence[Figure]) -> Iterator[tuple[str, ...]]:
    for figure in figures:
        if figure.key not in theirs or figure.key not in ours:
            continue
        their, our = theirs[figure.key], ours[figure.key]
        times = figure.times_better(their, our)
        own = figure.own_limit
        yield (
            figure.title,
            _value(their, figure.unit),
            _value(our, figure.unit),
            "" if times is None or own is not None else f"{times:.2f}×",
            f"{own:g} {figure.unit}".strip() if own is not None else _times(figure.at_least),
            _times(figure.aim),
            figure.verdict(their, our),
        )


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}×"


def _value(value: float, unit: str) -> str:
    if unit == "s" and value < 1:
        return f"{value * 1000:.0f} ms" if value >= 0.01 else f"{value * 1000:.2f} ms"
    digits = 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}".strip()


def medians(turns: Iterable[Measured]) -> Measured:
    """The middle value of each figure over several turns; of two, the one that came first in order."""
    values: dict[str, list[float]] = {}
    for turn in turns:
        for key, value in turn.items():
            values.setdefault(key, []).append(value)
    return {key: sorted(found)[(len(found) - 1) // 2] for key, found in values.items()}


def worse(theirs: Mapping[str, float], ours: Mapping[str, float]) -> list[str]:
    """The titles of the figures that do not reach what they must."""
    return [
        figure.title.strip()
        for figure in FIGURES
        if figure.key in theirs
        and figure.key in ours
        and figure.verdict(theirs[figure.key], ours[figure.key]) in {"WORSE", "MISSED"}
    ]
