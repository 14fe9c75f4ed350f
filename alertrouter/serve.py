"""The HTTP server under the web application."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import uvicorn

from alertrouter.clock import let_others_run
from alertrouter.http_protocol import Protocol
from alertrouter.startup import FatalError

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Iterator, Sequence

    from starlette.types import ASGIApp

    from alertrouter.api.express import Express

_STOP_WITHIN = 5
# So often the date in answers is made anew, in seconds.
_TICK = 1.0


class Server(uvicorn.Server):
    """uvicorn, leaving the signals to the daemon. ``express`` takes the requests that it can."""

    def __init__(
        self, app: ASGIApp, tls: ssl.SSLContext | None = None, express: Express | None = None
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                ssl_context_factory=None if tls is None else lambda _config, _default: tls,
                http=cast("type[asyncio.Protocol]", partial(Protocol, express=express)),
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                # Clients keep connections for minutes, and a POST that meets one being closed may be lost.
                timeout_keep_alive=3600,
                timeout_graceful_shutdown=_STOP_WITHIN,
            )
        )
        self._ending = asyncio.Event()

    async def begin(
        self, sockets: Sequence[socket.socket], stack: contextlib.AsyncExitStack
    ) -> asyncio.Task[None]:
        """Serve until ``stack`` ends. Returns as soon as it does, or when it cannot."""
        serving = asyncio.create_task(self.serve(sockets=list(sockets)))
        stack.push_async_callback(self._end, serving)
        while not self.started and not serving.done():
            await let_others_run()
        return serving

    async def main_loop(self) -> None:
        """Serve until it is to end. uvicorn looks ten times a second whether it is."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK):
                    await self._ending.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def _end(self, serving: asyncio.Task[None]) -> None:
        """Take no more requests, answer those under way, and end."""
        self.should_exit = True
        self._ending.set()
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
