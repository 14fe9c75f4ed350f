"""The one alert that no rule makes: that rules cannot be evaluated, because the backend does not answer (`rules.md` 2.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alertrouter.core.labels import Labels
from alertrouter.rules.state import Seen, Terms, evaluate, to_send, validity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.core.time import Duration, Moment
    from alertrouter.rules.model import RuleGroup
    from alertrouter.rules.options import Options
    from alertrouter.rules.ports import RuleAlert
    from alertrouter.rules.state import Alerts

#: Its name.
BLIND: Final = "RuleBackendDown"


class Blindness:
    """Whether the rules of a group are evaluated at all. It has the states and the timing of any other alert."""

    def __init__(self, group: RuleGroup, interval: Duration, options: Options) -> None:
        self._labels = Labels({"alertname": BLIND, "rule_group": group.key})
        self._link = options.external_url
        self._validity = validity(interval, options.resend_delay)
        self._alerts: Alerts = {}
        self._terms = Terms(
            hold=options.longest_blindness, keep_firing=0, limit=0, resend_delay=options.resend_delay
        )

    def evaluated(self, at: Moment, error: str) -> Sequence[RuleAlert]:
        """What must be told after an iteration; ``error`` is why no rule of it was answered, empty if one was."""
        if not error and not self._alerts:
            return ()
        annotations = Labels(
            {
                "description": f"What fires is kept firing for an hour, and nothing new is found. {error}",
                "summary": "Alerting rules cannot be evaluated: the backend does not answer",
            }
        )
        made = evaluate(
            self._alerts, {self._labels: Seen(annotations, 1.0)} if error else {}, at, self._terms
        )
        self._alerts = made.alerts
        return [to_send(alert, at, self._validity, self._link) for alert in made.send]
