"""The end of the record, for those who follow it live: what was committed last, read once for all of them."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from alertrouter.store import history
from alertrouter.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from alertrouter.insight.happenings import Happening
    from alertrouter.store.store import Store

log = logging.getLogger(__name__)

# What is kept for all together, and at once read.
_MOST_KEPT = 4096
_MOST_BYTES = 16 << 20
_AT_ONCE = 500
# Looked for without having been told of anything, in seconds: another process may write, too.
_PATIENCE = 5.0


class Follower:
    """Follows the record while somebody listens, and does nothing while nobody does.

    ``begin`` and ``end`` frame each listener's time. A listener holds a number, the place up to which it knows everything,
    and asks for what came after it: of ``kept`` while that reaches back so far, of the record otherwise. ``caught_up`` waits
    for what was acknowledged and is not in the record yet.
    """

    def __init__(self, store: Store, caught_up: Callable[[], Awaitable[None]]) -> None:
        self.listeners = 0
        self.number = 0
        self.closed = False
        self._store = store
        self._caught_up = caught_up
        self._kept: deque[Happening] = deque()
        self._bytes = 0
        self._kept_after = 0
        self._bell = asyncio.Event()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def ring(self) -> None:
        """Something was committed."""
        if self.listeners:
            self._bell.set()

    def close(self) -> None:
        """Let all listeners end."""
        self.closed = True
        self._news.set()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def begin(self) -> None:
        """Somebody listens from now on. Raises StoreError when the record cannot be read."""
        self.listeners += 1
        try:
            if self._task is None:
                await self._caught_up()
                self._start_after(await asyncio.to_thread(self._last_number))
        except BaseException:
            self.end()
            raise

    def _start_after(self, number: int) -> None:
        if self._task is None and not self.closed:
            self.number = self._kept_after = number
            self._task = asyncio.create_task(self._follow())

    def end(self) -> None:
        """Somebody listens no more."""
        self.listeners -= 1
        if not self.listeners and self._task is not None:
            self._task.cancel()
            self._task = None
            self._kept.clear()
            self._bytes = 0

    def _last_number(self) -> int:
        with self._store.reader() as connection:
            return history.last_number(connection)

    def is_kept(self, number: int) -> bool:
        """Whether everything after this number is at hand."""
        return number >= self._kept_after

    def kept(self, after: int) -> list[Happening]:
        """What is at hand with a greater number."""
        found: list[Happening] = []
        for line in reversed(self._kept):
            if line.number <= after:
                break
            found.append(line)
        found.reverse()
        return found

    async def recorded(self, after: int) -> tuple[list[Happening], int]:
        """Some of what the record has after this number, and the number up to which that is all. Raises StoreError."""
        await self._caught_up()
        return await asyncio.to_thread(self._read, after)

    async def is_gone(self, after: int) -> bool:
        """Whether the record has lost what came after this number, or never had it. Raises StoreError."""

        def ask() -> bool:
            with self._store.reader() as connection:
                return after > history.last_number(connection) or history.is_gone(connection, after)

        await self._caught_up()
        return await asyncio.to_thread(ask)

    async def news(self, after: int) -> None:
        """Wait until there is something with a greater number, or the end."""
        while self.number <= after and not self.closed:
            await self._news.wait()

    def _read(self, after: int) -> tuple[list[Happening], int]:
        from alertrouter.insight import happenings  # not before somebody listens

        with self._store.reader() as connection:
            return happenings.read(connection, after, _AT_ONCE)

    async def _follow(self) -> None:
        while True:
            self._bell.clear()
            await self._caught_up()
            try:
                lines, number = await asyncio.to_thread(self._read, self.number)
            except StoreError as error:
                log.warning("the record cannot be followed", extra={"because": str(error)})
                lines, number = [], self.number
            if number > self.number:
                self._keep(lines)
                self.number = number
                self._news.set()
                self._news = asyncio.Event()
            if len(lines) < _AT_ONCE:
                await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._bell.wait()
        except TimeoutError:
            return

    def _keep(self, lines: list[Happening]) -> None:
        self._kept.extend(lines)
        self._bytes += sum(len(line.data) for line in lines)
        while self._kept and (len(self._kept) > _MOST_KEPT or self._bytes > _MOST_BYTES):
            gone = self._kept.popleft()
            self._bytes -= len(gone.data)
            self._kept_after = gone.number
