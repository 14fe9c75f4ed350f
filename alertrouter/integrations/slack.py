"""Slack: incoming webhooks and the Web API with bot tokens, which can update a message (`config.md` 8.4)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import msgspec
from pydantic import model_validator

from alertrouter.config.fields import (
    Bool,
    ConfigModel,
    ConfigProblem,
    FilePath,
    GoDuration,
    ListOf,
    Secret,
    SecretUrl,
    TemplateText,
    Text,
    Url,
)
from alertrouter.config.http import Authorization, HttpConfig, exclusive
from alertrouter.core.reason import FailureReason, Reason
from alertrouter.delivery.errors import DeliveryError, RejectedError, TemporaryError
from alertrouter.integrations import Connection, HttpIntegrationConfig, IntegrationKind
from alertrouter.integrations._answers import JSON, raise_for, time_limit
from alertrouter.integrations._json import json_body
from alertrouter.integrations._text import read_secret, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.core.notification import ReceiverDatum
    from alertrouter.http_client import Response
    from alertrouter.templating.message import Message

POST_URL = "https://slack.com/api/chat.postMessage"
UPDATE_URL = "https://slack.com/api/chat.update"

log = logging.getLogger(__name__)

LONGEST_TITLE = 1024
#: Stands at the end of a text that Slack did not take whole.
SHORTENED = "\n_Shortened: the whole message was too long for Slack._"
# Of a message that was too long, so many characters of each text, and so many fields.
_SHORT = 3000
_SHORT_FIELD = 300
_MOST_FIELDS = 10

_MARKDOWN_IN = ("fallback", "pretext", "text")


class SlackGlobals(ConfigModel):
    """What Slack adds to the ``global:`` section."""

    slack_api_url: SecretUrl = SecretUrl()
    slack_api_url_file: FilePath = ""
    slack_app_token: Secret = Secret()
    slack_app_token_file: FilePath = ""
    slack_app_url: Url = POST_URL

    @model_validator(mode="after")
    def _check_slack(self) -> Self:
        exclusive(
            {"slack_app_token": self.slack_app_token, "slack_app_token_file": self.slack_app_token_file}
        )
        exclusive({"slack_api_url": self.slack_api_url, "slack_api_url_file": self.slack_api_url_file})
        token = self.slack_app_token or self.slack_app_token_file
        # Files from before app tokens name the Web API as the webhook's URL.
        same = bool(self.slack_api_url) and self.slack_api_url.reveal() == self.slack_app_url
        if token and (self.slack_api_url or self.slack_api_url_file) and not same:
            raise ConfigProblem(
                "at most one of slack_app_token/slack_app_token_file & slack_api_url/slack_api_url_file must be configured",
                at="slack_app_token" if self.slack_app_token else "slack_app_token_file",
            )
        return self


class SlackField(ConfigModel):
    """A field of the attachment; ``short`` None is as the message's ``short_fields``."""

    title: TemplateText = ""
    value: TemplateText = ""
    short: Bool | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.title:
            raise ConfigProblem("missing title in Slack field configuration")
        if not self.value:
            raise ConfigProblem("missing value in Slack field configuration")
        return self


class SlackConfirmation(ConfigModel):
    """A question asked before an action."""

    text: TemplateText = ""
    title: TemplateText = ""
    ok_text: TemplateText = ""
    dismiss_text: TemplateText = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.text:
            raise ConfigProblem("missing text in Slack confirmation configuration")
        return self


class SlackAction(ConfigModel):
    """A button. With a ``url`` it is a link, and name, value and confirmation are left out."""

    type: TemplateText = ""
    text: TemplateText = ""
    url: TemplateText = ""
    style: TemplateText = ""
    name: TemplateText = ""
    value: TemplateText = ""
    confirm: SlackConfirmation | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.type:
            raise ConfigProblem("missing type in Slack action configuration")
        if not self.text:
            raise ConfigProblem("missing text in Slack action configuration")
        if not self.url and not self.name:
            raise ConfigProblem("missing name or url in Slack action configuration")
        return self


def _default(name: str) -> str:
    return f'{{{{ template "slack.default.{name}" . }}}}'


class SlackConfig(HttpIntegrationConfig):
    """An entry of ``slack_configs``."""

    send_resolved: Bool = False
    api_url: SecretUrl = SecretUrl()
    api_url_file: FilePath = ""
    app_token: Secret = Secret()
    app_token_file: FilePath = ""
    app_url: Url = ""
    channel: TemplateText = ""
    username: TemplateText = _default("username")
    color: TemplateText = _default("color")
    title: TemplateText = _default("title")
    title_link: TemplateText = _default("titlelink")
    pretext: TemplateText = _default("pretext")
    text: TemplateText = _default("text")
    message_text: TemplateText = ""
    fields: ListOf[SlackField] = ()
    short_fields: Bool = False
    footer: TemplateText = _default("footer")
    fallback: TemplateText = _default("fallback")
    callback_id: TemplateText = _default("callbackid")
    icon_emoji: TemplateText = _default("iconemoji")
    icon_url: TemplateText = _default("iconurl")
    image_url: TemplateText = ""
    thumb_url: TemplateText = ""
    link_names: Bool = False
    mrkdwn_in: ListOf[Text] = ()
    actions: ListOf[SlackAction] = ()
    update_message: Bool = False
    timeout: GoDuration = 0

    always_printed: ClassVar[frozenset[str]] = frozenset(
        {"short_fields", "link_names", "timeout", "update_message"}
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        exclusive({"api_url": self.api_url, "api_url_file": self.api_url_file})
        exclusive({"app_token": self.app_token, "app_token_file": self.app_token_file})
        if (self.api_url or self.api_url_file) and (self.app_token or self.app_token_file):
            raise ConfigProblem(
                "at most one of api_url/api_url_file & app_token/app_token_file must be configured",
                at="app_token" if self.app_token else "app_token_file",
            )
        if self.update_message and self.api_url and self.api_url.reveal() != POST_URL:
            raise ConfigProblem(
                f"update_message can only be used with bot tokens. api_url must be set to {POST_URL}",
                at="update_message",
            )
        return self

    def completed(self, global_config: Any, receiver_name: str) -> Self:
        """A copy that knows where to post, and with what token."""
        config = super().completed(global_config, receiver_name)
        update: dict[str, Any] = {}
        if not (config.app_url or global_config.slack_app_url):
            raise ConfigProblem("no global Slack App URL set")
        update["app_url"] = config.app_url or global_config.slack_app_url
        update["mrkdwn_in"] = config.mrkdwn_in or _MARKDOWN_IN
        token, token_file = config.app_token, config.app_token_file
        own_authorization = self.http_config is not None and self.http_config.authorization is not None
        if not (token or token_file or own_authorization or config.api_url):
            token, token_file = global_config.slack_app_token, global_config.slack_app_token_file
        url, url_file = config.api_url, config.api_url_file
        if token or token_file:
            assert config.http_config is not None
            if config.http_config.authorization is not None:
                raise ConfigProblem("http authorization can't be set when using Slack App tokens")
            # Compat: a global app token beats a receiver's own api_url_file.
            url, url_file = SecretUrl(update["app_url"]), ""
            update["http_config"] = _with_token(config.http_config, token, token_file)
        elif not (url or url_file):
            url, url_file = global_config.slack_api_url, global_config.slack_api_url_file
        if not (url or url_file):
            raise ConfigProblem("no Slack API URL nor App token set either inline or in a file")
        if config.update_message and not (token or token_file) and url.reveal() != POST_URL:
            raise ConfigProblem(
                f"update_message can only be used with bot tokens. api_url must be set to {POST_URL}",
                at="update_message",
            )
        update |= {"api_url": url, "api_url_file": url_file, "app_token": token, "app_token_file": token_file}
        return config.model_copy(update=update)


def _with_token(http_config: HttpConfig, token: Secret, token_file: str) -> HttpConfig:
    authorization = Authorization(type="Bearer", credentials=token, credentials_file=token_file)
    return http_config.model_copy(update={"authorization": authorization})


class _Field(msgspec.Struct, omit_defaults=True, kw_only=True):
    title: str
    value: str
    short: bool = False


class _Confirmation(msgspec.Struct, omit_defaults=True, kw_only=True):
    text: str
    title: str = ""
    ok_text: str = ""
    dismiss_text: str = ""


class _Action(msgspec.Struct, omit_defaults=True, kw_only=True):
    type: str
    text: str
    url: str = ""
    style: str = ""
    name: str = ""
    value: str = ""
    confirm: _Confirmation | None = None


class _Attachment(msgspec.Struct, omit_defaults=True, kw_only=True):
    title: str = ""
    title_link: str = ""
    pretext: str = ""
    text: str
    fallback: str
    callback_id: str
    fields: list[_Field] = []
    actions: list[_Action] = []
    image_url: str = ""
    thumb_url: str = ""
    footer: str
    color: str = ""
    mrkdwn_in: tuple[str, ...] = ()


class _Request(msgspec.Struct, omit_defaults=True, kw_only=True):
    channel: str = ""
    ts: str = ""
    username: str = ""
    icon_emoji: str = ""
    icon_url: str = ""
    link_names: bool = False
    text: str = ""
    attachments: list[_Attachment]


def request(config: SlackConfig, message: Message) -> _Request:
    """The message as Slack takes it. A template that fails fails the message."""
    text = message.text
    attachment = _Attachment(
        title=shorten(text(config.title), LONGEST_TITLE),
        title_link=text(config.title_link),
        pretext=text(config.pretext),
        text=text(config.text),
        fallback=text(config.fallback),
        callback_id=text(config.callback_id),
        fields=[_field(field, config, message) for field in config.fields],
        actions=[_action(action, message) for action in config.actions],
        image_url=text(config.image_url),
        thumb_url=text(config.thumb_url),
        footer=text(config.footer),
        color=text(config.color),
        mrkdwn_in=config.mrkdwn_in or _MARKDOWN_IN,
    )
    return _Request(
        channel=text(config.channel),
        username=text(config.username),
        icon_emoji=text(config.icon_emoji),
        icon_url=text(config.icon_url),
        link_names=config.link_names,
        text=text(config.message_text),
        attachments=[attachment],
    )


def update_of(posted: _Request, data: Mapping[str, ReceiverDatum]) -> _Request | None:
    """The same message as a change of the one sent before; None when there is none to change."""
    thread, channel = data.get("threadTs"), data.get("channelId")
    if not thread or not channel:
        return None
    return msgspec.structs.replace(posted, ts=str(thread), channel=str(channel))


def shortened(posted: _Request) -> _Request:
    """The same with so much of every text as Slack surely takes, and a word about it."""
    replace = msgspec.structs.replace
    attachments = [
        replace(
            each,
            text=shorten(each.text, _SHORT) + SHORTENED,
            pretext=shorten(each.pretext, _SHORT),
            fallback=shorten(each.fallback, _SHORT),
            footer=shorten(each.footer, _SHORT_FIELD),
            fields=[
                replace(
                    field, title=shorten(field.title, _SHORT_FIELD), value=shorten(field.value, _SHORT_FIELD)
                )
                for field in each.fields[:_MOST_FIELDS]
            ],
        )
        for each in posted.attachments
    ]
    return replace(posted, text=shorten(posted.text, _SHORT), attachments=attachments)


def _field(field: SlackField, config: SlackConfig, message: Message) -> _Field:
    short = config.short_fields if field.short is None else field.short
    return _Field(title=message.text(field.title), value=message.text(field.value), short=short)


def _action(action: SlackAction, message: Message) -> _Action:
    text = message.text
    shown = _Action(
        type=text(action.type), text=text(action.text), url=text(action.url), style=text(action.style)
    )
    if action.url:
        return shown
    shown.name = text(action.name)
    shown.value = text(action.value)
    if (confirm := action.confirm) is not None:
        shown.confirm = _Confirmation(
            text=text(confirm.text),
            title=text(confirm.title),
            ok_text=text(confirm.ok_text),
            dismiss_text=text(confirm.dismiss_text),
        )
    return shown


@dataclass(frozen=True, slots=True)
class Slack:
    """Posts to a channel, or changes the group's message there."""

    config: SlackConfig
    connection: Connection

    async def send(self, message: Message) -> Mapping[str, ReceiverDatum] | None:
        """Post or update; with ``update_message`` the returned data say which message to update next time."""
        posted = request(self.config, message)
        try:
            return await self._send(posted, message)
        except DeliveryError as error:
            raise type(error)(
                f'channel "{posted.channel}": {error}', reason=error.reason, retry_after=error.retry_after
            ) from None

    async def _send(self, posted: _Request, message: Message) -> Mapping[str, ReceiverDatum] | None:
        url = self.config.api_url.reveal()
        if self.config.api_url_file:
            directory = self.connection.working_directory
            url = read_secret(self.config.api_url_file, directory, "api_url_file")
        async with time_limit(self.config.timeout, "slack"):
            if self.config.update_message and message.notification.reason is not Reason.FIRST:
                change = update_of(posted, message.notification.receiver_data)
                if change is not None:
                    try:
                        return await self._post(UPDATE_URL, change)
                    except _MessageGoneError:
                        # Somebody deleted it, or it is too old to be changed: then there is a new one.
                        log.info("Slack will not change the message: a new one is posted")
            return await self._post(url, posted)

    async def _post(self, url: str, body: _Request) -> Mapping[str, ReceiverDatum] | None:
        try:
            return await self._post_once(url, body)
        except _TooLongError:
            log.warning(
                "A message was too long for Slack and is sent shortened", extra={"channel": body.channel}
            )
            return await self._post_once(url, shortened(body))

    async def _post_once(self, url: str, body: _Request) -> Mapping[str, ReceiverDatum] | None:
        response = await self.connection.http.post(url, content=json_body(body), headers=JSON)
        if response.status_code == 413 or (not response.is_success and _says_too_long(response)):
            raise _TooLongError("the message is too long for Slack", reason=FailureReason.CLIENT_ERROR)
        raise_for(response)
        return _accepted(response, keep=self.config.update_message)


def _accepted(response: Response, *, keep: bool) -> Mapping[str, ReceiverDatum] | None:
    """Slack says 200 also to what it refuses: what the body says counts."""
    if not response.headers.get("Content-Type", "").startswith("application/json"):
        if _says_too_long(response):
            raise _TooLongError("the message is too long for Slack", reason=FailureReason.CLIENT_ERROR)
        if response.content != b"ok":
            raise RejectedError(
                f"received an error response from Slack: {shorten(response.text, 200)}",
                reason=FailureReason.CLIENT_ERROR,
            )
        return None
    try:
        answer = msgspec.json.decode(response.content, type=_Answer)
    except msgspec.DecodeError:
        raise TemporaryError("could not decode the JSON answer of Slack") from None
    if answer.error in _MESSAGE_GONE:
        raise _MessageGoneError(
            f"error response from Slack: {answer.error}", reason=FailureReason.CLIENT_ERROR
        )
    if answer.error in _TOO_LONG:
        raise _TooLongError(f"error response from Slack: {answer.error}", reason=FailureReason.CLIENT_ERROR)
    if not answer.ok:
        raise RejectedError(f"error response from Slack: {answer.error}", reason=FailureReason.CLIENT_ERROR)
    return {"threadTs": answer.ts, "channelId": answer.channel} if keep else None


def _says_too_long(response: Response) -> bool:
    return response.text.strip() in _TOO_LONG


class _TooLongError(RejectedError):
    """There is too much in the message."""


_TOO_LONG = {"msg_too_long", "msg_blocks_too_long"}


class _MessageGoneError(RejectedError):
    """The message that was to be changed cannot be."""


_MESSAGE_GONE = {"message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found"}


class _Answer(msgspec.Struct, kw_only=True):
    ok: bool = False
    error: str = ""
    ts: str = ""
    channel: str = ""


INTEGRATION = IntegrationKind(name="slack", config=SlackConfig, connect=Slack, globals=SlackGlobals)
