"""The short way of the request that comes most often, alerts that are posted: no task of its own, no messages of ASGI.

What it answers is what the application would answer; whatever is out of the ordinary is left to that.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from alertrouter import tracing
from alertrouter.api.endpoint import API_HEADERS, excuse
from alertrouter.api.http import OK, Answer, send_answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

    from alertrouter.api.alerts import Alerts
    from alertrouter.api.http import Header
    from alertrouter.web_metrics import WebMetrics

_PATH = "/api/v2/alerts"
_JSON = frozenset(
    {b"application/json", b"application/json;charset=utf-8", b"application/json; charset=utf-8"}
)
# What a request is no more ordinary with: they change what it is answered, or how it is read.
_UNUSUAL = frozenset({b"origin", b"transfer-encoding", b"expect", b"upgrade"})
_USUAL = Answer(200, b"", API_HEADERS)


class Express:
    """Takes in alerts as soon as the last byte of their request is there. ``url`` is where they are posted."""

    def __init__(self, alerts: Alerts, metrics: WebMetrics, *, prefix: str) -> None:
        self.url = f"{prefix}{_PATH}".encode()
        self._alerts = alerts
        self._metrics = metrics

    def takes(self, method: bytes, headers: Sequence[Header]) -> bool:
        """Whether a request for ``url`` is an ordinary one. Names of headers are in lower case."""
        if method != b"POST" or tracing.is_on():
            return False
        given = dict(headers)
        return (
            given.get(b"content-type") in _JSON
            and given.get(b"content-length", b"0") != b"0"
            and _UNUSUAL.isdisjoint(given)
            and len(given) == len(headers)
        )

    def take(self, body: bytes, begun: float) -> Answer | ASGIApp:
        """The answer; or what gives it as soon as the alerts are stored. ``begun``: when its head was there, in seconds."""
        try:
            answer = self._alerts.take_in(body, _PATH)
        except Exception as error:  # noqa: BLE001 - one bad request is logged and answered, the rest goes on
            answer = excuse(error, "POST", _PATH)
        if not isinstance(answer, Answer):
            return self._finish(answer, begun)
        answer = _with_headers(answer)
        self._count(answer, begun)
        return answer

    def _finish(self, storing: Awaitable[Answer], begun: float) -> ASGIApp:
        async def finish(_: Scope, __: Receive, send: Send) -> None:
            try:
                answer = await storing
            except Exception as error:  # noqa: BLE001 - as above
                answer = excuse(error, "POST", _PATH)
            answer = _with_headers(answer)
            await send_answer(answer, send)
            self._count(answer, begun)

        return finish

    def _count(self, answer: Answer, begun: float) -> None:
        self._metrics.http_request(_PATH, "POST", answer.status, perf_counter() - begun)


def _with_headers(answer: Answer) -> Answer:
    return _USUAL if answer is OK else Answer(answer.status, answer.body, answer.headers + API_HEADERS)
