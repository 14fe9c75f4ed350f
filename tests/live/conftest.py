"""Who plays: a real Alertmanager and our daemon, in both its modes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.forked import Forked
from tests.live.contender import Contender
from tests.live.peers import peer, version

# The first whose bodies and configuration are near enough to ours to be compared.
OLDEST = (0, 33)


@pytest.fixture(scope="session")
def ours() -> Iterator[list[Contender]]:
    """Our daemon in both its modes; it starts quickly."""
    with Forked() as forked:
        yield [
            Contender(name="ours", forked=forked),
            Contender(name="strict", flags=["--compat.strict"], forked=forked),
        ]


@pytest.fixture(scope="session")
def alertmanager() -> Path:
    """A real one."""
    program = peer("ALERTROUTER_PEER_ALERTMANAGER", "alertmanager", "prometheus-alertmanager")
    if version(program) < OLDEST:
        pytest.skip(f"NOT COMPARED: {program} is older than {OLDEST}: set ALERTROUTER_PEER_ALERTMANAGER")
    return program


@pytest.fixture(scope="session")
def contenders(alertmanager: Path, ours: list[Contender]) -> list[Contender]:
    """Theirs, ours, and ours with --compat.strict."""
    return [Contender(name="theirs", program=alertmanager), *ours]


@pytest.fixture(scope="session")
def at_least_ours(request: pytest.FixtureRequest, ours: list[Contender]) -> list[Contender]:
    """The same, and without theirs where there is none that is new enough."""
    try:
        contenders: list[Contender] = request.getfixturevalue("contenders")
    except pytest.skip.Exception:
        return ours
    return contenders
