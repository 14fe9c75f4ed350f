"""The short run: the daemon dies once at every step."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from tests.crash.chain import Chain, described, plan
from tests.crash.steps import STEPS, Step
from tests.store import postgresql as pg

if TYPE_CHECKING:
    from pathlib import Path

_CHAINS = 3


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.about)
def test_the_step_is_there(step: Step) -> None:
    assert step.code.co_name == re.split("[.:]", step.function)[-1]


@pytest.mark.slow  # some thirty lives of a daemon
@pytest.mark.parametrize("number", range(_CHAINS))
def test_a_crash_loses_nothing_and_repeats_nothing_unmarked(tmp_path: Path, number: int) -> None:
    lives = len(STEPS) // _CHAINS
    chain = Chain(tmp_path, seed=number)
    asyncio.run(chain.run(plan(7, len(STEPS))[number * lives : (number + 1) * lives]))
    assert not chain.problems, described(chain)
    assert len(chain.deaths) == lives


@pytest.mark.slow  # a server of its own and a dozen lives of a daemon
def test_nor_does_one_on_postgresql(tmp_path: Path) -> None:
    lives = len(STEPS) // _CHAINS
    with pg.server(pg.installed()) as server, server.database() as url:
        chain = Chain(tmp_path, seed=3, database=url)
        asyncio.run(chain.run(plan(8, lives)))
    assert not chain.problems, described(chain)
    assert len(chain.deaths) == lives
