"""The programs of others that live tests run beside ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def peer(variable: str, *names: str) -> Path:
    """The program that an environment variable names, or the first of these names on the PATH.

    Skips the test when there is none; fails it instead when ALERTROUTER_REQUIRE_PEERS is 1.
    """
    found = os.environ.get(variable) or next(filter(None, map(shutil.which, names)), None)
    if found and Path(found).exists():
        return Path(found)
    reason = f"{found or names[0]} is not there: set {variable} to its path"
    if os.environ.get("ALERTROUTER_REQUIRE_PEERS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def version(program: Path) -> tuple[int, int]:
    """Major and minor version of one of Prometheus' programs."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    major, minor, *_ = (done.stdout or done.stderr).split()[2].split(".")
    return int(major), int(minor)


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    ready: str,
    log: Path,
    directory: Path,
    started: list[subprocess.Popen[bytes]] | None = None,
) -> Iterator[None]:
    """Run a server until the end of the block; entered when the URL ``ready`` answers 200. It is added to ``started``."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=directory)
        if started is not None:
            started.append(process)
        try:
            _wait(process, ready, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    def is_there() -> bool:
        if process.poll() is not None:
            pytest.fail(f"the server ended instead of coming up at {url}:\n{log.read_text()}")
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    try:
        wait_until(is_there)
    except TimeoutError:
        pytest.fail(f"the server did not come up at {url}:\n{log.read_text()}")
