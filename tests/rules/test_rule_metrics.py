"""What is told of evaluations, under the names that dashboards know (`rules.md` 4.5)."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from alertrouter.core.time import MINUTE
from alertrouter.rules.rule_metrics import RuleCollector
from tests.rules.story import START, Story, alerting, sample, unreachable

GROUP = {"rule_group": "rules.yml;node"}


def test_evaluations_are_counted_by_group() -> None:
    story = Story(alerting(hold=MINUTE), alerting("B", "b"))
    story.answer([sample(i="1"), sample(i="2")])
    story.answer(unreachable(), "b")
    registry = CollectorRegistry()
    registry.register(RuleCollector(lambda: [story.live]))
    story.evaluate(0, 2)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels or GROUP)

    assert value("prometheus_rule_evaluations_total") == 6
    assert value("prometheus_rule_evaluation_failures_total") == 3
    assert value("prometheus_rule_group_iterations_total") == 3
    assert value("prometheus_rule_group_iterations_missed_total") == 0
    assert value("prometheus_rule_group_interval_seconds") == 60
    assert value("prometheus_rule_group_rules") == 2
    assert value("prometheus_rule_group_last_evaluation_samples") == 2
    assert value("prometheus_rule_group_last_evaluation_timestamp_seconds") == START / 1e9 + 120
    assert (value("prometheus_rule_group_last_duration_seconds") or 0) > 0
    assert (value("prometheus_rule_group_last_rule_duration_sum_seconds") or 0) > 0
    assert value("prometheus_rule_group_last_restore_duration_seconds") == 0
    assert value("alertrouter_rule_group_failing_rules") == 1
    assert value("alertrouter_rule_alerts", state="firing") == 2
    assert value("alertrouter_rule_alerts", state="pending") == 0
    assert registry.get_sample_value("prometheus_rule_evaluation_duration_seconds_count") == 6
    assert registry.get_sample_value("prometheus_rule_group_duration_seconds_count") == 3
