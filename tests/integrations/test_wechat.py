from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from alertrouter.core.reason import FailureReason
from alertrouter.core.time import HOUR, SECOND
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.http_client import HttpClients
from alertrouter.integrations import Connection, connect
from alertrouter.integrations.wechat import WechatConfig, body
from tests.integrations.connected import configure, connected
from tests.integrations.examples import EXAMPLES, alert, check_golden, message, notification
from tests.receivers import Answer, HttpReceiver, ReceivedRequest

if TYPE_CHECKING:
    from alertrouter.core.time import Duration, Moment

pytestmark = pytest.mark.anyio

CONTRACT = {"": {"api_url": "{url}", "corp_id": "corp", "api_secret": "secret"}}

WHO = {"corp_id": "corp", "api_secret": "secret"}
FULL: dict[str, Any] = WHO | {
    "message": "**{{ .Status }}** {{ .CommonLabels.alertname }}",
    "message_type": "markdown",
    "to_user": "@all",
    "to_party": "party-{{ .Status }}",
    "to_tag": "tag-{{ .Status }}",
    "agent_id": "1000002",
}


class Vendor:
    """WeChat Work: tokens for a company's secret, messages for a token; always 200, and a code in the body."""

    def __init__(self, corp_id: str = "corp", secret: str = "secret") -> None:
        self.account = {"corpid": [corp_id], "corpsecret": [secret]}
        self.tokens: set[str] = set()
        self.asked: Counter[str] = Counter()
        self.sent: list[Any] = []

    def __call__(self, request: ReceivedRequest) -> Answer:
        url = urlsplit(request.target)
        what, query = url.path.rpartition("/cgi-bin")[2].lstrip("/"), parse_qs(url.query)
        self.asked[what] += 1
        if (request.method, what) == ("GET", "gettoken"):
            if query != self.account:
                return _says(40001, "invalid credential")
            token = f"token-{self.asked[what]}"
            self.tokens.add(token)
            return _says(0, "ok", access_token=token, expires_in=7200)
        if (request.method, what) != ("POST", "message/send"):
            return Answer(404)
        if query["access_token"][0] not in self.tokens:
            return _says(42001, "access_token expired")
        posted = request.json()
        if posted["msgtype"] not in {"text", "markdown"} or not posted[posted["msgtype"]]["content"]:
            return _says(44004, "empty content")
        self.sent.append(posted)
        return _says(0, "ok", msgid="m")


def _says(code: int, text: str, **more: Any) -> Answer:
    said = {"errcode": code, "errmsg": text, **more}
    return Answer(200, json.dumps(said).encode(), {"Content-Type": "application/json; charset=UTF-8"})


def config_of(values: dict[str, Any], **global_values: Any) -> WechatConfig:
    config = configure("wechat", values, **global_values)
    assert isinstance(config, WechatConfig)
    return config


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message(name: str) -> None:
    config = config_of(WHO)

    check_golden("wechat", name, body(config, message(EXAMPLES[name], config)))


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message_with_everything_in_it(name: str) -> None:
    config = config_of(FULL)

    check_golden("wechat", f"{name}_full", body(config, message(EXAMPLES[name], config)))


@pytest.mark.parametrize(
    ("config", "global_values", "complaint"),
    [
        pytest.param(
            {"corp_id": "c"},
            {},
            "no global Wechat Api Secret set either inline or in a file",
            id="no secret anywhere",
        ),
        pytest.param({"api_secret": "s"}, {}, "no global Wechat CorpID set", id="no company anywhere"),
        pytest.param(
            WHO | {"api_secret_file": "f"},
            {},
            "at most one of api_secret & api_secret_file must be configured",
            id="two secrets",
        ),
        pytest.param(WHO, {"wechat_api_url": ""}, "no global Wechat URL set", id="no URL anywhere"),
        pytest.param(WHO | {"api_url": "h"}, {}, 'unsupported scheme "" for URL', id="no URL"),
        pytest.param(
            WHO | {"message_type": "Text"},
            {},
            'weChat message type "Text" does not match valid options ^(text|markdown)$',
            id="no such type",
        ),
    ],
)
def test_what_is_refused_in_a_file(
    config: dict[str, Any], global_values: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError) as refused:
        configure("wechat", config, **global_values)

    assert complaint in str(refused.value)


def test_what_comes_from_the_global_section() -> None:
    given = {"wechat_api_secret": "g", "wechat_api_corp_id": "gc", "wechat_api_url": "http://g/x"}

    nothing, own = config_of({}, **given), config_of({"api_secret_file": "f", "corp_id": "c"}, **given)

    assert (nothing.api_secret.reveal(), nothing.corp_id, nothing.api_url) == ("g", "gc", "http://g/x/")
    # The secret and its file are one: a file of its own keeps the global secret away.
    assert (own.api_secret.reveal(), own.api_secret_file, own.corp_id) == ("", "f", "c")
    assert config_of(WHO).api_url == "https://qyapi.weixin.qq.com/cgi-bin/"
    assert config_of(WHO | {"message_type": ""}).message_type == "text"
    assert not config_of(WHO).send_resolved


async def test_one_token_serves_many_messages() -> None:
    service = Vendor()
    async with (
        HttpReceiver() as receiver,
        connected("wechat", WHO | {"api_url": receiver.url("/cgi-bin")}) as sender,
    ):
        receiver.answer_with(service)
        await asyncio.gather(*[sender.send(message(EXAMPLES[name])) for name in EXAMPLES])

    assert service.asked == {"gettoken": 1, "message/send": len(EXAMPLES)}
    assert receiver.requests[0].target == "/cgi-bin/gettoken?corpid=corp&corpsecret=secret"
    assert receiver.requests[1].target == "/cgi-bin/message/send?access_token=token-1"
    assert receiver.requests[1].headers["content-type"] == "application/json"


async def test_company_and_secret_are_templates_and_each_has_its_own_token(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(" s&{{ .Status }}\n")
    config = {"corp_id": "c {{ .CommonLabels.zone }}", "api_secret_file": "secret"}
    async with HttpReceiver() as receiver:
        receiver.answer_with(_says(0, "ok", access_token="a&b"))
        config["api_url"] = receiver.url()
        async with connected("wechat", config, directory=tmp_path) as sender:
            for zone in ("one", "two", "one"):
                await sender.send(message(notification(alert(alertname="A", zone=zone))))

    assert [each.target for each in receiver.requests] == [
        "/gettoken?corpid=c+one&corpsecret=s%26firing",
        "/message/send?access_token=a%26b",
        "/gettoken?corpid=c+two&corpsecret=s%26firing",
        "/message/send?access_token=a%26b",
        "/message/send?access_token=a%26b",
    ]


class MovedClock:
    def __init__(self) -> None:
        self.moment: Moment = 0

    def now(self) -> Moment:
        return self.moment

    async def sleep_until(self, moment: Moment) -> None:
        raise AssertionError


@pytest.mark.parametrize(("later", "tokens"), [(2 * HOUR - SECOND, 1), (2 * HOUR, 2)])
async def test_a_token_is_kept_for_two_hours(later: Duration, tokens: int) -> None:
    service, clock = Vendor(), MovedClock()
    async with HttpReceiver() as receiver:
        receiver.answer_with(service)
        config = config_of(WHO | {"api_url": receiver.url()})
        clients = HttpClients(clock)
        assert config.http_config is not None
        http = clients.client(config.http_config)
        sender = connect("wechat", config, Connection(http=http, clock=clock, working_directory=Path()))
        await sender.send(message(EXAMPLES["one_firing"]))
        clock.moment += later
        await sender.send(message(EXAMPLES["one_firing"]))
        await clients.aclose()

    assert service.asked["gettoken"] == tokens


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(_says(42001, "access_token expired"), id="expired"),
        pytest.param(_says(40014, "invalid access_token"), id="replaced by somebody else's"),
    ],
)
async def test_a_token_that_is_refused_is_asked_for_anew(refusal: Answer) -> None:
    service = Vendor()
    async with HttpReceiver() as receiver, connected("wechat", WHO | {"api_url": receiver.url()}) as sender:
        receiver.answer_with(service, service, refusal, service)
        await sender.send(message(EXAMPLES["one_firing"]))
        with pytest.raises(TemporaryError, match="error response from WeChat: 4"):
            await sender.send(message(EXAMPLES["one_firing"]))
        await sender.send(message(EXAMPLES["one_firing"]))

    assert service.asked == {"gettoken": 2, "message/send": 2}


TOKEN = _says(0, "ok", access_token="t0ken")


@pytest.mark.parametrize(
    ("answers", "error", "text", "reason"),
    [
        pytest.param(
            [_says(40001, "invalid credential, secret s3cret&")],
            RejectedError,
            'invalid APISecret for CorpID: corp: {"errcode": 40001, "errmsg": "invalid credential, secret <secret>"}',
            FailureReason.AUTH_ERROR,
            id="no token for this secret",
        ),
        pytest.param(
            [_says(-1, "busy")],
            TemporaryError,
            "WeChat is too busy to give a token",
            FailureReason.OTHER,
            id="busy",
        ),
        pytest.param(
            [Answer(200, b"<html>")], TemporaryError, "could not decode", FailureReason.OTHER, id="a page"
        ),
        pytest.param(
            [Answer(404, b"nothing at /gettoken?corpid=corp&corpsecret=s3cret%26")],
            RejectedError,
            "unexpected status code 404: nothing at /gettoken?corpid=corp&corpsecret=<secret>",
            FailureReason.CLIENT_ERROR,
            id="a page that shows the address",
        ),
        pytest.param(
            [Answer(429, b"slow s3cret&")],
            RejectedError,
            "unexpected status code 429: slow <secret>",
            FailureReason.RATE_LIMITED,
            id="too many tokens",
        ),
        pytest.param(
            [TOKEN, Answer(403, b"no t0ken")],
            TemporaryError,
            "unexpected status code 403: no <secret>",
            FailureReason.AUTH_ERROR,
            id="any status but 200 is worth another attempt",
        ),
        pytest.param(
            [TOKEN, Answer(201)],
            TemporaryError,
            "unexpected status code 201",
            FailureReason.OTHER,
            id="even 201",
        ),
        pytest.param(
            [TOKEN, Answer(200, b"oops")],
            TemporaryError,
            "could not decode",
            FailureReason.OTHER,
            id="garbage",
        ),
        pytest.param(
            [TOKEN, _says(-1, "system busy")],
            TemporaryError,
            'error response from WeChat: -1: {"errcode": -1, "errmsg": "system busy"}',
            FailureReason.OTHER,
            id="the service is busy",
        ),
        pytest.param(
            [TOKEN, _says(81013, "user & party & tag all invalid, t0ken")],
            RejectedError,
            'error response from WeChat: 81013: {"errcode": 81013, "errmsg": "user & party & tag all invalid, <secret>"}',
            FailureReason.CLIENT_ERROR,
            id="nobody to send it to",
        ),
        pytest.param(
            [TOKEN, _says(40014, "invalid access_token")],
            RejectedError,
            "error response from WeChat: 40014",
            FailureReason.CLIENT_ERROR,
            id="a new token that is good for nothing",
        ),
        pytest.param(
            [TOKEN, _says(42001, "expired")],
            TemporaryError,
            "error response from WeChat: 42001",
            FailureReason.OTHER,
            id="a new token that has expired",
        ),
    ],
)
async def test_what_wechat_answers(
    answers: list[Answer], error: type[Exception], text: str, reason: FailureReason, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("s3cret&")
    config = {"corp_id": "corp", "api_secret_file": "secret"}
    async with HttpReceiver() as receiver:
        config["api_url"] = receiver.url()
        async with connected("wechat", config, directory=tmp_path) as sender:
            receiver.answer_with(*answers)
            with pytest.raises((TemporaryError, RejectedError)) as raised:
                await sender.send(message(EXAMPLES["one_firing"]))

    assert type(raised.value) is error
    assert text in str(raised.value)
    assert raised.value.reason is reason


async def test_how_long_to_wait_is_handed_on() -> None:
    async with HttpReceiver() as receiver, connected("wechat", WHO | {"api_url": receiver.url()}) as sender:
        receiver.answer_with(TOKEN, Answer(429, headers={"Retry-After": "30"}))

        with pytest.raises(TemporaryError) as raised:
            await sender.send(message(EXAMPLES["one_firing"]))

    assert raised.value.retry_after == 30 * SECOND


async def test_the_secret_file_is_read_when_a_token_is_needed(tmp_path: Path) -> None:
    service = Vendor()
    config = {"corp_id": "corp", "api_secret_file": "secret"}
    async with HttpReceiver() as receiver:
        config["api_url"] = receiver.url()
        async with connected("wechat", config, directory=tmp_path) as sender:
            receiver.answer_with(service)
            with pytest.raises(RejectedError, match="unable to read api_secret_file secret: No such file"):
                await sender.send(message(EXAMPLES["one_firing"]))
            (tmp_path / "secret").write_text(" secret\n")
            await sender.send(message(EXAMPLES["one_firing"]))
            (tmp_path / "secret").unlink()
            await sender.send(message(EXAMPLES["one_firing"]))

    assert service.asked == {"gettoken": 1, "message/send": 2}
