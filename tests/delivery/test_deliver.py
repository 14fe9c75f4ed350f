"""Attempts, waits and outcomes, to the nanosecond on a clock that moves when told."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Never

import pytest

from alertrouter.core.reason import FailureReason, NotSent, Reason
from alertrouter.core.time import MINUTE, SECOND, Moment
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.delivery.lane import AHEAD
from alertrouter.delivery.ports import Limits
from alertrouter.engine.decision import Quiet, Send
from alertrouter.templating.errors import TemplateError
from tests.delivery.world import START, World, flush, saying, settle

pytestmark = pytest.mark.anyio


def refuse(error: Exception) -> Any:
    def receive(send: Send, number: int) -> Never:
        raise error

    return receive


def down(reason: FailureReason = FailureReason.SERVER_ERROR) -> TemporaryError:
    return TemporaryError("unexpected status code 500", reason=reason)


async def hang() -> None:
    await asyncio.Event().wait()


async def test_a_message_goes_out_at_once() -> None:
    world = World()
    world.receive = lambda send, number: {"ts": "1"}

    world.delivery.start(flush())
    await settle()

    assert world.seconds() == [0]
    [report] = world.engine.reports
    assert (report["outcome"], report["attempts"], report["data"]) == ("delivered", 1, {"ts": "1"})
    assert world.ledger.notes == ["intend webhook/0", "delivered"]
    assert world.delivery.in_progress == 0


async def test_two_failures_and_a_success_are_one_notification_and_three_requests() -> None:
    """B89."""
    world = World()

    def receive(send: Send, number: int) -> None:
        if number < 3:
            raise down()

    world.receive = receive
    world.delivery.start(flush())
    await world.clock.forward(10 * SECOND)

    assert world.seconds() == [0, 0.5, 1.25]
    assert world.outcomes == ["delivered at 1.25"]
    assert world.metrics.counts == {"notifications": 1, "requests": 3, "failed requests": 2, "sent": 1}
    assert world.ledger.notes == ["intend webhook/0", "delivered"]
    assert [(each.number, each.ok, each.error) for each in world.ledger.attempts] == [
        (1, False, "unexpected status code 500"),
        (2, False, "unexpected status code 500"),
        (3, True, ""),
    ]


@pytest.mark.parametrize(("spread", "waits"), [(0.5, [0, 0.25, 0.625]), (1.5, [0, 0.75, 1.875])])
async def test_waits_are_spread(spread: float, waits: list[float]) -> None:
    world = World()
    world.spread = spread
    world.receive = refuse(down())
    world.delivery.start(flush())
    await world.clock.forward(2 * SECOND)

    assert world.seconds()[:3] == waits


async def test_waits_count_from_the_start_of_the_attempt_before() -> None:
    world = World()

    async def slowly(seconds: float) -> None:
        await world.clock.sleep_until(world.clock.now() + int(seconds * SECOND))
        raise down()

    world.receive = lambda send, number: slowly({1: 0.3, 2: 2}.get(number, 0))
    world.delivery.start(flush())
    await world.clock.forward(2600 * SECOND // 1000)

    # The first was quicker than its wait; the second was slower, so the third follows at once.
    assert world.seconds() == [0, 0.5, 2.5]


async def test_what_is_refused_is_given_up_for_this_flush() -> None:
    """B90."""
    world = World()
    world.receive = refuse(RejectedError("unexpected status code 404", reason=FailureReason.CLIENT_ERROR))
    world.delivery.start(flush())
    await world.clock.forward(10 * MINUTE)

    assert world.seconds() == [0]
    [report] = world.engine.reports
    assert report["reason"] is FailureReason.CLIENT_ERROR
    assert report["error"] == "unexpected status code 404"
    assert world.metrics.counts["failed:clientError"] == 1


async def test_attempts_end_with_the_deadline_and_the_last_error_counts() -> None:
    world = World()
    world.receive = refuse(down())
    world.delivery.start(flush())
    await world.clock.forward(10 * MINUTE)

    [report] = world.engine.reports
    assert (report["outcome"], report["reason"]) == ("failed", FailureReason.SERVER_ERROR)
    assert report["at"] <= 300
    assert report["attempts"] == len(world.calls)
    assert 14 <= len(world.calls) <= 17


async def test_a_hanging_attempt_ends_at_the_deadline() -> None:
    """B91."""
    world = World()
    world.receive = lambda send, number: hang()
    world.delivery.start(flush())
    await world.clock.forward(10 * MINUTE)

    [report] = world.engine.reports
    assert (report["at"], report["reason"]) == (300, FailureReason.CONTEXT_DEADLINE_EXCEEDED)
    assert world.calls[0].outcome == "CancelledError"
    assert world.metrics.counts["failed:contextDeadlineExceeded"] == 1


async def test_the_shortest_deadline_is_ten_seconds() -> None:
    """B92."""
    world = World()
    world.receive = lambda send, number: hang()
    world.delivery.start(flush(interval=5 * SECOND))
    await world.clock.forward(MINUTE)

    assert world.outcomes == ["failed at 10"]


async def test_a_worker_that_was_cut_off_goes_on_with_the_next() -> None:
    world = World(limits=Limits(concurrency=1))
    world.receive = lambda send, number: hang() if send.firing == {0} else None
    world.delivery.start(flush(0, interval=30 * SECOND))
    world.delivery.start(flush(1))
    await world.clock.forward(MINUTE)

    assert world.outcomes == ["failed at 30", "delivered at 30"]


async def test_who_waits_in_the_queue_until_the_deadline_is_told_so() -> None:
    world = World(limits=Limits(concurrency=1))
    world.receive = lambda send, number: hang()
    world.delivery.start(flush(0, interval=5 * MINUTE))
    world.delivery.start(flush(1, interval=MINUTE))
    await world.clock.forward(2 * MINUTE)

    [report] = world.engine.reports
    assert (report["at"], report["attempts"]) == (60, 0)
    assert report["reason"] is FailureReason.CONTEXT_DEADLINE_EXCEEDED


async def test_what_is_not_due_any_more_is_withdrawn_before_the_next_attempt() -> None:
    """B94, B95, D15: the alert is resolved, or silenced, while the receiver is down."""
    world = World()
    world.receive = refuse(down())

    def renewed(send: Send, now: Moment) -> Send | Quiet:
        return send if now < START + SECOND else Quiet(slot=send.slot, why_not=NotSent.SILENCED)

    world.engine.renewed = renewed
    world.delivery.start(flush())
    await world.clock.forward(MINUTE)

    assert world.seconds() == [0, 0.5]
    [report] = world.engine.reports
    assert (report["outcome"], report["at"], report["attempts"]) == ("withdrawn", 1.25, 2)
    assert report["why_not"] is NotSent.SILENCED


async def test_every_attempt_says_what_is_true_then() -> None:
    world = World()
    said: list[Reason] = []

    def receive(send: Send, number: int) -> None:
        said.append(send.reason)
        if number == 1:
            raise down()

    world.receive = receive
    world.engine.renewed = lambda send, now: saying(send, Reason.NEW_ALERTS) if now > START else send
    world.delivery.start(flush())
    await world.clock.forward(MINUTE)

    assert said == [Reason.FIRST, Reason.NEW_ALERTS]


async def test_retry_after_is_honoured() -> None:
    """D14."""
    world = World()

    def receive(send: Send, number: int) -> None:
        if number == 1:
            raise TemporaryError("slow down", reason=FailureReason.RATE_LIMITED, retry_after=20 * SECOND)

    world.receive = receive
    world.delivery.start(flush())
    await world.clock.forward(MINUTE)

    assert world.seconds() == [0, 20]


async def test_retry_after_beyond_the_deadline_leaves_it_to_the_next_flush() -> None:
    world = World()
    world.receive = refuse(
        TemporaryError("slow down", reason=FailureReason.RATE_LIMITED, retry_after=3600 * SECOND)
    )
    world.delivery.start(flush())
    await world.clock.forward(SECOND)

    [report] = world.engine.reports
    assert (report["outcome"], report["at"], report["reason"]) == ("failed", 0, FailureReason.RATE_LIMITED)


async def test_integrations_and_receivers_do_not_wait_for_each_other() -> None:
    world = World(limits=Limits(concurrency=2))
    world.receive = lambda send, number: hang() if send.slot.receiver == "dead" else None
    for number in range(100):
        world.delivery.start(flush(number, receiver="dead"))
    for number in range(100):
        world.delivery.start(flush(number, receiver="alive", integrations=2))
    await settle()

    assert world.engine.reports.__len__() == 200
    assert {report["slot"].receiver for report in world.engine.reports} == {"alive"}
    await world.clock.forward(5 * MINUTE)
    assert sum(report["outcome"] == "failed" for report in world.engine.reports) == 100


async def test_no_more_attempts_at_once_than_allowed() -> None:
    world = World(limits=Limits(concurrency=5))

    async def slowly() -> None:
        await world.clock.sleep_until(world.clock.now() + SECOND)

    world.receive = lambda send, number: slowly()
    for number in range(20):
        world.delivery.start(flush(number))
    await world.clock.forward(MINUTE)

    assert world.most_under_way == 5
    assert world.seconds() == [0] * 5 + [1] * 5 + [2] * 5 + [3] * 5
    assert len(world.engine.reports) == 20


async def test_waiting_for_the_next_attempt_takes_no_place() -> None:
    world = World(limits=Limits(concurrency=1))

    def receive(send: Send, number: int) -> None:
        if send.firing == {0} and number == 1:
            raise down()

    world.receive = receive
    world.delivery.start(flush(0))
    world.delivery.start(flush(1))
    await settle()

    assert world.outcomes == ["delivered at 0"]
    await world.clock.forward(SECOND)
    assert world.outcomes == ["delivered at 0", "delivered at 0.5"]


async def test_a_rate_limit_of_its_own() -> None:
    world = World(own_limits={"webhook/0": Limits(per_minute=12)})
    for number in range(5):
        world.delivery.start(flush(number))
    await world.clock.forward(MINUTE)

    assert world.seconds() == [0, 0, 5, 10, 15]
    assert len(world.engine.reports) == 5


async def test_no_limit() -> None:
    world = World(limits=Limits(concurrency=0))
    world.receive = lambda send, number: hang()
    for number in range(300):
        world.delivery.start(flush(number))
    await settle()
    await settle()

    assert world.most_under_way == 300
    await world.delivery.drain(0)


async def test_logged_integrations_are_counted() -> None:
    world = World()
    world.delivery.start(flush(logged=2))
    await settle()

    assert world.metrics.counts["notifications"] == 3
    assert world.metrics.counts["requests"] == 1


async def test_a_bug_in_an_integration_costs_its_own_message_only(caplog: pytest.LogCaptureFixture) -> None:
    world = World()

    def receive(send: Send, number: int) -> None:
        if send.firing == {0}:
            raise ZeroDivisionError

    world.receive = receive
    world.delivery.start(flush(0))
    world.delivery.start(flush(1))
    await settle()

    assert world.outcomes == ["failed at 0", "delivered at 0"]
    assert world.engine.reports[0]["error"] == "unexpected ZeroDivisionError, see the log"
    assert any(record.exc_info for record in caplog.records)


async def test_a_bug_in_the_engine_costs_its_own_message_only(caplog: pytest.LogCaptureFixture) -> None:
    world = World()

    def renewed(send: Send, now: Moment) -> Send:
        if send.firing == {0}:
            raise ZeroDivisionError
        return send

    world.engine.renewed = renewed
    world.delivery.start(flush(0))
    world.delivery.start(flush(1))
    await settle()

    assert world.outcomes == ["failed at 0", "delivered at 0"]
    assert world.delivery.in_progress == 0


async def test_a_template_that_fails_is_not_tried_again() -> None:
    """B98."""
    world = World()
    world.receive = refuse(TemplateError("no such field", file="x.tmpl", line=3))
    world.delivery.start(flush())
    await world.clock.forward(MINUTE)

    assert world.seconds() == [0]
    assert world.engine.reports[0]["error"] == "x.tmpl:3: no such field"


async def test_a_message_in_the_default_wording_is_delivered_with_a_note() -> None:
    world = World()
    world.template_failures = "text {{ .Nope }}: no such field"
    world.receive = lambda send, number: refuse(TemporaryError("503"))(send, number) if number == 1 else None
    world.delivery.start(flush())
    await world.clock.forward(MINUTE)

    assert world.seconds() == [0, 0.5]
    assert world.engine.reports[0]["outcome"] == "delivered"
    assert world.engine.reports[0]["note"] == "text {{ .Nope }}: no such field"
    assert world.metrics.counts["template failures"] == 2


async def test_a_broken_ledger_keeps_nothing_back(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.ledger.broken = True
    for number in range(3):
        world.delivery.start(flush(number))
    await settle()

    assert [report["outcome"] for report in world.engine.reports] == ["delivered"] * 3
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert said == ["What is sent cannot be written down: the disk is full"]


async def test_what_was_delivered_stays_so_when_the_ledger_takes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.ledger.refusing = True
    world.delivery.start(flush())
    await settle()

    assert world.outcomes == ["delivered at 0"]
    assert "What is sent cannot be written down: the queue is full" in caplog.text


async def test_the_intent_is_written_before_the_first_attempt_and_not_again() -> None:
    world = World()
    order: list[str] = []
    world.ledger.notes = order

    def receive(send: Send, number: int) -> None:
        order.append(f"attempt {number}")
        if number < 3:
            raise down()

    world.receive = receive
    world.delivery.start(flush())
    await world.clock.forward(MINUTE)

    assert order == ["intend webhook/0", "attempt 1", "attempt 2", "attempt 3", "delivered"]


async def test_what_the_log_says(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    world = World()
    errors = ["a", "a", "b", "a"]

    def receive(send: Send, number: int) -> None:
        if number <= len(errors):
            raise TemporaryError(errors[number - 1])

    world.receive = receive
    world.delivery.start(flush())
    await world.clock.forward(MINUTE)

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "Will try team/webhook[0] again: a"),
        ("WARNING", "Will try team/webhook[0] again: b"),
        ("WARNING", "Will try team/webhook[0] again: a"),
        ("INFO", "Delivered to team/webhook[0] after 5 attempts"),
    ]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            RejectedError("no"),
            "team/webhook[0]: notify retry canceled due to unrecoverable error after 1 attempts: no",
        ),
        (
            TemporaryError("not now", retry_after=3600 * SECOND),
            "team/webhook[0]: notify retry canceled after 1 attempts: not now",
        ),
    ],
)
async def test_how_a_message_is_given_up(
    error: Exception, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    world.receive = refuse(error)
    world.delivery.start(flush())
    await settle()

    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [text]


async def test_stopping_lets_attempts_finish() -> None:
    """D17."""
    world = World(limits=Limits(concurrency=1))

    async def slowly() -> None:
        await world.clock.sleep_until(world.clock.now() + 3 * SECOND)

    world.receive = lambda send, number: slowly()
    world.delivery.start(flush(0))
    world.delivery.start(flush(1))
    await settle()
    stopping = asyncio.create_task(world.delivery.drain())
    await world.clock.forward(3 * SECOND)
    await stopping

    assert world.outcomes == ["delivered at 3"]
    assert world.seconds() == [0]
    world.delivery.start(flush(2))
    await settle()
    assert world.seconds() == [0]


async def test_stopping_cuts_off_what_does_not_finish_in_time(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.receive = lambda send, number: hang()
    world.delivery.start(flush())
    await settle()
    stopping = asyncio.create_task(world.delivery.drain())
    await world.clock.forward(9 * SECOND)
    assert not stopping.done()
    await world.clock.forward(SECOND)
    await stopping

    assert world.calls[0].outcome == "CancelledError"
    assert world.engine.reports == []
    assert "Stopped with 1 messages on their way" in caplog.text


async def test_how_integrations_are_doing() -> None:
    world = World(limits=Limits(concurrency=1))
    world.receive = lambda send, number: (
        hang() if send.slot.receiver == "slow" else refuse(down())(send, number)
    )
    world.delivery.start(flush(0, receiver="slow"))
    world.delivery.start(flush(1, receiver="slow"))
    world.delivery.start(flush(2, receiver="down"))
    await world.clock.forward(SECOND // 10)

    slow, failing = world.delivery.status()
    assert (slow.receiver, slow.running, slow.queued, slow.waiting) == ("slow", 1, 1, 0)
    assert (failing.receiver, failing.running, failing.queued, failing.waiting) == ("down", 0, 0, 1)
    assert (failing.last_error, failing.failed_at) == ("unexpected status code 500", START)
    world.delivery.reconfigured({})
    assert len(world.delivery.status()) == 2
    await world.clock.forward(10 * MINUTE)
    world.delivery.reconfigured({})
    assert world.delivery.status() == []


async def test_ten_thousand_at_once_are_all_told_and_few_at_a_time() -> None:
    world = World()
    for number in range(10_000):
        world.delivery.start(flush(number))
    await world.idle()

    assert world.most_under_way <= 64
    assert len({call.slot for call in world.calls}) == 10_000


async def test_intents_are_written_ahead_of_the_room_so_that_the_disk_does_not_set_the_pace() -> None:
    world = World(limits=Limits(concurrency=1))
    world.receive = lambda send, number: hang()
    for number in range(1000):
        world.delivery.start(flush(number))
    await settle()

    assert len(world.calls) == 1
    assert AHEAD // 2 < world.ledger.notes.count("intend webhook/0") <= AHEAD + 1


async def test_intents_are_written_many_at_a_time() -> None:
    world = World()
    for number in range(5_000):
        world.delivery.start(flush(number))
    await world.idle()

    assert sum(world.ledger.intents) == 5_000
    assert len(world.ledger.intents) < 200 + 5_000 / (AHEAD // 2)


async def test_an_intent_that_came_to_nothing_is_taken_back() -> None:
    world = World(limits=Limits(concurrency=1))
    world.receive = lambda send, number: hang()
    world.engine.renewed = lambda send, now: (
        send if send.firing == {0} else Quiet(slot=send.slot, why_not=NotSent.SILENCED)
    )
    world.delivery.start(flush(0, interval=30 * SECOND))
    world.delivery.start(flush(1))
    await settle()
    assert world.ledger.notes == ["intend webhook/0", "intend webhook/0"]
    await world.clock.forward(30 * SECOND)

    assert world.outcomes == ["failed at 30", "withdrawn at 30"]
    assert sorted(world.ledger.notes[2:]) == ["failed", "settle webhook/0", "withdrawn"]


async def test_who_was_not_tried_before_a_stop_leaves_no_doubt() -> None:
    world = World(limits=Limits(concurrency=1))
    world.receive = lambda send, number: hang()
    for number in range(3):
        world.delivery.start(flush(number))
    await settle()
    await world.delivery.drain(0)

    assert world.ledger.notes == ["intend webhook/0"] * 3 + ["settle webhook/0"] * 2
