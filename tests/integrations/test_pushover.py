from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

from alertrouter.core.reason import FailureReason
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.integrations.pushover import API_URL, PushoverConfig, parameters
from tests.integrations.connected import configure, connected
from tests.integrations.examples import EXAMPLES, alert, check_golden, message, notification
from tests.receivers import Answer, HttpReceiver

if TYPE_CHECKING:
    from pathlib import Path

    from tests.receivers import ReceivedRequest

pytestmark = pytest.mark.anyio

CONTRACT = {"": {"user_key": "user", "token": "token", "alertrouter": {"api_url": "{url}"}}}

KEYS = {"user_key": "u" * 30, "token": "t" * 30}
FULL: dict[str, Any] = {
    **KEYS,
    "title": "{{ .Status }} <&>",
    "message": "<b>{{ .CommonLabels.alertname }}</b>",
    "html": True,
    "url": "http://x/{{ .Status }}",
    "url_title": "look at {{ .Receiver }}",
    "device": "{{ .GroupLabels.no }}phone",
    "sound": '{{ if eq .Status "firing" }}siren{{ else }}bike{{ end }}',
    "priority": "1",
    "retry": "1m30s",
    "expire": "1.5h",
    "ttl": "2h0m0.9s",
}


def config_of(values: dict[str, Any]) -> PushoverConfig:
    config = configure("pushover", values)
    assert isinstance(config, PushoverConfig)
    return config


def sent(values: dict[str, Any], name: str) -> dict[str, str]:
    config = config_of(values)
    return parameters(config, message(EXAMPLES[name], config), user="the-user", token="the-token")


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message(name: str) -> None:
    check_golden("pushover", name, json.dumps(sent(KEYS, name), ensure_ascii=False))


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message_with_everything_in_it(name: str) -> None:
    check_golden("pushover", f"{name}_full", json.dumps(sent(FULL, name), ensure_ascii=False))


def test_texts_are_cut() -> None:
    text = "{{ .CommonLabels.text }}"
    config = config_of({**KEYS, "title": text, "message": text, "url": text, "url_title": text})
    long = message(notification(alert(alertname="A", text="💥" * 1025)))

    found = parameters(config, long, user="u", token="t")

    assert found["title"] == "💥" * 249 + "…"
    assert found["message"] == "💥" * 1023 + "…"
    assert found["url"] == "💥" * 511 + "…"
    assert found["url_title"] == "💥" * 1025


def test_a_message_is_never_empty() -> None:
    for empty in ("", " \n ", "{{ .GroupLabels.no }}"):
        assert sent({**KEYS, "message": empty}, "one_firing")["message"] == "(no details)"
    assert sent({**KEYS, "message": "\n said \n"}, "one_firing")["message"] == "said"


def test_html_and_monospace_are_told_when_they_are_on() -> None:
    plain = sent({**KEYS, "monospace": True, "message": "{{ .CommonLabels.alertname }}<b>"}, "odd_unicode")
    marked = sent({**KEYS, "html": True, "message": "{{ .CommonLabels.alertname }}<b>"}, "odd_unicode")

    assert (plain["message"], plain["monospace"], "html" in plain) == ("Größe <&> 💥<b>", "1", False)
    assert (marked["message"], marked["html"], "monospace" in marked) == (
        "Größe &lt;&amp;&gt; 💥<b>",
        "1",
        False,
    )


def test_what_fails_is_as_if_it_were_not_set() -> None:
    names = ("url_title", "device", "sound", "priority", "title")
    broken = {name: f"{{{{ .{name} }}}}" for name in names}

    assert sent({**KEYS, **broken}, "one_firing") == sent(KEYS, "one_firing")


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"token": "a"}, "one of user_key or user_key_file must be configured"),
        ({"user_key": "a"}, "one of token or token_file must be configured"),
        ({**KEYS, "user_key_file": "b"}, "at most one of user_key & user_key_file must be configured"),
        ({**KEYS, "token_file": "b"}, "at most one of token & token_file must be configured"),
        ({**KEYS, "html": True, "monospace": True}, "at most one of monospace & html must be configured"),
        ({**KEYS, "retry": "30"}, 'time: missing unit in duration "30"'),
        ({**KEYS, "expire": "1d"}, 'time: unknown unit "d" in duration "1d"'),
        ({**KEYS, "alertrouter": {"api_url": "x"}}, 'unsupported scheme "" for URL'),
    ],
)
def test_what_is_refused_in_a_file(config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError) as refused:
        config_of(config)

    assert complaint in str(refused.value)


class StandIn:
    """Pushover as its documentation tells: it knows one application and one user."""

    def __init__(self) -> None:
        self.messages: list[dict[str, str]] = []

    def __call__(self, request: ReceivedRequest) -> Answer:
        path, _, query = request.target.partition("?")
        if request.method != "POST" or path != "/1/messages.json" or request.body:
            return Answer(404)
        given = dict(parse_qsl(query, keep_blank_values=True))
        wrong = self._wrong(given)
        if wrong:
            return self._say(400, status=0, errors=wrong)
        self.messages.append(given)
        return self._say(200, status=1)

    @staticmethod
    def _wrong(given: dict[str, str]) -> list[str]:
        wrong = []
        if given["token"] != KEYS["token"]:
            wrong.append("application token is invalid")
        if given["user"] != KEYS["user_key"]:
            wrong.append("user identifier is not a valid user, group, or subscribed user key")
        if not given["message"]:
            wrong.append("message cannot be blank")
        if len(given["title"]) > 250 or len(given["message"]) > 1024 or len(given["url"]) > 512:
            wrong.append("too long")
        if given["priority"] == "2" and (int(given["retry"]) < 30 or int(given["expire"]) > 10800):
            wrong.append("retry or expire is out of bounds")
        return wrong

    @staticmethod
    def _say(code: int, **members: Any) -> Answer:
        answer = {**members, "request": "647d2300-702c-4b38-8b2f-d56326ae460b"}
        return Answer(code, json.dumps(answer).encode(), {"Content-Type": "application/json"})


async def test_messages_are_taken() -> None:
    pushover = StandIn()
    async with HttpReceiver() as receiver:
        receiver.answer_with(pushover)
        config = {**KEYS, "alertrouter": {"api_url": receiver.url("/1/messages.json")}}
        async with connected("pushover", config) as sender:
            for each in EXAMPLES.values():
                await sender.send(message(each))
        assert {each.headers["content-type"] for each in receiver.requests} == {"text/plain"}
        assert {each.headers["content-length"] for each in receiver.requests} == {"0"}

    assert [each["priority"] for each in pushover.messages] == ["2", "2", "0", "2"]
    assert pushover.messages[3]["title"] == '[FIRING:1] Größe <&> 💥 (C:\\"x" a\nb\u2028c)'


async def test_a_refusal_says_why_and_no_key() -> None:
    async with HttpReceiver() as receiver:
        receiver.answer_with(StandIn())
        api = {"api_url": receiver.url("/1/messages.json")}
        async with connected("pushover", {**KEYS, "token": "wrong-token", "alertrouter": api}) as sender:
            with pytest.raises(RejectedError, match=r"400: .*application token is invalid") as raised:
                await sender.send(message(EXAMPLES["one_firing"]))
        assert raised.value.reason is FailureReason.CLIENT_ERROR

        receiver.answer_with(Answer(429, b'{"errors":["over the quota"]}', {"Retry-After": "60"}))
        async with connected("pushover", {**KEYS, "alertrouter": api}) as sender:
            with pytest.raises(TemporaryError, match="over the quota") as wait:
                await sender.send(message(EXAMPLES["one_firing"]))
        assert wait.value.retry_after == 60_000_000_000


async def test_keys_from_files_are_trimmed_and_rendered(tmp_path: Path) -> None:
    (tmp_path / "user").write_text("user-{{ .Status }}\n")
    (tmp_path / "token").write_text(" token-key \n")
    async with HttpReceiver() as receiver:
        config = {
            "user_key_file": "user",
            "token_file": "token",
            "alertrouter": {"api_url": receiver.url()},
        }
        receiver.answer_with(lambda request: Answer(400, request.target.encode()))
        async with connected("pushover", config, directory=tmp_path) as sender:
            with pytest.raises(RejectedError) as raised:
                await sender.send(message(EXAMPLES["one_firing"]))

        given = dict(parse_qsl(receiver.requests[0].target.partition("?")[2]))
        assert (given["user"], given["token"]) == ("user-firing", "token-key")
    assert "token-key" not in str(raised.value)
    assert "user-firing" not in str(raised.value)


def test_where_messages_go_when_nothing_else_is_said() -> None:
    assert API_URL == "https://api.pushover.net/1/messages.json"
    assert config_of(KEYS).alertrouter.api_url == ""
