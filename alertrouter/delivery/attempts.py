"""The attempts at single messages: what is said, what the answer means, and what becomes of the message."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Protocol

from alertrouter.core.reason import FailureReason
from alertrouter.core.time import SECOND
from alertrouter.delivery.attempt import AttemptRecord
from alertrouter.delivery.backoff import wait_after
from alertrouter.delivery.circuit import OPENS_AFTER
from alertrouter.delivery.errors import DeliveryError, RejectedError, TemporaryError
from alertrouter.delivery.lane import State
from alertrouter.delivery.trace import Untraced, failed
from alertrouter.engine.changes import RenewalRecord
from alertrouter.engine.decision import Quiet
from alertrouter.templating.errors import TemplateError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from alertrouter.clock import Clock
    from alertrouter.core.notification import ReceiverDatum
    from alertrouter.core.time import Moment
    from alertrouter.delivery.book import Book
    from alertrouter.delivery.lane import Job, Lane
    from alertrouter.delivery.ports import DeliveryEngine, DeliveryMetrics, Messages, Senders
    from alertrouter.delivery.trace import MessageTrace
    from alertrouter.engine.decision import Send

log = logging.getLogger(__name__)

# The receiver is there, and has judged what one message says or who we are.
_ANSWERS = frozenset({FailureReason.CLIENT_ERROR, FailureReason.AUTH_ERROR})


class Queues(Protocol):
    """Where messages wait for their attempts."""

    def ring(self, moment: Moment, key: int) -> None:
        """Look at the job or lane of this number again at this moment."""

    def resume(self, lane: Lane) -> None:
        """The receiver is back: whoever waited for it need not wait any longer."""

    def over(self, job: Job) -> None:
        """This one was delivered, given up, or is not due any more."""


class Attempts:
    """Tries to send one message, again if need be, and tells the engine what came of it.

    ``spread`` gives the random factor of a wait. To be used from one event loop.
    """

    def __init__(
        self,
        *,
        engine: DeliveryEngine,
        clock: Clock,
        senders: Senders,
        messages: Messages,
        book: Book,
        metrics: DeliveryMetrics,
        spread: Callable[[], float],
        queues: Queues,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._senders = senders
        self._messages = messages
        self._book = book
        self._metrics = metrics
        self._spread = spread
        self._queues = queues

    def intend(self, jobs: Sequence[Job]) -> asyncio.Future[None]:
        intent = self._book.intend([job.send.slot for job in jobs], self._clock.now())
        for job in jobs:
            job.intent = intent
        return intent

    async def advance(self, job: Job, worker: asyncio.Task[Any] | None) -> None:
        job.state = State.RUNNING
        try:
            now = self._clock.now()
            if not self._is_still_due(job, now):
                return
            if not job.attempts:
                intent = job.intent or self.intend([job])
                if not intent.done():
                    await self._book.stored(intent)
                    now = self._clock.now()
            job.started_at = now
            if now >= job.send.deadline:
                self.give_up(job, now)
                return
            job.attempts += 1
            try:
                data = await (
                    self._send(job, worker)
                    if isinstance(job.trace, Untraced)
                    else self._send_traced(job, job.trace, worker)
                )
            except DeliveryError as error:
                self._attempt_failed(job, error)
            else:
                self._attempt_succeeded(job, data)
        except Exception:
            # A bug, here or in the engine: it must not stop the other messages.
            log.exception("Delivery to %s failed unexpectedly", _name(job.send))
            if job.state is not State.DONE:
                job.error = RejectedError("unexpected error, see the log")
                self.give_up(job, self._clock.now())

    def _is_still_due(self, job: Job, now: Moment) -> bool:
        """Ask once more; the facts may say something else by now, or that there is nothing to say."""
        send = job.send
        decision = self._engine.renew(send, now)
        if decision is send:
            return True
        if isinstance(decision, Quiet):
            self._withdraw(job, decision, now)
            return False
        if not decision.says_what(send):
            self._book.renewed(RenewalRecord(now, decision.slot))
        job.send = decision
        return True

    async def _send_traced(
        self, job: Job, trace: MessageTrace, worker: asyncio.Task[Any] | None
    ) -> Mapping[str, ReceiverDatum] | None:
        with trace.attempt() as span:
            try:
                return await self._send(job, worker)
            except DeliveryError as error:
                failed(span, error)
                raise

    async def _send(self, job: Job, worker: asyncio.Task[Any] | None) -> Mapping[str, ReceiverDatum] | None:
        """One attempt; every way in which it can fail becomes a DeliveryError."""
        job.task = worker
        message = None
        send = job.send
        try:
            message = self._messages(send)
            sender = self._senders.sender(send.integration)
            return await sender.send(message)
        except DeliveryError:
            raise
        except TemplateError as error:
            raise RejectedError(str(error)) from error
        except asyncio.CancelledError:
            if not job.cut_off:
                raise
            raise TemporaryError(
                "context deadline exceeded", reason=FailureReason.CONTEXT_DEADLINE_EXCEEDED
            ) from None
        except Exception as error:
            # A bug in an integration: its own messages suffer, no others.
            log.exception("Sending to %s failed unexpectedly", _name(job.send))
            raise RejectedError(f"unexpected {type(error).__name__}, see the log") from error
        finally:
            if job.cut_off and job.task is not None:
                job.task.uncancel()
            job.task = None
            job.note = "" if message is None else message.failures
            if job.note:
                self._metrics.template_failed(send.slot.receiver, send.integration.kind)

    def _attempt_succeeded(self, job: Job, data: Mapping[str, ReceiverDatum] | None) -> None:
        now = self._clock.now()
        send, lane = job.send, job.lane
        record = self._attempt_record(job, now, None)
        lane.delivered_at = now
        lane.last_error = ""
        if job.attempts > 1:
            log.info("Delivered to %s after %d attempts", _name(send), job.attempts, extra=_about(job))
        self._metrics.notification_sent(send.slot.receiver, send.integration.kind)
        self._answered(lane)
        changes = self._engine.delivered(send, now, data, attempts=job.attempts, note=job.note)
        self._book.record(changes, record)
        self._finish(job)

    def _attempt_failed(self, job: Job, error: DeliveryError) -> None:
        now = self._clock.now()
        self._book.attempt(self._attempt_record(job, now, error))
        job.error = error
        job.lane.failed_at = now
        job.lane.last_error = str(error)
        self._judge(job, error, now)
        next_at = max(now, job.started_at + wait_after(job.attempts, self._spread()))
        if error.retry_after is not None:
            next_at = max(next_at, now + error.retry_after)
        if not isinstance(error, TemporaryError) or next_at >= job.send.deadline:
            self.give_up(job, now)
            return
        if job.logged_error != str(error):
            job.logged_error = str(error)
            log.warning("Will try %s again: %s", _name(job.send), error, extra=_about(job))
        job.state = State.WAITING
        job.next_at = next_at
        job.lane.waiting[job.id] = job
        self._queues.ring(next_at, job.id)

    def _judge(self, job: Job, error: DeliveryError, now: Moment) -> None:
        """What an error says about the receiver, as far as other messages are concerned."""
        lane, circuit = job.lane, job.lane.circuit
        if error.reason is FailureReason.RATE_LIMITED:
            self._answered(lane)
            circuit.slowed(job.epoch, now, error.retry_after)
        elif isinstance(error, TemporaryError):
            if circuit.failed(job.epoch, now, self._spread()):
                log.warning(
                    "%s failed %d times in a row: one message at a time tries it until one is taken: %s",
                    _name(job.send),
                    OPENS_AFTER,
                    error,
                    extra={"receiver": lane.receiver, "integration": lane.integration},
                )
            if error.retry_after is not None:
                circuit.slowed(job.epoch, now, error.retry_after)
        elif error.reason in _ANSWERS:
            self._answered(lane)
        if circuit.resumes_at > now:
            self._queues.ring(circuit.resumes_at, lane.id)

    def _answered(self, lane: Lane) -> None:
        if lane.circuit.answered():
            log.info(
                "%s/%s answers again",
                lane.receiver,
                lane.integration,
                extra={"receiver": lane.receiver, "integration": lane.integration},
            )
            self._queues.resume(lane)

    def _attempt_record(self, job: Job, now: Moment, error: DeliveryError | None) -> AttemptRecord:
        send = job.send
        slot = send.slot
        started_at = job.started_at
        latency = now - started_at
        self._metrics.request(slot.receiver, send.integration.kind, latency / SECOND)
        if error is None:
            return AttemptRecord(slot, send.tick, job.attempts, started_at, latency)
        self._metrics.request_failed(slot.receiver, send.integration.kind)
        return AttemptRecord(slot, send.tick, job.attempts, started_at, latency, str(error), error.reason)

    def not_begun(self, job: Job) -> None:
        if job.intent is not None and not job.attempts:
            self._book.settle(job.send.slot)

    def _withdraw(self, job: Job, quiet: Quiet, now: Moment) -> None:
        log.debug("Nothing left to tell %s: %s", _name(job.send), quiet.why_not, extra=_about(job))
        self.not_begun(job)
        self._book.record(self._engine.withdrawn(job.send, quiet, now, attempts=job.attempts))
        self._finish(job)

    def give_up(self, job: Job, now: Moment) -> None:
        error = job.error or _not_tried(job.lane, now)
        why = "" if isinstance(error, TemporaryError) else " due to unrecoverable error"
        log.error(
            "%s: notify retry canceled%s after %d attempts: %s",
            _name(job.send),
            why,
            job.attempts,
            error,
            extra=_about(job),
        )
        self._metrics.notification_failed(job.send.slot.receiver, job.send.integration.kind, error.reason)
        changes = self._engine.failed(job.send, now, error.reason, str(error), attempts=job.attempts)
        self._finish(job, str(error))
        self._book.record(changes)

    def _finish(self, job: Job, error: str = "") -> None:
        job.trace.end(error)
        if job.state is not State.RUNNING:
            job.lane.forget(job)
        job.state = State.DONE
        self._queues.over(job)


def _not_tried(lane: Lane, now: Moment) -> TemporaryError:
    text = "context deadline exceeded"
    if lane.circuit.is_open or lane.circuit.resumes_at > now:
        text += f" while the receiver was left alone after: {lane.last_error}"
    return TemporaryError(text, reason=FailureReason.CONTEXT_DEADLINE_EXCEEDED)


def _name(send: Send) -> str:
    integration = send.integration
    return f"{send.slot.receiver}/{integration.kind}[{integration.index}]"


def _about(job: Job) -> dict[str, object]:
    return {
        "receiver": job.send.slot.receiver,
        "integration": job.send.integration.key,
        "group": job.send.notification.group_key,
        "attempts": job.attempts,
    }
