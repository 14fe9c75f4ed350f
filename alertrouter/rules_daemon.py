"""`alertrouter evaluate`: rules evaluated by themselves, and alerts sent to whom the flags name."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from alertrouter import __version__, logs
from alertrouter.api.router import ReloadError
from alertrouter.api.rules_paths import create_rules_app
from alertrouter.clock import SystemClock, Timer
from alertrouter.config import ConfigError
from alertrouter.core.time import SECOND
from alertrouter.evaluator import Evaluator
from alertrouter.listen import ListenError, open_sockets, systemd_sockets, text_of
from alertrouter.memory import settle_down
from alertrouter.serve import Server, event_loop, tls_of
from alertrouter.signals import on_signals
from alertrouter.startup import FatalError, check
from alertrouter.store.errors import StoreError
from alertrouter.store.journal import Journal
from alertrouter.store.store import Store
from alertrouter.web_metrics import WebMetrics

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from alertrouter.api.caller import Caller
    from alertrouter.core.rule_state import RuleChanges
    from alertrouter.engine.changes import StoredState
    from alertrouter.settings import Settings

log = logging.getLogger(__name__)


def run(settings: Settings) -> int:
    """Evaluate until told to stop; the exit status."""
    logs.configure(settings.log_level, settings.log_format)
    try:
        check(settings)
        with asyncio.Runner(loop_factory=event_loop()) as runner:
            runner.run(RulesDaemon(settings, SystemClock()).run())
    except (FatalError, ListenError, ConfigError, StoreError) as error:
        log.error("the evaluator ended with an error", extra={"err": str(error)})  # noqa: TRY400 - a message, not a bug
        return 1
    return 0


class _Metrics(WebMetrics):
    """What Prometheus tells of itself and its configuration, told of this process."""

    def __init__(self) -> None:
        super().__init__("prometheus")
        self._reloaded = self._gauge(
            "prometheus_config_last_reload_successful", "Whether the last reload succeeded."
        )
        self._reloaded_at = self._gauge(
            "prometheus_config_last_reload_success_timestamp_seconds", "When the last reload succeeded."
        )

    def reloaded(self, now: int) -> None:
        """The files were read and are in force."""
        self._reloaded.set(1)
        self._reloaded_at.set(now / SECOND)

    def reload_failed(self) -> None:
        """The files cannot be used; what was in force stays."""
        self._reloaded.set(0)


class RulesDaemon:
    """One running evaluator, as its API and its signals know it."""

    def __init__(self, settings: Settings, clock: Timer) -> None:
        self._settings = settings
        self._clock = clock
        self._metrics = _Metrics()
        self._stop = asyncio.Event()
        self._reload_lock = asyncio.Lock()
        self._journal: Journal
        self._evaluator = Evaluator(settings, clock, self._metrics.registry, remember=self._remember)

    async def run(self) -> None:
        """Start, serve until told to stop, stop in order."""
        settings = self._settings
        if not settings.rules_file:
            raise FatalError("there is nothing to evaluate: give --rules.file")
        log.info("Starting the evaluator", extra={"version": __version__})
        tls = tls_of(settings.web_config_file)
        sockets = (
            systemd_sockets() if settings.web_systemd_socket else open_sockets(settings.web_listen_address)
        )
        async with contextlib.AsyncExitStack() as stack:
            for each in sockets:
                stack.callback(each.close)
            reading = await asyncio.to_thread(self._evaluator.read)
            store = await asyncio.to_thread(
                Store.open, settings.storage_url or settings.storage_path, self._clock
            )
            stack.callback(store.close)
            state = await asyncio.to_thread(store.load)
            journal = Journal(store, clock=self._clock, state=lambda: self._state(state))
            journal.start()
            stack.push_async_callback(journal.close)
            self._metrics.watch_journal(healthy=lambda: journal.healthy, waiting=lambda: journal.waiting)
            self._journal = journal
            await self._evaluator.start(reading, state)
            settle_down()
            stack.push_async_callback(self._evaluator.stop)
            self._metrics.reloaded(self._clock.now())
            on_signals(self._reload_on_signal, self._stop.set, stack)
            await Server(self._app(), tls).begin(sockets, stack)
            for each in sockets:
                log.info("Listening on", extra={"address": text_of(each)})
            await self._stop.wait()
            log.info("Shutting down gracefully")
        log.info("Received shutdown signal, exiting gracefully...")

    def _app(self) -> ASGIApp:
        return create_rules_app(self, self._evaluator, self._settings, self._metrics, self._clock.now)

    def _state(self, loaded: StoredState) -> StoredState:
        # A router may have used this database before: what it remembered is not ours to forget.
        alerts, groups = self._evaluator.stored()
        return replace(loaded, rule_alerts=alerts, rule_groups=groups)

    def _remember(self, changes: RuleChanges) -> None:
        self._journal.write_rules(changes)

    # What the API asks

    def not_ready(self) -> str | None:
        """Why requests should go elsewhere; None when ready."""
        return None if self._journal.healthy else f"the database cannot be written: {self._journal.problem}"

    def acted(self, action: str, subject: str, caller: Caller, outcome: str = "") -> None:
        """Somebody did something. Only a router keeps a record of it."""
        log.debug(
            "Somebody acted",
            extra={"action": action, "subject": subject, "caller": caller.address, "outcome": outcome},
        )

    async def reload(self) -> None:
        """Read the files again and go on under them; ReloadError, and the old ones, when they cannot be used."""
        async with self._reload_lock:
            try:
                reading = await asyncio.to_thread(self._evaluator.read)
                put_in_force = self._evaluator.prepare(reading)
            except (ConfigError, FatalError, OSError) as error:
                self._metrics.reload_failed()
                log.error("Loading rule files failed", extra={"err": str(error)})  # noqa: TRY400 - a message, not a bug
                raise ReloadError(str(error)) from None
            await put_in_force()
            self._metrics.reloaded(self._clock.now())
            log.info("Completed loading of rule files", extra={"files": len(reading.rules.files)})

    async def _reload_on_signal(self) -> None:
        with contextlib.suppress(ReloadError):
            await self.reload()
