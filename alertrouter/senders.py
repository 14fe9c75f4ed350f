"""What one configuration needs to notify: its templates, and a sender for each integration."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from alertrouter.config.http import HttpConfig
from alertrouter.core.notification import Notification
from alertrouter.core.reason import Reason
from alertrouter.delivery.ports import Limits
from alertrouter.integrations import Connection, IntegrationConfig, connect
from alertrouter.templating.fallbacks import fallbacks_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from alertrouter.clock import Clock
    from alertrouter.config import Configuration
    from alertrouter.core.receiver import Integration
    from alertrouter.core.route import Route
    from alertrouter.core.time import Moment
    from alertrouter.engine.decision import Send
    from alertrouter.engine.group import AggregationGroup
    from alertrouter.http_client import HttpClients
    from alertrouter.integrations import Sender
    from alertrouter.integrations._discreet import Discreet
    from alertrouter.templating.message import Message
    from alertrouter.templating.templates import Templates


class ConfiguredSenders:
    """Puts decisions into words and finds who sends them, for one configuration.

    Senders are made when they first have something to send: what no route uses costs nothing.
    """

    def __init__(
        self,
        configuration: Configuration,
        templates: Templates,
        clients: HttpClients,
        clock: Clock,
        external_url: str,
    ) -> None:
        self.configuration = configuration
        self.templates = templates
        self._clients = clients
        self._clock = clock
        self._external_url = external_url
        self._senders: dict[int, Discreet] = {}
        self._limits: dict[int, Limits] = {}
        self._fallbacks: dict[int, Mapping[str, str]] = {}

    def sender(self, integration: Integration) -> Sender:
        """The sender of this integration; ValueError when it cannot be made."""
        found = self._senders.get(id(integration))
        if found is None:
            config = _config(integration)
            http = self._clients.client(_http_config(config) or self.configuration.http_config)
            connection = Connection(http=http, clock=self._clock, working_directory=Path.cwd())
            found = connect(integration.kind, config, connection)
            self._senders[id(integration)] = found
        return found

    def limits(self, integration: Integration) -> Limits | None:
        """The integration's own limits; those of the whole configuration where it has none."""
        found = self._limits.get(id(integration))
        if found is None:
            own = _config(integration).alertrouter
            usual = self.configuration.options.delivery
            found = self._limits[id(integration)] = Limits(
                concurrency=own.concurrency or usual.concurrency,
                per_minute=own.messages_per_minute or usual.messages_per_minute,
            )
        return found

    def __call__(self, send: Send) -> Message:
        """The message of a decision."""
        return self.message(send.notification, send.integration)

    def message(self, notification: Notification, integration: Integration) -> Message:
        """The message that the integration's templates see."""
        fallbacks = self._fallbacks.get(id(integration))
        if fallbacks is None:
            fallbacks = self._fallbacks[id(integration)] = fallbacks_of(_config(integration))
        return self.templates.message(
            notification,
            external_url=self._external_url,
            now=self._clock.now(),
            fallbacks=fallbacks,
        )

    def route_labels(self, group: AggregationGroup, now: Moment) -> Mapping[str, str]:
        """The labels of the group's route, rendered on its alerts."""
        alerts = [known.as_told(now) for known in group.members]
        status = "firing" if any(alert.ends_at is None for alert in alerts) else "resolved"
        notification = Notification(
            receiver=group.route.receiver.name,
            status=type(alerts[0].status(now))(status),
            reason=Reason.UNKNOWN,
            alerts=alerts,
            group_labels=group.labels,
            route_labels=group.route.labels,
            group_key=group.key,
            flushed_at=now,
        )
        message = self.templates.message(notification, external_url=self._external_url, now=now)
        return message.route_labels

    def http_configs(self) -> Iterator[HttpConfig]:
        """Every HTTP client this configuration may want."""
        yield self.configuration.http_config
        for route in self.configuration.routing.route.walk():
            for integration in route.receiver.integrations:
                config = _http_config(_config(integration))
                if config is not None:
                    yield config

    def prepare(self) -> list[str]:
        """Make the senders of all receivers that a route uses; what is wrong with those that cannot be made."""
        problems = []
        for integration in self._used():
            try:
                self.sender(integration)
            except ValueError as error:
                problems.append(f"{integration.key}: {error}")
        return problems

    async def aclose(self) -> None:
        """Let go of what the senders keep from one message to the next."""
        await asyncio.gather(*[sender.aclose() for sender in self._senders.values()])

    def _used(self) -> Iterator[Integration]:
        routes: dict[str, Route] = {
            route.receiver.name: route for route in self.configuration.routing.route.walk()
        }
        for route in routes.values():
            yield from route.receiver.integrations


class SendersInForce:
    """The senders and messages that delivery asks for (`delivery.ports`): those of the configuration in force."""

    def __init__(self, senders: ConfiguredSenders) -> None:
        self.current = senders

    def sender(self, integration: Integration) -> Sender:
        """The sender of this integration."""
        return self.current.sender(integration)

    def limits(self, integration: Integration) -> Limits | None:
        """Its limits."""
        return self.current.limits(integration)

    def __call__(self, send: Send) -> Message:
        """The message of a decision."""
        return self.current(send)

    async def aclose(self) -> None:
        """Let go of what its senders keep from one message to the next."""
        await self.current.aclose()


def _config(integration: Integration) -> IntegrationConfig:
    assert isinstance(integration.config, IntegrationConfig)
    return integration.config


def _http_config(config: IntegrationConfig) -> HttpConfig | None:
    found = getattr(config, "http_config", None)
    return found if isinstance(found, HttpConfig) else None
