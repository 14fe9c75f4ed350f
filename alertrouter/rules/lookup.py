"""Which hosts and ports the DNS names for Alertmanagers (`rules.md` 4.3)."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Protocol

from alertrouter.core.time import SECOND

if TYPE_CHECKING:
    from alertrouter.core.time import Duration
    from alertrouter.rules.query_config import DnsTargets

_LONGEST: Duration = 10 * SECOND


class Lookup(Protocol):
    """Asks for addresses."""

    async def targets(self, wanted: DnsTargets) -> list[str]:
        """``host:port`` of each, sorted. Raises OSError when there is no answer, or none such."""


class DnsLookup:
    """Asks as the system does for addresses, and the system's servers, or ``nameserver``, for SRV records."""

    def __init__(self, nameserver: tuple[str, int] | None = None) -> None:
        self._nameserver = nameserver

    async def targets(self, wanted: DnsTargets) -> list[str]:
        """``host:port`` of each, sorted. A name without records is an OSError, too: then those known before are good."""
        of_type = self._services if wanted.type == "SRV" else self._addresses
        found = await asyncio.gather(*[of_type(name, wanted) for name in wanted.names])
        return sorted({target for targets in found for target in targets})

    async def _addresses(self, name: str, wanted: DnsTargets) -> list[str]:
        family = socket.AF_INET if wanted.type == "A" else socket.AF_INET6
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(name, wanted.port, family=family, type=socket.SOCK_STREAM)
        addresses = {str(address[0]) for *_, address in found}
        return [f"[{each}]:{wanted.port}" if ":" in each else f"{each}:{wanted.port}" for each in addresses]

    async def _services(self, name: str, _: DnsTargets) -> list[str]:
        from dns.asyncresolver import Resolver
        from dns.exception import DNSException

        try:
            resolver = Resolver(configure=self._nameserver is None)
            if self._nameserver is not None:
                resolver.nameservers = [self._nameserver[0]]
                resolver.port = self._nameserver[1]
            answer = await resolver.resolve(name, "SRV", lifetime=_LONGEST / SECOND)
        except DNSException as error:
            raise OSError(f"{name}: {error}") from None
        return [f"{record.target.to_text(omit_final_dot=True)}:{record.port}" for record in answer]
