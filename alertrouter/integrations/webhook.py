"""Webhooks: the message as JSON, posted to any URL (`config.md` 8.1, `semantics.md` 9.4)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import model_validator

from alertrouter.config.fields import (
    AnyStructure,
    ConfigProblem,
    FilePath,
    GoDuration,
    SecretTemplateText,
    Unsigned,
    check_secret_url,
)
from alertrouter.delivery.errors import RejectedError
from alertrouter.integrations import Connection, HttpIntegrationConfig, IntegrationKind
from alertrouter.integrations._answers import JSON, raise_for, time_limit
from alertrouter.integrations._json import json_body, sorted_json_body
from alertrouter.integrations._text import read_secret
from alertrouter.templating.marker import is_jinja

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from alertrouter.http_client import Response
    from alertrouter.templating.message import Message

log = logging.getLogger(__name__)


class WebhookConfig(HttpIntegrationConfig):
    """An entry of ``webhook_configs``. ``payload`` replaces the body; ``max_alerts`` 0 is no limit."""

    url: SecretTemplateText = SecretTemplateText()
    url_file: FilePath = ""
    max_alerts: Unsigned = 0
    timeout: GoDuration = 0
    payload: AnyStructure = None

    type_name: ClassVar[str] = "webhook.plain"
    always_printed: ClassVar[frozenset[str]] = frozenset({"url_file", "max_alerts", "timeout"})

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.url and not self.url_file:
            raise ConfigProblem("one of url or url_file must be configured")
        if self.url and self.url_file:
            raise ConfigProblem("at most one of url & url_file must be configured", at="url_file")
        if self.url:
            _check_url(self.url.reveal())
        return self


def _check_url(url: str) -> None:
    if is_jinja(url):
        return  # checked with all other templates of the file
    if "{{" in url:
        # Templates in a URL are rare; the engine need not be loaded without one.
        from alertrouter.gotemplate import ParseError, TemplateSet
        from alertrouter.templating.functions import FUNCTIONS

        try:
            # Compat: of all templates in a file this alone must parse. Its functions are those of every other, though.
            TemplateSet.build([], functions=FUNCTIONS).text(url)
        except ParseError as error:
            raise ConfigProblem(f"invalid template syntax: {error}", at="url") from error
        return
    try:
        check_secret_url(url)
    except ValueError as error:
        raise ConfigProblem(f"invalid URL: {error}", at="url") from error


def body(config: WebhookConfig, message: Message) -> bytes:
    """The request's body: the message's members, or the configured payload rendered."""
    shown = message.limited(config.max_alerts)
    if config.payload is not None:
        return sorted_json_body(shown.structure(config.payload))
    return json_body(shown.webhook_members())


@dataclass(frozen=True, slots=True)
class Webhook:
    """Posts messages to one URL."""

    config: WebhookConfig
    connection: Connection

    async def send(self, message: Message) -> None:
        """Post the message; 5xx and a missing answer are worth another attempt."""
        shown = message.limited(self.config.max_alerts)
        if not self.config.timeout:
            response = await self._post(shown)
            if response.status_code == 413:
                response = await self._post_fewer(message, shown, response)
        else:
            async with time_limit(self.config.timeout, "webhook"):
                response = await self._post_fewer(message, shown, await self._post(shown))
        raise_for(response)

    async def _post_fewer(self, message: Message, shown: Message, response: Response) -> Response:
        """A message that was too large (413) goes out with a quarter of its alerts, and a quarter of those, rather than not
        at all: ``truncatedAlerts`` says how many are missing, as with ``max_alerts``.
        """
        at_first = len(shown.alerts)
        while response.status_code == 413 and len(shown.alerts) > 1:
            shown = message.limited(len(shown.alerts) // 4 or 1)
            response = await self._post(shown)
        if response.is_success and len(shown.alerts) < at_first:
            log.warning(
                "The message was too large for a webhook and went out with fewer alerts",
                extra={
                    "receiver": message.notification.receiver,
                    "group": message.notification.group_key,
                    "alerts": len(message.notification.alerts),
                    "shown": len(shown.alerts),
                },
            )
        return response

    def _post(self, message: Message) -> Awaitable[Response]:
        url, content = self._url(message), body(self.config, message)
        return self.connection.http.post(url, content=content, headers=JSON)

    def _url(self, message: Message) -> str:
        template = self.config.url.reveal()
        if self.config.url_file:
            template = read_secret(self.config.url_file, self.connection.working_directory, "url_file")
        url = message.text(template)
        if not url:
            raise RejectedError("webhook URL is empty after templating")
        return url


INTEGRATION = IntegrationKind(name="webhook", config=WebhookConfig, connect=Webhook)
