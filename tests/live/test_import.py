"""What a real Alertmanager leaves behind is taken over: nobody is told twice, and everybody of the end."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.process import Daemon, alert, resolved
from tests.live.contender import Alertmanager
from tests.receivers import HttpReceiver
from tests.waiting import until

pytestmark = pytest.mark.live

CONFIG = """
route:
  receiver: first
  group_by: [alertname, odd]
  group_wait: 100ms
  group_interval: 500ms
  repeat_interval: 1h
  routes:
  - matchers: ['team=~"d.:{b", quote!="\\\\\\"x"']
    receiver: second
    routes:
    - matchers: [deep="1"]
      group_by: ['...']
  - match_re: {old: 'a|b'}
    receiver: first
receivers:
- name: first
  webhook_configs: [{url: 'URLfirst/0'}]
- name: second
  webhook_configs: [{url: 'URLsecond/0'}, {url: 'URLsecond/1', send_resolved: false}]
"""


def lasting(name: str, **labels: str) -> Any:
    """An alert that does not end by itself, however long after this file was read the test begins."""
    return alert(name, **labels) | {"endsAt": "2100-01-01T00:00:00Z"}


ALERTS = [
    lasting("plain"),
    lasting("plain", instance="2"),
    lasting("odd", odd='a "quoted", \\ text:{\n\tä\x7f\u00a0\U0001f525'),
    lasting("nested", team="d1:{b"),
    lasting("nested", team="d1:{b", deep="1", odd="{}:{}", empty=""),
    lasting("old", old="b"),
    lasting("no group label", odd=""),
]
GONE = lasting("plain", instance="3")
MUTED = lasting("muted")


async def import_from(old: Daemon, new: Daemon, *more: str) -> str:
    """Run artool; what it prints."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "artool",
        "db",
        "import-alertmanager",
        old.storage,
        f"--storage.path={new.storage}",
        f"--config.file={new.config}",
        *more,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


def told(receiver: HttpReceiver) -> list[tuple[str, str, str, str]]:
    """Every alert of every message: where to, what became of it, its name and instance."""
    return sorted(
        (request.target, each["status"], each["labels"]["alertname"], each["labels"].get("instance", ""))
        for request in receiver.requests
        for each in request.json()["alerts"]
    )


ANNOUNCED = [
    ("/first/0", "no group label", ""),
    ("/first/0", "odd", ""),
    ("/first/0", "old", ""),
    ("/first/0", "plain", ""),
    ("/first/0", "plain", "2"),
    ("/second/0", "nested", ""),
    ("/second/0", "nested", ""),
    ("/second/1", "nested", ""),
    ("/second/1", "nested", ""),
]


async def leave_something_behind(old: Daemon, receiver: HttpReceiver) -> str:
    """Tell of everything, resolve one alert, and stop; the id of a silence that goes on."""
    silence_id = await old.silence("alertname", "muted")
    await old.post(*ALERTS, GONE, MUTED)

    async def everything_was_told() -> bool:
        return (
            len({(to, name, instance) for to, _, name, instance in told(receiver)}) == len({*ANNOUNCED}) + 1
        )

    async def the_resolve_was_told() -> bool:
        return ("/first/0", "resolved", "plain", "3") in told(receiver)

    await until(everything_was_told)
    await old.post(resolved(GONE))
    await until(the_resolve_was_told)
    assert await old.stop() == 0
    return silence_id


def test_nobody_is_told_twice_and_everybody_of_the_end(alertmanager: Path, tmp_path: Path) -> None:
    asyncio.run(move_house(alertmanager, tmp_path))


async def move_house(alertmanager: Path, tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    async with HttpReceiver() as receiver:
        text = CONFIG.replace("URL", receiver.url())
        new = Daemon(tmp_path / "new", text)
        flag = "--data.maintenance-interval=1s"
        async with Alertmanager(alertmanager, tmp_path / "old", text, flag) as old:
            silence_id = await leave_something_behind(old, receiver)
        printed = await import_from(old, new)
        assert "left out" not in printed
        assert "Wrote 1 silences and 8 log entries" in printed
        receiver.requests.clear()

        async with new:
            silences = (await new.client.get("/api/v2/silences")).json()
            assert [(each["id"], each["status"]["state"]) for each in silences] == [(silence_id, "active")]
            await new.post(*ALERTS, MUTED)
            await asyncio.sleep(3)  # every group was flushed some times
            assert told(receiver) == []
            await new.post(*map(resolved, ALERTS), resolved(MUTED))
            ends = [(to, "resolved", *who) for to, *who in ANNOUNCED if to != "/second/1"]
            await until(lambda: has_told(receiver, ends))
            await asyncio.sleep(1)
            assert told(receiver) == ends


async def has_told(receiver: HttpReceiver, lines: list[Any]) -> bool:
    return len(told(receiver)) >= len(lines)
