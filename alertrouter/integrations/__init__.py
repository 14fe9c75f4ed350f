"""The ways to notify. One module here, or one entry point elsewhere, is one integration.

A module holds, in this order: the configuration model, the payload function, the sender, and ``INTEGRATION``.
It is found by looking; nothing else names it.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol, Self

from alertrouter.config.fields import Bool, ConfigModel, Text, Unsigned
from alertrouter.config.http import HttpConfig
from alertrouter.config.secret_texts import secrets_of
from alertrouter.integrations._discreet import Discreet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from alertrouter.clock import Clock
    from alertrouter.core.notification import ReceiverDatum
    from alertrouter.http_client import HttpClient
    from alertrouter.templating.message import Message

#: Where other distributions name their integrations: each entry point is an `IntegrationKind`.
ENTRY_POINTS = "alertrouter.integrations"


class IntegrationOptions(ConfigModel):
    """Our own keys of an integration, under its ``alertrouter:`` key.

    ``name`` keeps the history of an integration when the list it stands in is reordered;
    ``announce_muted_resolves`` tells that an alert is resolved even while it is muted (D3). ``concurrency`` is
    how many messages may be under way at once and ``messages_per_minute`` how many may begin; 0 is the usual.
    """

    name: Text = ""
    announce_muted_resolves: Bool = False
    concurrency: Unsigned = 0
    messages_per_minute: Unsigned = 0


class IntegrationConfig(ConfigModel):
    """What every entry of a ``<name>_configs`` list accepts."""

    send_resolved: Bool = True
    alertrouter: IntegrationOptions = IntegrationOptions()

    def completed(self, global_config: Any, receiver_name: str) -> Self:
        """A copy with what the ``global:`` section supplies; ValueError when something is still missing.

        ``global_config`` has the fields of all ``globals`` models, and ``http_config``.
        """
        _ = global_config, receiver_name
        return self


class HttpIntegrationConfig(IntegrationConfig):
    """An integration that speaks HTTP through the client made for its ``http_config``."""

    http_config: HttpConfig | None = None

    def completed(self, global_config: Any, receiver_name: str) -> Self:
        """A copy with the global client options, where it has none of its own."""
        _ = receiver_name
        if self.http_config is not None:
            return self
        return self.model_copy(update={"http_config": global_config.http_config})


class Sender(Protocol):
    """Sends one message once. It never tries again by itself.

    One that keeps something from one message to the next has a coroutine ``aclose`` to let go of it.
    """

    async def send(self, message: Message) -> Mapping[str, ReceiverDatum] | None:
        """Send; DeliveryError says that it was not taken, and whether to try again.

        Returns what to keep with the notification log for the next message of the same group; None to
        keep what is there.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What a sender is given to reach the world with.

    ``http`` is the shared client of the integration's ``http_config``; the sender does not close it.
    Relative paths of ``*_file`` keys start at ``working_directory``.
    """

    http: HttpClient
    clock: Clock
    working_directory: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationKind:
    """A kind of integration: ``name`` in metrics and logs, ``<name>_configs`` in the file.

    ``globals`` are the fields it adds to the ``global:`` section.
    """

    name: str
    config: type[IntegrationConfig]
    connect: Callable[[Any, Connection], Sender]
    globals: type[ConfigModel] | None = None


@cache
def discover() -> dict[str, IntegrationKind]:
    """All kinds of integration, sorted by name; ValueError when two have the same name."""
    found: list[tuple[str, IntegrationKind]] = []
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            where = f"{__name__}.{module.name}"
            found.append((where, importlib.import_module(where).INTEGRATION))
    found += [(point.value, point.load()) for point in entry_points(group=ENTRY_POINTS)]
    return by_name(found)


def by_name(found: list[tuple[str, IntegrationKind]]) -> dict[str, IntegrationKind]:
    """The kinds by name, sorted; each comes with where it was found, for the error about two of a name."""
    kinds: dict[str, IntegrationKind] = {}
    places: dict[str, str] = {}
    for where, kind in found:
        if kind.name in kinds:
            raise ValueError(f'two integrations are called "{kind.name}": {places[kind.name]} and {where}')
        kinds[kind.name] = kind
        places[kind.name] = where
    return dict(sorted(kinds.items()))


def connect(kind: str, config: IntegrationConfig, connection: Connection) -> Discreet:
    """A sender for this configuration, whose errors tell none of its secrets, whatever the other side repeats."""
    return Discreet(discover()[kind].connect(config, connection), secrets_of(config))
