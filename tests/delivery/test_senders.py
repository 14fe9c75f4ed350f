from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alertrouter.clock import SystemClock
from alertrouter.config.http import HttpConfig
from alertrouter.core.receiver import Integration, Receiver
from alertrouter.delivery.ports import DeliverySettings, Limits
from alertrouter.delivery.senders import ConnectedSenders, secrets_of
from alertrouter.http_client import HttpClients
from alertrouter.integrations.webhook import WebhookConfig
from tests.integrations.examples import EXAMPLES, message
from tests.receivers import HttpReceiver

pytestmark = pytest.mark.anyio


def integration(url: str = "http://h/", **config: Any) -> Integration:
    model = WebhookConfig.model_validate({"url": url, "http_config": HttpConfig(), **config})
    return Integration(kind="webhook", index=0, send_resolved=True, config=model)


@pytest.fixture
def senders() -> ConnectedSenders:
    clock = SystemClock()
    return ConnectedSenders(HttpClients(clock), clock, Path(), DeliverySettings(limits=Limits(concurrency=7)))


def test_one_sender_for_each_configuration(senders: ConnectedSenders) -> None:
    one = integration()

    assert senders.sender(one) is senders.sender(one)
    assert senders.sender(one) is not senders.sender(integration())


def test_limits_of_its_own(senders: ConnectedSenders) -> None:
    assert senders.limits(integration()) is None
    assert senders.limits(integration(alertrouter={"concurrency": 2})) == Limits(concurrency=2)
    assert senders.limits(integration(alertrouter={"messages_per_minute": 3})) == Limits(
        concurrency=7, per_minute=3
    )


def test_a_configuration_that_cannot_be_connected_is_named(senders: ConnectedSenders) -> None:
    broken = integration(http_config=HttpConfig.model_validate({"tls_config": {"ca_file": "/none"}}))
    receiver = Receiver(name="team", integrations=[integration(), broken])

    with pytest.raises(
        ValueError, match=r"team/webhook\[0\]: unable to read CA cert: unable to read file /none"
    ):
        senders.prepare([receiver])


async def test_after_a_reload_old_clients_are_let_go(senders: ConnectedSenders) -> None:
    async with HttpReceiver() as server:
        old = integration(server.url(), http_config=HttpConfig.model_validate({"bearer_token": "old"}))
        new = integration(server.url(), http_config=HttpConfig.model_validate({"bearer_token": "new"}))
        await senders.sender(old).send(message(EXAMPLES["one_firing"]))
        senders.prepare([Receiver(name="team", integrations=[new])])
        await senders.keep_only([Receiver(name="team", integrations=[new])])
        await senders.sender(new).send(message(EXAMPLES["one_firing"]))
        # A message that was under way with the old configuration still gets through, over a client of its own.
        await senders.sender(old).send(message(EXAMPLES["one_firing"]))
        await senders.keep_only([])

    assert [each.headers["authorization"] for each in server.requests] == [
        "Bearer old",
        "Bearer new",
        "Bearer old",
    ]


def test_every_secret_is_found() -> None:
    config = WebhookConfig.model_validate(
        {
            "url": "https://hooks.test/T0/B0",
            "http_config": {
                "basic_auth": {"password": "pass-word"},
                "http_headers": {"X-A": {"secrets": ["head-er"], "values": ["open"]}},
                "proxy_url": "http://p/",
                "proxy_connect_header": {"X-B": ["tun-nel"]},
            },
        }
    )

    assert set(secrets_of(config)) == {
        "https://hooks.test/T0/B0",
        "/T0/B0",
        "pass-word",
        "head-er",
        "tun-nel",
    }
