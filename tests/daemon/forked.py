"""Daemons as processes of their own that need not import everything first.

One process imports the daemon and forks for every start; it has no threads, so that is safe.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Self, cast

from tests.daemon.process import Daemon

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Forked:
    """Starts daemons. Use it in a `with` block; its end is theirs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.daemon.forked"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, flags: Sequence[str], log: str = os.devnull) -> Child:
        """A daemon with these flags; its standard error is added to a file."""
        return Child(self, int(self.ask(["start", log, *flags])))

    def ask(self, words: Sequence[str | int]) -> Any:
        """What the process answers to a command."""
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(words) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


@dataclass(frozen=True, slots=True)
class Child:
    """A running daemon, as `subprocess.Popen` has one."""

    of: Forked
    pid: int

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        status: int | None = self.of.ask(["poll", self.pid])
        return status

    def terminate(self) -> None:
        """Ask it to stop."""
        os.kill(self.pid, signal.SIGTERM)

    def wait(self) -> int:
        """Wait for its end."""
        return int(self.of.ask(["wait", self.pid]))


class ForkedDaemon(Daemon):
    """The daemon under test, forked."""

    def __init__(self, forked: Forked, folder: Path, configuration: str, *flags: str) -> None:
        super().__init__(folder, configuration, *flags)
        self._forked = forked

    async def launch(self) -> None:
        self.said.clear()
        log = self.folder / f"log-{time.monotonic_ns()}"
        log.touch()
        process = _Process(self._forked.start(self.flags(), str(log)))
        # All that is done with a process here can be done with this one.
        self.process = cast("asyncio.subprocess.Process", process)
        self._reading = asyncio.create_task(self._follow(log, process))

    async def _follow(self, log: Path, process: _Process) -> None:
        with log.open() as lines:
            while True:
                ended = process.returncode is not None
                self.said.extend(line for line in lines if line.strip())
                if ended:
                    return
                await asyncio.sleep(0.05)


class _Process:
    def __init__(self, child: Child) -> None:
        self._child = child
        self._status: int | None = None
        self.pid = child.pid

    @property
    def returncode(self) -> int | None:
        if self._status is None:
            self._status = self._child.poll()
        return self._status

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        while (status := self.returncode) is None:
            await asyncio.sleep(0.01)
        return status


def _serve() -> None:
    import uvloop  # noqa: F401 - imported for the children, as are the others

    from alertrouter import daemon  # noqa: F401
    from alertrouter.cli import main  # noqa: F401

    gc.freeze()
    ended: dict[int, int] = {}
    for line in sys.stdin:
        words = json.loads(line)
        answer: int | None
        if words[0] == "start":
            answer = os.fork()
            if answer == 0:
                _run(words[1], words[2:])
        else:
            pid = words[1]
            if pid not in ended:
                found, status = os.waitpid(pid, os.WNOHANG if words[0] == "poll" else 0)
                if found:
                    ended[pid] = os.waitstatus_to_exitcode(status)
            answer = ended.get(pid)
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


def _run(log: str, flags: list[str]) -> NoReturn:
    from alertrouter.cli import main

    nothing = os.open(os.devnull, os.O_RDWR)
    for number, to in enumerate((nothing, nothing, os.open(log, os.O_WRONLY | os.O_APPEND))):
        os.dup2(to, number)
    # The buffers of the parent must not be read, nor written, once more.
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, "w" if number else "r", closefd=False) for number in range(3)
    )
    sys.argv = ["alertrouter", *flags]
    status = 70
    try:
        main.alertrouter()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0
    finally:
        os._exit(status)


if __name__ == "__main__":
    _serve()
