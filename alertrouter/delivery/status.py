"""How receivers are doing, as values: whoever reads them does not act on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alertrouter.delivery.circuit import CircuitState

if TYPE_CHECKING:
    from alertrouter.core.time import Duration, Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneStatus:
    """How one integration of a receiver is doing, for people.

    ``queued`` and ``waiting`` messages have no attempt under way: the former wait for room, the latter for
    their next attempt. ``last_error`` is empty when the last attempt went through. ``resumes_at`` is when the
    next attempt may begin, when that is not now.
    """

    receiver: str
    integration: str
    running: int = 0
    queued: int = 0
    waiting: int = 0
    delivered_at: Moment | None = None
    failed_at: Moment | None = None
    last_error: str = ""
    circuit: CircuitState = CircuitState.CLOSED
    resumes_at: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialOutcome:
    """What one integration answered to a test message; ``error`` is empty when it took it."""

    integration: str
    latency: Duration
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether the message was taken."""
        return not self.error
