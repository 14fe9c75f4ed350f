"""What delivery needs from the parts around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from alertrouter.core.time import SECOND

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from alertrouter.core.notification import ReceiverDatum
    from alertrouter.core.reason import FailureReason
    from alertrouter.core.receiver import Integration
    from alertrouter.core.time import Duration, Moment
    from alertrouter.delivery.attempt import AttemptRecord
    from alertrouter.engine.changes import Changes, RenewalRecord
    from alertrouter.engine.decision import Quiet, Send
    from alertrouter.engine.slot import Slot
    from alertrouter.integrations import Sender
    from alertrouter.templating.message import Message


class DeliveryEngine(Protocol):
    """The engine, as far as delivery asks it and reports to it. Each send is reported exactly once."""

    def renew(self, send: Send, now: Moment) -> Send | Quiet:
        """The decision on what is known now; asked before every attempt."""

    def delivered(
        self,
        send: Send,
        now: Moment,
        receiver_data: Mapping[str, ReceiverDatum] | None = None,
        *,
        attempts: int = 1,
        note: str = "",
    ) -> Changes:
        """The receiver took the message; ``note`` says what was wrong with it all the same."""

    def failed(
        self, send: Send, now: Moment, failure: FailureReason, error: str, *, attempts: int = 1
    ) -> Changes:
        """The message was given up for this flush."""

    def withdrawn(self, send: Send, quiet: Quiet, now: Moment, *, attempts: int = 0) -> Changes:
        """Nothing was due any more."""


class DeliveryLedger(Protocol):
    """Where delivery writes down what it does. An error here never keeps a message from going out."""

    def intend(self, slots: Sequence[Slot], at: Moment) -> Awaitable[None]:
        """Note, before the first attempt at each of these, that it is about to be made; awaited."""

    def renewed(self, renewal: RenewalRecord) -> None:
        """Note that a message says something else now than when its group was flushed."""

    def settle(self, slot: Slot) -> None:
        """Note that what was about to be made was not made."""

    def record(self, changes: Changes, attempt: AttemptRecord | None = None) -> Awaitable[object]:
        """Note what an outcome changed, after the attempt that led to it, if one did."""

    def attempt(self, record: AttemptRecord) -> None:
        """Note an attempt after which others follow."""


class DeliveryMetrics(Protocol):
    """The notification metrics (`semantics.md` 4.7). ``integration`` is the kind, such as ``webhook``."""

    def notification(self, receiver: str, integration: str) -> None:
        """A message has come to be sent, or logged as told without being sent."""

    def notification_sent(self, receiver: str, integration: str) -> None:
        """The receiver took it."""

    def notification_failed(self, receiver: str, integration: str, reason: FailureReason) -> None:
        """It was given up."""

    def request(self, receiver: str, integration: str, seconds: float) -> None:
        """An attempt was made and took so long."""

    def request_failed(self, receiver: str, integration: str) -> None:
        """An attempt failed."""

    def template_failed(self, receiver: str, integration: str) -> None:
        """A template could not be rendered, whether or not the message went out in other words."""


class Senders(Protocol):
    """Who sends for an integration, and within what limits."""

    def sender(self, integration: Integration) -> Sender:
        """The sender of this integration; ValueError when it cannot be made."""

    def limits(self, integration: Integration) -> Limits | None:
        """Its own limits; None for the usual."""


class Messages(Protocol):
    """Puts a decision into words."""

    def __call__(self, send: Send) -> Message:
        """The message that templates see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds for one integration of a receiver.

    ``concurrency``: attempts under way at once, 0 is no limit. ``per_minute``: attempts a minute, 0 is no limit.
    """

    concurrency: int = 64
    per_minute: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """How messages go out unless an integration says otherwise."""

    limits: Limits = Limits()
    drain_timeout: Duration = 10 * SECOND
