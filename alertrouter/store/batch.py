"""What one transaction writes: the changes of many events, each thing in its last version."""

from __future__ import annotations

from collections import deque
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import delete, insert, select

from alertrouter.core.time import HOUR
from alertrouter.engine.changes import Outcome, Transition
from alertrouter.store import tables
from alertrouter.store.backlog import defer
from alertrouter.store.milestones import milestone_row
from alertrouter.store.rows.action import action_row
from alertrouter.store.rows.alert import (
    alert_row,
    deferred_alert_rows,
    deferred_transition_rows,
    end_row,
    transition_row,
)
from alertrouter.store.rows.columns import json_text, plain, signed
from alertrouter.store.rows.decision import attempt_row, decision_row, renewal_row
from alertrouter.store.rows.group import flush_row, group_id, group_name_row, group_row, slot_id
from alertrouter.store.rows.notification_log import entry_row, intent_row
from alertrouter.store.rows.posted import posted_row
from alertrouter.store.rows.rule import rule_alert_id, rule_alert_row, rule_group_id, rule_group_row
from alertrouter.store.rows.silence import silence_row, silence_version_row
from alertrouter.store.statements import STATE, Statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sqlalchemy import Connection, Table

    from alertrouter.core.alert import Alert
    from alertrouter.core.labels import Labels
    from alertrouter.core.rule_state import RuleChanges
    from alertrouter.core.time import Moment
    from alertrouter.delivery.attempt import AttemptRecord
    from alertrouter.engine.changes import Changes, GroupState, MovedEnd, RenewalRecord, StoredState
    from alertrouter.engine.milestones import Milestone
    from alertrouter.engine.slot import GroupId, Slot
    from alertrouter.store.backlog import Deferred, PostedBody
    from alertrouter.store.chunk import Chunk
    from alertrouter.store.history import Action
    from alertrouter.store.rows.columns import Row

_Value = TypeVar("_Value")

# The texts of so many are in memory at a time.
_ROWS_AT_ONCE = 1024


class Batch:
    """Gathers what is to be written. State is kept in its last version, history in full and in order.

    ``ends`` are the ends that heartbeats moved and that are not written yet; they may wait for a later batch. ``numbers``
    gives every line of history, of whatever kind, its place in the order of what happened.
    """

    def __init__(self, ends: dict[int, Row], numbers: Iterator[int]) -> None:
        self._ends = ends
        self._numbers = numbers
        self._ends_due = 0
        self._whole = False
        self._alerts: dict[int, Row] = {}
        self._collected: dict[int, Row] = {}
        # A row, or None for one to be deleted.
        self._groups: dict[int, Row | None] = {}
        self._entries: dict[int, Row | None] = {}
        self._intents: dict[int, Row | None] = {}
        self._silences: dict[str, Row | None] = {}
        self._rule_alerts: dict[int, Row | None] = {}
        self._rule_groups: dict[int, Row | None] = {}
        self._meta: dict[str, int | None] = {}
        self.transitions: list[Row] = []
        self.flushes: list[Row] = []
        self.renewals: list[Row] = []
        self.milestones: list[Row] = []
        self.decisions: list[Row] = []
        self.attempts: list[Row] = []
        self.silence_versions: list[Row] = []
        self.reloads: list[Row] = []
        self.actions: list[Row] = []
        self._chunks: list[Chunk] = []
        self._names: dict[int, Row] = {}
        self._named = False
        self._posted: list[Row] = []
        # The requests whose alerts have their rows with this batch, and the numbers of all that are not kept as they came
        # any more.
        self._deferred: list[Deferred] = []
        self._taken_apart: list[int] = []

    # Gathering

    def add(self, changes: Changes, now: Moment) -> None:
        """What an event changed. What is both written and removed in it is removed."""
        for flush in changes.flushes:
            self.flushes.append((next(self._numbers), *flush_row(flush)))
            self._name(flush.group, flush.group_key, flush.at)
        if changes.transitions or changes.alerts or changes.collected_alerts:
            self._add_alerts(changes, now)
        self._add_groups(changes.groups)
        for group in changes.removed_groups:
            self._groups[group_id(group)] = None
        self._add_messages(changes)
        for change in changes.silences:
            row = silence_version_row(change)
            self.silence_versions.append((next(self._numbers), *row))
            self._silences[row[2]] = row[2:]
        for silence_id in changes.removed_silences:
            self._silences[plain(silence_id)] = None

    def add_outcome(self, changes: Changes, attempt: AttemptRecord | None, now: Moment) -> None:
        """What became of a message, after the attempt that ended it."""
        # The flush that it is of has named the group, usually a moment ago.
        self._named = attempt is not None and attempt.started_at - attempt.tick < HOUR
        try:
            if attempt is not None:
                self.attempt(attempt)
            self.add(changes, now)
        finally:
            self._named = False

    def post(self, changes: Changes, posted: PostedBody) -> Deferred:
        """A request with nothing but new alerts, as it came; what of it is to be written later."""
        lines = len(changes.transitions)
        number = next(self._numbers)
        deque(islice(self._numbers, lines - 1), maxlen=0)
        self._posted.append(posted_row(number, posted, lines))
        self._add_groups(changes.groups)
        return defer(number, posted.at, changes.alerts, len(posted.body))

    def include(self, requests: Iterable[Deferred]) -> None:
        """The alerts of requests that were posted before anything in this batch happened, with the numbers they got."""
        for request in requests:
            self._taken_apart.append(request.number)
            self.transitions += deferred_transition_rows(request)
            self._deferred.append(request)

    def leave_out(self, requests: Iterable[Deferred]) -> None:
        """What was posted and cannot be written as rows goes."""
        self._taken_apart += [each.number for each in requests]

    def _add_groups(self, groups: Iterable[GroupState]) -> None:
        for state in groups:
            row = group_row(state)
            self._groups[row[0]] = row

    def add_rules(self, changes: RuleChanges) -> None:
        """What an evaluation of rules changed."""
        for alert in changes.alerts:
            row = rule_alert_row(alert)
            self._rule_alerts[row[0]] = row
        for rule, labels in changes.removed_alerts:
            self._rule_alerts[rule_alert_id(rule, labels)] = None
        for group in changes.groups:
            row = rule_group_row(group)
            self._rule_groups[row[0]] = row
        for key in changes.removed_groups:
            self._rule_groups[rule_group_id(key)] = None

    def _add_alerts(self, changes: Changes, now: Moment) -> None:
        collected_at: dict[Labels, Moment] = {}
        for transition in changes.transitions:
            self.transitions.append((next(self._numbers), *transition_row(transition)))
            if transition.kind is Transition.COLLECTED:
                collected_at[transition.alert.labels] = transition.at
        for alert in changes.alerts:
            self._put_alert(alert_row(alert))
        for labels in changes.collected_alerts:
            self._collect(labels, collected_at.get(labels, now))

    def _put_alert(self, row: Row) -> None:
        identity = row[0]
        self._alerts[identity] = row
        self._collected.pop(identity, None)
        self._ends.pop(identity, None)

    def _add_messages(self, changes: Changes) -> None:
        for entry in changes.entries:
            row = entry_row(entry)
            self._entries[row[0]] = row
            self.settle(row[0])
        for slot in changes.removed_entries:
            self._entries[slot_id(slot)] = None
        for record in changes.decisions:
            self.decisions.append((next(self._numbers), *decision_row(record)))
            self._name(record.slot.group, record.group_key, record.at)
            if record.outcome in _ENDS_AN_INTENT or record.attempts:
                self.settle(slot_id(record.slot))

    def _collect(self, labels: Labels, at: Moment) -> None:
        identity = signed(labels.identity)
        self._collected[identity] = (identity, json_text(labels), at)
        self._alerts.pop(identity, None)
        self._ends.pop(identity, None)

    def _name(self, group: GroupId, group_key: str, used_at: Moment) -> None:
        if self._named:
            return
        number = group_id(group)
        if group_key or number not in self._names:
            self._names[number] = group_name_row(group, group_key, used_at)

    def move_ends(self, alerts: Iterable[Alert | MovedEnd]) -> None:
        """Ends that heartbeats moved, to be written some time later."""
        for alert in alerts:
            row = end_row(alert)
            self._ends[row[0]] = row

    def include_ends(self, at_most: int) -> None:
        """Write so many of the ends that heartbeats moved with this batch."""
        self._ends_due = at_most

    def intend(self, slot: Slot, at: Moment) -> None:
        """A send is about to begin."""
        row = intent_row(slot, at)
        self._intents[row[0]] = row

    def settle(self, slot: int) -> None:
        """A send has ended, one way or another."""
        self._intents[slot] = None

    def attempt(self, record: AttemptRecord) -> None:
        """One attempt of a send."""
        self.attempts.append((next(self._numbers), *attempt_row(record)))
        self._name(record.slot.group, "", record.started_at)

    def reloaded(self, at: Moment, config_hash: int, config: str) -> None:
        """A configuration came into force."""
        self.reloads.append((next(self._numbers), at, config_hash, plain(config)))

    def renewed(self, renewal: RenewalRecord) -> None:
        """A message on its way says something else."""
        self.renewals.append((next(self._numbers), *renewal_row(renewal)))
        self._name(renewal.slot.group, "", renewal.at)

    def milestone(self, milestone: Milestone) -> None:
        """Something happened to the engine as a whole."""
        self.milestones.append((next(self._numbers), *milestone_row(milestone)))

    def act(self, action: Action) -> None:
        """Somebody did something."""
        self.actions.append((next(self._numbers), *action_row(action)))

    def index(self, chunk: Chunk) -> None:
        """The index over some lines of history."""
        self._chunks.append(chunk)

    def note(self, name: str, value: int | None) -> None:
        """A line of ``meta``; None deletes it."""
        self._meta[name] = value

    def replace_all(self, state: StoredState) -> int:
        """Whatever the database holds, this is the state: it is written as a whole. How many could not be."""
        self._forget_state()
        self._whole = True
        return (
            _gather(state.alerts, alert_row, self._alerts)
            + _gather(state.groups, group_row, self._groups)
            + _gather(state.entries, entry_row, self._entries)
            + _gather(state.intents.items(), lambda intent: intent_row(*intent), self._intents)
            + _gather(state.silences, silence_row, self._silences)
            + _gather(state.rule_alerts, rule_alert_row, self._rule_alerts)
            + _gather(state.rule_groups, rule_group_row, self._rule_groups)
        )

    def keep_history(self, at_most: int) -> int:
        """Forget the state, which will be written as a whole; how many lines of history were too many to keep."""
        self._forget_state()
        # They are made again.
        self._chunks.clear()
        lost = 0
        for lines in self._history().values():
            surplus = max(0, len(lines) - at_most)
            del lines[:surplus]
            lost += surplus
        return lost

    def _forget_state(self) -> None:
        self._whole = False
        self._ends_due = 0
        self._ends.clear()
        for gathered in (
            self._alerts,
            self._collected,
            self._groups,
            self._entries,
            self._intents,
            self._silences,
            self._rule_alerts,
            self._rule_groups,
            self._posted,
            self._deferred,
            self._taken_apart,
        ):
            gathered.clear()

    def _history(self) -> dict[Table, list[Row]]:
        return {
            tables.alert_transitions: self.transitions,
            tables.flushes: self.flushes,
            tables.renewals: self.renewals,
            tables.decisions: self.decisions,
            tables.attempts: self.attempts,
            tables.silence_versions: self.silence_versions,
            tables.reloads: self.reloads,
            tables.milestones: self.milestones,
            tables.actions: self.actions,
        }

    # Writing

    @property
    def is_only_posted(self) -> bool:
        """Whether there is nothing here but requests as they came."""
        return bool(self._posted) and not (
            self._whole
            or self._ends_due
            or self._alerts
            or self._collected
            or self._taken_apart
            or self._names
            or self._chunks
            or any(self._history().values())
            or any(rows for _, rows in self._keyed())
        )

    def write_posted(self, connection: Connection, statements: Statements) -> None:
        """Store the requests that came, where there is nothing else, in a transaction of their own.

        While the journal's thread is inside the database the event loop runs on, and comes back only when that lets it: with a
        call for each statement of a transaction, clients would wait for that several times as long as for the disk.
        """
        statements.append[tables.posted].run_alone(connection, self._posted)

    def write(self, connection: Connection, statements: Statements) -> None:
        """Execute everything within the connection's transaction."""
        if self._whole:
            self._clear(connection)
        for table, lines in self._history().items():
            if lines:
                statements.append[table].run(connection, lines)
        if self._names:
            statements.name_groups.run(connection, list(self._names.values()))
        for chunk in self._chunks:
            statements.append[tables.history_chunks].run(connection, [chunk.row()])
            statements.append[tables.history_labels].run(connection, chunk.label_rows())
        self._write_alerts(connection, statements)
        if self._posted:
            statements.append[tables.posted].run(connection, self._posted)
        if self._taken_apart:
            apart = [(number,) for number in self._taken_apart]
            statements.delete[tables.posted].run(connection, apart)
        for table, rows_by_key in self._keyed():
            if rows_by_key:
                _put_and_delete(connection, statements, table, rows_by_key)

    def _write_alerts(self, connection: Connection, statements: Statements) -> None:
        # Nobody knew these before anything in this batch happened, so there is no end of theirs that moved.
        rows = chain.from_iterable(map(deferred_alert_rows, self._deferred))
        while some := list(islice(rows, _ROWS_AT_ONCE)):
            statements.put[tables.alerts].run(connection, some)
        if self._alerts:
            statements.put[tables.alerts].run(connection, list(self._alerts.values()))
            statements.delete[tables.alert_ends].run(connection, [(identity,) for identity in self._alerts])
        if self._collected:
            statements.remember_labels.run(connection, list(self._collected.values()))
            gone = [(identity,) for identity in self._collected]
            statements.delete[tables.alerts].run(connection, gone)
            statements.delete[tables.alert_ends].run(connection, gone)
        if self._ends_due and self._ends:
            # In the order of their keys neighbours lie on one page.
            due = sorted(islice(self._ends.values(), self._ends_due))
            statements.put[tables.alert_ends].run(connection, due)

    def _keyed(self) -> Iterable[tuple[Table, Mapping[Any, Row | None]]]:
        meta = {name: None if value is None else (name, value) for name, value in self._meta.items()}
        return (
            (tables.groups, self._groups),
            (tables.notification_log, self._entries),
            (tables.intents, self._intents),
            (tables.silences, self._silences),
            (tables.rule_alerts, self._rule_alerts),
            (tables.rule_groups, self._rule_groups),
            (tables.meta, meta),
        )

    def _clear(self, connection: Connection) -> None:
        alerts, past = tables.alerts.c, tables.past_alerts.c
        # History may speak of alerts that are not among those written now.
        known = select(past.identity)
        labels = select(alerts.identity, alerts.labels, alerts.updated_at).where(
            alerts.identity.not_in(known)
        )
        connection.execute(
            insert(past.identity.table).from_select(["identity", "labels", "collected_at"], labels)
        )
        for table in STATE:
            connection.execute(delete(table))

    def written(self) -> None:
        """Say that the transaction is committed."""
        if self._ends_due:
            for identity in list(islice(self._ends, self._ends_due)):
                del self._ends[identity]


_ENDS_AN_INTENT = {Outcome.SENT, Outcome.FAILED, Outcome.LOGGED}


def _gather(
    values: Iterable[_Value],
    make: Callable[[_Value], Row],
    rows_by_key: dict[Any, Row] | dict[Any, Row | None],
) -> int:
    bad = 0
    for value in values:
        try:
            row = make(value)
        except ValueError:
            bad += 1
        else:
            rows_by_key[row[0]] = row
    return bad


def _put_and_delete(
    connection: Connection, statements: Statements, table: Table, rows_by_key: Mapping[Any, Row | None]
) -> None:
    written = [row for row in rows_by_key.values() if row is not None]
    if written:
        statements.put[table].run(connection, written)
    removed = [(key,) for key, row in rows_by_key.items() if row is None]
    if removed:
        statements.delete[table].run(connection, removed)
