"""How a test waits for what happens in its own time: until it is so, however busy the machine is.

await until(lambda: len(hook.requests) == 2)
told = await until(lambda: metrics.told("Down"))
await until(daemon.is_ready)                        # may be a coroutine function
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")

#: Seconds that nothing takes but what never happens: below the limit of a whole test (pyproject.toml), to say where.
PATIENCE = 120.0

_PAUSE = 0.01


@overload
async def until(condition: Callable[[], Awaitable[T]]) -> T: ...
@overload
async def until(condition: Callable[[], T]) -> T: ...
async def until(condition: Callable[[], Any]) -> Any:
    """Ask again and again until the answer is true, and give it back. Raises TimeoutError when it never is."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = condition()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(_PAUSE)


def wait_until(condition: Callable[[], T]) -> T:
    """The same where no event loop runs, which it would hold up."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(_PAUSE)
    return found
