from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from alertrouter.core.reason import FailureReason
from alertrouter.core.time import SECOND
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.integrations._json import json_body
from alertrouter.integrations.rocketchat import RocketchatConfig, request
from tests.integrations.connected import configure, connected
from tests.integrations.examples import EXAMPLES, alert, check_golden, message, notification
from tests.receivers import Answer, HttpReceiver, ReceivedRequest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

CONTRACT = {"": {"api_url": "{url}", "token": "token", "token_id": "user", "channel": "#ops"}}

WHO = {"token": "token", "token_id": "user"}
JSON = {"Content-Type": "application/json"}
FULL: dict[str, Any] = WHO | {
    "channel": "#{{ .Status }}",
    "color": "{{ .CommonLabels.severity }}",
    "title": "{{ .Receiver }}",
    "title_link": "http://l/{{ .Status }}",
    "text": "{{ .CommonLabels.alertname }}",
    "fields": [
        {"title": "a {{ .Status }}", "value": "b"},
        {"title": "c", "value": "{{ .Status }}", "short": False},
        {},
    ],
    "short_fields": True,
    "emoji": ":{{ .Status }}:",
    "icon_url": "http://icon/{{ .Status }}",
    "image_url": "http://image/{{ .Status }}",
    "thumb_url": "http://thumb/{{ .Status }}",
    "link_names": True,
    "actions": [
        {
            "type": "link",
            "text": "Look {{ .Status }}",
            "url": "http://l/{{ .Status }}",
            "imageurl": "http://i/",
        },
        {
            "text": "Say",
            "msg": "{{ .Status }}",
            "iswebview": True,
            "webviewheightratio": "full",
            "msginchatwindow": True,
            "msgprocessingtype": "sendMessage",
        },
    ],
}


def vendor(request: ReceivedRequest) -> Answer:
    """A Rocket.Chat server: it wants both headers of a user, and a room to post in; 200 or not, the body counts."""
    who = (request.headers.get("x-auth-token"), request.headers.get("x-user-id"))
    if not request.target.endswith("/api/v1/chat.postMessage") or request.method != "POST":
        return Answer(404, b"<!DOCTYPE html>")
    if who != ("token", "user"):
        return Answer(401, b'{"status":"error","message":"You must be logged in to do this."}', JSON)
    posted = request.json()
    if posted.get("channel", "")[:1] not in {"#", "@"}:
        return Answer(400, b'{"success":false,"error":"[invalid-channel]"}', JSON)
    return Answer(200, b'{"success":true,"ts":1481748965123,"channel":"ops","message":{}}', JSON)


def config_of(values: dict[str, Any], **global_values: Any) -> RocketchatConfig:
    config = configure("rocketchat", values, **global_values)
    assert isinstance(config, RocketchatConfig)
    return config


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message(name: str) -> None:
    config = config_of(WHO | {"channel": "#ops"})

    check_golden("rocketchat", name, json_body(request(config, message(EXAMPLES[name], config))))


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message_with_everything_in_it(name: str) -> None:
    config = config_of(FULL)

    check_golden("rocketchat", f"{name}_full", json_body(request(config, message(EXAMPLES[name], config))))


def test_the_title_is_cut_at_1024_characters() -> None:
    config = config_of(WHO | {"title": "{{ .CommonLabels.text }}"})

    made = request(config, message(notification(alert(alertname="A", text="💥" * 1025))))

    assert made.attachments[0].title == "💥" * 1023 + "…"


@pytest.mark.parametrize(
    ("config", "global_values", "complaint"),
    [
        pytest.param(
            {}, {}, "no global Rocketchat TokenID set either inline or in a file", id="nobody at all"
        ),
        pytest.param(
            {"token_id": "i"}, {}, "no global Rocketchat Token set either inline or in a file", id="no token"
        ),
        pytest.param(
            {"token": "a", "token_file": "b"},
            {},
            "at most one of token & token_file must be configured",
            id="two tokens",
        ),
        pytest.param(
            {"token_id": "a", "token_id_file": "b"},
            {},
            "at most one of token_id & token_id_file must be configured",
            id="two users",
        ),
        pytest.param({**WHO, "api_url": "h"}, {}, 'unsupported scheme "" for URL', id="no URL"),
        pytest.param(
            WHO, {"rocketchat_api_url": ""}, "no global Rocketchat API URL set", id="no URL anywhere"
        ),
        pytest.param({**WHO, "actions": [{"image_url": "x"}]}, {}, "image_url", id="a key in two words"),
    ],
)
def test_what_is_refused_in_a_file(
    config: dict[str, Any], global_values: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError) as refused:
        configure("rocketchat", config, **global_values)

    assert complaint in str(refused.value)


def test_each_key_has_its_own_global_one() -> None:
    given = {"rocketchat_token": "g", "rocketchat_token_id_file": "gf", "rocketchat_api_url": "http://g/"}

    nothing, some = config_of({}, **given), config_of({"token_file": "f", "token_id": "i"}, **given)

    assert [nothing.token.reveal(), nothing.token_file] == ["g", ""]
    assert [nothing.token_id.reveal(), nothing.token_id_file, nothing.api_url] == ["", "gf", "http://g/"]
    assert [some.token.reveal(), some.token_file] == ["g", "f"]
    assert [some.token_id.reveal(), some.token_id_file] == ["i", "gf"]
    assert config_of(WHO).api_url == "https://open.rocket.chat/"
    assert not config_of(WHO).send_resolved


@pytest.mark.parametrize("path", ["", "/", "/chat", "/chat/"])
async def test_a_server_takes_it(path: str) -> None:
    async with (
        HttpReceiver() as receiver,
        connected("rocketchat", CONTRACT[""] | {"api_url": receiver.url(path)}) as sender,
    ):
        receiver.answer_with(vendor)
        for name in EXAMPLES:
            await sender.send(message(EXAMPLES[name]))

    assert {each.target for each in receiver.requests} == {f"{path.rstrip('/')}/api/v1/chat.postMessage"}


async def test_token_and_user_are_read_from_their_files_at_every_send_and_go_before_others(
    tmp_path: Path,
) -> None:
    config = {"token_file": "token", "token_id_file": "user"}
    async with HttpReceiver() as receiver:
        receiver.answer_with(Answer(200, b'{"success":true}', JSON))
        given = {"rocketchat_token": "g", "rocketchat_token_id": "g", "rocketchat_api_url": receiver.url()}
        async with connected("rocketchat", config, directory=tmp_path, **given) as sender:
            for text in ("one", "two"):
                (tmp_path / "token").write_text(f" {text}\n")
                (tmp_path / "user").write_text(f" {text}-id\n")
                await sender.send(message(EXAMPLES["one_firing"]))
            (tmp_path / "user").unlink()
            with pytest.raises(RejectedError, match="unable to read token_id_file user: No such file"):
                await sender.send(message(EXAMPLES["one_firing"]))

    sent = [(each.headers["x-auth-token"], each.headers["x-user-id"]) for each in receiver.requests]
    assert sent == [("one", "one-id"), ("two", "two-id")]


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        pytest.param(
            Answer(200, b'{"success": false, "error": "no token s3cret here"}', JSON),
            RejectedError,
            'channel "#ops": error response from Rocketchat: no token <secret> here',
            id="it refuses with 200",
        ),
        pytest.param(Answer(200, b"<html>"), TemporaryError, "could not decode the JSON answer", id="a page"),
        pytest.param(
            Answer(200, b'{"success": "yes"}', JSON),
            TemporaryError,
            "could not decode the JSON answer",
            id="JSON of another kind",
        ),
        pytest.param(
            Answer(429, b'{"success":false,"error":"Error, too many requests."}', JSON),
            RejectedError,
            'channel "#ops": unexpected status code 429: {"success":false,"error":"Error, too many requests."}',
            id="429",
        ),
        pytest.param(
            Answer(429, b"", {"Retry-After": "9"}), TemporaryError, "status code 429", id="429 with a time"
        ),
        pytest.param(
            Answer(401, b"who is s3cret?"), RejectedError, "401: who is <secret>?", id="a repeated token"
        ),
        pytest.param(Answer(503, b"down"), TemporaryError, "unexpected status code 503: down", id="503"),
    ],
)
async def test_what_a_server_answers(
    answer: Answer, error: type[Exception], text: str, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("s3cret")
    async with HttpReceiver() as receiver:
        config = {"api_url": receiver.url(), "token_file": "token", "token_id": "u", "channel": "#ops"}
        async with connected("rocketchat", config, directory=tmp_path) as sender:
            receiver.answer_with(answer)
            with pytest.raises((TemporaryError, RejectedError)) as raised:
                await sender.send(message(EXAMPLES["one_firing"]))

    assert type(raised.value) is error
    assert text in str(raised.value)
    assert raised.value.retry_after == (9 * SECOND if answer.headers.get("Retry-After") else None)
    if answer.status == 200 and error is RejectedError:
        assert raised.value.reason is FailureReason.CLIENT_ERROR
