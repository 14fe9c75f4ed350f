"""What every process that serves HTTP tells Prometheus of itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, Summary

from alertrouter import __version__
from alertrouter.build import LANGUAGE
from alertrouter.tallies import Distributions

if TYPE_CHECKING:
    from collections.abc import Callable

    from alertrouter.tallies import Distribution

# The original has no series that tell when another was created.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

# The original writes whole bounds of buckets without a fraction; to Prometheus 2 it is another series with one.
_WHOLE_BOUND = re.compile(rb'\ble="(\d+)\.0"')
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SIZES = tuple(10**power for power in range(2, 9))


class WebMetrics:
    """Requests, the journal, and what this program is. ``prefix`` begins the names of the series of requests."""

    def __init__(self, prefix: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._http(prefix)
        self._journal_healthy = self._gauge(
            "alertrouter_journal_healthy", "Whether the database takes what is written."
        )
        self._journal_waiting = self._gauge(
            "alertrouter_journal_waiting_writes", "Writes that wait for the database."
        )
        own = self._gauge("alertrouter_build_info", "This program.", "version", "python_version")
        own.labels(__version__, LANGUAGE.removeprefix("python")).set(1)

    def exposition(self) -> bytes:
        """All series in Prometheus' text format."""
        self._scrapes["200"].inc()
        return _WHOLE_BOUND.sub(rb'le="\1"', prometheus_client.generate_latest(self.registry))

    def watch_journal(self, *, healthy: Callable[[], bool], waiting: Callable[[], int]) -> None:
        """Show whether the database takes what is written, and how many writes wait for their turn."""
        self._journal_healthy.set_function(lambda: float(healthy()))
        self._journal_waiting.set_function(waiting)

    def _http(self, prefix: str) -> None:
        self._durations = Distributions(
            f"{prefix}_http_request_duration_seconds",
            "Duration of HTTP requests.",
            ("handler", "method", "code"),
            _SECONDS,
            self.registry,
        )
        self._response_sizes = Histogram(
            f"{prefix}_http_response_size_bytes",
            "Size of HTTP answers outside the API.",
            ("handler", "method"),
            buckets=_SIZES,
            registry=self.registry,
        )
        in_flight = self._gauge(f"{prefix}_http_requests_in_flight", "Requests under way.", "method")
        #: GET requests under way.
        self.gets_in_flight = in_flight.labels("get")
        exceeded = self._counter(
            f"{prefix}_http_concurrency_limit_exceeded_total",
            "Requests refused because too many were under way.",
            "method",
        )
        #: GET requests refused because too many were under way.
        self.gets_refused = exceeded.labels("get")
        refused = self._counter(
            "alertrouter_http_requests_refused_total",
            "Requests that the web configuration file kept out, by why.",
            "reason",
        )
        #: Requests that the web configuration file kept out.
        self.refused = {why: refused.labels(why) for why in ("credentials", "rate_limit", "web_config")}
        scrapes = self._counter("promhttp_metric_handler_requests_total", "Scrapes by answer.", "code")
        self._scrapes = {code: scrapes.labels(code) for code in ("200", "500", "503")}
        self._gauge("promhttp_metric_handler_requests_in_flight", "Scrapes under way.").set(1)
        self._duration_of: dict[tuple[str, str, int], Distribution] = {}

    def http_request(self, handler: str, method: str, code: int, seconds: float) -> None:
        """A request was answered. ``handler`` is a pattern of paths, never a path that somebody made up."""
        key = (handler, method, code)
        durations = self._duration_of.get(key)
        if durations is None:
            durations = self._durations.labels(handler, method.lower(), str(code))
            self._duration_of[key] = durations
        durations.observe(seconds)

    def http_response_size(self, handler: str, method: str, size: int) -> None:
        """An answer outside the API had so many bytes."""
        self._response_sizes.labels(handler, method.lower()).observe(size)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(name, about, labels, registry=self.registry)

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(name, about, labels, registry=self.registry)

    def _summary(self, name: str, about: str) -> Summary:
        return Summary(name, about, registry=self.registry)
