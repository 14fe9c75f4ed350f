"""What is counted of writing samples and of sending alerts, under Prometheus's names (`rules.md` 4.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram, Summary

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60)


class WriteMetrics:
    """The series of all receivers of samples."""

    def __init__(self, registry: CollectorRegistry) -> None:
        names = ("remote_name", "url")

        def counter(name: str, text: str) -> Counter:
            return Counter(f"prometheus_remote_storage_{name}", text, names, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"prometheus_remote_storage_{name}", text, names, registry=registry)

        self.sent = counter("samples_total", "Samples sent, and taken.")
        self.failed = counter("samples_failed_total", "Samples that were refused.")
        self.retried = counter("samples_retried_total", "Samples sent again after a failure that passes.")
        self.dropped = counter("samples_dropped_total", "Samples dropped before they were sent.")
        self.bytes = counter("bytes_total", "Bytes sent, packed.")
        self.pending = gauge("samples_pending", "Samples waiting to be sent, or on their way.")
        self.capacity = gauge("shard_capacity", "Samples that may wait.")
        self.highest = gauge(
            "queue_highest_sent_timestamp_seconds", "Latest moment of a sample that was taken."
        )
        self.durations = Histogram(
            "prometheus_remote_storage_sent_batch_duration_seconds",
            "Duration of requests.",
            names,
            buckets=_SECONDS,
            registry=registry,
        )

    def of(self, name: str, url: str) -> ReceiverMetrics:
        """Those of one receiver; ``url`` must have no secret in it."""
        return ReceiverMetrics(self, name, url)


class ReceiverMetrics:
    """What happened to the samples for one receiver."""

    def __init__(self, metrics: WriteMetrics, *values: str) -> None:
        self._sent = metrics.sent.labels(*values)
        self._failed = metrics.failed.labels(*values)
        self._retried = metrics.retried.labels(*values)
        self._dropped = metrics.dropped.labels(*values)
        self._bytes = metrics.bytes.labels(*values)
        self._pending = metrics.pending.labels(*values)
        self._capacity = metrics.capacity.labels(*values)
        self._highest = metrics.highest.labels(*values)
        self._durations = metrics.durations.labels(*values)

    def sent(self, samples: int, size: int, latest: float) -> None:
        """A request was taken; ``latest`` is the moment of its last sample, in seconds."""
        self._sent.inc(samples)
        self._bytes.inc(size)
        self._highest.set(latest)

    def failed(self, samples: int) -> None:
        """Samples were refused for good."""
        self._failed.inc(samples)

    def retried(self, samples: int) -> None:
        """Samples will be sent again."""
        self._retried.inc(samples)

    def dropped(self, samples: int) -> None:
        """Samples were dropped unsent."""
        self._dropped.inc(samples)

    def attempt(self, seconds: float) -> None:
        """A request took so long."""
        self._durations.observe(seconds)

    def pending(self, samples: int) -> None:
        """So many are waiting."""
        self._pending.set(samples)

    def capacity(self, samples: int) -> None:
        """So many may wait."""
        self._capacity.set(samples)


class NotifierMetrics:
    """The series of all Alertmanagers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        names = ("alertmanager",)

        def counter(name: str, text: str) -> Counter:
            return Counter(f"prometheus_notifications_{name}", text, names, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"prometheus_notifications_{name}", text, labels, registry=registry)

        self.sent = counter("sent_total", "Alerts sent.")
        self.errors = counter("errors_total", "Alerts that were not taken.")
        self.dropped = counter("dropped_total", "Alerts dropped: no room in the queue, or given up.")
        self.latency = Summary(
            "prometheus_notifications_latency_seconds", "Duration of requests.", names, registry=registry
        )
        self.queue_length = gauge("queue_length", "Alerts waiting to be sent.", *names)
        self.queue_capacity = gauge("queue_capacity", "Alerts that may wait.", *names)
        self.discovered = gauge("alertmanagers_discovered", "Alertmanagers that alerts are sent to.")

    def of(self, alertmanager: str) -> AlertmanagerMetrics:
        """Those of one Alertmanager, by its URL without secrets."""
        return AlertmanagerMetrics(self, alertmanager)

    def forget(self, alertmanager: str) -> None:
        """It is no longer sent to."""
        for metric in (self.queue_length, self.queue_capacity):
            metric.remove(alertmanager)


class AlertmanagerMetrics:
    """What happened to the alerts for one Alertmanager."""

    def __init__(self, metrics: NotifierMetrics, alertmanager: str) -> None:
        self._sent = metrics.sent.labels(alertmanager)
        self._errors = metrics.errors.labels(alertmanager)
        self._dropped = metrics.dropped.labels(alertmanager)
        self._latency = metrics.latency.labels(alertmanager)
        self._length = metrics.queue_length.labels(alertmanager)
        self._capacity = metrics.queue_capacity.labels(alertmanager)

    def attempt(self, alerts: int, seconds: float) -> None:
        """A request with so many alerts took so long."""
        self._sent.inc(alerts)
        self._latency.observe(seconds)

    def failed(self, alerts: int) -> None:
        """A request with so many alerts was not taken."""
        self._errors.inc(alerts)

    def dropped(self, alerts: int) -> None:
        """So many alerts will not be sent."""
        self._dropped.inc(alerts)

    def waiting(self, alerts: int) -> None:
        """So many are queued."""
        self._length.set(alerts)

    def capacity(self, alerts: int) -> None:
        """So many may be queued."""
        self._capacity.set(alerts)
