"""Command lines as processes of their own that need not import everything first.

One process imports the programs and forks for every command line; it has no threads, so that is safe.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NoReturn, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class Forking:
    """Runs command lines in a directory, in a time zone. Use it in a `with` block."""

    def __init__(self, zone: str = "UTC") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.forking", zone],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, words: list[str], stdin: str, directory: Path, home: str = "home") -> tuple[str, str, int]:
        """Standard output, standard error and exit status of ``artool …`` or ``alertrouter …``.

        Any other name is artool by another name. ``home`` is a folder in the directory.
        """
        streams = [directory / f".{name}" for name in ("stdin", "stdout", "stderr")]
        streams[0].write_text(stdin)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([words, str(directory), home, list(map(str, streams))]) + "\n")
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        return streams[1].read_text(), streams[2].read_text(), status

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()


def _serve() -> None:
    import httpx

    import alertrouter

    # All that a child may come to need, so that it need not read it.
    for module in pkgutil.walk_packages(alertrouter.__path__, "alertrouter."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    httpx.Client().close()  # httpx, too, imports late
    "".encode("idna")
    "".encode("utf-8-sig")
    gc.freeze()  # so that no child touches what it does not use
    for line in sys.stdin:
        words, directory, home, streams = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(words, directory, home, streams)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


def _run(words: list[str], directory: str, home: str, streams: list[str]) -> NoReturn:
    from alertrouter.cli import main

    os.chdir(directory)
    os.environ["HOME"] = f"{directory}/{home}"
    os.environ["TZ"] = sys.argv[1]
    time.tzset()
    for number, path in enumerate(streams):
        os.dup2(
            os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            number,
        )
    # The buffers of the parent must not be read, nor written, once more.
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, "w" if number else "r", closefd=False) for number in range(3)
    )
    sys.argv = words
    status = 70
    try:
        (main.alertrouter if words[0] == "alertrouter" else main.artool)()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0
    except Exception:  # noqa: BLE001  # the interpreter would print any
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve()
