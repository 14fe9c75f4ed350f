"""A span around every request, for whoever traces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter import tracing

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CONTEXT = (b"traceparent", b"tracestate")


class Traced:
    """Middleware: the span of a request, within the one its client names by W3C trace context."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if not tracing.is_on() or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        carrier = {
            name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _CONTEXT
        }
        method, path = scope["method"], scope["path"]
        with tracing.span(
            f"{method} {path}",
            kind=tracing.Kind.SERVER,
            attributes={"http.request.method": method, "url.path": path},
            carrier=carrier,
        ) as span:

            async def note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        span.fail(f"answered {message['status']}")
                await send(message)

            await self._app(scope, receive, note)
