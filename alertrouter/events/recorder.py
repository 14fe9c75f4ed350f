"""Takes events from the engine without delay, and writes them to all outputs from a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter, deque
from typing import TYPE_CHECKING

from alertrouter import ALERTMANAGER_VERSION, build
from alertrouter.clock import let_other_threads_run
from alertrouter.config.observability import EventRecorderConfig
from alertrouter.core.time import SECOND
from alertrouter.events.encoding import TYPE_OF, Recorded, Started, Stopped, encode
from alertrouter.events.output import FileOutput, Output, StdoutOutput
from alertrouter.events.webhook import WebhookOutput, origin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.clock import Clock
    from alertrouter.config.observability import WebhookOutput as WebhookConfig
    from alertrouter.core.time import Duration
    from alertrouter.events.metrics import EventMetrics

log = logging.getLogger(__name__)

# Events that find so many before them are dropped: whoever decides about pages never waits for a disk.
_LONGEST_QUEUE = 8192
# So many are written at once.
_AT_ONCE = 256
# So many are encoded before the event loop may have its turn.
_IN_ONE_GO = 4
_ABOUT = {"component": "eventrecorder"}


class _Outputs(tuple[Output, ...]):
    """In the queue: from here on these are the outputs."""

    __slots__ = ()


class EventRecorder:
    """One per process. ``append`` is all that the engine knows of it (`engine.events.EventSink`).

    ``instance`` names this process in every event. ``patience`` is how long outputs may take at the end.
    """

    def __init__(
        self, *, instance: str, clock: Clock, metrics: EventMetrics, patience: Duration = 5 * SECOND
    ) -> None:
        self._patience = patience
        self._clock = clock
        self._metrics = metrics
        self._config = EventRecorderConfig()
        self._waiting: deque[Recorded | _Outputs | None] = deque()
        self._bell = threading.Event()
        self._dropping = False
        self._webhooks: list[WebhookOutput] = []
        self._writer = _Writer(instance, self._waiting, self._bell, metrics)
        self._thread = threading.Thread(target=self._writer.run, name="event recorder", daemon=True)
        metrics.watch(lambda: len(self._waiting))

    def append(self, event: Recorded, /) -> None:
        """Record an event, or drop it when too many wait; takes next to no time either way."""
        waiting = len(self._waiting)
        if waiting >= _LONGEST_QUEUE:
            self._metrics.dropped(TYPE_OF[type(event)])
            if not self._dropping:
                self._dropping = True
                log.warning("The queue of the event recorder is full: events are dropped", extra=_ABOUT)
            return
        if waiting < _LONGEST_QUEUE // 2:
            self._dropping = False
        self._put(event)

    async def begin(self, config: EventRecorderConfig | None) -> None:
        """Start to write, first of all that the process started.

        An output that cannot be made is left out, and logged.
        """
        self._config = config or EventRecorderConfig()
        outputs, _ = await self._make(self._config)
        self._put(_Outputs(outputs))
        self._thread.start()
        self.append(Started(self._clock.now(), ALERTMANAGER_VERSION, build.context()))

    async def reconfigure(self, config: EventRecorderConfig | None) -> None:
        """Write to the outputs of another configuration; all stay as they are when one of those cannot be made."""
        config = config or EventRecorderConfig()
        if config == self._config:
            return
        outputs, all_made = await self._make(config)
        if not all_made:
            log.error("The outputs of the event recorder stay as they were", extra=_ABOUT)
            for output in outputs:
                output.close()
            return
        self._config = config
        self._put(_Outputs(outputs))
        log.info("Event recorder configuration reloaded", extra={**_ABOUT, "outputs": len(outputs)})

    async def close(self) -> None:
        """Write what waits, last that the process stops, as far as the outputs take it within some seconds."""
        self.append(Stopped(self._clock.now()))
        self._put(None)
        await asyncio.to_thread(self._thread.join, self._patience / SECOND)
        if self._thread.is_alive():
            left = len(self._waiting)
            log.warning("Stopped with %d events that no output took in time", left, extra=_ABOUT)
        await asyncio.gather(*[webhook.finish(self._patience) for webhook in self._webhooks])

    def _put(self, entry: Recorded | _Outputs | None) -> None:
        self._waiting.append(entry)
        if not self._bell.is_set():
            self._bell.set()

    async def _make(self, config: EventRecorderConfig) -> tuple[list[Output], bool]:
        """The outputs, and whether they are all there are."""
        outputs: list[Output] = []
        all_made = True
        for file in config.file_outputs:
            try:
                outputs.append(await asyncio.to_thread(FileOutput, file.path))
            except OSError as error:
                all_made = False
                about = {**_ABOUT, "path": file.path, "err": error.strerror or str(error)}
                log.error("An event file cannot be opened", extra=about)  # noqa: TRY400 - a message, not a bug
        outputs += [StdoutOutput() for _ in config.stdout_outputs]
        self._webhooks = [webhook for webhook in self._webhooks if not webhook.ended]
        hosts = Counter[str]()
        for webhook in config.webhook_outputs:
            try:
                made = self._webhook(webhook, hosts)
            except ValueError as error:
                all_made = False
                about = {**_ABOUT, "err": str(error)}
                log.error("An event webhook cannot be used", extra=about)  # noqa: TRY400 - likewise
            else:
                outputs.append(made)
                self._webhooks.append(made)
        if config.kafka_outputs:
            # These can never be made: that they are missing says nothing about the others.
            log.error("Events are not written to Kafka: use a file, stdout or a webhook", extra=_ABOUT)
        return outputs, all_made

    def _webhook(self, config: WebhookConfig, hosts: Counter[str]) -> WebhookOutput:
        host = origin(config.url.reveal())
        hosts[host] += 1
        return WebhookOutput(config, number=hosts[host], clock=self._clock, metrics=self._metrics)


class _Writer:
    """The thread: turns events into lines and hands them to the outputs, which it alone uses."""

    def __init__(
        self,
        instance: str,
        waiting: deque[Recorded | _Outputs | None],
        bell: threading.Event,
        metrics: EventMetrics,
    ) -> None:
        self._instance = instance
        self._waiting = waiting
        self._bell = bell
        self._metrics = metrics
        self._outputs: Sequence[Output] = ()
        self._failing: set[str] = set()

    def run(self) -> None:
        """Write until None comes."""
        while True:
            self._bell.wait()
            self._bell.clear()
            while self._waiting:
                if not self._write_some():
                    self._replace(())
                    return

    def _write_some(self) -> bool:
        """Write the next events; whether there may be more."""
        events: list[Recorded] = []
        while self._waiting and len(events) < _AT_ONCE:
            entry = self._waiting.popleft()
            if entry is None or isinstance(entry, _Outputs):
                self._write(events)
                if entry is None:
                    return False
                self._replace(entry)
                return True
            events.append(entry)
        self._write(events)
        return True

    def _replace(self, outputs: Sequence[Output]) -> None:
        replaced, self._outputs = self._outputs, outputs
        for output in replaced:
            output.close()

    def _write(self, events: Sequence[Recorded]) -> None:
        if not events or not self._outputs:
            return
        types: list[str] = []
        lines: list[bytes] = []
        for place, event in enumerate(events):
            if not place % _IN_ONE_GO:
                let_other_threads_run()
            event_type = TYPE_OF[type(event)]
            try:
                lines.append(encode(event, self._instance))
            except Exception:
                log.exception("An event cannot be encoded", extra={**_ABOUT, "event_type": event_type})
                self._metrics.unserializable(event_type)
                for output in self._outputs:
                    self._metrics.failed(event_type, output.name)
            else:
                types.append(event_type)
        for output in self._outputs:
            self._hand_over(output, types, lines)

    def _hand_over(self, output: Output, types: Sequence[str], lines: Sequence[bytes]) -> None:
        taken, error = output.write(lines)
        sizes = Counter[str]()
        for event_type, line in zip(types[:taken], lines[:taken], strict=True):
            sizes[event_type] += len(line) + output.overhead
        for event_type, count in Counter(types[:taken]).items():
            self._metrics.recorded(event_type, output.name, count, sizes[event_type])
        for event_type in types[taken:]:
            self._metrics.failed(event_type, output.name)
        about = {**_ABOUT, "output": output.name}
        if error is not None and output.name not in self._failing:
            self._failing.add(output.name)
            problem = {"err": error.strerror or str(error)}
            log.error("An event output takes no events", extra={**about, **problem})
        elif error is None and output.name in self._failing:
            self._failing.remove(output.name)
            log.info("An event output takes events again", extra=about)
