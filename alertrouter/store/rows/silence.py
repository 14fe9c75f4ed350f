"""Silences and their versions, to rows and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from alertrouter.core.matcher import Matcher, Matchers, MatchType
from alertrouter.core.silence import Silence
from alertrouter.engine.changes import SilenceChange
from alertrouter.store.rows.columns import BadRowError, Row, json_text, plain, require, to_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

_matcher_sets = msgspec.json.Decoder(list[list[tuple[str, str, str]]]).decode


def silence_row(silence: Silence) -> Row:
    """``silences``; also the end of a row of ``silence_versions``."""
    sets = [[(m.name, m.type.value, m.value) for m in matchers] for matchers in silence.matcher_sets]
    return (
        plain(silence.id),
        json_text(sets),
        silence.starts_at,
        silence.ends_at,
        silence.updated_at,
        plain(silence.created_by),
        plain(silence.comment),
        json_text(dict(silence.annotations)),
    )


def to_silence(row: Sequence[Any]) -> Silence:
    """Of a row of ``silences``. Raises BadRowError."""
    silence_id, matchers, starts_at, ends_at, updated_at, created_by, comment, annotations = row
    for moment in (starts_at, ends_at, updated_at):
        require(moment, int)
    try:
        sets = [
            Matchers([Matcher(name, MatchType(operator), value) for name, operator, value in each])
            for each in _matcher_sets(matchers)
        ]
    except (ValueError, TypeError) as error:
        raise BadRowError(f"the matchers cannot be read: {error}") from None
    return Silence(
        id=require(silence_id, str),
        matcher_sets=sets,
        starts_at=starts_at,
        ends_at=ends_at,
        updated_at=updated_at,
        created_by=require(created_by, str),
        comment=require(comment, str),
        annotations=dict(to_pairs(annotations)),
    )


def silence_version_row(change: SilenceChange) -> Row:
    """``silence_versions`` without the number."""
    return (change.at, plain(change.action), *silence_row(change.silence))


def to_silence_change(row: Sequence[Any]) -> SilenceChange:
    """Of a row of ``silence_versions`` without the number. Raises BadRowError."""
    return SilenceChange(at=row[0], action=row[1], silence=to_silence(row[2:]))
