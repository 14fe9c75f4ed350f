"""We answer as a real Alertmanager does: the scenes of ``scenes.py`` against what ``record.py`` recorded."""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from typing import Any

import pytest

from alertrouter.core.matcher_syntax import Mode
from alertrouter.settings import Settings
from tests.api.play import Scene, play
from tests.api.record import GOLDEN, ask, running
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
    compare(scene, play(scene, server.ask, server.router.now))


@pytest.mark.slow  # each scene starts the daemon
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_the_daemon_answers_as_alertmanager(scene: Scene) -> None:
    with running([sys.executable, "-m", "alertrouter"], scene) as port:
        ours = play(scene, partial(ask, port), time.time_ns)
    compare(scene, ours)


def compare(scene: Scene, ours: list[dict[str, Any]]) -> None:
    theirs = RECORDED[scene.name]
    different = [
        f"{step.method} {step.path} {(step.body or b'')[:120]!r} {dict(step.headers)}\n  they: {b}\n  we:   {a}"
        for step, a, b in zip(scene.steps, _comparable(ours, scene), _comparable(theirs, scene), strict=True)
        if a != b
    ]
    assert not different, "\n".join(different)


def _setting(flag: str) -> tuple[str, Any]:
    name, _, value = flag.removeprefix("--").partition("=")
    return name.replace(".", "_").replace("-", "_"), int(value)


def _comparable(answers: list[dict[str, Any]], scene: Scene) -> list[dict[str, Any]]:
    return [
        _without_accidents(answer, exact_words=step.exact_words)
        for answer, step in zip(answers, scene.steps, strict=True)
    ]


def _without_accidents(answer: dict[str, Any], *, exact_words: bool) -> dict[str, Any]:
    headers = dict(answer["headers"])
    if "allow" in headers:
        # The order of methods is that of a hash table there.
        headers["allow"] = sorted(headers["allow"].replace(" ", "").split(","))
    body = answer["body"]
    value = body.get("json")
    if answer["status"] in {301, 302}:
        # A page that says where to go; nobody reads it.
        body = headers["content-type"] = None
    elif answer["status"] == 405 and isinstance(value, dict):
        body = sorted(value["message"].replace("[", ",").replace("]", ",").split(","))
    elif isinstance(value, dict) and "code" in value and not exact_words:
        body = value["code"]
    elif isinstance(value, str) and value.startswith("silence exceeded maximum size"):
        # It depends on how many digits the time of day has.
        body = "silence exceeded maximum size"
    elif isinstance(value, list):
        body = [_without_news(each) for each in value]
    return {"status": answer["status"], "headers": headers, "body": body}


def _without_news(listed: Any) -> Any:
    # The recorded version is older than route labels.
    return (
        {name: value for name, value in listed.items() if name != "routeLabels"}
        if isinstance(listed, dict)
        else listed
    )
