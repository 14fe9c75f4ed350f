"""What can go wrong with one attempt to tell a receiver something, told apart by what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.core.reason import FailureReason

if TYPE_CHECKING:
    from alertrouter.core.time import Duration


class DeliveryError(Exception):
    """A receiver did not take a message.

    The text is shown to people and stored: it never holds a secret, nor a URL that might carry one.
    ``retry_after`` is how long the receiver asked to be left alone.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: FailureReason = FailureReason.OTHER,
        retry_after: Duration | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after


class TemporaryError(DeliveryError):
    """Worth another attempt within the same flush."""


class RejectedError(DeliveryError):
    """Asking again will not help in this flush; the next one may say something else."""
