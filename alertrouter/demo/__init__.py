"""`alertrouter demo`: an incident in a minute, on one screen, with nothing else installed."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from alertrouter.demo.incident import RULES, Incident
from alertrouter.demo.metrics_backend import MetricsBackend
from alertrouter.demo.process import DaemonProcess, DemoError
from alertrouter.demo.screen import Screen
from alertrouter.demo.stand_ins import StandIns

if TYPE_CHECKING:
    from alertrouter.settings import Settings

_ADDRESS = "127.0.0.1:9093"


def run(settings: Settings) -> int:
    """Play the incident, then leave the daemon running until Ctrl-C; the exit status."""
    address = settings.web_listen_address[0]
    folder = Path(tempfile.mkdtemp(prefix="alertrouter-demo-"))
    try:
        asyncio.run(_play(_ADDRESS if address == ":9093" else address, folder))
    except DemoError as error:
        print(f"alertrouter: error: {error}", file=sys.stderr)  # noqa: T201 - a command line prints
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


async def _play(address: str, folder: Path) -> None:
    screen = Screen()
    metrics = MetricsBackend()
    async with StandIns(screen, metrics) as stand_ins:
        daemon = DaemonProcess(
            address,
            folder,
            configuration=stand_ins.configuration(),
            rules=RULES,
            metrics_url=stand_ins.metrics_url,
        )
        try:
            await daemon.start()
            screen.begin(daemon.url, folder, RULES)
            await Incident(daemon, screen, stand_ins, metrics).play()
            screen.end(daemon.url, stand_ins.counts)
            await daemon.ended()
        finally:
            await daemon.stop()
