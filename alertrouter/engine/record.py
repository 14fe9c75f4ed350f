"""The record of decisions: one line for each message, and for each new reason to say nothing of an alert."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from alertrouter.core.reason import NotSent, Reason
from alertrouter.engine.changes import DecisionRecord, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alertrouter.core.reason import FailureReason
    from alertrouter.core.time import Moment
    from alertrouter.engine.changes import Changes
    from alertrouter.engine.decision import Quiet, Send
    from alertrouter.engine.group import AggregationGroup


class Written(NamedTuple):
    """What the lines so far say of one integration: how it ended last, and who of the members was not told and why.

    Members in neither mapping were told with the last message.
    """

    ended: object
    muted: Mapping[int, Sequence[str]]
    left_out: Mapping[int, NotSent]

    def without(self, identity: int) -> Written:
        """The same when an alert is no member any more."""
        if identity not in self.muted and identity not in self.left_out:
            return self
        return Written(
            self.ended,
            {each: by for each, by in self.muted.items() if each != identity},
            {each: why for each, why in self.left_out.items() if each != identity},
        )


_NOTHING = Written(None, {}, {})


def record_quiet(
    group: AggregationGroup,
    quiet: Quiet,
    changes: Changes,
    now: Moment,
    outcome: Outcome = Outcome.NOT_SENT,
) -> None:
    """Write down why nothing was sent, unless the same is true of every member as at the last flush."""
    before = group.records.get(quiet.slot, _NOTHING)
    after = Written(quiet.why_not, quiet.muted, quiet.left_out)
    if after == before and outcome is Outcome.NOT_SENT:
        return
    group.records[quiet.slot] = after
    muted, left_out = _news(before, after) if outcome is Outcome.NOT_SENT else (quiet.muted, quiet.left_out)
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
            muted=muted,
            left_out=left_out,
        )
    )


def _news(before: Written, after: Written) -> tuple[Mapping[int, Sequence[str]], Mapping[int, NotSent]]:
    """Of whom something else is true than before. Who is free again, and told nothing, was told everything."""
    muted = after.muted
    if before.muted:
        muted = {each: by for each, by in muted.items() if before.muted.get(each) != by}
    left_out = {each: why for each, why in after.left_out.items() if before.left_out.get(each) is not why}
    for each in (*before.muted, *before.left_out):
        if each not in after.muted and each not in after.left_out:
            left_out[each] = NotSent.DEDUPLICATED
    return muted, left_out


def record_send(
    group: AggregationGroup | None,
    send: Send,
    changes: Changes,
    now: Moment,
    *,
    attempts: int,
    quiet: Quiet | None = None,
    failure: FailureReason | None = None,
    error: str = "",
) -> None:
    """Write down what became of a message: it was sent, or ``quiet`` says why it was not any more, or it failed."""
    outcome, why_not = Outcome.SENT, None
    if quiet is not None:
        outcome, why_not = Outcome.NOT_SENT, quiet.why_not
    elif failure is not None:
        outcome, why_not = Outcome.FAILED, NotSent.FAILED
    last = quiet or send
    if group is not None:
        group.records[send.slot] = Written((outcome, error), last.muted, last.left_out)
    told = send.notification
    changes.decisions.append(
        DecisionRecord(
            now,
            send.slot,
            told.group_key,
            send.tick,
            told.flush_number,
            outcome,
            send.reason,
            why_not,
            sorted(send.firing),
            sorted(send.resolved),
            last.muted,
            last.left_out,
            attempts,
            error,
            failure,
            told.possible_duplicate,
        )
    )
