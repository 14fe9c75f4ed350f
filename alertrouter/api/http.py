"""Requests and answers, as bare as the busiest paths want them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from alertrouter.api.caller import USER, Caller
from alertrouter.clock import let_others_run
from alertrouter.wire.writing import encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from starlette.types import Receive, Scope, Send

Header = tuple[bytes, bytes]

_BAD_ESCAPE = re.compile("%(?![0-9a-fA-F]{2})")


class DisconnectedError(Exception):
    """The client is gone; nobody waits for an answer."""


class Request:
    """One HTTP request. ``path`` is the path below the route prefix, ``parameter`` what stood for a path's variable."""

    __slots__ = ("_receive", "parameter", "path", "scope")

    def __init__(self, scope: Scope, receive: Receive, path: str, parameter: str = "") -> None:
        self.scope = scope
        self.path = path
        self.parameter = parameter
        self._receive = receive

    @property
    def method(self) -> str:
        return str(self.scope["method"])

    def header(self, name: bytes) -> str | None:
        """The first header of this name, which is given in lower case; None when there is none."""
        for each, value in self.scope["headers"]:
            if each == name:
                return bytes(value).decode("latin-1")
        return None

    @property
    def has_body(self) -> bool:
        """Whether a body comes with the request, by its headers."""
        for name, value in self.scope["headers"]:
            if name == b"content-length":
                return bool(value != b"0")
            if name == b"transfer-encoding":
                return True
        return False

    @property
    def caller(self) -> Caller:
        """Who asks."""
        client = self.scope.get("client")
        return Caller(self.scope.get(USER, ""), client[0] if client else "")

    async def body(self) -> bytes:
        """The whole body, however large. Raises ``DisconnectedError`` when the client goes away before its end."""
        chunks: list[bytes] = []
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise DisconnectedError
            body: bytes = message.get("body", b"")
            if not message.get("more_body"):
                return b"".join([*chunks, body]) if chunks else body
            chunks.append(body)

    def query(self) -> Query:
        """The query parameters."""
        return Query(self.scope["query_string"].decode("latin-1"))


class Query:
    """Query parameters, read as Go reads them: a pair that is badly escaped or contains ``;`` does not count."""

    __slots__ = ("_values",)

    def __init__(self, text: str) -> None:
        self._values: dict[str, list[str]] = {}
        for pair in text.split("&") if text else ():
            if pair and ";" not in pair and not _BAD_ESCAPE.search(pair):
                name, _, value = pair.partition("=")
                self._values.setdefault(_unescape(name), []).append(_unescape(value))

    def all(self, name: str) -> Sequence[str]:
        """Every value given for this name."""
        return self._values.get(name, ())

    def last(self, name: str) -> str:
        """The last value given; empty when there is none."""
        values = self._values.get(name)
        return values[-1] if values else ""

    def flag(self, name: str) -> bool:
        """A boolean that is true unless something is given that does not mean true (`api-and-cli.md` 4.2)."""
        value = self.last(name)
        return not value or value.lower() in _TRUE


_TRUE = frozenset({"true", "1", "yes", "y", "on", "ok", "t", "selected", "checked", "enabled"})


def _unescape(text: str) -> str:
    # The query came as bytes; what is not ASCII stands for itself.
    return unquote_plus(text.encode("latin-1").decode("utf-8", "replace"), errors="replace")


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer. A body of several pieces is sent piece by piece as it is made."""

    status: int
    body: bytes | Iterator[bytes] = b""
    headers: tuple[Header, ...] = ()


JSON: Header = (b"content-type", b"application/json")
PLAIN: Header = (b"content-type", b"text/plain; charset=utf-8")
_NO_SNIFFING: Header = (b"x-content-type-options", b"nosniff")

OK = Answer(200)


def json_answer(body: bytes | Iterator[bytes], status: int = 200) -> Answer:
    """An encoded value, which should end in a newline."""
    return Answer(status, body, (JSON,))


def problem(status: int, message: str) -> Answer:
    """What a handler refuses: the message as a JSON string and a newline (`api-and-cli.md` 4.4)."""
    return Answer(status, encode(_sendable(message)) + b"\n", (JSON,))


def fault(status: int, message: str, code: int | None = None, *headers: Header) -> Answer:
    """What is refused before a handler sees it: an object with code and message, without a newline."""
    return Answer(status, encode({"code": code or status, "message": _sendable(message)}), (JSON, *headers))


def _sendable(message: str) -> str:
    """A message that quotes a body may quote half a character, which JSON can name and UTF-8 cannot."""
    return (
        message
        if message.isascii()
        else message.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def text_error(status: int, text: str, *headers: Header) -> Answer:
    """An error outside the API: plain text."""
    return Answer(status, text.encode(), (PLAIN, _NO_SNIFFING, *headers))


async def send_answer(answer: Answer, send: Send) -> int:
    """Send an answer; how many bytes its body had."""
    body = answer.body
    if not isinstance(body, bytes):
        first, second = await _next(body) or b"", await _next(body)
        if second is not None:
            await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
            await send({"type": "http.response.body", "body": first, "more_body": True})
            size = len(first)
            while second is not None:
                first, second = second, await _next(body)
                size += len(first)
                await send({"type": "http.response.body", "body": first, "more_body": second is not None})
            return size
        body = first
    headers = answer.headers
    if answer.status != 204:
        headers = (*headers, (b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    return len(body)


async def _next(pieces: Iterator[bytes]) -> bytes | None:
    """The next piece of an answer; None at its end. A piece without anything in it is a pause."""
    while (piece := next(pieces, None)) == b"":
        await let_others_run()
    return piece


NOT_FOUND = text_error(404, "404 page not found\n")


def moved(location: str, status: int = 301) -> Answer:
    """Look elsewhere."""
    return Answer(status, b"", ((b"location", location.encode("latin-1", "replace")),))
