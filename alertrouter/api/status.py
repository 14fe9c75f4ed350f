"""What this server is, which receivers it has, and how it fares."""

from __future__ import annotations

import gzip
import logging
from typing import TYPE_CHECKING

from alertrouter import ALERTMANAGER_VERSION, __version__
from alertrouter.api.http import OK, PLAIN, Answer, json_answer, text_error
from alertrouter.api.query import read_receiver_matchers, receiver_labels
from alertrouter.api.router import ReloadError
from alertrouter.build import LANGUAGE
from alertrouter.core.time import format_milliseconds
from alertrouter.wire.writing import encode, encode_safely

if TYPE_CHECKING:
    from alertrouter.api.http import Request
    from alertrouter.api.router import Router
    from alertrouter.metrics import Metrics

_log = logging.getLogger(__name__)

_HEALTHY = Answer(200, b"OK", (PLAIN,))
_ALIVE = Answer(200)
_EXPOSITION = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8; escaping=underscores")


class Server:
    """``/api/v2/status``, ``/api/v2/receivers`` and the management endpoints."""

    def __init__(self, router: Router, metrics: Metrics) -> None:
        self._router = router
        self._metrics = metrics

    async def status(self, _: Request) -> Answer:
        """Version, start and configuration. There is no gossip here: a cluster is this member alone, and always ready."""
        peer = self._router.peer
        status = {
            "cluster": {"peers": [], "status": "disabled"}
            if peer is None
            else {
                "name": peer.name,
                "peers": [{"address": peer.address, "name": peer.name}],
                "status": "ready",
            },
            "config": {"original": self._router.original_config},
            "uptime": format_milliseconds(self._router.started_at),
            "versionInfo": {
                "branch": "",
                "buildDate": "",
                "buildUser": "",
                "goVersion": LANGUAGE,
                "revision": f"alertrouter {__version__}",
                "version": ALERTMANAGER_VERSION,
            },
        }
        return json_answer(encode(status) + b"\n")

    async def receivers(self, request: Request) -> Answer:
        """The receivers in the order of the file."""
        engine = self._router.engine
        wanted = read_receiver_matchers(request.query().all("receiver_matchers"), engine.settings.mode, _log)
        receivers = [
            {"labels": dict(labels), "name": receiver.name}
            for receiver in engine.routing.receivers.values()
            if wanted.match(labels := receiver_labels(receiver))
        ]
        return json_answer(encode_safely(receivers) + b"\n")

    async def healthy(self, request: Request) -> Answer:
        """Whether the process runs."""
        return _ALIVE if request.method == "HEAD" else _HEALTHY

    async def ready(self, request: Request) -> Answer:
        """Whether requests should be sent here (D20)."""
        why_not = self._router.not_ready()
        if why_not is None:
            return await self.healthy(request)
        return Answer(503, b"" if request.method == "HEAD" else f"{why_not}\n".encode(), (PLAIN,))

    async def reload(self, request: Request) -> Answer:
        """Read the configuration file again."""
        try:
            await self._router.reload()
        except ReloadError as error:
            self._router.acted("reload requested", "", request.caller, str(error))
            return text_error(500, f"failed to reload config: {error}\n")
        self._router.acted("reload requested", "", request.caller, "done")
        return OK

    async def exposition(self, request: Request) -> Answer:
        """The metrics."""
        body = self._metrics.exposition()
        if "gzip" not in (request.header(b"accept-encoding") or ""):
            return Answer(200, body, (_EXPOSITION,))
        headers = (_EXPOSITION, (b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding"))
        return Answer(200, gzip.compress(body, 4), headers)
