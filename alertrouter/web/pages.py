"""The pages, served by FastAPI, which is loaded when somebody first opens one: most daemons talk to programs only."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from alertrouter.api.router import Router


class Pages:
    """An ASGI application. Loading what it needs takes a quarter of a second, which nobody else waits for."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self._app is None:
            self._app = await asyncio.to_thread(_application, self._router)
        await self._app(scope, receive, send)


def _application(router: Router) -> FastAPI:
    """What FastAPI would answer by itself gives way to what Alertmanager answers."""
    from fastapi import FastAPI
    from starlette.exceptions import HTTPException

    from alertrouter.web.index import index_router

    app = FastAPI(
        title="alertrouter", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    app.add_exception_handler(HTTPException, _refuse)
    app.include_router(index_router(router))
    return app


async def _refuse(request: Request, error: Exception) -> Response:
    """What there is no page for, in Alertmanager's words."""
    from fastapi.responses import PlainTextResponse, Response
    from starlette.exceptions import HTTPException

    assert isinstance(error, HTTPException)
    headers = {"x-content-type-options": "nosniff"}
    if error.status_code != 405:
        text = "404 page not found\n" if error.status_code == 404 else f"{error.detail}\n"
        return PlainTextResponse(text, error.status_code, headers)
    allowed = {each.strip() for each in (error.headers or {}).get("Allow", "").split(",")} - {""}
    allow = ", ".join(sorted(allowed | {"OPTIONS"}))
    if request.method == "OPTIONS":
        return Response(headers={"Allow": allow})
    return PlainTextResponse("Method Not Allowed\n", 405, headers | {"Allow": allow})
