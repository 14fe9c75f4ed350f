"""Who plays: a real Alertmanager and our daemon, in both its modes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.contender import Contender
from tests.live.peers import peer, version

# The first whose bodies and configuration are near enough to ours to be compared.
OLDEST = (0, 33)

OURS = [Contender(name="ours"), Contender(name="strict", flags=["--compat.strict"])]


@pytest.fixture(scope="session")
def alertmanager() -> Path:
    """A real one."""
    program = peer("ALERTROUTER_PEER_ALERTMANAGER", "alertmanager", "prometheus-alertmanager")
    if version(program) < OLDEST:
        pytest.skip(f"NOT COMPARED: {program} is older than {OLDEST}: set ALERTROUTER_PEER_ALERTMANAGER")
    return program


@pytest.fixture(scope="session")
def contenders(alertmanager: Path) -> list[Contender]:
    """Theirs, ours, and ours with --compat.strict."""
    return [Contender(name="theirs", program=alertmanager), *OURS]


@pytest.fixture(scope="session")
def at_least_ours(request: pytest.FixtureRequest) -> list[Contender]:
    """The same, and without theirs where there is none that is new enough."""
    try:
        contenders: list[Contender] = request.getfixturevalue("contenders")
    except pytest.skip.Exception:
        return OURS
    return contenders
