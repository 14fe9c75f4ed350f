"""Who plays: a real Alertmanager, or our daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.daemon.forked import Forked, ForkedDaemon
from tests.daemon.process import Daemon
from tests.live.peers import version
from tests.live.scenario import Scenario

EXTERNAL_URL = "http://alerts.example:9093/base"


class Prefixed(Daemon):
    """Our daemon, serving below a prefix. Its client begins there."""

    def __init__(self, folder: Path, configuration: str, *flags: str, prefix: str) -> None:
        super().__init__(folder, configuration, *flags)
        self._prefix = prefix

    async def start(self) -> None:
        await self.launch()
        while not (said := [line for line in self.said if 'msg="Listening on"' in line]):
            assert self.process.returncode is None, "\n".join(self.said)
            await asyncio.sleep(0.01)
        self.address = said[0].split("address=")[1].strip()
        self.client.base_url = httpx.URL(f"http://{self.address}{self._prefix}")
        while (await self.client.get("/-/ready")).status_code != 200:
            await asyncio.sleep(0.01)


class Alertmanager(Daemon):
    """A real Alertmanager, driven as our daemon is."""

    def __init__(self, program: Path, folder: Path, configuration: str, *flags: str) -> None:
        super().__init__(folder, configuration, *flags)
        self._program = program
        self._own_flags = flags

    async def launch(self) -> None:
        self.said.clear()
        self.process = await asyncio.create_subprocess_exec(
            self._program,
            f"--config.file={self.config}",
            f"--storage.path={self.storage}",
            "--web.listen-address=127.0.0.1:0",
            "--cluster.listen-address=",
            *self._own_flags,
            stderr=asyncio.subprocess.PIPE,
        )
        self._reading = asyncio.create_task(self._read())


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """Who plays: theirs, ours or strict. ``program`` is an Alertmanager, None for our daemon, ``forked`` what starts that."""

    name: str
    program: Path | None = None
    flags: Sequence[str] = ()
    forked: Forked | None = None

    def can_play(self, scenario: Scenario) -> bool:
        """Whether it knows all that the story is about."""
        if self.program is None:
            return True
        return not scenario.only_ours and scenario.since <= version(self.program)

    def daemon(self, folder: Path, configuration: str, flags: Sequence[str]) -> Daemon:
        """It, ready to start."""
        every = [f"--web.external-url={EXTERNAL_URL}", "--web.route-prefix=/", *self.flags, *flags]
        if self.forked is not None:
            return ForkedDaemon(self.forked, folder, configuration, *every)
        if self.program is None:
            return Daemon(folder, configuration, *every)
        return Alertmanager(self.program, folder, configuration, *every)
