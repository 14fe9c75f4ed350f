"""The paths under which a process is managed, whatever else it serves."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Protocol

from alertrouter.api.http import OK, PLAIN, Answer, text_error
from alertrouter.api.router import ReloadError

if TYPE_CHECKING:
    from alertrouter.api.caller import Caller
    from alertrouter.api.http import Request

_HEALTHY = Answer(200, b"OK", (PLAIN,))
_ALIVE = Answer(200)
_EXPOSITION = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8; escaping=underscores")


class Process(Protocol):
    """What is managed."""

    def not_ready(self) -> str | None:
        """Why requests should go elsewhere, in words; None when ready."""

    async def reload(self) -> None:
        """Read the files again and go on under them. Raises ``ReloadError``."""

    def acted(self, action: str, subject: str, caller: Caller, outcome: str = "") -> None:
        """Somebody did something."""


class Exposed(Protocol):
    """What can be looked at."""

    def exposition(self) -> bytes:
        """All series in Prometheus' text format."""


class Management:
    """``/-/healthy``, ``/-/ready``, ``/-/reload`` and ``/metrics``."""

    def __init__(self, process: Process, metrics: Exposed) -> None:
        self._process = process
        self._exposed = metrics

    async def healthy(self, request: Request) -> Answer:
        """Whether the process runs."""
        return _ALIVE if request.method == "HEAD" else _HEALTHY

    async def ready(self, request: Request) -> Answer:
        """Whether requests should be sent here (D20)."""
        why_not = self._process.not_ready()
        if why_not is None:
            return await self.healthy(request)
        return Answer(503, b"" if request.method == "HEAD" else f"{why_not}\n".encode(), (PLAIN,))

    async def reload(self, request: Request) -> Answer:
        """Read the configuration file again."""
        try:
            await self._process.reload()
        except ReloadError as error:
            self._process.acted("reload requested", "", request.caller, str(error))
            return text_error(500, f"failed to reload config: {error}\n")
        self._process.acted("reload requested", "", request.caller, "done")
        return OK

    async def exposition(self, request: Request) -> Answer:
        """The metrics."""
        body = self._exposed.exposition()
        if "gzip" not in (request.header(b"accept-encoding") or ""):
            return Answer(200, body, (_EXPOSITION,))
        headers = (_EXPOSITION, (b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding"))
        return Answer(200, gzip.compress(body, 4), headers)
