"""Whether an integration should hear of a group now, and why: the heart of not repeating oneself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.core.reason import Reason
from alertrouter.core.value import value_class

if TYPE_CHECKING:
    from alertrouter.core.time import Duration, Moment
    from alertrouter.engine.changes import LogEntry


@value_class(frozen=True, slots=True)
class Batch:
    """The members of a group as one integration may be told of them, by ``Labels.identity``.

    ``firing`` and ``resolved`` are those that nothing mutes. ``any_muted_firing``: others fire, but are muted.
    """

    firing: frozenset[int]
    resolved: frozenset[int]
    any_muted_firing: bool = False


def why_notify(
    entry: LogEntry | None,
    batch: Batch,
    *,
    send_resolved: bool,
    repeat_interval: Duration,
    tick: Moment,
) -> Reason | None:
    """Why this integration should be told of this batch; None to stay quiet.

    The table of `semantics.md` 4.3, top to bottom, with deviations D2, D3, D11 and D13. ``ALL_RESOLVED`` for an
    integration that does not want resolves means: send nothing, but log it.
    """
    if entry is None:
        return Reason.FIRST if batch.firing else None
    if not batch.firing <= entry.firing:
        return Reason.NEW_ALERTS if entry.firing else Reason.FIRST
    # D13: a resolve is news only to those who were told of the alert.
    owed = (batch.resolved & entry.announced) - entry.resolved
    if not batch.firing and not batch.any_muted_firing:
        # D11: with a muted member still firing, not all alerts are resolved.
        return Reason.ALL_RESOLVED if owed else None
    if send_resolved and owed:
        return Reason.SOME_RESOLVED
    # D2: measured between flushes, so that sending time does not delay the repeat by a whole group interval.
    if batch.firing and tick - entry.flushed_at >= repeat_interval:
        return Reason.REPEAT
    return None


def seen_resolved(entry: LogEntry, resolved: frozenset[int], *, send_resolved: bool) -> frozenset[int] | None:
    """What the entry's firing set becomes when a flush stays quiet; None when it stays as it is.

    D4: an announced member that is resolved without anybody being told leaves the set, so that it is news when it
    fires again. Where resolves are sent it stays: its resolve is still owed.
    """
    if send_resolved or not resolved & entry.firing:
        return None
    return entry.firing - resolved
