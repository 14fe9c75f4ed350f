"""Counters, summaries and histograms that one thread moves, at a tenth of what those cost that any thread may move.

A message moves a dozen of them, a request half a dozen. They are read at the moment of the scrape, on the same thread.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, Generic, TypeVar

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from prometheus_client import CollectorRegistry

_Series = TypeVar("_Series")


class Tally:
    """A number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self, count: int = 1) -> None:
        """So many more."""
        self.value += count


class Distribution:
    """How many values were up to each of some bounds, and what they add up to."""

    __slots__ = ("_bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        #: How many fell between each bound and the one before, and after the last how many above it.
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """One more value."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.sum += value


class Total:
    """How many values there were, and what they add up to."""

    __slots__ = ("count", "sum")

    def __init__(self) -> None:
        self.count = 0
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """One more value."""
        self.count += 1
        self.sum += value


class _Family(Collector, Generic[_Series]):
    """The series of one name, by the values of their labels; without labels there is one from the start."""

    def __init__(
        self,
        name: str,
        about: str,
        labels: Sequence[str],
        new: Callable[[], _Series],
        registry: CollectorRegistry,
    ) -> None:
        self._name = name
        self._about = about
        self._labels = labels
        self._new = new
        self._series: dict[tuple[str, ...], _Series] = {}
        if not labels:
            self.labels()
        registry.register(self)

    def labels(self, *values: str) -> _Series:
        """The series with these values; made when it is first asked for."""
        found = self._series.get(values)
        if found is None:
            if len(values) != len(self._labels):
                raise ValueError(f"{self._name} has the labels {', '.join(self._labels)}")
            found = self._series[values] = self._new()
        return found

    def clear(self) -> None:
        """Forget all series."""
        self._series.clear()

    def describe(self) -> Iterator[Metric]:
        """The name, which nobody else can have then."""
        yield Metric(self._name, self._about, "unknown")


class Tallies(_Family[Tally]):
    """The counters of one name."""

    def __init__(self, name: str, about: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        super().__init__(name, about, labels, Tally, registry)

    def collect(self) -> Iterator[Metric]:
        """All of them, as they stand."""
        family = CounterMetricFamily(self._name, self._about, labels=self._labels)
        for values, tally in self._series.items():
            family.add_metric(values, tally.value)
        yield family


class Totals(_Family[Total]):
    """The summaries of one name."""

    def __init__(self, name: str, about: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        super().__init__(name, about, labels, Total, registry)

    def collect(self) -> Iterator[Metric]:
        """All of them, as they stand."""
        family = SummaryMetricFamily(self._name, self._about, labels=self._labels)
        for values, total in self._series.items():
            family.add_metric(values, total.count, total.sum)
        yield family


class Distributions(_Family[Distribution]):
    """The histograms of one name."""

    def __init__(
        self,
        name: str,
        about: str,
        labels: Sequence[str],
        bounds: Sequence[float],
        registry: CollectorRegistry,
    ) -> None:
        super().__init__(name, about, labels, lambda: Distribution(bounds), registry)
        self._shown = [*map(floatToGoString, bounds), "+Inf"]

    def collect(self) -> Iterator[Metric]:
        """All of them, as they stand."""
        family = HistogramMetricFamily(self._name, self._about, labels=self._labels)
        for values, series in self._series.items():
            buckets = list(zip(self._shown, accumulate(series.counts), strict=True))
            family.add_metric(values, buckets, series.sum)
        yield family
