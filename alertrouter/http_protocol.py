"""uvicorn's side of a connection, with a short way for what `api.express` takes."""

from __future__ import annotations

from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from alertrouter.api.http import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.api.express import Express
    from alertrouter.api.http import Header


class Protocol(HttpToolsProtocol):
    """One connection. The methods are called by uvicorn, its event loop and its parser.

    An ordinary request that ``express`` takes is answered where its last byte is read, and in one piece. What has to wait
    is given to uvicorn all the same, as soon as that is known; so is everything else, from the start.
    """

    def __init__(self, *args: Any, express: Express | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._express = express
        # The pieces of the body, while a request is on the short way.
        self._body: list[bytes] | None = None
        self._begun = 0.0
        self._last: tuple[Answer | None, Sequence[Header], bytes] = (None, (), b"")

    def on_headers_complete(self) -> None:
        """The head of a request is there."""
        if self._is_express():
            self._body = []
            self._begun = perf_counter()
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of its body is there."""
        if self._body is None:
            super().on_body(body)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """The request is there as a whole."""
        pieces, self._body = self._body, None
        if pieces is None:
            super().on_message_complete()
            return
        assert self._express is not None
        taken = self._express.take(pieces[0] if len(pieces) == 1 else b"".join(pieces), self._begun)
        if isinstance(taken, Answer):
            self.transport.write(self._encoded(taken))
            self.on_response_complete()
        else:
            self._begin(taken)
            super().on_message_complete()

    def shutdown(self) -> None:
        """The server ends: what is under way is answered before."""
        pieces, self._body = self._body, None
        if pieces is not None:
            self._begin(self.app)
            for piece in pieces:
                super().on_body(piece)
        super().shutdown()

    def _is_express(self) -> bool:
        """Whether this request, of which the head was read, can be answered on the short way."""
        express = self._express
        if express is None or self.url != express.url:
            return False
        parser = self.parser
        return (
            # Those before it come first, and whoever takes no answers is given no more of them.
            (self.cycle is None or self.cycle.response_complete)  # type: ignore[redundant-expr] # None at first
            and not self.flow.write_paused
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and express.takes(parser.get_method(), self.headers)
        )

    def _begin(self, app: Any) -> None:
        """Give the request to uvicorn, with this application to answer it."""
        usual = self.app
        self.app = app
        try:
            super().on_headers_complete()
        finally:
            self.app = usual

    def _encoded(self, answer: Answer) -> bytes:
        # The list is another one when the date is.
        usual = self.server_state.default_headers
        last, headers, encoded = self._last
        if last is not answer or headers is not usual:
            encoded = _encode(answer, usual)
            self._last = (answer, usual, encoded)
        return encoded


def _encode(answer: Answer, usual: Sequence[Header]) -> bytes:
    body = answer.body
    assert isinstance(body, bytes), "an answer of several pieces is sent by ASGI"
    length = (b"content-length", b"%d" % len(body))
    lines = b"".join([b"%b: %b\r\n" % header for header in (*usual, *answer.headers, length)])
    phrase = HTTPStatus(answer.status).phrase.encode()
    return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (answer.status, phrase, lines, body)
