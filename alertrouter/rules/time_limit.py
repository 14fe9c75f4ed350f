"""Time limits for many short tasks: `asyncio.timeout` costs a tenth of what a query does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from asyncio import Task, TimerHandle

# Limits are looked at so often, in seconds, so they may be exceeded by as much.
_LOOK_EVERY: Final = 0.05


class TimeLimits:
    """Cancels the tasks whose time is up. A task has one limit at a time."""

    def __init__(self) -> None:
        self._ends: dict[Task[object], float] = {}
        self._timer: TimerHandle | None = None

    def begin(self, seconds: float) -> Task[object]:
        """From now on the current task has so long; `end` must follow."""
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        self._ends[task] = loop.time() + seconds
        if self._timer is None:
            self._timer = loop.call_later(_LOOK_EVERY, self._look, loop)
        return task

    def end(self, task: Task[object]) -> bool:
        """The task has no limit any more. Whether it was cancelled because its time was up, and for nothing else."""
        if self._ends.pop(task, None) is not None:
            return False
        # Who was cancelled by somebody else, too, must not go on.
        return task.uncancel() == 0

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task in [task for task, end in self._ends.items() if end <= now]:
            del self._ends[task]
            task.cancel()
        self._timer = loop.call_later(_LOOK_EVERY, self._look, loop) if self._ends else None
