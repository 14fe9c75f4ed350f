"""The real amtool, as people use it, against our daemon."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.process import Daemon
from tests.live.peers import peer, version

pytestmark = pytest.mark.live

EXAMPLE = Path(__file__).parents[2] / "alertmanager.yml.example"
CONFIG = """
route:
  receiver: ops
  group_by: [alertname]
  group_wait: 100ms
  routes:
    - matchers: [team="db", severity=~"page|ticket"]
      receiver: db-pager
      continue: true
    - matchers: [team="db"]
      receiver: db
receivers:
  - name: ops
  - name: db-pager
    webhook_configs: [{url: 'http://127.0.0.1:9/secret-path'}]
  - name: db
    email_configs: [{to: db@example.com}]
global: {smtp_smarthost: 'mail.example:25', smtp_from: a@example.com}
"""


class Amtool:
    """amtool, speaking to one daemon."""

    def __init__(self, program: Path, url: str, home: Path) -> None:
        self.program = program
        self._url = url
        self._home = home

    async def run(self, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """What it printed, and its status."""

        def run() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [self.program, f"--alertmanager.url={self._url}", *arguments],
                input=given,
                stdin=None if given is not None else subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                env={"HOME": str(self._home), "USER": "somebody", "TZ": "UTC"},
            )

        return await asyncio.to_thread(run)

    async def __call__(self, *arguments: str, given: str | None = None) -> str:
        """What it printed, when all went well."""
        done = await self.run(*arguments, "--no-version-check", given=given)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    async def json(self, *arguments: str) -> Any:
        """What it printed, as JSON."""
        return json.loads(await self("-o", "json", *arguments))


def _amtool() -> Path:
    program = peer("ALERTROUTER_PEER_AMTOOL", "amtool")
    if version(program) < (0, 33):
        pytest.skip(
            f"NOT TESTED WITH AMTOOL: {program} is older than 0.33 and does not know today's configurations"
        )
    return program


Story = Callable[[Amtool], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Story], None]:
    """Runs a story with a daemon of its own."""
    program = _amtool()

    def run(story: Story) -> None:
        async def whole() -> None:
            async with Daemon(tmp_path, CONFIG) as daemon:
                await story(Amtool(program, str(daemon.client.base_url), tmp_path))

        asyncio.run(whole())

    return run


def test_alerts(play: Callable[[Story], None]) -> None:
    async def story(amtool: Amtool) -> None:
        assert await amtool("alert") == "Alertname  Starts At  Summary  State  \n"
        assert (
            await amtool("alert", "add", "Disk", "team=db", "severity=page", "--annotation=summary=full")
            == ""
        )
        assert await amtool("alert", "add", "Other", "--end=2099-01-01T00:00:00Z") == ""
        header, disk, other = (await amtool("alert", "query")).splitlines()
        assert header.split() == ["Alertname", "Starts", "At", "Summary", "State"]
        assert (disk.split()[0], disk.split()[-2:]) == ("Disk", ["full", "active"])
        assert (other.split()[0], other.split()[-1]) == ("Other", "active")
        (found,) = await amtool.json("alert", "query", "team=~d.", "severity!=ticket")
        assert found["receivers"] == [{"name": "db-pager"}, {"name": "db"}]
        assert found["labels"] == {"alertname": "Disk", "team": "db", "severity": "page"}
        assert await amtool.json("alert", "query", "--receiver=db.*") == [found]
        for arguments, complaint in (
            (("alert", "query", "--receiver=("), "[GET /alerts][400]"),
            (("alert", "query", "a", "b"), "bad matcher format"),
            (("alert", "add"), "at least one label pair required"),
        ):
            refused = await amtool.run(*arguments)
            assert refused.returncode == 1
            assert complaint in refused.stderr

    play(story)


def test_silences(play: Callable[[Story], None]) -> None:
    async def story(amtool: Amtool) -> None:
        await amtool("alert", "add", "Disk", "team=db")
        silence = (
            await amtool("silence", "add", "Disk", "team=~d.", "-c", "on it", "-a", "ann", "-d", "2h")
        ).strip()
        assert await amtool.json("alert") == []
        (muted,) = await amtool.json("alert", "query", "--silenced")
        assert muted["status"]["silencedBy"] == [silence]
        assert (await amtool("silence", "query", "-q")).split() == [silence]
        _, row = (await amtool("silence")).splitlines()
        assert row.startswith(f'{silence}  alertname="Disk" team=~"d."  ')
        assert row.split()[-3:] == ["ann", "on", "it"]

        # A longer one keeps its id.
        assert silence in await amtool("silence", "update", silence, "--duration=4h", "--comment=still on it")
        exported = await amtool("silence", "query", "-o", "json")
        assert json.loads(exported)[0]["comment"] == "still on it"

        assert await amtool("silence", "expire", silence) == ""
        assert await amtool.json("silence") == []
        assert [each["id"] for each in await amtool.json("silence", "query", "--expired")] == [silence]
        (active,) = await amtool.json("alert")
        assert active["labels"]["alertname"] == "Disk"

        (imported,) = (await amtool("silence", "import", given=exported)).split()
        assert imported != silence
        (again,) = await amtool.json("silence")
        assert (again["id"], again["comment"]) == (imported, "still on it")
        unknown = await amtool.run("silence", "expire", "00000000-0000-0000-0000-000000000000")
        assert (unknown.returncode, "[404]" in unknown.stderr) == (1, True)
        partly = json.dumps([*json.loads(exported), {**json.loads(exported)[0], "matchers": []}])
        failed = await amtool.run("silence", "import", given=partly)
        assert failed.returncode == 1
        assert "couldn't import 1 out of 2 silences" in failed.stderr

    play(story)


def test_configuration_and_cluster(play: Callable[[Story], None]) -> None:
    async def story(amtool: Amtool) -> None:
        shown = await amtool("config", "show")
        assert "receiver: db-pager" in shown
        assert "secret-path" not in shown
        status = await amtool.json("config", "show")
        assert status["config"]["original"].strip() == shown.strip()
        assert (await amtool("config", "routes")).rstrip() == ROUTES
        assert (await amtool("config", "routes", "test", "team=db", "severity=page")).strip() == "db-pager,db"
        assert (await amtool("config", "routes", "test", "team=web")).strip() == "ops"
        wrong = await amtool.run("config", "routes", "test", "team=web", "--verify.receivers=db")
        assert wrong.returncode == 1
        assert (await amtool("cluster", "show")).startswith("Cluster Status:")

    play(story)


ROUTES = """\
Routing tree:
.
└── default-route  receiver: ops
    ├── {severity=~"page|ticket",team="db"}  continue: true  receiver: db-pager
    └── {team="db"}  receiver: db"""


def test_it_takes_us_for_its_own_version_or_says_which(play: Callable[[Story], None]) -> None:
    async def story(amtool: Amtool) -> None:
        done = await amtool.run("alert")
        assert done.returncode == 0
        major, minor = version(amtool.program)
        if (major, minor) == (0, 34):
            assert done.stderr == ""
        else:
            assert f"Warning: amtool version ({major}.{minor}" in done.stderr

    play(story)


def test_the_example_is_a_good_one() -> None:
    program = _amtool()
    done = subprocess.run([program, "check-config", EXAMPLE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout
    assert "- 5 receivers" in done.stdout
