"""The HTTP clients of a running daemon: one for each distinct ``http_config``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.http_client.client import HttpClient

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alertrouter.clock import Clock
    from alertrouter.config.http import HttpConfig


class HttpClients:
    """Makes clients when they are first asked for, and shares them among equal configurations."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # What is printed of a configuration finds it quickly; secrets are masked there, so it is compared too.
        self._clients: dict[str, list[tuple[HttpConfig, HttpClient]]] = {}

    def client(self, config: HttpConfig) -> HttpClient:
        """The client for this configuration; ValueError when its TLS files cannot be used."""
        alike = self._clients.setdefault(_key(config), [])
        for known, client in alike:
            if known == config:
                return client
        client = HttpClient(config, self._clock)
        alike.append((config, client))
        return client

    async def close_unused(self, used: Iterable[HttpConfig]) -> None:
        """After a reload: close the clients no configuration wants, each when its requests are answered."""
        wanted: dict[str, list[HttpConfig]] = {}
        for config in used:
            wanted.setdefault(_key(config), []).append(config)
        for key, alike in list(self._clients.items()):
            kept = [(config, client) for config, client in alike if config in wanted.get(key, ())]
            for config, client in alike:
                if config not in wanted.get(key, ()):
                    await client.aclose()
            if kept:
                self._clients[key] = kept
            else:
                del self._clients[key]

    async def aclose(self) -> None:
        """Close all clients, each when its requests are answered."""
        await self.close_unused(())


def _key(config: HttpConfig) -> str:
    return repr(config)
