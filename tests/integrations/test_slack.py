from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from alertrouter.config.fields import SecretUrl
from alertrouter.config.http import Authorization, HttpConfig
from alertrouter.core.reason import Reason
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.integrations import slack
from alertrouter.integrations._json import json_body
from alertrouter.integrations.slack import POST_URL, SlackConfig, request
from tests.integrations.connected import configure, connected
from tests.integrations.examples import EXAMPLES, alert, check_golden, message, notification
from tests.receivers import Answer, HttpReceiver

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

CONTRACT = {
    "": {"api_url": "{url}", "channel": "#ops"},
    "token": {"app_token": "t", "app_url": "{url}"},
}

HOOK = "https://hooks.slack.com/services/x"
JSON = {"Content-Type": "application/json; charset=utf-8"}
FULL: dict[str, Any] = {
    "api_url": HOOK,
    "channel": "#{{ .Status }}",
    "message_text": "{{ .Receiver }}",
    "fields": [
        {"title": "a", "value": "{{ .Status }}"},
        {"title": "b", "value": "c", "short": False},
    ],
    "short_fields": True,
    "actions": [
        {
            "type": "button",
            "text": "Look",
            "url": "http://l/",
            "name": "dropped",
            "confirm": {"text": "dropped"},
        },
        {
            "type": "button",
            "text": "Do",
            "name": "n",
            "value": "{{ .Status }}",
            "style": "danger",
            "confirm": {"text": "Sure?", "title": "t", "ok_text": "o", "dismiss_text": "d"},
        },
    ],
    "image_url": "http://i/",
    "thumb_url": "http://t/",
    "icon_emoji": ":x:",
    "icon_url": "http://icon/",
    "footer": "f",
    "link_names": True,
    "mrkdwn_in": ["text"],
}


def config_of(values: dict[str, Any], **global_values: Any) -> SlackConfig:
    config = configure("slack", values, **global_values)
    assert isinstance(config, SlackConfig)
    return config


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message(name: str) -> None:
    config = config_of({"api_url": HOOK, "channel": "#ops"})

    check_golden("slack", name, json_body(request(config, message(EXAMPLES[name], config))))


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message_with_everything_in_it(name: str) -> None:
    config = config_of(FULL)

    check_golden("slack", f"{name}_full", json_body(request(config, message(EXAMPLES[name], config))))


def test_the_title_is_cut_at_1024_characters() -> None:
    config = config_of({"api_url": HOOK, "title": "{{ .CommonLabels.text }}"})

    made = request(config, message(notification(alert(alertname="A", text="💥" * 1025))))

    assert made.attachments[0].title == "💥" * 1023 + "…"


@pytest.mark.parametrize(
    ("config", "global_values", "complaint"),
    [
        pytest.param({}, {}, "no Slack API URL nor App token set either inline or in a file", id="nothing"),
        pytest.param(
            {"api_url": HOOK, "api_url_file": "f"},
            {},
            "at most one of api_url & api_url_file must be configured",
            id="two URLs",
        ),
        pytest.param(
            {"app_token": "t", "app_token_file": "f"},
            {},
            "at most one of app_token & app_token_file must be configured",
            id="two tokens",
        ),
        pytest.param(
            {"api_url": HOOK, "app_token": "t"},
            {},
            "at most one of api_url/api_url_file & app_token/app_token_file must be configured",
            id="URL and token",
        ),
        pytest.param(
            {"app_token": "t"}, {"slack_app_url": ""}, "no global Slack App URL set", id="no place for tokens"
        ),
        pytest.param(
            {"app_token": "t", "http_config": {"authorization": {"credentials": "x"}}},
            {},
            "http authorization can't be set when using Slack App tokens",
            id="two authorizations",
        ),
        pytest.param(
            {"api_url": HOOK, "update_message": True},
            {},
            "update_message can only be used with bot tokens. api_url must be set to https://slack.com/api/chat.postMessage",
            id="webhooks cannot update",
        ),
        pytest.param(
            {"update_message": True},
            {"slack_api_url": HOOK},
            "update_message can only be used with bot tokens",
            id="nor can the global webhook",
        ),
        pytest.param(
            {"api_url": HOOK, "fields": [{"value": "v"}]},
            {},
            "missing title in Slack field configuration",
            id="field without title",
        ),
        pytest.param(
            {"api_url": HOOK, "fields": [{"title": "v"}]},
            {},
            "missing value in Slack field configuration",
            id="field without value",
        ),
        pytest.param(
            {"api_url": HOOK, "actions": [{"text": "v"}]},
            {},
            "missing type in Slack action configuration",
            id="action without type",
        ),
        pytest.param(
            {"api_url": HOOK, "actions": [{"type": "v"}]},
            {},
            "missing text in Slack action configuration",
            id="action without text",
        ),
        pytest.param(
            {"api_url": HOOK, "actions": [{"type": "v", "text": "t"}]},
            {},
            "missing name or url in Slack action configuration",
            id="action without a purpose",
        ),
        pytest.param(
            {"api_url": HOOK, "actions": [{"type": "v", "text": "t", "name": "n", "confirm": {}}]},
            {},
            "missing text in Slack confirmation configuration",
            id="empty question",
        ),
        pytest.param(
            {},
            {"slack_app_token": "t", "slack_api_url_file": "f"},
            "at most one of slack_app_token/slack_app_token_file & slack_api_url/slack_api_url_file",
            id="global token and URL",
        ),
    ],
)
def test_what_is_refused_in_a_file(
    config: dict[str, Any], global_values: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError) as refused:
        configure("slack", config, **global_values)

    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("config", "global_values", "url", "token"),
    [
        pytest.param({"api_url": HOOK}, {"slack_api_url": "http://g/"}, HOOK, None, id="its own URL"),
        pytest.param({}, {"slack_api_url": "http://g/"}, "http://g/", None, id="the global URL"),
        pytest.param({}, {"slack_app_token": "g"}, POST_URL, "g", id="the global token"),
        pytest.param({"app_token": "t"}, {"slack_app_token": "g"}, POST_URL, "t", id="its own token"),
        pytest.param(
            {"app_token": "t", "app_url": "http://a/"}, {}, "http://a/", "t", id="its own place for tokens"
        ),
        pytest.param(
            {"api_url": HOOK}, {"slack_app_token": "g"}, HOOK, None, id="its own URL beats the global token"
        ),
        pytest.param(
            {"api_url_file": "f"},
            {"slack_app_token": "g"},
            POST_URL,
            "g",
            id="the global token beats its own file",
        ),
        pytest.param(
            {},
            {"slack_app_token": "g", "slack_api_url": POST_URL},
            POST_URL,
            "g",
            id="the global URL may be the one for tokens",
        ),
    ],
)
def test_where_it_posts_and_with_what_token(
    config: dict[str, Any], global_values: dict[str, Any], url: str, token: str | None
) -> None:
    completed = config_of(config, **global_values)

    assert completed.api_url == SecretUrl(url)
    assert completed.http_config is not None
    authorization = completed.http_config.authorization
    assert (authorization and authorization.credentials.reveal()) == token


def test_an_authorization_of_its_own_keeps_the_global_token_away() -> None:
    own = {"http_config": {"authorization": {"credentials": "mine"}}}

    with pytest.raises(ValueError, match="no Slack API URL nor App token"):
        config_of(own, slack_app_token="g")
    kept = config_of(own | {"api_url": HOOK}, slack_app_token="g").http_config
    assert kept == HttpConfig(authorization=Authorization.model_validate({"credentials": "mine"}))


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        pytest.param(Answer(200, b"ok"), None, "", id="a webhook says ok"),
        pytest.param(
            Answer(200, b"no_text"),
            RejectedError,
            'channel "#ops": received an error response from Slack: no_text',
            id="a webhook says something else",
        ),
        pytest.param(Answer(200, b'{"ok": true}', JSON), None, "", id="the API agrees"),
        pytest.param(
            Answer(200, b'{"ok": false, "error": "invalid_auth"}', JSON),
            RejectedError,
            'channel "#ops": error response from Slack: invalid_auth',
            id="the API refuses",
        ),
        pytest.param(
            Answer(200, b"<html>", JSON),
            TemporaryError,
            "could not decode the JSON answer",
            id="garbage as JSON",
        ),
        pytest.param(
            Answer(200, b"[1]", JSON),
            TemporaryError,
            "could not decode the JSON answer",
            id="JSON of another kind",
        ),
        pytest.param(Answer(429, b"slow"), RejectedError, "unexpected status code 429: slow", id="429"),
        pytest.param(Answer(503, b"down"), TemporaryError, "unexpected status code 503: down", id="503"),
    ],
)
async def test_what_slack_answers(answer: Answer, error: type[Exception] | None, text: str) -> None:
    async with (
        HttpReceiver() as receiver,
        connected("slack", {"api_url": receiver.url(), "channel": "#ops"}) as sender,
    ):
        receiver.answer_with(answer)
        if error is None:
            assert await sender.send(message(EXAMPLES["one_firing"])) is None
        else:
            with pytest.raises(error) as raised:
                await sender.send(message(EXAMPLES["one_firing"]))
            assert text in str(raised.value)


async def test_the_url_file_is_read_at_every_send(tmp_path: Path) -> None:
    async with (
        HttpReceiver() as receiver,
        connected("slack", {"api_url_file": "url"}, directory=tmp_path) as sender,
    ):
        receiver.answer_with(Answer(200, b"ok"))
        for path in ("/one", "/two"):
            (tmp_path / "url").write_text(receiver.url(path) + "\n")
            await sender.send(message(EXAMPLES["one_firing"]))

        assert [each.target for each in receiver.requests] == ["/one", "/two"]


async def test_a_message_is_updated_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    posted = json.dumps({"ok": True, "ts": "17.4", "channel": "C07"}).encode()
    async with HttpReceiver() as receiver:
        receiver.answer_with(Answer(200, posted, JSON))
        monkeypatch.setattr(slack, "UPDATE_URL", receiver.url("/update"))
        config = {
            "app_token": "t",
            "app_url": receiver.url("/post"),
            "channel": "#ops",
            "update_message": True,
        }
        async with connected("slack", config) as sender:
            one = alert(alertname="A")
            data = await sender.send(message(notification(one)))
            assert data == {"threadTs": "17.4", "channelId": "C07"}
            again = notification(one, reason=Reason.REPEAT, receiver_data=data)
            assert await sender.send(message(again)) == data
            await sender.send(message(notification(one, reason=Reason.FIRST, receiver_data=data)))

    first, update, anew = receiver.requests
    assert (first.target, first.json()["channel"], "ts" in first.json()) == ("/post", "#ops", False)
    assert (update.target, update.json()["channel"], update.json()["ts"]) == ("/update", "C07", "17.4")
    assert (anew.target, "ts" in anew.json()) == ("/post", False)
    assert {each.headers["authorization"] for each in receiver.requests} == {"Bearer t"}


async def test_a_message_that_is_gone_is_posted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Answer(200, b'{"ok": false, "error": "message_not_found"}', JSON)
    posted = Answer(200, b'{"ok": true, "ts": "18.1", "channel": "C07"}', JSON)
    async with HttpReceiver() as receiver:
        receiver.answer_with(lambda request: gone if request.target == "/update" else posted)
        monkeypatch.setattr(slack, "UPDATE_URL", receiver.url("/update"))
        config = {
            "app_token": "t",
            "app_url": receiver.url("/post"),
            "channel": "#ops",
            "update_message": True,
        }
        async with connected("slack", config) as sender:
            known = {"threadTs": "17.4", "channelId": "C07"}
            again = notification(alert(alertname="A"), reason=Reason.NEW_ALERTS, receiver_data=known)
            data = await sender.send(message(again))

    assert data == {"threadTs": "18.1", "channelId": "C07"}
    assert [request.target for request in receiver.requests] == ["/update", "/post"]
    assert (receiver.requests[1].json()["channel"], "ts" in receiver.requests[1].json()) == ("#ops", False)


@pytest.mark.parametrize(
    "refusal",
    [
        Answer(200, b'{"ok": false, "error": "msg_too_long"}', JSON),
        Answer(400, b"msg_too_long"),
        Answer(200, b"msg_too_long"),
        Answer(413, b"too large"),
    ],
    ids=["web API", "webhook", "webhook that says 200", "proxy"],
)
async def test_a_message_that_is_too_long_goes_out_shortened_and_says_so(
    refusal: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    config = {
        "channel": "#ops",
        "text": "{{ .CommonLabels.long }}",
        "fields": [{"title": "t", "value": "{{ .CommonLabels.long }}"}] * 12,
    }
    async with HttpReceiver() as receiver:
        receiver.answer_with(refusal, Answer(200, b"ok"))
        async with connected("slack", {"api_url": receiver.url(), **config}) as sender:
            await sender.send(message(notification(alert(alertname="A", long="ä" * 50_000))))

    whole, short = [request.json()["attachments"][0] for request in receiver.requests]
    assert len(whole["text"]) == 50_000
    assert short["text"] == "ä" * 2999 + "…" + slack.SHORTENED
    assert [len(field["value"]) for field in short["fields"]] == [300] * 10
    assert whole["title"] == short["title"]
    assert "A message was too long for Slack and is sent shortened" in caplog.text


async def test_what_is_too_long_even_shortened_is_refused() -> None:
    async with HttpReceiver() as receiver:
        receiver.answer_with(Answer(200, b'{"ok": false, "error": "msg_too_long"}', JSON))
        async with connected("slack", {"api_url": receiver.url(), "channel": "#ops"}) as sender:
            with pytest.raises(RejectedError, match="msg_too_long"):
                await sender.send(message(EXAMPLES["one_firing"]))
        assert len(receiver.requests) == 2


async def test_without_update_message_nothing_is_remembered() -> None:
    async with (
        HttpReceiver() as receiver,
        connected("slack", {"app_token": "t", "app_url": receiver.url()}) as sender,
    ):
        receiver.answer_with(Answer(200, b'{"ok": true, "ts": "1", "channel": "c"}', JSON))

        assert await sender.send(message(EXAMPLES["one_firing"])) is None
