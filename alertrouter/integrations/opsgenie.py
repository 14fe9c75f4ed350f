"""Opsgenie's Alert API: one alert per group, closed when the group is resolved (`config.md` 8.5)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import msgspec
from pydantic import Field, model_validator

from alertrouter.config.fields import (
    Bool,
    ConfigModel,
    ConfigProblem,
    FilePath,
    ListOf,
    MapOf,
    Secret,
    SecretTemplateText,
    TemplateText,
    Url,
)
from alertrouter.config.http import exclusive
from alertrouter.core.alert import Status
from alertrouter.integrations import Connection, HttpIntegrationConfig, IntegrationKind
from alertrouter.integrations._answers import JSON
from alertrouter.integrations._json import json_body
from alertrouter.integrations._secrets import check_answer
from alertrouter.integrations._text import read_secret, shorten
from alertrouter.integrations._url import below, with_slash
from alertrouter.templating.marker import is_jinja

if TYPE_CHECKING:
    from alertrouter.templating.message import Message

LONGEST_MESSAGE = 130

_TYPES = "^(team|teams|user|escalation|schedule)$"


class OpsgenieGlobals(ConfigModel):
    """What Opsgenie adds to the ``global:`` section."""

    opsgenie_api_url: Url = "https://api.opsgenie.com/"
    opsgenie_api_key: Secret = Secret()
    opsgenie_api_key_file: FilePath = ""


class OpsgenieResponder(ConfigModel):
    """Who is called. ``type`` teams stands for several teams, their names separated by commas."""

    id: TemplateText = ""
    name: TemplateText = ""
    username: TemplateText = ""
    type: TemplateText = ""

    null_is_empty: ClassVar[bool] = True

    @model_validator(mode="after")
    def _check(self) -> Self:
        # Compat: written as Go prints a struct.
        shown = f"opsGenieConfig responder {{{self.id} {self.name} {self.username} {self.type}}}"
        if not (self.id or self.name or self.username):
            raise ConfigProblem(f"{shown} has to have at least one of id, username or name specified")
        if is_jinja(self.type):
            return self  # checked with all other templates of the file
        if "{{" in self.type:
            _check_template(self.type, shown)
        elif not re.match(_TYPES, self.type.lower()):
            raise ConfigProblem(f"{shown} type does not match valid options {_TYPES}", at="type")
        return self


def _check_template(text: str, shown: str) -> None:
    # Templates of a type are rare; the engine need not be loaded without one.
    from alertrouter.gotemplate import ParseError, TemplateSet

    try:
        # Compat: checked against the bare template language, without the functions of notifications.
        TemplateSet.build([]).text(text)
    except ParseError as error:
        raise ConfigProblem(f"{shown} type contains invalid template syntax: {error}", at="type") from error


class OpsgenieConfig(HttpIntegrationConfig):
    """An entry of ``opsgenie_configs``. Where a key and a key file are both known, the key is used."""

    api_key: SecretTemplateText = SecretTemplateText()
    api_key_file: FilePath = ""
    api_url: Url = ""
    message: TemplateText = '{{ template "opsgenie.default.message" . }}'
    description: TemplateText = '{{ template "opsgenie.default.description" . }}'
    source: TemplateText = '{{ template "opsgenie.default.source" . }}'
    details: MapOf[TemplateText] = Field(default_factory=dict)
    entity: TemplateText = ""
    responders: ListOf[OpsgenieResponder] = ()
    actions: TemplateText = ""
    tags: TemplateText = ""
    note: TemplateText = ""
    priority: TemplateText = ""
    update_alerts: Bool = False

    type_name: ClassVar[str] = "opsgenie.plain"

    @model_validator(mode="after")
    def _check(self) -> Self:
        exclusive({"api_key": self.api_key, "api_key_file": self.api_key_file})
        return self

    def completed(self, global_config: Any, receiver_name: str) -> Self:
        """A copy with the global URL and key. Compat: a global key goes before a key file of its own."""
        config = super().completed(global_config, receiver_name)
        url = config.api_url or global_config.opsgenie_api_url
        if not url:
            raise ConfigProblem("no global OpsGenie URL set")
        key = config.api_key or SecretTemplateText(global_config.opsgenie_api_key.reveal())
        key_file = config.api_key_file or global_config.opsgenie_api_key_file
        if not key and not key_file:
            raise ConfigProblem("no global OpsGenie API Key set either inline or in a file")
        return config.model_copy(
            update={"api_url": with_slash(url), "api_key": key, "api_key_file": key_file}
        )


class _Responder(msgspec.Struct, omit_defaults=True, kw_only=True, frozen=True):
    id: str = ""
    name: str = ""
    username: str = ""
    type: str = ""


class _Create(msgspec.Struct, omit_defaults=True, kw_only=True):
    alias: str
    message: str
    description: str = ""
    details: dict[str, str]
    source: str
    responders: list[_Responder] = []
    tags: list[str] = []
    note: str = ""
    priority: str = ""
    entity: str = ""
    actions: list[str] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class OpsgenieRequest:
    """One request: ``path`` is below the API's URL."""

    method: str
    path: str
    body: bytes
    query: str = ""


def requests(config: OpsgenieConfig, message: Message) -> list[OpsgenieRequest]:
    """What to send, in this order: the alert and what is updated of it, or that it is closed."""
    alias = message.notification.group_hash
    path = f"v2/alerts/{alias}"
    by_alias = "identifierType=alias"
    if message.notification.status is Status.RESOLVED:
        body = json_body({"source": message.text(config.source)})
        return [OpsgenieRequest(method="POST", path=f"{path}/close", query=by_alias, body=body)]
    alert = _alert(config, message, alias)
    found = [OpsgenieRequest(method="POST", path="v2/alerts", body=json_body(alert))]
    if config.update_alerts:
        # An alert that is there already keeps its texts when it is posted again.
        for name, text in (("message", alert.message), ("description", alert.description)):
            body = json_body({name: text})
            found.append(OpsgenieRequest(method="PUT", path=f"{path}/{name}", query=by_alias, body=body))
    return found


def _alert(config: OpsgenieConfig, message: Message, alias: str) -> _Create:
    text = message.text
    details = dict(message.data.common_labels)
    details |= {name: text(template) for name, template in config.details.items()}
    return _Create(
        alias=alias,
        message=shorten(text(config.message), LONGEST_MESSAGE),
        description=text(config.description),
        details=dict(sorted(details.items())),
        source=text(config.source),
        responders=_responders(config, message),
        tags=_split(text(config.tags, fallback="")),
        note=text(config.note, fallback=""),
        priority=text(config.priority, fallback=""),
        entity=text(config.entity, fallback=""),
        actions=_split(text(config.actions, fallback="")),
    )


def _responders(config: OpsgenieConfig, message: Message) -> list[_Responder]:
    found = []
    for each in config.responders:
        responder = _Responder(
            id=message.text(each.id),
            name=message.text(each.name),
            username=message.text(each.username),
            type=message.text(each.type),
        )
        if responder.type == "teams":
            found += [_Responder(name=name, type="team") for name in _split(responder.name)]
        elif responder != _Responder():
            found.append(responder)
    return found


def _split(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


@dataclass(frozen=True, slots=True)
class Opsgenie:
    """Creates, updates and closes alerts. Repeating what was done before changes nothing there."""

    config: OpsgenieConfig
    connection: Connection

    async def send(self, message: Message) -> None:
        """Send all requests, one after the other; 429 is worth another attempt."""
        key = self._key(message)
        headers = {**JSON, "Authorization": f"GenieKey {key}"}
        for each in requests(self.config, message):
            response = await self.connection.http.request(
                each.method,
                below(self.config.api_url, each.path, each.query),
                content=each.body,
                headers=headers,
            )
            check_answer(response, key, retry={429})

    def _key(self, message: Message) -> str:
        template = self.config.api_key.reveal()
        if not template:
            directory = self.connection.working_directory
            template = read_secret(self.config.api_key_file, directory, "api_key_file")
        return message.text(template).strip()


INTEGRATION = IntegrationKind(
    name="opsgenie", config=OpsgenieConfig, connect=Opsgenie, globals=OpsgenieGlobals
)
