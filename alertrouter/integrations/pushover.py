"""Pushover: push messages to telephones (`config.md` 8.7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlencode

from pydantic import model_validator

from alertrouter.config.fields import (
    Bool,
    ConfigProblem,
    FilePath,
    GoDurationText,
    SecretTemplateText,
    TemplateText,
    Url,
)
from alertrouter.config.http import exclusive
from alertrouter.core.time import HOUR, MINUTE, SECOND
from alertrouter.integrations import (
    Connection,
    HttpIntegrationConfig,
    IntegrationKind,
    IntegrationOptions,
)
from alertrouter.integrations._secrets import check_answer
from alertrouter.integrations._text import read_secret, shorten

if TYPE_CHECKING:
    from alertrouter.templating.message import Message

API_URL = "https://api.pushover.net/1/messages.json"

LONGEST_TITLE = 250
LONGEST_MESSAGE = 1024
LONGEST_URL = 512

_NOTHING_SAID = "(no details)"
_NO_BODY = {"Content-Type": "text/plain"}


class PushoverOptions(IntegrationOptions):
    """Our own keys of Pushover. ``api_url`` leads to a relay, or to a stand-in in a test."""

    api_url: Url = ""


class PushoverConfig(HttpIntegrationConfig):
    """An entry of ``pushover_configs``. ``ttl`` 0 keeps a message until it is read."""

    user_key: SecretTemplateText = SecretTemplateText()
    user_key_file: FilePath = ""
    token: SecretTemplateText = SecretTemplateText()
    token_file: FilePath = ""
    title: TemplateText = '{{ template "pushover.default.title" . }}'
    message: TemplateText = '{{ template "pushover.default.message" . }}'
    url: TemplateText = '{{ template "pushover.default.url" . }}'
    url_title: TemplateText = ""
    device: TemplateText = ""
    sound: TemplateText = ""
    priority: TemplateText = '{{ if eq .Status "firing" }}2{{ else }}0{{ end }}'
    retry: GoDurationText = MINUTE
    expire: GoDurationText = HOUR
    ttl: GoDurationText = 0
    html: Bool = False
    monospace: Bool = False
    alertrouter: PushoverOptions = PushoverOptions()

    def html_keys(self) -> tuple[str, ...]:
        """The message, when Pushover is told that it is HTML."""
        return ("message",) if self.html else ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.user_key and not self.user_key_file:
            raise ConfigProblem("one of user_key or user_key_file must be configured")
        exclusive({"user_key": self.user_key, "user_key_file": self.user_key_file})
        if not self.token and not self.token_file:
            raise ConfigProblem("one of token or token_file must be configured")
        exclusive({"token": self.token, "token_file": self.token_file})
        if self.html and self.monospace:
            raise ConfigProblem("at most one of monospace & html must be configured", at="monospace")
        return self


def parameters(config: PushoverConfig, message: Message, *, user: str, token: str) -> dict[str, str]:
    """The query of the request. Compat: those without a value are there as well, and empty."""
    text = message.text
    said = message.html(config.message) if config.html else text(config.message)
    found = {
        "token": token,
        "user": user,
        "title": shorten(text(config.title), LONGEST_TITLE),
        "message": shorten(said, LONGEST_MESSAGE).strip() or _NOTHING_SAID,
        "url": shorten(text(config.url), LONGEST_URL),
        "url_title": text(config.url_title, fallback=""),
        "priority": text(config.priority),
        "retry": str(config.retry // SECOND),
        "expire": str(config.expire // SECOND),
        "device": text(config.device, fallback=""),
        "sound": text(config.sound, fallback=""),
    }
    if config.html:
        found["html"] = "1"
    if config.monospace:
        found["monospace"] = "1"
    if (ttl := config.ttl // SECOND) > 0:
        found["ttl"] = str(ttl)
    return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class Pushover:
    """Pushes messages to one user or group of users."""

    config: PushoverConfig
    connection: Connection

    async def send(self, message: Message) -> None:
        """Send the message. Compat: in the query, with an empty body."""
        config = self.config
        user = self._secret(message, "user_key_file", config.user_key, config.user_key_file)
        token = self._secret(message, "token_file", config.token, config.token_file)
        query = urlencode(parameters(config, message, user=user, token=token))
        url = config.alertrouter.api_url or API_URL
        response = await self.connection.http.post(f"{url}?{query}", content=b"", headers=_NO_BODY)
        check_answer(response, user, token)

    def _secret(self, message: Message, key: str, inline: SecretTemplateText, path: str) -> str:
        template = inline.reveal()
        if path:
            template = read_secret(path, self.connection.working_directory, key)
        return message.text(template)


INTEGRATION = IntegrationKind(name="pushover", config=PushoverConfig, connect=Pushover)
