"""The alerts of our own rules, and the groups of these, to rows and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xxhash

from alertrouter.core.rule_state import AlertState, EvaluatedGroup, RuleAlertState, StoredRuleAlert
from alertrouter.store.rows.columns import BadRowError, Row, json_text, plain, signed, unsigned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.core.labels import Labels
    from alertrouter.store.rows.alert import AlertReader


def rule_alert_id(rule: int, labels: Labels) -> int:
    """The key of the row of an alert of a rule."""
    return signed(xxhash.xxh64_intdigest(f"{labels.identity:x}\0{rule:x}".encode()))


def rule_alert_row(stored: StoredRuleAlert) -> Row:
    """``rule_alerts``."""
    rule, alert = stored
    return (
        rule_alert_id(rule, alert.labels),
        signed(rule),
        json_text(alert.labels),
        json_text(alert.annotations),
        plain(alert.value) if isinstance(alert.value, str) else repr(alert.value),
        alert.state.value,
        alert.active_at,
        alert.fired_at,
        alert.keep_firing_since,
        alert.resolved_at,
        alert.last_sent_at,
    )


def to_rule_alert(row: Sequence[Any], reader: AlertReader) -> StoredRuleAlert:
    """Of a row of ``rule_alerts``. Raises BadRowError."""
    key, rule, labels, annotations, value, state, *moments = row
    active_at, *others = moments
    if not (
        isinstance(rule, int)
        and isinstance(active_at, int)
        and all(each is None or isinstance(each, int) for each in others)
    ):
        raise BadRowError("the rule or a moment is none")
    try:
        alert = RuleAlertState(
            reader.pairs(labels), reader.pairs(annotations), _to_value(value), AlertState(state), *moments
        )
    except ValueError as error:
        raise BadRowError(str(error)) from None
    if rule_alert_id(unsigned(rule), alert.labels) != key:
        raise BadRowError("the row is not under the alert's key")
    return StoredRuleAlert(unsigned(rule), alert)


def _to_value(stored: str) -> float | str:
    try:
        return float(stored)
    except ValueError:
        return stored


def rule_group_id(key: str) -> int:
    """The key of the row of a group of rules."""
    return signed(xxhash.xxh64_intdigest(plain(key).encode()))


def rule_group_row(group: EvaluatedGroup) -> Row:
    """``rule_groups``."""
    return (rule_group_id(group.key), plain(group.key), group.at)


def to_rule_group(row: Sequence[Any]) -> EvaluatedGroup:
    """Of a row of ``rule_groups``. Raises BadRowError."""
    key, name, evaluated_at = row
    if not (isinstance(name, str) and isinstance(evaluated_at, int)) or rule_group_id(name) != key:
        raise BadRowError("the row is not under the key of its group")
    return EvaluatedGroup(name, evaluated_at)
