"""The scale curves at a tiny scale, and the plots that are drawn of them."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from benchmarks.plot import Series, plot
from benchmarks.scale import CURVES


@pytest.mark.slow  # each curve takes some seconds to be measured
@pytest.mark.parametrize("name", CURVES)
def test_each_curve_measures_what_it_draws(name: str) -> None:
    few, more = (CURVES[name].measure(size) for size in (10, 60))

    assert few.keys() == more.keys()
    # Not the memory: sixty alerts are less than what a process may give back meanwhile.
    spent = [value for key, value in more.items() if not key.startswith("bytes")]
    assert spent
    assert all(value >= 0 for value in spent)


def test_a_plot_is_a_picture_with_a_line_for_each_series() -> None:
    text = plot(
        title="Cost <each>",
        across="alerts",
        series=[Series("list & look", [(1000, 2.5), (10_000, 3)]), Series("none", [(1000, 0), (10_000, 0)])],
    )

    picture = ET.fromstring(text)
    names = [each.text for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    lines = [each.get("points") for each in picture.iter("{http://www.w3.org/2000/svg}polyline")]
    assert {"Cost <each>", "alerts", "list & look", "none", "1k", "10k"} <= set(names)
    assert len(lines) == 2
    heights = [float(point.split(",")[1]) for point in (lines[0] or "").split()]
    assert heights[0] > heights[1]
