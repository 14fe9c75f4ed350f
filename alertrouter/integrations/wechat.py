"""WeChat Work (WeCom): messages of an application to members of a company (`config.md` 8.12)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Self
from urllib.parse import quote_plus, urlencode

import msgspec
from pydantic import AfterValidator, model_validator

from alertrouter.config.fields import (
    Bool,
    ConfigModel,
    ConfigProblem,
    FilePath,
    Secret,
    SecretTemplateText,
    TemplateText,
    Text,
    Url,
)
from alertrouter.config.http import exclusive
from alertrouter.core.reason import FailureReason
from alertrouter.core.time import HOUR
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.integrations import Connection, HttpIntegrationConfig, IntegrationKind
from alertrouter.integrations._answers import JSON
from alertrouter.integrations._json import json_body
from alertrouter.integrations._secrets import check_answer, without
from alertrouter.integrations._text import read_secret
from alertrouter.integrations._url import below, with_slash

if TYPE_CHECKING:
    from alertrouter.core.time import Moment
    from alertrouter.http_client import Response
    from alertrouter.templating.message import Message

_TYPES = "^(text|markdown)$"
_TOKEN_LASTS = 2 * HOUR

_BUSY = -1
_INVALID_TOKEN = 40014
_EXPIRED_TOKEN = 42001


class WechatGlobals(ConfigModel):
    """What WeChat adds to the ``global:`` section."""

    wechat_api_url: Url = "https://qyapi.weixin.qq.com/cgi-bin/"
    wechat_api_secret: Secret = Secret()
    wechat_api_secret_file: FilePath = ""
    wechat_api_corp_id: Text = ""


def _check_type(text: str) -> str:
    if text not in {"", "text", "markdown"}:
        raise ConfigProblem(f'weChat message type "{text}" does not match valid options {_TYPES}')
    return text or "text"


def _default(name: str) -> str:
    return f'{{{{ template "wechat.default.{name}" . }}}}'


class WechatConfig(HttpIntegrationConfig):
    """An entry of ``wechat_configs``."""

    send_resolved: Bool = False
    api_secret: SecretTemplateText = SecretTemplateText()
    api_secret_file: FilePath = ""
    corp_id: TemplateText = ""
    message: TemplateText = _default("message")
    api_url: Url = ""
    to_user: TemplateText = _default("to_user")
    to_party: TemplateText = _default("to_party")
    to_tag: TemplateText = _default("to_tag")
    agent_id: TemplateText = _default("agent_id")
    message_type: Annotated[Text, AfterValidator(_check_type)] = "text"

    @model_validator(mode="after")
    def _check(self) -> Self:
        exclusive({"api_secret": self.api_secret, "api_secret_file": self.api_secret_file})
        return self

    def completed(self, global_config: Any, receiver_name: str) -> Self:
        """A copy with the global URL, company and secret; the secret and its file fall back as a pair."""
        config = super().completed(global_config, receiver_name)
        secret, path = config.api_secret, config.api_secret_file
        if not (secret or path):
            secret = SecretTemplateText(global_config.wechat_api_secret.reveal())
            path = global_config.wechat_api_secret_file
        if not (secret or path):
            raise ConfigProblem("no global Wechat Api Secret set either inline or in a file")
        corp_id = config.corp_id or global_config.wechat_api_corp_id
        if not corp_id:
            raise ConfigProblem("no global Wechat CorpID set")
        url = config.api_url or global_config.wechat_api_url
        if not url:
            raise ConfigProblem("no global Wechat URL set")
        return config.model_copy(
            update={
                "api_secret": secret,
                "api_secret_file": path,
                "corp_id": corp_id,
                "api_url": with_slash(url),
            }
        )


class _Content(msgspec.Struct):
    content: str = ""


class _Request(msgspec.Struct, omit_defaults=True, kw_only=True):
    # Compat: both are there, and the one that is not meant is empty.
    text: _Content
    touser: str = ""
    toparty: str = ""
    totag: str = ""
    agentid: str = ""
    safe: str
    msgtype: str
    markdown: _Content


def body(config: WechatConfig, message: Message) -> bytes:
    """The message as WeChat takes it. Nothing is cut: what is too long WeChat refuses or cuts itself."""
    content = _Content(message.text(config.message))
    is_markdown = config.message_type == "markdown"
    return json_body(
        _Request(
            text=_Content() if is_markdown else content,
            touser=message.text(config.to_user),
            toparty=message.text(config.to_party),
            totag=message.text(config.to_tag),
            agentid=message.text(config.agent_id),
            safe="0",
            msgtype=config.message_type,
            markdown=content if is_markdown else _Content(),
        )
    )


class _Account(NamedTuple):
    """Whom a token is for; both texts are rendered. The secret is empty where it stands in a file."""

    corp_id: str
    secret: str


class _Token(NamedTuple):
    text: str
    asked_at: Moment


class Wechat:
    """Sends messages with an access token, which is asked for when there is none and kept for two hours."""

    def __init__(self, config: WechatConfig, connection: Connection) -> None:
        self.config = config
        self.connection = connection
        self._tokens: dict[_Account, _Token] = {}
        self._asking = asyncio.Lock()

    async def send(self, message: Message) -> None:
        """Send the message; any status but 200 is worth another attempt, and so is a token that has expired."""
        started_at = self.connection.clock.now()
        content = body(self.config, message)
        secret = "" if self.config.api_secret_file else message.text(self.config.api_secret.reveal())
        account = _Account(message.text(self.config.corp_id), secret)
        async with self._asking:
            # One at a time: WeChat blocks those who ask for tokens too often.
            token = await self._token(account, message)
        url = below(self.config.api_url, "message/send", urlencode({"access_token": token.text}))
        response = await self.connection.http.post(url, content=content, headers=JSON)
        if response.status_code != 200:
            said = without(response.text, token.text, account.secret)
            raise TemporaryError(
                f"unexpected status code {response.status_code}" + (f": {said}" if said else ""),
                reason=FailureReason.of(response.status_code),
                retry_after=response.retry_after,
            )
        answer = _decoded(response)
        if answer.errcode == 0:
            return
        if answer.errcode in {_INVALID_TOKEN, _EXPIRED_TOKEN} and self._tokens.get(account) == token:
            del self._tokens[account]
        # A token that was refused when it was new will be refused again.
        is_stale = answer.errcode == _INVALID_TOKEN and token.asked_at < started_at
        worth_another = is_stale or answer.errcode in {_EXPIRED_TOKEN, _BUSY}
        raise (TemporaryError if worth_another else RejectedError)(
            f"error response from WeChat: {answer.errcode}: {without(response.text, token.text, account.secret)}",
            reason=FailureReason.OTHER if worth_another else FailureReason.CLIENT_ERROR,
        )

    async def _token(self, account: _Account, message: Message) -> _Token:
        now = self.connection.clock.now()
        known = self._tokens.get(account)
        if known is not None and now < known.asked_at + _TOKEN_LASTS:
            return known
        secret = account.secret
        if path := self.config.api_secret_file:
            secret = message.text(read_secret(path, self.connection.working_directory, "api_secret_file"))
        query = urlencode({"corpid": account.corp_id, "corpsecret": secret})
        response = await self.connection.http.get(below(self.config.api_url, "gettoken", query))
        # A page about an error may show the address that was asked for.
        check_answer(response, secret, quote_plus(secret))
        answer = _decoded(response)
        if not answer.access_token:
            if answer.errcode == _BUSY:
                raise TemporaryError("WeChat is too busy to give a token")
            raise RejectedError(
                f"invalid APISecret for CorpID: {account.corp_id}: {without(response.text, secret)}",
                reason=FailureReason.AUTH_ERROR,
            )
        self._tokens = {each: old for each, old in self._tokens.items() if now < old.asked_at + _TOKEN_LASTS}
        self._tokens[account] = token = _Token(answer.access_token, now)
        return token


class _Answer(msgspec.Struct, kw_only=True):
    errcode: int = 0
    access_token: str = ""


def _decoded(response: Response) -> _Answer:
    try:
        return msgspec.json.decode(response.content, type=_Answer)
    except msgspec.DecodeError:
        raise TemporaryError("could not decode the JSON answer of WeChat") from None


INTEGRATION = IntegrationKind(name="wechat", config=WechatConfig, connect=Wechat, globals=WechatGlobals)
