"""Webex: messages to a room, as a bot (`config.md` 8.11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pydantic import model_validator

from alertrouter.config.fields import ConfigModel, ConfigProblem, TemplateText, Url
from alertrouter.integrations import Connection, HttpIntegrationConfig, IntegrationKind
from alertrouter.integrations._answers import JSON, raise_for
from alertrouter.integrations._json import json_body
from alertrouter.integrations._text import shorten_bytes

if TYPE_CHECKING:
    from alertrouter.templating.message import Message

LONGEST_MESSAGE = 7439  # bytes


class WebexGlobals(ConfigModel):
    """What Webex adds to the ``global:`` section."""

    webex_api_url: Url = "https://webexapis.com/v1/messages"


class WebexConfig(HttpIntegrationConfig):
    """An entry of ``webex_configs``. The bot's token is the authorization of its ``http_config``."""

    api_url: Url = ""
    message: TemplateText = '{{ template "webex.default.message" . }}'
    room_id: TemplateText = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.room_id:
            raise ConfigProblem("missing room_id on webex_config")
        # Compat: its own; an authorization that all integrations share does not count.
        if self.http_config is None or self.http_config.authorization is None:
            raise ConfigProblem("missing webex_configs.http_config.authorization", at="http_config")
        return self

    def completed(self, global_config: Any, receiver_name: str) -> Self:
        """A copy with the global URL."""
        config = super().completed(global_config, receiver_name)
        url = config.api_url or global_config.webex_api_url
        if not url:
            raise ConfigProblem("no global Webex URL set")
        return config.model_copy(update={"api_url": url})


def body(config: WebexConfig, message: Message) -> bytes:
    """The request's body."""
    return json_body(
        {
            "markdown": shorten_bytes(message.text(config.message), LONGEST_MESSAGE),
            "roomId": message.text(config.room_id),
        }
    )


@dataclass(frozen=True, slots=True)
class Webex:
    """Posts to a room."""

    config: WebexConfig
    connection: Connection

    async def send(self, message: Message) -> None:
        """Post the message; a 429 that says when is worth another attempt."""
        content = body(self.config, message)
        response = await self.connection.http.post(self.config.api_url, content=content, headers=JSON)
        raise_for(response)


INTEGRATION = IntegrationKind(name="webex", config=WebexConfig, connect=Webex, globals=WebexGlobals)
