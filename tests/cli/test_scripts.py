"""Every script of `scripts/` prints, asks and ends as it says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.forking import Forking
from tests.cli.script import Script

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.txt"))


@pytest.fixture(scope="module")
def programs() -> Iterator[Forking]:
    with Forking() as programs:
        yield programs


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script(path: Path, tmp_path: Path, programs: Forking) -> None:
    script = Script.read(path.read_text("utf-8"))

    played = script.play(tmp_path, programs)

    if os.environ.get("ALERTROUTER_RECORD") == "1":
        path.write_text(played.text(), "utf-8")
    assert played.text() == script.text()


def test_there_are_scripts() -> None:
    assert len(SCRIPTS) > 5
