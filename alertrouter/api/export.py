"""A part of the record as a file (`docs/history.md`): made while it is sent, on a thread of its own."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING

from alertrouter.api.endpoint import ApiEndpoint
from alertrouter.api.http import Answer, Request, send_answer
from alertrouter.api.query import BadQueryError
from alertrouter.api.router import UnavailableError
from alertrouter.core.time import EARLIEST
from alertrouter.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp, Receive, Scope, Send

    from alertrouter.api.router import Router

PATH = "/api/alertrouter/v1/history/export"
_HEADERS = (
    (b"content-type", b"application/gzip"),
    (b"content-disposition", b'attachment; filename="alertrouter-record.gz"'),
)


class Exports:
    """Answers the path of the export, which may take minutes, and leaves everything else to the application behind."""

    def __init__(self, app: ASGIApp, *, router: Router, prefix: str) -> None:
        self._app = app
        self._router = router
        self._path = prefix + PATH

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Export, refuse, or pass on."""
        if scope["type"] != "http" or scope["path"].removesuffix("/") != self._path:
            await self._app(scope, receive, send)
            return
        with ExitStack() as stack:
            made: list[tuple[bytes, Iterator[bytes]]] = []

            async def get(request: Request) -> Answer:
                made.append(await self._begin(request, stack))
                return Answer(200)

            answer = await ApiEndpoint(PATH, {"GET": get}).answer(Request(scope, receive, PATH))
            if not made:
                await send_answer(answer, send)
                return
            piece, rest = made[0]
            await send(
                {"type": "http.response.start", "status": 200, "headers": [*_HEADERS, *answer.headers]}
            )
            while piece:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                # What goes wrong from here on cuts the file off, which its reader notices.
                piece = await asyncio.to_thread(next, rest, b"")
            await send({"type": "http.response.body", "body": b""})

    async def _begin(self, request: Request, stack: ExitStack) -> tuple[bytes, Iterator[bytes]]:
        """The first piece, and what follows it."""
        # A server needs none of this until somebody asks.
        from alertrouter.insight.export import export
        from alertrouter.insight.past import read_moment
        from alertrouter.insight.record import RecordError

        try:
            since = read_moment("since", request.query().last("since"), self._router.now(), EARLIEST)
        except ValueError as error:
            raise BadQueryError(str(error)) from None
        await self._router.settled()
        try:
            connection = await asyncio.to_thread(stack.enter_context, self._router.reader())
            pieces = export(connection, since)
            return await asyncio.to_thread(next, pieces, b""), pieces
        except (StoreError, RecordError) as error:
            raise UnavailableError(str(error)) from None
