"""VictorOps, now Splunk On-Call: its REST endpoint (`config.md` 8.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from alertrouter.config.fields import (
    ConfigModel,
    ConfigProblem,
    FilePath,
    MapOf,
    Secret,
    TemplateText,
    Url,
)
from alertrouter.config.http import exclusive
from alertrouter.core.alert import Status
from alertrouter.integrations import Connection, HttpIntegrationConfig, IntegrationKind
from alertrouter.integrations._answers import JSON
from alertrouter.integrations._json import sorted_json_body
from alertrouter.integrations._secrets import check_answer
from alertrouter.integrations._text import read_secret, shorten
from alertrouter.integrations._url import below, with_slash

if TYPE_CHECKING:
    from alertrouter.templating.message import Message

LONGEST_STATE_MESSAGE = 20480

_FIRING_TYPES = frozenset({"INFO", "WARNING", "CRITICAL"})
_RESERVED = (
    "routing_key",
    "message_type",
    "state_message",
    "entity_display_name",
    "monitoring_tool",
    "entity_id",
    "entity_state",
)


class VictoropsGlobals(ConfigModel):
    """What VictorOps adds to the ``global:`` section."""

    victorops_api_url: Url = "https://alert.victorops.com/integrations/generic/20131114/alert/"
    victorops_api_key: Secret = Secret()
    victorops_api_key_file: FilePath = ""


class VictoropsConfig(HttpIntegrationConfig):
    """An entry of ``victorops_configs``. Where a key and a key file are both known, the key is used."""

    api_key: Secret = Secret()
    api_key_file: FilePath = ""
    api_url: Url = ""
    routing_key: TemplateText = ""
    message_type: TemplateText = "CRITICAL"
    state_message: TemplateText = '{{ template "victorops.default.state_message" . }}'
    entity_display_name: TemplateText = '{{ template "victorops.default.entity_display_name" . }}'
    monitoring_tool: TemplateText = '{{ template "victorops.default.monitoring_tool" . }}'
    custom_fields: MapOf[TemplateText] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.routing_key:
            raise ConfigProblem("missing Routing key in VictorOps config")
        exclusive({"api_key": self.api_key, "api_key_file": self.api_key_file})
        for name in self.custom_fields:
            if name in _RESERVED:
                raise ConfigProblem(
                    f"victorOps config contains custom field {name} which cannot be used"
                    " as it conflicts with the fixed/static fields",
                    at=("custom_fields", name),
                )
        return self

    def completed(self, global_config: Any, receiver_name: str) -> Self:
        """A copy with the global URL and key. Compat: a global key goes before a key file of its own."""
        config = super().completed(global_config, receiver_name)
        url = config.api_url or global_config.victorops_api_url
        if not url:
            raise ConfigProblem("no global VictorOps URL set")
        key = config.api_key or global_config.victorops_api_key
        key_file = config.api_key_file or global_config.victorops_api_key_file
        if not key and not key_file:
            raise ConfigProblem("no global VictorOps API Key set")
        return config.model_copy(
            update={"api_url": with_slash(url), "api_key": key, "api_key_file": key_file}
        )


def body(config: VictoropsConfig, message: Message) -> bytes:
    """The request's body; all members are texts."""
    text = message.text
    members = {
        "message_type": _message_type(config, message),
        "entity_id": message.notification.group_hash,
        "entity_display_name": text(config.entity_display_name),
        "state_message": shorten(text(config.state_message), LONGEST_STATE_MESSAGE),
        "monitoring_tool": text(config.monitoring_tool),
    }
    members |= {name: text(template) for name, template in config.custom_fields.items()}
    return sorted_json_body(members)


def _message_type(config: VictoropsConfig, message: Message) -> str:
    if message.notification.status is Status.RESOLVED:
        return "RECOVERY"
    wanted = message.text(config.message_type, fallback="CRITICAL")
    return wanted if wanted in _FIRING_TYPES else "CRITICAL"


@dataclass(frozen=True, slots=True)
class Victorops:
    """Opens and resolves incidents, one per group."""

    config: VictoropsConfig
    connection: Connection

    async def send(self, message: Message) -> None:
        """Post the message to the URL that the two keys name."""
        key = self.config.api_key.reveal()
        if not key:
            directory = self.connection.working_directory
            key = read_secret(self.config.api_key_file, directory, "api_key_file")
        url = below(self.config.api_url, f"{key}/{message.text(self.config.routing_key)}")
        content = body(self.config, message)
        response = await self.connection.http.post(url, content=content, headers=JSON)
        check_answer(response, key)


INTEGRATION = IntegrationKind(
    name="victorops", config=VictoropsConfig, connect=Victorops, globals=VictoropsGlobals
)
