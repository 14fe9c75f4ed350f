"""We answer as a real Alertmanager does: the scenes of ``scenes.py`` against what ``record.py`` recorded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from alertrouter.core.matcher_syntax import Mode
from alertrouter.settings import Settings
from tests.api.known import different
from tests.api.play import Scene, play
from tests.api.record import GOLDEN
from tests.api.scenes import SCENES
from tests.api.server import Server

RECORDED = json.loads(GOLDEN.read_text())
MODES = {"": Mode.FALLBACK, "classic-mode": Mode.CLASSIC, "utf8-strict-mode": Mode.UTF8}


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_we_answer_as_alertmanager(scene: Scene) -> None:
    server = Server(
        scene.config,
        mode=MODES[scene.features],
        settings=Settings(**dict(_setting(flag) for flag in scene.flags)),
    )
    ours = play(scene, server.ask, server.router.now)
    assert not (found := different(scene, ours, RECORDED[scene.name]).problems), "\n".join(found)


def _setting(flag: str) -> tuple[str, Any]:
    name, _, value = flag.removeprefix("--").partition("=")
    return name.replace(".", "_").replace("-", "_"), int(value)
