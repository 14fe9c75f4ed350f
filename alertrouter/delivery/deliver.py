"""Delivery: takes the decisions of a flush and stays with each until its receiver took it or time is up.

Between two awaits nothing else runs, so a job's state needs no lock. What a message says, whether it is due at
all and what its outcome means are the engine's to tell.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alertrouter.core.reason import FailureReason
from alertrouter.core.time import SECOND
from alertrouter.delivery.alarm import Alarm
from alertrouter.delivery.attempt import AttemptRecord
from alertrouter.delivery.backoff import wait_after
from alertrouter.delivery.book import Book
from alertrouter.delivery.circuit import OPENS_AFTER, Circuit
from alertrouter.delivery.errors import DeliveryError, RejectedError, TemporaryError
from alertrouter.delivery.lane import Job, Lane, State
from alertrouter.delivery.trace import failed, trace_of
from alertrouter.engine.changes import RenewalRecord
from alertrouter.engine.decision import Quiet
from alertrouter.templating.errors import TemplateError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from alertrouter.clock import Clock
    from alertrouter.core.notification import ReceiverDatum
    from alertrouter.core.receiver import Receiver
    from alertrouter.core.time import Duration, Moment
    from alertrouter.delivery.ports import (
        DeliveryEngine,
        DeliveryLedger,
        DeliveryMetrics,
        DeliverySettings,
        Messages,
        Senders,
    )
    from alertrouter.delivery.status import LaneStatus
    from alertrouter.engine.decision import Flush, Send

log = logging.getLogger(__name__)

# The receiver is there, and has judged what one message says or who we are.
_ANSWERS = frozenset({FailureReason.CLIENT_ERROR, FailureReason.AUTH_ERROR})


class Delivery:
    """Makes the attempts, as many at once per integration as its limits allow.

    ``spread`` gives the random factor of a wait. Must be used from one event loop.
    """

    def __init__(
        self,
        *,
        engine: DeliveryEngine,
        clock: Clock,
        senders: Senders,
        messages: Messages,
        ledger: DeliveryLedger,
        metrics: DeliveryMetrics,
        settings: DeliverySettings,
        spread: Callable[[], float] = lambda: random.uniform(0.5, 1.5),  # noqa: S311 -- no secret
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._senders = senders
        self._messages = messages
        self._book = Book(ledger)
        self._metrics = metrics
        self._settings = settings
        self._spread = spread
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._jobs: dict[int, Job] = {}
        self._last_id = 0  # of jobs and lanes alike: the alarm rings for either
        self._lane_of_id: dict[int, Lane] = {}
        self._alarm = Alarm(clock, self._wake)
        self._workers: set[asyncio.Task[None]] = set()
        self._stopping = False

    def start(self, flush: Flush) -> None:
        """Begin the attempts of every message of a flush; returns at once.

        Also counts the integrations whose log moved on without a message.
        """
        if self._stopping:
            return
        for integration in flush.logged:
            self._metrics.notification(flush.route.receiver.name, integration.kind)
        trace = trace_of(flush)
        for send in flush.sends:
            self._metrics.notification(send.slot.receiver, send.integration.kind)
            job = Job(id=self._new_id(), send=send, lane=self._lane(send), trace=trace.message(send))
            self._jobs[job.id] = job
            self._alarm.set(send.deadline, job.id)
            lane = job.lane
            lane.unwritten[job.id] = job
            self._enqueue(job)
            # Who begins writes first, for all that have come by then.
            if lane.is_full:
                self._write_ahead(lane)

    @property
    def in_progress(self) -> int:
        """How many messages have neither been delivered nor given up."""
        return len(self._jobs)

    @property
    def is_rushed(self) -> bool:
        """Whether messages wait for room at a receiver that takes them."""
        return any(lane.ready and lane.is_full and not lane.circuit.is_open for lane in self._lanes.values())

    def status(self) -> list[LaneStatus]:
        """How every integration that was ever told something is doing."""
        now = self._clock.now()
        return [lane.status(now) for lane in self._lanes.values()]

    def reconfigured(self, receivers: Mapping[str, Receiver]) -> None:
        """After a reload: forget how integrations did that are no more, once nothing is under way there.

        Those that did not answer are tried at once: what was wrong may have been put right.
        """
        named = {
            (receiver.name, each.key) for receiver in receivers.values() for each in receiver.integrations
        }
        self._lanes = {key: lane for key, lane in self._lanes.items() if key in named or lane.is_busy}
        self._lane_of_id = {lane.id: lane for lane in self._lanes.values()}
        for lane in self._lanes.values():
            if lane.circuit.is_open:
                lane.circuit = Circuit()
                self._resume(lane)

    def clock_set(self, by: Duration) -> None:
        """The clock was set by this much, forth or back: waits and deadlines move along, decisions are taken again."""
        for job in self._jobs.values():
            job.send = replace(job.send, deadline=job.send.deadline + by, valid_until=0)
            job.next_at += by
            self._alarm.set(job.send.deadline, job.id)
            if job.state is State.WAITING:
                self._alarm.set(job.next_at, job.id)
        for lane in self._lanes.values():
            lane.circuit.clock_set(by)
            lane.pace.clock_set(by)
            self._alarm.set(lane.circuit.resumes_at, lane.id)

    async def drain(self, timeout: Duration | None = None) -> None:  # noqa: ASYNC109 -- on our clock
        """Stop: begin no attempt any more, let those under way finish for this long, then cut them off (D17).

        What was not delivered is not reported to the engine: it is due again after the start.
        """
        self._stopping = True
        self._alarm.stop()
        limit = self._settings.drain_timeout if timeout is None else timeout
        await self._until_done(self._workers, self._clock.now() + limit)
        cut_off = [worker for worker in self._workers if not worker.done()]
        for worker in cut_off:
            worker.cancel()
        await asyncio.gather(*cut_off, return_exceptions=True)
        for job in self._jobs.values():
            self._not_begun(job)
            job.trace.end("the server stopped")
        await self._book.settled()
        if self._jobs:
            log.warning(
                "Stopped with %d messages on their way, %d of them in the middle of an attempt",
                len(self._jobs),
                len(cut_off),
            )

    async def _until_done(self, tasks: set[asyncio.Task[None]], moment: Moment) -> None:
        alarm = asyncio.ensure_future(self._clock.sleep_until(moment))
        left = set(tasks)
        while left and not alarm.done():
            await asyncio.wait({*left, alarm}, return_when=asyncio.FIRST_COMPLETED)
            left = {task for task in left if not task.done()}
        alarm.cancel()

    # Queues

    def _new_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _lane(self, send: Send) -> Lane:
        limits = self._senders.limits(send.integration) or self._settings.limits
        key = (send.slot.receiver, send.slot.integration)
        lane = self._lanes.get(key)
        if lane is None:
            lane = Lane(id=self._new_id(), receiver=key[0], integration=key[1], limits=limits)
            self._lanes[key] = self._lane_of_id[lane.id] = lane
        elif lane.limits != limits:
            lane.bound_by(limits)
        return lane

    def _enqueue(self, job: Job) -> None:
        job.state = State.READY
        job.lane.waiting.pop(job.id, None)
        job.lane.ready[job.id] = job
        self._run(job.lane)

    def _resume(self, lane: Lane) -> None:
        """The receiver is back: whoever waited for it need not wait any longer."""
        for job in list(lane.waiting.values()):
            self._enqueue(job)
        self._run(lane)

    def _write_ahead(self, lane: Lane) -> None:
        if jobs := lane.to_write():
            self._intend(jobs)

    def _intend(self, jobs: Sequence[Job]) -> asyncio.Future[None]:
        intent = self._book.intend([job.send.slot for job in jobs], self._clock.now())
        for job in jobs:
            job.intent = intent
        return intent

    def _run(self, lane: Lane) -> None:
        """Let one more worker take from the queue, if it may."""
        if lane.ready and not self._stopping and lane.has_room(self._clock.now()):
            lane.running += 1
            worker = asyncio.get_running_loop().create_task(self._work(lane))
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _work(self, lane: Lane) -> None:
        worker = asyncio.current_task()
        try:
            while lane.ready and not self._stopping:
                now = self._clock.now()
                if not lane.circuit.may_begin(now):
                    break
                if (begin := lane.pace.next_at(now)) > now:
                    self._pause(lane, begin)
                    break
                lane.pace.take(now)
                job = lane.next_ready()
                self._write_ahead(lane)
                lane.begin(job)
                circuit = lane.circuit
                job.epoch = circuit.begin(now)
                if circuit.window is not None:
                    self._alarm.set(circuit.overdue_at, lane.id)
                self._run(lane)
                try:
                    await self._advance(job, worker)
                finally:
                    circuit.end(job.epoch)
        finally:
            lane.running -= 1

    def _pause(self, lane: Lane, until: Moment) -> None:
        lane.circuit.pause_until(until)
        self._alarm.set(until, lane.id)

    def _wake(self, key: int, now: Moment) -> None:
        """A lane may go on, a job may try again, or a deadline is reached."""
        if (lane := self._lane_of_id.get(key)) is not None:
            lane.circuit.overdue(now)
            self._run(lane)
        if (job := self._jobs.get(key)) is None:
            return
        if now >= job.send.deadline:
            if job.state is not State.RUNNING:
                self._give_up(job, now)
            elif job.task is not None:
                job.cut_off = True
                job.task.cancel()
        elif job.state is State.WAITING and now >= job.next_at:
            self._enqueue(job)

    # One job

    async def _advance(self, job: Job, worker: asyncio.Task[Any] | None) -> None:
        job.state = State.RUNNING
        try:
            await self._attempt(job, worker)
        except Exception:
            # A bug, here or in the engine: it must not stop the other messages.
            log.exception("Delivery to %s failed unexpectedly", _name(job.send))
            if job.state is not State.DONE:
                job.error = RejectedError("unexpected error, see the log")
                self._give_up(job, self._clock.now())

    async def _attempt(self, job: Job, worker: asyncio.Task[Any] | None) -> None:
        now = self._clock.now()
        decision = self._engine.renew(job.send, now)
        if isinstance(decision, Quiet):
            self._withdraw(job, decision, now)
            return
        if not decision.says_what(job.send):
            self._book.renewed(RenewalRecord(now, decision.slot))
        job.send = decision
        if not job.attempts:
            intent = job.intent or self._intend([job])
            if not intent.done():
                await self._book.stored(intent)
        job.started_at = self._clock.now()
        if job.started_at >= job.send.deadline:
            self._give_up(job, job.started_at)
            return
        job.attempts += 1
        try:
            with job.trace.attempt() as span:
                try:
                    data = await self._send(job, worker)
                except DeliveryError as error:
                    failed(span, error)
                    raise
        except DeliveryError as error:
            self._attempt_failed(job, error)
        else:
            self._attempt_succeeded(job, data)

    async def _send(self, job: Job, worker: asyncio.Task[Any] | None) -> Mapping[str, ReceiverDatum] | None:
        """One attempt; every way in which it can fail becomes a DeliveryError."""
        job.task = worker
        message = None
        try:
            message = self._messages(job.send)
            return await self._senders.sender(job.send.integration).send(message)
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
                self._metrics.template_failed(job.send.slot.receiver, job.send.integration.kind)

    def _attempt_succeeded(self, job: Job, data: Mapping[str, ReceiverDatum] | None) -> None:
        now = self._clock.now()
        record = self._attempt_record(job, now, None)
        job.lane.delivered_at = now
        job.lane.last_error = ""
        if job.attempts > 1:
            log.info("Delivered to %s after %d attempts", _name(job.send), job.attempts, extra=_about(job))
        self._metrics.notification_sent(job.send.slot.receiver, job.send.integration.kind)
        self._answered(job.lane)
        changes = self._engine.delivered(job.send, now, data, attempts=job.attempts, note=job.note)
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
            self._give_up(job, now)
            return
        if job.logged_error != str(error):
            job.logged_error = str(error)
            log.warning("Will try %s again: %s", _name(job.send), error, extra=_about(job))
        job.state = State.WAITING
        job.next_at = next_at
        job.lane.waiting[job.id] = job
        self._alarm.set(next_at, job.id)

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
            self._alarm.set(circuit.resumes_at, lane.id)

    def _answered(self, lane: Lane) -> None:
        if lane.circuit.answered():
            log.info(
                "%s/%s answers again",
                lane.receiver,
                lane.integration,
                extra={"receiver": lane.receiver, "integration": lane.integration},
            )
            self._resume(lane)

    def _attempt_record(self, job: Job, now: Moment, error: DeliveryError | None) -> AttemptRecord:
        send = job.send
        latency = now - job.started_at
        self._metrics.request(send.slot.receiver, send.integration.kind, latency / SECOND)
        if error is not None:
            self._metrics.request_failed(send.slot.receiver, send.integration.kind)
        return AttemptRecord(
            slot=send.slot,
            tick=send.tick,
            number=job.attempts,
            started_at=job.started_at,
            latency=latency,
            error="" if error is None else str(error),
            reason=None if error is None else error.reason,
        )

    def _not_begun(self, job: Job) -> None:
        if job.intent is not None and not job.attempts:
            self._book.settle(job.send.slot)

    def _withdraw(self, job: Job, quiet: Quiet, now: Moment) -> None:
        log.debug("Nothing left to tell %s: %s", _name(job.send), quiet.why_not, extra=_about(job))
        self._not_begun(job)
        self._book.record(self._engine.withdrawn(job.send, quiet, now, attempts=job.attempts))
        self._finish(job)

    def _give_up(self, job: Job, now: Moment) -> None:
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
        job.lane.forget(job)
        job.state = State.DONE
        del self._jobs[job.id]


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
