from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from alertrouter.core.reason import FailureReason
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.integrations.discord import DiscordConfig, body
from tests.integrations.connected import configure, connected
from tests.integrations.examples import EXAMPLES, alert, check_golden, message, notification
from tests.receivers import Answer, HttpReceiver

if TYPE_CHECKING:
    from pathlib import Path

    from tests.receivers import ReceivedRequest

pytestmark = pytest.mark.anyio

CONTRACT = {"": {"webhook_url": "{url}"}}

HOOK = "https://discord.example/api/webhooks/1/token"
FULL: dict[str, Any] = {
    "webhook_url": HOOK,
    "content": "{{ .Receiver }} <&>",
    "title": "{{ .Status }}",
    "message": "{{ .Alerts | len }}",
    "username": "{{ .Status }} is no template here",
    "avatar_url": "https://x/a.png",
}


def config_of(values: dict[str, Any]) -> DiscordConfig:
    config = configure("discord", values)
    assert isinstance(config, DiscordConfig)
    return config


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message(name: str) -> None:
    config = config_of({"webhook_url": HOOK})

    check_golden("discord", name, body(config, message(EXAMPLES[name], config)))


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message_with_everything_in_it(name: str) -> None:
    config = config_of(FULL)

    check_golden("discord", f"{name}_full", body(config, message(EXAMPLES[name], config)))


def test_texts_are_cut() -> None:
    text = "{{ .CommonLabels.text }}"
    config = config_of({"webhook_url": HOOK, "content": text, "title": text, "message": text})

    made = json.loads(body(config, message(notification(alert(alertname="A", text="💥" * 4097)))))

    assert made["content"] == "💥" * 1999 + "…"
    assert made["embeds"][0]["title"] == "💥" * 255 + "…"
    assert made["embeds"][0]["description"] == "💥" * 4095 + "…"


def test_a_content_that_fails_is_left_out() -> None:
    config = config_of({"webhook_url": HOOK, "content": "{{ .Nothing }}"})

    assert json.loads(body(config, message(EXAMPLES["one_firing"], config)))["content"] == ""


async def test_a_picture_that_has_no_address_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    bad = {"webhook_url": HOOK, "avatar_url": "http://x/%zz"}

    assert "avatar_url" not in json.loads(body(config_of(bad), message(EXAMPLES["one_firing"])))
    with caplog.at_level(logging.WARNING):
        async with connected("discord", bad):
            pass
    assert [record.getMessage() for record in caplog.records] == [
        "avatar_url of a Discord integration is no URL, and is left out: http://x/%zz"
    ]


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({}, "one of webhook_url or webhook_url_file must be configured"),
        (
            {"webhook_url": HOOK, "webhook_url_file": "b"},
            "at most one of webhook_url & webhook_url_file must be configured",
        ),
        ({"webhook_url": "x"}, 'unsupported scheme "" for URL'),
    ],
)
def test_what_is_refused_in_a_file(config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError) as refused:
        config_of(config)

    assert complaint in str(refused.value)


def discord(request: ReceivedRequest) -> Answer:
    """Discord as its documentation tells of webhooks; without ?wait=true it answers with nothing."""
    if request.method != "POST" or request.headers["content-type"] != "application/json":
        return Answer(405)
    if request.target != "/api/webhooks/1/token":
        return _say(404, "Unknown Webhook", 10015)
    sent = request.json()
    (embed,) = sent["embeds"]
    too_long = len(sent["content"]) > 2000 or len(embed["title"]) > 256 or len(embed["description"]) > 4096
    if too_long or not 0 <= embed["color"] <= 0xFFFFFF or set(sent) - {"content", "embeds", "username"}:
        return _say(400, "Invalid Form Body", 50035)
    return Answer(204)


def _say(status: int, text: str, code: int, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, json.dumps({"message": text, "code": code}).encode(), headers or {})


async def test_messages_are_taken() -> None:
    async with HttpReceiver() as receiver:
        receiver.answer_with(discord)
        async with connected("discord", {"webhook_url": receiver.url("/api/webhooks/1/token")}) as sender:
            for each in EXAMPLES.values():
                await sender.send(message(each))
        colors = [each.json()["embeds"][0]["color"] for each in receiver.requests]
        assert colors == [0x992D22, 0x992D22, 0x2ECC71, 0x992D22]

        async with connected("discord", {"webhook_url": receiver.url("/api/webhooks/2/t")}) as sender:
            with pytest.raises(RejectedError, match=r"404: .*Unknown Webhook"):
                await sender.send(message(EXAMPLES["one_firing"]))


async def test_a_limit_that_says_when_is_waited_for() -> None:
    limited = json.dumps({"message": "You are being rate limited.", "retry_after": 64.57, "global": False})
    async with (
        HttpReceiver() as receiver,
        connected("discord", {"webhook_url": receiver.url()}) as sender,
    ):
        receiver.answer_with(Answer(429, limited.encode(), {"Retry-After": "65"}), Answer(429))
        with pytest.raises(TemporaryError, match="You are being rate limited") as raised:
            await sender.send(message(EXAMPLES["one_firing"]))
        assert raised.value.retry_after == 65_000_000_000
        assert raised.value.reason is FailureReason.RATE_LIMITED

        with pytest.raises(RejectedError):
            await sender.send(message(EXAMPLES["one_firing"]))


async def test_the_url_file_is_read_at_every_send(tmp_path: Path) -> None:
    async with (
        HttpReceiver() as receiver,
        connected("discord", {"webhook_url_file": "url"}, directory=tmp_path) as sender,
    ):
        receiver.answer_with(Answer(204))
        for path in ("/one", "/two"):
            (tmp_path / "url").write_text(f" {receiver.url(path)}\n")
            await sender.send(message(EXAMPLES["one_firing"]))
        assert [each.target for each in receiver.requests] == ["/one", "/two"]

        (tmp_path / "url").unlink()
        with pytest.raises(RejectedError, match="unable to read webhook_url_file url"):
            await sender.send(message(EXAMPLES["one_firing"]))
