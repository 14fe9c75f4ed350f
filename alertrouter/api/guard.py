"""Who may come in, and how often: the passwords, limits and headers of the web configuration file."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import bcrypt
from starlette.datastructures import MutableHeaders

from alertrouter.api.caller import USER
from alertrouter.api.http import text_error
from alertrouter.api.web_config import WebConfigError, load_web_config

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from alertrouter.api.http import Answer
    from alertrouter.api.web_config import WebConfig
    from alertrouter.core.time import Moment
    from alertrouter.web_metrics import WebMetrics


@dataclass(slots=True)
class _Tokens:
    """A bucket that fills by one with every interval."""

    left: float
    at: Moment


@dataclass(slots=True)
class _Loaded:
    config: WebConfig
    headers: Mapping[str, str]
    tokens: _Tokens | None = field(default=None)


_UNAUTHORIZED = text_error(401, "Unauthorized\n", (b"www-authenticate", b"Basic"))
_TOO_MANY = text_error(429, "Too Many Requests\n")
_BROKEN = text_error(500, "Internal Server Error\n")
# So many answers to good and to bad credentials are kept.
_REMEMBERED = 100
# bcrypt looks at 72 bytes, and refuses more.
_BCRYPT_BYTES = 72


class Guard:
    """An ASGI middleware before all others. The file is followed as it changes."""

    def __init__(self, app: ASGIApp, *, path: Path, now: Callable[[], Moment], metrics: WebMetrics) -> None:
        self._app = app
        self._path = path
        self._now = now
        self._metrics = metrics
        self._stamp: tuple[int, int, int] | None = None
        self._loaded: _Loaded | None = None
        self._key = secrets.token_bytes(32)
        # Apart, so that no flood of wrong passwords makes us forget the good ones.
        self._verified: dict[bool, dict[bytes, None]] = {True: {}, False: {}}
        # On threads of its own, so that such a flood holds up nothing else.
        self._threads = ThreadPoolExecutor(2, "passwords")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        loaded = self._load()
        if loaded is None:
            self._metrics.refused["web_config"].inc()
            await _answer(_BROKEN, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(dict(loaded.headers))
            await send(message)

        if not self._has_token(loaded):
            self._metrics.refused["rate_limit"].inc()
            await _answer(_TOO_MANY, with_headers)
        elif loaded.config.basic_auth_users and not await self._is_known(loaded.config, scope):
            self._metrics.refused["credentials"].inc()
            await _answer(_UNAUTHORIZED, with_headers)
        else:
            await self._app(scope, receive, with_headers if loaded.headers else send)

    def _load(self) -> _Loaded | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                config = load_web_config(self._path)
            except WebConfigError:
                self._loaded = None
            else:
                headers = config.http_server_config.headers.model_dump(by_alias=True, exclude_none=True)
                self._loaded = _Loaded(config, headers)
        return self._loaded

    def _has_token(self, loaded: _Loaded) -> bool:
        limit = loaded.config.rate_limit
        if limit is None or limit.interval <= 0:
            return True
        now, most = self._now(), max(limit.burst, 1)
        tokens = loaded.tokens = loaded.tokens or _Tokens(most, now)
        tokens.left = min(most, tokens.left + max(now - tokens.at, 0) / limit.interval)
        tokens.at = now
        if tokens.left < 1:
            return False
        tokens.left -= 1
        return True

    async def _is_known(self, config: WebConfig, scope: Scope) -> bool:
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        credentials = _credentials(given)
        if credentials is None:
            return False
        name, password = credentials
        # Nobody reads it before the password was found right.
        scope[USER] = name
        users = config.basic_auth_users
        hashed = users.get(name)
        # bcrypt is slow on purpose, and a client sends its password with every request.
        key = hashlib.blake2b(repr((name, password, hashed)).encode(), key=self._key, digest_size=32).digest()
        for verdict, known in self._verified.items():
            if key in known:
                return verdict
        # A user there is not takes as long as one there is, or one could find out who is there.
        stand_in = next(iter(users.values()))
        matches = await asyncio.get_running_loop().run_in_executor(
            self._threads, _check, password, (hashed or stand_in).encode()
        )
        verdict = matches and hashed is not None
        known = self._verified[verdict]
        if len(known) >= _REMEMBERED:
            known.pop(next(iter(known)))
        known[key] = None
        return verdict


def _credentials(header: bytes) -> tuple[str, bytes] | None:
    scheme, _, encoded = header.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded, validate=True).partition(b":")
        return (name.decode(), password) if colon else None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _check(password: bytes, hashed: bytes) -> bool:
    return bcrypt.checkpw(password[:_BCRYPT_BYTES], hashed)


async def _answer(answer: Answer, send: Any) -> None:
    body = answer.body
    assert isinstance(body, bytes)
    headers = [*answer.headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
