from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

from alertrouter.clock import SystemClock
from alertrouter.core.reason import FailureReason
from alertrouter.core.time import SECOND
from alertrouter.delivery.errors import DeliveryError, RejectedError, TemporaryError
from alertrouter.integrations._sigv4 import Credentials, signed_headers
from alertrouter.integrations.sns import SnsConfig, publication
from tests.integrations.connected import Globals, configure, connected
from tests.integrations.examples import EXAMPLES, alert, check_golden, message, notification
from tests.receivers import Answer, HttpReceiver

if TYPE_CHECKING:
    from tests.receivers import ReceivedRequest

pytestmark = pytest.mark.anyio

KEYS: dict[str, Any] = {"region": "us-east-1", "access_key": "AKID", "secret_key": "secret-key"}
TOPIC = "arn:aws:sns:us-east-1:123456789012:alerts"
CONTRACT = {"": {"api_url": "{url}", "sigv4": KEYS, "topic_arn": TOPIC}}

FULL: dict[str, Any] = {
    "sigv4": KEYS,
    "topic_arn": "arn:aws:sns:us-east-1:123456789012:{{ .Status }}.fifo",
    "subject": "{{ .Status }} <&>",
    "message": "{{ .Alerts | len }} x {{ .CommonLabels.alertname }}",
    "attributes": {
        "z": "{{ .Status }}",
        "{{ .Status }}": "a key is a template",
        "a": "{{ .GroupLabels.no }}",
    },
}


def config_of(values: dict[str, Any]) -> SnsConfig:
    config = configure("sns", {"sigv4": KEYS, **values})
    assert isinstance(config, SnsConfig)
    return config


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message(name: str) -> None:
    config = config_of({"topic_arn": TOPIC})

    check_golden("sns", name, json.dumps(publication(config, message(EXAMPLES[name], config)).form()))


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message_with_everything_in_it(name: str) -> None:
    config = config_of(FULL)

    check_golden(
        "sns", f"{name}_full", json.dumps(publication(config, message(EXAMPLES[name], config)).form())
    )


@pytest.mark.parametrize(
    ("destination", "text", "kept"),
    [
        ({"target_arn": "arn:t"}, "x" * 262_145, "x" * 262_144),
        ({"target_arn": "arn:t"}, "x" * 262_143 + "é", "x" * 262_143),
        ({"phone_number": "+1"}, "é" * 801, "é" * 800),
        ({"phone_number": "+1"}, "x" + "é" * 800, "x" + "é" * 799),
        ({"phone_number": "+1", "topic_arn": "a", "target_arn": "b"}, "x" * 1601, "x" * 1600),
    ],
)
def test_a_message_is_cut_between_characters_and_says_so(
    destination: dict[str, str], text: str, kept: str
) -> None:
    attributes = {"attributes": {"z": "1", "a": "2"}}
    config = config_of({**destination, **attributes, "message": "{{ .CommonLabels.text }}"})

    made = publication(config, message(notification(alert(alertname="A", text=text)))).form()

    assert made["Message"] == kept
    assert [made[f"MessageAttributes.entry.{number}.Name"] for number in (1, 2, 3)] == ["a", "truncated", "z"]
    assert made["MessageAttributes.entry.2.Value.StringValue"] == "true"
    assert made["MessageAttributes.entry.2.Value.DataType"] == "String"


def test_a_message_that_fits_is_left_alone() -> None:
    config = config_of({"phone_number": "+1", "message": "{{ .CommonLabels.text }}"})

    made = publication(config, message(notification(alert(alertname="A", text="x" * 1600)))).form()

    assert made["Message"] == "x" * 1600
    assert not [name for name in made if name.startswith("MessageAttributes")]


def test_what_is_no_text_is_not_sent() -> None:
    config = config_of({"topic_arn": TOPIC, "message": "\ud800"})

    with pytest.raises(RejectedError, match="non utf8 encoded message string"):
        publication(config, message(EXAMPLES["one_firing"]))


def test_a_subject_is_left_out_when_it_is_set_to_nothing() -> None:
    def made(subject: str) -> dict[str, str]:
        config = config_of({"topic_arn": TOPIC, "subject": subject})
        return publication(config, message(EXAMPLES["one_firing"])).form()

    assert "Subject" not in made("")
    assert made("{{ .GroupLabels.no }}")["Subject"] == ""


def test_an_attribute_that_fails_is_empty() -> None:
    attributes = {"a": "{{ .Nothing }}", "{{ .Nothing }}": "b"}
    config = config_of({"topic_arn": TOPIC, "attributes": attributes})

    made = publication(config, message(EXAMPLES["one_firing"], config))

    assert made.attributes == {"a": "", "": "b"}
    assert made.acceptable().attributes == {}


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({}, "must provide either a Target ARN, Topic ARN, or Phone Number for SNS config"),
        (
            {"topic_arn": "a", "phone_number": "b"},
            "must provide either a Target ARN, Topic ARN, or Phone Number for SNS config",
        ),
        (
            {"topic_arn": "a", "sigv4": {"access_key": "a"}},
            "must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config",
        ),
        (
            {"topic_arn": "a", "sigv4": {"secret_key": "hunter2"}},
            "must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config",
        ),
        ({"topic_arn": "a", "sigv4": {"external_id": "a"}}, "external_id can only be used with role_arn"),
    ],
)
def test_what_is_refused_in_a_file(config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError) as refused:
        config_of(config)

    assert complaint in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_the_client_of_aws_takes_tls_and_proxy_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    http_config = {
        "basic_auth": {"username": "u"},
        "http_headers": {"X-A": {"values": ["b"]}},
        "proxy_url": "http://proxy:1",
        "tls_config": {"server_name": "s"},
    }
    values = {"topic_arn": TOPIC, "http_config": http_config}
    assert config_of(values).http_config == SnsConfig.model_validate(values).http_config

    ours = config_of({**values, "use_aws_http_client": True}).http_config
    monkeypatch.setenv("AWS_CA_BUNDLE", "/a/bundle")
    bundled = config_of(values).http_config

    assert ours is not None
    assert bundled is not None
    assert (ours.basic_auth, ours.http_headers, ours.proxy_url) == (None, {}, "http://proxy:1")
    assert (ours.tls_config.server_name, ours.tls_config.ca_file) == ("s", "")
    assert (bundled.tls_config.server_name, bundled.tls_config.ca_file) == ("s", "/a/bundle")
    assert Globals().http_config.tls_config.ca_file == ""


class StandIn:
    """SNS as its documentation tells: it checks the signature, and knows one topic."""

    def __init__(self, receiver: HttpReceiver, credentials: Credentials) -> None:
        self.published: list[dict[str, str]] = []
        self._receiver = receiver
        self._credentials = credentials

    def __call__(self, request: ReceivedRequest) -> Answer:
        if not self._is_signed(request):
            return error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match")
        sent = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        if sent.get("TopicArn") not in {TOPIC, f"{TOPIC}.fifo"}:
            return error(404, "NotFound", "Topic does not exist")
        if code_and_text := self._wrong(sent):
            return error(400, *code_and_text)
        self.published.append(sent)
        return Answer(
            200,
            b'<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>'
            b"<MessageId>1</MessageId></PublishResult></PublishResponse>",
            {"Content-Type": "text/xml"},
        )

    @staticmethod
    def _wrong(sent: dict[str, str]) -> tuple[str, str] | None:
        subject = sent.get("Subject", "x")
        wrong = {
            ("InvalidAction", "The action is not valid for this web service"): (
                sent["Action"] != "Publish" or sent["Version"] != "2010-03-31"
            ),
            ("InvalidParameter", "Invalid parameter: Message too long"): (
                not 0 < len(sent["Message"].encode()) <= 262_144
            ),
            ("InvalidParameter", "The MessageGroupId parameter is required for FIFO topics"): (
                sent["TopicArn"].endswith(".fifo") and "MessageGroupId" not in sent
            ),
            ("InvalidParameter", "Invalid parameter: Subject"): (
                not 0 < len(subject) < 100 or not subject.isprintable()
            ),
            ("ParameterValueInvalid", "The message attribute must contain non-empty value"): (
                "" in [sent[name] for name in sent if name.startswith("MessageAttributes.")]
            ),
        }
        return next((code_and_text for code_and_text, is_so in wrong.items() if is_so), None)

    def _is_signed(self, request: ReceivedRequest) -> bool:
        """Whether who has the key would have signed it so, now or a little earlier."""
        now = SystemClock().now()
        return any(
            signed_headers(
                url=self._receiver.url(request.target),
                content=request.body,
                headers={"Content-Type": "application/x-www-form-urlencoded"},
                credentials=self._credentials,
                region="us-east-1",
                service="sns",
                now=now - seconds * SECOND,
            )["Authorization"]
            == request.headers["authorization"]
            for seconds in range(5)
        )


def error(status: int, code: str, text: str, headers: dict[str, str] | None = None) -> Answer:
    said = f"""\
<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">
  <Error><Type>Sender</Type><Code>{code}</Code><Message>{text}</Message></Error>
  <RequestId>9dd01905-5012-5f99-8663-4b3ecd0dfaef</RequestId>
</ErrorResponse>"""
    return Answer(status, said.encode(), {"Content-Type": "text/xml", **(headers or {})})


async def test_messages_are_taken() -> None:
    async with HttpReceiver() as receiver:
        sns = StandIn(receiver, Credentials(access_key="AKID", secret_key="secret-key"))
        receiver.answer_with(sns)
        config = {"api_url": receiver.url("/some/path?dropped=1"), "sigv4": KEYS, "topic_arn": TOPIC}
        async with connected("sns", config) as sender:
            for each in EXAMPLES.values():
                await sender.send(message(each))
        assert {each.target for each in receiver.requests} == {"/some/path"}
        assert len(sns.published) == 4

        async with connected("sns", {**config, "topic_arn": f"{TOPIC}.fifo"}) as sender:
            await sender.send(message(EXAMPLES["one_firing"]))
        hashed = EXAMPLES["one_firing"].group_hash
        assert sns.published[4]["MessageGroupId"] == sns.published[4]["MessageDeduplicationId"] == hashed

        wrong = {**KEYS, "secret_key": "another"}
        async with connected("sns", {**config, "sigv4": wrong}) as sender:
            with pytest.raises(RejectedError, match="403: SignatureDoesNotMatch: The request") as raised:
                await sender.send(message(EXAMPLES["one_firing"]))
        assert raised.value.reason is FailureReason.AUTH_ERROR

        async with connected("sns", {**config, "topic_arn": "arn:{{ .Status }}"}) as sender:
            with pytest.raises(RejectedError, match=r"404: NotFound: Topic does not exist$"):
                await sender.send(message(EXAMPLES["one_firing"]))


async def test_what_sns_takes_for_invalid_does_not_cost_the_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with HttpReceiver() as receiver:
        sns = StandIn(receiver, Credentials(access_key="AKID", secret_key="secret-key"))
        receiver.answer_with(sns)
        config = {
            "api_url": receiver.url(),
            "sigv4": KEYS,
            "topic_arn": TOPIC,
            "subject": '{{ printf "%060d\\n%060d" 1 2 }}',
            "attributes": {"empty": "{{ .GroupLabels.no }}", "full": "{{ .Status }}"},
        }
        async with connected("sns", config) as sender:
            await sender.send(message(EXAMPLES["one_firing"]))
        async with connected("sns", {**config, "subject": "{{ .GroupLabels.no }}"}) as sender:
            await sender.send(message(EXAMPLES["one_firing"]))
        async with connected("sns", {**config, "message": "", "subject": "x", "attributes": {}}) as sender:
            with pytest.raises(RejectedError, match="InvalidParameter: Invalid parameter: Message too long"):
                await sender.send(message(EXAMPLES["one_firing"]))
        assert len(receiver.requests) == 5

    first, second = sns.published
    assert first["Subject"] == f"{'1':0>60} {'0' * 37}…"
    assert first["MessageAttributes.entry.1.Name"] == "full"
    assert "MessageAttributes.entry.2.Name" not in first
    assert "Subject" not in second
    assert caplog.records[0].getMessage() == (
        "SNS did not take a subject or attributes; the message goes out with less: Invalid parameter: Subject"
    )


@pytest.mark.parametrize(
    ("answer", "expected", "reason", "wait"),
    [
        pytest.param(
            error(400, "Throttling", "Rate exceeded"),
            TemporaryError,
            FailureReason.RATE_LIMITED,
            None,
            id="too many, with a status of their own",
        ),
        pytest.param(
            error(429, "TooManyRequestsException", "Rate exceeded", {"Retry-After": "2"}),
            TemporaryError,
            FailureReason.RATE_LIMITED,
            2_000_000_000,
            id="too many, for 2 seconds",
        ),
        pytest.param(
            error(503, "ServiceUnavailable", "x"),
            TemporaryError,
            FailureReason.SERVER_ERROR,
            None,
            id="theirs",
        ),
        pytest.param(
            error(400, "InvalidParameter", "x"), RejectedError, FailureReason.CLIENT_ERROR, None, id="ours"
        ),
        pytest.param(
            error(403, "ExpiredToken", "x"), TemporaryError, FailureReason.AUTH_ERROR, None, id="just ended"
        ),
    ],
)
async def test_what_an_answer_means(
    answer: Answer, expected: type[DeliveryError], reason: FailureReason, wait: int | None
) -> None:
    async with HttpReceiver() as receiver:
        receiver.answer_with(answer)
        config = {"api_url": receiver.url(), "sigv4": KEYS, "topic_arn": TOPIC}
        async with connected("sns", config) as sender:
            with pytest.raises(expected) as raised:
                await sender.send(message(EXAMPLES["one_firing"]))

    assert (raised.value.reason, raised.value.retry_after) == (reason, wait)


async def test_without_a_region_nothing_can_be_sent() -> None:
    keys = {"access_key": "AKID", "secret_key": "secret-key"}
    async with (
        HttpReceiver() as receiver,
        connected("sns", {"api_url": receiver.url(), "sigv4": keys, "topic_arn": TOPIC}) as sender,
    ):
        with pytest.raises(RejectedError) as raised:
            await sender.send(message(EXAMPLES["one_firing"]))
        assert receiver.requests == []

    assert str(raised.value) == ("region not configured in sns.sigv4.region or in default credentials chain")
