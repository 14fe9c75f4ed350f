"""What this server is, which receivers it has, and how it fares."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from alertrouter import ALERTMANAGER_VERSION, __version__
from alertrouter.api.http import Answer, json_answer
from alertrouter.api.management import Management
from alertrouter.api.query import read_receiver_matchers, receiver_labels
from alertrouter.build import LANGUAGE
from alertrouter.core.time import format_milliseconds
from alertrouter.wire.writing import encode, encode_safely

if TYPE_CHECKING:
    from alertrouter.api.http import Request
    from alertrouter.api.router import Router
    from alertrouter.metrics import Metrics

_log = logging.getLogger(__name__)


class Server(Management):
    """``/api/v2/status``, ``/api/v2/receivers`` and the management endpoints."""

    def __init__(self, router: Router, metrics: Metrics) -> None:
        super().__init__(router, metrics)
        self._router = router

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
