"""What we send to services is what a real Alertmanager sent them (see `record_rooms`), byte for byte."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from alertrouter.config import load_text
from alertrouter.http_client import HttpClients
from tests.integrations.play import Play, StandingClock
from tests.integrations.record_rooms import RECORDED, REQUESTS, STORY, Services, file_text
from tests.receivers import HttpReceiver

pytestmark = pytest.mark.anyio

Requests = Mapping[str, Sequence[dict[str, Any]]]


@cache
def recorded() -> Requests:
    requests: Requests = json.loads(REQUESTS.read_text())["requests"]
    return requests


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@contextmanager
def _inside(directory: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
async def sent() -> Requests:
    """The same story told by us."""
    services = Services()
    async with HttpReceiver() as receiver:
        receiver.answer_with(services)
        clients = HttpClients(StandingClock())
        with _inside(RECORDED):
            play = Play(load_text(file_text(receiver.url("").rstrip("/"))), clients)
            for reports in STORY:
                await play.report(*reports)
        await play.delivery.drain()
        await clients.aclose()
    return services.requests


async def test_the_same_services_are_told(sent: Requests) -> None:
    assert sorted(sent) == sorted(recorded())


@pytest.mark.parametrize("service", recorded())
async def test_a_service_is_sent_what_alertmanager_sends(service: str, sent: Requests) -> None:
    ours, theirs = sent[service], recorded()[service]

    assert [each["request"] for each in ours] == [each["request"] for each in theirs]
    for request, real in zip(ours, theirs, strict=True):
        assert request["headers"] == real["headers"]
        # The webhook's body got its route labels in the version after the recorded one.
        assert request["body"].replace('"routeLabels":{},', "") == real["body"]
