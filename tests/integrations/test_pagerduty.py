from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.integrations import pagerduty
from alertrouter.integrations.pagerduty import PagerdutyConfig, event_v1, event_v2
from tests.integrations.connected import configure, connected
from tests.integrations.examples import EXAMPLES, alert, check_golden, message, notification
from tests.receivers import Answer, HttpReceiver

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

CONTRACT = {"": {"routing_key": "key", "url": "{url}"}}

FULL: dict[str, Any] = {
    "routing_key": "the-key",
    "details": {
        "firing": "{{ .Alerts.Firing | len }} fire",
        "nested": {"deep": ["{{ .Status }}", {"{{ .Status }}": "{{ .CommonLabels | toJson }}"}]},
    },
    "images": [
        {"src": "http://i/{{ .Status }}.png", "alt": "a", "href": "http://i/"},
        {"src": "{{ .GroupLabels.no }}"},
    ],
    "links": [{"href": "http://l/", "text": "{{ .Status }}"}, {"href": "", "text": "nothing"}],
    "class": "{{ .CommonLabels.severity }}",
    "component": "disk",
    "group": "storage",
    "severity": "{{ if .CommonLabels.severity }}{{ .CommonLabels.severity }}{{ else }}warning{{ end }}",
}


def config_of(values: dict[str, Any]) -> PagerdutyConfig:
    config = configure("pagerduty", values)
    assert isinstance(config, PagerdutyConfig)
    return config


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_event_of_version_2(name: str) -> None:
    config = config_of({"routing_key": "the-key"})

    check_golden("pagerduty", name, event_v2(config, message(EXAMPLES[name], config), "the-key"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_event_with_everything_in_it(name: str) -> None:
    config = config_of(FULL)

    check_golden("pagerduty", f"{name}_full", event_v2(config, message(EXAMPLES[name], config), "the-key"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_event_of_version_1(name: str) -> None:
    config = config_of({"service_key": "old-key"})

    check_golden("pagerduty", f"{name}_v1", event_v1(config, message(EXAMPLES[name], config), "old-key"))


def test_the_description_is_cut_at_1024_characters() -> None:
    config = config_of({"routing_key": "k", "description": "{{ .CommonLabels.text }}"})
    long = notification(alert(alertname="A", text="ö" * 2000))

    summary = json.loads(event_v2(config, message(long), "k"))["payload"]["summary"]
    description = json.loads(event_v1(config, message(long), "k"))["description"]

    assert summary == description == "ö" * 1023 + "…"


def test_details_that_make_an_event_too_large_are_left_out() -> None:
    config = config_of({"routing_key": "k"})
    many = notification(*[alert(alertname="A", instance=str(i), text="x" * 1000) for i in range(600)])

    for made in (event_v2(config, message(many), "k"), event_v1(config, message(many), "k")):
        event = json.loads(made)
        details = event["payload"]["custom_details"] if event["payload"] else event["details"]
        assert len(made) < 512_000
        assert list(details) == ["error"]
        assert "512KB" in details["error"]


@pytest.mark.parametrize(
    ("config", "global_values", "complaint"),
    [
        pytest.param({}, {}, "missing service or routing key in PagerDuty config", id="no key"),
        pytest.param(
            {"routing_key": "a", "routing_key_file": "b"},
            {},
            "at most one of routing_key & routing_key_file must be configured",
            id="two routing keys",
        ),
        pytest.param(
            {"service_key": "a", "service_key_file": "b"},
            {},
            "at most one of service_key & service_key_file must be configured",
            id="two service keys",
        ),
        pytest.param(
            {"routing_key": "a"}, {"pagerduty_url": ""}, "no global PagerDuty URL set", id="no URL anywhere"
        ),
    ],
)
def test_what_is_refused_in_a_file(
    config: dict[str, Any], global_values: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError) as refused:
        configure("pagerduty", config, **global_values)

    assert complaint in str(refused.value)


async def test_a_service_key_selects_version_1_and_its_fixed_address(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        HttpReceiver() as receiver,
        connected(
            "pagerduty", {"service_key": "old", "routing_key": "new", "url": receiver.url("/v2")}
        ) as sender,
    ):
        monkeypatch.setattr(pagerduty, "V1_URL", receiver.url("/v1"))
        await sender.send(message(EXAMPLES["one_firing"]))

        assert receiver.requests[0].target == "/v1"
        assert receiver.requests[0].json()["service_key"] == "old"


async def test_the_key_file_is_read_at_every_send_and_is_a_template(tmp_path: Path) -> None:
    async with (
        HttpReceiver() as receiver,
        connected(
            "pagerduty", {"routing_key_file": "key", "url": receiver.url()}, directory=tmp_path
        ) as sender,
    ):
        for text in ("one\n", "  {{ .Status }}-two "):
            (tmp_path / "key").write_text(text)
            await sender.send(message(EXAMPLES["one_firing"]))
        assert [each.json()["routing_key"] for each in receiver.requests] == ["one", "firing-two"]

        (tmp_path / "key").write_text("{{ .CommonLabels.nothing }}")
        with pytest.raises(RejectedError, match="routing key cannot be empty"):
            await sender.send(message(EXAMPLES["one_firing"]))


@pytest.mark.parametrize(
    ("status", "version", "error"),
    [
        pytest.param(429, "v2", TemporaryError, id="version 2 tells to slow down"),
        pytest.param(403, "v2", RejectedError, id="version 2 means it"),
        pytest.param(403, "v1", TemporaryError, id="version 1 tells to slow down in other words"),
        pytest.param(429, "v1", RejectedError, id="version 1 never says so"),
    ],
)
async def test_which_answers_are_worth_another_attempt(
    status: int, version: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with HttpReceiver() as receiver:
        monkeypatch.setattr(pagerduty, "V1_URL", receiver.url("/v1"))
        key = "service_key" if version == "v1" else "routing_key"
        async with connected("pagerduty", {key: "k", "url": receiver.url("/v2")}) as sender:
            receiver.answer_with(Answer(status))

            with pytest.raises(error):
                await sender.send(message(EXAMPLES["one_firing"]))


async def test_the_reasons_of_a_refusal_are_told_and_no_other_body() -> None:
    refusal = json.dumps(
        {"status": "invalid event", "message": "Event object is invalid", "errors": ["a", "b"]}
    )
    async with (
        HttpReceiver() as receiver,
        connected("pagerduty", {"routing_key": "k", "url": receiver.url()}) as sender,
    ):
        receiver.answer_with(Answer(400, refusal.encode()), Answer(404, b"what you sent"), Answer(400, b"[]"))
        texts = []
        for _ in range(3):
            with pytest.raises(RejectedError) as error:
                await sender.send(message(EXAMPLES["one_firing"]))
            texts.append(str(error.value))

    assert texts == [
        "unexpected status code 400: Event object is invalid: a,b",
        "unexpected status code 404",
        "unexpected status code 400",
    ]
