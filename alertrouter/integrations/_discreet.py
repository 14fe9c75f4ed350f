"""Keeping an integration's secrets out of what is said about its failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.config.secret_texts import Scrubber
from alertrouter.delivery.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from alertrouter.core.notification import ReceiverDatum
    from alertrouter.integrations import Sender
    from alertrouter.templating.message import Message


class Discreet:
    """A sender whose errors tell no secret of its configuration, even where the other side repeats it."""

    def __init__(self, sender: Sender, secrets: Iterable[str]) -> None:
        self._sender = sender
        self._scrubber = Scrubber(secrets)

    async def aclose(self) -> None:
        """Let go of what the sender keeps from one message to the next, if it keeps anything."""
        close = getattr(self._sender, "aclose", None)
        if close is not None:
            await close()

    async def send(self, message: Message) -> Mapping[str, ReceiverDatum] | None:
        """Send; DeliveryError as the sender's own, less the secrets."""
        try:
            return await self._sender.send(message)
        except DeliveryError as error:
            told = self._scrubber.scrub(str(error))
            if told == str(error):
                raise
            raise type(error)(told, reason=error.reason, retry_after=error.retry_after) from None
