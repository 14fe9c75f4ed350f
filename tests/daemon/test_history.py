"""What a running daemon remembers of what happened, asked in every way there is."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

from alertrouter.core.time import EARLIEST, LATEST
from alertrouter.engine.changes import AlertTransition
from alertrouter.insight.file_record import FileRecord
from tests.daemon.process import CONFIG, Daemon, alert, resolved
from tests.daemon.test_receivers import artool
from tests.receivers import HttpReceiver
from tests.waiting import until

HISTORY = "/api/alertrouter/v1/history"


def test_what_happened_is_told_by_the_server_and_by_its_database(tmp_path: Path) -> None:
    async def story() -> None:
        async with HttpReceiver() as hook, Daemon(tmp_path, CONFIG.format(url=hook.url("/T0KEN"))) as daemon:
            fires = alert("Down", instance="a")
            await daemon.post(fires)
            await until(lambda: told(daemon, "notifications", "outcome=sent"))
            await daemon.post(resolved(fires))
            silence_id = await daemon.silence("alertname", "Held")
            await daemon.post(alert("Held"))
            await until(lambda: told(daemon, "notifications", "reason=silenced"))
            assert (await daemon.client.post("/-/reload")).status_code == 200

            [held] = await told(daemon, "notifications", "reason=silenced")
            assert held["muted"][0]["by"] == [f"silence:{silence_id}"]
            down = await told(daemon, "alerts", "filter=instance%3Da")
            assert [each["kind"] for each in down] == ["resolved", "fired"]
            sent = await told(daemon, "notifications", "filter=instance%3Da&outcome=sent")
            assert {attempt["error"] for each in sent for attempt in each["attempts"]} == {""}
            [created] = await told(daemon, "silences", "")
            assert (created["action"], created["createdBy"]) == ("created", "somebody")
            reloads = await told(daemon, "reloads", "")
            assert len(reloads) == 2
            assert "T0KEN" not in json.dumps(reloads)
            done = await told(daemon, "actions", "")
            assert [each["action"] for each in done] == ["reload requested", "silence created"]
            assert done[0]["address"] == "127.0.0.1"

            status, out = await artool(daemon, "history", "alerts", "Down", "--since=1h", "-ojson")
            assert (status, json.loads(out)) == (0, down)
            asked = ["history", "alerts", "Down", f"--storage.path={daemon.storage}", "-ojson"]
            assert (await artool(daemon, *asked)) == (0, out)

    asyncio.run(story())


def test_the_record_is_exported_by_the_server_and_out_of_its_database(tmp_path: Path) -> None:
    async def story() -> None:
        async with (
            HttpReceiver() as hook,
            Daemon(tmp_path, CONFIG.format(url=hook.url("/T0KEN"))) as daemon,
        ):
            await daemon.post(alert("Down"))
            await until(lambda: told(daemon, "notifications", "outcome=sent"))
            served, read = tmp_path / "served.gz", tmp_path / "read.gz"
            assert (await artool(daemon, "history", "export", "-o", str(served)))[0] == 0
            asked = ["history", "export", f"--storage.path={daemon.storage}", "--since=1h"]
            assert (await artool(daemon, *asked, f"--output-file={read}"))[0] == 0
            for file in (served, read):
                with FileRecord(file) as record:
                    kinds = {type(event).__name__ for event in record.events(EARLIEST, LATEST)}
                assert {"Started", "AlertTransition", "DecisionRecord", "AttemptRecord"} <= kinds
                assert b"T0KEN" not in gzip.decompress(file.read_bytes())
            refused = await daemon.client.get(f"{HISTORY}/export?since=soon")
            assert refused.status_code == 400
            assert "neither a duration" in refused.json()

    asyncio.run(story())


async def told(daemon: Daemon, kind: str, query: str) -> list[Any]:
    answer = await daemon.client.get(f"{HISTORY}/{kind}?{query}")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["lines"])


def test_why_nobody_was_told_is_answered_by_the_server_and_from_its_record(tmp_path: Path) -> None:
    async def story() -> None:
        async with HttpReceiver() as hook, Daemon(tmp_path, CONFIG.format(url=hook.url())) as daemon:
            silence_id = await daemon.silence("alertname", "Held")
            await daemon.post(alert("Held"))
            await until(lambda: told(daemon, "notifications", "reason=silenced"))

            path = "/api/alertrouter/v1/explain"
            answer = await daemon.client.get(path, params={"filter": 'alertname="Held"'})
            assert answer.status_code == 200
            assert f"silenced by {silence_id} of somebody" in answer.json()["answer"]
            assert answer.json()["without"][0]["receiver"] == "hook"
            for asked in ({}, {"filter": 'alertname="Nope"'}, {"filter": 'a="b"', "at": "soon"}):
                assert (await daemon.client.get(path, params=asked)).status_code == 400

            status, out = await artool(daemon, "explain", "Held")
            assert status == 0
            assert out.splitlines()[0] == answer.json()["answer"]
            assert out.splitlines()[-1].startswith("Would have gone to hook at ")
            assert (await artool(daemon, "replay", "--verify"))[0] == 0

    asyncio.run(story())


def test_whoever_asks_is_told_of_all_that_was_acknowledged_before(tmp_path: Path) -> None:
    slow = CONFIG.replace("group_wait: 100ms", "group_wait: 1h")

    async def story() -> None:
        async with HttpReceiver() as hook, Daemon(tmp_path, slow.format(url=hook.url())) as daemon:
            # So many at once are committed as they came, and taken apart when there is time.
            for wave in ("a", "b"):
                await daemon.post(*[alert(f"A{number}", wave=wave) for number in range(100)])
                lines = await told(daemon, "alerts", f"limit=1000&filter=wave%3D{wave}")
                assert [each["kind"] for each in lines] == ["fired"] * 100
            await daemon.post(*[alert(f"A{number}", wave="c") for number in range(100)])
            explained = await daemon.client.get(
                "/api/alertrouter/v1/explain", params={"filter": ["alertname=A99", "wave=c"]}
            )
            assert explained.status_code == 200, explained.text
            await daemon.post(*[alert(f"A{number}", wave="d") for number in range(100)])
            file = tmp_path / "exported.gz"
            assert (await artool(daemon, "history", "export", "-o", str(file)))[0] == 0
            with FileRecord(file) as record:
                events = [
                    each for each in record.events(EARLIEST, LATEST) if isinstance(each, AlertTransition)
                ]
            assert [each.alert.labels["wave"] for each in events] == [
                wave for wave in "abcd" for _ in range(100)
            ]

    asyncio.run(story())


def test_what_was_acknowledged_as_it_came_is_history_after_a_kill(tmp_path: Path) -> None:
    slow = CONFIG.replace("group_wait: 100ms", "group_wait: 1h")

    async def story() -> None:
        async with HttpReceiver() as hook, Daemon(tmp_path, slow.format(url=hook.url())) as daemon:
            for number in range(4):
                await daemon.post(*[alert(f"A{each}", wave=str(number)) for each in range(64)])
            await daemon.kill()
            await daemon.start()
            assert len(await daemon.alerts()) == 256
            lines = await told(daemon, "alerts", "limit=1000")
            assert [each["labels"]["wave"] for each in lines] == [
                str(number) for number in (3, 2, 1, 0) for _ in range(64)
            ]
            assert len({json.dumps(each["labels"], sort_keys=True) for each in lines}) == 256

    asyncio.run(story())
