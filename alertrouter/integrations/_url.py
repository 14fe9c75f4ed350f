"""Addresses made of a configured one, as Go's net/url makes them."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

# Of ASCII, what Go leaves as it is in a path besides letters, digits and "-_.~".
_IN_PATH = "/$&+,:;=@~"


def with_slash(url: str) -> str:
    """The URL with a path that ends in a slash; an empty one stays empty."""
    if not url:
        return ""
    parts = urlsplit(url)
    return url if parts.path.endswith("/") else urlunsplit(parts._replace(path=f"{parts.path}/"))


def below(url: str, path: str, query: str = "") -> str:
    """The URL with more path behind its own. The path is escaped here, the query comes encoded."""
    parts = urlsplit(url)
    return urlunsplit(
        parts._replace(path=parts.path + quote(path, safe=_IN_PATH), query=query or parts.query)
    )
