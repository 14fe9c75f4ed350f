"""Delivery: takes the decisions of a flush and stays with each until its receiver took it or time is up.

Here they wait for their turn, for the next attempt and for the stop; `attempts` makes the attempts.

Between two awaits nothing else runs, so a job's state needs no lock. What a message says, whether it is due at
all and what its outcome means are the engine's to tell.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import replace
from typing import TYPE_CHECKING

from alertrouter.delivery.alarm import Alarm
from alertrouter.delivery.attempts import Attempts
from alertrouter.delivery.book import Book
from alertrouter.delivery.circuit import Circuit
from alertrouter.delivery.lane import Job, Lane, State
from alertrouter.delivery.trace import trace_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from alertrouter.clock import Clock
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
        self._clock = clock
        self._senders = senders
        self._book = Book(ledger)
        self._metrics = metrics
        self._settings = settings
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._jobs: dict[int, Job] = {}
        self._last_id = 0  # of jobs and lanes alike: the alarm rings for either
        self._lane_of_id: dict[int, Lane] = {}
        self._alarm = Alarm(clock, self._wake)
        self._attempts = Attempts(
            engine=engine,
            clock=clock,
            senders=senders,
            messages=messages,
            book=self._book,
            metrics=metrics,
            spread=spread,
            queues=self,
        )
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
            lane = self._lane(send)
            number = self._new_id()
            job = Job(number, send, lane, trace.message(send))
            self._jobs[number] = lane.unwritten[number] = lane.ready[number] = job
            self._alarm.set(send.deadline, number)
            # Who begins writes first, for all that have come by then.
            if lane.is_full:
                self._write_ahead(lane)
            else:
                self._run(lane)

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
                self.resume(lane)

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
            self._attempts.not_begun(job)
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
        elif lane.limits is not limits and lane.limits != limits:
            lane.bound_by(limits)
        return lane

    def _enqueue(self, job: Job) -> None:
        job.state = State.READY
        job.lane.waiting.pop(job.id, None)
        job.lane.ready[job.id] = job
        self._run(job.lane)

    def resume(self, lane: Lane) -> None:
        """The receiver is back: whoever waited for it need not wait any longer."""
        for job in list(lane.waiting.values()):
            self._enqueue(job)
        self._run(lane)

    def _write_ahead(self, lane: Lane) -> None:
        if jobs := lane.to_write():
            self._attempts.intend(jobs)

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
                if lane.pace.per_minute:
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
                    await self._attempts.advance(job, worker)
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
                self._attempts.give_up(job, now)
            elif job.task is not None:
                job.cut_off = True
                job.task.cancel()
        elif job.state is State.WAITING and now >= job.next_at:
            self._enqueue(job)

    def over(self, job: Job) -> None:
        """This one was delivered, given up, or is not due any more."""
        del self._jobs[job.id]

    def ring(self, moment: Moment, key: int) -> None:
        """Look at the job or lane of this number again at this moment."""
        self._alarm.set(moment, key)
