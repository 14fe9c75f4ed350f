"""The client an HTTP integration is given: credentials, own headers, redirects, proxies, TLS.

Everything `config.md` 7 says about a request happens here, so that a sender only has to name a URL and a body.
"""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from multidict import CIMultiDict

from alertrouter import ALERTMANAGER_VERSION, tracing
from alertrouter.delivery.errors import TemporaryError
from alertrouter.http_client.direct import DirectWire, PreparedPost
from alertrouter.http_client.files import read_credential
from alertrouter.http_client.oauth2 import TokenSource
from alertrouter.http_client.proxy import Proxies, from_environment
from alertrouter.http_client.response import LONGEST_ANSWER
from alertrouter.http_client.tls import WatchedContext

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Mapping, Sequence

    from alertrouter.clock import Clock
    from alertrouter.config.http import HttpConfig
    from alertrouter.http_client.response import Response
    from alertrouter.http_client.wire import Wire

USER_AGENT = f"Alertmanager/{ALERTMANAGER_VERSION}"

# Go's client sends ten requests for one at most.
_MOST_REQUESTS = 10
# So many addresses are remembered with what to say to them before they are forgotten.
_MOST_REPEATED = 256
_REDIRECTS = {301, 302, 303, 307, 308}
_TO_GET = {301, 302, 303}
_SENSITIVE = (
    "Authorization",
    "Cookie",
    "Cookie2",
    "Www-Authenticate",
    "Proxy-Authorization",
    "Proxy-Authenticate",
)


class HttpClient:
    """Sends requests as one ``http_config`` says. Shared by all integrations that have the same.

    HTTP/1.1 is spoken; ``enable_http2`` allows more and demands nothing.
    Making one reads and checks the TLS files: ValueError says what is wrong with them. Of an answer no more than
    ``longest_answer`` bytes are read.
    """

    def __init__(self, config: HttpConfig, clock: Clock, *, longest_answer: int = LONGEST_ANSWER) -> None:
        self._config = config
        self._longest_answer = longest_answer
        self._proxies = _proxies(config)
        self._connect_headers = [
            (name, value.reveal()) for name, values in config.proxy_connect_header.items() for value in values
        ]
        self._own_headers = list(config.http_headers.items())
        _refuse_references(config)
        self._tokens = TokenSource(config.oauth2, clock, HttpClient) if config.oauth2 else None
        self._has_credentials = bool(self._tokens or config.basic_auth or config.authorization)
        self._tls = WatchedContext(config.tls_config)
        self._pool = self._new_pool(self._tls.current())
        self._repeated: dict[tuple[object, ...], RepeatedPost] = {}

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> Response:
        """Send a GET request."""
        return await self.request("GET", url, headers=headers)

    def post(
        self, url: str, *, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Awaitable[Response]:
        """Send a POST request."""
        if content is None:
            return self.request("POST", url, headers=headers)
        # Most go to the same address again and again, with nothing new but their body.
        key = (url, *headers.items()) if headers else (url,)
        repeated = self._repeated.get(key)
        if repeated is None:
            if len(self._repeated) >= _MOST_REPEATED:
                self._repeated.clear()
            repeated = self._repeated[key] = RepeatedPost(self, url, dict(headers or {}))
        return repeated.send(content)

    async def put(
        self, url: str, *, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Send a PUT request."""
        return await self.request("PUT", url, content=content, headers=headers)

    async def request(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send a request, follow where it leads, and read the whole answer, whatever its status.

        TemporaryError when there is no answer or a credential file cannot be read, RejectedError when the
        URL is none. There is no time limit but the caller's. An ``Authorization`` among ``headers`` wins over
        the configured credentials.
        """
        pool = await self._current_pool()
        async with pool:
            if tracing.headers():
                return await self._traced(pool, method, url, content, headers or {})
            return await self._follow(pool, method, url, content, headers or {})

    async def redirected(
        self, pool: _Pool, url: str, body: bytes, headers: Mapping[str, str], answer: Response
    ) -> Response:
        """Go on from this first answer to a POST that leads elsewhere; the rest is as for `request`."""
        return await self._follow(pool, "POST", url, body, headers, answer)

    async def _traced(
        self, pool: _Pool, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Response:
        # The path and what follows it may hold a token.
        parts = urlsplit(url)
        attributes = {
            "http.request.method": method,
            "url.scheme": parts.scheme,
            "server.address": parts.hostname or "",
        }
        with tracing.span(f"HTTP {method}", kind=tracing.Kind.CLIENT, attributes=attributes) as span:
            answer = await self._follow(pool, method, url, body, {**headers, **tracing.headers()})
            span.set("http.response.status_code", answer.status_code)
            if answer.status_code >= 400:
                span.fail(f"answered {answer.status_code}")
            return answer

    def repeated_post(self, url: str, headers: Mapping[str, str]) -> RepeatedPost:
        """A POST that is sent again and again, with another body each time."""
        return RepeatedPost(self, url, headers)

    async def prepared(self, url: str, headers: Mapping[str, str]) -> Prepared | None:
        """A POST as far as it is always the same; None when something about it may change from one to the next."""
        pool = await self._current_pool()
        config = self._config
        read_anew = [path for header in config.http_headers.values() for path in header.files]
        if config.basic_auth is not None:
            read_anew += [config.basic_auth.username_file, config.basic_auth.password_file]
        if config.authorization is not None:
            read_anew.append(config.authorization.credentials_file)
        wire = pool.wire_for(None)
        if any(read_anew) or self._tokens or self._proxies or not isinstance(wire, DirectWire):
            return None
        whole, plain_url = await self._headers(url, headers, away=False)
        return Prepared(pool, wire, wire.prepare(plain_url, whole))

    def is_current(self, prepared: Prepared) -> bool:
        """Whether the TLS files are still those that this was prepared with."""
        try:
            return self._tls.current() is prepared.pool.context
        except ValueError:
            return False

    async def aclose(self) -> None:
        """Close the connections, each when its request is answered."""
        await self._pool.retire()
        if self._tokens is not None:
            await self._tokens.aclose()

    async def _follow(
        self,
        pool: _Pool,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
        answer: Response | None = None,
    ) -> Response:
        own = headers
        away = False
        first_host = ""
        for _ in range(_MOST_REQUESTS):
            if answer is None:
                to_send, url = await self._headers(url, own, away=away)
                proxy = self._proxies.for_url(url) if self._proxies else None
                answer = await pool.wire_for(proxy).exchange(method, url, to_send, body, proxy)
            elif "@" in url:
                url, _ = _without_userinfo(url)
            if answer.status_code not in _REDIRECTS or not self._config.follow_redirects:
                return answer
            location = answer.headers.get("Location")
            if not location:
                if answer.status_code in _TO_GET:
                    raise TemporaryError(
                        f'{method} "<redacted>": {answer.status_code} response missing Location header'
                    )
                return answer
            first_host = first_host or _host(url)
            url = urljoin(url, location)
            if answer.status_code in _TO_GET:
                method, body = ("HEAD" if method == "HEAD" else "GET"), None
                own = {name: value for name, value in own.items() if name.lower() != "content-type"}
            if not away and not _is_same_or_below(_host(url), first_host):
                # Compat: Go drops what is secret for the rest of the chain, even if that leads back.
                away = True
                own = {name: value for name, value in own.items() if name.title() not in _SENSITIVE}
            answer = None
        raise TemporaryError(f'{method} "<redacted>": stopped after {_MOST_REQUESTS} redirects')

    async def _headers(self, url: str, own: Mapping[str, str], *, away: bool) -> tuple[CIMultiDict[str], str]:
        """What a request carries, and its URL less the credentials that stood in it."""
        headers = CIMultiDict(own)
        if "User-Agent" not in headers:
            headers["User-Agent"] = USER_AGENT
        for name, header in self._own_headers:
            for value in header.values:
                headers.add(name, value)
            if not away:
                for secret in header.secrets:
                    headers.add(name, secret.reveal())
                for path in header.files:
                    headers.add(name, read_credential(path, f"http header {name}"))
        if self._has_credentials and not away and "Authorization" not in headers:
            headers["Authorization"] = await self._authorization()
        if "@" in url:
            url, userinfo = _without_userinfo(url)
            if userinfo and "Authorization" not in headers:
                headers["Authorization"] = basic(*userinfo)
        return headers, url

    async def _authorization(self) -> str:
        config = self._config
        if self._tokens is not None:
            return await self._tokens.authorization()
        if config.basic_auth is not None:
            username, password = config.basic_auth.username, config.basic_auth.password.reveal()
            if config.basic_auth.username_file:
                username = read_credential(config.basic_auth.username_file, "basic auth username")
            if config.basic_auth.password_file:
                password = read_credential(config.basic_auth.password_file, "basic auth password")
            return basic(username, password)
        assert config.authorization is not None
        credentials = config.authorization.credentials.reveal()
        if config.authorization.credentials_file:
            credentials = read_credential(config.authorization.credentials_file, "authorization credentials")
        return f"{config.authorization.type or 'Bearer'} {credentials}"

    async def _current_pool(self) -> _Pool:
        try:
            context = self._tls.current()
        except ValueError as error:
            raise TemporaryError(str(error)) from None
        if context is not self._pool.context:
            replaced, self._pool = self._pool, self._new_pool(context)
            await replaced.retire()
        return self._pool

    def _new_pool(self, context: ssl.SSLContext) -> _Pool:
        server_name = self._config.tls_config.server_name
        return _Pool(
            context,
            server_name,
            self._connect_headers,
            self._longest_answer,
            http2=self._config.enable_http2,
        )


class Prepared(NamedTuple):
    """A POST without its body, and the connections it is for."""

    pool: _Pool
    wire: DirectWire
    post: PreparedPost


class RepeatedPost:
    """A POST with another body each time: most of the work on its head is done once. Made by `HttpClient.repeated_post`.

    Where credentials are read anew for each request, or it goes through a proxy, it is sent as any other.
    `HttpClient.post` does this by itself for addresses it is given often.
    """

    def __init__(self, client: HttpClient, url: str, headers: Mapping[str, str]) -> None:
        self._client = client
        self._url = url
        self._headers = headers
        self._prepared: Prepared | None = None
        self._changes = False

    async def send(self, content: bytes) -> Response:
        """Send it and read the answer; errors are those of `HttpClient.request`."""
        client = self._client
        prepared = self._prepared
        if not self._changes and (prepared is None or not client.is_current(prepared)):
            prepared = self._prepared = await client.prepared(self._url, self._headers)
            self._changes = prepared is None
        if prepared is None or tracing.headers():
            return await client.request("POST", self._url, content=content, headers=self._headers)
        pool = prepared.pool
        pool.in_flight += 1
        try:
            answer = await prepared.wire.post(prepared.post, content)
            if answer.status_code in _REDIRECTS:
                answer = await client.redirected(pool, self._url, content, self._headers, answer)
        finally:
            pool.in_flight -= 1
            if pool.is_retired:
                await pool.close_if_done()
        return answer


class _Pool:
    """The connections made with one reading of the TLS files; closed once it is retired and idle."""

    def __init__(
        self,
        context: ssl.SSLContext,
        server_name: str,
        connect_headers: Sequence[tuple[str, str]],
        longest_answer: int,
        *,
        http2: bool,
    ) -> None:
        self._longest_answer = longest_answer
        self.context = context
        self.in_flight = 0
        self.is_retired = False
        self._server_name = server_name
        self._connect_headers = connect_headers
        self._http2 = http2
        self._wires: dict[str, Wire] = {}

    async def __aenter__(self) -> None:
        self.in_flight += 1

    async def __aexit__(self, *_: object) -> None:
        self.in_flight -= 1
        await self.close_if_done()

    def wire_for(self, proxy: str | None) -> Wire:
        """The connections to or through this proxy; direct ones without."""
        kind = "" if proxy is None else proxy if proxy.lower().startswith("socks") else "http proxy"
        wire = self._wires.get(kind)
        if wire is None:
            wire = self._wires[kind] = self._new_wire(kind)
        return wire

    def _new_wire(self, kind: str) -> Wire:
        if not kind:
            return DirectWire(self.context, self._server_name, self._longest_answer)
        # Proxies are rare, and these libraries take long to load.
        from alertrouter.http_client.wire import AiohttpWire, HttpxWire

        if kind == "http proxy":
            return AiohttpWire(self.context, self._server_name, self._connect_headers, self._longest_answer)
        return HttpxWire(self.context, self._server_name, self._longest_answer, proxy=kind, http2=self._http2)

    async def retire(self) -> None:
        """Take no more requests."""
        self.is_retired = True
        await self.close_if_done()

    async def close_if_done(self) -> None:
        """Close the connections if no request will come and none is under way."""
        if self.is_retired and not self.in_flight:
            for wire in self._wires.values():
                await wire.aclose()


def _refuse_references(config: HttpConfig) -> None:
    """Compat: references to a secret manager are read from the file, but there is no manager to ask."""
    for part in (config.basic_auth, config.authorization, config.oauth2, config.tls_config):
        if part is not None and any(
            getattr(part, name) for name in type(part).model_fields if name.endswith("_ref")
        ):
            raise ValueError("cannot use secret ref without manager")


def _proxies(config: HttpConfig) -> Proxies:
    if config.proxy_from_environment:
        return from_environment(os.environ)
    if not config.proxy_url:
        return Proxies()
    proxy = str(config.proxy_url)
    return Proxies(http=proxy, https=proxy, no_proxy=config.no_proxy, always=not config.no_proxy)


def basic(username: str, password: str) -> str:
    """The value of an ``Authorization`` header for this user."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def _without_userinfo(url: str) -> tuple[str, tuple[str, str] | None]:
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    username, _, password = userinfo.partition(":")
    return urlunsplit(parts._replace(netloc=host)), (unquote(username), unquote(password))


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").rstrip(".")


def _is_same_or_below(host: str, first: str) -> bool:
    return host == first or (host.endswith(f".{first}") and not first.replace(".", "").isdecimal())
