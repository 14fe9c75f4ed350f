"""The blocks of a file after reading: models, each with its place, ready to be checked together and compiled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from alertrouter.config.globals import CoreGlobals
    from alertrouter.config.intervals import NamedIntervalConfig
    from alertrouter.config.model import ConfigModel
    from alertrouter.config.node import Node
    from alertrouter.config.observability import EventRecorderConfig, TracingConfig
    from alertrouter.config.reader import Path
    from alertrouter.config.schema import InhibitRuleConfig, Options, ReceiverConfig, RouteConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteBlock:
    """A node of the routing tree as written."""

    config: RouteConfig
    node: Node
    path: Path
    routes: Sequence[RouteBlock] = ()

    def walk(self) -> Iterator[RouteBlock]:
        """This node and all below it, parents before children."""
        yield self
        for child in self.routes:
            yield from child.walk()


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationBlock:
    """An entry of a ``<kind>_configs`` list. ``config`` is an `IntegrationConfig`, filled in from the globals."""

    kind: str
    index: int
    config: Any
    as_written: ConfigModel
    node: Node
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverBlock:
    """A receiver and its integrations by kind, in the order in which they are printed."""

    config: ReceiverConfig
    node: Node
    path: Path
    integrations: Mapping[str, Sequence[IntegrationBlock]]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalBlock:
    """A named time interval; ``list_key`` is the list it stands in."""

    config: NamedIntervalConfig
    node: Node
    path: Path
    list_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """Everything a file says. ``route`` is None only while the problems of a file without one are gathered."""

    global_config: CoreGlobals
    global_node: Node | None
    options: Options
    route: RouteBlock | None
    inhibit_rules: Sequence[InhibitRuleConfig] = ()
    receivers: Sequence[ReceiverBlock] = ()
    templates: Sequence[str] = ()
    intervals: Sequence[IntervalBlock] = ()
    tracing: TracingConfig | None = None
    event_recorder: EventRecorderConfig | None = None
