"""Records what a real Alertmanager sends to the rooms: ``python -m tests.integrations.record_rooms /path/to/alertmanager``.

The configuration is `recorded/rooms.yml`, what happens is `STORY`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alertrouter.core.time import format_rfc3339
from benchmarks.processes import free_port
from tests.integrations.examples import NOON
from tests.integrations.play import ENDED_AT, EXTERNAL_URL, GENERATOR_URL, Report
from tests.integrations.test_jira import Vendor as Jira
from tests.live.peers import running
from tests.receivers import Answer, HttpReceiver, ReceivedRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

RECORDED = Path(__file__).parent / "recorded"
CONFIGURATION = RECORDED / "rooms.yml"
REQUESTS = RECORDED / "rooms.json"

_DB1 = {"alertname": "Größe <&> 💥\u2028", "instance": "db1", "severity": "critical"}
_DB2 = {"alertname": "Größe <&> 💥\u2028", "instance": "db2", "severity": "warning", "odd": 'a"b\\c'}
STORY: list[list[Report]] = [
    [Report(_DB1)],
    [Report(_DB2)],
    [Report(_DB1, resolved=True)],
    [Report(_DB2, resolved=True)],
    [Report(_DB2, starts_at=NOON)],
]

# Headers that say nothing of the message, or name the program that sends it.
_NOT_COMPARED = {"host", "content-length", "accept-encoding", "connection", "user-agent"}
_PLEASED = json.dumps({"success": True, "errcode": 0, "access_token": "to&ken"}).encode()


class Services:
    """All services behind one address: the first part of a path names the service, and up to a dash its kind."""

    def __init__(self) -> None:
        self.requests: dict[str, list[dict[str, Any]]] = {}
        self._jiras: dict[str, Jira] = {}

    def __call__(self, request: ReceivedRequest) -> Answer:
        service = request.target.removeprefix("/").replace("?", "/").partition("/")[0]
        headers = {name: value for name, value in request.headers.items() if name not in _NOT_COMPARED}
        self.requests.setdefault(service, []).append(
            {
                "request": f"{request.method} {request.target}",
                "headers": dict(sorted(headers.items())),
                "body": request.body.decode(),
            }
        )
        if service.startswith("jira"):
            return self._jiras.setdefault(service, Jira())(request)
        return Answer(200, _PLEASED, {"Content-Type": "application/json"})


def file_text(url: str) -> str:
    """The configuration with the address of the services in it."""
    return CONFIGURATION.read_text(encoding="utf-8").replace("{url}", url)


async def _record(alertmanager: str, directory: Path) -> dict[str, Any]:
    services = Services()
    async with HttpReceiver() as receiver:
        receiver.answer_with(services)
        file = directory / "rooms.yml"
        file.write_text(file_text(receiver.url("").rstrip("/")), encoding="utf-8")
        await asyncio.to_thread(_run, alertmanager, file)
    return {name: services.requests[name] for name in sorted(services.requests)}


def _run(alertmanager: str, file: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        alertmanager,
        f"--config.file={file}",
        f"--storage.path={file.parent / 'data'}",
        "--cluster.listen-address=",
        f"--web.listen-address={url.removeprefix('http://')}",
        f"--web.external-url={EXTERNAL_URL}",
        "--web.route-prefix=/",
    ]
    with running(command, ready=f"{url}/-/ready", log=file.with_suffix(".log"), directory=RECORDED):
        for reports in STORY:
            _post(f"{url}/api/v2/alerts", reports)


def _post(url: str, reports: Sequence[Report]) -> None:
    alerts = [
        {
            "labels": report.labels,
            "annotations": report.annotations,
            "startsAt": format_rfc3339(report.starts_at),
            "generatorURL": GENERATOR_URL,
            **({"endsAt": format_rfc3339(ENDED_AT)} if report.resolved else {}),
        }
        for report in reports
    ]
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(alerts).encode(), headers)
    with urllib.request.urlopen(request, timeout=10):
        # Longer than the group's interval: what is said of these is said before the next come.
        time.sleep(2.5)


def main() -> None:
    alertmanager = sys.argv[1]
    printed = subprocess.run([alertmanager, "--version"], capture_output=True, text=True, check=True).stdout
    with tempfile.TemporaryDirectory() as directory:
        requests = asyncio.run(_record(alertmanager, Path(directory)))
    answer = {"alertmanager": printed.split()[2], "requests": requests}
    REQUESTS.write_text(json.dumps(answer, indent=1, ensure_ascii=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
