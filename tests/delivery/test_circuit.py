"""A receiver that is down or asks to be left alone: few attempts, nothing lost, and nobody else delayed."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Any

import pytest

from alertrouter.core.reason import FailureReason
from alertrouter.core.time import MINUTE, SECOND
from alertrouter.delivery.circuit import OPENS_AFTER, Circuit, CircuitState
from alertrouter.delivery.errors import DeliveryError, RejectedError, TemporaryError
from alertrouter.delivery.ports import Limits
from alertrouter.engine.decision import Send
from tests.delivery.world import START, World, flush, settle

pytestmark = pytest.mark.anyio


def down() -> TemporaryError:
    return TemporaryError("unexpected status code 503", reason=FailureReason.SERVER_ERROR)


def busy(seconds: int | None) -> TemporaryError:
    wait = None if seconds is None else seconds * SECOND
    return TemporaryError("slow down", reason=FailureReason.RATE_LIMITED, retry_after=wait)


class Receivers:
    """Receivers by name: what each raises, None to take everything; how often each was asked."""

    def __init__(self, world: World, **raises: DeliveryError | None) -> None:
        self.raises = raises
        self.asked: Counter[str] = Counter()
        world.receive = self.receive

    def receive(self, send: Send, number: int) -> None:
        name = send.slot.receiver
        self.asked[name] += 1
        if (error := self.raises.get(name)) is not None:
            raise error


def ended(world: World, outcome: str) -> Counter[str]:
    return Counter(report["slot"].receiver for report in world.engine.reports if report["outcome"] == outcome)


async def test_a_thousand_groups_to_a_dead_receiver_do_not_delay_a_thousand_to_a_live_one() -> None:
    world = World()
    receivers = Receivers(world, dead=down())
    for number in range(1000):
        world.delivery.start(flush(number, receiver="dead"))
        world.delivery.start(flush(number, receiver="alive"))
    await world.clock.forward(0)
    for _ in range(20):
        await settle()

    assert ended(world, "delivered") == {"alive": 1000}
    assert {call.at for call in world.calls if call.slot.receiver == "alive"} == {0}
    assert receivers.asked["dead"] <= 64 + OPENS_AFTER
    await world.clock.forward(5 * MINUTE)
    # Nobody hammers it: of the thousand only the probes tried, and all are due again with the next flush.
    assert receivers.asked["dead"] < 150
    assert ended(world, "failed") == {"dead": 1000}
    assert world.delivery.in_progress == 0


async def test_who_was_never_tried_is_told_why() -> None:
    world = World(limits=Limits(concurrency=1))
    Receivers(world, team=down())
    for number in range(100):
        world.delivery.start(flush(number))
    await world.clock.forward(6 * MINUTE)

    untried = [report for report in world.engine.reports if not report["attempts"]]
    assert len(untried) > 10
    assert {report["error"] for report in untried} == {
        "context deadline exceeded while the receiver was left alone after: unexpected status code 503"
    }
    assert {report["reason"] for report in untried} == {FailureReason.CONTEXT_DEADLINE_EXCEEDED}


async def test_when_the_receiver_is_back_everybody_is_told_soon(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "alertrouter.delivery")
    world = World()
    receivers = Receivers(world, team=down())
    for number in range(1000):
        world.delivery.start(flush(number))
    await world.clock.forward(100 * SECOND)
    assert world.delivery.status()[0].circuit is CircuitState.OPEN
    receivers.raises["team"] = None
    await world.clock.forward(16 * SECOND)
    for _ in range(20):
        await settle()

    assert ended(world, "delivered") == {"team": 1000}
    [status] = world.delivery.status()
    assert (status.circuit, status.last_error, status.resumes_at) == (CircuitState.CLOSED, "", None)
    said = [record.getMessage() for record in caplog.records]
    assert said.count("team/webhook/0 answers again") == 1
    assert sum("failed 10 times in a row: one message at a time" in text for text in said) == 1


async def test_a_receiver_that_is_back_is_not_run_over() -> None:
    world = World()

    async def slowly() -> None:
        await world.clock.sleep_until(world.clock.now() + SECOND)

    receivers = Receivers(world, team=down())
    for number in range(200):
        world.delivery.start(flush(number))
    await world.clock.forward(30 * SECOND)
    world.receive = lambda send, number: slowly()
    begun = len(world.calls)
    await world.clock.forward(60 * SECOND)

    assert receivers.asked["team"] == begun
    at = Counter(int(call.at / SECOND) for call in world.calls[begun:])
    growing = [count for _, count in sorted(at.items())]
    assert growing[:6] == [1, 2, 4, 8, 16, 32]
    assert ended(world, "delivered") == {"team": 200}


async def test_one_group_alone_is_tried_as_often_as_ever() -> None:
    """B88: 0.5 s × 1.5ⁿ between attempts, 60 s at most, also after the circuit has opened."""
    world = World()
    Receivers(world, team=down())
    world.delivery.start(flush())
    await world.clock.forward(5 * MINUTE)

    waits = [later - earlier for earlier, later in zip(world.seconds(), world.seconds()[1:], strict=False)]
    assert len(waits) > OPENS_AFTER
    assert waits == pytest.approx([min(60, 0.5 * 1.5**n) for n in range(len(waits))], abs=1e-6)


async def test_a_retry_after_holds_for_all_messages_of_the_integration_and_for_no_others() -> None:
    world = World(limits=Limits(concurrency=1))
    receivers = Receivers(world, team=busy(20))
    for number in range(10):
        world.delivery.start(flush(number))
    await world.clock.forward(19 * SECOND)
    world.delivery.start(flush(50, receiver="other"))
    await settle()

    assert receivers.asked == {"team": 1, "other": 1}
    [team, _] = world.delivery.status()
    assert team.resumes_at == START + 20 * SECOND
    assert team.circuit is CircuitState.CLOSED
    receivers.raises["team"] = None
    await world.clock.forward(2 * SECOND)
    assert ended(world, "delivered") == {"team": 10, "other": 1}
    assert min(call.at for call in world.calls[2:]) == 20 * SECOND


async def test_a_receiver_that_asks_for_an_hour_is_asked_after_five_minutes() -> None:
    world = World()
    receivers = Receivers(world, team=busy(3600))
    world.delivery.start(flush())
    await world.clock.forward(MINUTE)
    receivers.raises["team"] = None
    world.delivery.start(flush(1, at=START + MINUTE))
    await world.clock.forward(4 * MINUTE - SECOND)
    assert receivers.asked == {"team": 1}
    await world.clock.forward(SECOND)

    assert ended(world, "delivered") == {"team": 1}


async def test_a_refusal_for_being_too_many_slows_the_others_down() -> None:
    """A 429 that does not say when ends its own message for this flush; those in the queue wait a little."""
    world = World(limits=Limits(concurrency=4))
    refusals = iter(range(4))

    def receive(send: Send, number: int) -> None:
        if next(refusals, None) is not None:
            raise RejectedError("too many", reason=FailureReason.RATE_LIMITED)

    world.receive = receive
    for number in range(100):
        world.delivery.start(flush(number))
    await world.clock.forward(10 * SECOND)

    refused, taken = world.seconds()[3:5]
    assert taken == refused + 1
    assert (ended(world, "failed")["team"], ended(world, "delivered")["team"]) == (4, 96)


async def test_a_message_that_is_refused_says_nothing_against_the_receiver() -> None:
    world = World()
    Receivers(world, team=RejectedError("no such channel", reason=FailureReason.CLIENT_ERROR))
    for number in range(100):
        world.delivery.start(flush(number))
    await settle()
    await settle()

    assert len(world.calls) == 100
    assert world.delivery.status()[0].circuit is CircuitState.CLOSED


async def test_a_refusal_shows_that_the_receiver_is_back() -> None:
    world = World()
    receivers = Receivers(world, team=down())
    for number in range(100):
        world.delivery.start(flush(number))
    await world.clock.forward(20 * SECOND)
    receivers.raises["team"] = RejectedError("no", reason=FailureReason.CLIENT_ERROR)
    await world.clock.forward(20 * SECOND)

    assert world.delivery.status()[0].circuit is CircuitState.CLOSED
    assert ended(world, "failed") == {"team": 100}


async def test_a_probe_that_hangs_does_not_keep_the_next_from_trying() -> None:
    world = World()
    answers: dict[str, Any] = {"now": "down"}

    def receive(send: Send, number: int) -> Any:
        if answers["now"] == "down":
            raise down()
        if answers["now"] == "hangs":
            answers["now"] = "works"
            return asyncio.Event().wait()
        return None

    world.receive = receive
    for number in range(50):
        world.delivery.start(flush(number))
    await world.clock.forward(60 * SECOND)
    answers["now"] = "hangs"
    await world.clock.forward(60 * SECOND)

    assert ended(world, "delivered") == {"team": 49}
    assert world.delivery.in_progress == 1
    await world.delivery.drain(0)


async def test_where_addresses_differ_by_message_untried_ones_go_first() -> None:
    world = World(limits=Limits(concurrency=2))

    def receive(send: Send, number: int) -> None:
        if min(send.firing) < 100:
            raise down()

    world.receive = receive
    for number in range(20):
        world.delivery.start(flush(number))
    await world.clock.forward(60 * SECOND)
    for number in range(100, 105):
        world.delivery.start(flush(number, at=START + MINUTE))
    await world.clock.forward(90 * SECOND)

    assert ended(world, "delivered") == {"team": 5}


async def test_a_reload_tries_at_once() -> None:
    world = World()
    receivers = Receivers(world, team=down())
    for number in range(100):
        world.delivery.start(flush(number))
    await world.clock.forward(50 * SECOND)
    receivers.raises["team"] = None
    world.delivery.reconfigured({"team": flush().route.receiver})
    await settle()
    await settle()

    assert ended(world, "delivered") == {"team": 100}


async def test_what_is_kept_for_a_dead_receiver_does_not_grow_with_time() -> None:
    world = World()
    Receivers(world, team=down())
    sizes = []
    for turn in range(12):
        for number in range(200):
            world.delivery.start(flush(number, at=START + turn * 5 * MINUTE))
        await world.clock.forward(5 * MINUTE)
        [lane] = world.delivery._lanes.values()
        sizes.append(
            len(lane.ready)
            + len(lane.waiting)
            + len(world.delivery._jobs)
            + len(world.delivery._alarm._moments)
        )

    assert ended(world, "failed") == {"team": 200 * 12}
    assert max(sizes) < 1000


def test_the_waits_between_probes_grow_to_fifteen_seconds() -> None:
    circuit = Circuit()
    now = START
    waits = []
    for _ in range(OPENS_AFTER - 1):
        assert not circuit.failed(circuit.begin(now), now, 1.0)
        assert circuit.may_begin(now)
    assert circuit.failed(circuit.begin(now), now, 1.0)
    for _ in range(10):
        assert not circuit.may_begin(now)
        waits.append((circuit.resumes_at - now) / SECOND)
        now = circuit.resumes_at
        assert circuit.may_begin(now)
        epoch = circuit.begin(now)
        assert circuit.state is CircuitState.HALF_OPEN
        assert not circuit.may_begin(now)
        assert not circuit.failed(epoch, now, 1.0)

    assert waits[:3] == [1, 1.5, 2.25]
    assert waits[-2:] == [15, 15]


def test_one_success_in_between_begins_the_count_anew() -> None:
    circuit = Circuit()
    for _ in range(5):
        for _ in range(OPENS_AFTER - 1):
            assert not circuit.failed(circuit.epoch, START, 1.0)
        assert not circuit.answered()

    assert circuit.state is CircuitState.CLOSED


def test_what_began_before_the_circuit_opened_counts_for_nothing_when_it_fails_and_closes_it_when_not() -> (
    None
):
    circuit = Circuit()
    old = circuit.begin(START)
    for _ in range(OPENS_AFTER):
        circuit.failed(circuit.epoch, START, 1.0)
    resumes_at = circuit.resumes_at
    circuit.failed(old, START + SECOND // 2, 1.0)
    circuit.end(old)
    assert circuit.resumes_at == resumes_at
    assert circuit.answered()
    assert circuit.may_begin(START)
