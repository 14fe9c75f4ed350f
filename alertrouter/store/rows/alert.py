"""Alerts and what became of them, to rows and back."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

from alertrouter.core.alert import Alert
from alertrouter.core.labels import Labels
from alertrouter.engine.changes import AlertTransition, MovedEnd, Transition
from alertrouter.store.rows.columns import (
    BadRowError,
    Row,
    json_text,
    label_pairs,
    member,
    plain,
    signed,
    to_pairs,
    unsigned,
)
from alertrouter.wire import share_texts, shared_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.core.time import Moment
    from alertrouter.store.backlog import Deferred

# Alerts that were posted together have their moments in common.
_MOST_MOMENTS = 10_000


def alert_row(alert: Alert) -> Row:
    """``alerts``."""
    return (
        signed(alert.labels.identity),
        json_text(alert.labels),
        json_text(alert.annotations),
        alert.starts_at,
        alert.ends_at,
        alert.updated_at,
        plain(alert.generator_url),
        alert.timeout,
        alert.starts_offset,
        alert.ends_offset,
    )


def deferred_transition_rows(request: Deferred) -> list[Row]:
    """``alert_transitions`` of a request that was put off, with the numbers."""
    at = request.at
    fired, resolved = Transition.FIRED.value, Transition.RESOLVED.value
    return [
        (number, at, signed(labels.identity), fired if ends_at > at else resolved, starts_at, ends_at, None)
        for number, (labels, starts_at, ends_at) in enumerate(
            zip(request.labels, request.starts_at, request.ends_at, strict=True), start=request.number
        )
    ]


def deferred_alert_rows(request: Deferred) -> list[Row]:
    """``alerts`` of a request that was put off."""
    _, at, _, labels, _, _, starts_at, ends_at, urls, *more = request
    return list(
        zip(
            [signed(each.identity) for each in labels],
            map(json_text, labels),
            map(json_text, request.annotations),
            starts_at,
            ends_at,
            repeat(at, len(labels)),
            map(plain, urls),
            *more,
            strict=True,
        )
    )


class AlertReader:
    """Makes alerts of rows; equal texts and moments become one object, as thousands of alerts share most of theirs."""

    def __init__(self) -> None:
        self._moments: dict[Moment, Moment] = {}

    def alert(self, row: Sequence[Any], end: Sequence[Any] | None = None) -> Alert:
        """Of a row of ``alerts``, with the row of ``alert_ends`` if there is one. Raises BadRowError."""
        (
            identity,
            labels,
            annotations,
            starts_at,
            ends_at,
            updated_at,
            url,
            timeout,
            starts_offset,
            ends_offset,
        ) = row
        if end is not None:
            _, ends_at, updated_at, timeout, ends_offset = end
        if not (
            isinstance(starts_at, int)
            and (ends_at is None or isinstance(ends_at, int))
            and isinstance(updated_at, int)
            and isinstance(starts_offset, int)
            and isinstance(ends_offset, int)
            and isinstance(url, str)
        ):
            raise BadRowError("a moment, an offset or the generator URL is none")
        return Alert(
            labels=self.labels(labels, identity),
            annotations=self.pairs(annotations),
            starts_at=self._one(starts_at),
            ends_at=None if ends_at is None else self._one(ends_at),
            updated_at=self._one(updated_at),
            generator_url=shared_text(url),
            timeout=bool(timeout),
            starts_offset=starts_offset,
            ends_offset=ends_offset,
        )

    def _one(self, moment: Moment) -> Moment:
        if len(self._moments) >= _MOST_MOMENTS:
            self._moments.clear()
        return self._moments.setdefault(moment, moment)

    def labels(self, stored: str, identity: int) -> Labels:
        """Labels as stored, which must be those that have this identity."""
        labels = self.pairs(stored)
        if labels.identity != unsigned(identity):
            raise BadRowError("the labels are not those of the alert's identity")
        return labels

    def pairs(self, stored: str) -> Labels:
        """A JSON object of texts, each text one object. Raises BadRowError."""
        pairs = label_pairs(stored)
        share_texts(pairs)
        # They were written in order.
        return Labels.in_order(pairs)


def end_row(alert: Alert | MovedEnd) -> Row:
    """``alert_ends``."""
    return (
        signed(alert.labels.identity),
        alert.ends_at,
        alert.updated_at,
        alert.timeout,
        alert.ends_offset,
    )


def transition_row(transition: AlertTransition) -> Row:
    """``alert_transitions`` without the number."""
    alert = transition.alert
    replaced = transition.replaced
    if transition.kind is Transition.COLLECTED:
        # The alert's row is deleted now, and with it the annotations.
        replaced = alert.annotations
    return (
        transition.at,
        signed(alert.labels.identity),
        transition.kind.value,
        alert.starts_at,
        alert.ends_at,
        None if replaced is None else json_text(replaced),
    )


def to_transition(row: Sequence[Any], labels: str | None, annotations: str | None) -> AlertTransition:
    """Of a row of ``alert_transitions`` and the texts it refers to. Raises BadRowError."""
    at, identity, kind, starts_at, ends_at, replaced = row
    reader = AlertReader()
    if kind == Transition.COLLECTED:
        # With the alert its annotations went; see ``transition_row``.
        annotations, replaced = replaced, None
    return AlertTransition(
        at=at,
        kind=Transition(kind),
        alert=Alert(
            labels=Labels() if labels is None else reader.labels(labels, identity),
            annotations=to_pairs(annotations),
            starts_at=starts_at,
            ends_at=ends_at,
            updated_at=at,
        ),
        replaced=None if replaced is None else to_pairs(replaced),
    )


def to_bare_transition(row: Sequence[Any], labels: Labels) -> AlertTransition:
    """Of a row of ``alert_transitions`` without the number, for who does not ask for annotations."""
    at, _, kind, starts_at, ends_at = row[:5]
    return AlertTransition(
        at=at,
        kind=member(_TRANSITIONS, kind),
        alert=Alert(
            labels=labels, annotations=_NO_PAIRS, starts_at=starts_at, ends_at=ends_at, updated_at=at
        ),
    )


_NO_PAIRS = Labels()
_TRANSITIONS = {each.value: each for each in Transition}
