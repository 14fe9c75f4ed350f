"""The series of the event recorder; they are there while the feature is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry


class EventMetrics:
    """Alertmanager's names (`api-and-cli.md` 9), and one of ours. Safe to use from any thread."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, about: str, *labels: str) -> Counter:
            return Counter(name, about, labels, registry=registry)

        self._recorded = counter(
            "alertmanager_events_recorded_total",
            "Events handed to an output.",
            "event_type",
            "output",
            "result",
        )
        self._bytes = counter(
            "alertmanager_event_recorder_bytes_written_total",
            "Bytes of the events handed to an output.",
            "event_type",
            "output",
        )
        self._dropped = counter(
            "alertmanager_events_dropped_total",
            "Events dropped because the recorder's queue was full.",
            "event_type",
        )
        self._unserializable = counter(
            "alertmanager_event_serialize_errors_total", "Events that could not be encoded.", "event_type"
        )
        self._output_drops = counter(
            "alertmanager_event_output_drops_total",
            "Events dropped because an output's own queue was full.",
            "output",
        )
        counter(
            "alertmanager_event_kafka_produce_errors_total",
            "Kafka is not an output here.",
            "output",
            "error_type",
        )
        self._given_up = counter(
            "alertrouter_event_output_failures_total",
            "Events that a webhook did not take in as many attempts as it was given.",
            "output",
        )
        self._queued = Gauge(
            "alertmanager_event_recorder_queue_length",
            "Events that wait to be written.",
            registry=registry,
        )

    def watch(self, queued: Callable[[], int]) -> None:
        """Show how many events wait."""
        self._queued.set_function(queued)

    def new_output(self, output: str) -> None:
        """Let the series of an output begin at zero."""
        self._output_drops.labels(output)
        self._given_up.labels(output)

    def recorded(self, event_type: str, output: str, count: int, size: int) -> None:
        """An output took so many events of so many bytes together."""
        self._recorded.labels(event_type, output, "success").inc(count)
        self._bytes.labels(event_type, output).inc(size)

    def failed(self, event_type: str, output: str) -> None:
        """An output could not take an event."""
        self._recorded.labels(event_type, output, "error").inc()

    def dropped(self, event_type: str) -> None:
        """An event found the queue full."""
        self._dropped.labels(event_type).inc()

    def unserializable(self, event_type: str) -> None:
        """An event could not be encoded."""
        self._unserializable.labels(event_type).inc()

    def output_dropped(self, output: str) -> None:
        """An event found an output's queue full."""
        self._output_drops.labels(output).inc()

    def given_up(self, output: str, events: int) -> None:
        """An output gave up on so many events."""
        self._given_up.labels(output).inc(events)
