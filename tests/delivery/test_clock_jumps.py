"""The clock of the machine is set while messages are on their way: waits and deadlines are what they were."""

from __future__ import annotations

import asyncio

import pytest

from alertrouter.core.reason import FailureReason
from alertrouter.core.time import HOUR, MINUTE, SECOND
from alertrouter.delivery.errors import TemporaryError
from alertrouter.delivery.ports import Limits
from tests.delivery.test_circuit import Receivers, busy
from tests.delivery.world import World, flush

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("by", [HOUR, -HOUR])
async def test_the_next_attempt_comes_after_the_wait_that_was_left(by: int) -> None:
    world = World()
    world.receive = lambda send, number: fail() if number < 4 else None
    world.delivery.start(flush())
    await world.clock.forward(2 * SECOND)  # attempts at 0, 0.5, 1.25
    tried = len(world.calls)
    world.clock.set_by(by)
    world.delivery.clock_set(by)
    await world.clock.forward(SECOND)

    assert len(world.calls) == tried + 1
    assert [report["outcome"] for report in world.engine.reports] == ["delivered"]


@pytest.mark.parametrize("by", [HOUR, -HOUR])
async def test_a_hanging_attempt_is_cut_off_after_the_time_that_was_left(by: int) -> None:
    world = World()
    world.receive = lambda send, number: hang()
    world.delivery.start(flush())
    await world.clock.forward(MINUTE)
    world.clock.set_by(by)
    world.delivery.clock_set(by)
    await world.clock.forward(4 * MINUTE - SECOND)
    assert not world.engine.reports
    await world.clock.forward(SECOND)

    assert [report["outcome"] for report in world.engine.reports] == ["failed"]


async def test_a_receiver_that_asked_to_be_left_alone_is_asked_when_that_is_over() -> None:
    world = World(limits=Limits(concurrency=1, per_minute=60))
    receivers = Receivers(world, team=busy(20))
    world.delivery.start(flush(0))
    world.delivery.start(flush(1))
    await world.clock.forward(10 * SECOND)
    world.clock.set_by(-HOUR)
    world.delivery.clock_set(-HOUR)
    receivers.raises["team"] = None
    await world.clock.forward(9 * SECOND)
    assert not world.engine.reports
    await world.clock.forward(3 * SECOND)

    assert [report["outcome"] for report in world.engine.reports] == ["delivered", "delivered"]


def fail() -> None:
    raise TemporaryError("unexpected status code 503", reason=FailureReason.SERVER_ERROR)


async def hang() -> None:
    await asyncio.Event().wait()
