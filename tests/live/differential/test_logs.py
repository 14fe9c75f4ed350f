"""What a real Alertmanager and our daemon write to their logs about the same things: the messages that tools look for."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.processes import free_port
from tests.live.peers import running
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.live

CONFIG = "route: {receiver: a, repeat_interval: 1000h}\nreceivers: [{name: a}, {name: unused}]\n"
SILENCE = {
    "matchers": [{"name": "a", "value": "b", "isRegex": False}],
    "startsAt": "2026-11-20T16:00:00Z",
    "endsAt": "2099-01-01T00:00:00Z",
    "createdBy": "me",
    "comment": "c",
}
# Their messages that ours has not, or not so, and why.
KNOWN = {
    "gossip": "there is none here",
    "Received SIGTERM, exiting gracefully...": "0.34 says it in two other lines, as we do",
    "repeat_interval is greater than the data retention period": "the log is kept for as long as it takes here",
    "Failed to create silence: ": "the reason is a field here, as with other errors",
}

Line = tuple[str, str, frozenset[str]]


def said(command: Sequence[str | Path], folder: Path) -> list[Line]:
    """Level, message and names of the fields of each line, in order, of a daemon to which some things happen."""
    folder.mkdir()
    config, log, port = folder / "am.yml", folder / "log", free_port()
    config.write_text(CONFIG)
    url = f"http://127.0.0.1:{port}"
    flags = [
        f"--config.file={config}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.format=json",
        "--log.silences",
    ]
    started: list[subprocess.Popen[bytes]] = []
    with running([*command, *flags], ready=f"{url}/-/ready", log=log, directory=folder, started=started):
        silence = json.loads(_post(f"{url}/api/v2/silences", SILENCE))["silenceID"]
        _post(
            f"{url}/api/v2/silences",
            {**SILENCE, "id": silence, "matchers": [*SILENCE["matchers"], *SILENCE["matchers"]]},
        )
        _post(f"{url}/api/v2/silences", {**SILENCE, "endsAt": "2020-01-01T00:00:00Z"})
        _post(f"{url}/api/v2/alerts", [{"labels": {}}])
        _ask(f"{url}/api/v1/alerts")
        _post(f"{url}/-/reload", None)
        started[0].send_signal(signal.SIGHUP)
        _wait(log, "Completed loading", 2)
        config.write_text("route: {}")
        _post(f"{url}/-/reload", None)
        started[0].send_signal(signal.SIGHUP)
        _wait(log, "Loading configuration file failed", 2)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert all(list(line)[:4] == ["time", "level", "source", "msg"] for line in lines)
    return [
        (line["level"], line["msg"], frozenset(line) - {"time", "level", "source", "msg"}) for line in lines
    ]


def _wait(log: Path, text: str, times: int) -> None:
    wait_until(lambda: log.read_text().count(text) >= times)


def _post(url: str, body: object) -> bytes:
    data = b"" if body is None else json.dumps(body).encode()
    return _ask(urllib.request.Request(url, data, {"Content-Type": "application/json"}))


def _ask(request: str | urllib.request.Request) -> bytes:
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            found: bytes = answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            found = refused.read()
    return found


def test_tools_find_the_messages_they_look_for(alertmanager: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as both:
        theirs = both.submit(said, [alertmanager], tmp_path / "theirs")
        ours = both.submit(said, [sys.executable, "-m", "alertrouter"], tmp_path / "ours").result()
    missing = []
    for level, message, fields in theirs.result():
        if any(known in message for known in KNOWN):
            continue
        if not any(level == each[0] and message == each[1] and fields <= each[2] for each in ours):
            missing.append((level, message, sorted(fields), [each for each in ours if each[1] == message]))
    assert missing == []
    messages = [message for _, message, _ in ours]
    for wanted in ("Loading configuration file failed", "create silence", "expire silence", "Listening on"):
        assert wanted in messages
