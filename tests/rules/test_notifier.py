"""Alerts of rules to the router in the same process (`rules.md` R38 to R40)."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from alertrouter.api.router import UnavailableError
from alertrouter.core.time import SECOND
from alertrouter.rules.in_process import InProcessNotifier
from alertrouter.rules.ports import RuleAlert
from alertrouter.rules.relabel import RelabelConfig
from tests.rules.story import group

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.anyio


class Door:
    """Takes bodies; fails as often as it is told."""

    def __init__(self) -> None:
        self.taken: list[list[dict[str, Any]]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.failures: list[Exception] = []

    async def __call__(self, body: bytes) -> Sequence[str]:
        await self.open.wait()
        if self.failures:
            raise self.failures.pop()
        self.taken.append(json.loads(body))
        return ["invalid: bad one"] if b"bad" in body else []


def alert(ends: int = 300, **labels: str) -> RuleAlert:
    return RuleAlert(
        labels={"alertname": "A", **labels},
        annotations={},
        starts_at=60 * SECOND,
        ends_at=ends * SECOND,
        generator_url="http://e/graph",
    )


def notifier(door: Door, *configs: dict[str, Any], **external: str) -> InProcessNotifier:
    return InProcessNotifier(
        door,
        lambda: 100 * SECOND,
        external_labels=external,
        relabel_configs=[RelabelConfig.model_validate(each) for each in configs],
    )


async def test_an_alert_comes_through_the_door_as_clients_post_it() -> None:
    door = Door()
    made = notifier(door)
    await made.notify([alert(instance="a")], group=group())
    await made.aclose()
    assert door.taken == [
        [
            {
                "labels": {"alertname": "A", "instance": "a"},
                "startsAt": "1970-01-01T00:01:00Z",
                "endsAt": "1970-01-01T00:05:00Z",
                "generatorURL": "http://e/graph",
            }
        ]
    ]


async def test_external_labels_are_added_where_there_is_none() -> None:  # R38
    door = Door()
    made = notifier(door, cluster="c1")
    await made.notify([alert(), alert(cluster="x")], group=group())
    await made.aclose()
    assert [each["labels"]["cluster"] for each in door.taken[0]] == ["c1", "x"]


async def test_external_labels_may_be_taken_away_again() -> None:  # R39
    door = Door()
    made = notifier(door, {"regex": "replica", "action": "labeldrop"}, replica="a")
    await made.notify([alert()], group=group())
    await made.aclose()
    assert door.taken[0][0]["labels"] == {"alertname": "A"}


async def test_alerts_may_be_left_out() -> None:  # R40
    door = Door()
    made = notifier(door, {"source_labels": ["severity"], "regex": "info", "action": "drop"})
    await made.notify([alert(severity="info")], group=group())
    await made.notify([alert(severity="page")], group=group())
    await made.aclose()
    assert [each["labels"]["severity"] for body in door.taken for each in body] == ["page"]


async def test_what_comes_meanwhile_goes_together() -> None:
    door = Door()
    door.open.clear()
    made = notifier(door)
    await made.notify([alert(i="0")], group=group())
    await asyncio.sleep(0)
    for number in range(1, 4):
        await made.notify([alert(i=str(number))], group=group())
    door.open.set()
    await made.aclose()
    assert [[each["labels"]["i"] for each in body] for body in door.taken] == [["0"], ["1", "2", "3"]]


async def test_of_an_alert_that_waits_only_the_newest_word_is_handed_on() -> None:
    door = Door()
    door.open.clear()
    made = notifier(door)
    await made.notify([alert(i="first")], group=group())
    await asyncio.sleep(0)
    for ends in (300, 90, 400):
        await made.notify([alert(ends), alert(i="other")], group=group())
    door.open.set()
    await made.aclose()
    told = [(each["labels"].get("i"), each["endsAt"][14:19]) for each in door.taken[1]]
    # What has ended is another word than what fires; the order is that of the newest.
    assert told == [(None, "01:30"), (None, "06:40"), ("other", "05:00")]


async def test_a_failure_is_logged_and_the_next_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    door = Door()
    door.failures = [UnavailableError("it is in force but not stored: disk full")]
    made = notifier(door)
    await made.notify([alert(i="0")], group=group())
    await made.aclose()
    await made.notify([alert(i="bad")], group=group())
    await made.aclose()
    assert [record.message for record in caplog.records] == [
        "Alerts of rules were not stored",
        "An alert of a rule was refused",
    ]
    assert len(door.taken) == 1
