"""The daemon on a real PostgreSQL: what it knew before a kill it knows after it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.daemon.process import CONFIG, Daemon, alert, names, resolved
from tests.receivers import HttpReceiver
from tests.store import postgresql as pg
from tests.waiting import until

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def server() -> Iterator[pg.Server]:
    """A PostgreSQL server of our own."""
    with pg.server(pg.installed()) as running:
        yield running


@pytest.fixture
def url(server: pg.Server) -> Iterator[str]:
    """The address of an empty database."""
    with server.database() as address:
        yield address


def test_an_alert_comes_in_a_message_goes_out_and_a_kill_loses_nothing(url: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with (
            HttpReceiver() as hook,
            Daemon(tmp_path, CONFIG.format(url=hook.url()), f"--storage.url={url}") as daemon,
        ):
            silence = await daemon.silence("alertname", "Quiet")
            disk, quiet = alert("DiskFull", instance="db-1"), alert("Quiet")
            assert (await daemon.post(disk, quiet)).status_code == 200
            await hook.wait_for(1)
            assert names(hook.requests[0].body) == {"DiskFull"}
            assert not (daemon.storage / "alertrouter.db").exists()

            async def recorded() -> bool:
                async with await psycopg.AsyncConnection.connect(url) as connection:
                    rows = await connection.execute("SELECT count(*) FROM notification_log")
                    return await rows.fetchone() == (1,)

            await until(recorded)
            posted = [alert(f"Late{number}") for number in range(30)]
            await asyncio.gather(*[daemon.post(each) for each in posted])
            await daemon.kill()
            await daemon.start()

            listed = {each["labels"]["alertname"]: each for each in await daemon.alerts()}
            assert set(listed) == {"DiskFull", "Quiet"} | {f"Late{number}" for number in range(30)}
            assert listed["Quiet"]["status"]["silencedBy"] == [silence]

            async def all_told() -> bool:
                return len({name for request in hook.requests for name in names(request.body)}) == 31

            await until(all_told)
            await daemon.post(disk)
            await asyncio.sleep(1.2)
            about_disk = [request.json() for request in hook.requests if names(request.body) == {"DiskFull"}]
            assert [each["notification_reason"] for each in about_disk] == ["first notification"]

            await daemon.post(resolved(disk))

            async def ended() -> bool:
                return names(hook.requests[-1].body) == {"DiskFull"}

            await until(ended)
            assert hook.requests[-1].json()["notification_reason"] == "all alerts resolved"
            assert await daemon.stop() == 0

    asyncio.run(story())


def test_two_daemons_on_one_database_are_refused(url: str, tmp_path: Path) -> None:
    async def story() -> None:
        config = CONFIG.format(url="http://127.0.0.1:9/")
        (tmp_path / "first").mkdir()
        (tmp_path / "second").mkdir()
        async with Daemon(tmp_path / "first", config, f"--storage.url={url}"):
            second = Daemon(tmp_path / "second", config, f"--storage.url={url}")
            await second.launch()
            assert await second.exit_status() == 1
            await second.client.aclose()

    asyncio.run(story())


def test_the_password_of_a_database_is_not_told(tmp_path: Path) -> None:
    async def story() -> None:
        wrong = "postgresql://somebody:hunter2-and-more@127.0.0.1:1/nowhere"
        daemon = Daemon(tmp_path, CONFIG.format(url="http://127.0.0.1:9/"), f"--storage.url={wrong}")
        await daemon.launch()
        assert await daemon.exit_status() == 1
        said = "".join(daemon.said)
        assert "127.0.0.1" in said
        assert "hunter2-and-more" not in said
        await daemon.client.aclose()

    asyncio.run(story())
