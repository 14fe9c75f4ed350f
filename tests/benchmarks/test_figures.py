"""What the table says of a figure."""

from __future__ import annotations

import pytest

from benchmarks.figures import FIGURES, Figure, medians, table, worse

RATE = Figure(key="r", title="rate", unit="/s", more_is_better=True, at_least=2, aim=10)
TIME = Figure(key="t", title="time", unit="s", at_least=1, aim=2)
OWN = Figure(key="o", title="own", unit="s", own_limit=5)


@pytest.mark.parametrize(
    ("figure", "theirs", "ours", "verdict"),
    [
        (RATE, 100, 99, "WORSE"),
        (RATE, 100, 199, "MISSED"),
        (RATE, 100, 200, "ok"),
        (RATE, 100, 1000, "aim"),
        (TIME, 1.0, 1.1, "WORSE"),
        (TIME, 1.0, 1.0, "ok"),
        (TIME, 1.0, 0.5, "aim"),
        (OWN, 0.1, 4.9, "ok"),
        (OWN, 0.1, 5.1, "MISSED"),
    ],
)
def test_a_verdict_is_about_who_is_better(figure: Figure, theirs: float, ours: float, verdict: str) -> None:
    assert figure.verdict(theirs, ours) == verdict


def test_the_table_shows_what_was_measured_and_nothing_else() -> None:
    theirs = {"heartbeats": 40_000.0, "alerts_first": 1.2}
    ours = {"heartbeats": 100_000.0, "alerts_first": 0.3, "ready": 1.0}

    lines = table(theirs, ours, ("alertmanager", "alertrouter")).splitlines()

    assert len(lines) == 4
    assert lines[2].split()[-7:] == ["40,000", "/s", "100,000", "/s", "2.50×", "2×", "10×", "ok"][-7:]
    assert lines[3].split()[-6:] == ["300", "ms", "4.00×", "5×", "15×", "MISSED"]
    assert worse(theirs, ours) == ["GET /alerts, first"]


def test_several_turns_give_their_middle() -> None:
    assert medians([{"a": 3.0}, {"a": 1.0, "b": 2.0}, {"a": 2.0}]) == {"a": 2.0, "b": 2.0}


def test_no_figure_has_two_names() -> None:
    assert len({figure.key for figure in FIGURES}) == len(FIGURES)
