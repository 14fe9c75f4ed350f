"""What Prometheus tells of its ruler, told of ours under the same names (`rules.md` 4.5)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from alertrouter.core.rule_state import AlertState
from alertrouter.core.time import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from alertrouter.rules.live_group import LiveGroup

_BY_GROUP = ["rule_group"]

_COUNTERS: dict[str, tuple[str, Callable[[LiveGroup], float]]] = {
    "prometheus_rule_evaluations": ("Evaluations of rules.", lambda g: g.counts.evaluations),
    "prometheus_rule_evaluation_failures": ("Those that failed.", lambda g: g.counts.failures),
    "prometheus_rule_group_iterations": (
        "Iterations of groups, missed ones included.",
        lambda g: g.counts.iterations,
    ),
    "prometheus_rule_group_iterations_missed": (
        "Iterations left out because the one before took too long.",
        lambda g: g.counts.missed,
    ),
    "alertrouter_rule_group_clock_resets": (
        "How often a group began anew because the clock was set back.",
        lambda g: g.counts.resets,
    ),
    "alertrouter_rule_alerts_resent_on_error": (
        "Alerts told again while the query of their rule failed.",
        lambda g: g.counts.resent,
    ),
    "alertrouter_rule_histograms_left_out": (
        "Native histograms that a recording rule gave and that were not recorded.",
        lambda g: g.counts.left_out,
    ),
    "alertrouter_rule_template_failures": (
        "Labels and annotations that could not be rendered.",
        lambda g: g.counts.template_failures,
    ),
}
_GAUGES: dict[str, tuple[str, Callable[[LiveGroup], float]]] = {
    "prometheus_rule_group_interval_seconds": ("Interval of a group.", lambda g: g.interval / SECOND),
    "prometheus_rule_group_rules": ("Rules of a group.", lambda g: len(g.rules)),
    "prometheus_rule_group_last_duration_seconds": ("Duration of the last iteration.", lambda g: g.seconds),
    "prometheus_rule_group_last_rule_duration_sum_seconds": (
        "What the rules of the last iteration took altogether.",
        lambda g: g.rule_seconds,
    ),
    "prometheus_rule_group_last_restore_duration_seconds": (
        "Time to read alerts back from the backend.",
        lambda g: g.counts.restore_seconds,
    ),
    "prometheus_rule_group_last_evaluation_timestamp_seconds": (
        "When the last iteration began.",
        lambda g: 0 if g.began_at is None else g.began_at / SECOND,
    ),
    "prometheus_rule_group_last_evaluation_samples": (
        "Samples that the last iteration was answered.",
        lambda g: sum(rule.samples for rule in g.rules),
    ),
    "alertrouter_rule_group_failing_rules": (
        "Rules whose last evaluation failed.",
        lambda g: sum(rule.failing_since is not None for rule in g.rules),
    ),
}


class RuleCollector(Collector):
    """Looks at the groups when somebody asks."""

    def __init__(self, groups: Callable[[], Sequence[LiveGroup]]) -> None:
        self._groups = groups

    def describe(self) -> Iterator[Metric]:
        """Nothing: groups come and go."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The series; those of a group have its file and name as ``rule_group``."""
        groups = self._groups()
        for name, (about, of) in _COUNTERS.items():
            counter = CounterMetricFamily(name, about, labels=_BY_GROUP)
            for group in groups:
                counter.add_metric([group.group.key], of(group))
            yield counter
        for name, (about, of) in _GAUGES.items():
            gauge = GaugeMetricFamily(name, about, labels=_BY_GROUP)
            for group in groups:
                gauge.add_metric([group.group.key], of(group))
            yield gauge
        yield SummaryMetricFamily(
            "prometheus_rule_evaluation_duration_seconds",
            "Duration of evaluations of rules.",
            sum(group.counts.evaluations for group in groups),
            sum(group.counts.rule_seconds for group in groups),
        )
        yield SummaryMetricFamily(
            "prometheus_rule_group_duration_seconds",
            "Duration of iterations of groups.",
            sum(group.counts.iterations - group.counts.missed for group in groups),
            sum(group.counts.seconds for group in groups),
        )
        yield self._alerts(groups)

    @staticmethod
    def _alerts(groups: Sequence[LiveGroup]) -> Metric:
        found = Counter(
            alert.state for group in groups for rule in group.rules for alert in rule.alerts.values()
        )
        family = GaugeMetricFamily("alertrouter_rule_alerts", "Alerts of rules by state.", labels=["state"])
        for state in (AlertState.PENDING, AlertState.FIRING):
            family.add_metric([state.value], found[state])
        return family
