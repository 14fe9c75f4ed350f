"""Which proxy a request goes through (`config.md` 7.1), by the rules of Go's ``httpproxy``."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """The proxy for each scheme, and who is reached directly.

    ``always``: a bare ``proxy_url`` proxies everything, loopback addresses included.
    """

    http: str = ""
    https: str = ""
    no_proxy: str = ""
    always: bool = False

    def __bool__(self) -> bool:
        return bool(self.http or self.https)

    def for_url(self, url: str) -> str | None:
        """The proxy's URL for a request; None to connect directly."""
        parts = urlsplit(url)
        proxy = self.https if parts.scheme == "https" else self.http
        if not proxy or self.always:
            return proxy or None
        host = (parts.hostname or "").strip()
        return None if self._is_direct(host, parts.port or _PORTS.get(parts.scheme, 0)) else proxy

    def _is_direct(self, host: str, port: int) -> bool:
        address = _address(host)
        if host == "localhost" or (address is not None and address.is_loopback):
            return True
        return any(_covers(entry.strip().lower(), host, address, port) for entry in self.no_proxy.split(","))


def from_environment(environ: Mapping[str, str]) -> Proxies:
    """The proxies that ``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY`` name, in either case."""

    def value(name: str) -> str:
        return environ.get(name) or environ.get(name.lower()) or ""

    return Proxies(
        http=_with_scheme(value("HTTP_PROXY")),
        https=_with_scheme(value("HTTPS_PROXY")),
        no_proxy=value("NO_PROXY"),
    )


def _with_scheme(proxy: str) -> str:
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def _covers(entry: str, host: str, address: _Address | None, port: int) -> bool:
    """Whether one entry of a ``no_proxy`` list names this host.

    entry = "*" | network | ( address | domain ) [ ":" port ]

    A domain stands for itself and all below it; with a dot (or ``*.``) before it, only for those below.
    """
    if not entry:
        return False
    if entry == "*":
        return True
    if "/" in entry:
        try:
            network = ipaddress.ip_network(entry, strict=False)
        except ValueError:
            pass
        else:
            return address is not None and address in network
    name, _, wanted_port = entry.rpartition(":")
    if not name or (":" in name and not name.endswith("]")) or not wanted_port.isdecimal():
        name, wanted_port = entry, ""
    name = name.removeprefix("[").removesuffix("]")
    if wanted_port and int(wanted_port) != port:
        return False
    if (named := _address(name)) is not None:
        return named == address
    name = name.removeprefix("*")
    return host == name or host.endswith(name if name.startswith(".") else f".{name}")


def _address(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
