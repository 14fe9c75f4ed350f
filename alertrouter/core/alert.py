"""An alert, and how a newer report of it is merged with what is known."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

from alertrouter.core.matcher_syntax import Mode, is_valid_label_name
from alertrouter.core.value import value_class

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.core.labels import Labels
    from alertrouter.core.time import Moment


class Status(StrEnum):
    """Whether an alert, or a message about several, says that something is wrong."""

    FIRING = "firing"
    RESOLVED = "resolved"


@value_class(frozen=True, slots=True)
class Alert:
    """What a client reported of one label set. To name no fields makes one in half the time.

    The annotations are in the order of their names, too. ``ends_at`` is None only in a message, where the end of a firing alert is unknown. ``timeout`` says
    that nobody gave the end: it was set from the resolve timeout. The offsets are the zones, in
    seconds east of UTC, in which the times were posted; only for showing them.
    """

    labels: Labels
    annotations: Mapping[str, str]
    starts_at: Moment
    ends_at: Moment | None
    updated_at: Moment
    generator_url: str = ""
    timeout: bool = False
    starts_offset: int = 0
    ends_offset: int = 0

    def resolved(self, now: Moment) -> bool:
        """An end that is reached counts: an alert that ends now is resolved now."""
        return self.ends_at is not None and self.ends_at <= now

    def status(self, now: Moment) -> Status:
        """Firing or resolved at this moment."""
        return Status.RESOLVED if self.resolved(now) else Status.FIRING


def problem_with(alert: Alert, mode: Mode) -> str | None:
    """Why this alert cannot be taken in; None when it can (`semantics.md` 1.2)."""
    if alert.ends_at is not None and alert.ends_at < alert.starts_at:
        return "start time must be before end time"
    if not alert.labels:
        return "at least one label pair required"
    return _bad_pair(alert.labels, mode, "invalid label set") or _bad_pair(
        alert.annotations, mode, "invalid annotations"
    )


def _bad_pair(pairs: Mapping[str, str], mode: Mode, what: str) -> str | None:
    for name, value in pairs.items():
        if not is_valid_label_name(name, mode):
            return f'{what}: invalid name "{name}"'
        if not _is_utf8(value):
            return f'{what}: invalid value "{value}"'
    return None


def _is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def merge(known: Alert, newer: Alert, now: Moment) -> Alert:
    """The alert after a newer report of it (`semantics.md` 1.4); ``known`` itself to ignore the report.

    Reports whose ranges do not overlap replace what is known; overlapping ones are merged.
    """
    assert known.ends_at is not None
    assert newer.ends_at is not None
    if newer.ends_at <= known.starts_at and known.ends_at > now and newer.ends_at <= now:
        # D9: a late resolve of the previous episode says nothing about this one.
        return known
    overlap = (known.starts_at < newer.ends_at < known.ends_at) or (
        known.starts_at < newer.starts_at < known.ends_at
    )
    if not overlap:
        return newer
    ends_at, offset = newer.ends_at, newer.ends_offset
    if known.ends_at > newer.ends_at and (
        known.ends_at <= now if newer.ends_at <= now else not known.timeout
    ):
        ends_at, offset = known.ends_at, known.ends_offset
    if known.starts_at < newer.starts_at:
        return replace(
            newer,
            starts_at=known.starts_at,
            starts_offset=known.starts_offset,
            ends_at=ends_at,
            ends_offset=offset,
        )
    return replace(newer, ends_at=ends_at, ends_offset=offset)
