"""What every kind of integration promises, by existing."""

from __future__ import annotations

import importlib
import json
import logging
from contextlib import AsyncExitStack
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import pytest

from alertrouter.config.fields import Secret
from alertrouter.config.secret_texts import secrets_of
from alertrouter.core.reason import FailureReason
from alertrouter.delivery.errors import DeliveryError, RejectedError, TemporaryError
from alertrouter.integrations import (
    HttpIntegrationConfig,
    IntegrationConfig,
    IntegrationKind,
    by_name,
    discover,
    pagerduty,
    slack,
    webhook,
)
from tests.integrations.connected import configure, connected
from tests.integrations.examples import EXAMPLES, GOLDEN, message
from tests.receivers import Answer, HttpReceiver, Misbehave, SmtpReceiver

if TYPE_CHECKING:
    from pathlib import Path

    from tests.receivers import ReceivedRequest

pytestmark = pytest.mark.anyio

KINDS = list(discover())
MARKER = "s3cr3t-m4rk3r"


def example_configs(kind: str) -> dict[str, dict[str, Any]]:
    """What the kind's own test module says of how to send to a server here, by a name for each way.

    ``{url}`` and ``{smarthost}`` are the servers'.
    """
    module = importlib.import_module(f"tests.integrations.test_{kind}")
    configs: dict[str, dict[str, Any]] = module.CONTRACT
    return configs


CASES = [(kind, name) for kind in KINDS for name in example_configs(kind)]
HTTP_CASES = [
    (kind, name) for kind, name in CASES if issubclass(discover()[kind].config, HttpIntegrationConfig)
]


def example(kind: str, name: str, **places: str) -> dict[str, Any]:
    return _placed(example_configs(kind)[name], places)


def _placed(block: dict[str, Any], places: dict[str, str]) -> dict[str, Any]:
    placed: dict[str, Any] = {}
    for key, value in block.items():
        if isinstance(value, dict):
            placed[key] = _placed(value, places)
        else:
            is_place = isinstance(value, str) and value.startswith("{")
            placed[key] = value.format(**places) if is_place else value
    return placed


@pytest.mark.parametrize("kind", KINDS)
def test_it_has_golden_payloads(kind: str) -> None:
    for name in EXAMPLES:
        assert (GOLDEN / kind / f"{name}.json").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_keys_are_refused(kind: str) -> None:
    config = example(kind, "", url="http://h/", smarthost="h:25")

    with pytest.raises(ValueError, match="no_such_key"):
        discover()[kind].config.model_validate({**config, "no_such_key": 1})
    with pytest.raises(ValueError, match="no_such_key"):
        discover()[kind].config.model_validate({**config, "alertrouter": {"no_such_key": 1}})


@pytest.mark.parametrize(("kind", "name"), HTTP_CASES)
@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        (400, RejectedError, FailureReason.CLIENT_ERROR),
        (401, RejectedError, FailureReason.AUTH_ERROR),
        (404, RejectedError, FailureReason.CLIENT_ERROR),
        (500, TemporaryError, FailureReason.SERVER_ERROR),
        (502, TemporaryError, FailureReason.SERVER_ERROR),
        (599, TemporaryError, FailureReason.SERVER_ERROR),
        (304, RejectedError, FailureReason.OTHER),
    ],
)
async def test_each_status_leads_to_the_right_error(
    kind: str, name: str, status: int, error: type[DeliveryError], reason: FailureReason
) -> None:
    async with HttpReceiver() as receiver, connected(kind, example(kind, name, url=receiver.url())) as sender:
        receiver.answer_with(Answer(status))

        with pytest.raises(error) as raised:
            await sender.send(message(EXAMPLES["one_firing"]))

    assert raised.value.reason is reason
    assert f"unexpected status code {status}" in str(raised.value)


@pytest.mark.parametrize(("kind", "name"), HTTP_CASES)
@pytest.mark.parametrize(
    ("behaviour", "text"),
    [
        (Misbehave.CLOSE, "the server closed the connection without an answer"),
        (Misbehave.GARBAGE, "the answer is not HTTP"),
        (Misbehave.CUT, "the connection broke within the answer"),
    ],
)
async def test_no_answer_is_worth_another_attempt(
    kind: str, name: str, behaviour: Misbehave, text: str
) -> None:
    async with HttpReceiver() as receiver, connected(kind, example(kind, name, url=receiver.url())) as sender:
        receiver.answer_with(behaviour)

        with pytest.raises(TemporaryError, match=text):
            await sender.send(message(EXAMPLES["one_firing"]))


@pytest.mark.parametrize(("kind", "name"), HTTP_CASES)
async def test_nobody_there_is_worth_another_attempt(kind: str, name: str) -> None:
    async with HttpReceiver() as receiver:
        url = receiver.url()
    async with connected(kind, example(kind, name, url=url)) as sender:
        with pytest.raises(TemporaryError, match=r'(GET|POST) "<redacted>": connection refused'):
            await sender.send(message(EXAMPLES["one_firing"]))


@pytest.mark.parametrize(("kind", "name"), HTTP_CASES)
async def test_retry_after_is_handed_on(kind: str, name: str) -> None:
    async with HttpReceiver() as receiver, connected(kind, example(kind, name, url=receiver.url())) as sender:
        receiver.answer_with(Answer(503, headers={"Retry-After": "12"}))

        with pytest.raises(TemporaryError) as raised:
            await sender.send(message(EXAMPLES["one_firing"]))

    assert raised.value.retry_after == 12_000_000_000


def with_secrets(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    """The configuration with the marker in every secret that can stand beside the others."""
    marked = dict(config)
    for name, field in discover()[kind].config.model_fields.items():
        is_secret = isinstance(field.default, Secret)
        if is_secret and (name in config or not _excludes(name, config)):
            marked[name] = f"{config[name].rstrip('/')}/{MARKER}" if "://" in config.get(name, "") else MARKER
    return marked


def _excludes(name: str, config: dict[str, Any]) -> bool:
    groups = [{"api_url", "app_token"}, {"service_key", "routing_key"}, {"url", "url_file"}]
    return any(name in group and group & set(config) for group in groups)


@pytest.mark.parametrize(("kind", "name"), CASES)
async def test_no_secret_is_told(
    kind: str, name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the other side does, even if it repeats all that it was sent."""
    caplog.set_level(logging.DEBUG)

    def repeat(request: ReceivedRequest) -> Answer:
        said = f"{request.target} {dict(request.headers)} {request.body.decode()}"
        return Answer(400, json.dumps({"message": said, "errors": [said]}).encode())

    told: list[str] = []
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(HttpReceiver())
        smtp = await stack.enter_async_context(
            SmtpReceiver(mechanisms=("PLAIN",), refusals={"AUTH": f"535 no such password {MARKER}"})
        )
        config = with_secrets(kind, example(kind, name, url=http.url("/hook"), smarthost=smtp.smarthost))
        if kind == "email":
            config |= {"auth_username": "me"}
        else:
            # Where the kind cannot do without an authorization of its own, no other can stand beside it.
            own = config.get("http_config", {})
            config["http_config"] = {
                "http_headers": {"X-Key": {"secrets": [MARKER]}},
                **({} if own or name == "token" else {"basic_auth": {"username": "u", "password": MARKER}}),
                **own,
            }
        completed = configure(kind, config)
        assert MARKER in " ".join(secrets_of(completed))
        told += [repr(completed), str(completed)]
        for behaviour in (repeat, Answer(500, MARKER.encode()), *Misbehave):
            if behaviour is Misbehave.HANG:
                continue
            http.answer_with(behaviour)
            async with connected(kind, config) as sender:
                with pytest.raises(DeliveryError) as raised:
                    await sender.send(message(EXAMPLES["one_firing"]))
            told += [str(raised.value), repr(raised.value)]
    told += [record.getMessage() for record in caplog.records if not record.name.startswith("mail.")]

    assert [text for text in told if MARKER in text] == []
    if kind != "email":
        assert MARKER in " ".join(str(request) for request in http.requests)


def test_two_of_one_name_are_refused() -> None:
    kind = discover()["webhook"]

    with pytest.raises(ValueError, match='two integrations are called "webhook": here and there'):
        by_name([("here", kind), ("there", kind)])


def test_kinds_are_sorted_and_named_like_their_modules() -> None:
    assert list(discover()) == sorted(discover())
    for module in (pagerduty, slack, webhook):
        assert discover()[module.__name__.rpartition(".")[2]] is module.INTEGRATION


def test_other_distributions_bring_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    import alertrouter.integrations as package

    point = EntryPoint("carrier_pigeon", f"{__name__}:PIGEON", package.ENTRY_POINTS)
    monkeypatch.setattr(package, "entry_points", lambda *, group: [point] if group == point.group else [])

    assert list(discover.__wrapped__()) == sorted([*KINDS, "carrier_pigeon"])


PIGEON = IntegrationKind(
    name="carrier_pigeon", config=IntegrationConfig, connect=lambda config, connection: NotImplemented
)


async def test_a_hanging_server_is_left_when_its_task_is_cancelled() -> None:
    import asyncio

    async with HttpReceiver() as receiver, connected("webhook", {"url": receiver.url()}) as sender:
        receiver.answer_with(Misbehave.HANG)
        sending = asyncio.create_task(sender.send(message(EXAMPLES["one_firing"])))
        await receiver.wait_for(1)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending


def test_relative_paths_start_where_they_are_told(tmp_path: Path) -> None:
    from alertrouter.integrations._text import read_secret

    (tmp_path / "secret").write_text("\n text \n")

    assert read_secret("secret", tmp_path, "x_file") == "text"
    with pytest.raises(RejectedError, match="unable to read x_file other: No such file or directory"):
        read_secret("other", tmp_path, "x_file")


def test_every_secret_is_found() -> None:
    config = webhook.WebhookConfig.model_validate(
        {
            "url": "https://hooks.test/T0/B0",
            "http_config": {
                "basic_auth": {"password": "pass-word"},
                "http_headers": {"X-A": {"secrets": ["head-er"], "values": ["open"]}},
                "proxy_url": "http://p/",
                "proxy_connect_header": {"X-B": ["tun-nel"]},
            },
        }
    )

    assert set(secrets_of(config)) == {
        "https://hooks.test/T0/B0",
        "/T0/B0",
        "pass-word",
        "head-er",
        "tun-nel",
        "OnBhc3Mtd29yZA==",
    }


def test_secrets_are_found_as_they_travel() -> None:
    config = webhook.WebhookConfig.model_validate(
        {
            "url": "https://us%C3%A9r:in%20url@hooks.test/T0KEN/{{ .Receiver }}/B0?key=K0K0",
            "http_config": {"proxy_url": "http://someone:prox-y@p/"},
        }
    )

    assert set(secrets_of(config)) == {
        "https://us%C3%A9r:in%20url@hooks.test/T0KEN/{{ .Receiver }}/B0?key=K0K0",
        "/T0KEN/{{ .Receiver }}/B0?key=K0K0",
        "in%20url",
        "in url",
        "dXPDqXI6aW4gdXJs",
        "T0KEN/",
        "/B0?key=K0K0",
        "prox-y",
        "c29tZW9uZTpwcm94LXk=",
    }
