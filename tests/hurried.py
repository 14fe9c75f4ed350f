"""An event loop whose time jumps to the next thing that is due, for what waits on the loop's own clock."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Jump(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if not timeout:
            return super().select(timeout)
        self.passed += timeout
        return super().select(0)


class _HurriedLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        """The seconds that were jumped over."""
        return self._jump.passed


def run_hurried(story: Coroutine[Any, Any, T]) -> T:
    """Run it with nothing but its own sleeps passing. It must not wait for threads or sockets."""
    with asyncio.Runner(loop_factory=_HurriedLoop) as runner:
        return runner.run(story)
