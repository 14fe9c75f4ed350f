"""The samples that an evaluation writes: recorded series, ``ALERTS``, ``ALERTS_FOR_STATE``, and ends (`rules.md` 2.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alertrouter.core.labels import Labels
from alertrouter.core.rule_state import AlertState
from alertrouter.core.time import SECOND
from alertrouter.rules.ports import STALE, Point

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from alertrouter.core.time import Moment
    from alertrouter.rules.model import RecordingRule
    from alertrouter.rules.state import Alerts
    from alertrouter.templating.rule_functions import Sample

NAME: Final = "__name__"


class SameLabelsError(Exception):
    """Two samples of an answer end up with the same labels."""


#: What a label is called whose place another took, where both are kept.
EXPORTED: Final = "exported_"


def recorded(
    rule: RecordingRule, samples: Sequence[Sample], external_labels: Mapping[str, str] | None = None
) -> dict[Labels, float]:
    """The series that a recording rule makes of an answer. Raises SameLabelsError.

    With ``external_labels`` as vmalert makes them: they are labels of the rule, and what those take the place of is kept.
    A native histogram cannot be written as it was, for the query API does not tell its schema: it is left out.
    """
    added = rule.labels if external_labels is None else {**external_labels, **rule.labels}
    made: dict[Labels, float] = {}
    count = 0
    for sample in samples:
        value = sample.value
        if not isinstance(value, (int, float)):
            continue
        count += 1
        pairs = {**sample.labels, **added, NAME: rule.name}
        if external_labels is not None:
            pairs |= replaced(sample.labels, added)
        made[Labels({name: text for name, text in pairs.items() if text})] = value
    if len(made) < count:
        raise SameLabelsError("vector contains metrics with the same labelset after applying rule labels")
    return made


def replaced(labels: Mapping[str, str], by: Mapping[str, str]) -> dict[str, str]:
    """Those of the labels that others take the place of, under the names by which vmalert keeps them."""
    return {
        EXPORTED + name: labels[name] for name, text in by.items() if text and labels.get(name, text) != text
    }


def recorded_points(made: dict[Labels, float], before: Iterable[Labels], at: Moment) -> list[Point]:
    """What is written for recorded series, and the end of those of the last evaluation that are gone."""
    points = [Point(labels, at, value) for labels, value in made.items()]
    points += [Point(labels, at, STALE) for labels in before if labels not in made]
    return points


def alert_series(alerts: Alerts) -> dict[Labels, float]:
    """``ALERTS`` and ``ALERTS_FOR_STATE`` of every alert that is pending or firing."""
    made: dict[Labels, float] = {}
    for alert in alerts.values():
        if alert.state is not AlertState.RESOLVED:
            labels = alert.labels
            made[Labels({**labels, NAME: "ALERTS", "alertstate": alert.state.value})] = 1.0
            made[Labels({**labels, NAME: "ALERTS_FOR_STATE"})] = float(alert.active_at // SECOND)
    return made
