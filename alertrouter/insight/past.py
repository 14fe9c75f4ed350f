"""What happened, as it is shown: a question, and the page of lines that answers it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from alertrouter.core.duration import parse_duration
from alertrouter.core.matcher import Matchers
from alertrouter.core.reason import FailureReason, NotSent, Reason
from alertrouter.core.time import (
    EARLIEST,
    LATEST,
    SECOND,
    format_milliseconds,
    parse_timestamp,
)
from alertrouter.engine.changes import Outcome, Transition
from alertrouter.store import history
from alertrouter.wire import past

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from alertrouter.core.labels import Labels
    from alertrouter.core.time import Moment
    from alertrouter.delivery.attempt import AttemptRecord
    from alertrouter.engine.changes import AlertTransition, DecisionRecord, SilenceChange
    from alertrouter.store.history import Action, Cursor, Page, Reload, Span

_Record = TypeVar("_Record")

#: The most lines of one page.
MOST = 1000
# So many alerts of a notification are shown.
_MEMBERS = 100

_NO_MATCHERS = Matchers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which lines are asked for. What a kind of lines does not have is not looked at."""

    since: Moment = EARLIEST
    until: Moment = LATEST
    before: Cursor | None = None
    limit: int = 100
    matchers: Matchers = _NO_MATCHERS
    kinds: Collection[Transition] = ()
    receiver: str | None = None
    outcomes: Collection[Outcome] = ()
    reasons: Collection[str] = ()
    silence_id: str | None = None
    author: str | None = None

    def span(self) -> Span:
        """When, and how many."""
        return history.Span(since=self.since, until=self.until, before=self.before, limit=self.limit)


def read(
    one: Callable[[str], str], several: Callable[[str], Sequence[str]], matchers: Matchers, now: Moment
) -> Question:
    """A question from texts: ``one`` gives the text of a parameter, empty when there is none, ``several`` all of them.

    Raises ValueError with a message for people.
    """
    return Question(
        since=read_moment("since", one("since"), now, EARLIEST),
        until=read_moment("until", one("until"), now, LATEST),
        before=_cursor(one("before")),
        limit=_limit(one("limit")),
        matchers=matchers,
        kinds=[Transition(each) for each in _known("kind", several("kind"), Transition)],
        receiver=one("receiver") or None,
        outcomes=[Outcome(each) for each in _known("outcome", several("outcome"), Outcome)],
        reasons=_known("reason", several("reason"), [*Reason, *NotSent, *FailureReason]),
        silence_id=one("silence") or None,
        author=one("author") or None,
    )


def read_moment(name: str, text: str, now: Moment, missing: Moment) -> Moment:
    """A moment in RFC 3339, or a duration ago: ``2h`` is two hours before now. Raises ValueError."""
    if not text:
        return missing
    try:
        return max(EARLIEST, now - parse_duration(text))
    except ValueError:
        pass
    try:
        moment, _ = parse_timestamp(text)
    except ValueError:
        moment = None
    if moment is None:
        raise ValueError(
            f'{name}: "{text}" is neither a duration, as 2h or 7d for so long ago, nor a time as 2026-11-21T03:10:00Z'
        )
    return moment


def _cursor(text: str) -> Cursor | None:
    if not text:
        return None
    at, dash, number = text.rpartition("-")
    try:
        if dash:
            return history.Cursor(int(at), int(number))
    except ValueError:
        pass
    raise ValueError(f'before: "{text}" is not the "older" of a page')


def _limit(text: str) -> int:
    if not text:
        return 100
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST):
        raise ValueError(f'limit: "{text}" is not a number from 1 to {MOST}')
    return int(text)


def _known(name: str, texts: Sequence[str], known: Iterable[str]) -> Sequence[str]:
    names = list(dict.fromkeys(str(each) for each in known))
    for text in texts:
        if text not in names:
            raise ValueError(f'{name}: there is no "{text}": there are {", ".join(names)}')
    return texts


def alerts(connection: Connection, asked: Question) -> past.Page[past.AlertLine]:
    """What became of the alerts that pass the matchers."""
    page = history.transitions(connection, asked.span(), matchers=asked.matchers, kinds=asked.kinds)
    return _shown(page, alert_line)


def notifications(connection: Connection, asked: Question) -> past.Page[past.NotificationLine]:
    """What was decided about alerts that pass the matchers."""
    page = history.decision_records(
        connection,
        asked.span(),
        receiver=asked.receiver,
        matchers=asked.matchers,
        outcomes=asked.outcomes,
        reasons=asked.reasons,
    )
    return show_decisions(connection, page)


def show_decisions(connection: Connection, page: Page[DecisionRecord]) -> past.Page[past.NotificationLine]:
    """Decisions with their attempts and the labels of their alerts."""
    tried = history.attempts_of(connection, page.lines)
    shown: set[int] = set()
    for line in page.lines:
        for members in (line.firing, line.resolved, list(line.muted), list(line.left_out)):
            shown.update(members[:_MEMBERS])
    labels = history.labels_of(connection, shown)
    return _shown(page, lambda line: _notification(line, tried.get(history.decision_key(line), ()), labels))


def attempts(connection: Connection, asked: Question) -> past.Page[past.AttemptLine]:
    """Every attempt, of messages under way, too."""
    page = history.attempt_records(connection, asked.span(), receiver=asked.receiver)
    return _shown(page, _attempt_line)


def silences(connection: Connection, asked: Question) -> past.Page[past.SilenceLine]:
    """What was done to silences."""
    page = history.silence_changes(connection, asked.span(), silence_id=asked.silence_id)
    return _shown(page, silence_line)


def reloads(connection: Connection, asked: Question) -> past.Page[past.ReloadLine]:
    """Which configurations were in force."""
    return _shown(history.reload_records(connection, asked.span()), reload_line)


def actions(connection: Connection, asked: Question) -> past.Page[past.ActionLine]:
    """What people did."""
    return _shown(history.action_records(connection, asked.span(), author=asked.author), action_line)


def _shown(page: Page[_Record], show: Callable[[_Record], past.Line]) -> past.Page[past.Line]:
    older = None if page.older is None else f"{page.older.at}-{page.older.number}"
    return past.Page(lines=[show(line) for line in page.lines], older=older)


def alert_line(line: AlertTransition) -> past.AlertLine:
    """As it is shown."""
    alert = line.alert
    return past.AlertLine(
        at=format_milliseconds(line.at),
        kind=line.kind.value,
        fingerprint=alert.labels.fingerprint_text,
        labels=dict(alert.labels),
        annotations=dict(alert.annotations),
        starts_at=format_milliseconds(alert.starts_at),
        ends_at=None if alert.ends_at is None else format_milliseconds(alert.ends_at),
    )


def _notification(
    line: DecisionRecord, tried: Sequence[AttemptRecord], labels: Mapping[int, Labels]
) -> past.NotificationLine:
    def members(identities: Sequence[int]) -> past.Members:
        return past.Members(
            count=len(identities), labels=[dict(labels.get(each, {})) for each in identities[:_MEMBERS]]
        )

    return past.NotificationLine(
        at=format_milliseconds(line.at),
        outcome=line.outcome.value,
        reason=line.reason.value if line.reason else "",
        why_not=line.why_not.value if line.why_not else "",
        receiver=line.slot.receiver,
        integration=line.slot.integration,
        group_labels=dict(line.slot.group.labels),
        group_key=line.group_key,
        flushed_at=format_milliseconds(line.tick),
        flush_number=line.flush_number,
        firing=members(line.firing),
        resolved=members(line.resolved),
        muted=[
            past.Muted(labels=dict(labels.get(identity, {})), by=list(by))
            for identity, by in list(line.muted.items())[:_MEMBERS]
        ],
        muted_count=len(line.muted),
        left_out=[
            past.LeftOut(labels=dict(labels.get(identity, {})), why=why.value)
            for identity, why in list(line.left_out.items())[:_MEMBERS]
        ],
        left_out_count=len(line.left_out),
        attempts=[_attempt(each) for each in tried],
        error=line.error,
        failure=line.failure.value if line.failure else "",
        possible_duplicate=line.possible_duplicate,
    )


def _attempt(record: AttemptRecord) -> past.Attempt:
    return past.Attempt(
        number=record.number,
        started_at=format_milliseconds(record.started_at),
        seconds=record.latency / SECOND,
        error=record.error,
        reason=record.reason.value if record.reason else "",
    )


def _attempt_line(record: AttemptRecord) -> past.AttemptLine:
    return past.AttemptLine(
        at=format_milliseconds(record.started_at),
        number=record.number,
        started_at=format_milliseconds(record.started_at),
        seconds=record.latency / SECOND,
        error=record.error,
        reason=record.reason.value if record.reason else "",
        receiver=record.slot.receiver,
        integration=record.slot.integration,
        group_labels=dict(record.slot.group.labels),
        flushed_at=format_milliseconds(record.tick),
    )


def silence_line(line: SilenceChange) -> past.SilenceLine:
    """As it is shown."""
    silence = line.silence
    return past.SilenceLine(
        at=format_milliseconds(line.at),
        action=line.action,
        id=silence.id,
        matchers=[[str(matcher) for matcher in matchers] for matchers in silence.matcher_sets],
        starts_at=format_milliseconds(silence.starts_at),
        ends_at=format_milliseconds(silence.ends_at),
        created_by=silence.created_by,
        comment=silence.comment,
        annotations=dict(silence.annotations),
    )


def reload_line(line: Reload) -> past.ReloadLine:
    """As it is shown."""
    return past.ReloadLine(at=format_milliseconds(line.at), hash=f"{line.config_hash:x}", config=line.config)


def action_line(line: Action) -> past.ActionLine:
    """As it is shown."""
    return past.ActionLine(
        at=format_milliseconds(line.at),
        action=line.action,
        subject=line.subject,
        author=line.author,
        address=line.address,
        outcome=line.outcome,
    )


#: The kinds of lines that can be asked for.
KINDS: Mapping[str, Callable[[Connection, Question], Any]] = {
    "alerts": alerts,
    "notifications": notifications,
    "attempts": attempts,
    "silences": silences,
    "reloads": reloads,
    "actions": actions,
}
