"""The same over real sockets: a daemon with a dead receiver, a limping one and a live one."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from benchmarks.processes import free_port
from tests.daemon.process import Daemon, alert, names
from tests.receivers import Answer, HttpReceiver, ReceivedRequest
from tests.waiting import until

GROUPS = 1000

CONFIG = """
route:
  receiver: alive
  group_by: [alertname]
  group_wait: 100ms
  group_interval: 10m
  routes:
    - receiver: dead
      continue: true
    - receiver: alive
receivers:
  - name: dead
    webhook_configs:
      - url: {dead}
  - name: alive
    webhook_configs:
      - url: {alive}
"""


def test_a_dead_receiver_delays_nobody_and_is_told_everything_when_it_is_back(tmp_path: Path) -> None:
    async def story() -> None:
        port = free_port()
        dead = f"http://127.0.0.1:{port}/"
        async with (
            HttpReceiver() as alive,
            Daemon(tmp_path, CONFIG.format(dead=dead, alive=alive.url())) as daemon,
        ):
            await daemon.post(*[alert(f"A{number}") for number in range(GROUPS)])
            await alive.wait_for(GROUPS)

            series = 'alertrouter_receiver_circuit_open{{integration="webhook/0",receiver="{}"}}'
            assert await daemon.metric(series.format("dead")) == 1
            assert await daemon.metric(series.format("alive")) == 0
            attempts = 'alertmanager_notification_requests_failed_total{integration="webhook"}'
            assert await daemon.metric(attempts) < 200
            shown = (await daemon.client.get("/api/alertrouter/v1/receivers")).json()
            assert shown[0]["integrations"][0]["circuit"] in {"open", "half-open"}
            assert shown[0]["integrations"][0]["queued"] > 800

            back = HttpReceiver()
            back._server = await asyncio.start_server(back._serve, "127.0.0.1", port, backlog=1024)
            try:

                async def all_told() -> bool:
                    return len({name for request in back.requests for name in names(request.body)}) == GROUPS

                await until(all_told)
            finally:
                back._server.close()

    asyncio.run(story())


def test_a_receiver_that_counts_is_left_alone_for_as_long_as_it_asks(tmp_path: Path) -> None:
    async def story() -> None:
        refused_at: list[float] = []
        asked_too_soon: list[float] = []

        def counting(request: ReceivedRequest) -> Answer:
            now = time.monotonic()
            if not refused_at:
                refused_at.append(now)
                return Answer(429, b"slow down", {"Retry-After": "2"})
            if now < refused_at[0] + 1.9:
                asked_too_soon.append(now)
            return Answer()

        async with HttpReceiver() as hook, HttpReceiver() as alive:
            hook.answer_with(counting)
            config = CONFIG.format(dead=hook.url(), alive=alive.url())
            config = config.replace(hook.url(), hook.url() + "\n        alertrouter: {concurrency: 1}")
            async with Daemon(tmp_path, config) as daemon:
                await daemon.post(*[alert(f"A{number}") for number in range(50)])
                await alive.wait_for(50)
                await hook.wait_for(51)

        assert asked_too_soon == []

    asyncio.run(story())
