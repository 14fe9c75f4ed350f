"""Series that are looked at when somebody asks, instead of being counted: the engine's state, and how receivers are doing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from alertrouter.core.silence import SilenceState
from alertrouter.delivery.circuit import CircuitState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from alertrouter.core.time import Moment
    from alertrouter.delivery.status import LaneStatus
    from alertrouter.engine.engine import Engine


class ReceiverCollector(Collector):
    """Looks at the lanes of delivery at the moment of the scrape."""

    def __init__(self, lanes: Callable[[], Sequence[LaneStatus]]) -> None:
        self._lanes = lanes

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: lanes come and go with the configuration."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One series for each integration; ``integration`` is its key, such as ``webhook/0``."""
        family = GaugeMetricFamily(
            "alertrouter_receiver_circuit_open",
            "Whether an integration failed so often in a row that one message at a time tries it.",
            labels=["receiver", "integration"],
        )
        for lane in self._lanes():
            family.add_metric(
                [lane.receiver, lane.integration], float(lane.circuit is not CircuitState.CLOSED)
            )
        yield family


class EngineCollector(Collector):
    """Counts what the engine holds at the moment of the scrape."""

    def __init__(self, engine: Engine, now: Callable[[], Moment], *, group_keys: bool) -> None:
        self._engine = engine
        self._now = now
        self._group_keys = group_keys

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: so nothing is counted when this is registered."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The series."""
        engine, now = self._engine, self._now()
        yield self._alerts(engine, now)
        yield GaugeMetricFamily(
            "alertmanager_dispatcher_aggregation_groups", "Live aggregation groups.", len(engine.groups)
        )
        silences = GaugeMetricFamily("alertmanager_silences", "Stored silences.", labels=["state"])
        counts = dict.fromkeys(SilenceState, 0)
        for silence in engine.silences.values():
            counts[silence.state(now)] += 1
        for state, count in counts.items():
            silences.add_metric([state.value], count)
        yield silences
        for name in ("state_size", "matcher_index_size", "version_index_size"):
            yield GaugeMetricFamily(
                f"alertmanager_silences_{name}", "Silences in memory.", len(engine.silences)
            )

    def _alerts(self, engine: Engine, now: Moment) -> GaugeMetricFamily:
        about = "Unresolved alerts in groups, by the state of the last flush."
        if not self._group_keys:
            family = GaugeMetricFamily("alertmanager_alerts", about, labels=["state"])
            for state, count in engine.alert_states(now).items():
                family.add_metric([state], count)
            return family
        family = GaugeMetricFamily("alertmanager_alerts", about, labels=["group_key", "state"])
        for group in engine.groups:
            firing = [known for known in group.members if known.ends_at > now]
            muted = sum(known in group.muted for known in firing)
            flushed = group.tick is not None
            for state, count in (
                ("active", len(firing) - muted if flushed else 0),
                ("suppressed", muted if flushed else 0),
                ("unprocessed", 0 if flushed else len(firing)),
            ):
                family.add_metric([group.key, state], count)
        return family
