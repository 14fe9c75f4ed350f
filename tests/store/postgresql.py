"""A throw-away PostgreSQL server for the tests, when its programs are installed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


def programs() -> Path | None:
    """The folder with ``initdb`` and ``postgres``; None when there is no server here."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin/initdb"), *Path("/usr/pgsql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    if on_path:
        found.append(Path(on_path).resolve())
    return max(found).parent if found else None


def installed() -> Path:
    """The same. Skips the test when there is none; fails it instead when ALERTROUTER_REQUIRE_PEERS is 1."""
    folder = programs()
    if folder is None:
        reason = "NOT TESTED ON POSTGRESQL: no server is installed here (initdb was not found)"
        if os.environ.get("ALERTROUTER_REQUIRE_PEERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


class Server:
    """A server on a socket in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._numbers = count(1)

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """A connection for the test itself."""
        return psycopg.connect(host=str(self.directory), user="postgres", dbname=database, autocommit=True)

    def url(self, database: str) -> str:
        """The address that the store is given."""
        return f"postgresql://postgres@/{database}?host={self.directory}"

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """The address of a new, empty database."""
        name = f"t{next(self._numbers)}"
        with self.connect() as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")
        try:
            yield self.url(name)
        finally:
            with self.connect() as admin:
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def server(folder: Path) -> Iterator[Server]:
    """Start a server and end it afterwards. PostgreSQL refuses to run as root, so root lends it another user."""
    # A socket's path must be short.
    directory = Path(tempfile.mkdtemp(prefix="ar-pg-", dir="/tmp"))
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        user = {"user": "postgres", "group": "postgres", "extra_groups": []}
        shutil.chown(directory, "postgres", "postgres")
    data = directory / "data"
    quiet: dict[str, Any] = {
        "cwd": directory,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
        **user,
    }
    try:
        subprocess.run(
            [
                folder / "initdb",
                "-D",
                data,
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
            ],
            check=True,
            **quiet,
        )
        # Without a socket on the network; without what is for the day that somebody pulls the plug.
        settings = [
            "listen_addresses=",
            "fsync=off",
            "full_page_writes=off",
            "autovacuum=off",
            "max_connections=50",
        ]
        options = [word for each in settings for word in ("-c", each)]
        process = subprocess.Popen([folder / "postgres", "-D", data, "-k", directory, *options], **quiet)
        try:
            found = Server(directory)
            _wait_for(found, process)
            yield found
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _wait_for(found: Server, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert process.poll() is None, "PostgreSQL ended at once"
        with contextlib.suppress(psycopg.OperationalError):
            found.connect().close()
            return
        time.sleep(0.05)
    raise AssertionError("PostgreSQL does not answer")
