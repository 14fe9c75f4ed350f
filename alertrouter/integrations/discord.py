"""Discord: webhooks of a channel (`config.md` 8.10)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import msgspec

from alertrouter.config.fields import ConfigProblem, TemplateText, Text
from alertrouter.config.url import check_proxy_url
from alertrouter.core.alert import Status
from alertrouter.integrations import Connection, IntegrationKind
from alertrouter.integrations._answers import JSON
from alertrouter.integrations._json import json_body
from alertrouter.integrations._secrets import check_answer
from alertrouter.integrations._text import shorten
from alertrouter.integrations._webhook_url import WebhookUrlConfig, revealed

if TYPE_CHECKING:
    from alertrouter.templating.message import Message

log = logging.getLogger(__name__)

LONGEST_CONTENT = 2000
LONGEST_TITLE = 256
LONGEST_DESCRIPTION = 4096

_RED = 0x992D22
_GREEN = 0x2ECC71


class DiscordConfig(WebhookUrlConfig):
    """An entry of ``discord_configs``."""

    content: TemplateText = ""
    title: TemplateText = '{{ template "discord.default.title" . }}'
    message: TemplateText = '{{ template "discord.default.message" . }}'
    username: Text = ""
    avatar_url: Text = ""

    type_name: ClassVar[str] = "discord.plain"


class _Embed(msgspec.Struct, kw_only=True):
    title: str
    description: str
    color: int


class _Request(msgspec.Struct, omit_defaults=True, kw_only=True):
    content: str
    embeds: list[_Embed]
    username: str = ""
    avatar_url: str = ""


def body(config: DiscordConfig, message: Message) -> bytes:
    """The request's body."""
    firing = message.notification.status is Status.FIRING
    embed = _Embed(
        title=shorten(message.text(config.title), LONGEST_TITLE),
        description=shorten(message.text(config.message), LONGEST_DESCRIPTION),
        color=_RED if firing else _GREEN,
    )
    request = _Request(
        content=shorten(message.text(config.content, fallback=""), LONGEST_CONTENT),
        embeds=[embed],
        username=config.username,
        avatar_url="" if _is_no_url(config.avatar_url) else config.avatar_url,
    )
    return json_body(request)


def _is_no_url(text: str) -> bool:
    try:
        check_proxy_url(text)
    except ConfigProblem:
        return True
    return False


@dataclass(frozen=True, slots=True)
class Discord:
    """Posts to a channel."""

    config: DiscordConfig
    connection: Connection

    async def send(self, message: Message) -> None:
        """Post the message; a 429 that says when is worth another attempt."""
        url = revealed(self.config.webhook_url, self.config.webhook_url_file, self.connection)
        content = body(self.config, message)
        response = await self.connection.http.post(url, content=content, headers=JSON)
        check_answer(response, url)


def connect(config: DiscordConfig, connection: Connection) -> Discord:
    """A sender. Compat: a picture whose address is none is left out, and not an error of the file."""
    if _is_no_url(config.avatar_url):
        log.warning("avatar_url of a Discord integration is no URL, and is left out: %s", config.avatar_url)
    return Discord(config, connection)


INTEGRATION = IntegrationKind(name="discord", config=DiscordConfig, connect=connect)
