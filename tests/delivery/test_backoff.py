from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertrouter.core.time import MINUTE, SECOND
from alertrouter.delivery.backoff import LONGEST_WAIT, Pace, wait_after


def test_the_schedule_grows_by_half_from_half_a_second_to_a_minute() -> None:
    waits = [wait_after(attempt, 1.0) / SECOND for attempt in range(1, 16)]

    assert waits[:8] == pytest.approx([0.5, 0.75, 1.125, 1.6875, 2.53125, 3.796875, 5.6953125, 8.54296875])
    assert waits[8:12] == pytest.approx([12.814453125, 19.2216796875, 28.83251953125, 43.248779296875])
    assert waits[12:] == [60, 60, 60]


@given(st.integers(1, 10_000), st.floats(0.5, 1.5))
def test_no_wait_exceeds_ninety_seconds(attempt: int, factor: float) -> None:
    assert SECOND // 4 <= wait_after(attempt, factor) <= 90 * SECOND


def test_the_cap_comes_before_the_spread() -> None:
    assert wait_after(100, 1.5) == LONGEST_WAIT * 1.5


def test_a_pace_lets_a_few_go_and_then_spreads_evenly() -> None:
    pace = Pace(per_minute=12)
    begun = []
    now = 0
    for _ in range(6):
        now = pace.next_at(now)
        pace.take(now)
        begun.append(now / SECOND)

    assert begun == [0, 0, 5, 10, 15, 20]


@given(st.integers(1, 600), st.lists(st.integers(0, MINUTE), max_size=50))
def test_a_pace_is_kept(per_minute: int, gaps: list[int]) -> None:
    pace = Pace(per_minute)
    now = 0
    begun = []
    for gap in gaps:
        now = pace.next_at(now + gap)
        pace.take(now)
        begun.append(now)

    for first in begun:
        within = [moment for moment in begun if first <= moment < first + MINUTE]
        assert len(within) <= per_minute + max(1, per_minute // 6)


def test_no_pace_is_no_wait() -> None:
    pace = Pace(per_minute=0)
    pace.take(5)

    assert pace.next_at(5) == 5
