"""The same requests to a real Alertmanager and to our daemon, both started for them: what is answered must be equal.

What is not, on purpose, is in the tables of `tests.api.known` and `KNOWN`, each with its reason.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from tests.api import known
from tests.api.known import Comparison, different
from tests.api.play import Scene, play
from tests.api.record import Start, program, running
from tests.api.scenes import SCENES
from tests.daemon.forked import Child
from tests.live.differential.known import KNOWN
from tests.live.differential.requests import LIVE_SCENES
from tests.live.peers import version

pytestmark = pytest.mark.live

EVERY = [*SCENES, *LIVE_SCENES]


@pytest.fixture(scope="module")
def comparisons(alertmanager: Path) -> dict[str, Comparison]:
    """All scenes, a few at a time, each by both at once."""

    def compare(scene: Scene) -> Comparison:
        with ThreadPoolExecutor(2) as pair:
            ours = pair.submit(_played, Child, scene)
            theirs = pair.submit(_played, program(alertmanager), scene)
            try:
                return different(scene, ours.result(), theirs.result(), [*known.KNOWN, *KNOWN])
            except (OSError, RuntimeError, HTTPException) as error:
                return Comparison([repr(error)], set())

    with ThreadPoolExecutor(3) as several:
        return dict(zip((scene.name for scene in EVERY), several.map(compare, EVERY), strict=True))


def _played(start: Start, scene: Scene) -> list[dict[str, Any]]:
    with running(start, scene) as server:
        return play(scene, server.ask, time.time_ns)


@pytest.mark.parametrize("scene", EVERY, ids=lambda scene: scene.name)
def test_the_answers_are_equal(scene: Scene, comparisons: dict[str, Comparison]) -> None:
    problems = comparisons[scene.name].problems
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("each", [*known.KNOWN, *KNOWN], ids=lambda each: each.reason)
def test_what_is_known_to_differ_still_does(
    each: known.Known, comparisons: dict[str, Comparison], alertmanager: Path
) -> None:
    if "this is older" in each.reason and version(alertmanager) >= (0, 34):
        pytest.skip("it is not")
    assert each.reason in set().union(*(comparison.reasons for comparison in comparisons.values()))


def test_there_are_enough_to_tell() -> None:
    assert sum(step.method != "WRITE" for scene in EVERY for step in scene.steps) >= 600
