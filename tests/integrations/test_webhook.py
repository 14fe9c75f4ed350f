from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from alertrouter.core.reason import FailureReason
from alertrouter.core.time import SECOND
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.integrations.webhook import WebhookConfig, body
from tests.integrations.connected import configure, connected
from tests.integrations.examples import EXAMPLES, alert, check_golden, message, notification
from tests.receivers import Answer, HttpReceiver, Misbehave

pytestmark = pytest.mark.anyio

CONTRACT = {"": {"url": "{url}"}}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_body_is_the_one_that_receivers_know(name: str) -> None:
    config = WebhookConfig.model_validate({"url": "http://h/"})

    check_golden("webhook", name, body(config, message(EXAMPLES[name])))


def test_the_members_stand_in_their_order_and_the_body_ends_in_a_newline() -> None:
    content = body(WebhookConfig.model_validate({"url": "http://h/"}), message(EXAMPLES["one_firing"]))

    names = [b"receiver", b"status", b"alerts", b"notification_reason", b"groupLabels", b"commonLabels"]
    names += [
        b"commonAnnotations",
        b"routeLabels",
        b"externalURL",
        b"version",
        b"groupKey",
        b"truncatedAlerts",
    ]
    places = [content.index(b'"%s":' % name) for name in names]
    # `status` and the like occur inside the alerts too, but first outside.
    assert places == sorted(places)
    assert content.endswith(b"}\n")


def test_max_alerts_keeps_the_first_and_the_status_of_all() -> None:
    """D12: two resolved alerts are shown of five, but the message is about a problem that goes on."""
    alerts = [alert(alertname="A", instance=str(i), resolved=i < 2, zone="z") for i in range(5)]
    config = WebhookConfig.model_validate({"url": "http://h/", "max_alerts": 2})

    members = message(notification(*alerts)).webhook_members(config.max_alerts)

    assert [each["labels"]["instance"] for each in members["alerts"]] == ["0", "1"]
    assert members["truncatedAlerts"] == 3
    assert members["status"] == "firing"
    assert members["commonLabels"] == {"alertname": "A", "zone": "z"}


def test_a_payload_of_ones_own_replaces_the_body() -> None:
    config = WebhookConfig.model_validate(
        {
            "url": "http://h/",
            "payload": {
                "z": "{{ .Status }}",
                "labels": "{{ .CommonLabels | toJson }}",
                "colon": "abc: def",
                "list": ["{{ .Alerts | len }}", 1.5, 2.0, "1e3", None, True],
                "{{ .Receiver }}": "<&>",
            },
        }
    )

    assert body(config, message(notification(alert(alertname="A")))) == (
        b'{"colon":{"abc":"def"},"labels":{"alertname":"A"},"list":[1,1.5,2,1000,null,true],'
        b'"team\\\\.x":"\\u003c\\u0026\\u003e","z":"firing"}\n'
    )


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        pytest.param({}, "one of url or url_file must be configured", id="nowhere to send"),
        pytest.param(
            {"url": "http://h/", "url_file": "/f"},
            "at most one of url & url_file must be configured",
            id="two places",
        ),
        pytest.param({"url": "h/x"}, 'invalid URL: unsupported scheme "" for URL', id="no scheme"),
        pytest.param({"url": "http:///x"}, "invalid URL: missing host for URL", id="no host"),
        pytest.param(
            {"url": "http://h/{{ .X | toUper }}"},
            'invalid template syntax: template: :1: function "toUper" not defined',
            id="no such function",
        ),
        pytest.param({"url": "http://h/{{ .X"}, "invalid template syntax", id="broken template"),
    ],
)
def test_what_is_refused_in_a_file(config: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError) as refused:
        configure("webhook", config)

    assert complaint in str(refused.value)


async def test_the_url_is_a_template() -> None:
    async with (
        HttpReceiver() as receiver,
        connected("webhook", {"url": receiver.url("/{{ .CommonLabels.instance }}/x")}) as sender,
    ):
        await sender.send(message(EXAMPLES["one_firing"]))

        assert receiver.requests[0].target == "/db1/x"
        assert receiver.requests[0].method == "POST"
        assert receiver.requests[0].headers["content-type"] == "application/json"
        assert receiver.requests[0].headers["user-agent"] == "Alertmanager/0.34.0"
        assert "accept-encoding" not in receiver.requests[0].headers


async def test_the_url_file_is_read_at_every_send(tmp_path: Path) -> None:
    async with (
        HttpReceiver() as receiver,
        connected("webhook", {"url_file": "hook"}, directory=tmp_path) as sender,
    ):
        for path in ("/first", "/second/{{ .Status | toUpper }}"):
            (tmp_path / "hook").write_text(f"  {receiver.url(path)}\n")
            await sender.send(message(EXAMPLES["one_firing"]))

        assert [each.target for each in receiver.requests] == ["/first", "/second/FIRING"]


async def test_without_its_url_file_it_gives_up(tmp_path: Path) -> None:
    async with connected("webhook", {"url_file": "missing"}, directory=tmp_path) as sender:
        with pytest.raises(RejectedError, match="unable to read url_file missing: No such file"):
            await sender.send(message(EXAMPLES["one_firing"]))


async def test_a_url_that_renders_empty_is_given_up() -> None:
    async with connected("webhook", {"url": "{{ .CommonLabels.nothing }}"}) as sender:
        with pytest.raises(RejectedError, match="webhook URL is empty after templating"):
            await sender.send(message(EXAMPLES["one_firing"]))


async def test_the_timeout_bounds_an_attempt() -> None:
    async with (
        HttpReceiver() as receiver,
        connected("webhook", {"url": receiver.url(), "timeout": 50_000_000}) as sender,
    ):
        receiver.answer_with(Misbehave.HANG)

        with pytest.raises(TemporaryError, match=r"configured webhook timeout reached \(50ms\)") as error:
            await sender.send(message(EXAMPLES["one_firing"]))

        assert error.value.reason is FailureReason.CONTEXT_DEADLINE_EXCEEDED


async def test_a_429_is_final_unless_it_says_when_to_come_again() -> None:
    async with HttpReceiver() as receiver, connected("webhook", {"url": receiver.url()}) as sender:
        receiver.answer_with(Answer(429), Answer(429, headers={"Retry-After": "7"}))

        with pytest.raises(RejectedError) as first:
            await sender.send(message(EXAMPLES["one_firing"]))
        with pytest.raises(TemporaryError) as second:
            await sender.send(message(EXAMPLES["one_firing"]))

    assert first.value.reason is second.value.reason is FailureReason.RATE_LIMITED
    assert second.value.retry_after == 7 * SECOND


async def test_the_body_goes_out_as_it_was_made() -> None:
    config = WebhookConfig.model_validate({"url": "http://h/"})
    async with HttpReceiver() as receiver, connected("webhook", {"url": receiver.url()}) as sender:
        await sender.send(message(EXAMPLES["odd_unicode"]))

    made = body(config, message(EXAMPLES["odd_unicode"]))
    assert hashlib.sha256(receiver.requests[0].body).digest() == hashlib.sha256(made).digest()
