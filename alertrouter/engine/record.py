"""The record of decisions: one line for each message, and for each new reason to stay quiet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.core.reason import NotSent, Reason
from alertrouter.engine.changes import DecisionRecord, Outcome

if TYPE_CHECKING:
    from alertrouter.core.reason import FailureReason
    from alertrouter.core.time import Moment
    from alertrouter.engine.changes import Changes
    from alertrouter.engine.decision import Quiet, Send
    from alertrouter.engine.group import AggregationGroup


def record_quiet(
    group: AggregationGroup,
    quiet: Quiet,
    changes: Changes,
    now: Moment,
    outcome: Outcome = Outcome.NOT_SENT,
) -> None:
    """Write down why nothing was sent, unless the last flush stayed quiet for the same reason."""
    signature = (quiet.why_not, frozenset(tuple(causes) for causes in quiet.muted.values()))
    if outcome is Outcome.NOT_SENT and group.records.get(quiet.slot) == signature:
        return
    group.records[quiet.slot] = signature
    changes.decisions.append(
        DecisionRecord(
            at=now,
            slot=quiet.slot,
            group_key=group.key,
            tick=group.tick or now,
            flush_number=group.flush_number,
            outcome=outcome,
            reason=Reason.ALL_RESOLVED if outcome is Outcome.LOGGED else None,
            why_not=quiet.why_not,
            muted=quiet.muted,
        )
    )


def record_send(
    group: AggregationGroup | None,
    send: Send,
    changes: Changes,
    now: Moment,
    *,
    attempts: int,
    why_not: NotSent | None = None,
    failure: FailureReason | None = None,
    error: str = "",
) -> None:
    """Write down what became of a message; without ``why_not`` it was sent."""
    outcome = _OUTCOMES.get(why_not, Outcome.NOT_SENT)
    if group is not None:
        group.records[send.slot] = (outcome, error)
    changes.decisions.append(
        DecisionRecord(
            at=now,
            slot=send.slot,
            group_key=send.notification.group_key,
            tick=send.tick,
            flush_number=send.notification.flush_number,
            outcome=outcome,
            reason=send.reason,
            why_not=why_not,
            firing=sorted(send.firing),
            resolved=sorted(send.resolved),
            muted=send.muted,
            attempts=attempts,
            error=error,
            failure=failure,
            possible_duplicate=send.notification.possible_duplicate,
        )
    )


_OUTCOMES = {None: Outcome.SENT, NotSent.FAILED: Outcome.FAILED}
