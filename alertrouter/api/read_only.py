"""A server that shows and takes alerts, and lets nobody change anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.api.http import problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
# Alerts are what a server is for, and a reload changes nothing that is not in the operator's own file.
_TAKEN = ("/api/v2/alerts", "/api/v2/alerts/", "/-/reload")

REFUSAL = (
    "this server is read-only (--web.read-only): it takes alerts, but no silences and no tests of receivers"
)


class ReadOnly:
    """Answers 403 to whatever might change something and is not known to be harmless, pages included."""

    def __init__(self, app: ASGIApp, *, prefix: str) -> None:
        self._app = app
        self._taken = frozenset(prefix + path for path in _TAKEN)
        self._refusal = problem(403, REFUSAL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or scope["method"] in _READING or scope["path"] in self._taken:
            await self._app(scope, receive, send)
            return
        body = self._refusal.body
        assert isinstance(body, bytes)
        headers = [*self._refusal.headers, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": self._refusal.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
