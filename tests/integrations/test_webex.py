from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from alertrouter.core.reason import FailureReason
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.integrations.webex import WebexConfig, body
from alertrouter.templating.errors import TemplateError
from tests.integrations.connected import configure, connected
from tests.integrations.examples import EXAMPLES, alert, check_golden, message, notification
from tests.receivers import Answer, HttpReceiver

if TYPE_CHECKING:
    from tests.receivers import ReceivedRequest

pytestmark = pytest.mark.anyio

TOKEN: dict[str, Any] = {"authorization": {"credentials": "bot-token"}}
CONTRACT = {"": {"room_id": "room", "api_url": "{url}", "http_config": TOKEN}}

FULL: dict[str, Any] = {
    "room_id": "{{ .CommonLabels.severity }}-room",
    "message": "**{{ .Status }}** <&>",
    "http_config": TOKEN,
}


def config_of(values: dict[str, Any], **global_values: Any) -> WebexConfig:
    config = configure("webex", values, **global_values)
    assert isinstance(config, WebexConfig)
    return config


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message(name: str) -> None:
    config = config_of({"room_id": "room", "http_config": TOKEN})

    check_golden("webex", name, body(config, message(EXAMPLES[name], config)))


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message_with_everything_in_it(name: str) -> None:
    config = config_of(FULL)

    check_golden("webex", f"{name}_full", body(config, message(EXAMPLES[name], config)))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("x" * 7440, "x" * 7436 + "…"),
        ("x" * 7435 + "💥💥", "x" * 7435 + "…"),
        ("💥" * 1860, "💥" * 1859 + "…"),
        ("x" * 7439, "x" * 7439),
    ],
)
def test_the_message_is_cut_between_characters_at_7439_bytes(text: str, kept: str) -> None:
    config = config_of({**FULL, "message": "{{ .CommonLabels.text }}"})

    made = json.loads(body(config, message(notification(alert(alertname="A", text=text)))))

    assert made["markdown"] == kept
    assert len(kept.encode()) <= 7439


@pytest.mark.parametrize(
    ("config", "global_values", "complaint"),
    [
        ({}, {}, "missing room_id on webex_config"),
        ({"room_id": "r"}, {}, "missing webex_configs.http_config.authorization"),
        (
            {"room_id": "r", "http_config": {"basic_auth": {"username": "u"}}},
            {},
            "missing webex_configs.http_config.authorization",
        ),
        (FULL, {"webex_api_url": ""}, "no global Webex URL set"),
    ],
)
def test_what_is_refused_in_a_file(
    config: dict[str, Any], global_values: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError) as refused:
        config_of(config, **global_values)

    assert complaint in str(refused.value)


def test_the_url_is_the_global_one_unless_it_has_its_own() -> None:
    bearer = {"room_id": "r", "http_config": {"bearer_token": "t"}}

    assert config_of(bearer).api_url == "https://webexapis.com/v1/messages"
    assert config_of({**bearer, "api_url": "http://x/y"}, webex_api_url="http://z").api_url == "http://x/y"


def webex(request: ReceivedRequest) -> Answer:
    """Webex as its documentation tells of messages."""
    if request.headers.get("authorization") != "Bearer bot-token":
        return Answer(
            401,
            b'{"message":"The request requires a valid access token set in the Authorization request header."}',
        )
    sent = request.json()
    if request.method != "POST" or request.target != "/v1/messages" or set(sent) != {"markdown", "roomId"}:
        return Answer(400, b'{"message":"The request could not be understood by the server"}')
    if sent["roomId"] != "room" or len(sent["markdown"].encode()) > 7439:
        return Answer(404, b'{"message":"The requested resource could not be found."}')
    return Answer(200, json.dumps({"id": "1", "roomId": "room", "markdown": sent["markdown"]}).encode())


async def test_messages_are_taken() -> None:
    async with HttpReceiver() as receiver:
        receiver.answer_with(webex)
        config = {"room_id": "room", "http_config": TOKEN, "api_url": receiver.url("/v1/messages")}
        async with connected("webex", config) as sender:
            for each in EXAMPLES.values():
                await sender.send(message(each))
        async with connected("webex", {**config, "room_id": "{{ .Status }}"}) as sender:
            with pytest.raises(RejectedError, match=r"404: .*could not be found"):
                await sender.send(message(EXAMPLES["one_firing"]))
        wrong = {"authorization": {"credentials": "old-token"}}
        async with connected("webex", {**config, "http_config": wrong}) as sender:
            with pytest.raises(RejectedError) as raised:
                await sender.send(message(EXAMPLES["one_firing"]))
        assert raised.value.reason is FailureReason.AUTH_ERROR
        assert len(receiver.requests) == 6


async def test_a_limit_that_says_when_is_waited_for() -> None:
    async with HttpReceiver() as receiver:
        receiver.answer_with(Answer(429, b"{}", {"Retry-After": "5"}))
        config = {"room_id": "room", "http_config": TOKEN, "api_url": receiver.url()}
        async with connected("webex", config) as sender:
            with pytest.raises(TemporaryError) as raised:
                await sender.send(message(EXAMPLES["one_firing"]))

    assert raised.value.retry_after == 5_000_000_000


async def test_without_a_room_nothing_is_sent() -> None:
    async with HttpReceiver() as receiver:
        config = {"room_id": "{{ .Nothing }}", "http_config": TOKEN, "api_url": receiver.url()}
        async with connected("webex", config) as sender:
            with pytest.raises(TemplateError):
                await sender.send(message(EXAMPLES["one_firing"]))
        assert receiver.requests == []
