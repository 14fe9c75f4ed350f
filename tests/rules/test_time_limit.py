"""Time limits of tasks."""

from __future__ import annotations

import asyncio

import pytest

from alertrouter.rules.time_limit import TimeLimits

pytestmark = pytest.mark.anyio


async def limited(limits: TimeLimits, seconds: float, work: float) -> str:
    task = limits.begin(seconds)
    try:
        await asyncio.sleep(work)
    except asyncio.CancelledError:
        if limits.end(task):
            return "late"
        raise
    limits.end(task)
    return "done"


async def test_who_takes_too_long_is_stopped_and_others_are_not() -> None:
    limits = TimeLimits()
    # Who were not stopped would go on for longer than a test may.
    ends = await asyncio.gather(
        limited(limits, 0.05, 3600),
        limited(limits, 3600, 0.01),
        limited(limits, 0.1, 3600),
        limited(limits, 3600, 0.2),
    )
    assert list(ends) == ["late", "done", "late", "done"]


async def test_a_task_may_go_on_after_its_time_was_up() -> None:
    limits = TimeLimits()

    async def twice() -> list[str]:
        return [await limited(limits, 0.01, 60), await limited(limits, 60, 0.01)]

    task = asyncio.create_task(twice())
    assert await task == ["late", "done"]
    assert task.cancelling() == 0


async def test_who_is_cancelled_by_somebody_is_cancelled() -> None:
    limits = TimeLimits()
    task = asyncio.create_task(limited(limits, 60, 60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_who_is_late_and_cancelled_is_cancelled() -> None:
    limits = TimeLimits()
    task = asyncio.create_task(limited(limits, 0.0, 60))
    await asyncio.sleep(0)
    limits._look(asyncio.get_running_loop())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_the_work_itself_is_its_own() -> None:
    limits = TimeLimits()
    task = limits.begin(0.01)
    with pytest.raises(ValueError, match="own"):
        raise ValueError("own")
    assert not limits.end(task)
    await asyncio.sleep(0.15)
    assert task.cancelling() == 0
