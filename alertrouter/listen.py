"""The sockets the daemon listens on, from `--web.listen-address` or from systemd."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FIRST_SYSTEMD_DESCRIPTOR = 3
_USUAL_PORT = 9093


class ListenError(Exception):
    """An address cannot be listened on; the text says which and why."""


def open_sockets(addresses: Sequence[str]) -> list[socket.socket]:
    """A listening socket for each address such as ``:9093``, ``127.0.0.1:0`` or ``[::1]:9093``; all or none."""
    opened: list[socket.socket] = []
    try:
        opened.extend(map(_open, addresses))
    except ListenError:
        for each in opened:
            each.close()
        raise
    return opened


def systemd_sockets(environ: Mapping[str, str] = os.environ) -> list[socket.socket]:
    """The sockets that systemd opened for this process."""
    if environ.get("LISTEN_PID") != str(os.getpid()) or not environ.get("LISTEN_FDS", "").isdigit():
        raise ListenError(
            "--web.systemd-socket: systemd passed no sockets: start this from a unit with a .socket"
        )
    count = int(environ["LISTEN_FDS"])
    return [
        socket.socket(fileno=descriptor)
        for descriptor in range(_FIRST_SYSTEMD_DESCRIPTOR, _FIRST_SYSTEMD_DESCRIPTOR + count)
    ]


def text_of(listener: socket.socket) -> str:
    """The real address of a listening socket, as ``[::]:9093`` or a path."""
    if listener.family == socket.AF_UNIX:
        return str(listener.getsockname())
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def port_of(listener: socket.socket) -> int:
    """The real port of a listening socket; Alertmanager's for one that has none."""
    if listener.family == socket.AF_UNIX:
        return _USUAL_PORT
    port: int = listener.getsockname()[1]
    return port


def _open(address: str) -> socket.socket:
    if address.startswith("vsock://"):
        raise ListenError(f"listen {address}: vsock is not supported: listen on a TCP address")
    host, port = _parts(address)
    if not host:
        return _everywhere(address, port)
    try:
        family, _, _, _, where = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ListenError(f"listen tcp {address}: {error.strerror or error}") from None
    return _bound(address, family, where)


def _everywhere(address: str, port: int) -> socket.socket:
    """All addresses of both families in one socket, where the machine can; else IPv4."""
    if socket.has_dualstack_ipv6():
        try:
            return _bound(address, socket.AF_INET6, ("::", port))
        except ListenError as error:
            if not isinstance(error.__cause__, OSError) or error.__cause__.errno != _NO_SUCH_FAMILY:
                raise
    return _bound(address, socket.AF_INET, ("0.0.0.0", port))  # noqa: S104 - an empty host means all


_NO_SUCH_FAMILY = 99  # EADDRNOTAVAIL: IPv6 is compiled in and switched off


def _bound(address: str, family: int, where: tuple[object, ...]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            dual = where[0] == "::"
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual else 1)
        listener.bind(where)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise ListenError(f"listen tcp {address}: bind: {(error.strerror or str(error)).lower()}") from error
    listener.setblocking(False)  # noqa: FBT003
    return listener


def _parts(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ListenError(f"listen tcp: address {address}: missing or bad port: write host:port, as in :9093")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ListenError(f"listen tcp: address {address}: too many colons: write [host]:port")
    return host, int(port)
