"""Every kind of integration there is tells a service of its own of an alert's whole life, through the real delivery."""

from __future__ import annotations

import importlib
import json
from collections import Counter
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from alertrouter.config import load_text
from alertrouter.core.alert import Status
from alertrouter.http_client import HttpClients
from alertrouter.integrations import discover
from tests.integrations.play import Play, Report, StandingClock
from tests.integrations.test_contract import example
from tests.receivers import Answer, HttpReceiver, SmtpReceiver

if TYPE_CHECKING:
    from tests.receivers import Behaviours

pytestmark = pytest.mark.anyio

# What pleases the services whose test module brings no stand-in.
_PLEASED = Answer(
    200,
    json.dumps({"ok": True, "success": True, "status": 1, "result": {"message_id": 1}}).encode(),
    {"Content-Type": "application/json"},
)


def service(kind: str) -> Behaviours:
    """The stand-in of the kind's own test module: ``Vendor`` if it remembers something, ``vendor`` if it does not."""
    module = importlib.import_module(f"tests.integrations.test_{kind}")
    if hasattr(module, "Vendor"):
        made: Behaviours = module.Vendor()
        return made
    plain: Behaviours = getattr(module, "vendor", _PLEASED)
    return plain


async def test_all_of_them_hear_of_firing_and_resolved_alerts() -> None:
    receiver: dict[str, Any] = {"name": "all"}
    services: dict[str, HttpReceiver] = {}
    async with AsyncExitStack() as stack:
        mail = await stack.enter_async_context(SmtpReceiver())
        for kind in discover():
            services[kind] = await stack.enter_async_context(HttpReceiver())
            services[kind].answer_with(service(kind))
            config = example(kind, "", url=services[kind].url(), smarthost=mail.smarthost)
            receiver[f"{kind}_configs"] = [config | {"send_resolved": True}]
        file = {"route": {"receiver": "all", "group_by": ["alertname"]}, "receivers": [receiver]}
        clients = HttpClients(StandingClock())
        stack.push_async_callback(clients.aclose)
        play = Play(load_text(json.dumps(file)), clients)
        assert play.problems == []

        one, two = {"alertname": "Down", "instance": "1"}, {"alertname": "Down", "instance": "2"}
        await play.report(Report(one), Report(two))
        await play.report(Report(one, resolved=True))
        await play.report(Report(two, resolved=True))
        await play.delivery.drain()

    failed = [record for record in play.attempts.made if record.error]
    assert [(record.slot.integration, record.error) for record in failed] == []
    told = Counter(record.slot.integration for record in play.attempts.made)
    assert told == {f"{kind}/0": 3 for kind in discover()}
    assert play.metrics.counts["sent"] == 3 * len(discover())
    assert len(mail.mails) == 3
    for kind, each in services.items():
        assert len(each.requests) >= 3 or kind == "email"
    # Everything was said: the group is gone, and the log knows it.
    assert len(play.engine.groups) == 0
    assert all(not entry.firing for entry in play.engine.entries.values())


async def test_what_one_of_them_refuses_the_others_hear_all_the_same() -> None:
    async with HttpReceiver() as good, HttpReceiver() as bad:
        bad.answer_with(Answer(400, b"never"))
        configs: dict[str, Any] = {}
        for kind in discover():
            if kind != "email":
                url = (good if kind == "webhook" else bad).url()
                configs[f"{kind}_configs"] = [
                    example(kind, "", url=url, smarthost="") | {"send_resolved": True}
                ]
        file = {"route": {"receiver": "all"}, "receivers": [{"name": "all", **configs}]}
        clients = HttpClients(StandingClock())
        play = Play(load_text(json.dumps(file)), clients)
        await play.report(Report({"alertname": "Down"}))
        await play.delivery.drain()
        await clients.aclose()

    outcomes = {record.slot.integration: record.error for record in play.attempts.made}
    assert [slot for slot, error in outcomes.items() if not error] == ["webhook/0"]
    assert all("400" in error for error in outcomes.values() if error)
    assert good.requests[0].json()["status"] == Status.FIRING.value
