"""The live stream: what happens, as server-sent events (`docs/history.md`).

An ASGI middleware of its own, since a stream is no request like others: it lasts, and counts for no limit of those.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from alertrouter.api.endpoint import ApiEndpoint
from alertrouter.api.http import Answer, DisconnectedError, Request, send_answer
from alertrouter.api.query import BadQueryError, read_matchers
from alertrouter.api.router import UnavailableError
from alertrouter.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

    from alertrouter.api.router import Router
    from alertrouter.follow import Follower
    from alertrouter.insight.happenings import Choice, Happening

_log = logging.getLogger(__name__)

PATH = "/api/alertrouter/v1/stream"
#: So many may listen at once.
MOST = 200
# In seconds: between signs of life, and until a client that takes nothing is given up.
HEARTBEAT = 15.0
_STALLED = 60.0
_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # nginx would hold everything back.
    (b"x-accel-buffering", b"no"),
)


class Streams:
    """Answers the path of the stream, and leaves everything else to the application behind."""

    def __init__(self, app: ASGIApp, *, router: Router, prefix: str) -> None:
        self._app = app
        self._router = router
        self._path = prefix + PATH

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream, refuse, or pass on."""
        if scope["type"] != "http" or scope["path"].removesuffix("/") != self._path:
            await self._app(scope, receive, send)
            return
        begun: list[_Stream] = []

        async def get(request: Request) -> Answer:
            begun.append(await self._begin(request))
            return Answer(200)

        answer = await ApiEndpoint(PATH, {"GET": get}).answer(Request(scope, receive, PATH))
        if not begun:
            await send_answer(answer, send)
            return
        try:
            headers = [*_HEADERS, *[each for each in answer.headers if each[0] != b"cache-control"]]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await begun[0].run(receive, send)
        finally:
            begun[0].follower.end()

    async def _begin(self, request: Request) -> _Stream:
        # A server needs none of this until somebody listens.
        from alertrouter.insight.happenings import KINDS, Choice

        query = request.query()
        kinds = query.all("kind") or Choice().kinds
        for each in kinds:
            if each not in KINDS:
                raise BadQueryError(f'kind: there is no "{each}": there are {", ".join(KINDS)}')
        matchers = read_matchers(query.all("filter"), self._router.engine.settings.mode, _log)
        # A browser that connects again sends the header and the query of the first time.
        after = request.header(b"last-event-id") or query.last("after")
        if after and not (after.isascii() and after.isdigit() and len(after) < 19):
            raise BadQueryError(f'after: "{after}" is not the id of an event')
        follower = self._router.follower
        if follower.listeners >= MOST:
            raise UnavailableError(f"{MOST} clients listen already: try again later")
        try:
            await follower.begin()
        except StoreError as error:
            raise UnavailableError(str(error)) from None
        number = int(after) if after else follower.number
        return _Stream(follower, Choice(kinds=kinds, matchers=matchers), number, resumes=bool(after))


class _Stream:
    """One client. ``number``: it was sent everything up to there."""

    def __init__(self, follower: Follower, choice: Choice, number: int, *, resumes: bool) -> None:
        self.follower = follower
        self._choice = choice
        self._number = number
        self._resumes = resumes

    async def run(self, receive: Receive, send: Send) -> None:
        """Send until the client goes, falls behind, or the server ends."""
        telling = asyncio.create_task(self._tell(send))
        leaving = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (telling, leaving):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError, TimeoutError, DisconnectedError):
                await telling

    async def _tell(self, send: Send) -> None:
        async for text in self._texts():
            # Whoever takes nothing for so long has gone without a word.
            async with asyncio.timeout(_STALLED):
                await send({"type": "http.response.body", "body": text, "more_body": True})
        async with asyncio.timeout(_STALLED):
            await send({"type": "http.response.body", "body": b""})

    async def _texts(self) -> AsyncIterator[bytes]:
        follower = self.follower
        # With the place, so that a client that is cut off before the first line knows where it was.
        yield b"retry: 2000\nid: %d\n\n" % self._number
        try:
            if self._resumes and await follower.is_gone(self._number):
                yield _event("gap", b'"the record does not reach back so far: some is missing here"')
                self._number = min(self._number, follower.number)
            while not follower.is_kept(self._number):
                lines, number = await follower.recorded(self._number)
                if number == self._number:
                    # The rest was no line for anybody.
                    number = follower.number
                yield self._shown(lines, number)
        except StoreError as error:
            _log.warning("a stream ended", extra={"because": str(error)})
            yield _event("end", b'"the record cannot be read now: connect again later"')
            return
        while not follower.closed:
            if not follower.is_kept(self._number):
                yield _event("behind", b'"you are too slow: connect again to go on from the record"')
                return
            if lines := follower.kept(self._number):
                yield self._shown(lines, lines[-1].number)
                continue
            self._number = max(self._number, follower.number)
            try:
                async with asyncio.timeout(HEARTBEAT):
                    await follower.news(self._number)
            except TimeoutError:
                # The number goes with it: whoever connects again need not look at what was not for him.
                yield b": still here\nid: %d\n\n" % self._number
        yield _event("end", b'"the server stops"')

    def _shown(self, lines: Sequence[Happening], number: int) -> bytes:
        self._number = number
        shown = [
            b"id: %d\nevent: %b\ndata: %b\n\n" % (line.number, line.kind.encode(), line.data)
            for line in lines
            if self._choice.wants(line)
        ]
        return b"".join(shown) or b": nothing for you\n\n"


def _event(name: str, data: bytes) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
