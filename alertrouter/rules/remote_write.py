"""Writing samples to a backend: recorded series, ``ALERTS``, stale markers (`rules.md` 3.5)."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Final

from alertrouter.config.secret_texts import Scrubber, secrets_of
from alertrouter.core.time import MILLISECOND, SECOND
from alertrouter.delivery.errors import DeliveryError, TemporaryError
from alertrouter.http_client import HttpClient
from alertrouter.rules.answer import shortened
from alertrouter.rules.backend import USER_AGENT, shown_url
from alertrouter.rules.relabel import Relabeling
from alertrouter.rules.write_request import encoded_series, packed_request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alertrouter.clock import Timer
    from alertrouter.core.time import Duration, Moment
    from alertrouter.rules.ports import Point, Writer
    from alertrouter.rules.query_config import RemoteWriteConfig
    from alertrouter.rules.wire_metrics import WriteMetrics

log = logging.getLogger(__name__)

# What the rules of a group write comes within moments of one another: one request for all of it.
_GATHER: Final = 50 * MILLISECOND
#: What is still queued at the end is given so long.
LAST_WORDS: Final = 10 * SECOND


class RemoteWriter:
    """Sends samples to one receiver, in the order in which they came, as one request after another.

    The queue has room for ``queue_config.capacity`` samples: beyond that the oldest are dropped, and counted. What
    fails for the moment is tried again until it is taken; what is refused is dropped, and counted. ``external_labels``
    are added to series that have no such label. ValueError when a TLS file cannot be used.
    """

    def __init__(
        self,
        config: RemoteWriteConfig,
        clock: Timer,
        metrics: WriteMetrics,
        *,
        external_labels: Mapping[str, str] | None = None,
        last_words: Duration = LAST_WORDS,
    ) -> None:
        self._config = config
        self._last_words = last_words
        self._url = config.url.reveal()
        self._clock = clock
        self._http = HttpClient(config, clock)
        self._scrub = Scrubber(secrets_of([config, self._url])).scrub
        self._relabeling = Relabeling(config.write_relabel_configs)
        self._external_labels = dict(external_labels or {})
        self._headers = {
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
            "User-Agent": USER_AGENT,
            **config.tenant_headers,
        }
        self._metrics = metrics.of(config.name or shown_url(self._url), shown_url(self._url))
        self._metrics.capacity(config.queue_config.capacity)
        self._queue: deque[tuple[Moment, bytes]] = deque()
        self._sending: list[tuple[Moment, bytes]] = []
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._hurried = asyncio.Event()
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    def write(self, points: Sequence[Point]) -> None:
        """Queue samples, and return at once."""
        for point in points:
            series = self._encoded(point)
            if series is not None:
                self._queue.append((point.at, series))
        over = len(self._queue) + len(self._sending) - self._config.queue_config.capacity
        for _ in range(min(over, len(self._queue))):
            self._queue.popleft()
            self._metrics.dropped(1)
        self._metrics.pending(len(self._queue) + len(self._sending))
        if self._queue:
            self._emptied.clear()
            self._filled.set()
            if self._task is None:
                self._task = asyncio.get_running_loop().create_task(self._send_all(), name="remote write")

    async def flush(self, timeout: Duration) -> None:  # noqa: ASYNC109 - the time being up is no failure
        """Return when everything queued is written or refused, or the time is up."""
        self._hurried.set()
        try:
            async with asyncio.timeout(timeout / SECOND):
                await self._emptied.wait()
        except TimeoutError:
            left = len(self._queue) + len(self._sending)
            log.warning("samples are not written yet", extra={"samples": left})
        finally:
            self._hurried.clear()

    async def aclose(self) -> None:
        """Write what is queued, within ``last_words``, and close the connection."""
        if self._task is not None:
            await self.flush(self._last_words)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        lost = len(self._queue) + len(self._sending)
        if lost:
            self._metrics.dropped(lost)
        await self._http.aclose()

    def _encoded(self, point: Point) -> bytes | None:
        if not self._external_labels and not self._relabeling:
            return encoded_series(point.labels, point.at, point.value)
        labels = self._relabeling.apply({**self._external_labels, **point.labels})
        return None if labels is None else encoded_series(labels, point.at, point.value)

    async def _send_all(self) -> None:
        most = self._config.queue_config.max_samples_per_send
        while True:
            await self._filled.wait()
            if len(self._queue) < most:
                await self._pause(_GATHER)
            self._sending = [self._queue.popleft() for _ in range(min(most, len(self._queue)))]
            try:
                if self._sending:
                    await self._send(self._sending)
            except Exception:
                log.exception("samples could not be written")
                self._metrics.failed(len(self._sending))
            self._sending = []
            self._metrics.pending(len(self._queue))
            if not self._queue:
                self._filled.clear()
                self._emptied.set()

    async def _pause(self, length: Duration) -> None:
        """Wait, or until somebody is in a hurry."""
        waits = [
            asyncio.ensure_future(self._clock.sleep_for(length)),
            asyncio.ensure_future(self._hurried.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _send(self, samples: Sequence[tuple[Moment, bytes]]) -> None:
        body = packed_request([series for _, series in samples])
        backoff = self._config.queue_config.min_backoff
        while True:
            began = self._clock.now()
            wait, why = await self._attempt(body, len(samples))
            self._metrics.attempt((self._clock.now() - began) / SECOND)
            if wait is None:
                break
            self._failing = self._failing or self._tell(why)
            self._metrics.retried(len(samples))
            wait = max(wait, backoff)
            await self._clock.sleep_for(wait)
            backoff = min(2 * backoff, self._config.queue_config.max_backoff)
        if not why:
            if self._failing:
                log.info("samples are written again")
            self._failing = False
            self._metrics.sent(len(samples), len(body), max(at for at, _ in samples) / SECOND)

    def _tell(self, why: str) -> bool:
        log.warning("samples cannot be written for now", extra={"because": why})
        return True

    async def _attempt(self, body: bytes, count: int) -> tuple[Duration | None, str]:
        """How long to wait before the next attempt, None when there is to be none; and why it failed, if it did."""
        try:
            async with asyncio.timeout(self._config.timeout / SECOND):
                answer = await self._http.post(self._url, content=body, headers=self._headers)
        except TimeoutError:
            return 0, "timed out"
        except TemporaryError as error:
            return 0, self._scrub(str(error))
        except DeliveryError as error:
            self._refused(count, self._scrub(str(error)))
            return None, "refused"
        if answer.is_success:
            return None, ""
        why = f"answered {answer.status_code}: {self._scrub(shortened(answer.content))}"
        if answer.status_code == 429 or answer.status_code >= 500:
            return answer.retry_after or 0, why
        self._refused(count, why)
        return None, "refused"

    def _refused(self, count: int, why: str) -> None:
        self._metrics.failed(count)
        log.error("samples were refused", extra={"samples": count, "because": why})


class RemoteWriters:
    """Sends samples to several receivers, each at its own pace."""

    def __init__(self, writers: Sequence[Writer]) -> None:
        self._writers = writers

    def write(self, points: Sequence[Point]) -> None:
        """Queue samples for each, and return at once."""
        for writer in self._writers:
            writer.write(points)

    async def flush(self, timeout: Duration) -> None:  # noqa: ASYNC109 - the time being up is no failure
        """Return when everything queued is written or refused, or the time is up."""
        await asyncio.gather(*[writer.flush(timeout) for writer in self._writers])

    async def aclose(self) -> None:
        """Write what is queued, within ten seconds, and close the connections."""
        await asyncio.gather(*[writer.aclose() for writer in self._writers])
