"""The state machine of an alerting rule: what an evaluation makes of the alerts that were there (`rules.md` 2.6, 2.12).

Pure: values in, values out, and the moment of the evaluation is a parameter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from sys import intern
from typing import TYPE_CHECKING, Final, NamedTuple

from alertrouter.core.labels import Labels
from alertrouter.core.rule_state import AlertState, RuleAlertState
from alertrouter.core.time import MINUTE
from alertrouter.rules.ports import RuleAlert

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from alertrouter.core.time import Duration, Moment

#: For how long a resolved alert is remembered, and told again.
RESOLVED_RETENTION: Final = 15 * MINUTE

_PENDING, _FIRING, _RESOLVED = AlertState.PENDING, AlertState.FIRING, AlertState.RESOLVED

Alerts = dict[Labels, RuleAlertState]


class Seen(NamedTuple):
    """What an evaluation found out about one alert."""

    annotations: Labels
    value: float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a rule asks of its alerts. ``hold`` is ``for``; a ``limit`` of 0 or less is none."""

    hold: Duration
    keep_firing: Duration
    limit: int
    resend_delay: Duration


class LimitError(Exception):
    """A rule has more alerts than its group allows: all of them are forgotten."""


@dataclass(slots=True)
class Turn:
    """What an evaluation made of a rule's alerts.

    ``alerts`` are all that are remembered now, ``send`` those that must be told. ``changed`` must be stored: more than
    annotations and value differs from before. ``removed`` are forgotten.
    """

    alerts: Alerts = field(default_factory=dict)
    send: list[RuleAlertState] = field(default_factory=list)
    changed: list[RuleAlertState] = field(default_factory=list)
    removed: list[Labels] = field(default_factory=list)

    def add(self, other: Turn) -> None:
        """Take in what was made of other alerts of the same rule."""
        self.alerts |= other.alerts
        self.send += other.send
        self.changed += other.changed
        self.removed += other.removed


def evaluate(
    before: Alerts,
    seen: Mapping[Labels, Seen],
    at: Moment,
    terms: Terms,
    *,
    complete: bool = True,
    kept: Collection[Labels] = (),
    keep: Duration = 0,
) -> Turn:
    """One evaluation. With an answer that is not ``complete``, an alert that is not in it stays as it is.

    Those that are ``kept`` have ``keep`` for their ``keep_firing_for`` if that is longer. Raises LimitError.
    """
    turn = Turn()
    after = turn.alerts
    active = 0
    for labels, known in before.items():
        found = seen.get(labels)
        if found is not None:
            if known.state is _RESOLVED:
                # The end is forgotten; the alert begins anew and keeps its place.
                alert = RuleAlertState(known.labels, found.annotations, found.value, _PENDING, at)
            else:
                alert = _refreshed(known, found)
            alert = _moved_on(alert, at, terms.hold)
        elif not complete and known.state is not _RESOLVED:
            alert = known
        else:
            longest = max(terms.keep_firing, keep) if kept and labels in kept else terms.keep_firing
            missed = _missed(known, at, longest)
            if missed is None:
                turn.removed.append(labels)
                continue
            alert = _moved_on(missed, at, terms.hold)
        active += alert.state is not _RESOLVED
        after[labels] = alert
    for labels, found in seen.items():
        if labels not in before:
            active += 1
            labels = _shared(labels)  # noqa: PLW2901 - equal to what it replaces
            alert = RuleAlertState(labels, found.annotations, found.value, _PENDING, at)
            after[labels] = _moved_on(alert, at, terms.hold)
    if 0 < terms.limit < active:
        raise LimitError(f"exceeded limit of {terms.limit} with {active} alerts")
    _settle(turn, before, at, terms.resend_delay)
    return turn


def resend(before: Alerts, at: Moment, resend_delay: Duration) -> Turn:
    """No evaluation, because the query failed: everything stays, and who is due is told again."""
    turn = Turn(alerts=dict(before))
    _settle(turn, before, at, resend_delay)
    return turn


def _shared(labels: Labels) -> Labels:
    """The same labels, made of texts that other alerts have too: every answer brings its own."""
    return Labels.in_order([(intern(name), intern(value)) for name, value in labels.items()])


def _settle(turn: Turn, before: Alerts, at: Moment, resend_delay: Duration) -> None:
    """Find out who must be told, and what must be stored."""
    after = turn.alerts
    for labels, alert in after.items():
        if alert.state is not _PENDING and _is_due(alert, at, resend_delay):
            told = after[labels] = alert._replace(last_sent_at=at)
            turn.send.append(told)
            turn.changed.append(told)
        else:
            known = before.get(labels)
            if known is not alert and (known is None or known[3:] != alert[3:]):
                turn.changed.append(alert)


def _refreshed(alert: RuleAlertState, found: Seen) -> RuleAlertState:
    if (
        alert.annotations is found.annotations
        and alert.value == found.value
        and alert.keep_firing_since is None
    ):
        return alert
    return alert._replace(annotations=found.annotations, value=found.value, keep_firing_since=None)


def _missed(alert: RuleAlertState, at: Moment, keep_firing: Duration) -> RuleAlertState | None:
    """The alert after an evaluation that did not see it; None when it is forgotten."""
    if alert.state is _PENDING:
        return None
    if alert.state is _RESOLVED:
        assert alert.resolved_at is not None
        return None if at - alert.resolved_at > RESOLVED_RETENTION else alert
    if keep_firing > 0:
        since = at if alert.keep_firing_since is None else alert.keep_firing_since
        if at - since < keep_firing:
            return alert if since == alert.keep_firing_since else alert._replace(keep_firing_since=since)
    return resolved(alert, at)


def _moved_on(alert: RuleAlertState, at: Moment, hold: Duration) -> RuleAlertState:
    """From pending to firing, or back when the rule was changed to wait longer."""
    if alert.state is _PENDING:
        if at - alert.active_at >= hold:
            return alert._replace(state=_FIRING, fired_at=at)
    elif alert.state is _FIRING and at - alert.active_at < hold:
        return alert._replace(state=_PENDING, fired_at=None, last_sent_at=None, keep_firing_since=None)
    return alert


def _is_due(alert: RuleAlertState, at: Moment, resend_delay: Duration) -> bool:
    sent_at = alert.last_sent_at
    if sent_at is None:
        return True
    if alert.resolved_at is not None and alert.resolved_at > sent_at:
        return True
    # Compat: an alert that was told exactly the delay ago is not due, so that one minute means every two.
    return sent_at + resend_delay < at


def resolved(alert: RuleAlertState, at: Moment) -> RuleAlertState:
    """The alert, over since this moment."""
    return alert._replace(state=_RESOLVED, resolved_at=at)


def shifted(alert: RuleAlertState, by: Duration) -> RuleAlertState:
    """The alert after the clock was set by so much: what lasted two minutes still has."""
    return alert._replace(
        active_at=alert.active_at + by,
        fired_at=None if alert.fired_at is None else alert.fired_at + by,
        keep_firing_since=None if alert.keep_firing_since is None else alert.keep_firing_since + by,
        resolved_at=None if alert.resolved_at is None else alert.resolved_at + by,
        last_sent_at=None if alert.last_sent_at is None else alert.last_sent_at + by,
    )


def state_of(alerts: Iterable[RuleAlertState]) -> AlertState | None:
    """The highest state of a rule's alerts; None when it is inactive."""
    highest = None
    for alert in alerts:
        if alert.state is _FIRING:
            return _FIRING
        if alert.state is _PENDING:
            highest = _PENDING
    return highest


def to_send(alert: RuleAlertState, at: Moment, validity: Duration, generator_url: str) -> RuleAlert:
    """What is told of an alert that is not pending; a firing one is said to end if no more is heard of it."""
    assert alert.fired_at is not None
    return RuleAlert(
        labels=alert.labels,
        annotations=alert.annotations,
        starts_at=alert.fired_at,
        ends_at=at + validity if alert.resolved_at is None else alert.resolved_at,
        generator_url=generator_url,
    )


def validity(interval: Duration, resend_delay: Duration) -> Duration:
    """For how long a firing alert holds when nothing more is heard of it."""
    return 4 * max(interval, resend_delay)
