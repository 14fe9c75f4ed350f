"""An unmodified amtool works against us."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from alertrouter.clock import SystemClock
from tests.api.scenes import CONFIG
from tests.api.server import Server
from tests.live.peers import peer

pytestmark = pytest.mark.live


class Amtool:
    """amtool, speaking to a server of ours on a real socket."""

    def __init__(self, path: Path, url: str, home: str) -> None:
        self._path = path
        self._url = url
        self._environment = {"HOME": home, "USER": "tester", "TZ": "UTC"}

    def __call__(self, *arguments: str, given: str = "") -> str:
        done = self.run(*arguments, given=given)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._path, f"--alertmanager.url={self._url}", *arguments],
            input=given,
            capture_output=True,
            text=True,
            check=False,
            env=self._environment,
            timeout=30,
        )

    def json(self, *arguments: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(self("-o", "json", *arguments))
        return found


@pytest.fixture
def url() -> Iterator[str]:
    server = Server(CONFIG)
    server.router.now = SystemClock().now  # type: ignore[method-assign]
    web = uvicorn.Server(
        uvicorn.Config(server.app, http="httptools", log_config=None, lifespan="off", server_header=False)
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=web.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            web.should_exit = True
            thread.join()


@pytest.fixture
def amtool(url: str, tmp_path: Path) -> Amtool:
    return Amtool(peer("ALERTROUTER_PEER_AMTOOL", "amtool"), url, str(tmp_path))


def test_alerts_are_added_and_asked_for(amtool: Amtool) -> None:
    assert amtool("alert", "query") == "Alertname  Starts At  Summary  State  \n"
    amtool("alert", "add", "Disk", "team=db", 'text="a <b> & c"', "--annotation=summary=full")
    amtool("alert", "add", "Other", "--end=2099-01-01T00:00:00Z", "--generator-url=http://prom/graph")
    rows = amtool("alert", "query").splitlines()
    assert [row.split()[0] for row in rows] == ["Alertname", "Disk", "Other"]
    (alert,) = amtool.json("alert", "query", "alertname=Disk", "team=~d.")
    assert alert["labels"] == {"alertname": "Disk", "team": "db", "text": "a <b> & c"}
    assert alert["annotations"] == {"summary": "full"}
    assert amtool.json("alert", "query", "--receiver=team-.*") == [alert]
    refused = amtool.run("alert", "query", "--receiver=(")
    assert refused.returncode == 1
    assert "getAlertsBadRequest" in refused.stderr
    assert "error parsing regexp: missing closing )" in refused.stderr
    assert "at least one label pair required" in amtool.run("alert", "add").stderr


def test_silences_live_their_life(amtool: Amtool) -> None:
    silence_id = amtool(
        "silence", "add", "Disk", "team=db", "--duration=2h", "--comment=maintenance", "--author=tester"
    ).strip()
    amtool("alert", "add", "Disk", "team=db")
    assert amtool.json("alert", "query") == []
    (muted,) = amtool.json("alert", "query", "--silenced")
    status = muted["status"]
    assert isinstance(status, dict)
    assert (status["silencedBy"], status["state"]) == ([silence_id], "suppressed")
    assert silence_id in amtool("silence", "query", "Disk")
    assert silence_id in amtool("silence", "update", silence_id, "--comment=longer", "--duration=3h")
    (shown,) = amtool.json("silence", "query", 'alertname="Disk"')
    assert (shown["comment"], shown["createdBy"]) == ("longer", "tester")
    exported = amtool("-o", "json", "silence", "query")
    amtool("silence", "expire", silence_id)
    assert amtool("silence", "query", "-q") == ""
    assert amtool("silence", "query", "--expired", "-q").strip() == silence_id
    imported = amtool("silence", "import", given=exported).strip()
    assert imported != silence_id
    assert amtool("silence", "query", "-q").strip() == imported
    unknown = amtool.run("silence", "expire", "4789e58e-a589-4744-9cb6-a6bf0636a3a9")
    assert unknown.returncode == 1
    assert "404" in unknown.stderr


def test_the_configuration_is_shown(amtool: Amtool) -> None:
    assert "route:\n" in amtool("config", "show")
    assert "ready" in amtool("cluster", "show")


def test_the_routing_tree_is_read_from_the_server(amtool: Amtool) -> None:
    if "version 0.25" in amtool("--version"):
        pytest.skip("it does not know receiver labels")
    assert "receiver: team-db" in amtool("config", "routes")
    assert amtool("config", "routes", "test", "team=db").strip() == "team-db,team-web"
