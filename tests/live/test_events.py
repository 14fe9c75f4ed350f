"""The event recorder beside a real one: the same incident gives the same events."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.process import Daemon
from tests.live.contender import Contender
from tests.receivers import HttpReceiver
from tests.waiting import until

pytestmark = pytest.mark.live

CONFIG = """
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 300ms
  group_interval: 1s
  repeat_interval: 1h
  routes:
    - receiver: two
      matchers: ['team="x"', 'severity=~"page|call"']
      continue: true
      repeat_interval: 90s
      routes: [{{matchers: ['deep="yes"']}}]
receivers:
  - name: hook
    webhook_configs: [{{url: "{url}hook"}}]
  - name: two
    webhook_configs: [{{url: "{url}first"}}, {{url: "{url}second", send_resolved: false}}]
inhibit_rules:
  - source_matchers: ['severity="page"', 'alertname="Root"']
    target_matchers: ['kind=~"leaf|twig"', 'cluster!=""']
    equal: [zone, cluster]
event_recorder:
  file_outputs: [{{path: events.jsonl}}]
"""

BEGUN = datetime.now(UTC) - timedelta(minutes=5)
# What stands for itself alone, wherever it is.
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def reported(alertname: str, labels: dict[str, str], *, over: bool = False) -> dict[str, Any]:
    """An alert that began at the same moment for both, and ends at one too."""
    ends = BEGUN + timedelta(minutes=4 if over else 60)
    return {
        "labels": {"alertname": alertname, **labels},
        "annotations": {"summary": f"<{alertname}> & 'more'", "b": "ü\t\x7f"},
        "startsAt": BEGUN.isoformat(),
        "endsAt": ends.isoformat(),
        "generatorURL": "http://prometheus.example/graph",
    }


async def incident(daemon: Daemon, hook: HttpReceiver) -> None:
    """A root cause that inhibits, a page to two that resolves, a heartbeat, silences."""
    root = {"cluster": "c", "severity": "page"}
    await daemon.post(reported("Root", root))
    await hook.wait_for(1)
    await daemon.post(reported("Leaf", {"kind": "leaf", "cluster": "c"}))
    await seen(daemon, "inhibitionMutedAlert")
    page = {"team": "x", "severity": "page", "deep": "no"}
    await daemon.post(reported("Page", page))
    await hook.wait_for(3)
    await seen(daemon, "notification", 3)
    await daemon.post(reported("Page", page))
    await daemon.post(reported("Page", page, over=True))
    await hook.wait_for(4)
    await seen(daemon, "alertResolved")
    for label in ("a", "b"):
        await silence(daemon, {"label": label, "value": "x|y", "isRegex": True})
    await daemon.post(reported("Hushed", {"a": "x", "b": "y"}))
    await seen(daemon, "silenceMutedAlert", 2)
    silence_id = await silence(daemon, {"label": "other", "value": "z", "isEqual": False})
    await silence(daemon, {"label": "other", "value": "z", "isEqual": False}, id=silence_id, comment="again")
    await silence(daemon, {"label": "new", "value": "z"}, id=silence_id)
    await daemon.client.delete(f"/api/v2/silence/{silence_id}")
    assert (await daemon.alerts()) != []
    assert await daemon.stop() == 0


async def silence(daemon: Daemon, matcher: dict[str, Any], *, id: str = "", comment: str = "because") -> str:
    """Create or edit one; its id."""
    name = matcher.pop("label")
    always = {"name": "severity", "value": "", "isRegex": False}
    posted = {
        "id": id,
        "matchers": [{"name": name, "isRegex": False, **matcher}, always],
        "startsAt": BEGUN.isoformat(),
        "endsAt": (BEGUN + timedelta(hours=2)).isoformat(),
        "createdBy": "somebody",
        "comment": comment,
    }
    if id:
        posted["startsAt"] = (await daemon.client.get(f"/api/v2/silence/{id}")).json()["startsAt"]
    answer = await daemon.client.post("/api/v2/silences", json=posted)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["silenceID"])


def events_of(daemon: Daemon) -> list[Any]:
    path = daemon.folder / "events.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


async def seen(daemon: Daemon, kind: str, count: int = 1) -> None:
    async def is_there() -> bool:
        return sum(kind in event["data"] for event in events_of(daemon)) >= count

    await until(is_there)


def comparable(events: list[Any]) -> dict[str, list[str]]:
    """The events by kind, less what is each one's own and what time repeats."""
    found: dict[str, list[str]] = {}
    for event in events:
        assert list(event) == ["@timestamp", "instance", "data"]
        [(kind, content)] = event["data"].items()
        silence = content.get("silence", {})
        for own in ("startsAt", "updatedAt"):
            if own in silence:
                silence[own] = "then"
        for rule in content.get("inhibitRules", []):
            rule.pop("name", None)
        if kind == "alertmanagerStartupEvent":
            content = list(content)
        text = UUID.sub("an id", json.dumps(content))
        if text not in found.setdefault(kind, []):
            found[kind].append(text)
    # Which of a receiver's integrations, and of several silences, is first is nobody's promise.
    for kind in ("notification", "silenceMutedAlert"):
        found[kind].sort()
    return found


def test_both_write_the_same_events(contenders: list[Contender], tmp_path: Path) -> None:
    async def play(contender: Contender) -> list[Any]:
        folder = tmp_path / contender.name
        folder.mkdir()
        async with HttpReceiver() as hook:
            flags = ["--enable-feature=event-recorder"]
            async with contender.daemon(folder, CONFIG.format(url=hook.url()), flags) as daemon:
                await incident(daemon, hook)
                return events_of(daemon)

    async def story() -> None:
        theirs, *ours = [await play(contender) for contender in contenders]
        for each in ours:
            assert comparable(each) == comparable(theirs)
            assert order_of(each, "Page") == order_of(theirs, "Page")

    asyncio.run(story())


def order_of(events: list[Any], alertname: str) -> list[str]:
    """The kinds of the events about one alert, as they came."""
    about = f'"value": "{alertname}"'
    return [next(iter(event["data"])) for event in events if about in json.dumps(event)]
