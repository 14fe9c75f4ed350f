"""What happens to machines: clocks are set, connections are left open, and there are more groups than connections."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
from typing import TYPE_CHECKING

import pytest

from alertrouter.clock import ClockWatch, SystemClock
from alertrouter.core.matcher_syntax import Mode
from alertrouter.core.time import HOUR, SECOND
from alertrouter.daemon import Daemon as TheDaemon
from alertrouter.settings import Settings
from tests.daemon.process import CONFIG, Daemon, alert, names
from tests.receivers import HttpReceiver
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from alertrouter.core.time import Duration, Moment


class SettableClock(SystemClock):
    """The clock of a machine that somebody sets."""

    def __init__(self) -> None:
        self.ahead: Duration = 0

    def now(self) -> Moment:
        return super().now() + self.ahead


@pytest.mark.parametrize(("by", "seen"), [(HOUR, HOUR), (-HOUR, -HOUR), (SECOND, 0), (-SECOND, 0)])
def test_a_clock_that_is_set_is_told_from_one_that_runs(by: Duration, seen: Duration) -> None:
    clock = SettableClock()
    steady = iter([0, 5 * SECOND, 10 * SECOND])
    clock.now = lambda: START + clock.ahead  # type: ignore[method-assign]  # stands but for what the test does
    watch = ClockWatch(clock, lambda: next(steady))
    clock.ahead += 5 * SECOND
    assert watch.set_by() == 0
    clock.ahead += 5 * SECOND + by
    assert watch.set_by() == seen


START = 1_700_000_000 * SECOND


@pytest.mark.parametrize("by", [HOUR, -HOUR])
def test_a_page_does_not_wait_for_a_clock_that_was_set(tmp_path: Path, by: Duration) -> None:
    async def play() -> None:
        async with HttpReceiver() as receiver:
            config = CONFIG.format(url=receiver.url()).replace("group_wait: 100ms", "group_wait: 2s")
            (tmp_path / "alertmanager.yml").write_text(config, encoding="utf-8")
            clock = SettableClock()
            daemon = TheDaemon(
                Settings(
                    config_file=str(tmp_path / "alertmanager.yml"),
                    storage_path=str(tmp_path / "data"),
                    web_listen_address=("127.0.0.1:0",),
                ),
                clock,
                Mode.FALLBACK,
            )
            running = asyncio.create_task(daemon.run())
            await until(lambda: daemon.router is not None)
            assert daemon.router is not None
            page = alert("A") | {"endsAt": "2100-01-01T00:00:00Z"}
            await daemon.router.post_alerts(json.dumps([page]).encode())
            clock.ahead += by
            # It would wait for an hour, or never be told: the limit of a test is much less.
            await receiver.wait_for(1)
            assert names(receiver.requests[0].body) == {"A"}
            daemon.stop()
            await running

    asyncio.run(play())


@pytest.mark.slow  # a thousand connections
def test_a_thousand_idle_connections_and_more_groups_than_connections(tmp_path: Path) -> None:
    groups = 1000

    async def play() -> None:
        async with HttpReceiver() as receiver:
            config = CONFIG.format(url=receiver.url()) + "alertrouter: {delivery: {concurrency: 20}}\n"
            async with Daemon(tmp_path, config) as daemon, contextlib.AsyncExitStack() as stack:
                port = daemon.client.base_url.port
                for _ in range(1000):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    stack.callback(writer.close)
                await daemon.post(*[alert(f"A{number}") for number in range(groups)])
                await receiver.wait_for(groups)
                told = [name for request in receiver.requests for name in names(request.body)]
                assert sorted(told) == sorted(f"A{number}" for number in range(groups))
                assert receiver.connections <= 20
                assert len(await daemon.alerts()) == groups

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    asyncio.run(play())
