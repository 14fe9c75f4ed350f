"""Mattermost: incoming webhooks (`config.md` 8.18)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import msgspec
from pydantic import model_validator

from alertrouter.config.fields import (
    Bool,
    ConfigModel,
    ConfigProblem,
    FilePath,
    ListOf,
    SecretUrl,
    TemplateText,
)
from alertrouter.config.http import exclusive
from alertrouter.delivery.errors import DeliveryError
from alertrouter.integrations import Connection, HttpIntegrationConfig, IntegrationKind
from alertrouter.integrations._answers import JSON
from alertrouter.integrations._json import json_body
from alertrouter.integrations._secrets import check_answer
from alertrouter.integrations._text import shorten
from alertrouter.integrations._webhook_url import revealed

if TYPE_CHECKING:
    from alertrouter.templating.message import Message

LONGEST_TEXT = 16_383

_PRIORITIES = ("urgent", "important", "standard")


class MattermostGlobals(ConfigModel):
    """What Mattermost adds to the ``global:`` section."""

    mattermost_webhook_url: SecretUrl = SecretUrl()
    mattermost_webhook_url_file: FilePath = ""


class MattermostField(ConfigModel):
    """A field of an attachment; ``short`` is left out when it is None."""

    title: TemplateText = ""
    value: TemplateText = ""
    short: Bool | None = None

    type_name: ClassVar[str] = "mattermost.plain"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.title:
            raise ConfigProblem("missing title in Mattermost field configuration")
        if not self.value:
            raise ConfigProblem("missing value in Mattermost field configuration")
        return self


class MattermostAttachment(ConfigModel):
    """An attachment written out; deprecated, for the keys of the message itself make one."""

    type_name: ClassVar[str] = "mattermost.MattermostAttachment"
    null_is_empty: ClassVar[bool] = True

    fallback: TemplateText = ""
    color: TemplateText = ""
    pretext: TemplateText = ""
    text: TemplateText = ""
    author_name: TemplateText = ""
    author_link: TemplateText = ""
    author_icon: TemplateText = ""
    title: TemplateText = ""
    title_link: TemplateText = ""
    fields: ListOf[MattermostField] = ()
    thumb_url: TemplateText = ""
    footer: TemplateText = ""
    footer_icon: TemplateText = ""
    image_url: TemplateText = ""


class MattermostProps(ConfigModel):
    """``card`` is Markdown for the side bar."""

    type_name: ClassVar[str] = "mattermost.MattermostProps"

    card: TemplateText = ""


class MattermostPriority(ConfigModel):
    """How urgent the message is shown to be: ``urgent``, ``important`` or ``standard``."""

    type_name: ClassVar[str] = "mattermost.MattermostPriority"

    priority: TemplateText = ""
    requested_ack: Bool = False
    persistent_notifications: Bool = False


def _default(name: str) -> str:
    return f'{{{{ template "mattermost.default.{name}" . }}}}'


class MattermostConfig(HttpIntegrationConfig):
    """An entry of ``mattermost_configs``."""

    webhook_url: SecretUrl = SecretUrl()
    webhook_url_file: FilePath = ""
    channel: TemplateText = ""
    username: TemplateText = _default("username")
    text: TemplateText = _default("text")
    fallback: TemplateText = _default("fallback")
    color: TemplateText = _default("color")
    pretext: TemplateText = ""
    author_name: TemplateText = ""
    author_link: TemplateText = ""
    author_icon: TemplateText = ""
    title: TemplateText = _default("title")
    title_link: TemplateText = _default("titlelink")
    fields: ListOf[MattermostField] = ()
    thumb_url: TemplateText = ""
    footer: TemplateText = ""
    footer_icon: TemplateText = ""
    image_url: TemplateText = ""
    icon_url: TemplateText = ""
    icon_emoji: TemplateText = ""
    attachments: ListOf[MattermostAttachment] = ()
    type: TemplateText = ""
    props: MattermostProps | None = None
    priority: MattermostPriority | None = None

    type_name: ClassVar[str] = "mattermost.plain"

    @model_validator(mode="after")
    def _check(self) -> Self:
        exclusive({"webhook_url": self.webhook_url, "webhook_url_file": self.webhook_url_file})
        return self

    def completed(self, global_config: Any, receiver_name: str) -> Self:
        """A copy that knows where to post: the global pair counts only where both keys are unset."""
        config = super().completed(global_config, receiver_name)
        if config.webhook_url or config.webhook_url_file:
            return config
        url, path = global_config.mattermost_webhook_url, global_config.mattermost_webhook_url_file
        if not (url or path):
            raise ConfigProblem("missing webhook_url or webhook_url_file on mattermost_config")
        return config.model_copy(update={"webhook_url": url, "webhook_url_file": path})


class _Field(msgspec.Struct, omit_defaults=True, kw_only=True):
    title: str = ""
    value: str = ""
    short: bool | None = None


class _Attachment(msgspec.Struct, omit_defaults=True, kw_only=True):
    fallback: str = ""
    color: str = ""
    pretext: str = ""
    text: str = ""
    author_name: str = ""
    author_link: str = ""
    author_icon: str = ""
    title: str = ""
    title_link: str = ""
    fields: list[_Field] = []
    thumb_url: str = ""
    footer: str = ""
    footer_icon: str = ""
    image_url: str = ""


class _Priority(msgspec.Struct, omit_defaults=True, kw_only=True):
    priority: str
    requested_ack: bool = False
    persistent_notifications: bool = False


class _Props(msgspec.Struct, kw_only=True):
    card: str


class _Post(msgspec.Struct, omit_defaults=True, kw_only=True):
    text: str = ""
    channel: str = ""
    username: str = ""
    icon_url: str = ""
    icon_emoji: str = ""
    attachments: list[_Attachment] = []
    type: str = ""
    props: _Props | None = None
    priority: _Priority | None = None


def post(config: MattermostConfig, message: Message) -> _Post:
    """The message as Mattermost takes it.

    The text stands in the one attachment made of the message's keys; beside attachments written out it is the
    post's own, and cut.
    """
    text = message.text
    made = _Post(
        channel=text(config.channel),
        username=text(config.username),
        icon_url=text(config.icon_url),
        icon_emoji=text(config.icon_emoji),
        attachments=[_attachment(each, message) for each in config.attachments or (config,)],
        type=text(config.type),
        priority=_priority(config.priority, message),
    )
    if config.attachments:
        made.text = shorten(text(config.text), LONGEST_TEXT)
    if config.props is not None and config.props.card:
        made.props = _Props(card=text(config.props.card))
    return made


def _attachment(source: MattermostAttachment | MattermostConfig, message: Message) -> _Attachment:
    text = message.text
    return _Attachment(
        fallback=text(source.fallback),
        color=text(source.color),
        pretext=text(source.pretext),
        text=text(source.text),
        author_name=text(source.author_name),
        author_link=text(source.author_link),
        author_icon=text(source.author_icon),
        title=text(source.title),
        title_link=text(source.title_link),
        fields=[
            _Field(title=text(field.title), value=text(field.value), short=field.short)
            for field in source.fields
        ],
        thumb_url=text(source.thumb_url),
        footer=text(source.footer),
        footer_icon=text(source.footer_icon),
        image_url=text(source.image_url),
    )


def _priority(config: MattermostPriority | None, message: Message) -> _Priority | None:
    """What Mattermost would refuse together is taken apart: it asks for no acknowledgement of standard posts."""
    if config is None or not config.priority:
        return None
    priority = message.text(config.priority).lower()
    if priority not in _PRIORITIES:
        priority = "standard"
    return _Priority(
        priority=priority,
        requested_ack=config.requested_ack and priority != "standard",
        persistent_notifications=config.persistent_notifications and priority == "urgent",
    )


@dataclass(frozen=True, slots=True)
class Mattermost:
    """Posts through one incoming webhook."""

    config: MattermostConfig
    connection: Connection

    async def send(self, message: Message) -> None:
        """Post the message; 5xx and a missing answer are worth another attempt."""
        made = post(self.config, message)
        try:
            url = revealed(self.config.webhook_url, self.config.webhook_url_file, self.connection)
            response = await self.connection.http.post(url, content=json_body(made), headers=JSON)
            check_answer(response, url)
        except DeliveryError as error:
            raise type(error)(
                f'channel "{made.channel}": {error}', reason=error.reason, retry_after=error.retry_after
            ) from None


INTEGRATION = IntegrationKind(
    name="mattermost", config=MattermostConfig, connect=Mattermost, globals=MattermostGlobals
)
