"""Rules in real processes: within the router and by themselves, over reloads, restarts and outages."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import httpx
import pytest

from tests.daemon.process import CONFIG, Daemon, Process
from tests.rules.metrics_server import MetricsServer
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

RULES = """
groups:
  - name: node
    interval: 200ms
    rules:
      - alert: Down
        expr: up == 0
        labels: {severity: page}
        annotations: {summary: "{{ $labels.instance }} is down"}
"""
A = [{"__name__": "up", "instance": "a"}]


class Evaluator(Daemon):
    """`alertrouter evaluate`, or the router when it has a configuration, with these rules."""

    def __init__(
        self, folder: Path, metrics: MetricsServer, *flags: str, rules: str = RULES, alone: bool = True
    ) -> None:
        self.rules = folder / "rules.yml"
        self.rules.write_text(rules)
        self._alone = alone
        self._to = (
            [f"--alertmanager.url={metrics.url}"] if alone else [f"--config.file={folder}/alertmanager.yml"]
        )
        super().__init__(
            folder,
            CONFIG.format(url="http://127.0.0.1:9/"),
            f"--rules.file={folder}/rules.yml",
            f"--query.url={metrics.url}",
            "--rules.alert.resend-delay=400ms",
            *flags,
        )

    async def begin(self, words: Sequence[str]) -> Process:
        storage = [word for word in words if not word.startswith("--config.file=")]
        return await super().begin([*(["evaluate"] if self._alone else []), *self._to, *storage])

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def shown(self) -> list[Any]:
        """The rules of the first group."""
        groups = (await self.client.get("/api/v1/rules")).json()["data"]["groups"]
        return list(groups[0]["rules"]) if groups else []


async def test_the_router_evaluates_rules_itself(tmp_path: Path) -> None:
    async with MetricsServer() as metrics:
        metrics.series["up == 0"] = A
        async with Evaluator(tmp_path, metrics, "--external.label=cluster=c1", alone=False) as daemon:
            alerts = await until(daemon.alerts)
            assert alerts[0]["labels"] == {
                "alertname": "Down",
                "cluster": "c1",
                "instance": "a",
                "severity": "page",
            }
            assert alerts[0]["annotations"] == {"summary": "a is down"}
            assert alerts[0]["generatorURL"] == f"{metrics.url}/graph?g0.expr=up+%3D%3D+0&g0.tab=1"
            (rule,) = await daemon.shown()
            assert (rule["state"], rule["health"]) == ("firing", "ok")
            assert (await daemon.client.get("/api/v1/status/buildinfo")).status_code == 200
            # Alertmanager's first API stays gone.
            assert (await daemon.client.post("/api/v1/alerts")).status_code == 410
            assert await daemon.metric(
                f'prometheus_rule_evaluations_total{{rule_group="{tmp_path}/rules.yml;node"}}'
            )
            # A rule that is gone resolves what it had.
            daemon.rules.write_text("")
            assert (await daemon.client.post("/-/reload")).status_code == 200

            async def nothing_is_listed() -> bool:
                return await daemon.alerts() == []

            await until(nothing_is_listed)
            assert await daemon.shown() == []


async def test_a_bad_rule_file_leaves_the_old_rules_in_force(tmp_path: Path) -> None:  # R89
    async with MetricsServer() as metrics:
        metrics.series["up == 0"] = A
        async with Evaluator(tmp_path, metrics) as evaluator:
            await until(lambda: metrics.told("Down"))
            evaluator.rules.write_text("groups: [{name: a, rules: [{alert: A, exprr: up}]}, {name: a}]")
            answer = await evaluator.client.post("/-/reload")
            assert answer.status_code == 500
            assert answer.text.startswith("failed to reload config: the rules cannot be used:")
            assert "exprr" in answer.text
            assert await evaluator.metric("prometheus_config_last_reload_successful") == 0
            before = len(metrics.told("Down"))
            await until(lambda: len(metrics.told("Down")) > before)
            evaluator.rules.write_text(RULES.replace("is down", "is away"))
            assert (await evaluator.client.post("/-/reload")).status_code == 200
            assert await evaluator.metric("prometheus_config_last_reload_successful") == 1
            told = await until(
                lambda: [each for each in metrics.told("Down") if "away" in each["annotations"]["summary"]]
            )
            assert told[0]["startsAt"] == metrics.told("Down")[0]["startsAt"]


async def test_a_crash_and_an_outage_resolve_nothing(tmp_path: Path) -> None:  # R99, R53
    async with MetricsServer() as metrics:
        metrics.series["up == 0"] = A
        evaluator = Evaluator(tmp_path, metrics)
        async with evaluator:
            await until(lambda: len(metrics.told("Down")) > 1)
            await evaluator.kill()
            metrics.broken = True
            before = len(metrics.told("Down"))
            await evaluator.start()
            await until(lambda: len(metrics.told("Down")) > before + 1)
            (rule,) = await evaluator.shown()
            assert (rule["state"], rule["health"]) == ("firing", "err")
            assert rule["lastError"].endswith("out of order")
            metrics.broken = False
            metrics.series.clear()
            resolved = await until(
                lambda: [each for each in metrics.told("Down") if each["endsAt"] < evaluation_time(evaluator)]
            )
            assert {each["startsAt"] for each in metrics.told("Down")} == {resolved[0]["startsAt"]}
            assert await evaluator.stop() == 0


def evaluation_time(evaluator: Evaluator) -> str:
    """Of the last line that it logged; all that happened before is over."""
    return str(re.findall(r"time=(\S+)", evaluator.said[-1])[-1])


async def test_what_cannot_be_meant_is_said_at_the_start(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "alertrouter",
        "evaluate",
        "--rules.file=none.yml",
        "--query.url=http://127.0.0.1:9",
        "--query.config.file=/nowhere.yml",
        f"--storage.path={tmp_path}/data",
        "--web.listen-address=127.0.0.1:0",
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert "open /nowhere.yml: no such file or directory" in said.decode()


async def test_a_signal_reloads_and_everything_can_be_asked(tmp_path: Path) -> None:
    async with MetricsServer() as metrics, Evaluator(tmp_path, metrics) as evaluator:
        assert (await evaluator.client.get("/-/healthy")).status_code == 200
        assert (await evaluator.client.get("/api/v2/alerts")).status_code == 404
        assert (await evaluator.client.get("/api/v1/alertmanagers")).json()["data"][
            "activeAlertmanagers"
        ] == [{"url": f"{metrics.url}/api/v2/alerts"}]
        evaluator.rules.write_text(RULES.replace("Down", "Gone"))
        evaluator.process.send_signal(1)

        async def reloaded() -> bool:
            return [rule["name"] for rule in await evaluator.shown()] == ["Gone"]

        await until(reloaded)
        with pytest.raises(httpx.HTTPStatusError):
            (await evaluator.client.get("/-/reload")).raise_for_status()
        assert await evaluator.stop() == 0
