"""incident.io: the webhook's body for an HTTP alert source (`config.md` 8.16)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import model_validator

from alertrouter.config.fields import ConfigProblem, FilePath, GoDuration, Secret, Unsigned, Url
from alertrouter.config.http import exclusive
from alertrouter.delivery.errors import RejectedError
from alertrouter.integrations import Connection, HttpIntegrationConfig, IntegrationKind
from alertrouter.integrations._answers import JSON, time_limit
from alertrouter.integrations._json import json_body
from alertrouter.integrations._secrets import check_answer
from alertrouter.integrations._text import read_secret

if TYPE_CHECKING:
    from alertrouter.templating.message import Message

LARGEST_BODY = 524_288  # bytes


class IncidentioConfig(HttpIntegrationConfig):
    """An entry of ``incidentio_configs``. ``max_alerts`` 0 is no limit; the URL is not a secret, the token is."""

    url: Url = ""
    url_file: FilePath = ""
    alert_source_token: Secret = Secret()
    alert_source_token_file: FilePath = ""
    max_alerts: Unsigned = 0
    timeout: GoDuration = 0

    type_name: ClassVar[str] = "incidentio.plain"
    always_printed: ClassVar[frozenset[str]] = frozenset({"url_file", "max_alerts", "timeout"})

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.url and not self.url_file:
            raise ConfigProblem("one of url or url_file must be configured")
        if self.url and self.url_file:
            raise ConfigProblem("at most one of url & url_file must be configured", at="url_file")
        exclusive(
            {
                "alert_source_token": self.alert_source_token,
                "alert_source_token_file": self.alert_source_token_file,
            }
        )
        has_token = bool(self.alert_source_token or self.alert_source_token_file)
        if self.http_config is None:
            # Compat: nobody is asked for a token who has no client options of their own.
            return self
        if self.http_config.authorization is not None:
            if has_token:
                raise ConfigProblem(
                    "cannot specify alert_source_token or alert_source_token_file when using"
                    " http_config.authorization",
                    at="http_config",
                    hint="keep one of the two",
                )
        elif not has_token:
            raise ConfigProblem(
                "at least one of alert_source_token, alert_source_token_file or http_config.authorization"
                " must be configured",
                at="http_config",
            )
        return self


def body(config: IncidentioConfig, message: Message) -> bytes:
    """The webhook's members as version 1. Of a body that is too large only the first alert stays."""
    members = message.webhook_members(config.max_alerts) | {"version": "1"}
    content = json_body(members)
    if len(content) > LARGEST_BODY:
        # Compat: those left out are not counted, and what is still too large is sent all the same.
        content = json_body(members | {"alerts": members["alerts"][:1]})
    return content


@dataclass(frozen=True, slots=True)
class Incidentio:
    """Posts to one alert source."""

    config: IncidentioConfig
    connection: Connection

    async def send(self, message: Message) -> None:
        """Post the message; 429, 5xx and a missing answer are worth another attempt."""
        content = body(self.config, message)
        url, token = self._url(), self._token()
        headers = JSON | ({"Authorization": f"Bearer {token}"} if token else {})
        async with time_limit(self.config.timeout, "incidentio"):
            response = await self.connection.http.post(url, content=content, headers=headers)
        check_answer(response, token, retry={429})

    def _url(self) -> str:
        url = self.config.url
        if self.config.url_file:
            url = read_secret(self.config.url_file, self.connection.working_directory, "url_file")
        if not url:
            raise RejectedError("incident.io URL is empty")
        return url

    def _token(self) -> str:
        http_config = self.config.http_config
        if http_config is not None and (http_config.basic_auth or http_config.oauth2):
            # Compat: another way to authenticate wins.
            return ""
        if path := self.config.alert_source_token_file:
            return read_secret(path, self.connection.working_directory, "alert_source_token_file")
        return self.config.alert_source_token.reveal()


INTEGRATION = IntegrationKind(name="incidentio", config=IncidentioConfig, connect=Incidentio)
