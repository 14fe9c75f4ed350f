"""Silences: their states, what makes one valid, and which edits keep its identity."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from alertrouter.core.matcher import MatchType
from alertrouter.core.matcher_syntax import Mode, is_valid_label_name
from alertrouter.core.time import SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alertrouter.core.matcher import Matchers
    from alertrouter.core.time import Moment


class SilenceState(StrEnum):
    """Where a silence stands at a moment."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


class InvalidSilence(ValueError):  # noqa: N818 - the field's words are the better name
    """The silence cannot be stored; the text says why."""


class SilenceNotFound(LookupError):  # noqa: N818 - likewise
    """There is no silence with this id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Muted by a person, for a time.

    Covers an alert that all matchers of any one of the ``matcher_sets`` match. ``id`` is empty for one that
    is not stored yet.
    """

    id: str = ""
    matcher_sets: Sequence[Matchers]
    starts_at: Moment
    ends_at: Moment
    updated_at: Moment = 0
    created_by: str = ""
    comment: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)

    def state(self, now: Moment) -> SilenceState:
        """The state that mutes: both ends belong to the active time."""
        if now < self.starts_at:
            return SilenceState.PENDING
        return SilenceState.EXPIRED if now > self.ends_at else SilenceState.ACTIVE

    def shown_state(self, now: Moment) -> SilenceState:
        """The state that the API shows: the end does not belong to the active time."""
        if now < self.starts_at:
            return SilenceState.PENDING
        return SilenceState.ACTIVE if now < self.ends_at else SilenceState.EXPIRED

    def covers(self, labels: Mapping[str, str]) -> bool:
        """Whether the matchers fit these labels, whatever the time."""
        return any(matchers.match(labels) for matchers in self.matcher_sets)

    def expired_at(self, now: Moment) -> Silence:
        """This silence ended now; unchanged when it is over already."""
        state = self.state(now)
        if state is SilenceState.EXPIRED:
            return self
        starts_at = now if state is SilenceState.PENDING else self.starts_at
        return replace(self, starts_at=starts_at, ends_at=now, updated_at=now)


def check(silence: Silence, mode: Mode) -> None:
    """Raise ``InvalidSilence`` unless this can be stored (`semantics.md` 6.3, store layer)."""
    if not silence.matcher_sets:
        raise InvalidSilence("invalid silence: at least one matcher set required")
    for index, matchers in enumerate(silence.matcher_sets):
        if not matchers:
            raise InvalidSilence(f"invalid silence: matcher set {index}: at least one matcher required")
        for place, matcher in enumerate(matchers):
            where = f"invalid silence: invalid label matcher {place} in set {index}"
            if not is_valid_label_name(matcher.name, mode):
                raise InvalidSilence(f'{where}: invalid label name "{matcher.name}"')
            if not _is_utf8(matcher.value):
                raise InvalidSilence(f'{where}: invalid label value "{matcher.value}"')
        if all(
            matcher.type in {MatchType.EQUAL, MatchType.REGEX} and matcher.matches("") for matcher in matchers
        ):
            raise InvalidSilence(
                f"invalid silence: matcher set {index}: at least one matcher must not match the empty string"
            )
    if silence.ends_at < silence.starts_at:
        raise InvalidSilence("invalid silence: end time must not be before start time")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def may_update(previous: Silence, proposed: Silence, now: Moment) -> bool:
    """Whether the proposed edit keeps the identity of the silence (`semantics.md` 6.4).

    If not, the edit makes a successor and the previous one stays as history.
    """
    if [tuple(m) for m in previous.matcher_sets] != [tuple(m) for m in proposed.matcher_sets]:
        return False
    match previous.state(now):
        case SilenceState.ACTIVE:
            same_second = previous.starts_at // SECOND == proposed.starts_at // SECOND
            return same_second and proposed.ends_at >= now
        case SilenceState.PENDING:
            return proposed.starts_at >= now
        case SilenceState.EXPIRED:
            return False


_ORDER = {SilenceState.ACTIVE: 0, SilenceState.PENDING: 1, SilenceState.EXPIRED: 2}


def list_order(silence: Silence, now: Moment) -> tuple[int, Moment]:
    """Sort key of a list: active by end, pending by start, expired by end with the latest first."""
    state = silence.state(now)
    match state:
        case SilenceState.ACTIVE:
            return _ORDER[state], silence.ends_at
        case SilenceState.PENDING:
            return _ORDER[state], silence.starts_at
        case SilenceState.EXPIRED:
            return _ORDER[state], -silence.ends_at
