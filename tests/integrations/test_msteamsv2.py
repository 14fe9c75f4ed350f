from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from alertrouter.config.http import HttpConfig
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.integrations.msteamsv2 import Msteamsv2Config, body
from tests.integrations.connected import configure, connected
from tests.integrations.examples import EXAMPLES, check_golden, message
from tests.receivers import Answer, HttpReceiver, ReceivedRequest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

CONTRACT = {"": {"webhook_url": "{url}"}}

FULL: dict[str, Any] = {
    "webhook_url": "http://h/",
    "title": "",
    "text": "{{ range .Alerts }}{{ .Labels.instance }} {{ end }}",
}
_TITLE = {"weight": "Bolder", "size": "Medium", "wrap": True, "style": "heading"}


def vendor(request: ReceivedRequest) -> Answer:
    """A workflow's trigger: it takes messages with adaptive cards, of at most 28 KB, and says 202 at once."""
    posted = request.json()
    card = posted["attachments"][0]["content"]
    if request.method != "POST" or posted["type"] != "message" or len(request.body) > 28 * 1024:
        return Answer(400, b'{"error":{"code":"TriggerInputSchemaMismatch"}}')
    if posted["attachments"][0]["contentType"] != "application/vnd.microsoft.card.adaptive":
        return Answer(400, b'{"error":{"code":"TriggerInputSchemaMismatch"}}')
    if card["type"] != "AdaptiveCard" or {block["type"] for block in card["body"]} != {"TextBlock"}:
        return Answer(400, b'{"error":{"code":"InvalidBotAdaptiveCard"}}')
    return Answer(202)


def config_of(values: dict[str, Any], **global_values: Any) -> Msteamsv2Config:
    config = configure("msteamsv2", values, **global_values)
    assert isinstance(config, Msteamsv2Config)
    return config


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_card(name: str) -> None:
    config = config_of({"webhook_url": "http://h/"})

    check_golden("msteamsv2", name, body(config, message(EXAMPLES[name], config)))


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_card_in_other_words(name: str) -> None:
    config = config_of(FULL)

    check_golden("msteamsv2", f"{name}_full", body(config, message(EXAMPLES[name], config)))


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        pytest.param({}, "one of webhook_url or webhook_url_file must be configured", id="nowhere to post"),
        pytest.param(
            {"webhook_url": "http://h/", "webhook_url_file": "f"},
            "at most one of webhook_url & webhook_url_file must be configured",
            id="two places",
        ),
        pytest.param({"webhook_url": "ftp://h"}, 'unsupported scheme "ftp" for URL', id="no web"),
    ],
)
def test_what_is_refused_in_a_file(config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError) as refused:
        configure("msteamsv2", config)

    assert complaint in str(refused.value)


GLOBAL = HttpConfig.model_validate({"proxy_url": "http://proxy/", "bearer_token": "t"})


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        pytest.param(None, GLOBAL, id="no client options of its own"),
        pytest.param(
            {"follow_redirects": False},
            HttpConfig.model_validate({"follow_redirects": False, "proxy_url": "http://proxy/"}),
            id="options of its own take the global proxy, and nothing else",
        ),
        pytest.param(
            {"proxy_url": "http://mine/"},
            HttpConfig.model_validate({"proxy_url": "http://mine/"}),
            id="a proxy of its own",
        ),
    ],
)
def test_the_global_proxy_is_used_beside_client_options_of_its_own(
    own: dict[str, Any] | None, expected: HttpConfig
) -> None:
    values: dict[str, Any] = {"webhook_url": "http://h/"}
    if own is not None:
        values["http_config"] = own

    assert config_of(values, http_config=GLOBAL).http_config == expected


def test_the_global_proxy_is_used_beside_those_of_the_environment_too() -> None:
    values = {"webhook_url": "http://h/", "http_config": {"proxy_from_environment": True}}

    client = config_of(values, http_config=GLOBAL).http_config

    assert client is not None
    assert (client.proxy_url, client.proxy_from_environment) == ("http://proxy/", True)


async def test_a_workflow_takes_it() -> None:
    async with HttpReceiver() as receiver, connected("msteamsv2", {"webhook_url": receiver.url()}) as sender:
        receiver.answer_with(vendor)
        for name in EXAMPLES:
            await sender.send(message(EXAMPLES[name]))

    titles = [each.json()["attachments"][0]["content"]["body"][0] for each in receiver.requests]
    assert [title["color"] for title in titles] == ["Attention", "Attention", "Good", "Attention"]
    assert all(_TITLE.items() <= title.items() for title in titles)


async def test_the_url_file_is_read_at_every_send(tmp_path: Path) -> None:
    async with (
        HttpReceiver() as receiver,
        connected("msteamsv2", {"webhook_url_file": "url"}, directory=tmp_path) as sender,
    ):
        for path in ("/one?sig=a", "/two?sig=b"):
            (tmp_path / "url").write_text(f" {receiver.url(path)}\n")
            await sender.send(message(EXAMPLES["one_firing"]))
        (tmp_path / "url").unlink()
        with pytest.raises(RejectedError, match="unable to read webhook_url_file url: No such file"):
            await sender.send(message(EXAMPLES["one_firing"]))

    assert [each.target for each in receiver.requests] == ["/one?sig=a", "/two?sig=b"]


async def test_a_429_is_final_unless_it_says_when_to_come_again() -> None:
    refused = json.dumps({"error": {"code": "WorkflowTriggerThrottled", "message": "slow"}}).encode()
    async with HttpReceiver() as receiver, connected("msteamsv2", {"webhook_url": receiver.url()}) as sender:
        receiver.answer_with(Answer(429, refused), Answer(429, refused, {"Retry-After": "10"}))

        with pytest.raises(RejectedError, match="WorkflowTriggerThrottled"):
            await sender.send(message(EXAMPLES["one_firing"]))
        with pytest.raises(TemporaryError):
            await sender.send(message(EXAMPLES["one_firing"]))


async def test_an_address_from_a_file_is_not_told_even_if_it_is_repeated(tmp_path: Path) -> None:
    async with (
        HttpReceiver() as receiver,
        connected("msteamsv2", {"webhook_url_file": "url"}, directory=tmp_path) as sender,
    ):
        url = receiver.url("/workflows/1?sig=s3cret")
        (tmp_path / "url").write_text(url)
        receiver.answer_with(Answer(400, f"nothing at {url}".encode()))

        with pytest.raises(RejectedError) as raised:
            await sender.send(message(EXAMPLES["one_firing"]))

    assert str(raised.value) == "unexpected status code 400: nothing at <secret>"
