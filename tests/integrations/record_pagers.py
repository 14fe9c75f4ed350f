"""Records what a real Alertmanager sends to the pagers: ``python -m tests.integrations.record_pagers /path/to/alertmanager``.

The configuration is `recorded/pagers.yml`, the alerts are the scenes here. One Alertmanager plays all scenes, one
after the other, in real time.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "recorded"
CONFIG = FOLDER / "pagers.yml"
RECORDED = FOLDER / "pagers.json"

EXTERNAL_URL = "http://am.example:9093"
GENERATOR_URL = "http://prometheus.example/graph?g0.expr=up&g0.tab=1"

_DB1 = {"alertname": "DiskFull", "instance": "db1", "severity": "critical"}
_DB2 = {"alertname": "DiskFull", "instance": "db2", "severity": "warning"}
_ODD = {"alertname": "Größe <&> 💥", "pfad": 'C:\\"x"', "zeile": "a\nb\u2028c"}

#: For each scene the alerts that are posted: the labels, and whether the alert is over.
SCENES: list[list[tuple[dict[str, str], bool]]] = [
    [(_DB1, False), (_DB2, False), (_ODD, False)],
    [(_DB1, False), (_DB2, True), (_ODD, False)],
    [(_DB1, True), (_ODD, False)],
]


def annotations_of(labels: dict[str, str]) -> dict[str, str]:
    where = labels.get("instance", "e\u0301 שלום")
    return {"summary": f"{where} in <trouble> & more"}


class Recorder(ThreadingHTTPServer):
    """A service that takes everything and remembers it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[list[str]] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Recorder

    def do_POST(self) -> None:
        self._take()

    def do_PUT(self) -> None:
        self._take()

    def _take(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        said = [self.command, self.path, self.headers["Content-Type"], body]
        self.server.received.append(said)
        answer = b'{"ok":true,"result":{"message_id":1,"date":1,"chat":{"id":1}}}'
        if self.path.startswith("/sns"):
            answer = (
                b"<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>"
            )
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is told of each request."""


def record(alertmanager: str) -> list[list[str]]:
    """Everything that is sent in all scenes, each request once, in order."""
    recorder = Recorder()
    threading.Thread(target=recorder.serve_forever, daemon=True).start()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as storage:
        config = Path(storage) / "alertmanager.yml"
        config.write_text(CONFIG.read_text().replace("@HOST@", f"127.0.0.1:{recorder.server_port}"))
        command = [
            alertmanager,
            f"--config.file={config}",
            f"--storage.path={storage}",
            "--cluster.listen-address=",
            f"--web.listen-address=127.0.0.1:{port}",
            f"--web.external-url={EXTERNAL_URL}",
            "--web.route-prefix=/",
        ]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                time.sleep(2)
                began = _now()
                for scene in SCENES:
                    _post(f"http://127.0.0.1:{port}/api/v2/alerts", scene, began)
                    time.sleep(4)
            finally:
                process.terminate()
    recorder.shutdown()
    return [list(each) for each in sorted({tuple(each) for each in recorder.received})]


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _post(url: str, scene: list[tuple[dict[str, str], bool]], began: str) -> None:
    alerts = [
        {
            "labels": labels,
            "annotations": annotations_of(labels),
            "generatorURL": GENERATOR_URL,
            "startsAt": began,
            **({"endsAt": _now()} if is_over else {}),
        }
        for labels, is_over in scene
    ]
    request = urllib.request.Request(url, json.dumps(alerts).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=5).close()


def main() -> None:
    alertmanager = sys.argv[1]
    version = subprocess.run([alertmanager, "--version"], capture_output=True, text=True, check=True).stdout
    recorded = {"alertmanager": version.split()[2], "requests": record(alertmanager)}
    RECORDED.write_text(json.dumps(recorded, indent=1) + "\n")


if __name__ == "__main__":
    main()
