"""The HTTP server under the web application."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from alertrouter.startup import FatalError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp

_STOP_WITHIN = 5


class Server(uvicorn.Server):
    """uvicorn, leaving the signals to the daemon."""

    def __init__(self, app: ASGIApp, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                ssl_context_factory=None if tls is None else lambda _config, _default: tls,
                http="httptools",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                # Clients keep connections for minutes, and a POST that meets one being closed may be lost.
                timeout_keep_alive=3600,
                timeout_graceful_shutdown=_STOP_WITHIN,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def end(self, serving: asyncio.Task[None]) -> None:
        """Take no more requests, answer those under way, and end."""
        self.should_exit = True
        await asyncio.wait([serving], timeout=_STOP_WITHIN + 1)


def event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the fastest event loop there is; None for the usual one."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def tls_of(web_config_file: str) -> ssl.SSLContext | None:
    """The TLS of a web configuration file; None without one. Raises FatalError."""
    if not web_config_file:
        return None
    from alertrouter.api.tls import server_context
    from alertrouter.api.web_config import WebConfigError

    try:
        return server_context(Path(web_config_file))
    except WebConfigError as error:
        raise FatalError(str(error)) from None
