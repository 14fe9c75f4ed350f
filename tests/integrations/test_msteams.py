from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from alertrouter.core.reason import FailureReason
from alertrouter.core.time import SECOND
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.integrations.msteams import MsteamsConfig, body
from tests.integrations.connected import configure, connected
from tests.integrations.examples import EXAMPLES, check_golden, message
from tests.receivers import Answer, HttpReceiver, ReceivedRequest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

CONTRACT = {"": {"webhook_url": "{url}"}}

FULL: dict[str, Any] = {
    "webhook_url": "http://h/",
    "title": "{{ .Receiver }} is {{ .Status }}",
    "summary": "",
    "text": "{{ range .Alerts }}{{ .Labels.instance }} {{ end }}",
}


def vendor(request: ReceivedRequest) -> Answer:
    """A connector: it wants a card with something to read in it, of at most 28 KB, and says 1."""
    if request.method != "POST" or not request.headers["content-type"].startswith("application/json"):
        return Answer(400, b"Invalid webhook request")
    card = request.json()
    if card["@context"] != "http://schema.org/extensions" or card["type"] != "MessageCard":
        return Answer(400, b"Summary or Text is required.")
    if not (card["summary"] or card["text"]):
        return Answer(400, b"Summary or Text is required.")
    if len(request.body) > 28 * 1024:
        return Answer(413, b"Payload Too Large")
    return Answer(200, b"1")


def config_of(values: dict[str, Any]) -> MsteamsConfig:
    config = configure("msteams", values)
    assert isinstance(config, MsteamsConfig)
    return config


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_card(name: str) -> None:
    config = config_of({"webhook_url": "http://h/"})

    check_golden("msteams", name, body(config, message(EXAMPLES[name], config)))


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_card_in_other_words(name: str) -> None:
    config = config_of(FULL)

    check_golden("msteams", f"{name}_full", body(config, message(EXAMPLES[name], config)))


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        pytest.param({}, "one of webhook_url or webhook_url_file must be configured", id="nowhere to post"),
        pytest.param(
            {"webhook_url": "http://h/", "webhook_url_file": "f"},
            "at most one of webhook_url & webhook_url_file must be configured",
            id="two places",
        ),
        pytest.param({"webhook_url": "h"}, 'unsupported scheme "" for URL', id="no URL"),
    ],
)
def test_what_is_refused_in_a_file(config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError) as refused:
        configure("msteams", config)

    assert complaint in str(refused.value)


async def test_a_connector_takes_it() -> None:
    async with HttpReceiver() as receiver, connected("msteams", {"webhook_url": receiver.url()}) as sender:
        receiver.answer_with(vendor)
        for name in EXAMPLES:
            await sender.send(message(EXAMPLES[name]))

    assert len(receiver.requests) == len(EXAMPLES)


async def test_the_url_file_is_read_at_every_send(tmp_path: Path) -> None:
    async with (
        HttpReceiver() as receiver,
        connected("msteams", {"webhook_url_file": "url"}, directory=tmp_path) as sender,
    ):
        for path in ("/one", "/two"):
            (tmp_path / "url").write_text(f" {receiver.url(path)}\n")
            await sender.send(message(EXAMPLES["one_firing"]))
        (tmp_path / "url").write_text("\n")
        with pytest.raises(RejectedError, match="webhook url missing"):
            await sender.send(message(EXAMPLES["one_firing"]))
        (tmp_path / "url").unlink()
        with pytest.raises(RejectedError, match="unable to read webhook_url_file url: No such file"):
            await sender.send(message(EXAMPLES["one_firing"]))

    assert [each.target for each in receiver.requests] == ["/one", "/two"]


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        pytest.param(Answer(429), RejectedError, FailureReason.RATE_LIMITED, id="429"),
        pytest.param(
            Answer(429, headers={"Retry-After": "3"}),
            TemporaryError,
            FailureReason.RATE_LIMITED,
            id="429 with a time",
        ),
        pytest.param(
            Answer(
                200,
                b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId tcid=0",
            ),
            TemporaryError,
            FailureReason.RATE_LIMITED,
            id="too many messages behind a 200",
        ),
        pytest.param(
            Answer(
                200,
                b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 403 with ContextId tcid=0",
            ),
            RejectedError,
            FailureReason.AUTH_ERROR,
            id="a refusal behind a 200",
        ),
    ],
)
async def test_what_a_connector_says_when_it_does_not_post(
    answer: Answer, error: type[Exception], reason: FailureReason
) -> None:
    async with HttpReceiver() as receiver, connected("msteams", {"webhook_url": receiver.url()}) as sender:
        receiver.answer_with(answer)

        with pytest.raises((TemporaryError, RejectedError)) as raised:
            await sender.send(message(EXAMPLES["one_firing"]))

    assert type(raised.value) is error
    assert raised.value.reason is reason
    assert raised.value.retry_after == (3 * SECOND if answer.headers else None)


def test_colours_follow_the_status() -> None:
    config = config_of({"webhook_url": "http://h/"})

    made = {name: json.loads(body(config, message(EXAMPLES[name])))["themeColor"] for name in EXAMPLES}

    assert made == {
        "one_firing": "8C1A1A",
        "many_mixed": "8C1A1A",
        "all_resolved": "2DC72D",
        "odd_unicode": "8C1A1A",
    }
