"""Under which URL people reach this daemon, and below which path it serves (`api-and-cli.md` 1.5)."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit


def external_url(text: str, port: int) -> str:
    """The external URL without a trailing slash; from host name and port when none is given.

    Raises ValueError for anything that is not an http or https URL.
    """
    if not text:
        return f"http://{socket.gethostname()}:{port}"
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"}:
        raise ValueError(
            f"\"{text}\": invalid \"{parts.scheme}\" scheme, only 'http' and 'https' are supported"
        )
    if not parts.netloc:
        raise ValueError(f'"{text}": the host is missing: write http://host:port')
    return parts._replace(path=_trimmed(parts.path), query="", fragment="").geturl()


def route_prefix(text: str, external: str) -> str:
    """The path below which everything is served: one leading slash and no trailing one, or empty for none."""
    return _trimmed(text or urlsplit(external).path)


def _trimmed(path: str) -> str:
    path = path.strip("/")
    return f"/{path}" if path else ""
