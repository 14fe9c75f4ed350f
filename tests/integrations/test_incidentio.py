from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from alertrouter.core.reason import FailureReason
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.integrations.incidentio import LARGEST_BODY, IncidentioConfig, body
from tests.integrations.connected import configure, connected
from tests.integrations.examples import EXAMPLES, alert, check_golden, message, notification
from tests.receivers import Answer, HttpReceiver, Misbehave, ReceivedRequest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

CONTRACT: dict[str, dict[str, Any]] = {
    "": {"url": "{url}", "alert_source_token": "token"},
    "token": {"url": "{url}"},
}

FULL: dict[str, Any] = {"url": "http://h/", "alert_source_token": "t", "max_alerts": 2}


def vendor(request: ReceivedRequest) -> Answer:
    """An HTTP alert source: it wants its token, a webhook's body of version 1, and no more than 512 KB."""
    if request.headers.get("authorization") != "Bearer token":
        return Answer(401, b'{"type":"authentication_error","status":401}')
    if len(request.body) > LARGEST_BODY:
        return Answer(413, b'{"type":"payload_too_large","status":413}')
    posted = request.json()
    if posted["version"] != "1" or posted["status"] not in {"firing", "resolved"} or not posted["alerts"]:
        return Answer(422, b'{"type":"validation_error","status":422}')
    return Answer(202, b'{"status":"success","message":"Event accepted for processing"}')


def config_of(values: dict[str, Any]) -> IncidentioConfig:
    config = configure("incidentio", values)
    assert isinstance(config, IncidentioConfig)
    return config


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_body(name: str) -> None:
    config = config_of({"url": "http://h/"})

    check_golden("incidentio", name, body(config, message(EXAMPLES[name])))


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_body_with_few_alerts(name: str) -> None:
    check_golden("incidentio", f"{name}_full", body(config_of(FULL), message(EXAMPLES[name])))


def test_of_a_body_that_is_too_large_one_alert_stays() -> None:
    alerts = [alert(alertname="A", instance=str(i), text="x" * 1000) for i in range(600)]

    kept = json.loads(body(config_of({"url": "http://h/"}), message(notification(*alerts))))

    assert [each["labels"]["instance"] for each in kept["alerts"]] == ["0"]
    assert kept["truncatedAlerts"] == 0
    assert kept["commonLabels"]["text"] == "x" * 1000


def test_what_is_still_too_large_is_left_as_it_is() -> None:
    huge = message(notification(alert(alertname="A", text="x" * LARGEST_BODY)))

    assert len(body(config_of({"url": "http://h/"}), huge)) > LARGEST_BODY


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        pytest.param({}, "one of url or url_file must be configured", id="nowhere to post"),
        pytest.param(
            {"url": "http://h/", "url_file": "f"},
            "at most one of url & url_file must be configured",
            id="two places",
        ),
        pytest.param({"url": "h"}, 'unsupported scheme "" for URL', id="no URL"),
        pytest.param(
            {"url": "http://h/", "alert_source_token": "t", "alert_source_token_file": "f"},
            "at most one of alert_source_token & alert_source_token_file must be configured",
            id="two tokens",
        ),
        pytest.param(
            {"url": "http://h/", "alert_source_token": "t", "http_config": {"authorization": {}}},
            "cannot specify alert_source_token or alert_source_token_file when using http_config.authorization",
            id="a token and an authorization",
        ),
        pytest.param(
            {"url": "http://h/", "alert_source_token_file": "f", "http_config": {"bearer_token": "b"}},
            "cannot specify alert_source_token or alert_source_token_file when using http_config.authorization",
            id="a token file and a bearer token",
        ),
        pytest.param(
            {"url": "http://h/", "http_config": {"follow_redirects": False}},
            "at least one of alert_source_token, alert_source_token_file or http_config.authorization"
            " must be configured",
            id="client options without a token",
        ),
        pytest.param({"url": "http://h/", "max_alerts": -1}, "into uint64", id="a negative limit"),
    ],
)
def test_what_is_refused_in_a_file(config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError) as refused:
        configure("incidentio", config)

    assert complaint in str(refused.value)


async def test_an_alert_source_takes_it() -> None:
    async with (
        HttpReceiver() as receiver,
        connected("incidentio", {"url": receiver.url(), "alert_source_token": "token"}) as sender,
    ):
        receiver.answer_with(vendor)
        for name in EXAMPLES:
            await sender.send(message(EXAMPLES[name]))

    assert len(receiver.requests) == len(EXAMPLES)


async def test_url_and_token_are_read_from_their_files_at_every_send(tmp_path: Path) -> None:
    config = {"url_file": "url", "alert_source_token_file": "token"}
    async with HttpReceiver() as receiver, connected("incidentio", config, directory=tmp_path) as sender:
        for text in ("one", "two"):
            (tmp_path / "url").write_text(f" {receiver.url(f'/{text}')}\n")
            (tmp_path / "token").write_text(f" {text}\n")
            await sender.send(message(EXAMPLES["one_firing"]))
        receiver.answer_with(lambda request: Answer(400, request.headers["authorization"].encode()))
        (tmp_path / "token").write_text("s3cret")
        with pytest.raises(RejectedError, match="unexpected status code 400: Bearer <secret>"):
            await sender.send(message(EXAMPLES["one_firing"]))
        (tmp_path / "token").unlink()
        with pytest.raises(RejectedError, match="unable to read alert_source_token_file token"):
            await sender.send(message(EXAMPLES["one_firing"]))
        (tmp_path / "url").write_text("")
        with pytest.raises(RejectedError, match=r"incident.io URL is empty"):
            await sender.send(message(EXAMPLES["one_firing"]))

    sent = [(each.target, each.headers["authorization"]) for each in receiver.requests]
    assert sent == [("/one", "Bearer one"), ("/two", "Bearer two"), ("/two", "Bearer s3cret")]


@pytest.mark.parametrize(
    ("http_config", "authorization"),
    [
        pytest.param(None, "Bearer t", id="the token"),
        pytest.param(
            {"basic_auth": {"username": "u", "password": "p"}}, "Basic dTpw", id="a password goes before it"
        ),
    ],
)
async def test_how_it_says_who_it_is(http_config: dict[str, Any] | None, authorization: str) -> None:
    async with HttpReceiver() as receiver:
        config = {"url": receiver.url(), "alert_source_token": "t"}
        async with connected(
            "incidentio", config | ({"http_config": http_config} if http_config else {})
        ) as sender:
            await sender.send(message(EXAMPLES["one_firing"]))

    assert receiver.requests[0].headers["authorization"] == authorization


async def test_a_429_is_worth_another_attempt() -> None:
    async with HttpReceiver() as receiver, connected("incidentio", {"url": receiver.url()}) as sender:
        receiver.answer_with(Answer(429))

        with pytest.raises(TemporaryError) as raised:
            await sender.send(message(EXAMPLES["one_firing"]))

    assert raised.value.reason is FailureReason.RATE_LIMITED


async def test_the_timeout_bounds_an_attempt() -> None:
    async with (
        HttpReceiver() as receiver,
        connected("incidentio", {"url": receiver.url(), "timeout": 50_000_000}) as sender,
    ):
        receiver.answer_with(Misbehave.HANG)

        with pytest.raises(TemporaryError, match=r"configured incidentio timeout reached \(50ms\)"):
            await sender.send(message(EXAMPLES["one_firing"]))
