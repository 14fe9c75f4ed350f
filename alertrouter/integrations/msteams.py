"""Microsoft Teams: message cards through the connectors of old (`config.md` 8.13); see `msteamsv2` for workflows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import msgspec

from alertrouter.config.fields import TemplateText
from alertrouter.core.alert import Status
from alertrouter.core.reason import FailureReason
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.integrations import Connection, IntegrationKind
from alertrouter.integrations._answers import JSON
from alertrouter.integrations._json import json_body
from alertrouter.integrations._secrets import check_answer
from alertrouter.integrations._webhook_url import WebhookUrlConfig, revealed

if TYPE_CHECKING:
    from alertrouter.http_client import Response
    from alertrouter.templating.message import Message

RED = "8C1A1A"
GREEN = "2DC72D"


class MsteamsConfig(WebhookUrlConfig):
    """An entry of ``msteams_configs``."""

    title: TemplateText = '{{ template "msteams.default.title" . }}'
    summary: TemplateText = '{{ template "msteams.default.summary" . }}'
    text: TemplateText = '{{ template "msteams.default.text" . }}'

    type_name: ClassVar[str] = "msteams.plain"


class _Card(msgspec.Struct, kw_only=True):
    context: str = msgspec.field(name="@context", default="http://schema.org/extensions")
    # Compat: Microsoft documents it as ``@type``.
    type: str = "MessageCard"
    title: str
    summary: str
    text: str
    theme_color: str = msgspec.field(name="themeColor")


def body(config: MsteamsConfig, message: Message) -> bytes:
    """The card. Nothing is cut: what is too large Teams refuses."""
    resolved = message.notification.status is Status.RESOLVED
    return json_body(
        _Card(
            title=message.text(config.title),
            summary=message.text(config.summary),
            text=message.text(config.text),
            theme_color=GREEN if resolved else RED,
        )
    )


@dataclass(frozen=True, slots=True)
class Msteams:
    """Posts cards to one channel."""

    config: MsteamsConfig
    connection: Connection

    async def send(self, message: Message) -> None:
        """Post the card; 5xx and a missing answer are worth another attempt."""
        content = body(self.config, message)
        url = revealed(self.config.webhook_url, self.config.webhook_url_file, self.connection)
        response = await self.connection.http.post(url, content=content, headers=JSON)
        check_answer(response, url)
        _raise_for_hidden(response)


# A connector that is told to slow down, or that cannot reach the channel, says 200 all the same.
_HIDDEN_ERROR = re.compile(r"returned HTTP error (\d{3})")


def _raise_for_hidden(response: Response) -> None:
    if (found := _HIDDEN_ERROR.search(response.text)) is None:
        return
    status = int(found[1])
    raise (TemporaryError if status == 429 or status >= 500 else RejectedError)(
        f"Microsoft Teams answered 200, but failed with {status}", reason=FailureReason.of(status)
    )


INTEGRATION = IntegrationKind(name="msteams", config=MsteamsConfig, connect=Msteams)
