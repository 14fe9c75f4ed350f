"""A test message through a receiver: marked as one, and whatever goes wrong is told."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from alertrouter.core.notification import Notification
from alertrouter.core.receiver import Integration, Receiver
from alertrouter.core.time import SECOND
from alertrouter.delivery import trial
from alertrouter.delivery.errors import RejectedError
from alertrouter.delivery.trial import ALERTNAME, trial_notification, try_out
from alertrouter.integrations import Sender
from alertrouter.templating.errors import TemplateError
from alertrouter.templating.message import Message
from tests.delivery.world import START, HandClock

pytestmark = pytest.mark.anyio

INTEGRATIONS = [Integration(kind="webhook", index=index, send_resolved=True) for index in range(5)]
RECEIVER = Receiver(name="team", integrations=INTEGRATIONS)


class Senders:
    """Sends by doing what the test says for an integration."""

    def __init__(self, **does: Any) -> None:
        self.does = does
        self.told: list[Notification] = []

    def sender(self, integration: Integration) -> Sender:
        does = self.does[f"w{integration.index}"]
        if does is ValueError:
            raise ValueError("the certificate cannot be read")

        class Playing:
            async def send(self, message: Message) -> None:
                if does is not None:
                    await does()

        return Playing()

    def message(self, notification: Notification, integration: Integration) -> Message:
        self.told.append(notification)
        return cast("Message", notification)


async def refuse() -> None:
    raise RejectedError("unexpected status code 404")


async def fail_to_render() -> None:
    raise TemplateError("no such field", file="x.tmpl", line=3)


async def crash() -> None:
    raise ZeroDivisionError


async def test_each_integration_answers_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    senders = Senders(w0=None, w1=refuse, w2=ValueError, w3=fail_to_render, w4=crash)

    outcomes = await try_out(RECEIVER, INTEGRATIONS, senders, HandClock(), labels={}, annotations={})

    assert [(each.integration, each.error) for each in outcomes] == [
        ("webhook/0", ""),
        ("webhook/1", "unexpected status code 404"),
        ("webhook/2", "the certificate cannot be read"),
        ("webhook/3", "x.tmpl:3: no such field"),
        ("webhook/4", "unexpected ZeroDivisionError, see the log"),
    ]
    assert [each.ok for each in outcomes] == [True, False, False, False, False]
    assert any(record.exc_info for record in caplog.records)


async def test_latency_is_measured() -> None:
    clock = HandClock()

    async def slowly() -> None:
        await clock.sleep_until(START + 2 * SECOND)

    trying = asyncio.create_task(
        try_out(RECEIVER, INTEGRATIONS[:1], Senders(w0=slowly), clock, labels={}, annotations={})
    )
    await clock.forward(5 * SECOND)

    [outcome] = await trying
    assert outcome.latency == 2 * SECOND


async def test_one_that_never_answers_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_PATIENCE", 0.01)
    senders = Senders(w0=asyncio.Event().wait)

    [outcome] = await try_out(RECEIVER, INTEGRATIONS[:1], senders, HandClock(), labels={}, annotations={})

    assert outcome.error == "no answer within 0.01 seconds"


def test_the_message_says_that_it_is_a_test_whatever_is_added_to_it() -> None:
    notification = trial_notification(
        RECEIVER,
        START,
        labels={"severity": "page", "alertname": "DiskFull"},
        annotations={"summary": "mine", "test": "it is real"},
    )

    [alert] = notification.alerts
    assert dict(alert.labels) == {"severity": "page", "alertname": ALERTNAME}
    assert alert.annotations["summary"] == "mine"
    assert alert.annotations["test"].startswith('This is a test of the receiver "team"')
    assert alert.ends_at is None
