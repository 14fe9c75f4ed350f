"""Telegram: messages of a bot to a chat (`config.md` 8.9)."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import msgspec
from pydantic import AfterValidator, model_validator

from alertrouter.config.fields import (
    Bool,
    ConfigModel,
    ConfigProblem,
    FilePath,
    Int,
    Secret,
    TemplateText,
    Text,
    Url,
)
from alertrouter.config.http import exclusive
from alertrouter.core.reason import FailureReason
from alertrouter.core.time import SECOND
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.integrations import Connection, HttpIntegrationConfig, IntegrationKind
from alertrouter.integrations._answers import JSON, raise_for
from alertrouter.integrations._json import sorted_json_body
from alertrouter.integrations._secrets import without
from alertrouter.integrations._text import read_secret, shorten
from alertrouter.integrations._url import below

if TYPE_CHECKING:
    from alertrouter.http_client import Response
    from alertrouter.templating.message import Message

LONGEST_MESSAGE = 4096

_PARSE_MODES = frozenset({"", "Markdown", "MarkdownV2", "HTML"})
_SUBJECT = '{{ template "__subject" . }}'
_LONGEST_SUBJECT = 500


class TelegramGlobals(ConfigModel):
    """What Telegram adds to the ``global:`` section."""

    telegram_api_url: Url = "https://api.telegram.org"
    telegram_bot_token: Secret = Secret()
    telegram_bot_token_file: FilePath = ""


def _check_parse_mode(text: str) -> str:
    if text not in _PARSE_MODES:
        raise ConfigProblem(
            "unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, HTML or empty string"
        )
    return text


class TelegramConfig(HttpIntegrationConfig):
    """An entry of ``telegram_configs``. ``message_thread_id`` 0 is the chat itself, no topic of it."""

    api_url: Url = ""
    bot_token: Secret = Secret()
    bot_token_file: FilePath = ""
    chat_id: Int = 0
    chat_id_file: FilePath = ""
    message_thread_id: Int = 0
    message: TemplateText = '{{ template "telegram.default.message" . }}'
    disable_notifications: Bool = False
    parse_mode: Annotated[Text, AfterValidator(_check_parse_mode)] = "HTML"

    type_name: ClassVar[str] = "telegram.plain"

    def html_keys(self) -> tuple[str, ...]:
        """The message, when Telegram is told that it is HTML."""
        return ("message",) if self.parse_mode == "HTML" else ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        exclusive({"bot_token": self.bot_token, "bot_token_file": self.bot_token_file})
        if not self.chat_id and not self.chat_id_file:
            raise ConfigProblem("missing chat_id or chat_id_file on telegram_config")
        exclusive({"chat_id": self.chat_id, "chat_id_file": self.chat_id_file})
        return self

    def completed(self, global_config: Any, receiver_name: str) -> Self:
        """A copy with the global URL, and the global token where it has none of its own."""
        config = super().completed(global_config, receiver_name)
        url = config.api_url or global_config.telegram_api_url
        if not url:
            raise ConfigProblem("no global Telegram URL set", hint="add api_url:")
        token, token_file = config.bot_token, config.bot_token_file
        if not token and not token_file:
            token = global_config.telegram_bot_token
            token_file = global_config.telegram_bot_token_file
        if not token and not token_file:
            raise ConfigProblem("missing bot_token or bot_token_file on telegram_config")
        return config.model_copy(update={"api_url": url, "bot_token": token, "bot_token_file": token_file})


def body(config: TelegramConfig, message: Message, chat_id: int) -> bytes:
    """The request's body. Compat: all values are texts, and no link shows a preview."""
    members = {
        "chat_id": str(chat_id),
        "text": _text(config, message),
        "disable_web_page_preview": "true",
    }
    if config.disable_notifications:
        members["disable_notification"] = "true"
    if config.parse_mode:
        members["parse_mode"] = config.parse_mode
    if config.message_thread_id:
        members["message_thread_id"] = str(config.message_thread_id)
    return sorted_json_body(members)


def _text(config: TelegramConfig, message: Message) -> str:
    if config.parse_mode != "HTML":
        return shorten(message.text(config.message), LONGEST_MESSAGE)
    text = message.html(config.message)
    if len(text) <= LONGEST_MESSAGE:
        return text
    # Cut anywhere, it would lose the ends of its tags, and Telegram would not take it at all.
    subject = shorten(message.text(_SUBJECT), _LONGEST_SUBJECT)
    firing, resolved = len(message.notification.firing), len(message.notification.resolved)
    return (
        f"{html.escape(subject)}\n\n{firing} firing, {resolved} resolved\n\n"
        f"<i>(The message has {len(text)} characters, more than the {LONGEST_MESSAGE} that Telegram takes."
        " A shorter template is needed.)</i>"
    )


@dataclass(frozen=True, slots=True)
class Telegram:
    """Sends messages to one chat."""

    config: TelegramConfig
    connection: Connection

    async def send(self, message: Message) -> None:
        """Send the message. What Telegram refuses for good is not asked again."""
        token = self.config.bot_token.reveal() or self._read(self.config.bot_token_file, "bot_token_file")
        content = body(self.config, message, self._chat_id())
        url = below(self.config.api_url.rstrip("/"), f"/bot{token}/sendMessage")
        response = await self.connection.http.post(url, content=content, headers=JSON)
        _check(response, token)

    def _chat_id(self) -> int:
        if self.config.chat_id:
            return self.config.chat_id
        text = self._read(self.config.chat_id_file, "chat_id_file")
        try:
            return int(text)
        except ValueError:
            raise TemporaryError(
                f"chat_id_file {self.config.chat_id_file}: there is no number in it"
            ) from None

    def _read(self, path: str, key: str) -> str:
        try:
            return read_secret(path, self.connection.working_directory, key)
        except RejectedError as error:
            # Compat: a file that is being replaced is worth another attempt here.
            raise TemporaryError(str(error)) from None


class _Parameters(msgspec.Struct):
    retry_after: float = 0
    migrate_to_chat_id: int = 0


class _Answer(msgspec.Struct):
    ok: bool = False
    error_code: int = 0
    description: str = ""
    parameters: _Parameters = msgspec.field(default_factory=_Parameters)


def _check(response: Response, token: str) -> None:
    """Telegram says in the body what is wrong, and how long to wait."""
    try:
        answer = msgspec.json.decode(response.content, type=_Answer)
    except msgspec.DecodeError:
        raise_for(response, detail=without(response.text, token))
        raise TemporaryError("could not decode the JSON answer of Telegram") from None
    if answer.ok and response.is_success:
        return
    # An answer with status 200 may be a refusal, too.
    status = answer.error_code or response.status_code
    wait = int(answer.parameters.retry_after * SECOND) or response.retry_after
    description = without(answer.description, token)
    if answer.parameters.migrate_to_chat_id:
        description += f" (chat_id is now {answer.parameters.migrate_to_chat_id})"
    worth_another = 500 <= status < 600 or status == 429
    raise (TemporaryError if worth_another else RejectedError)(
        f"unexpected status code {status}" + (f": {description}" if description else ""),
        reason=FailureReason.of(status),
        retry_after=wait,
    )


INTEGRATION = IntegrationKind(
    name="telegram", config=TelegramConfig, connect=Telegram, globals=TelegramGlobals
)
