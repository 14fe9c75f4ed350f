"""Signatures of requests to AWS, version 4.

The steps and the names are those of AWS's documentation, "Create a signed AWS API request". Header and signing
algorithm only: no presigned URLs, no chunked bodies, and no S3, whose paths are escaped otherwise.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlsplit

from alertrouter.core.time import SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.core.time import Moment

_ALGORITHM = "AWS4-HMAC-SHA256"
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What requests are signed with. ``ends_at`` None is for good; a session token goes with those that end."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    ends_at: Moment | None = None


def signed_headers(
    *,
    url: str,
    content: bytes,
    headers: Mapping[str, str],
    credentials: Credentials,
    region: str,
    service: str,
    now: Moment,
) -> dict[str, str]:
    """The headers of a POST request, with its date, the session token and the signature.

    All ``headers`` are signed, and so is the ``Host`` that the URL stands for.
    """
    stamp = datetime.fromtimestamp(now // SECOND, UTC).strftime("%Y%m%dT%H%M%SZ")
    to_send = {**headers, "X-Amz-Date": stamp}
    if credentials.session_token:
        to_send["X-Amz-Security-Token"] = credentials.session_token
    signed = {name.lower(): " ".join(value.split()) for name, value in to_send.items()}
    signed["host"] = host_of(url)
    names = ";".join(sorted(signed))
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    request = _canonical_request(url, content, signed, names)
    text = "\n".join([_ALGORITHM, stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    signature = _hmac(_key(credentials.secret_key, scope), text).hex()
    to_send["Authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return to_send


def host_of(url: str) -> str:
    """The ``Host`` header that a request to this URL carries."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    return host if parts.port in {None, _PORTS.get(parts.scheme)} else f"{host}:{parts.port}"


def _canonical_request(url: str, content: bytes, signed: Mapping[str, str], names: str) -> str:
    parts = urlsplit(url)
    query = "&".join(
        [f"{name}={value}" for name, value in sorted([_escaped_pair(pair) for pair in _pairs(parts.query)])]
    )
    headers = "".join([f"{name}:{signed[name]}\n" for name in sorted(signed)])
    # What is escaped in the path is escaped again here.
    path = quote(parts.path or "/", safe="/~")
    return "\n".join(["POST", path, query, headers, names, hashlib.sha256(content).hexdigest()])


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)


def _escaped_pair(pair: tuple[str, str]) -> tuple[str, str]:
    return quote(pair[0], safe="~"), quote(pair[1], safe="~")


def _key(secret_key: str, scope: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
