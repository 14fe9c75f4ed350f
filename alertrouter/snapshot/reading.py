"""The files `silences` and `nflog` as values. Their format is that of `api-and-cli.md` 8.5, old ones included.

A record that is whole but makes no sense is left out and told of; a damaged file ends the reading.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from alertrouter.core.matcher import Matcher, Matchers, MatchType
from alertrouter.core.silence import InvalidSilence, Silence, check
from alertrouter.snapshot.protobuf import MalformedError, Message, delimited

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from alertrouter.core.matcher_syntax import Mode
    from alertrouter.core.notification import ReceiverDatum
    from alertrouter.core.time import Moment

_Record = TypeVar("_Record")
_TYPES = (MatchType.EQUAL, MatchType.REGEX, MatchType.NOT_EQUAL, MatchType.NOT_REGEX)


class SnapshotError(Exception):
    """A file cannot be read to its end: which, where, why, and how much could be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedNotification:
    """One entry of Alertmanager's notification log: what an integration was last told about a group.

    ``integration`` is its kind, ``index`` the place in the receiver's list of that kind. The sets hold
    ``Labels.identity``. ``sent_at`` is the moment after the message was taken.
    """

    group_key: str
    receiver: str
    integration: str
    index: int
    sent_at: Moment
    expires_at: Moment
    firing: frozenset[int]
    resolved: frozenset[int]
    receiver_data: Mapping[str, ReceiverDatum] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.group_key} to {self.receiver} by {self.integration}/{self.index}"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A record that is not taken over, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot(Generic[_Record]):
    """What a file holds that is still of use. ``expired`` counts the records whose time is over."""

    records: list[_Record] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    expired: int = 0


class _UselessError(ValueError):
    """The record is whole but cannot be taken over."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(why)
        self.left_out = LeftOut(what, why)


def read_silences(path: Path, now: Moment, mode: Mode) -> Snapshot[Silence]:
    """The silences that Alertmanager would still list now, ended ones included. Raises SnapshotError."""
    return _read(path, "silences", now, lambda message: _silence(message, mode))


def read_notification_log(path: Path, now: Moment) -> Snapshot[LoggedNotification]:
    """The entries that Alertmanager would still go by now. Raises SnapshotError."""
    return _read(path, "log entries", now, _logged)


def _read(path: Path, what: str, now: Moment, make: Callable[[Message], _Record]) -> Snapshot[_Record]:
    records: list[_Record] = []
    left_out: list[LeftOut] = []
    expired = 0
    try:
        for message in delimited(path.read_bytes()):
            expires_at = message.moment(2)
            if expires_at is not None and expires_at <= now:
                expired += 1
                continue
            try:
                records.append(make(message))
            except _UselessError as error:
                left_out.append(error.left_out)
    except OSError as error:
        raise SnapshotError(f"{path} cannot be read: {error.strerror}") from None
    except MalformedError as error:
        known = len(records) + len(left_out) + expired
        raise SnapshotError(
            f"{path} is damaged at byte {error.offset}: {error}; {known} {what} before it could be read"
        ) from None
    return Snapshot(records=records, left_out=left_out, expired=expired)


def _silence(mesh: Message, mode: Mode) -> Silence:
    message = mesh.message(1)
    silence_id = message.text(1)
    what = f"silence {silence_id or 'without id'} at byte {message.offset}"
    sets = [each.messages(1) for each in message.messages(11)] or [message.messages(2)]
    # Compat: before 0.6 who and why stood in a list of comments.
    comment = (message.messages(7) or [message.message(7)])[0]
    starts_at, ends_at = message.moment(3), message.moment(4)
    if not silence_id or starts_at is None or ends_at is None:
        raise _UselessError(what, "it lacks its id, start or end")
    silence = Silence(
        id=silence_id,
        matcher_sets=[_matchers(each, what) for each in sets],
        starts_at=starts_at,
        ends_at=ends_at,
        updated_at=message.moment(5) or starts_at,
        created_by=message.text(8) or comment.text(1),
        comment=message.text(9) or comment.text(2),
        annotations={pair.text(1): pair.text(2) for pair in message.messages(10)},
    )
    try:
        check(silence, mode)
    except InvalidSilence as error:
        raise _UselessError(what, str(error).removeprefix("invalid silence: ")) from None
    return silence


def _matchers(messages: list[Message], what: str) -> Matchers:
    made = []
    for message in messages:
        kind, name, pattern = message.unsigned(1), message.text(2), message.text(3)
        if kind >= len(_TYPES):
            raise _UselessError(what, f"its matcher on {name} is of the unknown type {kind}")
        try:
            made.append(Matcher(name, _TYPES[kind], pattern))
        except ValueError as error:
            raise _UselessError(what, f"its matcher on {name} is wrong: {error}") from None
    return Matchers(made)


def _logged(mesh: Message) -> LoggedNotification:
    message = mesh.message(1)
    receiver = message.message(2)
    sent_at, expires_at = message.moment(5), mesh.moment(2)
    # Those of the firing list that the receiver was not told of; only newer versions write them.
    muted = frozenset(message.numbers(9))
    logged = LoggedNotification(
        group_key=message.text(1),
        receiver=receiver.text(1),
        integration=receiver.text(2),
        index=receiver.unsigned(3),
        sent_at=sent_at or 0,
        expires_at=expires_at or 0,
        firing=frozenset(message.numbers(6)) - muted,
        resolved=frozenset(message.numbers(7)) - muted,
        receiver_data={pair.text(1): _receiver_datum(pair.message(2)) for pair in message.messages(8)},
    )
    if sent_at is None or expires_at is None:
        raise _UselessError(str(logged), "it does not say when it was sent, or when it expires")
    if not logged.firing and not logged.resolved:
        # Compat: before 0.6 an entry held a hash of the whole group, which tells nothing about its alerts.
        raise _UselessError(str(logged), "it does not say of which alerts it is")
    return logged


def _receiver_datum(value: Message) -> ReceiverDatum:
    if value.has(2):
        return value.signed(2)
    return value.double(3) if value.has(3) else value.text(1)
