"""The queue in front of one integration of one receiver, so that a slow one delays nobody else."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import islice
from typing import TYPE_CHECKING, Any

from alertrouter.delivery.backoff import Pace
from alertrouter.delivery.circuit import Circuit
from alertrouter.delivery.status import LaneStatus

if TYPE_CHECKING:
    import asyncio

    from alertrouter.core.time import Moment
    from alertrouter.delivery.errors import DeliveryError
    from alertrouter.delivery.ports import Limits
    from alertrouter.delivery.trace import MessageTrace, Untraced
    from alertrouter.engine.decision import Send

# So many intents are written ahead. After a crash their messages count as possible duplicates.
AHEAD = 512


class State(Enum):
    """Where a job is."""

    READY = auto()  # in the queue
    RUNNING = auto()  # an attempt is under way
    WAITING = auto()  # for the next attempt
    DONE = auto()  # reported to the engine


@dataclass(slots=True, eq=False)
class Job:
    """One message on its way. ``attempts`` were begun; ``error`` is what the last one came to.

    ``note`` says which of its templates failed.
    """

    id: int
    send: Send
    lane: Lane
    trace: MessageTrace | Untraced
    state: State = State.READY
    attempts: int = 0
    started_at: Moment = 0
    next_at: Moment = 0
    error: DeliveryError | None = None
    logged_error: str = ""
    note: str = ""
    task: asyncio.Task[Any] | None = None  # set while the sender works, so that the deadline can end it
    cut_off: bool = False
    epoch: int = 0
    intent: asyncio.Future[None] | None = None  # of the first attempt


@dataclass(slots=True, eq=False, kw_only=True)
class Lane:
    """The jobs of one integration. At most ``limits.concurrency`` of them run at once, fewer if its circuit says so.

    ``ready`` are those that could run, in the order in which they came; ``waiting`` those whose next attempt is later.
    Of the ready ones that were not tried yet, ``written`` have their intent on its way to the database, ``unwritten``
    have not.
    """

    id: int
    receiver: str
    integration: str
    limits: Limits
    ready: OrderedDict[int, Job] = field(default_factory=OrderedDict)
    waiting: dict[int, Job] = field(default_factory=dict)
    unwritten: OrderedDict[int, Job] = field(default_factory=OrderedDict)
    written: set[int] = field(default_factory=set)
    running: int = 0
    pace: Pace = field(init=False)
    circuit: Circuit = field(default_factory=Circuit)
    delivered_at: Moment | None = None
    failed_at: Moment | None = None
    last_error: str = ""

    def __post_init__(self) -> None:
        self.pace = Pace(self.limits.per_minute)

    def has_room(self, now: Moment) -> bool:
        """Whether one more job may run."""
        return not self.is_full and self.circuit.may_begin(now)

    @property
    def is_full(self) -> bool:
        """Whether as many run as the limits allow."""
        limit = self.limits.concurrency
        return bool(limit) and self.running >= limit

    @property
    def is_busy(self) -> bool:
        """Whether there is any job here."""
        return bool(self.running or self.waiting or self.ready)

    def status(self, now: Moment) -> LaneStatus:
        """How it is doing."""
        circuit = self.circuit
        return LaneStatus(
            receiver=self.receiver,
            integration=self.integration,
            running=self.running,
            queued=len(self.ready),
            waiting=len(self.waiting),
            delivered_at=self.delivered_at,
            failed_at=self.failed_at,
            last_error=self.last_error,
            circuit=circuit.state,
            resumes_at=circuit.resumes_at if circuit.resumes_at > now else None,
        )

    def bound_by(self, limits: Limits) -> None:
        """Go on within other limits."""
        self.limits = limits
        self.pace = Pace(limits.per_minute)

    def begin(self, job: Job) -> None:
        """This job is tried now."""
        if self.unwritten:
            self.unwritten.pop(job.id, None)
        self.written.discard(job.id)

    def to_write(self) -> list[Job]:
        """The next jobs whose intent should be written although they wait for room; none while enough are.

        A message is not sent before its intent is on disk. Writing one by one, as room comes, would make the disk
        set the pace; so it is done for many at once. Where a receiver does not answer, there is no hurry.
        """
        if not self.unwritten or len(self.written) > AHEAD // 2 or self.circuit.window is not None:
            return []
        jobs = list(islice(self.unwritten.values(), AHEAD - len(self.written)))
        for job in jobs:
            del self.unwritten[job.id]
            self.written.add(job.id)
        return jobs

    def forget(self, job: Job) -> None:
        """This job neither waits for room nor for its next attempt any more."""
        self.ready.pop(job.id, None)
        self.waiting.pop(job.id, None)
        self.begin(job)

    def next_ready(self) -> Job:
        """Take the next job; there must be one.

        While the circuit is open those that were not tried yet come first: where the address depends on the message,
        what failed before says nothing about theirs.
        """
        if self.circuit.is_open:
            untried = next((job for job in self.ready.values() if not job.attempts), None)
            if untried is not None:
                del self.ready[untried.id]
                return untried
        return self.ready.popitem(last=False)[1]
