"""Webhooks that take only so many alerts: as configured, or as they say by refusing what is too large."""

from __future__ import annotations

import json
from typing import Any

import pytest

from alertrouter.delivery.errors import RejectedError
from alertrouter.integrations.webhook import WebhookConfig, body
from tests.integrations.connected import connected
from tests.integrations.examples import alert, message, notification
from tests.receivers import Answer, HttpReceiver, ReceivedRequest

pytestmark = pytest.mark.anyio

ALERTS = [alert(alertname="A", instance=str(i), resolved=i < 2, zone="z") for i in range(100)]
PAYLOAD = {
    "text": "{{ .Status }} in {{ .CommonLabels.zone }}",
    "shown": "{{ len .Alerts }}",
}


def taking(most: int) -> Any:
    """A server that takes bodies of so many bytes."""
    return lambda request: Answer(413, b"too large") if len(request.body) > most else Answer()


async def post(hook: HttpReceiver, config: dict[str, Any]) -> list[ReceivedRequest]:
    async with connected("webhook", {"url": hook.url(), **config}) as sender:
        await sender.send(message(notification(*ALERTS)))
    return hook.requests


def test_a_payload_of_ones_own_is_about_the_first_alerts_and_the_status_of_all() -> None:
    config = WebhookConfig.model_validate({"url": "http://h/", "max_alerts": 2, "payload": PAYLOAD})

    assert json.loads(body(config, message(notification(*ALERTS)))) == {"text": "firing in z", "shown": 2}


async def test_a_url_of_ones_own_sees_the_first_alerts_too() -> None:
    async with HttpReceiver() as hook:
        url = hook.url("/{{ len .Alerts }}/{{ .Status }}")
        requests = await post(hook, {"url": url, "max_alerts": 3})

    assert [request.target for request in requests] == ["/3/firing"]


async def test_what_is_too_large_goes_out_with_fewer_alerts_and_says_how_many_are_missing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with HttpReceiver() as hook:
        hook.answer_with(taking(5000))
        requests = await post(hook, {})

    sizes = [len(request.json()["alerts"]) for request in requests]
    assert sizes[:2] == [100, 25]
    last = requests[-1].json()
    assert last["truncatedAlerts"] == 100 - sizes[-1]
    assert (last["status"], last["commonLabels"]) == ("firing", {"alertname": "A", "zone": "z"})
    assert "went out with fewer alerts" in caplog.text


async def test_a_payload_of_ones_own_shrinks_as_well() -> None:
    async with HttpReceiver() as hook:
        hook.answer_with(taking(1000))
        payload = {"instances": ["{{ range .Alerts }}{{ .Labels }},{{ end }}"], **PAYLOAD}
        requests = await post(hook, {"payload": payload})

    assert [request.json()["shown"] for request in requests] == [100, 25]


async def test_what_is_too_large_whatever_is_left_out_is_refused() -> None:
    async with HttpReceiver() as hook:
        hook.answer_with(Answer(413, b"too large"))
        with pytest.raises(RejectedError, match="unexpected status code 413: too large"):
            await post(hook, {})

    assert [len(request.json()["alerts"]) for request in hook.requests] == [100, 25, 6, 1]


async def test_max_alerts_is_where_it_begins(caplog: pytest.LogCaptureFixture) -> None:
    async with HttpReceiver() as hook:
        hook.answer_with(Answer(413), Answer())
        requests = await post(hook, {"max_alerts": 8})

    assert [len(request.json()["alerts"]) for request in requests] == [8, 2]
