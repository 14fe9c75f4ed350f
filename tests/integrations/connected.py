"""An integration connected to real servers, and the global section it is completed with."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alertrouter.clock import SystemClock
from alertrouter.config.http import HttpConfig
from alertrouter.http_client import HttpClients
from alertrouter.integrations import Connection, connect, discover

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alertrouter.integrations import IntegrationConfig, Sender


class Globals:
    """What the ``global:`` section gives every integration: the defaults, and what a test sets."""

    def __init__(self, **values: Any) -> None:
        self.http_config = HttpConfig()
        for kind in discover().values():
            if kind.globals is not None:
                defaults = kind.globals.model_validate(
                    {key: value for key, value in values.items() if key in kind.globals.model_fields}
                )
                for name in kind.globals.model_fields:
                    setattr(self, name, getattr(defaults, name))
        if "http_config" in values:
            self.http_config = values["http_config"]


def configure(kind: str, config: dict[str, Any], **global_values: Any) -> IntegrationConfig:
    """An integration's configuration as it stands in a file, completed."""
    model = discover()[kind].config.model_validate(config)
    return model.completed(Globals(**global_values), "team.x")


@asynccontextmanager
async def connected(
    kind: str, config: dict[str, Any], *, directory: Path = Path(), **global_values: Any
) -> AsyncIterator[Sender]:
    """A sender as delivery gets it."""
    completed = configure(kind, config, **global_values)
    clock = SystemClock()
    clients = HttpClients(clock)
    http = clients.client(getattr(completed, "http_config", None) or HttpConfig())
    sender = connect(kind, completed, Connection(http=http, clock=clock, working_directory=directory))
    try:
        yield sender
    finally:
        await sender.aclose()
        await clients.aclose()
