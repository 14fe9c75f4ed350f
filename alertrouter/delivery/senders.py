"""The senders of a configuration, connected to the world."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pydantic import BaseModel

from alertrouter.config.fields import Secret
from alertrouter.config.http import HttpConfig
from alertrouter.delivery.errors import DeliveryError
from alertrouter.delivery.ports import DeliverySettings, Limits
from alertrouter.integrations import Connection, discover

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from alertrouter.clock import Clock
    from alertrouter.core.notification import ReceiverDatum
    from alertrouter.core.receiver import Integration, Receiver
    from alertrouter.http_client import HttpClients
    from alertrouter.integrations import IntegrationConfig, Sender
    from alertrouter.templating.message import Message

_SHORTEST_SECRET = 4


class ConnectedSenders:
    """One sender for each integration's configuration, made when it is first needed."""

    def __init__(
        self, clients: HttpClients, clock: Clock, working_directory: Path, settings: DeliverySettings
    ) -> None:
        self._clients = clients
        self._clock = clock
        self._working_directory = working_directory
        self._settings = settings
        # By the identity of the configuration, which is kept beside the sender so that it stays its own.
        self._senders: dict[int, tuple[object, Sender]] = {}

    def sender(self, integration: Integration) -> Sender:
        """The sender of this integration; ValueError when its TLS files cannot be used."""
        known = self._senders.get(id(integration.config))
        if known is not None:
            return known[1]
        config = _config(integration)
        connection = Connection(
            http=self._clients.client(_http_config(config)),
            clock=self._clock,
            working_directory=self._working_directory,
        )
        sender = Discreet(discover()[integration.kind].connect(config, connection), secrets_of(config))
        self._senders[id(config)] = (config, sender)
        return sender

    def limits(self, integration: Integration) -> Limits | None:
        """The integration's own limits under its ``alertrouter:`` key; None when it has none."""
        options = _config(integration).alertrouter
        if not options.concurrency and not options.messages_per_minute:
            return None
        return Limits(
            concurrency=options.concurrency or self._settings.limits.concurrency,
            per_minute=options.messages_per_minute,
        )

    def prepare(self, receivers: Iterable[Receiver]) -> None:
        """Make all senders of a new configuration; ValueError names the first that cannot be made."""
        for receiver in receivers:
            for integration in receiver.integrations:
                try:
                    self.sender(integration)
                except ValueError as error:
                    where = f"{receiver.name}/{integration.kind}[{integration.index}]"
                    raise ValueError(f"{where}: {error}") from error

    async def keep_only(self, receivers: Iterable[Receiver]) -> None:
        """After a reload: let go of what these do not use; a request under way is answered first."""
        used = [each.config for receiver in receivers for each in receiver.integrations]
        wanted = {id(config) for config in used}
        self._senders = {key: known for key, known in self._senders.items() if key in wanted}
        await self._clients.close_unused([_http_config(config) for config in used])


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


def _config(integration: Integration) -> IntegrationConfig:
    return cast("IntegrationConfig", integration.config)


def _http_config(config: object) -> HttpConfig:
    return getattr(config, "http_config", None) or HttpConfig()
