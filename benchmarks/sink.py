"""What receives the webhooks: nginx, which answers faster than anybody sends, and notes the moment of each."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Self

from benchmarks.load import HOST, LoadError
from benchmarks.processes import free_port

if TYPE_CHECKING:
    from pathlib import Path

_CONFIG = """\
worker_processes 1;
worker_rlimit_nofile {files};
daemon off;
pid nginx.pid;
error_log error.log crit;
events {{ worker_connections {connections}; }}
http {{
  log_format moment '$msec $request_length';
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  client_max_body_size 0;
  keepalive_requests 1000000000;
  server {{
    listen {host}:{port} backlog=4096;
    location / {{ return 200; }}
    location /hook {{ access_log hook.log moment; return 200; }}
  }}
}}
"""


class Sink:
    """nginx on the loopback. To be used as a context manager."""

    def __init__(self, directory: Path) -> None:
        self.port = 0
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where webhooks are to be sent; each is noted."""
        return f"http://{HOST}:{self.port}/hook"

    def __enter__(self) -> Self:
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            raise LoadError(
                "nginx is needed to receive the webhooks: install it (Debian: apt install nginx-light)"
            )
        self.port = free_port()
        self._directory.mkdir(parents=True, exist_ok=True)
        (self._directory / "hook.log").touch()
        files = min(os.sysconf("SC_OPEN_MAX"), 40_000)
        text = _CONFIG.format(host=HOST, port=self.port, files=files, connections=files - 100)
        (self._directory / "nginx.conf").write_text(text, encoding="ascii")
        self._process = subprocess.Popen(
            [program, "-p", str(self._directory), "-c", "nginx.conf", "-e", "start.log"]
        )
        for _ in range(6000):
            try:
                socket.create_connection((HOST, self.port), timeout=1).close()
            except OSError:
                time.sleep(0.01)
            else:
                return self
        self.__exit__()
        raise LoadError(f"nginx did not start: see {self._directory}/start.log")

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def forget(self) -> None:
        """Begin to count anew; to be called while nothing is sent."""
        os.truncate(self._directory / "hook.log", 0)

    def moments(self) -> list[float]:
        """When each webhook came, in seconds since the epoch, in order."""
        lines = (self._directory / "hook.log").read_bytes().splitlines()
        return sorted(float(line.split()[0]) for line in lines)

    def wait_for(self, count: int, within: float) -> list[float]:
        """The moments, once there are so many. LoadError when there are not in time."""
        end = time.monotonic() + within
        size = 0
        while time.monotonic() < end:
            now = (self._directory / "hook.log").stat().st_size
            if now != size:
                size = now
                moments = self.moments() if size >= count * 10 else []
                if len(moments) >= count:
                    return moments
            time.sleep(0.1)
        raise LoadError(f"{len(self.moments())} of {count} webhooks came within {within:g} s")
