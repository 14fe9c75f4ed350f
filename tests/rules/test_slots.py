"""When groups are evaluated (`rules.md` R1 to R12)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertrouter.core.time import HOUR, MINUTE, SECOND
from alertrouter.rules.ports import Answer
from alertrouter.rules.slots import Due, Slots, query_time, slots_of
from tests.rules.story import START, PlayedBackend, alerting, group, minutes, sample
from tests.rules.world import Played, rule_set, settle

if TYPE_CHECKING:
    from alertrouter.core.time import Duration, Moment
    from alertrouter.rules.model import RuleGroup

pytestmark = pytest.mark.anyio

NOON: Moment = 1_700_049_600 * SECOND
SLOTS = Slots(MINUTE, 17 * SECOND)


@pytest.mark.parametrize(("started", "first"), [(5, 17), (20, 77)])  # R1, R2
def test_the_first_evaluation_is_at_the_next_slot(started: int, first: int) -> None:
    at = SLOTS.first(NOON + started * SECOND)
    assert at == NOON + first * SECOND
    assert SLOTS.next(at, at) == Due(at + MINUTE, 0)


def test_slots_are_the_same_after_a_restart_and_differ_by_group() -> None:  # R4
    assert slots_of(group(), MINUTE) == slots_of(group(alerting()), MINUTE)
    assert slots_of(group(), MINUTE) != slots_of(group(name="other"), MINUTE)
    assert slots_of(group(), MINUTE) != slots_of(group(file="other.yml"), MINUTE)


def test_slots_are_those_of_prometheus() -> None:
    # The 64-bit xxHash of file and name as a label set, which is what Prometheus takes.
    assert slots_of(group(), MINUTE).offset == 5_836_504_115_124_920_920 % MINUTE


def test_missed_slots_are_counted_and_left_out() -> None:  # R5, R6
    slots = Slots(MINUTE, 0)
    assert slots.next(START, START + 150 * SECOND) == Due(START + 2 * MINUTE, 1)
    assert slots.next(START, START + 59 * SECOND) == Due(START + MINUTE, 0)
    assert slots.next(START, START + 119 * SECOND) == Due(START + MINUTE, 0)


@given(st.integers(1, 10**12), st.integers(0, 10**12), st.integers(0, 2**60), st.integers(0, 10**14))
def test_the_next_slot_is_a_slot_and_none_is_forgotten(
    interval: int, offset: int, start: int, late: int
) -> None:
    slots = Slots(interval, offset)
    last = slots.first(start)
    assert 0 < last - start <= interval
    due = slots.next(last, last + late)
    assert (due.at - offset) % interval == 0
    assert due.at == last + (due.missed + 1) * interval
    # It is about to come, or has begun and is the last that has.
    assert due.at > last + late - interval


def test_groups_are_spread_over_the_interval() -> None:  # R7
    firsts = [slots_of(group(name=f"rules {number}"), MINUTE).first(NOON) for number in range(100)]
    in_any_window = [sum(begin <= each < begin + 3 * SECOND for each in firsts) for begin in firsts]
    assert max(in_any_window) <= 10


@pytest.mark.parametrize(("offset", "second"), [(10, 10), (-10, 50)])  # R9
def test_eval_offset_says_at_which_second(offset: int, second: int) -> None:
    slots = slots_of(group(eval_offset=offset * SECOND), MINUTE)
    assert slots.first(NOON) == NOON + second * SECOND


def test_slots_may_be_whole_intervals() -> None:
    assert slots_of(group(align_to_interval=True), MINUTE) == Slots(MINUTE, 0)


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({}, 100),
        ({"query_offset": MINUTE}, 60),  # R10
        ({"query_offset": 0}, 120),  # R11
        ({"eval_delay": 30 * SECOND}, 90),
        ({"eval_offset": 10 * SECOND}, 120),
        ({"eval_alignment": True}, 60),
    ],
)
def test_the_moment_that_is_asked_for(fields: dict[str, Duration], asked: int) -> None:
    moment = query_time(group(**fields), NOON + 120 * SECOND, MINUTE, 20 * SECOND)
    assert moment == NOON + asked * SECOND


# On a clock


def aligned(**fields: object) -> RuleGroup:
    return group(alerting(), align_to_interval=True, **fields)


async def started(*groups: RuleGroup, **settings: object) -> Played:
    played = Played(**settings)  # type: ignore[arg-type]
    await played.manager.start(rule_set(*groups))
    return played


async def test_every_slot_is_evaluated_at_its_moment() -> None:
    played = await started(aligned())
    await played.minutes(3.5)
    assert played.backend.asked == [("up == 0", 1), ("up == 0", 2), ("up == 0", 3)]
    await played.manager.stop()


async def test_a_late_start_of_an_evaluation_asks_for_the_slot() -> None:  # R3
    played = await started(aligned())
    await played.clock.forward(MINUTE - SECOND)
    played.clock.set(SECOND + SECOND * 4 // 10)
    await played.clock.forward(SECOND)
    assert played.backend.asked == [("up == 0", 1)]
    (live,) = played.manager.groups()
    assert live.began_at is not None
    assert live.began_at > START + MINUTE
    await played.manager.stop()


class SlowBackend(PlayedBackend):
    """Takes its time for a name, or for ever."""

    def __init__(self, played: Played) -> None:
        super().__init__()
        self._clock = played.clock
        self.seconds = {"slow": 0.0}

    async def query(
        self,
        expression: str,
        at: Moment,
        *,
        timeout: Duration,  # noqa: ASYNC109 - as the port has it
        group: RuleGroup | None = None,
    ) -> Answer:
        answer = await super().query(expression, at, timeout=timeout, group=group)
        if wait := self.seconds.get(expression, 0):
            await self._clock.sleep_for(round(wait * SECOND))
        return answer


async def slow(seconds: float, *groups: RuleGroup) -> tuple[Played, SlowBackend]:
    played = Played()
    backend = SlowBackend(played)
    backend.seconds["slow"] = seconds
    played.world.backend = backend
    await played.manager.start(rule_set(*groups))
    return played, backend


async def ended(played: Played) -> None:
    """Stopped, once the answers that are waited for have come."""
    stopping = asyncio.create_task(played.manager.stop())
    await settle()
    await played.clock.forward(10**6 * SECOND)
    await stopping


async def test_an_iteration_that_takes_too_long_is_followed_at_once() -> None:  # R5
    rules = group(alerting("A", "slow"), align_to_interval=True)
    played, backend = await slow(150, rules)
    await played.minutes(1)
    backend.seconds["slow"] = 0
    await played.minutes(2.5)
    assert [at for _, at in backend.asked] == [1, 3]
    counts = played.manager.groups()[0].counts
    assert (counts.iterations, counts.missed) == (3, 1)
    await played.manager.stop()


async def test_an_iteration_that_takes_nearly_an_interval_misses_nothing() -> None:  # R6
    played, backend = await slow(59, group(alerting("A", "slow"), align_to_interval=True))
    await played.minutes(4)
    assert [at for _, at in backend.asked] == [1, 2, 3, 4]
    assert played.manager.groups()[0].counts.missed == 0
    await ended(played)


async def test_a_group_that_hangs_keeps_nobody_waiting() -> None:  # R8, R67
    hanging = group(alerting("A", "slow"), align_to_interval=True)
    played, backend = await slow(10**6, hanging, aligned(name="other"))
    await played.minutes(5)
    assert [at for expression, at in backend.asked if expression == "up == 0"] == [1, 2, 3, 4, 5]
    await ended(played)


async def test_rules_under_way_are_finished_before_a_stop() -> None:
    rules = group(alerting("A", "slow"), alerting("B", "later"), align_to_interval=True, concurrency=1)
    played, backend = await slow(30, rules)
    backend.answers["slow"] = [sample()]
    await played.minutes(1)
    stopping = asyncio.create_task(played.manager.stop())
    await settle()
    await played.minutes(1)
    await stopping
    assert [expression for expression, _ in backend.asked] == ["slow"]
    assert [each.labels["alertname"] for each in played.sent] == ["A"]
    assert played.changes[-1].alerts


async def test_a_clock_set_back_is_followed() -> None:  # R12
    played = await started(aligned())
    played.backend.answers["up == 0"] = lambda minute: [sample()] if minute < 100 else []
    await played.minutes(5)
    before = played.manager.groups()[0].rules[0].alerts
    assert [minutes(each.active_at) for each in before.values()] == [1]
    played.clock.set(-10 * MINUTE)
    await played.minutes(3)
    (live,) = played.manager.groups()
    assert live.counts.resets == 1
    assert live.counts.missed == 0
    assert [at for _, at in played.backend.asked] == [1, 2, 3, 4, 5, -4, -3, -2]
    # What had lasted four minutes has lasted seven by now, and nothing was resolved.
    (alert,) = live.rules[0].alerts.values()
    assert minutes(alert.active_at) == -9
    assert all(each.ends > each.at for each in played.sent)
    # What is stored was of another time: it is written anew.
    assert [change.alerts[0].alert.active_at for change in played.changes if change.alerts][
        -1
    ] == alert.active_at
    await played.manager.stop()


async def test_a_clock_set_forth_is_followed() -> None:
    played = await started(aligned())
    await played.minutes(2)
    played.clock.set(10 * MINUTE)
    await played.minutes(1.5)
    assert [at for _, at in played.backend.asked] == [1, 2, 12, 13]
    counts = played.manager.groups()[0].counts
    assert (counts.iterations, counts.missed) == (13, 9)
    await played.manager.stop()


async def test_a_small_step_back_only_delays() -> None:
    played = await started(aligned())
    await played.minutes(2.1)
    played.clock.set(-10 * SECOND)
    await played.minutes(2)
    assert [at for _, at in played.backend.asked] == [1, 2, 3]
    assert played.manager.groups()[0].counts.resets == 0
    await played.manager.stop()


async def test_groups_without_an_interval_have_the_default() -> None:
    played = await started(aligned(interval=None))
    (live,) = played.manager.groups()
    assert live.interval == MINUTE
    await played.minutes(HOUR / MINUTE)
    assert live.counts.iterations == 60
    await played.manager.stop()


async def test_a_bug_in_one_evaluation_is_logged_and_the_next_is_made(
    caplog: pytest.LogCaptureFixture,
) -> None:
    played = await started(aligned())
    played.world.remember = lambda changes: 1 // 0 if len(played.backend.asked) == 2 else None
    await played.minutes(3)
    assert [at for _, at in played.backend.asked] == [1, 2, 3]
    assert "A group could not be evaluated because of a bug" in caplog.text
    await played.manager.stop()
