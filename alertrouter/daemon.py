"""The daemon: everything put together, and the loop that flushes what is due."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import time
import uuid
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from alertrouter import ALERTMANAGER_VERSION, __version__, build, logs, tracing
from alertrouter.api.app import create_app
from alertrouter.api.caller import BY_SIGNAL
from alertrouter.api.router import ReloadError, UnavailableError
from alertrouter.clock import ClockWatch, SystemClock, Timer, let_others_run, process_started
from alertrouter.config import ConfigError, Configuration, load
from alertrouter.core.notification import Notification
from alertrouter.core.reason import Reason
from alertrouter.core.time import HOUR, SECOND, format_rfc3339
from alertrouter.delivery.deliver import Delivery
from alertrouter.delivery.ports import DeliverySettings, Limits
from alertrouter.delivery.trial import try_out
from alertrouter.engine.checkpoint import checkpoint
from alertrouter.engine.engine import Engine, EngineSettings
from alertrouter.engine.milestones import Checkpointed, ClockSet, Maintained, Reconfigured, Started, Stopped
from alertrouter.external_url import external_url
from alertrouter.follow import Follower
from alertrouter.http_client import HttpClients
from alertrouter.intake import Intake
from alertrouter.keep_history import HistoryKeeper
from alertrouter.listen import ListenError, open_sockets, port_of, systemd_sockets, text_of
from alertrouter.memory import Settled, keep, return_memory, settle_down
from alertrouter.metrics import Metrics
from alertrouter.peer import own_peer
from alertrouter.senders import ConfiguredSenders
from alertrouter.serve import Server, event_loop, tls_of
from alertrouter.startup import FatalError, check, check_templates, log_advice, matcher_mode
from alertrouter.store.backlog import PostedBody
from alertrouter.store.errors import StoreError
from alertrouter.store.history import Action
from alertrouter.store.journal import Journal
from alertrouter.store.store import Store
from alertrouter.store.writer import JournalSettings
from alertrouter.templating.errors import TemplateError
from alertrouter.templating.templates import Templates
from alertrouter.tracing.manager import Tracing
from alertrouter.wire import decode_alerts

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection

    from alertrouter.api.caller import Caller
    from alertrouter.config import Problem
    from alertrouter.core.matcher_syntax import Mode
    from alertrouter.core.receiver import Integration, Receiver
    from alertrouter.core.rule_state import RuleChanges
    from alertrouter.core.silence import Silence
    from alertrouter.core.time import Duration, Moment
    from alertrouter.delivery.attempt import AttemptRecord
    from alertrouter.delivery.status import LaneStatus, TrialOutcome
    from alertrouter.engine.changes import Changes, RenewalRecord, StoredState
    from alertrouter.engine.decision import Send
    from alertrouter.engine.group import AggregationGroup
    from alertrouter.engine.slot import Slot
    from alertrouter.evaluator import Evaluator, Reading
    from alertrouter.events import EventRecorder
    from alertrouter.intake import Again, Taken
    from alertrouter.integrations import Sender
    from alertrouter.report import Report
    from alertrouter.settings import Settings
    from alertrouter.templating.message import Message
    from alertrouter.tracing import Span
    from alertrouter.tracing.opentelemetry import OtelTracer

log = logging.getLogger(__name__)

# So many groups are flushed before everything else gets its turn.
_FLUSHES_AT_ONCE = 50
# So many alerts are taken in before everything else gets its turn.
_ALERTS_AT_ONCE = 2000
# The loop looks at the clock this often at least, so that a clock set forward is noticed.
_LONGEST_WAIT = 1.0
_HOUSE_KEEPING = 5 * SECOND
# The ends that heartbeats moved are written this often, so many at once: all together would take memory that nobody needs
# for anything else.
_ENDS_EVERY = 15 * SECOND
_ENDS_AT_ONCE = 4096
# So many transitions of one request are told on its span.
_MOST_TOLD = 128
# History is not indexed while messages wait for room, so many times in a row: they need the interpreter.
_MOST_PUT_OFF = 12
# A replay begins at the last checkpoint before the time that is asked for.
_CHECKPOINTS = 6 * HOUR


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
    """One running daemon. It is the `Router` of the API and the ledger, senders and messages of delivery."""

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
        self._engine: Engine | None = None
        self._reload_lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._sleeping_until: Moment = 0
        self._stop = asyncio.Event()
        self._clients = HttpClients(clock)
        self._config_path = Path(settings.config_file)
        self._tls: ssl.SSLContext | None = None
        self._template_problems: Sequence[Problem] = ()
        self._recorder: EventRecorder | None = None
        self._tracing = Tracing()
        self._settled = Settled()
        self._evaluator: Evaluator | None = None
        self._senders: ConfiguredSenders
        self._store: Store
        self._journal: Journal
        self._follower: Follower
        self._intake: Intake
        self._delivery: Delivery

    # The life of the daemon

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
            try:
                self.external_url = external_url(settings.web_external_url, port_of(sockets[0]))
            except ValueError as error:
                raise FatalError(str(error)) from None
            configuration = self._read_configuration()
            self._senders = self._senders_for(configuration, self._templates_for(configuration))
            stack.push_async_callback(self._tracing.close)
            await self._tracing.install(configuration.tracing, self._tracer_for(configuration))
            await self._open_store(stack)
            await self._record_events(configuration, stack)
            reading = await self._read_rules()
            of_rules = await self._begin(configuration, stack)
            await self._evaluate(reading, of_rules, stack)
            self._on_signals(stack)
            await self._serve(sockets, stack)
            await self._stop.wait()
            log.info("Shutting down gracefully")
        log.info("Received shutdown signal, exiting gracefully...")

    def stop(self) -> None:
        """Begin to stop in order."""
        self._stop.set()

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

    async def _begin(self, configuration: Configuration, stack: contextlib.AsyncExitStack) -> StoredState:
        """Load what is remembered and start to act on it. Returns what of it is about rules."""
        settings = self.settings
        settle_down()
        state = await asyncio.to_thread(self._store.load)
        engine = Engine(
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
        self._journal = Journal(
            self._store,
            clock=self.clock,
            state=lambda: self._state_of(engine),
            settings=self._journal_settings or JournalSettings(write_behind=0),
        )
        grace = 0 if self._store.stopped_in_order else _ENDS_EVERY + _HOUSE_KEEPING
        loaded_at = self.clock.now()
        changes = engine.load(state, loaded_at, end_grace=grace)
        engine.watch(self._recorder)
        self._intake = Intake(engine, self.mode)
        self._follower = Follower(self._store, self._caught_up)
        self._journal.on_commit = self._follower.ring
        self._journal.start()
        stack.push_async_callback(self._journal.close)
        stack.callback(self._write_the_last)
        stack.push_async_callback(self._clients.aclose)
        options = configuration.options.delivery
        self._delivery = Delivery(
            engine=engine,
            clock=self.clock,
            senders=self,
            messages=self._message,
            ledger=self,
            metrics=self.metrics,
            settings=DeliverySettings(
                limits=Limits(concurrency=options.concurrency, per_minute=options.messages_per_minute),
                drain_timeout=options.drain_timeout,
            ),
        )
        stack.push_async_callback(self._delivery.drain)
        self._engine = engine
        self._watch(engine)
        for _ in range(self._store.loaded.skipped["silences"]):
            self.metrics.silence_unusable()
        self._journal.write(changes)
        self._in_force(configuration, loaded_at)
        then = checkpoint(engine, loaded_at)
        assert then is not None, "groups that close are not stored"
        self._journal.milestone(
            Started(
                at=loaded_at,
                settings=engine.settings,
                checkpoint=then,
                seen_at=state.seen_at,
                end_grace=grace,
            )
        )
        keep()
        gc.enable()
        for task in (self._dispatch(), self._keep_house(), self._keep_history()):
            running = asyncio.create_task(task)
            running.add_done_callback(self._task_ended)
            stack.push_async_callback(_cancelled, running)
        return replace(state, alerts=(), groups=(), entries=(), silences=(), intents=())

    def _state_of(self, engine: Engine) -> StoredState:
        state = engine.stored_state(self.clock.now())
        if self._evaluator is None:
            return state
        alerts, groups = self._evaluator.stored()
        return replace(state, rule_alerts=alerts, rule_groups=groups)

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
            post=self.post_alerts,
        )
        return await asyncio.to_thread(self._evaluator.read)

    def _remember_rules(self, changes: RuleChanges) -> None:
        self._journal.write_rules(changes)

    async def _evaluate(
        self, reading: Reading | None, state: StoredState, stack: contextlib.AsyncExitStack
    ) -> None:
        if self._evaluator is not None and reading is not None:
            await self._evaluator.start(reading, state)
            stack.push_async_callback(self._evaluator.stop)

    def _watch(self, engine: Engine) -> None:
        self.metrics.watch(lambda: engine, self.clock.now)
        journal = self._journal
        self.metrics.watch_journal(healthy=lambda: journal.healthy, waiting=lambda: journal.waiting)
        self.metrics.watch_receivers(self._delivery.status)
        self.metrics.alert_limit(max(0, self.settings.alerts_per_alertname_limit))

    def _write_the_last(self) -> None:
        self._journal.write_later(self.engine.take_moved())
        self._journal.milestone(Stopped(at=self.clock.now()))

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            log.error("a part of the daemon ended by a bug: stopping", exc_info=task.exception())
            self.stop()

    def _on_signals(self, stack: contextlib.AsyncExitStack) -> None:
        loop = asyncio.get_running_loop()
        handlers: dict[int, Callable[[], object]] = {
            signal.SIGHUP: lambda: asyncio.ensure_future(self._reload_on_signal()),
            signal.SIGTERM: self.stop,
            signal.SIGINT: self.stop,
        }
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
            stack.callback(loop.remove_signal_handler, number)

    async def _serve(self, sockets: Sequence[socket.socket], stack: contextlib.AsyncExitStack) -> None:
        app = create_app(self, self.settings, self.metrics, self._evaluator)
        server = Server(app, self._tls)
        serving = asyncio.create_task(server.serve(sockets=list(sockets)))
        serving.add_done_callback(self._task_ended)
        stack.push_async_callback(server.end, serving)
        stack.callback(self._follower.close)
        while not server.started and not serving.done():
            await let_others_run()
        for each in sockets:
            log.info("Listening on", extra={"address": text_of(each)})
            state = "disabled" if self._tls is None else "enabled"
            log.info("TLS is %s.", state, extra={"http2": False, "address": text_of(each)})

    # Time

    async def _dispatch(self) -> None:
        """Flush what is due, a few groups at a time, and sleep until the next is."""
        engine = self.engine
        watch = ClockWatch(self.clock)
        while True:
            if by := watch.set_by():
                self._clock_set(by)
            now = self.clock.now()
            due = engine.next_due()
            if due is None or due > now:
                await self._sleep(due, now)
                continue
            flushes, changes = engine.flush(now, at_most=_FLUSHES_AT_ONCE)
            if changes:
                self._journal.record(changes)
            for flush in flushes:
                self.metrics.suppressed(flush.suppressed)
                self.metrics.flushed((now - flush.tick) / SECOND)
                self._delivery.start(flush)
            await let_others_run()

    def _clock_set(self, by: Duration) -> None:
        now = self.clock.now()
        way = "forth" if by > 0 else "back"
        log.warning("The clock was set %s by %.1f s: timers move along", way, abs(by) / SECOND)
        self._journal.write(self.engine.clock_set(now - by, now))
        self._journal.milestone(ClockSet(at=now, before=now - by))
        self._delivery.clock_set(by)

    async def _sleep(self, due: Moment | None, now: Moment) -> None:
        self._wake.clear()
        self._sleeping_until = due if due is not None else now + 3600 * SECOND
        wait = _LONGEST_WAIT if due is None else min(_LONGEST_WAIT, (due - now) / SECOND)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._wake.wait()
        self._sleeping_until = 0

    def _nudge(self) -> None:
        """Something happened that may be due before what the dispatcher sleeps for."""
        due = self.engine.next_due()
        if due is not None and due < self._sleeping_until:
            self._wake.set()

    async def _keep_house(self) -> None:
        """Write what heartbeats moved, and forget what is past its time."""
        engine, settings = self.engine, self.settings
        now = self.clock.now()
        collect_at = now + settings.alerts_gc_interval
        maintain_at = now + settings.data_maintenance_interval
        checkpoint_at = now + _CHECKPOINTS
        turn = 0
        while True:
            # Not until a moment: if the clock is set back, that may be far away.
            await self.clock.sleep_for(_HOUSE_KEEPING)
            turn += 1
            if turn % (_ENDS_EVERY // _HOUSE_KEEPING) == 0:
                await self._write_ends()
            return_memory()
            self._settled.now_that(len(engine.known))
            now = self.clock.now()
            collect_at = min(collect_at, now + settings.alerts_gc_interval)
            maintain_at = min(maintain_at, now + settings.data_maintenance_interval)
            if now >= collect_at:
                collect_at = now + settings.alerts_gc_interval
                self._journal.write(engine.collect_alerts(now))
            if now >= maintain_at:
                maintain_at = now + settings.data_maintenance_interval
                self._maintain(now)
            if now >= checkpoint_at and self._checkpointed(now):
                checkpoint_at = now + _CHECKPOINTS

    async def _write_ends(self) -> None:
        moved = self.engine.take_moved()
        while some := list(islice(moved, _ENDS_AT_ONCE)):
            # When the database fails, all is written anew once it works again.
            with contextlib.suppress(StoreError):
                await self._journal.write_later(some)

    def _checkpointed(self, now: Moment) -> bool:
        # All that is made here stays for a moment: looking through it again and again takes six times as long.
        gc.disable()
        try:
            then = checkpoint(self.engine, now)
        finally:
            gc.enable()
        if then is not None:
            self._journal.milestone(Checkpointed(at=now, settings=self.engine.settings, checkpoint=then))
        return then is not None

    def _maintain(self, now: Moment) -> None:
        begun = time.perf_counter()
        changes = self.engine.maintain(now)
        self._journal.write(changes)
        if changes.removed_entries:
            self._journal.milestone(Maintained(at=now))
        self.metrics.maintained(time.perf_counter() - begun)

    async def _keep_history(self) -> None:
        settings = self.settings
        keeper = HistoryKeeper(
            self._store,
            self._journal,
            retention=settings.history_retention,
            max_size=settings.history_max_size,
        )
        sweep_at = self.clock.now() + settings.data_maintenance_interval
        put_off = 0
        while True:
            await self.clock.sleep_until(self.clock.now() + _HOUSE_KEEPING)
            put_off = put_off + 1 if self._delivery.is_rushed and put_off < _MOST_PUT_OFF else 0
            if not put_off:
                await keeper.index()
            if self.clock.now() >= sweep_at:
                sweep_at = self.clock.now() + settings.data_maintenance_interval
                await keeper.sweep(self.clock.now())

    # What the API asks (`api.router.Router`)

    @property
    def engine(self) -> Engine:
        """The live state."""
        if self._engine is None:
            raise UnavailableError("the state is being loaded")
        return self._engine

    @property
    def original_config(self) -> str:
        """The configuration in force, secrets masked."""
        return self._senders.configuration.original

    @property
    def started_at(self) -> Moment:
        """When this process started."""
        return self._started_at

    def now(self) -> Moment:
        """What time it is."""
        return self.clock.now()

    def not_ready(self) -> str | None:
        """Why requests should go elsewhere; None when ready."""
        if self._engine is None:
            return "the state is being loaded"
        if not self._journal.healthy:
            return f"the database cannot be written: {self._journal.problem}"
        return None

    def route_labels(self, group: AggregationGroup, now: Moment) -> Mapping[str, str]:
        """The labels of the group's route, rendered on its alerts."""
        alerts = [known.as_told(now) for known in group.members]
        status = "firing" if any(alert.ends_at is None for alert in alerts) else "resolved"
        notification = Notification(
            receiver=group.route.receiver.name,
            status=type(alerts[0].status(now))(status),
            reason=Reason.UNKNOWN,
            alerts=alerts,
            group_labels=group.labels,
            route_labels=group.route.labels,
            group_key=group.key,
            flushed_at=now,
        )
        message = self._senders.templates.message(notification, external_url=self.external_url, now=now)
        return message.route_labels

    async def post_alerts(self, body: bytes) -> Sequence[str]:
        """Take in the alerts of a request body; what is wrong with those that were left out."""
        begun = time.perf_counter()
        raw = decode_alerts(body)
        now = self.clock.now()
        self.engine  # noqa: B018 - not loaded yet: say so before anything is taken in
        if len(raw) <= _ALERTS_AT_ONCE:
            return await self._take_in(self._intake.read(raw), now, begun, body)
        # A huge request must not stop everything else. All of it is read first: if one alert cannot be, none counts.
        reports: list[Report | Again] = []
        for start in range(0, len(raw), _ALERTS_AT_ONCE):
            reports += self._intake.read(raw[start : start + _ALERTS_AT_ONCE])
            await let_others_run()
        problems: list[str] = []
        for start in range(0, len(reports), _ALERTS_AT_ONCE):
            part = reports[start : start + _ALERTS_AT_ONCE]
            problems += await self._take_in(part, now, time.perf_counter())
        return problems

    async def _take_in(
        self, reports: Sequence[Report | Again], now: Moment, begun: float, body: bytes | None = None
    ) -> Sequence[str]:
        """``body``: the request, if these are all that is in it."""
        with tracing.span(
            "provider.mem.Put",
            kind=tracing.Kind.PRODUCER,
            attributes={"alerting.alerts.count": len(reports)},
        ) as span:
            taken = self._intake.take(reports, now)
            if span.is_recorded:
                _tell_transitions(span, taken.changes)
        self.metrics.alerts_received(
            firing=taken.firing,
            resolved=taken.resolved,
            invalid=len(taken.problems),
            seconds=time.perf_counter() - begun,
        )
        if taken.received.limited:
            self._limited(taken.received.limited)
        if taken.changes:
            self._settled.now_that(len(self.engine.known))
            self._nudge()
            await self._stored(taken.changes, None if body is None else self._as_posted(taken, body, now))
        elif not self._journal.healthy:
            raise UnavailableError(self._unwritable())
        return taken.problems

    def _as_posted(self, taken: Taken, body: bytes, now: Moment) -> PostedBody | None:
        """The request, if the alerts in it are all that it changed."""
        if not taken.is_plain:
            return None
        return PostedBody(body, now, self.engine.routing.resolve_timeout, taken.places)

    def _limited(self, limited: Mapping[str, int]) -> None:
        self.metrics.alerts_limited(limited)
        for alertname, count in limited.items():
            log.warning(
                "Alerts dropped by the limit per alertname", extra={"alertname": alertname, "alerts": count}
            )

    async def save_silence(self, proposed: Silence) -> Silence:
        """Create or edit a silence; the one that is in force, once it is stored."""
        self._refuse_unless_writable()
        with tracing.span("silences.Set"):
            saved, changes = self.engine.save_silence(proposed, self.clock.now(), str(uuid.uuid4()))
        await self._silences_changed(changes)
        return saved

    async def expire_silence(self, silence_id: str) -> None:
        """End a silence; returns once that is stored."""
        self._refuse_unless_writable()
        with tracing.span("silences.Expire", attributes={"alerting.silence.id": silence_id}):
            changes = self.engine.expire_silence(silence_id, self.clock.now())
        await self._silences_changed(changes)

    async def _silences_changed(self, changes: Changes) -> None:
        self._nudge()
        if self.settings.log_silences:
            for change in changes.silences:
                log.info(f"{change.action.removesuffix('d')} silence", extra=_silence_fields(change.silence))  # noqa: G004
        await self._stored(changes)

    def _refuse_unless_writable(self) -> None:
        # Better to refuse a silence than to forget one that was promised.
        self.engine  # noqa: B018 - not loaded yet: say so
        if not self._journal.healthy:
            raise UnavailableError(self._unwritable())

    async def _stored(self, changes: Changes, posted: PostedBody | None = None) -> None:
        try:
            await (self._journal.write(changes) if posted is None else self._journal.post(changes, posted))
        except StoreError as error:
            raise UnavailableError(f"it is in force but not stored: {error}") from None

    def _unwritable(self) -> str:
        return f"the database cannot be written: {self._journal.problem}"

    def acted(self, action: str, subject: str, caller: Caller, outcome: str = "") -> None:
        """Note what somebody did."""
        if self._engine is not None:
            done = Action(self.clock.now(), action, subject, caller.user, caller.address, outcome)
            self._journal.acted(done)

    @property
    def follower(self) -> Follower:
        """The end of the record."""
        self.engine  # noqa: B018 - not loaded yet: say so
        return self._follower

    async def settled(self) -> None:
        """Return when what happened before this is in the record, if the database takes it."""
        self.engine  # noqa: B018 - not loaded yet: say so
        await self._journal.settled()

    async def _caught_up(self) -> None:
        """Return when no alert that was acknowledged before this waits for its row."""
        if self._journal.deferred:
            await self._journal.settled()

    def reader(self) -> AbstractContextManager[Connection]:
        """A connection to read what happened."""
        self.engine  # noqa: B018 - not loaded yet: say so
        return self._store.reader()

    # Configuration

    def _read_configuration(self) -> Configuration:
        return load(self._config_path, mode=self.mode)

    def _templates_for(self, configuration: Configuration) -> Templates:
        templates = Templates.load(configuration.template_files, failed=self._template_failed)
        self._template_problems = check_templates(configuration, templates, self.settings)
        return templates

    def _tracer_for(self, configuration: Configuration) -> OtelTracer | None:
        try:
            return self._tracing.prepare(configuration.tracing)
        except (ValueError, OSError) as error:
            raise FatalError(f"failed to build a new tracer provider: {error}") from None

    def _senders_for(self, configuration: Configuration, templates: Templates) -> ConfiguredSenders:
        """Everything else about a configuration that can fail, before anything in force is touched."""
        senders = ConfiguredSenders(configuration, templates, self._clients, self.clock, self.external_url)
        problems = senders.prepare()
        if problems:
            raise FatalError("; ".join(problems))
        return senders

    def lanes(self) -> Sequence[LaneStatus]:
        """How every integration that was told something since the start is doing."""
        self.engine  # noqa: B018 - not loaded yet: say so
        return self._delivery.status()

    async def try_out(
        self,
        receiver: Receiver,
        integrations: Sequence[Integration],
        *,
        labels: Mapping[str, str],
        annotations: Mapping[str, str],
    ) -> Sequence[TrialOutcome]:
        """Send a test message through these integrations of a receiver."""
        return await try_out(
            receiver, integrations, self._senders, self.clock, labels=labels, annotations=annotations
        )

    async def reload(self) -> None:
        """Read the configuration file and go on under it; ReloadError, and the old one, when it cannot be used."""
        file = str(self._config_path)
        async with self._reload_lock:
            log.info("Loading configuration file", extra={"component": "configuration", "file": file})
            try:
                configuration = await asyncio.to_thread(self._read_configuration)
                templates = await asyncio.to_thread(self._templates_for, configuration)
                senders = self._senders_for(configuration, templates)
                tracer = await asyncio.to_thread(self._tracer_for, configuration)
                evaluate = await self._rules_prepared()
            except (ConfigError, TemplateError, FatalError, OSError) as error:
                self.metrics.reload_failed()
                log.error(  # noqa: TRY400 - a message, not a bug
                    "Loading configuration file failed",
                    extra={"component": "configuration", "file": file, "err": str(error)},
                )
                raise ReloadError(str(error)) from None
            now = self.clock.now()
            changes = self.engine.reconfigure(configuration.routing, now)
            self._senders = senders
            self._delivery.reconfigured(configuration.routing.receivers)
            self._journal.write(changes)
            self._in_force(configuration, now)
            self._nudge()
            await self._tracing.install(configuration.tracing, tracer)
            if evaluate is not None:
                await evaluate()
            if self._recorder is not None:
                await self._recorder.reconfigure(configuration.event_recorder)
            await self._clients.close_unused(senders.http_configs())
            log.info(
                "Completed loading of configuration file", extra={"component": "configuration", "file": file}
            )

    async def _rules_prepared(self) -> Callable[[], Awaitable[None]] | None:
        """Other rules, read and found good; what puts them in force."""
        if self._evaluator is None:
            return None
        return self._evaluator.prepare(await asyncio.to_thread(self._evaluator.read))

    async def _reload_on_signal(self) -> None:
        try:
            await self.reload()
        except ReloadError as error:
            self.acted("reload requested", "", BY_SIGNAL, str(error))
        else:
            self.acted("reload requested", "", BY_SIGNAL, "done")

    def _in_force(self, configuration: Configuration, now: Moment) -> None:
        routing = configuration.routing
        log_advice(configuration, self.settings, self._template_problems)
        self.metrics.configured(routing, configuration.hash, now)
        self._journal.reloaded(now, configuration.hash, configuration.original)
        self._journal.milestone(Reconfigured(at=now, routing=self.engine.routing))

    def _template_failed(self, error: TemplateError, where: str) -> None:
        log.warning(
            "a template failed: the default wording is used", extra={"where": where, "err": str(error)}
        )

    # What delivery needs (`delivery.ports`)

    def sender(self, integration: Integration) -> Sender:
        """The sender of this integration."""
        return self._senders.sender(integration)

    def limits(self, integration: Integration) -> Limits | None:
        """Its limits."""
        return self._senders.limits(integration)

    def _message(self, send: Send) -> Message:
        return self._senders(send)

    def intend(self, slots: Sequence[Slot], at: Moment) -> Awaitable[None]:
        """Note that attempts are about to be made."""
        return self._journal.intend(slots, at)

    def renewed(self, renewal: RenewalRecord) -> None:
        """Note that a message says something else."""
        self._journal.renewed(renewal)

    def settle(self, slot: Slot) -> None:
        """Note that it was not made."""
        self._journal.settle(slot)

    def record(self, changes: Changes, attempt: AttemptRecord | None = None) -> Awaitable[object]:
        """Note what an outcome changed."""
        self._nudge()
        return self._journal.record(changes, attempt)

    def attempt(self, record: AttemptRecord) -> None:
        """Note one attempt."""
        self._journal.attempt(record)


def _tell_transitions(span: Span, changes: Changes) -> None:
    for transition in changes.transitions[:_MOST_TOLD]:
        labels = transition.alert.labels
        span.event(
            f"alert {transition.kind}",
            {
                "alerting.alert.name": labels.get("alertname", ""),
                "alerting.alert.fingerprint": labels.fingerprint_text,
            },
        )


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _silence_fields(silence: Silence) -> dict[str, str]:
    matchers = [f"{m.name}{m.type.value}{m.value}" for matchers in silence.matcher_sets for m in matchers]
    return {
        "component": "silences",
        "Id": silence.id,
        "CreatedBy": silence.created_by,
        "Comment": silence.comment,
        "StartsAt": format_rfc3339(silence.starts_at // SECOND * SECOND),
        "EndsAt": format_rfc3339(silence.ends_at // SECOND * SECOND),
        "Matchers": ",".join(matchers),
    }
