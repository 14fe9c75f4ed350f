"""``--http.config.file``: TLS, authentication and proxy of artool's connection to the server (`config.md` 7)."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import httpx

from alertrouter.cli.connection import USER_AGENT
from alertrouter.cli.errors import Failure
from alertrouter.clock import SystemClock
from alertrouter.config.document import read_document
from alertrouter.config.http import HttpConfig
from alertrouter.config.model import Decoding
from alertrouter.config.node import Mapping
from alertrouter.config.problem import ConfigError
from alertrouter.config.reader import Reader
from alertrouter.core.matcher_syntax import Mode
from alertrouter.delivery.errors import DeliveryError
from alertrouter.http_client.client import HttpClient, basic
from alertrouter.http_client.files import read_credential
from alertrouter.http_client.oauth2 import TokenSource
from alertrouter.http_client.proxy import Proxies, from_environment
from alertrouter.http_client.tls import ssl_context

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path


def load(path: Path) -> HttpConfig:
    """The options in a file; paths in it start at its directory. Failure says all that is wrong with it."""
    try:
        node = read_document(path.read_bytes(), str(path))
    except OSError as error:
        raise Failure(f"open {path}: {(error.strerror or str(error)).lower()}") from None
    except ConfigError as error:
        raise Failure(str(error)) from None
    if node is None:
        return HttpConfig()
    if not isinstance(node, Mapping):
        raise Failure(f"{path}: a mapping with keys such as basic_auth and tls_config is wanted")
    reader = Reader(str(path), Decoding(environ=os.environ, mode=Mode.FALLBACK))
    config = reader.read(HttpConfig, node, ())
    if config is None or reader.problems:
        raise Failure("\n".join(map(str, reader.problems)))
    return config.in_directory(path.parent)


def connect(config: HttpConfig, url: str) -> httpx.Client:
    """A client for this server with these options. Failure when a file they name cannot be used."""
    try:
        context = ssl_context(config.tls_config)
        client = httpx.Client(
            verify=context,
            proxy=_proxy(config, url),
            trust_env=False,
            follow_redirects=config.follow_redirects,
            http2=config.enable_http2,
            headers=[*USER_AGENT.items(), *_headers(config)],
            auth=_auth(config),
        )
    except (ValueError, DeliveryError) as error:
        raise Failure(f"--http.config.file: {error}") from None
    if server_name := config.tls_config.server_name:
        client.event_hooks = {
            "request": [lambda request: request.extensions.update(sni_hostname=server_name)],
        }
    return client


def _proxy(config: HttpConfig, url: str) -> httpx.Proxy | None:
    if config.proxy_from_environment:
        proxies = from_environment(os.environ)
    elif config.proxy_url:
        proxy = str(config.proxy_url)
        proxies = Proxies(http=proxy, https=proxy, no_proxy=config.no_proxy, always=not config.no_proxy)
    else:
        return None
    found = proxies.for_url(url)
    if found is None:
        return None
    headers = [
        (name, value.reveal()) for name, values in config.proxy_connect_header.items() for value in values
    ]
    return httpx.Proxy(found, headers=headers)


def _headers(config: HttpConfig) -> Iterator[tuple[str, str]]:
    for name, header in config.http_headers.items():
        for value in header.values:
            yield name, value
        for secret in header.secrets:
            yield name, secret.reveal()
        for file in header.files:
            yield name, read_credential(file, f"http header {name}")


class _Authorization(httpx.Auth):
    """Sends one ``Authorization`` header; httpx leaves it out when a redirect leads to another host."""

    def __init__(self, value: str) -> None:
        self._value = value

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = self._value
        yield request


def _auth(config: HttpConfig) -> httpx.Auth | None:
    value = ""
    if config.oauth2 is not None:
        value = asyncio.run(_token(config))
    elif (user := config.basic_auth) is not None:
        username, password = user.username, user.password.reveal()
        if user.username_file:
            username = read_credential(user.username_file, "basic auth username")
        if user.password_file:
            password = read_credential(user.password_file, "basic auth password")
        value = basic(username, password)
    elif (authorization := config.authorization) is not None:
        credentials = authorization.credentials.reveal()
        if authorization.credentials_file:
            credentials = read_credential(authorization.credentials_file, "authorization credentials")
        value = f"{authorization.type or 'Bearer'} {credentials}"
    return _Authorization(value) if value else None


async def _token(config: HttpConfig) -> str:
    assert config.oauth2 is not None
    tokens = TokenSource(config.oauth2, SystemClock(), HttpClient)
    try:
        return await tokens.authorization()
    finally:
        await tokens.aclose()
