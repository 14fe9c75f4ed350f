"""The daemon of the demo: a process of its own, so that it can be killed like one."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import socket
import sys
from typing import TYPE_CHECKING

import httpx

from alertrouter.clock import SystemClock
from alertrouter.core.time import MILLISECOND, SECOND

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE = 30 * SECOND


class DemoError(Exception):
    """The demo cannot go on; the text says why and what to do."""


class DaemonProcess:
    """Starts, kills and stops a daemon on one address, with its configuration and database in a folder.

    It evaluates ``rules`` by the metrics that are at ``metrics_url``.
    """

    def __init__(
        self, address: str, folder: Path, *, configuration: str, rules: str, metrics_url: str
    ) -> None:
        host, _, port = address.rpartition(":")
        self.address = address
        self.url = f"http://{host or '127.0.0.1'}:{port}"
        self.log = folder / "alertrouter.log"
        self._storage = folder / "data"
        self._config = folder / "alertmanager.yml"
        self._config.write_text(configuration, encoding="utf-8")
        self._rules = folder / "rules.yml"
        self._rules.write_text(rules, encoding="utf-8")
        self._metrics_url = metrics_url
        self._process: asyncio.subprocess.Process | None = None
        self._clock = SystemClock()

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        self._refuse_if_taken()
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "alertrouter",
                f"--config.file={self._config}",
                f"--storage.path={self._storage}",
                f"--web.listen-address={self.address}",
                f"--rules.file={self._rules}",
                f"--query.url={self._metrics_url}",
                stdout=log,
                stderr=log,
            )
        deadline = self._clock.now() + _PATIENCE
        async with httpx.AsyncClient(trust_env=False) as client:
            while self._clock.now() < deadline and self._process.returncode is None:
                with contextlib.suppress(httpx.HTTPError):
                    answer = await client.get(f"{self.url}/-/ready", timeout=1)
                    if answer.status_code == 200:
                        return
                await self._clock.sleep_until(self._clock.now() + 50 * MILLISECOND)
        raise DemoError(f"the daemon did not become ready: {self._last_words()}")

    def _refuse_if_taken(self) -> None:
        host, _, port = self.address.rpartition(":")
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host or "127.0.0.1", int(port)))
            except (OSError, ValueError) as error:
                raise DemoError(
                    f"cannot listen on {self.address}: {error}. Stop what listens there (an Alertmanager?), or take "
                    "another port: alertrouter demo --web.listen-address=127.0.0.1:9094"
                ) from None

    def _last_words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        words = lines[-1] if lines else "it said nothing"
        found = re.search(r'err="(.*)"$', words)
        return found[1] if found else words

    async def kill(self) -> None:
        """End it as a crash would: it gets no chance to write anything."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    async def ended(self) -> None:
        """Wait until it ends."""
        assert self._process is not None
        await self._process.wait()
        raise DemoError(f"the daemon ended: {self._last_words()}")

    async def stop(self) -> None:
        """Stop it in order, if it runs."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(10):
                    await self._process.wait()
            if self._process.returncode is None:
                self._process.kill()
                await self._process.wait()
