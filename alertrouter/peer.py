"""What this process calls itself to clients that look for the members of a cluster.

Nothing gossips here, so nobody listens on the address; it is the one that an Alertmanager with the same flags would give.
"""

from __future__ import annotations

import secrets
import socket
from typing import TYPE_CHECKING, NamedTuple

from alertrouter.core.time import MILLISECOND

if TYPE_CHECKING:
    from alertrouter.core.time import Moment
    from alertrouter.settings import Settings

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# An address of documentation: the system says from where it would go there, and nothing is sent.
_ELSEWHERE = ("192.0.2.1", 9)
_EVERYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104 - compared with, not listened on


class Peer(NamedTuple):
    """A member: its name, and its ``host:port``."""

    name: str
    address: str


def own_peer(settings: Settings, now: Moment) -> Peer | None:
    """This process as a member; None when ``--cluster.listen-address`` is empty, as without a cluster."""
    if not settings.cluster_listen_address:
        return None
    address = settings.cluster_advertise_address or settings.cluster_listen_address
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if host in _EVERYWHERE:
        host = _own_host()
    return Peer(
        settings.cluster_peer_name or ulid(now), f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    )


def ulid(now: Moment) -> str:
    """A name like those that Alertmanager gives itself: 48 bits of milliseconds and 80 of chance, in Crockford's base 32."""
    number = now // MILLISECOND << 80 | secrets.randbits(80)
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -5, -5))


def _own_host() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
            host: str = probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"
        return host
