"""The incident: what the metrics say while a switch breaks, and what a person does about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import httpx

from alertrouter.clock import SystemClock
from alertrouter.core.time import MILLISECOND, MINUTE, SECOND, format_milliseconds

if TYPE_CHECKING:
    from alertrouter.demo.metrics_backend import MetricsBackend
    from alertrouter.demo.process import DaemonProcess
    from alertrouter.demo.screen import Screen
    from alertrouter.demo.stand_ins import StandIns

RULES: Final = """\
groups:
  - name: demo
    interval: 1s
    rules:
      - alert: DatabaseSlow
        expr: database_query_seconds > 2
        for: 2s
        labels: {severity: warning}
        annotations: {summary: "queries on {{ $labels.instance }} take {{ $value }} seconds"}
      - alert: HostUnreachable
        expr: host_up == 0
        labels: {severity: warning}
        annotations: {summary: "{{ $labels.instance }} does not answer"}
      - alert: SwitchDown
        expr: switch_up == 0
        labels: {severity: critical}
        annotations: {summary: "{{ $labels.instance }} of {{ $labels.cluster }} is down"}
"""

_CLUSTER: Final = "eu-1"
# What a state that the demo waits for takes at most.
_PATIENCE: Final = 15 * SECOND


class Incident:
    """Plays the story: it changes the metrics, and the daemon's rules see to the rest."""

    def __init__(
        self, daemon: DaemonProcess, screen: Screen, stand_ins: StandIns, metrics: MetricsBackend
    ) -> None:
        self._daemon = daemon
        self._screen = screen
        self._stand_ins = stand_ins
        self._metrics = metrics
        self._clock = SystemClock()
        self._client = httpx.AsyncClient(base_url=daemon.url, timeout=5, trust_env=False)
        self._set("switch_up", 1, "switch-3")
        for number in range(1, 21):
            self._set("host_up", 1, f"host-{number:02}")
        for number in (1, 2):
            self._set("database_query_seconds", 0.02, f"db-{number}")

    async def play(self) -> None:
        """From the first warning to all clear, in about a minute."""
        try:
            await self._warning()
            await self._storm()
            await self._root_cause()
            await self._silence()
            await self._crash()
            await self._all_clear()
        finally:
            await self._client.aclose()

    async def _warning(self) -> None:
        self._screen.story("A database gets slow: a warning, for the team's chat.")
        self._set("database_query_seconds", 4, "db-1")
        await self._until_alerts("pending", 1)
        self._screen.note("DatabaseSlow is pending: its rule wants to see that for 2 seconds.")
        await self._until_alerts("firing", 1)
        await self._wait(4)

    async def _storm(self) -> None:
        self._screen.story(f"Twelve hosts of cluster {_CLUSTER} become unreachable within a second.")
        for number in range(1, 13):
            self._set("host_up", 0, f"host-{number:02}")
        self._screen.note("They are one group, so they will be one message.")
        await self._wait(4)

    async def _root_cause(self) -> None:
        self._screen.story("The reason shows: a switch is down. That is critical, so somebody is paged.")
        self._set("switch_up", 0, "switch-3")
        await self._wait(4)
        self._screen.story("Eight more hosts drop off.")
        for number in range(13, 21):
            self._set("host_up", 0, f"host-{number:02}")
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
        self._set("database_query_seconds", 6, "db-2")
        self._screen.note(
            f"Silence {answer.json()['silenceID']} holds: the second slow database is told to nobody."
        )
        await self._wait(6)

    async def _crash(self) -> None:
        self._screen.story("kill -9: the daemon dies without a word, and is started again.")
        before = sum(self._stand_ins.counts.values())
        since = await self._active_since()
        await self._daemon.kill()
        await self._daemon.start()
        alerts = await self._alerts()
        silences = (await self._client.get("/api/v2/silences")).json()
        self._screen.note(
            f"It still knows {len(alerts)} alerts and {len(silences)} silence, and whom it told of what."
        )
        await self._wait(6)
        kept = await self._active_since() == since
        self._screen.note(f"Its rules go on where they were: {'yes' if kept else 'no'}.")
        repeated = sum(self._stand_ins.counts.values()) - before
        self._screen.note(f"Messages repeated by the restart: {repeated}.")

    async def _all_clear(self) -> None:
        self._screen.story("The switch is replaced; the hosts answer again.")
        self._set("switch_up", 1, "switch-3")
        for number in range(1, 21):
            self._set("host_up", 1, f"host-{number:02}")
        await self._wait(9)

    def _set(self, name: str, value: float, instance: str) -> None:
        self._metrics.set(name, value, instance=instance, cluster=_CLUSTER)

    async def _alerts(self) -> list[Any]:
        alerts: list[Any] = (await self._client.get("/api/v2/alerts")).json()
        return alerts

    async def _of_rules(self) -> list[Any]:
        alerts: list[Any] = (await self._client.get("/api/v1/alerts")).json()["data"]["alerts"]
        return alerts

    async def _active_since(self) -> dict[tuple[str, str], str]:
        """Since when the alerts of the rules are active."""
        return {
            (alert["labels"]["alertname"], alert["labels"]["instance"]): alert["activeAt"]
            for alert in await self._of_rules()
        }

    async def _until_alerts(self, state: str, count: int) -> None:
        """Wait until so many alerts of the rules are in this state."""
        deadline = self._clock.now() + _PATIENCE
        while sum(alert["state"] == state for alert in await self._of_rules()) < count:
            if self._clock.now() > deadline:
                break
            await self._clock.sleep_for(100 * MILLISECOND)

    async def _wait(self, seconds: int) -> None:
        await self._clock.sleep_for(seconds * SECOND)
