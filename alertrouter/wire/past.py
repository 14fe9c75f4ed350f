"""History as the API shows it: lines of each kind, and pages of them. The OpenAPI description is made from these types."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

Line = TypeVar("Line")


class Shape(msgspec.Struct, kw_only=True, rename="camel"):
    """What all have in common. Times are texts in RFC 3339."""


class Page(Shape, Generic[Line]):
    """Lines, newest first. ``older`` is the ``before`` of the next page, null when there is none; a page may have fewer
    lines than asked for, even none, and more to come."""

    lines: list[Line]
    older: str | None


class AlertLine(Shape):
    """What became of an alert. ``kind``: fired, changed, resolved, expired or collected (forgotten)."""

    at: str
    kind: str
    fingerprint: str
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: str
    ends_at: str | None


class Members(Shape):
    """Alerts of a notification: how many, and the labels of a hundred of them at most."""

    count: int
    labels: list[dict[str, str]]


class Muted(Shape):
    """An alert that was kept back, and by what: silence:ID, inhibition:RULE:FINGERPRINT, interval:NAME."""

    labels: dict[str, str]
    by: list[str]


class LeftOut(Shape):
    """An alert of which nothing was said although nothing kept it back, and why: as a ``whyNot``."""

    labels: dict[str, str]
    why: str


class Attempt(Shape):
    """One attempt to send. ``error`` is empty when it went through."""

    number: int
    started_at: str
    seconds: float
    error: str
    reason: str


class NotificationLine(Shape):
    """What a flush decided for one integration. ``outcome``: sent, logged, not sent or failed.

    ``reason`` says why something was due, ``whyNot`` why nothing was sent; ``failure`` is the kind of ``error``.
    ``muted`` and ``leftOut`` have a hundred alerts at most, the counts count them all. Where nothing was due, ``muted`` and
    ``leftOut`` name those of whom something else is true than before.
    """

    at: str
    outcome: str
    reason: str
    why_not: str
    receiver: str
    integration: str
    group_labels: dict[str, str]
    group_key: str
    flushed_at: str
    flush_number: int
    firing: Members
    resolved: Members
    muted: list[Muted]
    muted_count: int
    left_out: list[LeftOut]
    left_out_count: int
    attempts: list[Attempt]
    error: str
    failure: str
    possible_duplicate: bool


class AttemptLine(Attempt):
    """An attempt, and what it was for. ``at`` is when it began."""

    at: str
    receiver: str
    integration: str
    group_labels: dict[str, str]
    flushed_at: str


class SilenceLine(Shape):
    """What was done to a silence, and what it was then. ``action``: created, updated, expired or imported."""

    at: str
    action: str
    id: str
    matchers: list[list[str]]
    starts_at: str
    ends_at: str
    created_by: str
    comment: str
    annotations: dict[str, str]


class ReloadLine(Shape):
    """A configuration came into force; its text has no secrets."""

    at: str
    hash: str
    config: str


class ActionLine(Shape):
    """What somebody did. ``author`` and ``address`` are empty where they are not known."""

    at: str
    action: str
    subject: str
    author: str
    address: str
    outcome: str
