"""One request and its answer over one pool of connections: no redirects, no credentials, no second try."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import aiohttp
import httpx
from multidict import CIMultiDict
from yarl import URL

from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.http_client.reasons import network_reason
from alertrouter.http_client.response import LONGEST_ANSWER, Response

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence


_IDLE_SECONDS = 300


class Wire(Protocol):
    """A pool of connections with one set of TLS options."""

    async def exchange(
        self, method: str, url: str, headers: CIMultiDict[str], body: bytes | None, proxy: str | None
    ) -> Response:
        """Send one request and read the answer; TemporaryError when there is none."""

    async def aclose(self) -> None:
        """Close all connections."""


class AiohttpWire:
    """Over aiohttp: HTTP/1.1 through an HTTP proxy."""

    def __init__(
        self,
        context: ssl.SSLContext,
        server_name: str,
        connect_headers: Sequence[tuple[str, str]],
        longest_answer: int = LONGEST_ANSWER,
    ) -> None:
        self._context = context
        self._longest_answer = longest_answer
        self._server_name = server_name or None
        self._connect_headers = connect_headers
        self._session: aiohttp.ClientSession | None = None

    async def exchange(
        self, method: str, url: str, headers: CIMultiDict[str], body: bytes | None, proxy: str | None
    ) -> Response:
        """Send one request and read the answer; TemporaryError when there is none."""
        session = self._session or self._connect()
        try:
            async with session.request(
                method,
                _address(url),
                data=body,
                headers=headers,
                allow_redirects=False,
                proxy=proxy,
                # aiohttp writes into these headers, so each request has its own.
                proxy_headers=CIMultiDict(self._connect_headers) if proxy else None,
                server_hostname=self._server_name,
            ) as answer:
                return Response(
                    status_code=answer.status,
                    headers=answer.headers,
                    content=await _read(answer, self._longest_answer),
                )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _failure(method, error) from None

    def _connect(self) -> aiohttp.ClientSession:
        # A session belongs to the event loop that makes the first request.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._context, limit=0, keepalive_timeout=_IDLE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        )
        return self._session

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()


class HttpxWire:
    """Over httpx: what aiohttp has no means for, which is SOCKS proxies."""

    def __init__(
        self,
        context: ssl.SSLContext,
        server_name: str,
        longest_answer: int = LONGEST_ANSWER,
        *,
        proxy: str,
        http2: bool,
    ) -> None:
        self._longest_answer = longest_answer
        self._server_name = server_name
        self._transport = httpx.AsyncHTTPTransport(
            verify=context,
            http2=http2,
            proxy=proxy,
            limits=httpx.Limits(keepalive_expiry=_IDLE_SECONDS),
            trust_env=False,
        )

    async def exchange(
        self, method: str, url: str, headers: CIMultiDict[str], body: bytes | None, proxy: str | None
    ) -> Response:
        """Send one request and read the answer; TemporaryError when there is none."""
        _ = proxy
        extensions = {"sni_hostname": self._server_name} if self._server_name else {}
        try:
            request = httpx.Request(
                method, url, headers=list(headers.items()), content=body, extensions=extensions
            )
            answer = await self._transport.handle_async_request(request)
            try:
                content = await answer.aread()
            finally:
                await answer.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise _failure(method, error) from None
        return Response(
            status_code=answer.status_code, headers=answer.headers, content=content[: self._longest_answer]
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()


def _address(url: str) -> URL:
    # What is a proper URL already goes out as it was written; anything else is quoted first.
    proper = url.isascii() and " " not in url and url.isprintable()
    address = URL(url, encoded=proper)
    if address.scheme not in {"http", "https"} or not address.host:
        raise aiohttp.InvalidURL("")
    return address


async def _read(answer: aiohttp.ClientResponse, longest: int) -> bytes:
    if answer.content_length is not None and answer.content_length <= longest:
        return await answer.read()
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_any():
        parts.append(part)
        size += len(part)
        if size >= longest:
            # What is left is not worth the connection.
            answer.close()
            break
    return b"".join(parts)[:longest]


def _failure(method: str, error: Exception) -> TemporaryError | RejectedError:
    if isinstance(error, (aiohttp.InvalidURL, httpx.InvalidURL, httpx.UnsupportedProtocol)):
        return RejectedError(f'{method} "<redacted>": the URL is not valid')
    return TemporaryError(f'{method} "<redacted>": {_reason(error)}')


# What each error means, in words that hold nothing of the URL; the first that fits counts.
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "the host name cannot be resolved"),
    (aiohttp.ServerDisconnectedError, "the server closed the connection without an answer"),
    (httpx.RemoteProtocolError, "the server closed the connection without an answer"),
    (aiohttp.ClientPayloadError, "the connection broke within the answer"),
    (httpx.ReadError, "the connection broke within the answer"),
    (httpx.ProxyError, "the proxy refused the connection"),
    (httpx.TimeoutException, "timed out"),
    (httpx.ConnectError, "cannot connect"),
)


def _reason(error: Exception) -> str:  # noqa: PLR0911 -- a table
    for kind, words in _REASONS:
        if isinstance(error, kind):
            return words
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return network_reason(error.certificate_error)
        case aiohttp.ClientProxyConnectionError():
            return f"the proxy cannot be reached: {network_reason(error.os_error)}"
        case aiohttp.ClientHttpProxyError():
            return f"the proxy answered {error.status}"
        case aiohttp.ClientResponseError():
            return "the answer is not HTTP"
        case aiohttp.ClientConnectorError():
            return network_reason(error.os_error)
    return network_reason(error) if isinstance(error, OSError) else type(error).__name__
