"""Under which URL people reach this server, and below which path it answers (`api-and-cli.md` 1.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from alertrouter.settings import Settings


class AddressError(ValueError):
    """The external URL cannot be used; the text says why."""


def external_url(settings: Settings, hostname: str) -> str:
    """The URL that notifications link to, without a slash at its end.

    By default this machine's name with the port of the first listener. Raises ``AddressError``.
    """
    url = settings.web_external_url
    if not url:
        first = settings.web_listen_address[0] if settings.web_listen_address else ""
        port = first.rpartition(":")[2]
        return f"http://{hostname}:{port}" if port else f"http://{hostname}"
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise AddressError(
            f"\"{url}\": invalid \"{parts.scheme}\" scheme, only 'http' and 'https' are supported"
        )
    return url.rstrip("/")


def route_prefix(settings: Settings) -> str:
    """The path before every other: ``/am``, or empty for none."""
    prefix = settings.web_route_prefix or urlsplit(settings.web_external_url).path
    prefix = prefix.strip("/")
    return f"/{prefix}" if prefix else ""
