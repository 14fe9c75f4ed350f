from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from alertrouter.core.reason import FailureReason
from alertrouter.delivery.errors import DeliveryError, RejectedError, TemporaryError
from alertrouter.integrations.telegram import TelegramConfig, body
from tests.integrations.connected import configure, connected
from tests.integrations.examples import EXAMPLES, alert, check_golden, message, notification
from tests.receivers import Answer, HttpReceiver

if TYPE_CHECKING:
    from pathlib import Path

    from tests.receivers import ReceivedRequest

pytestmark = pytest.mark.anyio

CONTRACT = {"": {"bot_token": "token", "chat_id": -100, "api_url": "{url}"}}

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
OK = {"ok": True, "result": {"message_id": 1, "date": 1, "chat": {"id": -100, "type": "group"}}}
FULL: dict[str, Any] = {
    "bot_token": TOKEN,
    "chat_id": -(2**63),
    "message_thread_id": 7,
    "message": "*{{ .Status }}* <&>",
    "disable_notifications": True,
    "parse_mode": "MarkdownV2",
}


def config_of(values: dict[str, Any], **global_values: Any) -> TelegramConfig:
    config = configure("telegram", {"bot_token": TOKEN, "chat_id": -100, **values}, **global_values)
    assert isinstance(config, TelegramConfig)
    return config


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message(name: str) -> None:
    config = config_of({})

    check_golden("telegram", name, body(config, message(EXAMPLES[name], config), -100))


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message_with_everything_in_it(name: str) -> None:
    config = config_of(FULL)

    check_golden("telegram", f"{name}_full", body(config, message(EXAMPLES[name], config), config.chat_id))


@pytest.mark.parametrize("mode", ["", "Markdown", "MarkdownV2"])
def test_plain_text_and_markdown_are_cut(mode: str) -> None:
    config = config_of({"parse_mode": mode, "message": "{{ .CommonLabels.text }}"})

    made = json.loads(body(config, message(notification(alert(alertname="A", text="💥" * 4097))), 1))

    assert made["text"] == "💥" * 4095 + "…"


def test_html_that_is_too_long_gives_way_to_the_subject_and_the_reason() -> None:
    config = config_of({"message": "<b>{{ .CommonLabels.text }}</b>"})
    fits = message(notification(alert(alertname="A", text="x" * 4089)))
    long = message(
        notification(alert(alertname="<A>", text="x" * 4090), alert(alertname="<A>", resolved=True))
    )

    assert json.loads(body(config, fits, 1))["text"] == f"<b>{'x' * 4089}</b>"
    assert json.loads(body(config, long, 1))["text"] == "<b></b>"
    config = config_of({"message": "<b>{{ range .Alerts }}{{ .Labels.text }}{{ end }}&</b>"})
    assert json.loads(body(config, long, 1))["text"] == (
        "[FIRING:1] &lt;A&gt; \n\n1 firing, 1 resolved\n\n<i>(The message has 4098 characters, more than the 4096"
        " that Telegram takes. A shorter template is needed.)</i>"
    )


@pytest.mark.parametrize(
    ("config", "global_values", "complaint"),
    [
        ({"chat_id": 0}, {}, "missing chat_id or chat_id_file on telegram_config"),
        ({"chat_id_file": "b"}, {}, "at most one of chat_id & chat_id_file must be configured"),
        ({"chat_id": "5"}, {}, "cannot unmarshal !!str into int64"),
        ({"chat_id": "@channel"}, {}, "cannot unmarshal !!str into int64"),
        ({"bot_token": ""}, {}, "missing bot_token or bot_token_file on telegram_config"),
        ({"bot_token_file": "b"}, {}, "at most one of bot_token & bot_token_file must be configured"),
        (
            {"parse_mode": "html"},
            {},
            "unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, HTML or empty string",
        ),
        ({}, {"telegram_api_url": ""}, "no global Telegram URL set"),
    ],
)
def test_what_is_refused_in_a_file(
    config: dict[str, Any], global_values: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError) as refused:
        config_of(config, **global_values)

    assert complaint in str(refused.value)


def test_the_global_token_is_for_those_without_token_and_file() -> None:
    shared = {"telegram_bot_token": "everybody's", "telegram_api_url": "http://x"}

    assert config_of({"bot_token": ""}, **shared).bot_token.reveal() == "everybody's"
    own = config_of({"bot_token": "", "bot_token_file": "mine"}, **shared)
    assert (own.bot_token.reveal(), own.bot_token_file, own.api_url) == ("", "mine", "http://x")


class StandIn:
    """The Bot API as its documentation tells of sendMessage: what is wrong stands in the body."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, request: ReceivedRequest) -> Answer:
        bot, _, method = request.target.removeprefix("/").partition("/")
        if bot != f"bot{TOKEN}":
            return refusal(401, "Unauthorized")
        if method != "sendMessage":
            return refusal(404, "Not Found")
        sent = request.json()
        if sent["chat_id"] != "-100":
            return refusal(400, "Bad Request: chat not found")
        if not sent["text"].strip() or len(sent["text"]) > 4096:
            return refusal(400, "Bad Request: message is too long")
        if sent.get("parse_mode") == "HTML" and "<" in sent["text"].replace("<i>", "").replace("</i>", ""):
            return refusal(400, "Bad Request: can't parse entities")
        self.texts.append(sent["text"])
        return Answer(200, json.dumps(OK).encode())


def refusal(code: int, text: str, status: int | None = None, **parameters: int) -> Answer:
    said = {"ok": False, "error_code": code, "description": text, "parameters": parameters}
    return Answer(code if status is None else status, json.dumps(said).encode())


async def test_messages_are_taken() -> None:
    telegram = StandIn()
    async with HttpReceiver() as receiver:
        receiver.answer_with(telegram)
        for url in (receiver.url(""), receiver.url("/")):
            async with connected("telegram", {"bot_token": TOKEN, "chat_id": -100, "api_url": url}) as sender:
                for each in EXAMPLES.values():
                    await sender.send(message(each))
    assert len(telegram.texts) == 8
    assert "&lt;script&gt;" in telegram.texts[3]


@pytest.mark.parametrize(
    ("answer", "error", "reason", "wait", "text"),
    [
        pytest.param(
            refusal(429, "Too Many Requests: retry after 35", retry_after=35),
            TemporaryError,
            FailureReason.RATE_LIMITED,
            35_000_000_000,
            "unexpected status code 429: Too Many Requests: retry after 35",
            id="too many, the wait in the body",
        ),
        pytest.param(
            Answer(429, b"{}", {"Retry-After": "9"}),
            TemporaryError,
            FailureReason.RATE_LIMITED,
            9_000_000_000,
            "unexpected status code 429",
            id="too many, the wait in a header",
        ),
        pytest.param(
            refusal(429, "Too Many Requests"),
            TemporaryError,
            FailureReason.RATE_LIMITED,
            None,
            "unexpected status code 429: Too Many Requests",
            id="too many, and no word of when",
        ),
        pytest.param(
            refusal(403, "Forbidden: bot was kicked"),
            RejectedError,
            FailureReason.AUTH_ERROR,
            None,
            "unexpected status code 403: Forbidden: bot was kicked",
            id="for good",
        ),
        pytest.param(
            refusal(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-1005),
            RejectedError,
            FailureReason.CLIENT_ERROR,
            None,
            "unexpected status code 400: Bad Request: group chat was upgraded (chat_id is now -1005)",
            id="the chat has another number",
        ),
        pytest.param(
            refusal(502, "Bad Gateway", status=200),
            TemporaryError,
            FailureReason.SERVER_ERROR,
            None,
            "unexpected status code 502: Bad Gateway",
            id="a failure that calls itself success",
        ),
        pytest.param(
            Answer(500, json.dumps(OK).encode()),
            TemporaryError,
            FailureReason.SERVER_ERROR,
            None,
            "unexpected status code 500",
            id="a success that calls itself failure",
        ),
        pytest.param(
            Answer(200, b"<html>"),
            TemporaryError,
            FailureReason.OTHER,
            None,
            "could not decode the JSON answer of Telegram",
            id="somebody else",
        ),
        pytest.param(
            Answer(403, b"<html>"),
            RejectedError,
            FailureReason.AUTH_ERROR,
            None,
            "unexpected status code 403: <html>",
            id="somebody else who refuses",
        ),
    ],
)
async def test_what_an_answer_means(
    answer: Answer, error: type[DeliveryError], reason: FailureReason, wait: int | None, text: str
) -> None:
    async with HttpReceiver() as receiver:
        receiver.answer_with(answer)
        config = {"bot_token": TOKEN, "chat_id": -100, "api_url": receiver.url()}
        async with connected("telegram", config) as sender:
            with pytest.raises(error) as raised:
                await sender.send(message(EXAMPLES["one_firing"]))

    assert (raised.value.reason, raised.value.retry_after, str(raised.value)) == (reason, wait, text)


async def test_files_are_read_at_every_send_and_missing_ones_are_waited_for(tmp_path: Path) -> None:
    config = {"bot_token_file": "token", "chat_id_file": "chat"}
    async with (
        HttpReceiver() as receiver,
        connected("telegram", config | {"api_url": receiver.url("/a")}, directory=tmp_path) as sender,
    ):
        receiver.answer_with(Answer(200, json.dumps(OK).encode()))
        with pytest.raises(TemporaryError, match="unable to read bot_token_file token"):
            await sender.send(message(EXAMPLES["one_firing"]))
        (tmp_path / "token").write_text(f" {TOKEN}\n")
        with pytest.raises(TemporaryError, match="unable to read chat_id_file chat"):
            await sender.send(message(EXAMPLES["one_firing"]))
        (tmp_path / "chat").write_text("@name\n")
        with pytest.raises(TemporaryError, match="chat_id_file chat: there is no number in it"):
            await sender.send(message(EXAMPLES["one_firing"]))
        (tmp_path / "chat").write_text("-5\n")
        await sender.send(message(EXAMPLES["one_firing"]))
        assert [(each.target, each.json()["chat_id"]) for each in receiver.requests] == [
            (f"/a/bot{TOKEN}/sendMessage", "-5")
        ]

        receiver.answer_with(lambda request: refusal(400, f"no {request.target}"))
        with pytest.raises(RejectedError, match="no /a/bot<secret>/sendMessage"):
            await sender.send(message(EXAMPLES["one_firing"]))
