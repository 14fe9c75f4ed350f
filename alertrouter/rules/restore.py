"""Going on after a restart: what a pause means for alerts that wait to fire (`rules.md` 2.9)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from alertrouter.core.go_quote import quote
from alertrouter.core.labels import Labels
from alertrouter.core.rule_state import AlertState, RuleAlertState
from alertrouter.core.time import SECOND
from alertrouter.rules.model import Dialect
from alertrouter.rules.series import NAME
from alertrouter.rules.state import shifted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from alertrouter.core.time import Duration, Moment
    from alertrouter.rules.model import AlertingRule
    from alertrouter.rules.state import Alerts
    from alertrouter.templating.rule_functions import Sample


class AfterPause(StrEnum):
    """Whether time in which nothing was evaluated counts for the ``for`` of a pending alert."""

    PAUSE = "pause"
    """It does not: the alert goes on where it was."""
    COUNT = "count"
    """It does, as if the series had been there all the time."""
    RESET = "reset"
    """The alert begins to wait anew."""


def remembered(alerts: Iterable[RuleAlertState], set_back: Duration = 0) -> Alerts:
    """The alerts of a rule as the store has them, to go on with; the clock may have been set back meanwhile.

    Whether they were delivered before the process ended is not known, so all are told again at the first occasion.
    """
    return {alert.labels: shifted(alert, -set_back)._replace(last_sent_at=None) for alert in alerts}


def after_pause(
    alerts: Alerts, last: Moment, at: Moment, interval: Duration, policy: AfterPause
) -> list[RuleAlertState]:
    """The pending alerts that the pause between two evaluations makes others; one without missed slots is none."""
    pause = at - last - interval
    if pause <= 0 or policy is AfterPause.COUNT:
        return []
    return [
        alert._replace(active_at=at if policy is AfterPause.RESET else alert.active_at + pause)
        for alert in alerts.values()
        if alert.state is AlertState.PENDING
    ]


class FormerAlert(NamedTuple):
    """What ``ALERTS_FOR_STATE`` tells of an alert: since when it was active, and when that was written last."""

    active_at: Moment
    seen_at: Moment


def active_since(former: FormerAlert, now: Moment, hold: Duration, grace: Duration) -> Moment:
    """Since when an alert counts as active that was so before a restart, by Prometheus's arithmetic."""
    remaining = hold - (former.seen_at - former.active_at)
    if remaining <= 0:
        return former.active_at
    if remaining < grace:
        return now + grace - hold
    return former.active_at + (now - former.seen_at)


class Lookup(NamedTuple):
    """The two queries that read former alerts back: since when they were active, and when that was written."""

    active_at: str
    seen_at: str
    params: Mapping[str, tuple[str, ...]]


def lookup(rule: AlertingRule, tolerance: Duration, dialect: Dialect) -> Lookup:
    """How to ask the backend for the former alerts of a rule.

    Stale series must be absent, or what was resolved comes back: so no ``last_over_time``.
    """
    fixed = {name: text.text for name, text in rule.labels.items() if "{{" not in text.text}
    matchers = dict(sorted({**fixed, "alertname": rule.name}.items()))
    selector = (
        "ALERTS_FOR_STATE{" + ",".join(f"{name}={quote(text)}" for name, text in matchers.items()) + "}"
    )
    seconds = max(1, tolerance // SECOND)
    if dialect is Dialect.METRICSQL:
        window = f"{selector}[{seconds}s]"
        return Lookup(f"default_rollup({window})", f"tlast_over_time({window})", {})
    return Lookup(selector, f"timestamp({selector})", {"lookback_delta": (f"{seconds}s",)})


def former_alerts(
    active_at: Iterable[Sample], seen_at: Iterable[Sample], external_labels: Mapping[str, str]
) -> dict[Labels, FormerAlert]:
    """The answers to both queries, by the labels of the alerts, with those that were added when they were written and without."""
    seen = {_labels(sample): sample.value for sample in seen_at}
    found = {}
    for sample in active_at:
        labels = _labels(sample)
        written = seen.get(labels)
        if isinstance(sample.value, float) and isinstance(written, float):
            # The value is cut to whole seconds.
            found[labels] = former = FormerAlert(int(sample.value) * SECOND, round(written * SECOND))
            own = [(name, text) for name, text in labels.items() if external_labels.get(name) != text]
            found.setdefault(Labels.in_order(own), former)
    return found


def _labels(sample: Sample) -> Labels:
    return Labels({name: value for name, value in sample.labels.items() if name != NAME})
