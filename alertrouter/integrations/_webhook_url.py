"""Chat services that are posted to at a URL which is itself the secret: ``webhook_url`` or ``webhook_url_file``."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from alertrouter.config.fields import ConfigProblem, FilePath, SecretUrl
from alertrouter.config.http import exclusive
from alertrouter.delivery.errors import RejectedError
from alertrouter.integrations import Connection, HttpIntegrationConfig
from alertrouter.integrations._text import read_secret


class WebhookUrlConfig(HttpIntegrationConfig):
    """The two keys, one of which every entry must have."""

    webhook_url: SecretUrl = SecretUrl()
    webhook_url_file: FilePath = ""

    @model_validator(mode="after")
    def _check_webhook_url(self) -> Self:
        if not self.webhook_url and not self.webhook_url_file:
            raise ConfigProblem("one of webhook_url or webhook_url_file must be configured")
        exclusive({"webhook_url": self.webhook_url, "webhook_url_file": self.webhook_url_file})
        return self


def revealed(webhook_url: SecretUrl, webhook_url_file: str, connection: Connection) -> str:
    """Where to post; the file is read anew each time. RejectedError when there is nothing in it."""
    url = webhook_url.reveal()
    if webhook_url_file:
        url = read_secret(webhook_url_file, connection.working_directory, "webhook_url_file")
    if not url:
        raise RejectedError("webhook url missing")
    return url
