"""Who plays: a real Alertmanager and our daemon, in both its modes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.contender import Contender
from tests.live.peers import peer


@pytest.fixture(scope="session")
def alertmanager() -> Path:
    """A real one."""
    return peer("ALERTROUTER_PEER_ALERTMANAGER", "alertmanager", "prometheus-alertmanager")


@pytest.fixture(scope="session")
def contenders(alertmanager: Path) -> list[Contender]:
    """Theirs, ours, and ours with --compat.strict."""
    return [
        Contender(name="theirs", program=alertmanager),
        Contender(name="ours"),
        Contender(name="strict", flags=["--compat.strict"]),
    ]
