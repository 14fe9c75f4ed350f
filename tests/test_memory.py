"""What stays is kept from the garbage collector as it grows."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from alertrouter.memory import Settled


@pytest.fixture
def frozen() -> Iterator[list[object]]:
    """Something that the collector has not seen yet; what was exempt is not any more afterwards."""
    yield [[] for _ in range(1000)]
    gc.unfreeze()


def test_what_stays_is_exempt_with_every_five_thousand_alerts(frozen: list[object]) -> None:
    settled = Settled()
    before = gc.get_freeze_count()
    settled.now_that(4_999)
    assert gc.get_freeze_count() <= before
    settled.now_that(5_000)
    first = gc.get_freeze_count()
    assert first >= before + len(frozen)

    more: list[object] = [[] for _ in range(1000)]
    settled.now_that(9_000)
    assert gc.get_freeze_count() <= first
    # They went, and as many came again.
    settled.now_that(2_000)
    settled.now_that(7_000)
    assert gc.get_freeze_count() > first + len(more) // 2
