"""Posts events to a URL: from a queue of its own, by several workers, so that nobody waits for a slow one."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from alertrouter.config.http import HttpConfig
from alertrouter.core.time import MILLISECOND, SECOND
from alertrouter.delivery.errors import DeliveryError
from alertrouter.http_client import HttpClient

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.clock import Clock
    from alertrouter.config.observability import WebhookOutput as WebhookConfig
    from alertrouter.core.time import Duration
    from alertrouter.events.metrics import EventMetrics

log = logging.getLogger(__name__)

# Events that find so many before them are dropped.
_LONGEST_QUEUE = 1024
_LONGEST_BACKOFF = 30 * SECOND
# After the last event a webhook has so many seconds to take what is queued.
_LONGEST_END = 30
_HEADERS = {"Content-Type": "application/json", "User-Agent": "Go-http-client/1.1"}


def origin(url: str) -> str:
    """What may be shown of a URL whose path may hold a token: scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


class WebhookOutput:
    """One webhook. Made and run on an event loop; ``write`` and ``close`` are called from the recorder's thread.

    Making one reads the TLS files: ValueError when they cannot be used. ``name`` ends in ``#2`` and so on for those
    after the first on the same host.
    """

    overhead = 0

    def __init__(self, config: WebhookConfig, *, number: int, clock: Clock, metrics: EventMetrics) -> None:
        self._url = config.url.reveal()
        self.name = f"webhook:{origin(self._url)}" + (f"#{number}" if number > 1 else "")
        self._client = HttpClient(config.http_config or HttpConfig(), clock)
        self._clock = clock
        self._metrics = metrics
        self._timeout = (config.timeout if config.timeout > 0 else 10 * SECOND) / SECOND
        self._attempts = config.max_retries if config.max_retries > 0 else 3
        self._backoff = config.retry_backoff if config.retry_backoff > 0 else 500 * MILLISECOND
        self._batch = config.batch
        self._most_events = (config.batch_max_events or 100) if config.batch else 1
        self._most_bytes = config.batch_max_bytes or 1 << 20
        self._patience = (config.batch_flush_interval or 100 * MILLISECOND) / SECOND
        # None, which stays at the end, says that no more will come.
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._turn = asyncio.Lock()
        self._left_over: bytes | None = None
        self._closed = False
        self._dropping = False
        self._failing = False
        self._loop = asyncio.get_running_loop()
        workers = config.workers if config.workers > 0 else 4
        self._workers = [self._loop.create_task(self._work()) for _ in range(workers)]
        self._running = self._loop.create_task(self._run())
        metrics.new_output(self.name)

    @property
    def ended(self) -> bool:
        """Whether everything was posted that came before ``close``, or given up."""
        return self._running.done()

    def write(self, lines: Sequence[bytes]) -> tuple[int, OSError | None]:
        """Queue these events."""
        self._loop.call_soon_threadsafe(self._offer, lines)
        return len(lines), None

    def close(self) -> None:
        """Take no more; what is queued is still posted, or given up after half a minute."""
        self._loop.call_soon_threadsafe(self._close)

    async def finish(self, patience: Duration) -> None:
        """After ``close``: wait this long for what is queued to be posted, then give up on the rest."""
        await asyncio.wait([self._running], timeout=patience / SECOND)
        self._give_up()
        await self._running

    def _close(self) -> None:
        self._closed = True
        self._queue.put_nowait(None)
        self._loop.call_later(_LONGEST_END, self._give_up)

    def _give_up(self) -> None:
        for worker in self._workers:
            worker.cancel()

    async def _run(self) -> None:
        await asyncio.gather(*self._workers, return_exceptions=True)
        left = self._queue.qsize() - self._closed + (self._left_over is not None)
        if left > 0:
            self._metrics.given_up(self.name, left)
            log.warning("%d events were not posted before the end", left, extra=self._about())
        await self._client.aclose()

    def _offer(self, lines: Sequence[bytes]) -> None:
        room = max(0, _LONGEST_QUEUE - self._queue.qsize())
        for line in lines[:room]:
            self._queue.put_nowait(line)
        for _ in lines[room:]:
            self._metrics.output_dropped(self.name)
        if len(lines) > room and not self._dropping:
            self._dropping = True
            log.warning("The queue of an event output is full: events are dropped", extra=self._about())
        elif room > _LONGEST_QUEUE // 2:
            self._dropping = False

    async def _work(self) -> None:
        while events := await self._next():
            try:
                await self._post(events)
            except Exception:
                # A bug: the events are lost, the worker is not.
                log.exception("Posting events failed unexpectedly", extra=self._about())
                self._metrics.given_up(self.name, len(events))

    async def _next(self) -> list[bytes]:
        """The events of the next request; none when there will be no more."""
        async with self._turn:
            first = self._left_over or await self._queue.get()
            self._left_over = None
            if first is None:
                self._queue.put_nowait(None)
                return []
            events, size = [first], len(first) + 2
            until = self._loop.time() + self._patience
            while len(events) < self._most_events and size < self._most_bytes:
                try:
                    async with asyncio.timeout_at(until):
                        event = await self._queue.get()
                except TimeoutError:
                    break
                if event is None:
                    self._queue.put_nowait(None)
                    break
                if size + 1 + len(event) > self._most_bytes:
                    self._left_over = event
                    break
                events.append(event)
                size += 1 + len(event)
            return events

    async def _post(self, events: Sequence[bytes]) -> None:
        body = b"[" + b",".join(events) + b"]" if self._batch else events[0]
        for attempt in range(self._attempts):
            if attempt:
                wait = min(self._backoff << (attempt - 1), _LONGEST_BACKOFF)
                await self._clock.sleep_until(self._clock.now() + wait)
            problem = await self._try(body)
            if not problem:
                if self._failing:
                    self._failing = False
                    log.info("An event output takes events again", extra=self._about())
                return
            if not self._failing:
                self._failing = True
                log.warning("An event output does not take events", extra={**self._about(), "err": problem})
        self._metrics.given_up(self.name, len(events))

    async def _try(self, body: bytes) -> str:
        """Post once; what was wrong, if anything was."""
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._client.post(self._url, content=body, headers=_HEADERS)
        except TimeoutError:
            return f"no answer within {self._timeout:g} seconds"
        except DeliveryError as error:
            return str(error)
        return "" if answer.is_success else f"it answered {answer.status_code}"

    def _about(self) -> dict[str, str]:
        return {"component": "eventrecorder", "output": self.name}
