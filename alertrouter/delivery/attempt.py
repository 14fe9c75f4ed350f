"""The record of one attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.core.value import value_class

if TYPE_CHECKING:
    from alertrouter.core.reason import FailureReason
    from alertrouter.core.time import Duration, Moment
    from alertrouter.engine.slot import Slot


@value_class(frozen=True, slots=True)
class AttemptRecord:
    """One try to send one message. ``number`` counts from 1 within the flush of ``tick``.

    ``error`` is empty and ``reason`` None when it went through.
    """

    slot: Slot
    tick: Moment
    number: int
    started_at: Moment
    latency: Duration
    error: str = ""
    reason: FailureReason | None = None

    @property
    def ok(self) -> bool:
        """Whether the receiver took the message."""
        return self.reason is None
