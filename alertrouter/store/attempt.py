"""What the store must know of one attempt to deliver a message; delivery has the type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from alertrouter.core.reason import FailureReason
    from alertrouter.core.time import Duration, Moment
    from alertrouter.engine.slot import Slot


class Attempt(Protocol):
    """One try to tell an integration something: which, for which flush, and how it went."""

    @property
    def slot(self) -> Slot: ...
    @property
    def tick(self) -> Moment: ...
    @property
    def number(self) -> int: ...
    @property
    def started_at(self) -> Moment: ...
    @property
    def latency(self) -> Duration: ...
    @property
    def ok(self) -> bool: ...
    @property
    def error(self) -> str: ...
    @property
    def reason(self) -> FailureReason | None: ...
