"""Records what a real Alertmanager's webhook sends for the payloads in ``structure_corpus.py``.

    python -m tests.templating.record_structures path/to/alertmanager

Each structure, and one that holds all the texts, is the payload of a receiver of its own; one alert goes to all.
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
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from tests.templating.structure_corpus import STRUCTURES, TEXTS

HERE = Path(__file__).parent
ALERT = {
    "labels": {"alertname": "Disk", "job": "node"},
    "annotations": {"summary": "it is <full>"},
    "startsAt": "2024-05-06T07:08:09.123Z",
    "generatorURL": "http://prom/graph?a=1&b=2",
}
EXTERNAL_URL = "http://am.example.org:9093"


class Receiver(BaseHTTPRequestHandler):
    """Keeps the body that came for each path."""

    bodies: dict[str, Any] = {}  # noqa: RUF012  # the server makes a handler a request

    def do_POST(self) -> None:
        """Answer 200 to everything."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.bodies[self.path] = json.loads(body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def main(alertmanager: str) -> None:
    """Run it, and write down what it sends."""
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    payloads = {f"text{place}": {"v": text} for place, text in enumerate(TEXTS)} | {
        f"structure{place}": structure for place, structure in enumerate(STRUCTURES)
    }
    webhooks = [
        {"url": f"http://127.0.0.1:{server.server_port}/{name}", "payload": payload}
        for name, payload in (*payloads.items(), ("default", None))
    ]
    for webhook in webhooks:
        if webhook["payload"] is None:
            del webhook["payload"]
    config = {
        "route": {"receiver": "team.x", "group_by": ["alertname"], "group_wait": "0s"},
        "receivers": [{"name": "team.x", "webhook_configs": webhooks}],
    }
    address = f"127.0.0.1:{free_port()}"
    version = subprocess.run([alertmanager, "--version"], capture_output=True, text=True, check=True)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "alertmanager.yml"
        file.write_text(dump(config), encoding="utf-8")
        process = subprocess.Popen(
            [alertmanager, f"--config.file={file}", f"--storage.path={folder}", f"--web.listen-address={address}",
             f"--web.external-url={EXTERNAL_URL}", "--cluster.listen-address="],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            post(address)
            wait(len(webhooks))
        finally:
            process.terminate()
            process.wait()
    bodies = Receiver.bodies
    document = {
        "recorded_from": version.stdout.split("\n", maxsplit=1)[0].partition(" (")[0],
        "texts": [
            {"text": text, "value": bodies[f"/text{place}"]["v"]}
            for place, text in enumerate(TEXTS)
            if f"/text{place}" in bodies
        ],
        "structures": [
            {"structure": structure, "value": bodies.get(f"/structure{place}")}
            for place, structure in enumerate(STRUCTURES)
        ],
        "webhook": bodies["/default"],
    }
    text = json.dumps(document, indent=0, ensure_ascii=False)
    (HERE / "recorded" / "structures.json").write_text(text + "\n", encoding="utf-8")
    print("nothing came for", sorted(set(payloads) - {path[1:] for path in bodies}))  # noqa: T201


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def dump(value: Any) -> str:
    """JSON is YAML, and leaves no doubt about what is a text."""
    return json.dumps(value, ensure_ascii=True)


def post(address: str) -> None:
    """Post the alert as soon as the API listens."""
    request = urllib.request.Request(
        f"http://{address}/api/v2/alerts", json.dumps([ALERT]).encode(), {"Content-Type": "application/json"}
    )
    for _ in range(100):
        try:
            urllib.request.urlopen(request).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("Alertmanager does not listen")


def wait(count: int) -> None:
    """Until everything came, or nothing more seems to come."""
    for _ in range(100):
        if len(Receiver.bodies) == count:
            return
        time.sleep(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
