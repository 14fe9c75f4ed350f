"""Rocket.Chat: messages through its REST API (`config.md` 8.17)."""

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
    Secret,
    TemplateText,
    Text,
    Url,
)
from alertrouter.config.http import exclusive
from alertrouter.core.reason import FailureReason
from alertrouter.delivery.errors import DeliveryError, RejectedError, TemporaryError
from alertrouter.integrations import Connection, HttpIntegrationConfig, IntegrationKind
from alertrouter.integrations._answers import JSON
from alertrouter.integrations._json import json_body
from alertrouter.integrations._secrets import check_answer, without
from alertrouter.integrations._text import read_secret, shorten
from alertrouter.integrations._url import below, with_slash

if TYPE_CHECKING:
    from alertrouter.http_client import Response
    from alertrouter.templating.message import Message

LONGEST_TITLE = 1024


class RocketchatGlobals(ConfigModel):
    """What Rocket.Chat adds to the ``global:`` section."""

    rocketchat_api_url: Url = "https://open.rocket.chat/"
    rocketchat_token: Secret = Secret()
    rocketchat_token_file: FilePath = ""
    rocketchat_token_id: Secret = Secret()
    rocketchat_token_id_file: FilePath = ""


class RocketchatField(ConfigModel):
    """A field of the attachment; ``short`` None is as the message's ``short_fields``."""

    type_name: ClassVar[str] = "config.RocketchatAttachmentField"
    null_is_empty: ClassVar[bool] = True

    short: Bool | None = None
    title: TemplateText = ""
    value: TemplateText = ""

    always_printed: ClassVar[frozenset[str]] = frozenset({"short", "title", "value"})


class RocketchatAction(ConfigModel):
    """A button. Compat: the keys are run together, and only ``text``, ``url`` and ``msg`` mean anything."""

    type_name: ClassVar[str] = "config.RocketchatAttachmentAction"
    null_is_empty: ClassVar[bool] = True

    type: Text = ""
    text: TemplateText = ""
    url: TemplateText = ""
    imageurl: Text = ""
    iswebview: Bool = False
    webviewheightratio: Text = ""
    msg: TemplateText = ""
    msginchatwindow: Bool = False
    msgprocessingtype: Text = ""

    always_printed: ClassVar[frozenset[str]] = frozenset(
        {
            "type",
            "text",
            "url",
            "imageurl",
            "iswebview",
            "webviewheightratio",
            "msg",
            "msginchatwindow",
            "msgprocessingtype",
        }
    )


def _default(name: str) -> str:
    return f'{{{{ template "rocketchat.default.{name}" . }}}}'


class RocketchatConfig(HttpIntegrationConfig):
    """An entry of ``rocketchat_configs``. Compat: ``link_names`` is read and never sent."""

    send_resolved: Bool = False
    api_url: Url = ""
    token_id: Secret = Secret()
    token_id_file: FilePath = ""
    token: Secret = Secret()
    token_file: FilePath = ""
    channel: TemplateText = ""
    color: TemplateText = '{{ if eq .Status "firing" }}red{{ else }}green{{ end }}'
    title: TemplateText = _default("title")
    title_link: TemplateText = _default("titlelink")
    text: TemplateText = _default("text")
    fields: ListOf[RocketchatField] = ()
    short_fields: Bool = False
    emoji: TemplateText = _default("emoji")
    icon_url: TemplateText = _default("iconurl")
    image_url: TemplateText = ""
    thumb_url: TemplateText = ""
    link_names: Bool = False
    actions: ListOf[RocketchatAction] = ()

    always_printed: ClassVar[frozenset[str]] = frozenset({"short_fields", "link_names"})

    @model_validator(mode="after")
    def _check(self) -> Self:
        exclusive({"token": self.token, "token_file": self.token_file})
        exclusive({"token_id": self.token_id, "token_id_file": self.token_id_file})
        return self

    def completed(self, global_config: Any, receiver_name: str) -> Self:
        """A copy that knows where to post and as whom; each of the five keys has its own global one."""
        config = super().completed(global_config, receiver_name)
        update = {
            key: getattr(config, key) or getattr(global_config, f"rocketchat_{key}")
            for key in ("api_url", "token_id", "token_id_file", "token", "token_file")
        }
        if not (update["token_id"] or update["token_id_file"]):
            raise ConfigProblem("no global Rocketchat TokenID set either inline or in a file")
        if not (update["token"] or update["token_file"]):
            raise ConfigProblem("no global Rocketchat Token set either inline or in a file")
        if not update["api_url"]:
            raise ConfigProblem("no global Rocketchat API URL set")
        return config.model_copy(update=update)


class _Field(msgspec.Struct, omit_defaults=True, kw_only=True):
    short: bool
    title: str = ""
    value: str = ""


class _Action(msgspec.Struct, omit_defaults=True, kw_only=True):
    type: str
    text: str = ""
    url: str = ""
    is_webview: bool
    msg: str = ""
    msg_in_chat_window: bool


class _Attachment(msgspec.Struct, omit_defaults=True, kw_only=True):
    title: str = ""
    title_link: str = ""
    text: str = ""
    image_url: str = ""
    thumb_url: str = ""
    color: str = ""
    fields: list[_Field] = []
    actions: list[_Action] = []


class _Request(msgspec.Struct, omit_defaults=True, kw_only=True):
    channel: str = ""
    emoji: str = ""
    avatar: str = ""
    attachments: list[_Attachment]


def request(config: RocketchatConfig, message: Message) -> _Request:
    """The message as Rocket.Chat takes it."""
    text = message.text
    attachment = _Attachment(
        title=shorten(text(config.title), LONGEST_TITLE),
        title_link=text(config.title_link),
        text=text(config.text),
        image_url=text(config.image_url),
        thumb_url=text(config.thumb_url),
        color=text(config.color),
        fields=[_field(field, config, message) for field in config.fields],
        actions=[
            # Compat: whatever kind and ways were asked for.
            _Action(
                type="button",
                text=text(action.text),
                url=text(action.url),
                is_webview=False,
                msg=text(action.msg),
                msg_in_chat_window=False,
            )
            for action in config.actions
        ],
    )
    return _Request(
        channel=text(config.channel),
        emoji=text(config.emoji),
        avatar=text(config.icon_url),
        attachments=[attachment],
    )


def _field(field: RocketchatField, config: RocketchatConfig, message: Message) -> _Field:
    short = config.short_fields if field.short is None else field.short
    return _Field(short=short, title=message.text(field.title), value=message.text(field.value))


@dataclass(frozen=True, slots=True)
class Rocketchat:
    """Posts to a channel as the user of the token."""

    config: RocketchatConfig
    connection: Connection

    async def send(self, message: Message) -> None:
        """Post the message; 5xx, no answer and an answer that is no JSON are worth another attempt."""
        posted = request(self.config, message)
        try:
            await self._send(posted)
        except DeliveryError as error:
            raise type(error)(
                f'channel "{posted.channel}": {error}', reason=error.reason, retry_after=error.retry_after
            ) from None

    async def _send(self, posted: _Request) -> None:
        config = self.config
        url = below(with_slash(config.api_url), "api/v1/chat.postMessage")
        token = self._secret("token_file", config.token, config.token_file)
        user = self._secret("token_id_file", config.token_id, config.token_id_file)
        headers = JSON | {"X-Auth-Token": token, "X-User-Id": user}
        response = await self.connection.http.post(url, content=json_body(posted), headers=headers)
        check_answer(response, token, user)
        _check_accepted(response, token, user)

    def _secret(self, key: str, inline: Secret, path: str) -> str:
        return read_secret(path, self.connection.working_directory, key) if path else inline.reveal()


class _Answer(msgspec.Struct, kw_only=True):
    success: bool = False
    error: str = ""


def _check_accepted(response: Response, *secrets: str) -> None:
    """Rocket.Chat says 200 also to what it refuses: what the body says counts."""
    try:
        answer = msgspec.json.decode(response.content, type=_Answer)
    except msgspec.DecodeError:
        raise TemporaryError("could not decode the JSON answer of Rocketchat") from None
    if not answer.success:
        raise RejectedError(
            f"error response from Rocketchat: {without(answer.error, *secrets)}",
            reason=FailureReason.CLIENT_ERROR,
        )


INTEGRATION = IntegrationKind(
    name="rocketchat", config=RocketchatConfig, connect=Rocketchat, globals=RocketchatGlobals
)
