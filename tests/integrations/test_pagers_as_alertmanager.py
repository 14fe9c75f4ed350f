"""The pagers hear from us, byte for byte, what a real Alertmanager tells them (see `record_pagers`).

Pushover has a fixed address and is not recorded; SNS's signatures are compared in `test_sigv4`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from alertrouter.clock import SystemClock
from alertrouter.config import load_text
from alertrouter.core.alert import Alert, Status
from alertrouter.core.labels import Labels
from alertrouter.core.notification import Notification
from alertrouter.core.reason import Reason
from alertrouter.core.time import MINUTE
from alertrouter.http_client import HttpClients
from alertrouter.senders import ConfiguredSenders
from alertrouter.templating.templates import Templates
from tests.integrations.examples import NOON
from tests.integrations.record_pagers import (
    CONFIG,
    EXTERNAL_URL,
    GENERATOR_URL,
    RECORDED,
    SCENES,
    annotations_of,
)
from tests.receivers import Answer, HttpReceiver

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.anyio


def notifications() -> Iterator[Notification]:
    """One for each group in each scene that has something new to tell."""
    told: dict[str, list[Alert]] = {}
    for scene in SCENES:
        groups: dict[str, list[Alert]] = {}
        for labels, is_over in scene:
            groups.setdefault(labels["alertname"], []).append(alert(labels, is_over=is_over))
        for name, alerts in groups.items():
            if told.get(name) != alerts:
                yield notification(alerts)
        told = groups


def alert(labels: dict[str, str], *, is_over: bool) -> Alert:
    return Alert(
        labels=Labels(labels),
        annotations=Labels(annotations_of(labels)),
        starts_at=NOON - MINUTE,
        ends_at=NOON if is_over else None,
        updated_at=NOON,
        generator_url=GENERATOR_URL,
    )


def notification(alerts: list[Alert]) -> Notification:
    firing = any(each.ends_at is None for each in alerts)
    group_labels = alerts[0].labels.only(["alertname"])
    return Notification(
        receiver="team.x",
        status=Status.FIRING if firing else Status.RESOLVED,
        reason=Reason.FIRST,
        alerts=alerts,
        group_labels=group_labels,
        group_key="{}:" + group_labels.text(),
        flushed_at=NOON,
    )


async def test_requests_are_those_of_a_real_alertmanager() -> None:
    pleased = Answer(200, b'{"ok":true}', {"Content-Type": "application/json"})
    clock = SystemClock()
    clients = HttpClients(clock)
    async with HttpReceiver() as receiver:
        receiver.answer_with(pleased)
        text = CONFIG.read_text(encoding="utf-8").replace("@HOST@", f"127.0.0.1:{receiver.port}")
        configuration = load_text(text, environ={})
        senders = ConfiguredSenders(configuration, Templates.built_in(), clients, clock, EXTERNAL_URL)
        try:
            for each in notifications():
                for integration in configuration.routing.route.receiver.integrations:
                    await senders.sender(integration).send(senders.message(each, integration))
        finally:
            await clients.aclose()
        ours = {
            (each.method, each.target, each.headers["content-type"], each.body.decode())
            for each in receiver.requests
        }
    theirs = {tuple(each) for each in json.loads(RECORDED.read_text(encoding="utf-8"))["requests"]}

    assert sorted(ours - theirs) == []
    assert sorted(theirs - ours) == []
    assert len(theirs) > 50
