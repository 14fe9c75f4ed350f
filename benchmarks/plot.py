"""Small line plots as SVG, both axes logarithmic: a cost that does not grow with size is a flat line."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WIDTH, _HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 200, 40, 45
_COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#8250df", "#bc4c00", "#57606a")


class Series(NamedTuple):
    """A curve: its name, and what was measured at each size."""

    name: str
    points: Sequence[tuple[float, float]]


def plot(*, title: str, across: str, series: Sequence[Series]) -> str:
    """The document. Every size and value must be above zero; values below a hundredth are drawn there."""
    sizes = [size for each in series for size, _ in each.points]
    values = [max(value, 0.01) for each in series for _, value in each.points]
    across_scale = _Scale(min(sizes), max(sizes), _LEFT, _WIDTH - _RIGHT)
    # Whole powers of ten, at least two, so that small differences do not look like large ones.
    low = math.floor(math.log10(min(values)))
    high = max(low + 2, math.ceil(math.log10(max(values))))
    up_scale = _Scale(10.0**low, 10.0**high, _HEIGHT - _BOTTOM, _TOP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="22" font-size="14" font-weight="bold">{escape(title)}</text>',
        *_grid(across_scale, up_scale, sorted(set(sizes)), range(low, high + 1)),
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2:.0f}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(across)}</text>',
    ]
    for place, each in enumerate(series):
        lines += _curve(each, _COLOURS[place % len(_COLOURS)], across_scale, up_scale, place)
    return "\n".join([*lines, "</svg>"]) + "\n"


class _Scale:
    """From a value to a place on an axis."""

    def __init__(self, low: float, high: float, begin: float, end: float) -> None:
        self._low = math.log10(low)
        self._span = math.log10(high) - self._low or 1.0
        self._begin = begin
        self._length = end - begin

    def __call__(self, value: float) -> float:
        return self._begin + (math.log10(value) - self._low) / self._span * self._length


def _grid(across: _Scale, up: _Scale, sizes: Sequence[float], powers: range) -> Iterator[str]:
    for power in powers:
        y = up(10.0**power)
        yield f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#d0d7de"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:,g}</text>'
    for size in sizes:
        x = across(size)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" stroke="#eaeef2"/>'
        yield f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{_short(size)}</text>'


def _short(size: float) -> str:
    return f"{size / 1000:g}k" if size >= 1000 else f"{size:g}"


def _curve(series: Series, colour: str, across: _Scale, up: _Scale, place: int) -> Iterator[str]:
    places = [(across(size), up(max(value, 0.01))) for size, value in series.points]
    yield (
        f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="'
        + " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        + '"/>'
    )
    for x, y in places:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
    y = _TOP + 12 + 18 * place
    x = _WIDTH - _RIGHT + 14
    yield f'<line x1="{x}" x2="{x + 16}" y1="{y - 4}" y2="{y - 4}" stroke="{colour}" stroke-width="2"/>'
    yield f'<text x="{x + 20}" y="{y}" font-size="11">{escape(series.name)}</text>'
