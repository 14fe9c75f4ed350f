"""Microsoft Teams: adaptive cards through workflows (`config.md` 8.14)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from alertrouter.config.fields import TemplateText
from alertrouter.core.alert import Status
from alertrouter.integrations import Connection, IntegrationKind
from alertrouter.integrations._answers import JSON
from alertrouter.integrations._json import json_body
from alertrouter.integrations._secrets import check_answer
from alertrouter.integrations._webhook_url import WebhookUrlConfig, revealed

if TYPE_CHECKING:
    from alertrouter.templating.message import Message


class Msteamsv2Config(WebhookUrlConfig):
    """An entry of ``msteamsv2_configs``."""

    title: TemplateText = '{{ template "msteamsv2.default.title" . }}'
    text: TemplateText = '{{ template "msteamsv2.default.text" . }}'

    type_name: ClassVar[str] = "msteamsv2.plain"

    def completed(self, global_config: Any, receiver_name: str) -> Self:
        """A copy with the global client options; of these, a client of its own takes the proxy alone.

        Compat: nowhere else are the two merged, and it is so even with ``proxy_from_environment``.
        """
        config = super().completed(global_config, receiver_name)
        own, proxy_url = self.http_config, global_config.http_config.proxy_url
        if own is None or own.proxy_url or not proxy_url:
            return config
        return config.model_copy(update={"http_config": own.model_copy(update={"proxy_url": proxy_url})})


def body(config: Msteamsv2Config, message: Message) -> bytes:
    """The message with its card. Nothing is cut: what is too large Teams refuses."""
    resolved = message.notification.status is Status.RESOLVED
    title = {
        "type": "TextBlock",
        "text": message.text(config.title),
        "weight": "Bolder",
        "size": "Medium",
        "wrap": True,
        "style": "heading",
        "color": "Good" if resolved else "Attention",
    }
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": [title, {"type": "TextBlock", "text": message.text(config.text), "wrap": True}],
        "msteams": {"width": "full"},
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return json_body({"type": "message", "attachments": [attachment]})


@dataclass(frozen=True, slots=True)
class Msteamsv2:
    """Posts cards to one workflow."""

    config: Msteamsv2Config
    connection: Connection

    async def send(self, message: Message) -> None:
        """Post the card; 5xx and a missing answer are worth another attempt."""
        content = body(self.config, message)
        url = revealed(self.config.webhook_url, self.config.webhook_url_file, self.connection)
        response = await self.connection.http.post(url, content=content, headers=JSON)
        check_answer(response, url)


INTEGRATION = IntegrationKind(name="msteamsv2", config=Msteamsv2Config, connect=Msteamsv2)
