"""The two kinds of paths: those of API v2, with its own manners, and plain ones."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from alertrouter import tracing
from alertrouter.api.http import (
    NOT_FOUND,
    Answer,
    DisconnectedError,
    Header,
    fault,
    problem,
    text_error,
)
from alertrouter.api.media_type import MediaTypeError, brings_json, takes_json
from alertrouter.api.query import BadQueryError
from alertrouter.api.router import UnavailableError
from alertrouter.wire import SchemaError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from alertrouter.api.http import Request

    Handler = Callable[[Request], Awaitable[Answer]]

_log = logging.getLogger(__name__)


class Endpoint(Protocol):
    """What stands behind a path. ``name`` is its pattern, for the metrics."""

    name: str
    counts_size: bool

    async def answer(self, request: Request) -> Answer:
        """Answer whatever is asked here, errors included."""


# The spans of Alertmanager's handlers.
_SPANS = {
    ("/api/v2/status", "GET"): "api.getStatusHandler",
    ("/api/v2/receivers", "GET"): "api.getReceiversHandler",
    ("/api/v2/alerts", "GET"): "api.getAlertsHandler",
    ("/api/v2/alerts", "POST"): "api.postAlertsHandler",
    ("/api/v2/alerts/groups", "GET"): "api.getAlertGroupsHandler",
    ("/api/v2/silences", "GET"): "api.getSilencesHandler",
    ("/api/v2/silences", "POST"): "api.postSilencesHandler",
    ("/api/v2/silence/{silenceID}", "GET"): "api.getSilenceHandler",
    ("/api/v2/silence/{silenceID}", "DELETE"): "api.deleteSilenceHandler",
}


class PlainEndpoint:
    """A path outside the API (`api-and-cli.md` 1.2)."""

    counts_size = True

    def __init__(self, name: str, handlers: Mapping[str, Handler]) -> None:
        self.name = name
        self._handlers = handlers
        self._allow = (b"allow", ", ".join(sorted([*handlers, "OPTIONS"])).encode())

    async def answer(self, request: Request) -> Answer:
        """Answer whatever is asked here, errors included."""
        handler = self._handlers.get(request.method)
        if handler is None:
            if request.method == "OPTIONS":
                return Answer(200, b"", (self._allow,))
            return text_error(405, "Method Not Allowed\n", self._allow)
        try:
            return await handler(request)
        except UnavailableError as error:
            return text_error(503, f"{error}\n")
        except DisconnectedError:
            raise
        except Exception:  # noqa: BLE001 - one bad request is logged and answered, the rest goes on
            return text_error(500, _log_failure(request.method, request.path) + "\n")


def _log_failure(method: str, path: str) -> str:
    extra = {"component": "api", "path": path, "method": method}
    _log.exception("a request failed", extra=extra)
    return "internal error: see the log"


class ApiEndpoint:
    """A path of API v2 (`api-and-cli.md` 1.3 and 1.4)."""

    counts_size = False

    def __init__(self, name: str, handlers: Mapping[str, Handler]) -> None:
        self.name = name
        self._handlers = handlers
        self._methods = ",".join(handlers)

    async def answer(self, request: Request) -> Answer:
        """Answer whatever is asked here, errors included."""
        if is_preflight(request):
            return preflight(request)
        answer = await self._answer(request)
        return Answer(answer.status, answer.body, answer.headers + _common_headers(request))

    async def _answer(self, request: Request) -> Answer:
        handler = self._handlers.get(request.method)
        if handler is None:
            return self._wrong_method(request)
        refusal = _refusal(request)
        if refusal is not None:
            return refusal
        try:
            if not tracing.is_on():
                return await handler(request)
            with tracing.span(_SPANS.get((self.name, request.method), f"{request.method} {self.name}")):
                return await handler(request)
        except DisconnectedError:
            raise
        except Exception as error:  # noqa: BLE001 - one bad request is logged and answered, the rest goes on
            return excuse(error, request.method, request.path)

    def _wrong_method(self, request: Request) -> Answer:
        message = f"method {request.method} is not allowed, but [{self._methods}] are"
        return fault(405, message, None, (b"allow", self._methods.encode()))


def excuse(error: Exception, method: str, path: str) -> Answer:
    """The answer to a request of API v2 that ended like this."""
    match error:
        case SchemaError():
            return fault(error.status, error.message, error.code)
        case BadQueryError():
            return problem(400, str(error))
        case UnavailableError():
            return problem(503, str(error))
        case _:
            return problem(500, _log_failure(method, path))


class UnknownApiEndpoint:
    """Every other path below ``/api/v2/``."""

    name = "/api/v2/*path"
    counts_size = False

    async def answer(self, request: Request) -> Answer:
        """That there is nothing here."""
        if is_preflight(request):
            return preflight(request)
        answer = fault(404, f"path {request.path} was not found")
        return Answer(answer.status, answer.body, answer.headers + _common_headers(request))


def _refusal(request: Request) -> Answer | None:
    # Compat: a request with a body is asked what it brings, one without what it takes.
    if request.has_body:
        content_type = request.header(b"content-type")
        try:
            brought = brings_json(content_type)
        except MediaTypeError as error:
            return fault(400, str(error))
        if brought is not None:
            return fault(415, f'unsupported media type "{brought}", only [application/json] are allowed')
    elif not takes_json(request.header(b"accept")):
        return fault(406, "unsupported media type requested, only [application/json] are available")
    return None


#: What every answer of the API says to who is of no other origin.
API_HEADERS: tuple[Header, ...] = ((b"cache-control", b"no-store"), (b"vary", b"Origin"))
_API_HEADERS_CORS: tuple[Header, ...] = (*API_HEADERS, (b"access-control-allow-origin", b"*"))
_CORS_METHODS = frozenset({"GET", "POST", "HEAD"})
_CORS_READABLE = _CORS_METHODS | {"OPTIONS"}
_CORS_HEADERS = frozenset({"accept", "content-type", "x-requested-with"})


def _common_headers(request: Request) -> tuple[Header, ...]:
    if request.method in _CORS_READABLE and request.header(b"origin"):
        return _API_HEADERS_CORS
    return API_HEADERS


def is_preflight(request: Request) -> bool:
    """Whether a browser asks what it may do."""
    return request.method == "OPTIONS" and bool(request.header(b"access-control-request-method"))


def preflight(request: Request) -> Answer:
    """What a page of another origin may do here: what it asks for, or nothing (`api-and-cli.md` 1.4)."""
    headers: list[Header] = [
        (b"vary", b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
    ]
    method = request.header(b"access-control-request-method") or ""
    asked = request.header(b"access-control-request-headers") or ""
    names = {name.strip().lower() for name in asked.split(",") if name.strip()}
    if request.header(b"origin") and method in _CORS_METHODS and names <= _CORS_HEADERS:
        headers.append((b"access-control-allow-origin", b"*"))
        headers.append((b"access-control-allow-methods", method.encode("latin-1")))
        if names:
            headers.append((b"access-control-allow-headers", asked.encode("latin-1")))
    return Answer(204, b"", tuple(headers))


async def not_found(_: Request) -> Answer:
    """Nothing here."""
    return NOT_FOUND
