"""How busy the machine is, for what goes by its clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

_EVERY = 0.2


async def _at_once() -> None:
    return


class Lateness:
    """By how many seconds at the most something came later than it should."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @asynccontextmanager
    async def watched(self, ask: Callable[[], Awaitable[object]] = _at_once) -> AsyncIterator[None]:
        """Meanwhile, have something done at short intervals, and note how late it was done."""

        async def watch() -> None:
            while True:
                due = time.monotonic() + _EVERY
                await asyncio.sleep(_EVERY)
                try:
                    await ask()
                finally:
                    self.seconds = max(self.seconds, time.monotonic() - due)

        watching = asyncio.create_task(watch())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
