"""What is remembered of the alerts of a rule between two evaluations (`rules.md` 2.6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from alertrouter.core.labels import Labels  # noqa: TC001 - a named tuple's annotations are looked at
from alertrouter.core.time import Moment  # noqa: TC001 - the same


class AlertState(StrEnum):
    """What an alert of a rule is. An inactive one is there no longer, or is resolved."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class RuleAlertState(NamedTuple):
    """One alert of a rule, as the last evaluation left it. Moments are those of evaluations.

    ``labels`` are who the alert is. ``annotations`` and ``value`` are those of the last evaluation that saw the series;
    a native histogram is a text. ``keep_firing_since``: the series is gone and the alert is kept for a while.
    """

    labels: Labels
    annotations: Labels
    value: float | str
    state: AlertState
    active_at: Moment
    fired_at: Moment | None = None
    keep_firing_since: Moment | None = None
    resolved_at: Moment | None = None
    last_sent_at: Moment | None = None


class StoredRuleAlert(NamedTuple):
    """An alert, and the identity of the rule it belongs to."""

    rule: int
    alert: RuleAlertState


class EvaluatedGroup(NamedTuple):
    """When a group of rules was evaluated last, whether its queries were answered or not."""

    key: str
    at: Moment


@dataclass(slots=True)
class RuleChanges:
    """What one evaluation of a group changed, to be written together. What is both written and removed is removed."""

    alerts: list[StoredRuleAlert] = field(default_factory=list)
    removed_alerts: list[tuple[int, Labels]] = field(default_factory=list)
    groups: list[EvaluatedGroup] = field(default_factory=list)
    removed_groups: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.alerts or self.removed_alerts or self.groups or self.removed_groups)
