"""Every command line to artool and to a real amtool, of the same real Alertmanager; and to amtool, of it and of our daemon.

What is printed must be equal, and the exit status. Where it is not, on purpose, the case says why; such a difference fails when
it is none any more.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.processes import free_port
from tests.cli.forking import Forking
from tests.live.differential.commands import CHANGING, FILES, LOOKING, NEW, STATE, Case
from tests.live.peers import peer, running, version

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.live

ZONE = "Europe/Helsinki"


class Server:
    """A server in a folder of its own, with the same configuration, files and state as every other."""

    def __init__(self, program: Path, amtool: Path, directory: Path, cluster: int) -> None:
        self.directory = directory
        self._cluster = cluster
        self.address = f"127.0.0.1:{free_port()}"
        self._amtool = amtool
        self.version = version(amtool)
        self.pending = ""
        self._program = program

    @contextmanager
    def up(self) -> Iterator[Server]:
        """Run it until the end of the block."""
        for name, text in FILES.items():
            (self.directory / name).parent.mkdir(exist_ok=True, parents=True)
            (self.directory / name).write_text(text)
        command: list[str | Path] = [
            self._program,
            f"--config.file={self.directory / 'am.yml'}",
            f"--storage.path={self.directory / 'data'}",
            f"--web.listen-address={self.address}",
            # A cluster of one. Only theirs listens there.
            f"--cluster.listen-address=127.0.0.1:{self._cluster}",
            "--cluster.peer-name=me",
            "--cluster.settle-timeout=0s",
        ]
        log = self.directory / "log"
        with running(command, ready=f"http://{self.address}/-/ready", log=log, directory=self.directory):
            for line in STATE:
                out, error, status = self.amtool(Case(line))
                assert (error, status) == ("", 0), (line, out)
            self.pending = self.amtool(Case("silence query -q foo"))[0].split()[0]
            yield self

    def amtool(self, case: Case) -> tuple[str, str, int]:
        """What a real amtool prints: standard output, standard error and exit status."""
        done = subprocess.run(
            [self._amtool, *self._words(case)],
            input=case.stdin,
            stdin=subprocess.DEVNULL if case.stdin is None else None,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.directory,
            env={"PATH": os.environ["PATH"], "HOME": str(self.directory / case.home), "TZ": ZONE},
        )
        return self._same((done.stdout, done.stderr, done.returncode))

    def artool(self, forking: Forking, case: Case) -> tuple[str, str, int]:
        """What ours prints, called by amtool's name."""
        return self._same(
            forking.run(["amtool", *self._words(case)], case.stdin or "", self.directory, case.home)
        )

    def _words(self, case: Case) -> list[str]:
        words = shlex.split(case.line.replace("SERVER", self.address).replace("PENDING", self.pending))
        if not any("alertmanager.url" in word for word in words) and case.home != "told":
            words.insert(0, f"--alertmanager.url=http://{self.address}")
        return ["--no-version-check", *words]

    def _same(self, printed: tuple[str, str, int]) -> tuple[str, str, int]:
        out, error, status = printed
        return out.replace(self.address, "SERVER"), error.replace(self.address, "SERVER"), status


@pytest.fixture(scope="module")
def forking() -> Iterator[Forking]:
    with Forking(ZONE) as forking:
        yield forking


@pytest.fixture(scope="module")
def amtool() -> Path:
    return peer("ALERTROUTER_PEER_AMTOOL", "amtool")


@pytest.fixture(scope="module")
def alertmanager() -> Path:
    return peer("ALERTROUTER_PEER_ALERTMANAGER", "alertmanager", "prometheus-alertmanager")


@pytest.fixture(scope="module")
def server(alertmanager: Path, amtool: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(alertmanager, amtool, tmp_path_factory.mktemp("peer"), free_port()).up() as server:
        yield server


@pytest.fixture
def fresh_pair(alertmanager: Path, amtool: Path, tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """An Alertmanager and our daemon that nobody has spoken to yet."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").mkdir()
    ours = Path(sys.executable).with_name("alertrouter")
    cluster = free_port()
    with (
        Server(alertmanager, amtool, tmp_path / "theirs", cluster).up() as their_server,
        Server(ours, amtool, tmp_path / "ours", cluster).up() as our_server,
    ):
        yield their_server, our_server


_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# amtool writes what it has to say of matchers on standard output, where scripts read ids and JSON; we do not.
_LOG_LINE = re.compile(r"(?m)^(?:time|ts)=\S+ (?:level|caller)=.*\n")
_OUR_WARNING = re.compile(r"(?m)^Warning: the matchers .*\n")


_MOMENT = re.compile(r"\b20[0-8]\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?|\b\d?\d:\d\d[AP]M\b")


def _comparable(printed: tuple[str, str, int], *, mask: bool) -> tuple[str, str, int]:
    out, error, status = printed
    out, error = _LOG_LINE.sub("", out), _OUR_WARNING.sub("", _LOG_LINE.sub("", error))
    if mask:  # what differs from one run to the next
        out, error = (_MOMENT.sub("<moment>", _UUID.sub("<id>", text)) for text in (out, error))
    return out, error, status


def _compare(server: Server, forking: Forking, case: Case, *, mask: bool) -> str:
    """What differs although it should not, or agrees although there is a reason; empty when all is well."""
    theirs = _comparable(server.amtool(case), mask=mask)
    ours = _comparable(server.artool(forking, case), mask=mask)
    if case.differs:
        return f"{case.line}: no difference any more: {case.differs}" if ours == theirs else ""
    return "" if ours == theirs else f"{case.line}\n  amtool {theirs}\n  artool {ours}"


@pytest.mark.parametrize("case", LOOKING, ids=lambda case: f"{case.line} {case.home}".removesuffix(" home"))
def test_looking_prints_the_same(server: Server, forking: Forking, case: Case) -> None:
    if server.version < case.since:
        pytest.skip(f"amtool {server.version} is older than {case.since}")
    assert _compare(server, forking, case, mask=False) == ""


def test_changing_prints_the_same(server: Server, forking: Forking) -> None:
    if server.version < NEW:
        pytest.skip(f"amtool {server.version} is older than {NEW}")
    problems = [_compare(server, forking, case, mask=True) for case in CHANGING]  # in this order

    assert "\n".join(filter(None, problems)) == ""


def test_amtool_sees_no_difference_between_the_servers(fresh_pair: tuple[Server, Server]) -> None:
    server, our_server = fresh_pair
    if server.version < NEW:
        pytest.skip(f"amtool {server.version} is older than {NEW}")
    problems = []
    for case in [*LOOKING, *CHANGING]:
        theirs = _comparable(server.amtool(case), mask=True)
        ours = _comparable(our_server.amtool(case), mask=True)
        if case.of_server and ours == theirs:
            problems.append(f"{case.line}: no difference any more: {case.of_server}")
        elif not case.of_server and not _prints_addresses(case) and ours != theirs:
            problems.append(f"{case.line}\n  of Alertmanager {theirs}\n  of alertrouter  {ours}")

    assert "\n".join(problems) == ""


def _prints_addresses(case: Case) -> bool:
    return "memory" in case.differs


def test_there_are_enough_to_tell() -> None:
    assert len([*LOOKING, *CHANGING]) >= 180


def test_silences_move_from_one_server_to_another(
    fresh_pair: tuple[Server, Server], forking: Forking
) -> None:
    server, our_server = fresh_pair
    status = our_server.artool(forking, Case("silence export --file=silences.json"))[2]
    text = (our_server.directory / "silences.json").read_text()
    out, error, imported = server.artool(forking, Case("silence import", stdin=text))

    assert (status, error, imported) == (0, "", 0)
    assert len(out.split()) == len(json.loads(text)) > 0
