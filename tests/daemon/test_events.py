"""The daemon writes what happens in an incident to the outputs of its event recorder."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.daemon.process import CONFIG, Daemon, alert, resolved
from tests.receivers import HttpReceiver
from tests.waiting import until

FLAG = "--enable-feature=event-recorder"


def recorded(path: Path) -> list[tuple[str, Any]]:
    """Kind and content of each event in a file."""
    if not path.exists():
        return []
    return [
        next(iter(json.loads(line)["data"].items()))
        for line in path.read_text(encoding="utf-8").split("\n")
        if line
    ]


def kinds(path: Path) -> list[str]:
    return [kind for kind, _ in recorded(path)]


def test_an_incident_from_start_to_stop(tmp_path: Path) -> None:
    async def story() -> None:
        events = tmp_path / "events.jsonl"
        async with HttpReceiver() as hook, HttpReceiver() as sink:
            config = CONFIG.format(url=hook.url()) + (
                "event_recorder:\n"
                "  file_outputs: [{path: events.jsonl}]\n"
                f"  webhook_outputs: [{{url: '{sink.url('/s3cret')}', batch: true, workers: 1}}]\n"
            )
            async with Daemon(tmp_path, config, FLAG) as daemon:
                await daemon.silence("alertname", "Hushed")
                disk = alert("DiskFull", instance="db-1")
                await daemon.post(disk)
                await until(lambda: kinds(events).count("notification") == 1)
                await daemon.post(resolved(disk))
                await until(lambda: "alertResolved" in kinds(events))
                await daemon.post(alert("Hushed"))

                await until(lambda: "silenceMutedAlert" in kinds(events))
                assert (await daemon.alerts()) != []
                name = f"webhook:http://127.0.0.1:{sink.port}"
                assert await daemon.metric(f'alertmanager_event_output_drops_total{{output="{name}"}}') == 0
                for kind in ("alert_created", "notification"):
                    series = f'alertmanager_events_recorded_total{{event_type="{kind}",output="file:{events}",result="success"}}'
                    assert await daemon.metric(series) == 2
                status = (await daemon.client.get("/api/v2/status")).json()
                assert "s3cret" not in status["config"]["original"]
                assert f"path: {events}" in status["config"]["original"]
                assert await daemon.stop() == 0
                assert "s3cret" not in "".join(daemon.said)
            posted = [event for request in sink.requests for event in request.json()]

        without_repeats = [kind for kind in kinds(events) if kind != "silenceMutedAlert"]
        assert without_repeats == [
            "alertmanagerStartupEvent",
            "silenceCreated",
            "alertCreated",
            "alertGrouped",
            "notification",
            "alertGrouped",
            "notification",
            "alertResolved",
            "alertCreated",
            "alertGrouped",
            "alertmanagerShutdownEvent",
        ]
        assert posted == [json.loads(line) for line in events.read_text().splitlines()]
        sent = [content for kind, content in recorded(events) if kind == "notification"]
        assert [each["reason"] for each in sent] == [
            "NOTIFY_REASON_FIRST_NOTIFICATION",
            "NOTIFY_REASON_ALL_ALERTS_RESOLVED",
        ]
        assert sent[0]["flushId"] == "1"

    asyncio.run(story())


def test_a_reload_changes_where_events_go_and_a_restart_is_not_the_birth_of_an_alert(tmp_path: Path) -> None:
    async def story() -> None:
        old, new = tmp_path / "old", tmp_path / "new"
        async with HttpReceiver() as hook:
            config = CONFIG.format(url=hook.url()) + "event_recorder:\n  file_outputs: [{path: old}]\n"
            async with Daemon(tmp_path, config, FLAG) as daemon:
                await daemon.post(alert("One"))
                await until(lambda: "notification" in kinds(old))
                daemon.config.write_text(config.replace("path: old", "path: new"), encoding="utf-8")
                assert (await daemon.client.post("/-/reload")).status_code == 200
                await daemon.post(alert("Two"))
                await until(lambda: "notification" in kinds(new))
                assert await daemon.stop() == 0
                await daemon.start()
                assert await daemon.stop() == 0
        assert kinds(old)[0] == "alertmanagerStartupEvent"
        assert kinds(old)[-1] == "notification"
        assert kinds(new) == [
            "alertCreated",
            "alertGrouped",
            "notification",
            "alertmanagerShutdownEvent",
            "alertmanagerStartupEvent",
            "alertmanagerShutdownEvent",
        ]

    asyncio.run(story())


def test_without_the_feature_nothing_is_written_which_is_told(tmp_path: Path) -> None:
    async def story() -> None:
        config = (
            CONFIG.format(url="http://127.0.0.1:9/") + "event_recorder:\n  file_outputs: [{path: events}]\n"
        )
        async with Daemon(tmp_path, config) as daemon:
            await daemon.post(alert("One"))
            assert "alertmanager_events_" not in (await daemon.client.get("/metrics")).text
            await daemon.stop()
        assert not (tmp_path / "events").exists()
        [line] = [line for line in daemon.said if "event_recorder has no effect" in line]
        assert "level=WARN" in line
        assert 'hint="start with --enable-feature=event-recorder"' in line

    asyncio.run(story())
