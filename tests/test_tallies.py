"""Counters, summaries and histograms of one thread are shown as those of Prometheus' own library are."""

from __future__ import annotations

import pytest
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    Summary,
    disable_created_metrics,
    generate_latest,
)

from alertrouter.tallies import Distributions, Tallies, Totals

BOUNDS = (0.01, 1, 5)
VALUES = (0.0, 0.01, 0.5, 1, 4.9, 5, 5.1, 700)


def test_they_are_shown_as_those_of_the_library_are() -> None:
    disable_created_metrics()  # type: ignore[no-untyped-call]
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    tallies = Tallies("messages_total", "Messages.", ("kind", "receiver"), ours)
    counter = Counter("messages_total", "Messages.", ("kind", "receiver"), registry=theirs)
    distributions = Distributions("duration_seconds", "Time.", ("kind",), BOUNDS, ours)
    histogram = Histogram("duration_seconds", "Time.", ("kind",), buckets=BOUNDS, registry=theirs)
    totals = Totals("size_bytes", "Size.", ("kind",), ours)
    summary = Summary("size_bytes", "Size.", ("kind",), registry=theirs)
    for kind, receiver in (("webhook", "a\n"), ("slack", "b")):
        tallies.labels(kind, receiver).inc()
        tallies.labels(kind, receiver).inc(3)
        counter.labels(kind, receiver).inc(4)
    tallies.labels("email", "still")
    counter.labels("email", "still")
    for value in VALUES:
        distributions.labels("webhook").observe(value)
        histogram.labels("webhook").observe(value)
        totals.labels("webhook").observe(value)
        summary.labels("webhook").observe(value)
    assert generate_latest(ours) == generate_latest(theirs)


def test_without_labels_there_is_one_from_the_start() -> None:
    registry = CollectorRegistry()
    Tallies("messages_total", "Messages.", (), registry)
    Distributions("duration_seconds", "Time.", (), BOUNDS, registry)
    Totals("size_bytes", "Size.", (), registry)
    assert registry.get_sample_value("messages_total") == 0
    assert registry.get_sample_value("size_bytes_count") == 0
    assert registry.get_sample_value("duration_seconds_bucket", {"le": "+Inf"}) == 0


def test_series_that_are_cleared_are_gone() -> None:
    registry = CollectorRegistry()
    tallies = Tallies("messages_total", "Messages.", ("kind",), registry)
    tallies.labels("webhook").inc()
    tallies.clear()
    assert registry.get_sample_value("messages_total", {"kind": "webhook"}) is None


def test_a_name_is_taken_once_and_labels_are_those_of_the_name() -> None:
    registry = CollectorRegistry()
    tallies = Tallies("messages_total", "Messages.", ("kind",), registry)
    with pytest.raises(ValueError, match="kind"):
        tallies.labels("webhook", "hook")
    with pytest.raises(ValueError, match="Duplicated"):
        Tallies("messages_total", "Messages.", ("kind",), registry)
