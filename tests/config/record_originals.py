"""Records how a real Alertmanager prints each file of `originals/`: ``python -m tests.config.record_originals /path/to/alertmanager``."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ORIGINALS = Path(__file__).parent / "originals"


def printed(alertmanager: str, file: Path) -> str:
    """``config.original`` of the status, as the program prints the file."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as storage:
        command = [
            alertmanager,
            f"--config.file={file.name}",
            f"--storage.path={storage}",
            "--cluster.listen-address=",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        with subprocess.Popen(command, cwd=file.parent, stderr=subprocess.PIPE) as process:
            try:
                return _ask(f"http://127.0.0.1:{port}/api/v2/status")
            finally:
                process.terminate()


def _ask(url: str) -> str:
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(json.load(answer)["config"]["original"])
        except urllib.error.URLError:
            time.sleep(0.1)
    raise TimeoutError(f"{url} does not answer")


def main() -> None:
    for file in sorted(ORIGINALS.glob("*.yml")):
        file.with_suffix(".printed").write_text(printed(sys.argv[1], file))


if __name__ == "__main__":
    main()
