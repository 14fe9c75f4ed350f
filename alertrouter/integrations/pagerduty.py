"""PagerDuty's Events API, versions 1 and 2 (`config.md` 8.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import msgspec
from pydantic import Field, model_validator

from alertrouter.config.fields import (
    AnyStructure,
    ConfigModel,
    ConfigProblem,
    FilePath,
    GoDuration,
    ListOf,
    MapOf,
    SecretTemplateText,
    TemplateText,
    Url,
)
from alertrouter.config.http import exclusive
from alertrouter.core.alert import Status
from alertrouter.delivery.errors import RejectedError
from alertrouter.integrations import Connection, HttpIntegrationConfig, IntegrationKind
from alertrouter.integrations._answers import JSON, raise_for, time_limit
from alertrouter.integrations._json import json_body, sorted_json
from alertrouter.integrations._text import read_secret, shorten

if TYPE_CHECKING:
    from alertrouter.http_client import Response
    from alertrouter.templating.message import Message

V1_URL = "https://events.pagerduty.com/generic/2010-04-15/create_event.json"

LONGEST_SUMMARY = 1024
LARGEST_EVENT = 512_000  # bytes

_DETAILS = {
    "firing": "{{ .Alerts.Firing | toJson }}",
    "resolved": "{{ .Alerts.Resolved | toJson }}",
    "num_firing": "{{ .Alerts.Firing | len }}",
    "num_resolved": "{{ .Alerts.Resolved | len }}",
}


class PagerdutyGlobals(ConfigModel):
    """What PagerDuty adds to the ``global:`` section."""

    pagerduty_url: Url = "https://events.pagerduty.com/v2/enqueue"


class PagerdutyImage(ConfigModel):
    """An image shown with an incident."""

    src: TemplateText = ""
    alt: TemplateText = ""
    href: TemplateText = ""


class PagerdutyLink(ConfigModel):
    """A link shown with an incident."""

    href: TemplateText = ""
    text: TemplateText = ""


class PagerdutyConfig(HttpIntegrationConfig):
    """An entry of ``pagerduty_configs``. A service key selects version 1 of the API, and wins."""

    service_key: SecretTemplateText = SecretTemplateText()
    service_key_file: FilePath = ""
    routing_key: SecretTemplateText = SecretTemplateText()
    routing_key_file: FilePath = ""
    url: Url = ""
    client: TemplateText = '{{ template "pagerduty.default.client" . }}'
    client_url: TemplateText = '{{ template "pagerduty.default.clientURL" . }}'
    description: TemplateText = '{{ template "pagerduty.default.description" .}}'
    details: MapOf[AnyStructure] = Field(default_factory=dict)
    images: ListOf[PagerdutyImage] = ()
    links: ListOf[PagerdutyLink] = ()
    source: TemplateText = ""
    severity: TemplateText = ""
    class_: TemplateText = Field("", alias="class")
    component: TemplateText = ""
    group: TemplateText = ""
    timeout: GoDuration = 0

    type_name: ClassVar[str] = "pagerduty.plain"
    always_printed: ClassVar[frozenset[str]] = frozenset({"timeout"})

    @model_validator(mode="after")
    def _check(self) -> Self:
        keys = (self.service_key, self.service_key_file, self.routing_key, self.routing_key_file)
        if not any(keys):
            raise ConfigProblem("missing service or routing key in PagerDuty config")
        exclusive({"service_key": self.service_key, "service_key_file": self.service_key_file})
        exclusive({"routing_key": self.routing_key, "routing_key_file": self.routing_key_file})
        return self

    def completed(self, global_config: Any, receiver_name: str) -> Self:
        """A copy with the global URL and the default details; no details can be taken away, only overridden."""
        config = super().completed(global_config, receiver_name)
        url = config.url or global_config.pagerduty_url
        if not url:
            raise ConfigProblem("no global PagerDuty URL set")
        return config.model_copy(
            update={
                "url": url,
                "details": _DETAILS | config.details,
                "source": config.source or config.client,
                "severity": config.severity or "error",
            }
        )

    @property
    def is_v1(self) -> bool:
        """Whether the first version of the API is spoken."""
        return bool(self.service_key or self.service_key_file)


class _Image(msgspec.Struct, omit_defaults=True, kw_only=True):
    src: str = ""
    alt: str = ""
    href: str = ""


class _Link(msgspec.Struct, omit_defaults=True, kw_only=True):
    href: str = ""
    text: str = ""


class _Payload(msgspec.Struct, omit_defaults=True, kw_only=True):
    summary: str
    source: str
    severity: str
    class_: str = msgspec.field(name="class", default="")
    component: str = ""
    group: str = ""
    custom_details: msgspec.Raw | None = None


class _EventV2(msgspec.Struct, omit_defaults=True, kw_only=True):
    routing_key: str = ""
    dedup_key: str = ""
    event_action: str
    payload: _Payload
    client: str = ""
    client_url: str = ""
    images: list[_Image] = []
    links: list[_Link] = []


class _EventV1(msgspec.Struct, omit_defaults=True, kw_only=True):
    service_key: str = ""
    incident_key: str = ""
    event_type: str = ""
    description: str = ""
    event_action: str
    payload: None
    client: str = ""
    client_url: str = ""
    details: msgspec.Raw | None = None


def event_v2(config: PagerdutyConfig, message: Message, routing_key: str) -> bytes:
    """The body of a version 2 event. A resolve carries the whole payload too."""
    event = _EventV2(
        routing_key=routing_key,
        dedup_key=message.notification.group_hash,
        event_action=_action(message),
        payload=_Payload(
            summary=shorten(message.text(config.description), LONGEST_SUMMARY),
            source=message.text(config.source),
            severity=message.text(config.severity),
            class_=message.text(config.class_),
            component=message.text(config.component),
            group=message.text(config.group),
            custom_details=_details(config, message),
        ),
        client=message.text(config.client),
        client_url=message.text(config.client_url),
        images=_images(config, message),
        links=_links(config, message),
    )
    body = json_body(event)
    if len(body) > LARGEST_EVENT:
        event.payload.custom_details = _REMOVED
        body = json_body(event)
    return body


def event_v1(config: PagerdutyConfig, message: Message, service_key: str) -> bytes:
    """The body of a version 1 event. Compat: ``event_action`` and ``payload`` are there, and empty."""
    event = _EventV1(
        service_key=service_key,
        incident_key=message.notification.group_hash,
        event_type=_action(message),
        description=shorten(message.text(config.description), LONGEST_SUMMARY),
        event_action="",
        payload=None,
        details=_details(config, message),
    )
    if event.event_type == "trigger":
        event.client = message.text(config.client)
        event.client_url = message.text(config.client_url)
    body = json_body(event)
    if len(body) > LARGEST_EVENT:
        event.details = _REMOVED
        body = json_body(event)
    return body


def _action(message: Message) -> str:
    return "resolve" if message.notification.status is Status.RESOLVED else "trigger"


def _details(config: PagerdutyConfig, message: Message) -> msgspec.Raw:
    return sorted_json(message.structure(config.details))


_REMOVED = sorted_json(
    {"error": "Custom details have been removed because the original event exceeds the maximum size of 512KB"}
)


def _images(config: PagerdutyConfig, message: Message) -> list[_Image]:
    images = [
        _Image(src=message.text(image.src), alt=message.text(image.alt), href=message.text(image.href))
        for image in config.images
    ]
    return [image for image in images if image.src]


def _links(config: PagerdutyConfig, message: Message) -> list[_Link]:
    links = [_Link(href=message.text(link.href), text=message.text(link.text)) for link in config.links]
    return [link for link in links if link.href]


@dataclass(frozen=True, slots=True)
class Pagerduty:
    """Opens and resolves incidents, one per group."""

    config: PagerdutyConfig
    connection: Connection

    async def send(self, message: Message) -> None:
        """Send the event; which answers are worth another attempt depends on the API's version."""
        if self.config.is_v1:
            key = self._key(message, "service_key", self.config.service_key, self.config.service_key_file)
            url, content, retry = V1_URL, event_v1(self.config, message, key), {403}
        else:
            key = self._key(message, "routing_key", self.config.routing_key, self.config.routing_key_file)
            url, content, retry = self.config.url, event_v2(self.config, message, key), {429}
        async with time_limit(self.config.timeout, "pagerduty"):
            response = await self.connection.http.post(url, content=content, headers=JSON)
        raise_for(response, retry=retry, detail=_complaint(response))

    def _key(self, message: Message, name: str, inline: SecretTemplateText, path: str) -> str:
        template = inline.reveal()
        if path:
            template = read_secret(path, self.connection.working_directory, f"{name}_file")
        if not (key := message.text(template)):
            raise RejectedError(f"{name.replace('_', ' ')} cannot be empty")
        return key


def _complaint(response: Response) -> str:
    """What PagerDuty says about a bad request; other bodies may hold the event, with its key."""
    if response.status_code != 400:
        return ""
    try:
        answer = response.json()
        return f"{answer['message']}: {','.join(answer['errors'])}"
    except (ValueError, KeyError, TypeError):
        return ""


INTEGRATION = IntegrationKind(
    name="pagerduty", config=PagerdutyConfig, connect=Pagerduty, globals=PagerdutyGlobals
)
