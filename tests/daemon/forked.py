"""Daemons as processes of their own that need not import everything first.

One process imports the daemon and forks for every start; it has no threads, so that is safe.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop  # noqa: F401 - imported for the children, as is the daemon

from alertrouter import daemon  # noqa: F401
from alertrouter.cli import daemon as command_line  # noqa: F401
from alertrouter.cli import main
from tests.priority import like_parent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerContext


def context() -> ForkServerContext:
    """Processes that have the daemon imported already, so that a life takes a fraction of a second to begin."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload([__name__])
    return found


class Child:
    """A daemon as `subprocess.Popen` has one. What it says goes to ``said``, or nowhere."""

    def __init__(self, flags: Sequence[str], said: Connection | None = None) -> None:
        self._process = context().Process(
            target=_run,
            args=(list(flags), str(Path.cwd()), dict(os.environ), said, os.getpriority(os.PRIO_PROCESS, 0)),
            daemon=True,
        )
        self._process.start()
        #: Can be read once it has ended.
        self.sentinel = self._process.sentinel

    def poll(self) -> int | None:
        """Its exit status, or the signal that ended it as a negative number; None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            assert self._process.pid is not None
            os.kill(self._process.pid, number)

    def terminate(self) -> None:
        """Ask it to stop."""
        self.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Wait for its end; its exit status."""
        self._process.join()
        assert self._process.exitcode is not None
        return self._process.exitcode


class AsyncChild:
    """A daemon as `asyncio.subprocess` has one."""

    def __init__(self, child: Child, stderr: asyncio.StreamReader) -> None:
        self.stderr: asyncio.StreamReader | None = stderr
        self._child = child

    @property
    def returncode(self) -> int | None:
        """Its exit status; None while it runs."""
        return self._child.poll()

    def send_signal(self, signal: int) -> None:
        """Send it a signal, if it still runs."""
        self._child.send_signal(signal)

    def kill(self) -> None:
        """End it as a crash does."""
        self._child.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Wait for its end; its exit status."""
        if self._child.poll() is None:
            loop, ended = asyncio.get_running_loop(), asyncio.Event()
            watched = os.dup(self._child.sentinel)  # of its own, should several wait
            loop.add_reader(watched, ended.set)
            try:
                await ended.wait()
            finally:
                loop.remove_reader(watched)
                os.close(watched)
        return self._child.wait()


async def begin(flags: Sequence[str]) -> AsyncChild:
    """Start a daemon with these flags."""
    reader, writer = context().Pipe(duplex=False)
    with writer:
        child = await asyncio.to_thread(Child, flags, writer)
    stream = asyncio.StreamReader()
    with reader:
        pipe = os.fdopen(os.dup(reader.fileno()), "rb")
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), pipe)
    return AsyncChild(child, stream)


def _run(
    flags: list[str], folder: str, variables: dict[str, str], said: Connection | None, priority: int
) -> None:
    os.chdir(folder)
    like_parent(priority)
    os.environ.clear()
    os.environ.update(variables)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number, file in enumerate((nothing, nothing, nothing if said is None else said.fileno())):
        os.dup2(file, number)
    if said is not None:
        said.close()
    # Those of the parent are made for the files that it had.
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, "w" if number else "r", closefd=False) for number in range(3)
    )
    sys.argv = ["alertrouter", *flags]
    main.alertrouter()
