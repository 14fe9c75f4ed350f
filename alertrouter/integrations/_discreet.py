"""Keeping an integration's secrets out of what is said about its failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

from alertrouter.config.fields import Secret
from alertrouter.delivery.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from alertrouter.core.notification import ReceiverDatum
    from alertrouter.integrations import Sender
    from alertrouter.templating.message import Message

_SHORTEST_SECRET = 4


class Discreet:
    """A sender whose errors tell no secret of its configuration, even where the other side repeats it."""

    def __init__(self, sender: Sender, secrets: Iterable[str]) -> None:
        self._sender = sender
        # The longest first: one may be part of another.
        self._secrets = sorted(set(secrets), key=len, reverse=True)

    async def send(self, message: Message) -> Mapping[str, ReceiverDatum] | None:
        """Send; DeliveryError as the sender's own, less the secrets."""
        try:
            return await self._sender.send(message)
        except DeliveryError as error:
            text = told = str(error)
            for secret in self._secrets:
                told = told.replace(secret, "<secret>")
            if told == text:
                raise
            raise type(error)(told, reason=error.reason, retry_after=error.retry_after) from None


def secrets_of(config: object) -> Iterator[str]:
    """Every secret text in a configuration, and of secret URLs also the part behind the host."""
    match config:
        case Secret():
            secret = config.reveal()
            if len(secret) >= _SHORTEST_SECRET:
                yield secret
            _, _, behind = secret.partition("://")
            _, slash, path = behind.partition("/")
            if len(path) >= _SHORTEST_SECRET:
                yield slash + path
        case BaseModel():
            for name in type(config).model_fields:
                yield from secrets_of(getattr(config, name))
        case dict():
            for value in config.values():
                yield from secrets_of(value)
        case list() | tuple():
            for value in config:
                yield from secrets_of(value)
