"""Servers as processes: started with their own storage, watched through /proc, ended by their number."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from benchmarks.load import HOST, LoadError, get

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_TICKS = os.sysconf("SC_CLK_TCK")
_START_WITHIN = 60.0
_STOP_WITHIN = 15.0
_LOOK_EVERY = 0.005
_FIRST_PORT = 10_000
_CHANCE = random.SystemRandom()


def free_port() -> int:
    """A port of the loopback that nobody listens on, and that no other program is given by chance before it is used."""
    # What asks for any port, and every connection, gets one of these.
    with contextlib.suppress(OSError, ValueError):
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
        for _ in range(100):
            # Of the system: tests seed the other generator alike in all their processes.
            port = _CHANCE.randrange(_FIRST_PORT, first)
            with contextlib.suppress(OSError), socket.socket() as probe:
                probe.bind((HOST, port))
                return port
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _family(pid: int) -> Iterator[int]:
    """A process and all its descendants."""
    yield pid
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                yield from _family(int(child))


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its descendants so far."""
    total = 0
    for each in _family(pid):
        with contextlib.suppress(OSError):
            # The name, which may contain anything, ends with the last parenthesis.
            fields = Path(f"/proc/{each}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def memory(pid: int, line: str = "VmRSS") -> float:
    """Resident megabytes of a process and its descendants; with ``VmHWM`` the most there ever were."""
    total = 0
    for each in _family(pid):
        with contextlib.suppress(OSError):
            for text in Path(f"/proc/{each}/status").read_text(encoding="utf-8").splitlines():
                if text.startswith(line + ":"):
                    total += int(text.split()[1])
    return total / 1024


def _as_installed(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment, in which a program written in Python keeps its compiled modules, as an installed one has them."""
    return {name: value for name, value in environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class Peer:
    """A program that takes Alertmanager's flags; ``name`` is its column in the table."""

    def __init__(self, name: str, program: str, flags: Sequence[str] = ()) -> None:
        self.name = name
        self.program = program
        self.flags = flags


class Server:
    """A running peer, with a directory of its own under ``directory``. To be used as a context manager."""

    def __init__(self, peer: Peer, directory: Path, config: str, *flags: str) -> None:
        self.peer = peer
        self.directory = directory
        self.port = 0
        self._flags = flags
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "alertmanager.yml").write_text(config, encoding="utf-8")

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self._process is not None, "it runs"
        return self._process.pid

    def start(self) -> float:
        """Start it; the seconds until ``/-/ready`` said so."""
        self.port = free_port()
        command = [
            self.peer.program,
            "--config.file=alertmanager.yml",
            "--storage.path=data",
            f"--web.listen-address={HOST}:{self.port}",
            "--cluster.listen-address=",
            "--log.level=warn",
            *self.peer.flags,
            *self._flags,
        ]
        begun = time.monotonic()
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.directory, env=_as_installed(os.environ), stdout=log, stderr=log
            )
        while time.monotonic() - begun < _START_WITHIN:
            with contextlib.suppress(OSError):
                if get(self.port, "/-/ready", timeout=_START_WITHIN).status == 200:
                    return time.monotonic() - begun
            if self._process.poll() is not None:
                break
            time.sleep(_LOOK_EVERY)
        self.stop()
        raise LoadError(f"{self.peer.name} did not get ready: {self.log_end()}")

    def log_end(self) -> str:
        """The end of what it logged."""
        return (self.directory / "log").read_text(encoding="utf-8", errors="replace")[-2000:].strip()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it in order if it goes, by force if not."""
        if self._process is None:
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_WITHIN)
        self.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        # What is stored is thrown away with the directory: nobody needs it written in order.
        self.kill()

    def cpu(self) -> float:
        """CPU seconds so far."""
        return cpu_seconds(self.pid)

    def resident(self) -> float:
        """Resident megabytes now."""
        return memory(self.pid)

    def peak(self) -> float:
        """The most resident megabytes there ever were."""
        return memory(self.pid, "VmHWM")
