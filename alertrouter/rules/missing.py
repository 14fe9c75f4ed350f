"""What becomes of an alert that fires when its data are gone, so that nobody knows whether it is over (`rules.md` 9, 2).

Pure: values in, values out.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from alertrouter.core.labels import Labels
from alertrouter.core.rule_state import AlertState
from alertrouter.core.time import DAY
from alertrouter.promql.errors import PromqlError
from alertrouter.promql.presence import presence
from alertrouter.rules.missing_policy import MissingPolicy, Presence
from alertrouter.rules.state import Seen, Terms, Turn, evaluate

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from alertrouter.core.time import Duration, Moment
    from alertrouter.rules.state import Alerts

#: The name of the alert that says that the data of another are gone.
DATA_MISSING: Final = "RuleDataMissing"
#: In it, the name of the rule whose alert has lost its data.
RULE_NAME: Final = "rule_name"
#: Then it is over, whether the data are back or not: who wanted to know knows.
LONGEST_MISSING: Final = DAY


@lru_cache(maxsize=4096)
def presence_of(expression: str) -> Presence:
    """How it is found out for the rule with this expression."""
    try:
        found = presence(expression)
    except PromqlError:
        return Presence("")
    return Presence(found or "", asks_for_absence=found is None)


def lost(alerts: Alerts, seen: Collection[Labels], name: str) -> list[Labels]:
    """The alerts of the rule called ``name`` that fire and were not seen, before anybody asked for the reason."""
    return [
        labels
        for labels, alert in alerts.items()
        if alert.state is AlertState.FIRING and labels not in seen and not stands_in(labels, name)
    ]


def stands_in(labels: Labels, name: str) -> bool:
    """Whether an alert of the rule called ``name`` says that the data of another of its alerts are gone."""
    return labels["alertname"] != name and RULE_NAME in labels


def stand_in(labels: Labels) -> Labels:
    """The alert that says that the data of this one are gone."""
    return Labels({**labels, "alertname": DATA_MISSING, RULE_NAME: labels["alertname"]})


def evaluate_with(
    before: Alerts,
    seen: Mapping[Labels, Seen],
    at: Moment,
    terms: Terms,
    *,
    name: str,
    policy: MissingPolicy,
    keep: Duration,
    with_data: Collection[Labels] | None,
) -> Turn:
    """One evaluation of a rule that has a policy. Raises LimitError.

    ``with_data`` are the alerts whose data are there; None when that cannot be found out, which keeps an alert whatever the
    policy is. ``keep`` is for how long.
    """
    own = {labels: alert for labels, alert in before.items() if not stands_in(labels, name)}
    without = {labels for labels in lost(own, seen, name) if with_data is None or labels not in with_data}
    if policy is MissingPolicy.KEEP or with_data is None:
        turn = evaluate(own, seen, at, terms, kept=without, keep=keep)
    else:
        turn = evaluate(own, seen, at, terms)
    told: dict[Labels, Seen] = {}
    if policy is MissingPolicy.ALERT:
        back = {stand_in(labels) for labels in (*seen, *(with_data or ()))}
        told = {
            labels: Seen(alert.annotations, alert.value)
            for labels, alert in before.items()
            if labels not in own
            and alert.state is not AlertState.RESOLVED
            and labels not in back
            and at - alert.active_at < LONGEST_MISSING
        }
        if with_data is not None:
            told |= {stand_in(labels): _about(labels, own) for labels in without}
    others = {labels: alert for labels, alert in before.items() if labels not in own}
    if told or others:
        at_once = Terms(hold=0, keep_firing=0, limit=0, resend_delay=terms.resend_delay)
        turn.add(evaluate(others, told, at, at_once))
    return turn


def _about(labels: Labels, alerts: Alerts) -> Seen:
    who = ", ".join(f"{name}={text}" for name, text in labels.items() if name != "alertname")
    about = {
        "description": f"{labels['alertname']} was firing{f' for {who}' if who else ''} when the series that it is about "
        "ended, so it counts as resolved, and nobody knows whether it is. This alert ends when they are back, or after a day.",
        "summary": f"The data of {labels['alertname']} are gone while it was firing",
    }
    runbook = alerts[labels].annotations.get("runbook_url")
    return Seen(Labels({**about, **({"runbook_url": runbook} if runbook else {})}), alerts[labels].value)
