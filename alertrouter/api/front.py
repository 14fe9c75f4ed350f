"""The front of the house: every request comes in here and is led to what answers it.

A plain ASGI middleware. The paths that Alertmanager has are answered from here, at next to no cost; the application
behind it serves the pages.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
import string
from time import perf_counter
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from alertrouter.api.http import NOT_FOUND, Answer, DisconnectedError, Request, moved, send_answer, text_error
from alertrouter.core.duration import format_go_duration
from alertrouter.core.time import SECOND

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from alertrouter.api.endpoint import Endpoint
    from alertrouter.core.time import Duration
    from alertrouter.web_metrics import WebMetrics

# Paths that nobody defined share one name in the metrics, or anybody could make up new series.
_OTHER = "other"


class Paths:
    """Which endpoint stands behind a path.

    ``exact``: by the whole path. ``parameter``: by the path up to its last part, which is the parameter. ``below``: by
    the beginning of the path. ``folders`` are paths that lead on to the same with a slash.
    """

    def __init__(
        self,
        *,
        exact: Mapping[str, Endpoint],
        parameter: Mapping[str, Endpoint],
        below: Mapping[str, Endpoint],
        folders: Collection[str],
    ) -> None:
        self.folders = folders
        self._exact = exact
        self._parameter = parameter
        self._below = below

    def find(self, path: str) -> tuple[Endpoint, str] | None:
        """The endpoint, and the parameter in the path; None when there is none."""
        endpoint = self._exact.get(path)
        if endpoint is not None:
            return endpoint, ""
        bare = path.removesuffix("/")
        place = bare.rfind("/") + 1
        endpoint = self._parameter.get(bare[:place])
        if endpoint is not None and len(bare) > place:
            return endpoint, unquote(bare[place:])
        return next(
            ((each, "") for beginning, each in self._below.items() if path.startswith(beginning)), None
        )


class Front:
    """Prefix, clean paths, limits, metrics; then the endpoint of the path, or the application behind."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        paths: Paths,
        prefix: str,
        metrics: WebMetrics,
        get_concurrency: int = 0,
        timeout: Duration = 0,
    ) -> None:
        self._app = app
        self._paths = paths
        self._prefix = prefix
        self._as_written = f"{prefix}/api/v2/"
        self._metrics = metrics
        self._most_gets = get_concurrency if get_concurrency > 0 else max(os.cpu_count() or 1, 8)
        self._gets = 0
        self._timeout = timeout / SECOND if timeout > 0 else None
        self._too_long = text_error(503, f"Exceeded configured timeout of {format_go_duration(timeout)}.\n")
        self._too_many = text_error(
            503, f"Limit of concurrent GET requests reached ({self._most_gets}), try again later.\n\n"
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] != "GET":
            await self._serve(scope, receive, send)
            return
        if self._gets >= self._most_gets:
            self._metrics.gets_refused.inc()
            await send_answer(self._too_many, send)
            return
        self._gets += 1
        self._metrics.gets_in_flight.set(self._gets)
        try:
            await self._serve(scope, receive, send)
        finally:
            self._gets -= 1
            self._metrics.gets_in_flight.set(self._gets)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        raw: bytes = scope.get("raw_path") or b""
        if b"%" in raw and (below := raw.decode("ascii", "replace")).startswith(self._as_written):
            # Compat: what is escaped there is no part of a name, but of the parameter.
            path = below
        if self._prefix:
            if not path.startswith(self._prefix + "/"):
                await send_answer(self._outside(path), send)
                return
            path = path[len(self._prefix) :]
        found = self._paths.find(path)
        if found is None or "//" in path or "/." in path:
            redirect = self._cleaned(scope, path)
            if redirect is not None:
                await send_answer(redirect, send)
                return
        if found is None:
            await self._pass_on(scope, receive, send)
            return
        endpoint, parameter = found
        started = perf_counter()
        try:
            answer = await self._within_time(endpoint, Request(scope, receive, path, parameter))
            size = await send_answer(answer, send)
        except DisconnectedError:
            return
        method = scope["method"]
        self._metrics.http_request(endpoint.name, method, answer.status, perf_counter() - started)
        if endpoint.counts_size:
            self._metrics.http_response_size(endpoint.name, method, size)

    async def _within_time(self, endpoint: Endpoint, request: Request) -> Answer:
        if self._timeout is None:
            return await endpoint.answer(request)
        try:
            async with asyncio.timeout(self._timeout):
                return await endpoint.answer(request)
        except TimeoutError:
            return self._too_long

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        status, size = 0, 0

        async def note(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                size += len(message.get("body", b""))
            await send(message)

        inner = {**scope, "root_path": scope.get("root_path", "") + self._prefix}
        try:
            async with asyncio.timeout(self._timeout):
                await self._app(inner, receive, note)
        except TimeoutError:
            if status:
                raise
            status = self._too_long.status
            size = await send_answer(self._too_long, send)
        handler = getattr(inner.get("route"), "path", _OTHER)
        method = scope["method"]
        self._metrics.http_request(handler, method, status, perf_counter() - started)
        self._metrics.http_response_size(handler, method, size)

    def _outside(self, path: str) -> Answer:
        if path == "/":
            return moved(self._prefix, 302)
        return moved(self._prefix + "/") if path == self._prefix else NOT_FOUND

    def _cleaned(self, scope: Scope, path: str) -> Answer | None:
        """Where a path should lead that is written in an odd way; None when it is not."""
        clean = posixpath.normpath(path) if path else "/"
        if clean.startswith("//"):
            clean = clean[1:]
        if path.endswith("/") and clean != "/":
            clean += "/"
        if clean == path:
            bare = path.removesuffix("/")
            if path in self._paths.folders:
                clean = path + "/"
            elif scope["method"] == "GET" and bare != path and self._paths.find(bare) is not None:
                clean = bare
            else:
                return None
        query = quote(scope["query_string"], safe=string.punctuation)
        return moved(self._prefix + quote(clean, safe="/$&+,:;=@~!'()*") + (f"?{query}" if query else ""))
