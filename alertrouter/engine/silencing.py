"""What becomes of the stored silences when somebody makes, edits or ends one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from alertrouter.core import silence as silences
from alertrouter.core.silence import InvalidSilence, Silence, SilenceNotFound, SilenceState
from alertrouter.engine.changes import SilenceChange
from alertrouter.engine.silence_size import silence_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.core.time import Moment
    from alertrouter.engine.engine import EngineSettings


def save(
    stored: Mapping[str, Silence], proposed: Silence, settings: EngineSettings, now: Moment, fresh_id: str
) -> list[SilenceChange]:
    """The versions to keep, that of the proposed silence last; see ``Engine.save_silence``."""
    silences.check(proposed, settings.mode)
    previous = None
    if proposed.id:
        previous = _find(stored, proposed.id)
        if silences.may_update(previous, proposed, now):
            saved = replace(proposed, updated_at=now)
            _check_size(saved, settings)
            return [SilenceChange(at=now, action="updated", silence=saved)]
    saved = replace(proposed, id=fresh_id, starts_at=max(proposed.starts_at, now), updated_at=now)
    limit = settings.max_silences
    if limit > 0 and len(stored) + 1 > limit:
        raise InvalidSilence(f"exceeded maximum number of silences: {len(stored)} (limit: {limit})")
    _check_size(saved, settings)
    changes = []
    if previous is not None and previous.state(now) is not SilenceState.EXPIRED:
        changes.append(SilenceChange(at=now, action="expired", silence=previous.expired_at(now)))
    changes.append(SilenceChange(at=now, action="created", silence=saved))
    return changes


def expire(stored: Mapping[str, Silence], silence_id: str, now: Moment) -> list[SilenceChange]:
    """The version to keep; none when the silence is over. Raises ``SilenceNotFound``."""
    silence = _find(stored, silence_id)
    expired = silence.expired_at(now)
    return [] if expired is silence else [SilenceChange(at=now, action="expired", silence=expired)]


def _find(stored: Mapping[str, Silence], silence_id: str) -> Silence:
    silence = stored.get(silence_id)
    if silence is None:
        raise SilenceNotFound("silence not found")
    return silence


def _check_size(silence: Silence, settings: EngineSettings) -> None:
    limit = settings.max_silence_size
    if limit > 0 and (size := silence_size(silence, settings.retention)) > limit:
        raise InvalidSilence(f"silence exceeded maximum size: {size} bytes (limit: {limit} bytes)")
