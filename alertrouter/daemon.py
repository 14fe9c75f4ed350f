"""The daemon: everything put together, started, given another configuration, and stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import socket
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from alertrouter import ALERTMANAGER_VERSION, __version__, build, logs
from alertrouter.api.app import create_app
from alertrouter.api.caller import BY_SIGNAL
from alertrouter.api.router import ReloadError
from alertrouter.clock import SystemClock, Timer, process_started
from alertrouter.config import ConfigError, Configuration
from alertrouter.delivery.deliver import Delivery
from alertrouter.delivery.ports import DeliverySettings, Limits
from alertrouter.dispatch import Dispatcher, Ledger, Sleeper
from alertrouter.engine.checkpoint import checkpoint
from alertrouter.engine.engine import Engine, EngineSettings
from alertrouter.engine.milestones import Reconfigured, Started, Stopped
from alertrouter.external_url import external_url
from alertrouter.follow import Follower
from alertrouter.housekeeping import LATEST_END, Housekeeper
from alertrouter.http_client import HttpClients
from alertrouter.intake import Intake
from alertrouter.keep_history import HistoryKeeper
from alertrouter.listen import ListenError, open_sockets, port_of, systemd_sockets, text_of
from alertrouter.live_router import LiveRouter
from alertrouter.memory import Settled, keep, settle_down
from alertrouter.metrics import Metrics
from alertrouter.peer import own_peer
from alertrouter.prepared import ConfigurationFile
from alertrouter.senders import SendersInForce
from alertrouter.serve import Server, event_loop, tls_of
from alertrouter.signals import on_signals
from alertrouter.startup import FatalError, check, log_advice, matcher_mode
from alertrouter.store.entry import JournalSettings
from alertrouter.store.errors import StoreError
from alertrouter.store.journal import Journal
from alertrouter.store.store import Store
from alertrouter.templating.errors import TemplateError
from alertrouter.tracing.manager import Tracing

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Sequence

    from alertrouter.core.matcher_syntax import Mode
    from alertrouter.core.rule_state import RuleChanges
    from alertrouter.core.time import Moment
    from alertrouter.engine.changes import StoredState
    from alertrouter.evaluator import Evaluator, Reading
    from alertrouter.events import EventRecorder
    from alertrouter.prepared import Prepared
    from alertrouter.settings import Settings

log = logging.getLogger(__name__)


def run(settings: Settings, *, journal: JournalSettings | None = None) -> int:
    """Run the daemon until it is told to stop; the exit status."""
    logs.configure(settings.log_level, settings.log_format)
    try:
        mode = matcher_mode(settings)
        check(settings)
        with asyncio.Runner(loop_factory=event_loop()) as runner:
            daemon = Daemon(settings, SystemClock(), mode, started_at=process_started(), journal=journal)
            runner.run(daemon.run())
    except (FatalError, ListenError, ConfigError, StoreError, TemplateError) as error:
        log.error("alertmanager exited with error", extra={"err": str(error)})  # noqa: TRY400 - a message, not a bug
        return 1
    return 0


class Daemon:
    """One running daemon. ``router`` is what the API asks; None until the state is loaded."""

    def __init__(
        self,
        settings: Settings,
        clock: Timer,
        mode: Mode,
        *,
        started_at: Moment | None = None,
        journal: JournalSettings | None = None,
    ) -> None:
        self.settings = settings
        self._journal_settings = journal
        self.clock = clock
        self.mode = mode
        self.metrics = Metrics(settings.features)
        self._started_at = clock.now() if started_at is None else started_at
        self.peer = own_peer(settings, self._started_at)
        self.metrics.member(self.peer)
        self.router: LiveRouter | None = None
        self._reload_lock = asyncio.Lock()
        self._stop = asyncio.Event()
        self._clients = HttpClients(clock)
        self._tls: ssl.SSLContext | None = None
        self._recorder: EventRecorder | None = None
        self._tracing = Tracing()
        self._evaluator: Evaluator | None = None
        self._file: ConfigurationFile
        self._senders: SendersInForce
        self._store: Store
        self._journal: Journal
        self._engine: Engine
        self._sleeper: Sleeper
        self._delivery: Delivery

    async def run(self) -> None:
        """Start, serve until told to stop, stop in order."""
        settings = self.settings
        log.info(
            "Starting Alertmanager",
            extra={
                "version": f"(version={ALERTMANAGER_VERSION}, branch=, revision=alertrouter-{__version__})"
            },
        )
        log.info("Build context", extra={"build_context": build.context()})
        self._tls = tls_of(settings.web_config_file)
        sockets = (
            systemd_sockets() if settings.web_systemd_socket else open_sockets(settings.web_listen_address)
        )
        async with contextlib.AsyncExitStack() as stack:
            for each in sockets:
                stack.callback(each.close)
            await self._start(sockets[0], stack)
            on_signals(self._reload_on_signal, self.stop, stack)
            await self._serve(sockets, stack)
            await self._stop.wait()
            log.info("Shutting down gracefully")
        log.info("Received shutdown signal, exiting gracefully...")

    async def _start(self, listening: socket.socket, stack: contextlib.AsyncExitStack) -> None:
        """Everything but to serve; ``stack`` has what it takes to undo it."""
        self._file = self._configuration_file(listening)
        prepared = await self._file.prepare()
        configuration = prepared.configuration
        self._senders = SendersInForce(prepared.senders)
        stack.push_async_callback(self._tracing.close)
        await self._tracing.install(configuration.tracing, prepared.tracer)
        await self._open_store(stack)
        await self._record_events(configuration, stack)
        reading = await self._read_rules()
        of_rules = await self._begin(prepared, stack)
        await self._evaluate(reading, of_rules, stack)

    def stop(self) -> None:
        """Begin to stop in order."""
        self._stop.set()

    def _configuration_file(self, listening: socket.socket) -> ConfigurationFile:
        try:
            url = external_url(self.settings.web_external_url, port_of(listening))
        except ValueError as error:
            raise FatalError(str(error)) from None
        return ConfigurationFile(
            path=Path(self.settings.config_file),
            settings=self.settings,
            mode=self.mode,
            clock=self.clock,
            clients=self._clients,
            tracing=self._tracing,
            external_url=url,
        )

    async def _open_store(self, stack: contextlib.AsyncExitStack) -> None:
        settings = self.settings
        self._store = await asyncio.to_thread(
            Store.open, settings.storage_url or settings.storage_path, self.clock
        )
        stack.callback(self._store.close)

    async def _record_events(self, configuration: Configuration, stack: contextlib.AsyncExitStack) -> None:
        if "event-recorder" not in self.settings.features:
            return
        from alertrouter.events import EventMetrics, EventRecorder  # few record events

        self._recorder = EventRecorder(
            instance=socket.gethostname(), clock=self.clock, metrics=EventMetrics(self.metrics.registry)
        )
        await self._recorder.begin(configuration.event_recorder)
        stack.push_async_callback(self._recorder.close)

    async def _begin(self, prepared: Prepared, stack: contextlib.AsyncExitStack) -> StoredState:
        """Load what is remembered and start to act on it. Returns what of it is about rules."""
        settle_down()
        state = await asyncio.to_thread(self._store.load)
        self._engine = engine = self._engine_for(prepared.configuration)
        self._sleeper = Sleeper(engine)
        self._journal = journal = Journal(
            self._store,
            clock=self.clock,
            state=self._state,
            settings=self._journal_settings or JournalSettings(write_behind=0),
        )
        grace = 0 if self._store.stopped_in_order else LATEST_END
        loaded_at = self.clock.now()
        changes = engine.load(state, loaded_at, end_grace=grace)
        engine.watch(self._recorder)
        follower = Follower(self._store, self._caught_up)
        journal.on_commit = follower.ring
        journal.start()
        stack.push_async_callback(journal.close)
        stack.callback(self._write_the_last)
        stack.push_async_callback(self._clients.aclose)
        stack.push_async_callback(self._senders.aclose)
        self._delivery = self._delivery_for(prepared.configuration)
        stack.push_async_callback(self._delivery.drain)
        memory = Settled()
        self.router = self._router_for(follower, memory)
        self._watch()
        journal.write(changes)
        self._in_force(prepared, loaded_at)
        then = checkpoint(engine, loaded_at)
        assert then is not None, "groups that close are not stored"
        journal.milestone(
            Started(
                at=loaded_at,
                settings=engine.settings,
                checkpoint=then,
                seen_at=state.seen_at,
                end_grace=grace,
                cut_off=state.intents,
            )
        )
        keep()
        gc.enable()
        self._run_loops(memory, stack)
        return replace(state, alerts=(), groups=(), entries=(), silences=(), intents={})

    def _engine_for(self, configuration: Configuration) -> Engine:
        settings = self.settings
        return Engine(
            configuration.routing,
            EngineSettings(
                started_at=self._started_at,
                start_delay=settings.dispatch_start_delay,
                retention=settings.data_retention,
                alertname_limit=settings.alerts_per_alertname_limit,
                max_silences=settings.silences_max_silences,
                max_silence_size=settings.silences_max_silence_size_bytes,
                mode=self.mode,
                compat_strict=settings.compat_strict,
            ),
        )

    def _delivery_for(self, configuration: Configuration) -> Delivery:
        options = configuration.options.delivery
        return Delivery(
            engine=self._engine,
            clock=self.clock,
            senders=self._senders,
            messages=self._senders,
            ledger=Ledger(self._journal, self._sleeper),
            metrics=self.metrics,
            settings=DeliverySettings(
                limits=Limits(concurrency=options.concurrency, per_minute=options.messages_per_minute),
                drain_timeout=options.drain_timeout,
            ),
        )

    def _router_for(self, follower: Follower, memory: Settled) -> LiveRouter:
        return LiveRouter(
            engine=self._engine,
            started_at=self._started_at,
            peer=self.peer,
            follower=follower,
            reload=self.reload,
            clock=self.clock,
            intake=Intake(self._engine, self.mode),
            store=self._store,
            journal=self._journal,
            delivery=self._delivery,
            senders=self._senders,
            sleeper=self._sleeper,
            metrics=self.metrics,
            memory=memory,
            log_silences=self.settings.log_silences,
        )

    def _run_loops(self, memory: Settled, stack: contextlib.AsyncExitStack) -> None:
        settings = self.settings
        dispatcher = Dispatcher(
            engine=self._engine,
            clock=self.clock,
            journal=self._journal,
            delivery=self._delivery,
            metrics=self.metrics,
            sleeper=self._sleeper,
        )
        housekeeper = Housekeeper(
            engine=self._engine,
            clock=self.clock,
            journal=self._journal,
            metrics=self.metrics,
            settled=memory,
            settings=settings,
        )
        history = HistoryKeeper(
            self._store,
            self._journal,
            retention=settings.history_retention,
            max_size=settings.history_max_size,
            known=self._engine.labels_of,
        ).run(
            self.clock,
            sweep_every=settings.data_maintenance_interval,
            is_rushed=lambda: self._delivery.is_rushed,
        )
        for loop in (dispatcher.run(), housekeeper.run(), history):
            running = asyncio.create_task(loop)
            running.add_done_callback(self._task_ended)
            stack.push_async_callback(_cancelled, running)

    def _state(self) -> StoredState:
        state = self._engine.stored_state(self.clock.now())
        if self._evaluator is None:
            return state
        alerts, groups = self._evaluator.stored()
        return replace(state, rule_alerts=alerts, rule_groups=groups)

    async def _caught_up(self) -> None:
        """Return when no alert that was acknowledged before this waits for its row."""
        if self._journal.deferred:
            await self._journal.settled()

    async def _read_rules(self) -> Reading | None:
        settings = self.settings
        if not settings.rules_file:
            if settings.query_url:
                log.warning("--query.url has no effect without --rules.file")
            return None
        # Who has no rules does not wait for what evaluates them to be imported.
        from alertrouter.evaluator import Evaluator

        self._evaluator = Evaluator(
            settings,
            self.clock,
            self.metrics.registry,
            remember=self._remember_rules,
            post=self._post_alerts,
        )
        return await asyncio.to_thread(self._evaluator.read)

    async def _post_alerts(self, body: bytes) -> Sequence[str]:
        assert self.router is not None, "rules are evaluated once the state is loaded"
        return await self.router.post_alerts(body)

    def _remember_rules(self, changes: RuleChanges) -> None:
        self._journal.write_rules(changes)

    async def _evaluate(
        self, reading: Reading | None, state: StoredState, stack: contextlib.AsyncExitStack
    ) -> None:
        if self._evaluator is not None and reading is not None:
            await self._evaluator.start(reading, state)
            stack.push_async_callback(self._evaluator.stop)

    def _watch(self) -> None:
        journal = self._journal
        self.metrics.watch(self._engine, self.clock.now)
        self.metrics.watch_journal(healthy=lambda: journal.healthy, waiting=lambda: journal.waiting)
        self.metrics.watch_receivers(self._delivery.status)
        self.metrics.alert_limit(max(0, self.settings.alerts_per_alertname_limit))
        for _ in range(self._store.loaded.skipped["silences"]):
            self.metrics.silence_unusable()

    def _write_the_last(self) -> None:
        self._journal.write_later(self._engine.take_moved())
        self._journal.milestone(Stopped(at=self.clock.now()))

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            log.error("a part of the daemon ended by a bug: stopping", exc_info=task.exception())
            self.stop()

    async def _serve(self, sockets: Sequence[socket.socket], stack: contextlib.AsyncExitStack) -> None:
        assert self.router is not None, "the state is loaded"
        app = create_app(self.router, self.settings, self.metrics, self._evaluator)
        serving = await Server(app.asgi, self._tls, app.express).begin(sockets, stack)
        serving.add_done_callback(self._task_ended)
        stack.callback(self.router.follower.close)
        for each in sockets:
            log.info("Listening on", extra={"address": text_of(each)})
            state = "disabled" if self._tls is None else "enabled"
            log.info("TLS is %s.", state, extra={"http2": False, "address": text_of(each)})

    # Configuration

    async def reload(self) -> None:
        """Read the configuration file and go on under it; ReloadError, and the old one, when it cannot be used."""
        file = str(self._file.path)
        async with self._reload_lock:
            log.info("Loading configuration file", extra={"component": "configuration", "file": file})
            try:
                prepared = await self._file.prepare()
                evaluate = await self._rules_prepared()
            except (ConfigError, TemplateError, FatalError, OSError) as error:
                self.metrics.reload_failed()
                log.error(  # noqa: TRY400 - a message, not a bug
                    "Loading configuration file failed",
                    extra={"component": "configuration", "file": file, "err": str(error)},
                )
                raise ReloadError(str(error)) from None
            now = self.clock.now()
            configuration = prepared.configuration
            changes = self._engine.reconfigure(configuration.routing, now)
            self._senders.current = prepared.senders
            self._delivery.reconfigured(configuration.routing.receivers)
            self._journal.write(changes)
            self._in_force(prepared, now)
            self._sleeper.nudge()
            await self._tracing.install(configuration.tracing, prepared.tracer)
            if evaluate is not None:
                await evaluate()
            if self._recorder is not None:
                await self._recorder.reconfigure(configuration.event_recorder)
            await self._clients.close_unused(prepared.senders.http_configs())
            log.info(
                "Completed loading of configuration file", extra={"component": "configuration", "file": file}
            )

    async def _rules_prepared(self) -> Callable[[], Awaitable[None]] | None:
        """Other rules, read and found good; what puts them in force."""
        if self._evaluator is None:
            return None
        return self._evaluator.prepare(await asyncio.to_thread(self._evaluator.read))

    async def _reload_on_signal(self) -> None:
        assert self.router is not None, "the state is loaded"
        try:
            await self.reload()
        except ReloadError as error:
            self.router.acted("reload requested", "", BY_SIGNAL, str(error))
        else:
            self.router.acted("reload requested", "", BY_SIGNAL, "done")

    def _in_force(self, prepared: Prepared, now: Moment) -> None:
        configuration = prepared.configuration
        log_advice(configuration, self.settings, prepared.template_problems)
        self.metrics.configured(configuration.routing, configuration.hash, now)
        self._journal.reloaded(now, configuration.hash, configuration.original)
        self._journal.milestone(Reconfigured(at=now, routing=self._engine.routing))


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
