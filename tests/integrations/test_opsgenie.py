from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from alertrouter.config.fields import ConfigProblem
from alertrouter.core.reason import FailureReason
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.integrations.opsgenie import OpsgenieConfig, requests
from tests.integrations.connected import configure, connected
from tests.integrations.examples import EXAMPLES, alert, check_golden, message, notification
from tests.receivers import Answer, HttpReceiver

if TYPE_CHECKING:
    from pathlib import Path

    from tests.receivers import ReceivedRequest

pytestmark = pytest.mark.anyio

CONTRACT = {
    "": {"api_key": "key", "api_url": "{url}"},
    "updates": {"api_key": "key", "api_url": "{url}", "update_alerts": True},
}

FULL: dict[str, Any] = {
    "api_key": "the-key",
    "message": "{{ .Status }} <&>",
    "description": "{{ .CommonLabels.alertname }}",
    "source": "here",
    "details": {"status": "{{ .Status }}", "alertname": "another", "{{ .Status }}": "a key is no template"},
    "entity": "disk {{ .Status }}",
    "responders": [
        {"name": "a,b,, c", "type": "teams"},
        {"id": "1", "type": "User"},
        {"username": "{{ .CommonLabels.severity }}", "type": "{{ .Status }}"},
        {"name": "{{ .GroupLabels.no }}", "type": "{{ .GroupLabels.no }}"},
        {"name": "{{ .GroupLabels.no }}", "type": "team"},
        {"name": "x,y", "type": "Teams"},
    ],
    "actions": "ping, restart,,",
    "tags": "one,{{ .Status }}, three",
    "note": "{{ .Alerts | len }}",
    "priority": '{{ if eq .Status "firing" }}P1{{ end }}',
    "update_alerts": True,
}


def config_of(values: dict[str, Any], **global_values: Any) -> OpsgenieConfig:
    config = configure("opsgenie", values, **global_values)
    assert isinstance(config, OpsgenieConfig)
    return config


def told(config: OpsgenieConfig, name: str) -> str:
    made = requests(config, message(EXAMPLES[name], config))
    return "".join([f"{each.method} {each.path}?{each.query}\n{each.body.decode()}" for each in made])


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_requests(name: str) -> None:
    check_golden("opsgenie", name, told(config_of({"api_key": "the-key"}), name))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_requests_with_everything_in_them(name: str) -> None:
    check_golden("opsgenie", f"{name}_full", told(config_of(FULL), name))


def test_the_message_is_cut_at_130_characters() -> None:
    config = config_of({"api_key": "k", "message": "{{ .CommonLabels.text }}", "update_alerts": True})

    create, update, _ = requests(config, message(notification(alert(alertname="A", text="💥" * 131))))

    assert json.loads(create.body)["message"] == json.loads(update.body)["message"] == "💥" * 129 + "…"


@pytest.mark.parametrize(
    ("config", "global_values", "complaint"),
    [
        ({}, {}, "no global OpsGenie API Key set either inline or in a file"),
        (
            {"api_key": "a", "api_key_file": "b"},
            {},
            "at most one of api_key & api_key_file must be configured",
        ),
        ({"api_key": "a"}, {"opsgenie_api_url": ""}, "no global OpsGenie URL set"),
        (
            {"responders": [{"type": "team"}]},
            {},
            "opsGenieConfig responder {   team} has to have at least one of id, username or name specified",
        ),
        (
            {"responders": [{"id": "i", "name": "n", "username": "u", "type": "t"}]},
            {},
            (
                "opsGenieConfig responder {i n u t} type does not match valid options"
                " ^(team|teams|user|escalation|schedule)$"
            ),
        ),
        (
            {"responders": [{"id": "i", "type": "{{ .Status"}]},
            {},
            (
                "opsGenieConfig responder {i   {{ .Status} type contains invalid template syntax:"
                " template: :1: unclosed action"
            ),
        ),
        (
            {"responders": [{"id": "i", "type": "{{ toUpper .Status }}"}]},
            {},
            'type contains invalid template syntax: template: :1: function "toUpper" not defined',
        ),
    ],
)
def test_what_is_refused_in_a_file(
    config: dict[str, Any], global_values: dict[str, Any], complaint: str
) -> None:
    with pytest.raises((ValueError, ConfigProblem)) as refused:
        configure("opsgenie", config, **global_values)

    assert complaint in str(refused.value)


def test_what_fails_beside_the_wording_is_left_out() -> None:
    broken = {name: f"{{{{ .{name} }}}}" for name in ("entity", "actions", "tags", "note", "priority")}
    config = config_of({"api_key": "a", "details": {"a": "{{ .Nothing }}"}, **broken})

    (request,) = requests(config, message(EXAMPLES["one_firing"], config))

    made = json.loads(request.body)
    assert set(made) == {"alias", "message", "description", "details", "source"}
    assert made["details"]["a"] == ""


def test_a_type_may_be_written_in_jinja() -> None:
    written = "{# jinja2 #}{% if status == 'firing' %}team{% else %}user{% endif %}"
    config = config_of({"api_key": "a", "responders": [{"name": "n", "type": written}]})

    (request,) = requests(config, message(EXAMPLES["one_firing"]))

    assert json.loads(request.body)["responders"] == [{"name": "n", "type": "team"}]


def test_the_url_ends_in_a_slash() -> None:
    assert config_of({"api_key": "a", "api_url": "http://x"}).api_url == "http://x/"
    assert config_of({"api_key": "a"}, opsgenie_api_url="http://x/y?z=1").api_url == "http://x/y/?z=1"
    assert config_of({"api_key": "a", "api_url": "http://x/y/"}).api_url == "http://x/y/"


def test_key_and_key_file_come_from_the_globals_one_by_one() -> None:
    config = config_of({"api_key_file": "mine"}, opsgenie_api_key="everybody's")

    assert config.api_key.reveal() == "everybody's"
    assert config.api_key_file == "mine"


class StandIn:
    """Opsgenie as its documentation tells: alerts by alias, keys, limits of length, and of requests."""

    def __init__(self) -> None:
        self.alerts: dict[str, dict[str, Any]] = {}
        self.too_many = False

    def __call__(self, request: ReceivedRequest) -> Answer:
        if self.too_many:
            return self._say(429, "You are making too many requests!", {"Retry-After": "3"})
        if request.headers["authorization"] != "GenieKey the-key":
            return self._say(401, "Could not authenticate")
        path, _, query = request.target.partition("?")
        body = request.json()
        match [request.method, *path.removeprefix("/base/v2/alerts").split("/")]:
            case ["POST", ""]:
                return self._create(body)
            case ["POST", _, alias, "close"] if alias in self.alerts and query == "identifierType=alias":
                self.alerts[alias]["status"] = "closed"
            case ["PUT", _, alias, "message" | "description" as name] if (
                alias in self.alerts and query == "identifierType=alias"
            ):
                self.alerts[alias][name] = body[name]
            case _:
                return self._say(404, "Alert does not exist")
        return self._say(202, "Request will be processed")

    def _create(self, body: dict[str, Any]) -> Answer:
        limits = {"message": 130, "alias": 512, "description": 15_000, "source": 100, "entity": 512}
        if not body["message"] or any(len(body.get(name, "")) > most for name, most in limits.items()):
            return self._say(422, "Request body is not processable. Please check the errors.")
        if any(
            each["type"] not in {"team", "user", "escalation", "schedule"}
            for each in body.get("responders", ())
        ):
            return self._say(422, "Request body is not processable. Please check the errors.")
        # What is there already is counted, and otherwise left as it is.
        self.alerts.setdefault(body["alias"], {**body, "status": "open", "count": 0})["count"] += 1
        return self._say(202, "Request will be processed")

    @staticmethod
    def _say(status: int, text: str, headers: dict[str, str] | None = None) -> Answer:
        return Answer(status, json.dumps({"message": text, "took": 0.1}).encode(), headers or {})


async def test_an_alert_is_created_updated_and_closed() -> None:
    opsgenie = StandIn()
    config = {
        "api_key": "the-key",
        "update_alerts": True,
        "responders": [{"name": "a,b", "type": "teams"}],
    }
    async with HttpReceiver() as receiver:
        receiver.answer_with(opsgenie)
        async with connected("opsgenie", {**config, "api_url": receiver.url("/base")}) as sender:
            await sender.send(message(EXAMPLES["one_firing"]))
            await sender.send(message(EXAMPLES["many_mixed"]))
            (alias,) = opsgenie.alerts
            assert alias == EXAMPLES["one_firing"].group_hash
            assert opsgenie.alerts[alias]["status"] == "open"
            assert opsgenie.alerts[alias]["count"] == 2
            assert opsgenie.alerts[alias]["message"] == "[FIRING:2] DiskFull "
            assert "db2" in opsgenie.alerts[alias]["description"]
            await sender.send(message(EXAMPLES["all_resolved"]))
            assert opsgenie.alerts[alias]["status"] == "closed"

            opsgenie.too_many = True
            with pytest.raises(TemporaryError, match="You are making too many requests!") as raised:
                await sender.send(message(EXAMPLES["one_firing"]))
            assert raised.value.reason is FailureReason.RATE_LIMITED
            assert raised.value.retry_after == 3_000_000_000


async def test_what_fails_halfway_is_done_again_from_the_start() -> None:
    opsgenie = StandIn()
    async with HttpReceiver() as receiver:
        receiver.answer_with(opsgenie, Answer(500), opsgenie)
        config = {"api_key": "the-key", "update_alerts": True, "api_url": receiver.url("/base")}
        async with connected("opsgenie", config) as sender:
            with pytest.raises(TemporaryError):
                await sender.send(message(EXAMPLES["one_firing"]))
            await sender.send(message(EXAMPLES["one_firing"]))

        assert [each.method for each in receiver.requests] == ["POST", "PUT", "POST", "PUT", "PUT"]
    assert len(opsgenie.alerts) == 1


async def test_a_429_without_a_time_is_worth_another_attempt_too() -> None:
    async with HttpReceiver() as receiver, connected("opsgenie", example(receiver)) as sender:
        receiver.answer_with(Answer(429))
        with pytest.raises(TemporaryError) as raised:
            await sender.send(message(EXAMPLES["one_firing"]))

    assert raised.value.retry_after is None


async def test_the_key_file_is_read_at_every_send_rendered_and_then_trimmed(tmp_path: Path) -> None:
    config = {"api_key_file": "key"}
    async with (
        HttpReceiver() as receiver,
        connected("opsgenie", config | {"api_url": receiver.url()}, directory=tmp_path) as sender,
    ):
        receiver.answer_with(Answer(202))
        for text in ("one\n", "{{ .GroupLabels.no }} two-{{ .Status }}"):
            (tmp_path / "key").write_text(text)
            await sender.send(message(EXAMPLES["one_firing"]))
        keys = [each.headers["authorization"] for each in receiver.requests]
        assert keys == ["GenieKey one", "GenieKey two-firing"]

        receiver.answer_with(lambda request: Answer(400, request.headers["authorization"].encode()))
        with pytest.raises(RejectedError, match=r"400: GenieKey <secret>$"):
            await sender.send(message(EXAMPLES["one_firing"]))

        (tmp_path / "key").unlink()
        with pytest.raises(RejectedError, match="unable to read api_key_file key"):
            await sender.send(message(EXAMPLES["one_firing"]))


def example(receiver: HttpReceiver) -> dict[str, Any]:
    return {"api_key": "the-key", "api_url": receiver.url("/base")}
