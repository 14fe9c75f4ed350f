"""`artool cluster`: the members of the cluster."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alertrouter.cli.command import Command
    from alertrouter.cli.session import Session
    from alertrouter.client import Peer


@dataclass(frozen=True, slots=True)
class ClusterShow:
    """There is nothing to choose."""


def register(program: Command) -> None:
    """Add the group to the program."""
    group = program.group("cluster", "View cluster status and peers.", needs_server=True)
    group.command("show", "View cluster status and peers.", ClusterShow, run_show, is_default=True)


def run_show(_: ClusterShow, session: Session) -> int:
    """Print how the cluster is, and with ``-o extended`` who is in it."""
    from alertrouter.cli.output import align, print_json, write

    cluster = session.client.status()["cluster"]
    if session.options.output == "json":
        print_json(cluster)
        return 0
    write(align(f"Cluster Status:\t{cluster['status']}\nNode Name:\t{cluster.get('name', '')}\n"))
    if session.options.output == "extended":
        peers = sorted(cluster.get("peers", []), key=_place)
        rows = "".join(f"{peer['address']}\t{peer['name']}\t\n" for peer in peers)
        write("\n" + align(f"Address\tName\n{rows}"))
    return 0


def _place(peer: Peer) -> tuple[int, bytes, int]:
    """Sort key: by IP address, then by port; what is not an address comes last."""
    host, _, port = peer["address"].rpartition(":")
    number = int(port) if port.isdecimal() else 0
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return (99, host.encode(), number)
    return (address.version, address.packed, number)
