"""TLS, passwords and headers of the web server: the file of ``--web.config.file`` (`api-and-cli.md` 1.7)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import secrets
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import bcrypt
import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from starlette.datastructures import MutableHeaders

from alertrouter.api.http import text_error
from alertrouter.core.duration import parse_duration
from alertrouter.core.time import Duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from alertrouter.api.http import Answer
    from alertrouter.core.time import Moment

Version = Literal["TLS10", "TLS11", "TLS12", "TLS13"]


class WebConfigError(ValueError):
    """The file cannot be used; the text says which and why."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TlsServer(_Model):
    """``tls_server_config``."""

    cert: str = ""
    key: str = Field("", repr=False)
    client_ca: str = ""
    cert_file: str = ""
    key_file: str = ""
    client_auth_type: Literal[
        "",
        "NoClientCert",
        "RequestClientCert",
        "RequireClientCert",
        "RequireAnyClientCert",
        "VerifyClientCertIfGiven",
        "RequireAndVerifyClientCert",
    ] = "NoClientCert"
    client_ca_file: str = ""
    client_allowed_sans: list[str] = []
    cipher_suites: list[str] = []
    curve_preferences: list[str] = []
    min_version: Version = "TLS12"
    max_version: Version = "TLS13"
    prefer_server_cipher_suites: bool = True


class _Headers(_Model):
    content_security_policy: str | None = Field(None, alias="Content-Security-Policy")
    frame_options: Literal["deny", "sameorigin"] | None = Field(None, alias="X-Frame-Options")
    content_type_options: Literal["nosniff"] | None = Field(None, alias="X-Content-Type-Options")
    xss_protection: str | None = Field(None, alias="X-XSS-Protection")
    strict_transport_security: str | None = Field(None, alias="Strict-Transport-Security")


class _HttpServer(_Model):
    http2: bool = True
    headers: _Headers = Field(default_factory=lambda: _Headers.model_validate({}))


class _RateLimit(_Model):
    interval: Annotated[Duration, BeforeValidator(lambda text: parse_duration(str(text)))] = 0
    burst: int = 0


def _is_hash(users: dict[str, str]) -> dict[str, str]:
    for name, password in users.items():
        if not password.startswith(("$2a$", "$2b$", "$2y$")):
            raise ValueError(f"the password of {name!r} is not a bcrypt hash")
    return users


class WebConfig(_Model):
    """The whole file."""

    tls_server_config: TlsServer | None = None
    http_server_config: _HttpServer = _HttpServer()
    basic_auth_users: Annotated[dict[str, str], BeforeValidator(lambda users: _is_hash(users or {}))] = Field(
        default={}, repr=False
    )
    rate_limit: _RateLimit | None = None


def load_web_config(path: Path) -> WebConfig:
    """Read and check the file. Raises ``WebConfigError``."""
    try:
        return WebConfig.model_validate(yaml.safe_load(path.read_text()) or {})
    except OSError as error:
        raise WebConfigError(f"{path}: {error.strerror or error}") from None
    except yaml.YAMLError as error:
        raise WebConfigError(f"{path}: {error}") from None
    except ValidationError as error:
        # Only places and reasons: the values may be secrets.
        problems = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise WebConfigError(f"{path}: {'; '.join(problems)}") from None


_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
_ASKS_FOR_CERTIFICATE = {
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}


def tls_context(config: WebConfig, folder: Path) -> ssl.SSLContext | None:
    """What the listeners need to speak TLS; None when they should not. Files are relative to the folder.

    Raises ``WebConfigError``.
    """
    tls = config.tls_server_config
    if tls is None:
        return None
    if not (tls.cert_file and tls.key_file):
        raise WebConfigError("tls_server_config: give both cert_file and key_file")
    if tls.client_auth_type in {"RequestClientCert", "RequireClientCert", "RequireAnyClientCert"}:
        raise WebConfigError(
            f"tls_server_config: client_auth_type {tls.client_auth_type}, which takes unverified certificates, is not "
            "supported; use VerifyClientCertIfGiven or RequireAndVerifyClientCert"
        )
    if tls.client_allowed_sans:
        raise WebConfigError("tls_server_config: client_allowed_sans is not supported")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[tls.min_version]
    context.maximum_version = _VERSIONS[tls.max_version]
    try:
        context.load_cert_chain(folder / tls.cert_file, folder / tls.key_file)
        if tls.client_ca_file:
            context.load_verify_locations(folder / tls.client_ca_file)
    except (OSError, ssl.SSLError) as error:
        raise WebConfigError(f"tls_server_config: {error}") from None
    context.verify_mode = _ASKS_FOR_CERTIFICATE.get(tls.client_auth_type, ssl.CERT_NONE)
    return context


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
# Checking the password of a user there is not takes as long as checking a real one.
_NOBODY = bcrypt.hashpw(b"nobody", bcrypt.gensalt(10))


class Guard:
    """An ASGI middleware before all others: who may come in, and how often. The file is followed as it changes."""

    def __init__(self, app: ASGIApp, *, path: Path, now: Callable[[], Moment]) -> None:
        self._app = app
        self._path = path
        self._now = now
        self._stamp: tuple[int, int] | None = None
        self._loaded: _Loaded | None = None
        self._key = secrets.token_bytes(32)
        self._verified: dict[bytes, bool] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        loaded = self._load()
        if loaded is None:
            await _answer(_BROKEN, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(dict(loaded.headers))
            await send(message)

        if not self._has_token(loaded):
            await _answer(_TOO_MANY, with_headers)
        elif loaded.config.basic_auth_users and not await self._is_known(loaded.config, scope):
            await _answer(_UNAUTHORIZED, with_headers)
        else:
            await self._app(scope, receive, with_headers if loaded.headers else send)

    def _load(self) -> _Loaded | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        stamp = (found.st_mtime_ns, found.st_size)
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
        hashed = config.basic_auth_users.get(name)
        # bcrypt is slow on purpose, and a client sends its password with every request.
        key = hashlib.blake2b(repr((name, password, hashed)).encode(), key=self._key, digest_size=32).digest()
        if (verified := self._verified.get(key)) is None:
            matches = await asyncio.to_thread(_check, password, hashed.encode() if hashed else _NOBODY)
            verified = matches and hashed is not None
            if len(self._verified) >= 100:
                self._verified.clear()
            self._verified[key] = verified
        return verified


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
    # bcrypt looks at 72 bytes and refuses more.
    return bcrypt.checkpw(password[:72], hashed)


async def _answer(answer: Answer, send: Any) -> None:
    body = answer.body
    assert isinstance(body, bytes)
    headers = [*answer.headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
