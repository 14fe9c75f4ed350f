"""Rules evaluated within a process: read from files, begun, reloaded, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from alertrouter.config.problem import ConfigProblem
from alertrouter.config.values import SecretUrl
from alertrouter.core.duration import parse_duration
from alertrouter.core.matcher_syntax import Mode, is_valid_label_name
from alertrouter.rules.alertmanagers import AlertmanagerNotifier
from alertrouter.rules.backend import HttpBackend
from alertrouter.rules.in_process import InProcessNotifier
from alertrouter.rules.load import load
from alertrouter.rules.manager import Manager
from alertrouter.rules.missing_policy import MissingData, MissingPolicy
from alertrouter.rules.model import LabelMode, RuleError
from alertrouter.rules.options import Options
from alertrouter.rules.query_config import (
    AlertmanagersConfig,
    QueryConfig,
    RemoteWriteConfig,
    load_query_config,
)
from alertrouter.rules.remote_write import RemoteWriter, RemoteWriters
from alertrouter.rules.restore import AfterPause
from alertrouter.rules.rule_metrics import RuleCollector
from alertrouter.rules.wire_metrics import NotifierMetrics, WriteMetrics
from alertrouter.rules.world import World
from alertrouter.startup import FatalError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from prometheus_client import CollectorRegistry

    from alertrouter.clock import Timer
    from alertrouter.core.rule_state import EvaluatedGroup, RuleChanges, StoredRuleAlert
    from alertrouter.core.time import Moment
    from alertrouter.engine.changes import StoredState
    from alertrouter.rules.live_group import LiveGroup
    from alertrouter.rules.model import RuleGroup, RuleSet
    from alertrouter.rules.ports import Backend, Notifier, Writer
    from alertrouter.settings import Settings

    Post = Callable[[bytes], Awaitable[Sequence[str]]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the files say: the rules, how they are evaluated, and what is reached how."""

    rules: RuleSet
    options: Options
    config: QueryConfig
    urls: tuple[str, ...]


class Evaluator:
    """Reads and evaluates the rules that the settings name.

    With ``post`` alerts go to the router in this process; without, to the Alertmanagers of the settings. ``remember``
    writes what evaluations changed. The metrics go to ``registry``.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Timer,
        registry: CollectorRegistry,
        *,
        remember: Callable[[RuleChanges], object],
        post: Post | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._remember = remember
        self._post = post
        self._write_metrics = WriteMetrics(registry)
        self._notifier_metrics = NotifierMetrics(registry)
        self._reading: Reading | None = None
        self._world: World | None = None
        self._manager: Manager | None = None
        self._closing: set[asyncio.Task[None]] = set()
        registry.register(RuleCollector(self.groups))

    def groups(self) -> Sequence[LiveGroup]:
        """The groups in force, by file and then by name."""
        return () if self._manager is None else self._manager.groups()

    def alertmanagers(self) -> Sequence[str]:
        """Where alerts are sent to by HTTP."""
        notifier = None if self._world is None else self._world.notifier
        return notifier.urls if isinstance(notifier, AlertmanagerNotifier) else ()

    def curl(self, expression: str, at: Moment, group: RuleGroup) -> str:
        """A command line that asks the backend the same; empty while there is none."""
        return "" if self._world is None else self._world.backend.curl(expression, at, group)

    def stored(self) -> tuple[list[StoredRuleAlert], list[EvaluatedGroup]]:
        """Everything that the store must have, to be written anew."""
        return ([], []) if self._manager is None else self._manager.stored()

    def read(self) -> Reading:
        """Read the files; not for the event loop. Raises FatalError or ConfigError, with every problem of all files."""
        settings = self._settings
        config = QueryConfig()
        if settings.query_config_file:
            config = load_query_config(Path(settings.query_config_file))
        if settings.query_type:
            config = config.model_copy(update={"type": settings.query_type})
        urls = tuple(_url("query.url", each) for each in settings.query_url) or tuple(config.query_urls)
        if not urls:
            raise FatalError("--rules.file needs something that answers queries: give --query.url")
        options = self._options(config, urls[0])
        try:
            rules = load(settings.rules_file, dialect=config.expression_dialect)
        except RuleError as error:
            raise FatalError(f"the rules cannot be used:\n{error}") from None
        return Reading(rules, options, config, urls)

    def _options(self, config: QueryConfig, url: str) -> Options:
        settings = self._settings
        offset = config.usual_query_offset
        if settings.rules_query_offset:
            try:
                offset = parse_duration(settings.rules_query_offset)
            except ValueError as error:
                raise FatalError(f"--rules.query-offset: {error}: write 30s or 1m") from None
        return Options(
            interval=settings.evaluation_interval,
            query_offset=offset,
            query_timeout=settings.query_timeout,
            resend_delay=settings.rules_alert_resend_delay,
            external_labels={**config.external_labels, **external_labels(settings.external_label)},
            external_url=settings.query_external_url.rstrip("/") or _page(url),
            dialect=config.expression_dialect,
            resend_on_query_error=not settings.compat_strict,
            tell_when_blind=not settings.compat_strict,
            outage_tolerance=settings.rules_alert_for_outage_tolerance,
            grace=settings.rules_alert_for_grace_period,
            after_pause=AfterPause(settings.rules_alert_after_pause),
            missing=self._missing_data(),
            label_mode=LabelMode(settings.rules_labels),
            update_entries_limit=settings.rules_update_entries_limit,
            resolve_removed=self._post is not None and not settings.compat_strict,
        )

    def _missing_data(self) -> MissingData:
        evaluations = self._settings.rules_missing_data_evaluations
        if evaluations < 1:
            raise FatalError("--rules.missing-data-evaluations must be 1 or more")
        return MissingData(policy=MissingPolicy(self._settings.rules_missing_data), evaluations=evaluations)

    async def start(self, reading: Reading, state: StoredState) -> None:
        """Begin to evaluate, going on with what is remembered. FatalError when something cannot be used."""
        backend, notifier, writer = self._parts(reading)
        self._world = World(
            options=reading.options,
            backend=backend,
            notifier=notifier,
            writer=writer,
            clock=self._clock,
            remember=self._remember,
        )
        self._reading = reading
        self._manager = Manager(self._world)
        await self._manager.start(reading.rules, alerts=state.rule_alerts, evaluated=state.rule_groups)
        log.info(
            "Evaluating rules",
            extra={
                "groups": len(reading.rules.groups),
                "rules": sum(len(group.rules) for group in reading.rules.groups),
            },
        )

    def prepare(self, reading: Reading) -> Callable[[], Awaitable[None]]:
        """Everything about another reading that can fail; what it gives back puts it in force. Raises FatalError."""
        assert self._world is not None
        assert self._manager is not None
        assert self._reading is not None
        world, manager, before = self._world, self._manager, self._reading
        others = None
        if reading.config != before.config or reading.options != before.options:
            others = self._parts(reading)

        async def put_in_force() -> None:
            self._reading = reading
            if others is not None:
                old = (world.backend, world.notifier, world.writer)
                world.backend, world.notifier, world.writer = others
                world.options = reading.options
                for part in old:
                    if part is not None:
                        self._close_later(part.aclose())
            await manager.replace(reading.rules, anew=reading.options != before.options)

        return put_in_force

    async def stop(self) -> None:
        """Evaluate no more, and hand on what waits."""
        if self._manager is None or self._world is None:
            return
        await self._manager.stop()
        world = self._world
        await asyncio.gather(
            world.notifier.aclose(),
            *([] if world.writer is None else [world.writer.aclose()]),
            *self._closing,
            return_exceptions=True,
        )
        with contextlib.suppress(OSError):
            await world.backend.aclose()

    def _close_later(self, closing: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(closing)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _parts(self, reading: Reading) -> tuple[Backend, Notifier, Writer | None]:
        try:
            return (
                HttpBackend(reading.urls, reading.config, self._clock),
                self._notifier(reading),
                self._writer(reading),
            )
        except ValueError as error:
            raise FatalError(f"{self._settings.query_config_file or 'rules'}: {error}") from None

    def _notifier(self, reading: Reading) -> Notifier:
        labels, config = reading.options.external_labels, reading.config
        if self._post is not None:
            return InProcessNotifier(
                self._post,
                self._clock.now,
                external_labels=labels,
                relabel_configs=config.alert_relabel_configs,
            )
        flags = [SecretUrl(_url("alertmanager.url", each)) for each in self._settings.alertmanager_url]
        blocks = [*([AlertmanagersConfig(urls=tuple(flags))] if flags else []), *config.alertmanagers]
        if not blocks:
            raise FatalError("nobody would hear of alerts: give --alertmanager.url")
        return AlertmanagerNotifier(
            blocks,
            self._clock,
            self._notifier_metrics,
            external_labels=labels,
            relabel_configs=config.alert_relabel_configs,
        )

    def _writer(self, reading: Reading) -> Writer | None:
        blocks = [
            *[
                RemoteWriteConfig(url=SecretUrl(_url("remote-write.url", each)))
                for each in self._settings.remote_write_url
            ],
            *reading.config.remote_write,
        ]
        writers = [
            RemoteWriter(
                block, self._clock, self._write_metrics, external_labels=reading.options.external_labels
            )
            for block in blocks
        ]
        return writers[0] if len(writers) == 1 else RemoteWriters(writers) if writers else None


def external_labels(texts: Sequence[str]) -> dict[str, str]:
    """The labels of ``NAME=VALUE`` texts; FatalError for one that is none."""
    labels = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not is_valid_label_name(name, Mode.FALLBACK):
            raise FatalError(f'--external.label: "{text}" is no label: write NAME=VALUE')
        labels[name] = value.removeprefix('"').removesuffix('"')
    return labels


def _url(flag: str, text: str) -> str:
    try:
        return SecretUrl.check(text)
    except ConfigProblem as error:
        # What is given may have a password in it: it is not repeated.
        raise FatalError(f"--{flag}: {error}: write http://host:port") from None


def _page(url: str) -> str:
    """Where people reach a backend, as far as its URL tells: without user and query."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/").removesuffix("/api/v1/query").rstrip("/")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}"
