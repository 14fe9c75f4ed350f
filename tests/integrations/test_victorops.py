from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from alertrouter.core.reason import FailureReason
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.integrations.victorops import VictoropsConfig, body
from alertrouter.templating.errors import TemplateError
from tests.integrations.connected import configure, connected
from tests.integrations.examples import EXAMPLES, alert, check_golden, message, notification
from tests.receivers import Answer, HttpReceiver

if TYPE_CHECKING:
    from pathlib import Path

    from tests.receivers import ReceivedRequest

pytestmark = pytest.mark.anyio

CONTRACT = {"": {"api_key": "key", "routing_key": "team", "api_url": "{url}"}}

FULL: dict[str, Any] = {
    "api_key": "the-key",
    "routing_key": "team",
    "message_type": "{{ if .CommonLabels.severity }}WARNING{{ else }}INFO{{ end }}",
    "state_message": "{{ .Status }} <&>",
    "entity_display_name": "{{ .GroupLabels.alertname }}",
    "monitoring_tool": "{{ .Receiver }}",
    "custom_fields": {"zone": "{{ .CommonLabels.instance }}", "alerts": "{{ .Alerts | len }}"},
}


def config_of(values: dict[str, Any], **global_values: Any) -> VictoropsConfig:
    config = configure("victorops", {"routing_key": "team", **values}, **global_values)
    assert isinstance(config, VictoropsConfig)
    return config


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message(name: str) -> None:
    config = config_of({"api_key": "k"})

    check_golden("victorops", name, body(config, message(EXAMPLES[name], config)))


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message_with_everything_in_it(name: str) -> None:
    config = config_of(FULL)

    check_golden("victorops", f"{name}_full", body(config, message(EXAMPLES[name], config)))


def test_the_state_message_alone_is_cut() -> None:
    long = {"state_message": "{{ .CommonLabels.text }}", "entity_display_name": "{{ .CommonLabels.text }}"}
    config = config_of({"api_key": "k", **long})

    made = json.loads(body(config, message(notification(alert(alertname="A", text="💥" * 20481)))))

    assert made["state_message"] == "💥" * 20479 + "…"
    assert made["entity_display_name"] == "💥" * 20481


@pytest.mark.parametrize(
    ("wanted", "firing", "resolved"),
    [
        ("WARNING", "WARNING", "RECOVERY"),
        ("INFO", "INFO", "RECOVERY"),
        ("info", "CRITICAL", "RECOVERY"),
        ("RECOVERY", "CRITICAL", "RECOVERY"),
        ("", "CRITICAL", "RECOVERY"),
        ("{{ .Nothing }}", "CRITICAL", "RECOVERY"),
    ],
)
def test_the_type_of_a_message(wanted: str, firing: str, resolved: str) -> None:
    config = config_of({"api_key": "k", "message_type": wanted})

    for name, expected in (("many_mixed", firing), ("all_resolved", resolved)):
        assert json.loads(body(config, message(EXAMPLES[name])))["message_type"] == expected


@pytest.mark.parametrize(
    ("config", "global_values", "complaint"),
    [
        ({}, {}, "no global VictorOps API Key set"),
        ({"routing_key": ""}, {}, "missing Routing key in VictorOps config"),
        (
            {"api_key": "a", "api_key_file": "b"},
            {},
            "at most one of api_key & api_key_file must be configured",
        ),
        ({"api_key": "a"}, {"victorops_api_url": ""}, "no global VictorOps URL set"),
        (
            {"custom_fields": {"entity_id": "x"}},
            {},
            (
                "victorOps config contains custom field entity_id which cannot be used"
                " as it conflicts with the fixed/static fields"
            ),
        ),
    ],
)
def test_what_is_refused_in_a_file(
    config: dict[str, Any], global_values: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError) as refused:
        config_of(config, **global_values)

    assert complaint in str(refused.value)


def test_key_and_key_file_come_from_the_globals_one_by_one() -> None:
    config = config_of(
        {"api_key_file": "mine"}, victorops_api_key="everybody's", victorops_api_url="http://x"
    )

    assert config.api_key.reveal() == "everybody's"
    assert config.api_key_file == "mine"
    assert config.api_url == "http://x/"


class StandIn:
    """The REST endpoint of VictorOps: keys in the path, an incident for each entity."""

    def __init__(self) -> None:
        self.incidents: dict[str, dict[str, Any]] = {}

    def __call__(self, request: ReceivedRequest) -> Answer:
        if unquote(request.target) != "/alert/the-key/team ops?":
            return Answer(404, b'{"result":"failure","message":"No such endpoint"}')
        sent = request.json()
        kind = sent.get("message_type")
        if kind not in {"CRITICAL", "WARNING", "ACKNOWLEDGEMENT", "INFO", "RECOVERY"}:
            return Answer(400, b'{"result":"failure","message":"Invalid message_type"}')
        if not all(isinstance(value, str) for value in sent.values()):
            return Answer(400, b'{"result":"failure","message":"Invalid"}')
        if kind == "RECOVERY":
            self.incidents.pop(sent["entity_id"], None)
        else:
            self.incidents[sent["entity_id"]] = sent
        return Answer(200, b'{"result":"success","entity_id":"x"}')


async def test_an_incident_is_opened_and_recovers() -> None:
    victorops = StandIn()
    async with HttpReceiver() as receiver:
        receiver.answer_with(victorops)
        config = {"api_key": "the-key", "routing_key": "team ops?", "api_url": receiver.url("/alert")}
        async with connected("victorops", config) as sender:
            await sender.send(message(EXAMPLES["one_firing"]))
            await sender.send(message(EXAMPLES["many_mixed"]))
            (incident,) = victorops.incidents.values()
            assert incident["entity_id"] == EXAMPLES["one_firing"].group_hash
            await sender.send(message(EXAMPLES["all_resolved"]))

        assert victorops.incidents == {}
        assert receiver.requests[0].target == "/alert/the-key/team%20ops%3F"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(Answer(429), RejectedError, id="too many, and no word of when"),
        pytest.param(Answer(429, headers={"Retry-After": "7"}), TemporaryError, id="too many, for 7 seconds"),
    ],
)
async def test_being_too_fast(answer: Answer, error: type[Exception]) -> None:
    async with HttpReceiver() as receiver:
        receiver.answer_with(answer)
        config = {"api_key": "k", "routing_key": "r", "api_url": receiver.url()}
        async with connected("victorops", config) as sender:
            with pytest.raises(error) as raised:
                await sender.send(message(EXAMPLES["one_firing"]))

    assert getattr(raised.value, "reason", None) is FailureReason.RATE_LIMITED


async def test_the_key_file_is_read_at_every_send_and_is_no_template(tmp_path: Path) -> None:
    config = {"api_key_file": "key", "routing_key": "r-{{ .Status }}"}
    async with (
        HttpReceiver() as receiver,
        connected("victorops", config | {"api_url": receiver.url("/a")}, directory=tmp_path) as sender,
    ):
        for text in ("one\n", " {two} "):
            (tmp_path / "key").write_text(text)
            await sender.send(message(EXAMPLES["one_firing"]))
        assert [each.target for each in receiver.requests] == ["/a/one/r-firing", "/a/%7Btwo%7D/r-firing"]

        (tmp_path / "key").write_text("long-key")
        receiver.answer_with(lambda request: Answer(400, request.target.encode()))
        with pytest.raises(RejectedError, match=r"400: /a/<secret>/r-firing$"):
            await sender.send(message(EXAMPLES["one_firing"]))


async def test_a_routing_key_that_cannot_be_rendered_is_no_routing_key() -> None:
    async with HttpReceiver() as receiver:
        config = {"api_key": "k", "routing_key": "{{ .Nothing }}", "api_url": receiver.url()}
        async with connected("victorops", config) as sender:
            with pytest.raises(TemplateError):
                await sender.send(message(EXAMPLES["one_firing"]))
        assert receiver.requests == []
