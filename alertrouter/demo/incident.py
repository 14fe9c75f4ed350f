"""The incident: what a Prometheus would post while a switch breaks, and what a person does about it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import httpx

from alertrouter.clock import SystemClock
from alertrouter.core.time import MINUTE, SECOND, Moment, format_milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.demo.process import DaemonProcess
    from alertrouter.demo.screen import Screen
    from alertrouter.demo.stand_ins import StandIns

_RESEND = 3 * SECOND


class Incident:
    """Plays the story against a daemon, posting alerts again and again as Prometheus does."""

    def __init__(self, daemon: DaemonProcess, screen: Screen, stand_ins: StandIns) -> None:
        self._daemon = daemon
        self._screen = screen
        self._stand_ins = stand_ins
        self._clock = SystemClock()
        self._firing: dict[str, dict[str, Any]] = {}
        self._client = httpx.AsyncClient(base_url=daemon.url, timeout=5, trust_env=False)

    async def play(self) -> None:
        """From the first warning to all clear, in about a minute."""
        resending = asyncio.create_task(self._resend())
        try:
            await self._warning()
            await self._storm()
            await self._root_cause()
            await self._silence()
            await self._crash()
            await self._all_clear()
        finally:
            resending.cancel()
            await asyncio.gather(resending, return_exceptions=True)
            await self._client.aclose()

    async def _warning(self) -> None:
        self._screen.story("A database gets slow: a warning, for the team's chat.")
        await self._fire("DatabaseSlow", "db-1", "warning", "queries on db-1 take 4 seconds")
        await self._wait(4)

    async def _storm(self) -> None:
        self._screen.story("Twelve hosts of cluster eu-1 become unreachable within a second.")
        for number in range(1, 13):
            await self._fire(
                "HostUnreachable", f"host-{number:02}", "warning", f"host-{number:02} does not answer"
            )
        self._screen.note("They are one group, so they will be one message.")
        await self._wait(4)

    async def _root_cause(self) -> None:
        self._screen.story("The reason shows: a switch is down. That is critical, so somebody is paged.")
        await self._fire("SwitchDown", "switch-3", "critical", "switch-3 of eu-1 is down")
        await self._wait(4)
        self._screen.story("Eight more hosts drop off.")
        for number in range(13, 21):
            await self._fire(
                "HostUnreachable", f"host-{number:02}", "warning", f"host-{number:02} does not answer"
            )
        self._screen.note(
            "SwitchDown inhibits HostUnreachable in the same cluster: nobody is told, the alerts are known."
        )
        await self._wait(6)
        inhibited = sum(bool(alert["status"]["inhibitedBy"]) for alert in await self._alerts())
        self._screen.note(f"{inhibited} alerts are inhibited.")

    async def _silence(self) -> None:
        self._screen.story("Somebody works on the database and silences its alerts for an hour.")
        now = self._clock.now()
        answer = await self._client.post(
            "/api/v2/silences",
            json={
                "matchers": [
                    {"name": "alertname", "value": "DatabaseSlow", "isRegex": False, "isEqual": True}
                ],
                "startsAt": format_milliseconds(now),
                "endsAt": format_milliseconds(now + 60 * MINUTE),
                "createdBy": "demo",
                "comment": "vacuuming",
            },
        )
        answer.raise_for_status()
        await self._fire("DatabaseSlow", "db-2", "warning", "queries on db-2 take 6 seconds")
        self._screen.note(
            f"Silence {answer.json()['silenceID']} holds: the second slow database is told to nobody."
        )
        await self._wait(6)

    async def _crash(self) -> None:
        self._screen.story("kill -9: the daemon dies without a word, and is started again.")
        before = sum(self._stand_ins.counts.values())
        await self._daemon.kill()
        await self._daemon.start()
        alerts = await self._alerts()
        silences = (await self._client.get("/api/v2/silences")).json()
        self._screen.note(
            f"It still knows {len(alerts)} alerts and {len(silences)} silence, and whom it told of what."
        )
        await self._wait(6)
        repeated = sum(self._stand_ins.counts.values()) - before
        self._screen.note(f"Messages repeated by the restart: {repeated}.")

    async def _all_clear(self) -> None:
        self._screen.story("The switch is replaced; the hosts answer again.")
        for key in [key for key in self._firing if not key.startswith("DatabaseSlow")]:
            await self._resolve(key)
        await self._wait(8)

    async def _fire(self, alertname: str, instance: str, severity: str, summary: str) -> None:
        labels = {"alertname": alertname, "instance": instance, "cluster": "eu-1", "severity": severity}
        alert = {
            "labels": labels,
            "annotations": {"summary": summary},
            "startsAt": format_milliseconds(self._clock.now()),
            "generatorURL": "http://prometheus.example.org/graph",
        }
        self._firing[f"{alertname}/{instance}"] = alert
        await self._post(alert, self._clock.now() + 4 * MINUTE)

    async def _resolve(self, key: str) -> None:
        await self._post(self._firing.pop(key), self._clock.now())

    async def _post(self, alert: Mapping[str, Any], ends_at: Moment) -> None:
        answer = await self._client.post(
            "/api/v2/alerts", json=[{**alert, "endsAt": format_milliseconds(ends_at)}]
        )
        answer.raise_for_status()

    async def _alerts(self) -> list[Any]:
        alerts: list[Any] = (await self._client.get("/api/v2/alerts")).json()
        return alerts

    async def _resend(self) -> None:
        while True:
            await self._clock.sleep_until(self._clock.now() + _RESEND)
            for alert in list(self._firing.values()):
                # While the daemon is down its clients cannot reach it, and try again.
                with contextlib.suppress(httpx.HTTPError):
                    await self._post(alert, self._clock.now() + 4 * MINUTE)

    async def _wait(self, seconds: int) -> None:
        await self._clock.sleep_until(self._clock.now() + seconds * SECOND)
