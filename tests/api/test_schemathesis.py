"""Both descriptions of our API, held against a started daemon by schemathesis; and every path of it is in one of them."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from tests.api.play import Scene, Step
from tests.api.record import Running, program, running
from tests.api.scenes import CONFIG
from tests.api.server import Server

V2 = Path(__file__).parents[2] / "docs" / "openapi.yaml"
# What must hold of every answer. That an ended silence can still be read is as it should be.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


def described() -> set[str]:
    v2 = yaml.safe_load(V2.read_text())
    own = json.loads(Server(CONFIG).get("/api/alertrouter/v1/openapi.json").body)
    return {f"/api/v2{path}" for path in v2["paths"]} | set(own["paths"])


def test_the_paths_are_described() -> None:
    server = Server(CONFIG)
    paths = described()
    for path in paths - {"/api/v2/silence/{silenceID}", "/api/alertrouter/v1/receivers/{name}/test"}:
        methods = server.ask(Step("PUT", path))
        assert methods.status == 405, path
    assert len(paths) >= 14


@pytest.mark.slow  # starts the daemon, and asks it some thousand things
def test_answers_are_as_they_are_described(tmp_path: Path) -> None:
    daemon = program(sys.executable, "-m", "alertrouter")
    with running(daemon, Scene("schemathesis", [], CONFIG)) as server, ThreadPoolExecutor(2) as both:
        own = tmp_path / "own.json"
        own.write_bytes(server.ask(Step("GET", "/api/alertrouter/v1/openapi.json")).body)
        found = list(both.map(lambda each: _run(server, *each), [(V2, "/api/v2"), (own, "")]))
        assert server.ask(Step("GET", "/-/ready")).status == 200
    for done in found:
        assert done.returncode == 0, done.stdout[-4000:]


def _run(server: Running, document: Path, base: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            "run",
            document,
            f"--url=http://127.0.0.1:{server.port}{base}",
            f"--checks={','.join(CHECKS)}",
            "--mode=all",
            "--phases=coverage,fuzzing,stateful",
            "--max-examples=15",
            "--seed=1",
            # The stream of events has no end.
            "--request-timeout=5",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=server.folder,
    )
