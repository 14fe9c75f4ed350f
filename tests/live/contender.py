"""Who plays: a real Alertmanager, or our daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.daemon.process import Daemon, Process
from tests.live.peers import version
from tests.live.scenario import Scenario

EXTERNAL_URL = "http://alerts.example:9093/base"


class Prefixed(Daemon):
    """Our daemon, serving below a prefix. Its client begins there."""

    def __init__(self, folder: Path, configuration: str, *flags: str, prefix: str) -> None:
        super().__init__(folder, configuration, *flags)
        self.prefix = prefix


class Alertmanager(Daemon):
    """A real Alertmanager, driven as our daemon is."""

    def __init__(self, program: Path, folder: Path, configuration: str, *flags: str) -> None:
        super().__init__(folder, configuration, *flags)
        self._program = program

    async def begin(self, words: Sequence[str]) -> Process:
        return await asyncio.create_subprocess_exec(
            self._program, *words, "--cluster.listen-address=", stderr=asyncio.subprocess.PIPE
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """Who plays: theirs, ours or strict. ``program`` is an Alertmanager, None for our daemon."""

    name: str
    program: Path | None = None
    flags: Sequence[str] = ()

    def can_play(self, scenario: Scenario) -> bool:
        """Whether it knows all that the story is about."""
        if self.program is None:
            return True
        return not scenario.only_ours and scenario.since <= version(self.program)

    def daemon(self, folder: Path, configuration: str, flags: Sequence[str]) -> Daemon:
        """It, ready to start."""
        every = [f"--web.external-url={EXTERNAL_URL}", "--web.route-prefix=/", *self.flags, *flags]
        if self.program is None:
            return Daemon(folder, configuration, *every)
        return Alertmanager(self.program, folder, configuration, *every)
