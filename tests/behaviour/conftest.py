"""After every behaviour, the record of what happened is replayed: it must come out the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from alertrouter.core.time import LATEST
from alertrouter.insight.verify import verify
from tests.timeline import timelines

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def replayed(request: pytest.FixtureRequest) -> Iterator[None]:
    timelines.clear()
    yield
    played = timelines[-50:]
    timelines.clear()
    if request.node.get_closest_marker("not_recorded") is None:
        for timeline in played:
            verdict = verify(timeline.record(), 0, LATEST)
            assert not verdict.differing, "\n".join(map(str, verdict.differences))
