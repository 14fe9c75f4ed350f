"""The queue in front of one integration of one receiver, so that a slow one delays nobody else."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from alertrouter.delivery.backoff import Pace

if TYPE_CHECKING:
    import asyncio

    from alertrouter.core.time import Moment
    from alertrouter.delivery.errors import DeliveryError
    from alertrouter.delivery.ports import Limits
    from alertrouter.engine.decision import Send


class State(Enum):
    """Where a job is."""

    READY = auto()  # in the queue
    RUNNING = auto()  # an attempt is under way
    WAITING = auto()  # for the next attempt
    DONE = auto()  # reported to the engine


@dataclass(slots=True, eq=False, kw_only=True)
class Job:
    """One message on its way. ``attempts`` were begun; ``error`` is what the last one came to."""

    id: int
    send: Send
    lane: Lane
    state: State = State.READY
    attempts: int = 0
    started_at: Moment = 0
    next_at: Moment = 0
    error: DeliveryError | None = None
    logged_error: str = ""
    task: asyncio.Task[None] | None = None  # set while the sender works, so that the deadline can end it
    cut_off: bool = False


@dataclass(slots=True, eq=False, kw_only=True)
class Lane:
    """The jobs of one integration. At most ``limits.concurrency`` of them run at once."""

    id: int
    receiver: str
    integration: str
    limits: Limits
    ready: deque[Job] = field(default_factory=deque)
    running: int = 0
    waiting: int = 0
    paused: bool = False
    pace: Pace = field(init=False)
    delivered_at: Moment | None = None
    failed_at: Moment | None = None
    last_error: str = ""

    def __post_init__(self) -> None:
        self.pace = Pace(self.limits.per_minute)

    @property
    def has_room(self) -> bool:
        """Whether one more job may run."""
        return not self.paused and (not self.limits.concurrency or self.running < self.limits.concurrency)

    @property
    def is_busy(self) -> bool:
        """Whether there is any job here."""
        return bool(self.running or self.waiting or any(job.state is State.READY for job in self.ready))

    def bound_by(self, limits: Limits) -> None:
        """Go on within other limits."""
        self.limits = limits
        self.pace = Pace(limits.per_minute)

    def next_ready(self) -> Job | None:
        """Take the next job from the queue; those that ended while they stood in it are dropped."""
        while self.ready:
            job = self.ready.popleft()
            if job.state is State.READY:
                return job
        return None
