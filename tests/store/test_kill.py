"""The promise: what was acknowledged is there after `kill -9`, at whatever moment it comes."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from alertrouter.store import Store
from tests.store.values import StillClock

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("seed", range(6))
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    acknowledged: set[str] = set()
    # The same database again and again: recovery must not lose what an earlier life had acknowledged.
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.writer", str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        with process:
            first = process.stdout.readline()
            time.sleep(chance.uniform(0, 0.4))
            process.kill()
            told = [first, *process.stdout.readlines()]
        # The last line may be cut off.
        acknowledged |= {line.strip() for line in told if line.endswith("\n")}
    assert acknowledged
    with contextlib.closing(Store.open(tmp_path, StillClock())) as store:
        state = store.load()
        assert not store.loaded.skipped
        assert not store.stopped_in_order
    assert acknowledged <= {alert.labels["alertname"] for alert in state.alerts}

    def kept(place: int) -> set[str]:
        return {item for item in acknowledged if int(item.rsplit("-")[1]) % 3 == place}

    assert kept(0) <= {group.id.labels["alertname"] for group in state.groups}
    assert kept(1) <= {entry.slot.group.labels["alertname"] for entry in state.entries}
    assert kept(2) <= {silence.id for silence in state.silences}
    with contextlib.closing(sqlite3.connect(tmp_path / "alertrouter.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
