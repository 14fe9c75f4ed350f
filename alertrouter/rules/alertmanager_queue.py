"""What waits to be sent to one Alertmanager, and the sending (`rules.md` 4.1, 4.3)."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from alertrouter.config.secret_texts import Scrubber, secrets_of
from alertrouter.core.time import MILLISECOND, SECOND
from alertrouter.delivery.errors import DeliveryError, TemporaryError
from alertrouter.rules.answer import shortened
from alertrouter.rules.backend import USER_AGENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from alertrouter.clock import Timer
    from alertrouter.core.labels import Labels
    from alertrouter.core.time import Duration
    from alertrouter.http_client import HttpClient
    from alertrouter.rules.query_config import AlertmanagersConfig
    from alertrouter.rules.wire_metrics import AlertmanagerMetrics

log = logging.getLogger(__name__)

# The waits between the attempts: what fails three times in a row is left to the next time the alert is sent.
_WAITS: Final = (500 * MILLISECOND, 2 * SECOND)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedAlert:
    """An alert as it is sent: its identity, its JSON, and the headers that its group adds to the request."""

    labels: Labels
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class AlertmanagerQueue:
    """Alerts for one Alertmanager, sent in batches, one request after the other.

    Of an alert that waits and comes again, the newest is kept. Beyond ``capacity`` the oldest are dropped.
    """

    def __init__(
        self,
        url: str,
        config: AlertmanagersConfig,
        http: HttpClient,
        clock: Timer,
        metrics: AlertmanagerMetrics,
        *,
        capacity: int,
        batch: int,
    ) -> None:
        self._url = url
        self._config = config
        self._http = http
        self._clock = clock
        self._metrics = metrics
        self._capacity = capacity
        self._batch = batch
        self._scrub = Scrubber(secrets_of([config, url])).scrub
        self._waiting: dict[Labels, QueuedAlert] = {}
        self._under_way = 0
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._task: asyncio.Task[None] | None = None
        metrics.capacity(capacity)
        metrics.waiting(0)

    def add(self, alerts: Iterable[QueuedAlert]) -> None:
        """Queue alerts, and return at once."""
        for alert in alerts:
            self._waiting[alert.labels] = alert
        over = len(self._waiting) - self._capacity
        if over > 0:
            for labels in list(self._waiting)[:over]:
                del self._waiting[labels]
            self._metrics.dropped(over)
            log.warning("alerts were dropped: the queue is full", extra={"alerts": over})
        self._metrics.waiting(len(self._waiting))
        if self._waiting:
            self._emptied.clear()
            self._filled.set()
            if self._task is None:
                self._task = asyncio.get_running_loop().create_task(self._send_all(), name="alertmanager")

    async def drain(self, limit: Duration) -> None:
        """Send what is queued, as far as the time allows, and end."""
        try:
            async with asyncio.timeout(limit / SECOND):
                await self._emptied.wait()
        except TimeoutError:
            left = len(self._waiting) + self._under_way
            self._metrics.dropped(left)
            log.warning("alerts were not sent before the end", extra={"alerts": left})
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _send_all(self) -> None:
        while True:
            await self._filled.wait()
            batch = self._next_batch()
            self._under_way = len(batch)
            self._metrics.waiting(len(self._waiting))
            try:
                await self._send(batch)
            except Exception:
                log.exception("alerts could not be sent")
                self._metrics.dropped(len(batch))
            self._under_way = 0
            if not self._waiting:
                self._filled.clear()
                self._emptied.set()

    def _next_batch(self) -> list[QueuedAlert]:
        """The oldest alerts, as many as go in one request with the same headers."""
        batch: list[QueuedAlert] = []
        for alert in self._waiting.values():
            if len(batch) == self._batch or alert.headers != (batch or [alert])[0].headers:
                break
            batch.append(alert)
        for alert in batch:
            del self._waiting[alert.labels]
        return batch

    async def _send(self, batch: Sequence[QueuedAlert]) -> None:
        for wait in (*_WAITS, None):
            began = self._clock.now()
            failure, again = await self._attempt(batch)
            self._metrics.attempt(len(batch), (self._clock.now() - began) / SECOND)
            if failure is None:
                return
            self._metrics.failed(len(batch))
            if wait is None or not again:
                break
            await self._clock.sleep_for(wait)
            batch = [alert for alert in batch if alert.labels not in self._waiting]
            self._under_way = len(batch)
            if not batch:
                return
        self._metrics.dropped(len(batch))
        log.error("alerts could not be sent", extra={"alerts": len(batch), "because": failure})

    async def _attempt(self, batch: Sequence[QueuedAlert]) -> tuple[str | None, bool]:
        """Why the alerts were not taken, None if they were; and whether to try again."""
        headers = {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            **self._config.tenant_headers,
        }
        headers |= dict(batch[0].headers)
        body = b"[" + b",".join([alert.body for alert in batch]) + b"]"
        try:
            async with asyncio.timeout(self._config.timeout / SECOND):
                answer = await self._http.post(self._url, content=body, headers=headers)
        except TimeoutError:
            return "timed out", True
        except DeliveryError as error:
            return self._scrub(str(error)), isinstance(error, TemporaryError)
        if answer.is_success:
            return None, False
        again = answer.status_code == 429 or answer.status_code >= 500
        return f"answered {answer.status_code}: {self._scrub(shortened(answer.content))}", again
