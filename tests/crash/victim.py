"""The process that dies: a real daemon that kills itself when it comes to a step."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alertrouter import daemon
from alertrouter.core.time import MILLISECOND, SECOND
from alertrouter.settings import Settings
from alertrouter.store import JournalSettings
from tests.daemon.forked import context

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess
    from types import FrameType

    from tests.crash.steps import Step


def begin(folder: Path, database: str, log: Path, step: Step | None, time: int) -> ForkServerProcess:
    """Start a daemon on this folder that kills itself when it comes to the step for the n-th time.

    ``database`` is a URL, or empty for a file in the folder.
    """
    process = context().Process(target=_live, args=(str(folder), database, str(log), step, time), daemon=True)
    process.start()
    return process


def _live(folder: str, database: str, log: str, step: Step | None, time: int) -> None:
    with Path(log).open("wb", buffering=0) as said:
        os.dup2(said.fileno(), 2)
    if step is not None:
        _arm(step, time)
    sys.exit(
        daemon.run(
            Settings(
                config_file=f"{folder}/alertmanager.yml",
                storage_path=f"{folder}/data",
                storage_url=database,
                web_listen_address=("127.0.0.1:0",),
                data_maintenance_interval=SECOND,
                alerts_gc_interval=SECOND,
            ),
            # However few alerts come: the rows of those that are new follow their acknowledgement.
            journal=JournalSettings(write_behind=0, defer_from=1, quiet=20 * MILLISECOND, rows_at_once=2),
        )
    )


def _arm(step: Step, time: int) -> None:
    code, wanted = step.code, step.event
    left = time

    def watch(frame: FrameType, event: str, _: Any) -> None:
        nonlocal left
        if frame.f_code is code and event == wanted:
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(watch)
    sys.setprofile(watch)
