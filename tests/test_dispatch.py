"""When groups are flushed: on time, and those that are due one after the other some at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from alertrouter.core.time import MILLISECOND, SECOND
from alertrouter.dispatch import Dispatcher, Sleeper
from alertrouter.engine.changes import Changes
from tests.hurried import run_hurried

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from alertrouter.core.time import Duration, Moment


class Groups:
    """The engine and the clock, as far as timers go. ``flushed`` has when each turn was, and how many groups it took."""

    def __init__(self, *due: Moment) -> None:
        self.due = sorted(due)
        self.flushed: list[tuple[Moment, int]] = []
        self.flusher = self

    def now(self) -> Moment:
        return round(asyncio.get_running_loop().time() * SECOND)

    def next_due(self) -> Moment | None:
        return self.due[0] if self.due else None

    def none_due(self, now: Moment) -> bool:
        return not self.due or self.due[0] > now

    def flush(self, now: Moment, *, at_most: int) -> tuple[list[Any], Changes]:
        taken = [each for each in self.due if each <= now][:at_most]
        del self.due[: len(taken)]
        self.flushed.append((now, len(taken)))
        return [], Changes()


def play(groups: Groups, story: Coroutine[Any, Any, None], sleeper: Sleeper) -> None:
    engine = cast("Any", groups)
    dispatcher = Dispatcher(
        engine=engine,
        clock=engine,
        journal=cast("Any", None),
        delivery=cast("Any", None),
        metrics=cast("Any", None),
        sleeper=sleeper,
    )

    async def both() -> None:
        running = asyncio.create_task(dispatcher.run())
        await story
        running.cancel()

    run_hurried(both())


def flushes(*due: Duration, during: Duration = 10 * SECOND) -> list[tuple[Moment, int]]:
    """The turns in which groups that are due then are flushed."""
    groups = Groups(*due)
    play(groups, asyncio.sleep(during / SECOND), Sleeper(cast("Any", groups)))
    return groups.flushed


def test_a_group_is_flushed_when_it_is_due() -> None:
    dues = [2 * SECOND, 2 * SECOND + 300 * MILLISECOND, 5 * SECOND + 7]
    turns = flushes(*dues)
    assert [count for _, count in turns] == [1, 1, 1]
    for (moment, _), due in zip(turns, dues, strict=True):
        assert 0 <= moment - due <= MILLISECOND


def test_groups_that_are_due_one_after_the_other_are_flushed_some_at_a_time() -> None:
    first = 2 * SECOND
    turns = flushes(*[first + number * MILLISECOND for number in range(100)])
    assert len(turns) <= 11
    left = [first + number * MILLISECOND for number in range(100)]
    for moment, count in turns:
        assert moment - left[0] <= 11 * MILLISECOND
        del left[:count]
    assert not left


def test_what_is_due_at_once_is_flushed_at_once() -> None:
    turns = flushes(*[2 * SECOND] * 120)
    assert [count for _, count in turns] == [50, 50, 20]
    assert turns[-1][0] == turns[0][0]


def test_whoever_sleeps_is_woken_for_what_is_due_before() -> None:
    groups = Groups(8 * SECOND)
    sleeper = Sleeper(cast("Any", groups))

    async def story() -> None:
        await asyncio.sleep(2.5)
        sleeper.nudge()  # nothing has changed
        groups.due.insert(0, groups.now() - 1)
        sleeper.nudge()
        sleeper.nudge()
        await asyncio.sleep(0.1)

    play(groups, story(), sleeper)
    assert groups.flushed == [(round(2.5 * SECOND), 1)]
