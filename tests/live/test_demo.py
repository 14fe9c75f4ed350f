"""`alertrouter demo`, as somebody runs it who has just installed us."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.processes import free_port
from tests.waiting import PATIENCE

# An incident takes three quarters of a minute.
pytestmark = [pytest.mark.live, pytest.mark.slow]

LAST_WORDS = "Ctrl-C stops the daemon."


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the demo printed; what its daemon said of itself at the end; the demo's folder, status and complaints."""

    text: str
    alerts: bytes
    folder: Path
    status: int
    complaints: str

    def count(self, name: str) -> int:
        """How many messages a stand-in says it got."""
        told = re.search(rf"Messages: .*?(\d+) {name}", self.text)
        return int(told[1]) if told else 0


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """The demo, from its start until Ctrl-C after its closing words."""
    address = f"127.0.0.1:{free_port()}"
    complaints = tmp_path_factory.mktemp("demo") / "stderr"
    with complaints.open("wb") as stderr:
        process = subprocess.Popen(
            # Whoever runs the tests in the background has the signal of Ctrl-C ignored.
            [
                "env",
                "--default-signal=INT",
                sys.executable,
                "-m",
                "alertrouter",
                "demo",
                f"--web.listen-address={address}",
            ],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            bufsize=1,
            env={**os.environ, "COLUMNS": "120"},
        )
        assert process.stdout is not None
        lines: list[str] = []
        try:
            for line in process.stdout:
                lines.append(line)
                if LAST_WORDS in line:
                    break
            text = "".join(lines)
            assert LAST_WORDS in text, text + complaints.read_text()
            with urllib.request.urlopen(f"http://{address}/api/v2/alerts", timeout=PATIENCE) as answer:
                alerts = answer.read()
            process.send_signal(signal.SIGINT)
            status = process.wait(30)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            process.stdout.close()
    folder = re.search(r"SQLite database in\s+(\S+)\.", text)
    assert folder is not None, text
    return Shown(
        text=text,
        alerts=alerts,
        folder=Path(folder[1]),
        status=status,
        complaints=complaints.read_text(),
    )


@pytest.mark.parametrize("stand_in", ["Slack", "PagerDuty", "email", "webhook"])
def test_every_receiver_is_told(shown: Shown, stand_in: str) -> None:
    assert shown.count(stand_in) >= 1


def test_what_the_receivers_show(shown: Shown) -> None:
    assert re.search(r"Slack #alerts", shown.text)
    assert re.search(r"PagerDuty trigger", shown.text)
    assert re.search(r"PagerDuty resolve", shown.text)
    assert re.search(r"Mail to on-call@example.org", shown.text)
    assert "switch-3 of eu-1 is down" in shown.text


def test_what_is_inhibited_and_silenced_is_told_to_nobody(shown: Shown) -> None:
    assert "20 alerts are inhibited." in shown.text
    chat = [line for line in shown.text.splitlines() if "db-2 take 6 seconds" in line]
    assert chat == []


def test_it_starts_from_rules(shown: Shown) -> None:
    assert "expr: host_up == 0" in shown.text
    assert "DatabaseSlow is pending: its rule wants to see that for 2 seconds." in shown.text
    assert "Its rules go on where they were: yes." in shown.text


def test_the_restart_repeats_nothing(shown: Shown) -> None:
    assert "Messages repeated by the restart: 0." in shown.text
    assert "It still knows 23 alerts and 1 silence" in shown.text


def test_the_daemon_goes_on_afterwards(shown: Shown) -> None:
    assert b"DatabaseSlow" in shown.alerts
    assert b"SwitchDown" not in shown.alerts


def test_ctrl_c_ends_it_cleanly(shown: Shown) -> None:
    assert (shown.status, shown.complaints) == (0, "")
    assert not shown.folder.exists()
