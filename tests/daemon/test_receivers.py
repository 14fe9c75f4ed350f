"""Receivers of a running daemon: how they fare, and what a test of them does and does not."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from tests.daemon.process import Daemon, alert
from tests.receivers import Answer, HttpReceiver
from tests.waiting import until

CONFIG = """
route:
  receiver: team
  group_wait: 50ms
  group_interval: 500ms
receivers:
  - name: team
    webhook_configs:
      - url: {good}
      - url: {bad}
"""
RECEIVERS = "/api/alertrouter/v1/receivers"


async def artool(daemon: Daemon, *words: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "alertrouter.cli.main", "artool", *words),
        f"--alertmanager.url={daemon.client.base_url}",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


def test_a_test_tells_what_each_integration_answers_and_leaves_no_trace(tmp_path: Path) -> None:
    async def story() -> None:
        async with HttpReceiver() as good, HttpReceiver() as bad:
            bad.answer_with(Answer(404, b"no such channel"))
            config = CONFIG.format(good=good.url("/good"), bad=bad.url("/T0KEN-of-the-hook"))
            async with Daemon(tmp_path, config) as daemon:
                status, out = await artool(daemon, "receiver", "test", "team", "--label=severity=page")

                assert status == 1
                assert "webhook/0    ok, " in out
                assert "webhook/1    unexpected status code 404: no such channel" in out
                [request] = good.requests
                told = json.loads(request.body)
                assert told["alerts"][0]["labels"] == {
                    "alertname": "ArtoolReceiverTest",
                    "severity": "page",
                }
                assert told["alerts"][0]["annotations"]["test"].startswith("This is a test")
                assert (await artool(daemon, "receiver", "test", "team", "--integration=webhook/0"))[0] == 0

                # Nothing is remembered, and nothing is counted as a notification.
                assert await daemon.alerts() == []
                assert (await daemon.client.get("/api/v2/alerts/groups")).json() == []
                series = 'alertmanager_notifications_total{integration="webhook"}'
                assert await daemon.metric(series) == 0
                await asyncio.sleep(1)
                assert len(good.requests) == 2

    asyncio.run(story())


def test_how_receivers_fare_is_shown_without_secrets(tmp_path: Path) -> None:
    async def story() -> None:
        async with HttpReceiver() as good, HttpReceiver() as bad:
            bad.answer_with(lambda request: Answer(404, request.target.encode()))
            config = CONFIG.format(good=good.url("/good"), bad=bad.url("/T0KEN-of-the-hook"))
            async with Daemon(tmp_path, config) as daemon:
                await daemon.post(alert("A"))

                async def told_both() -> bool:
                    [team] = (await daemon.client.get(RECEIVERS)).json()
                    return bool(
                        team["integrations"][0]["deliveredAt"] and team["integrations"][1]["failedAt"]
                    )

                await until(told_both)
                answer = await daemon.client.get(RECEIVERS)
                taken, refused = answer.json()[0]["integrations"]
                assert (taken["integration"], taken["lastError"]) == ("webhook/0", "")
                assert refused["lastError"].startswith("unexpected status code 404")
                assert "T0KEN" not in answer.text

    asyncio.run(story())


def test_a_read_only_daemon_takes_alerts_and_no_silences(tmp_path: Path) -> None:
    async def story() -> None:
        async with HttpReceiver() as hook:
            config = CONFIG.format(good=hook.url(), bad=hook.url())
            async with Daemon(tmp_path, config, "--web.read-only") as daemon:
                status, out = await artool(daemon, "receiver", "test", "team")
                assert (status, "--web.read-only" in out) == (1, True)
                status, out = await artool(daemon, "silence", "add", "a=b", "--comment=x")
                assert (status, "--web.read-only" in out) == (1, True)
                assert hook.requests == []
                assert (await daemon.post(alert("A"))).status_code == 200
                await hook.wait_for(1)

    asyncio.run(story())
