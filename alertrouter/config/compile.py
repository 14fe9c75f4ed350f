"""From what a file says to what routing works with: options inherited, names resolved, nothing half known."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from alertrouter.core.inhibition import InhibitionRule
from alertrouter.core.labels import Labels
from alertrouter.core.receiver import Integration, Receiver
from alertrouter.core.route import Route
from alertrouter.core.routing import Routing
from alertrouter.core.time import HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.config.blocks import Blocks, IntegrationBlock, ReceiverBlock, RouteBlock
    from alertrouter.config.schema import RouteConfig
    from alertrouter.core.time import Duration

DEFAULT_GROUP_WAIT = 30 * SECOND
DEFAULT_GROUP_INTERVAL = 5 * MINUTE
DEFAULT_REPEAT_INTERVAL = 4 * HOUR


def compile_blocks(blocks: Blocks) -> Routing:
    """The routing of a file that has passed every check."""
    assert blocks.route is not None
    receivers = {receiver.config.name: _receiver(receiver) for receiver in blocks.receivers}
    routes = _RouteCompiler(receivers)
    return Routing(
        route=routes.compile(blocks.route, _Inherited(), key="", route_id="", place=""),
        receivers=receivers,
        inhibition_rules=[
            InhibitionRule(name=rule.name, source=rule.source(), target=rule.target(), equal=rule.equal)
            for rule in blocks.inhibit_rules
        ],
        time_intervals={interval.config.name: interval.config.compiled() for interval in blocks.intervals},
        resolve_timeout=blocks.global_config.resolve_timeout,
        close_orphaned_groups=blocks.options.close_orphaned_groups,
    )


def _receiver(block: ReceiverBlock) -> Receiver:
    name = block.config.name
    return Receiver(
        name=name,
        labels=Labels({**block.config.labels, "name": name}),
        integrations=[_integration(each) for blocks in block.integrations.values() for each in blocks],
    )


def _integration(block: IntegrationBlock) -> Integration:
    options = block.config.alertrouter
    return Integration(
        kind=block.kind,
        index=block.index,
        name=options.name,
        send_resolved=block.config.send_resolved,
        announce_muted_resolves=options.announce_muted_resolves,
        config=block.config,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inherited:
    """The options a route passes on to its children."""

    receiver: str = ""
    group_by: tuple[str, ...] | None = ()
    group_wait: Duration = DEFAULT_GROUP_WAIT
    group_interval: Duration = DEFAULT_GROUP_INTERVAL
    repeat_interval: Duration = DEFAULT_REPEAT_INTERVAL
    labels: Mapping[str, str] = field(default_factory=dict)

    def overridden_by(self, config: RouteConfig) -> _Inherited:
        return _Inherited(
            receiver=config.receiver or self.receiver,
            group_by=self.group_by if config.group_by is None else _group_by(config.group_by),
            group_wait=self.group_wait if config.group_wait is None else config.group_wait,
            group_interval=config.group_interval or self.group_interval,
            repeat_interval=config.repeat_interval or self.repeat_interval,
            labels={**self.labels, **config.labels},
        )


def _group_by(names: tuple[str, ...]) -> tuple[str, ...] | None:
    return None if "..." in names else tuple(sorted(names))


class _RouteCompiler:
    """Compiles the nodes of one tree, and counts those that look alike."""

    def __init__(self, receivers: Mapping[str, Receiver]) -> None:
        self._receivers = receivers
        self._alike: Counter[str] = Counter()

    def compile(
        self, block: RouteBlock, inherited: _Inherited, *, key: str, route_id: str, place: str
    ) -> Route:
        config = block.config
        options = inherited.overridden_by(config)
        matchers = config.all_matchers()
        text = matchers.text()
        # The forms of `config.md` 3.5: the identifier alone shows the place among the siblings.
        if not place:
            key = route_id = text
        else:
            key = f"{key}/{text}"
            route_id = f"{route_id}/{text}/{place.rpartition('/')[2]}"
        return Route(
            receiver=self._receivers[options.receiver],
            matchers=matchers,
            continues=config.continues,
            group_by=options.group_by,
            group_wait=options.group_wait,
            group_interval=options.group_interval,
            repeat_interval=options.repeat_interval,
            mute_time_intervals=config.mute_time_intervals,
            active_time_intervals=config.active_time_intervals,
            labels=options.labels,
            name=config.alertrouter.name,
            key=key,
            id=route_id,
            place=place,
            identity=config.alertrouter.name or self._identity(f"{key} -> {options.receiver}"),
            routes=[
                self.compile(child, options, key=key, route_id=route_id, place=f"{place}/{each}".lstrip("/"))
                for each, child in enumerate(block.routes)
            ],
        )

    def _identity(self, text: str) -> str:
        """The same text for the first node of its kind, numbered for those after it in the file."""
        self._alike[text] += 1
        count = self._alike[text]
        return text if count == 1 else f"{text} #{count}"
