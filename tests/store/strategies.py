"""Things for hypothesis to make up: all that the store is given to remember."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st

from alertrouter.core.alert import Alert
from alertrouter.core.labels import Labels
from alertrouter.core.matcher import Matcher, Matchers, MatchType
from alertrouter.core.reason import FailureReason, NotSent, Reason
from alertrouter.core.rule_state import (
    AlertState,
    EvaluatedGroup,
    RuleAlertState,
    RuleChanges,
    StoredRuleAlert,
)
from alertrouter.core.silence import Silence
from alertrouter.core.time import EARLIEST, LATEST, Moment
from alertrouter.delivery.attempt import AttemptRecord
from alertrouter.engine.changes import (
    AlertTransition,
    Changes,
    DecisionRecord,
    GroupState,
    LogEntry,
    Outcome,
    SilenceChange,
    StoredState,
    Transition,
)
from alertrouter.engine.slot import GroupId, Slot

# Neither database could hold other text; the door for alerts lets none pass.
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
stored_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10)
moments = st.integers(EARLIEST, LATEST)
identities = st.integers(0, 2**64 - 1)
texts = st.dictionaries(text, text, max_size=4)
# Few label sets, so that the same one comes again and again.
label_sets = st.sampled_from(
    [
        Labels({"alertname": "A"}),
        Labels({"alertname": "A", "instance": 'ö"\\\n\0'}),
        Labels({"alertname": "B", "": "x"}),
        Labels({"zone": "1", "alertname": "C", "_": "", "ü": "🔥"}),
    ]
)

alerts = st.builds(
    Alert,
    labels=label_sets,
    annotations=texts.map(Labels),
    starts_at=moments,
    ends_at=moments,
    updated_at=moments,
    generator_url=stored_text,
    timeout=st.booleans(),
    starts_offset=st.integers(-86_400, 86_400),
    ends_offset=st.integers(-86_400, 86_400),
)
transitions = st.builds(
    AlertTransition,
    at=moments,
    kind=st.sampled_from(Transition),
    alert=alerts,
    replaced=st.none() | texts.map(Labels),
)
group_ids = st.builds(GroupId, st.sampled_from(["root", "root/1", "ops"]), label_sets)
groups = st.builds(
    GroupState,
    id=group_ids,
    receiver=stored_text,
    key=stored_text,
    path=stored_text,
    created_at=moments,
    due=moments,
    tick=st.none() | moments,
    settled_at=st.none() | moments,
    flush_number=st.integers(0, 2**40),
    held=st.booleans(),
)
slots = st.builds(
    Slot, group_ids, st.sampled_from(["team", "tëam"]), st.sampled_from(["webhook/0", "email/x"])
)
entries = st.builds(
    LogEntry,
    slot=slots,
    group_key=stored_text,
    revision=st.integers(1, 2**40),
    flushed_at=moments,
    sent_at=moments,
    firing=st.frozensets(identities, max_size=4),
    resolved=st.frozensets(identities, max_size=4),
    pending=st.frozensets(identities, max_size=4),
    receiver_data=st.dictionaries(
        text,
        text | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False),
        max_size=3,
    ),
    expires_at=moments,
)
matchers = st.lists(
    st.one_of(
        st.builds(Matcher, text, st.sampled_from([MatchType.EQUAL, MatchType.NOT_EQUAL]), text),
        st.builds(
            Matcher,
            text,
            st.sampled_from([MatchType.REGEX, MatchType.NOT_REGEX]),
            st.sampled_from(["a|b", ".*", "[ä-ü]+", "x\\\\d{2}"]),
        ),
    ),
    max_size=3,
).map(Matchers)
silence_ids = st.sampled_from(["one", "two", "three"])
silences = st.builds(
    Silence,
    id=silence_ids,
    matcher_sets=st.lists(matchers, min_size=1, max_size=2),
    starts_at=moments,
    ends_at=moments,
    updated_at=moments,
    created_by=stored_text,
    comment=stored_text,
    annotations=texts,
)
decisions = st.builds(
    DecisionRecord,
    at=moments,
    slot=slots,
    group_key=st.just("key"),
    tick=moments,
    flush_number=st.integers(0, 2**40),
    outcome=st.sampled_from(Outcome),
    reason=st.none() | st.sampled_from(Reason),
    why_not=st.none() | st.sampled_from(NotSent),
    firing=st.lists(identities, max_size=3).map(tuple),
    resolved=st.lists(identities, max_size=3).map(tuple),
    muted=st.dictionaries(identities, st.lists(text, max_size=2), max_size=2),
    left_out=st.dictionaries(identities, st.sampled_from(NotSent), max_size=2),
    attempts=st.integers(0, 100),
    error=stored_text,
    failure=st.none() | st.sampled_from(FailureReason),
    possible_duplicate=st.booleans(),
)
attempts = st.builds(
    AttemptRecord,
    slot=slots,
    tick=moments,
    number=st.integers(1, 1000),
    started_at=moments,
    latency=st.integers(0, 2**50),
    error=stored_text,
    reason=st.none() | st.sampled_from(FailureReason),
)

rules = st.sampled_from([0, 7, 2**64 - 1])
rule_alerts = st.builds(
    StoredRuleAlert,
    rules,
    st.builds(
        RuleAlertState,
        labels=label_sets,
        annotations=texts.map(Labels),
        value=st.floats(allow_nan=False) | st.just("{count:3, sum:1}"),
        state=st.sampled_from(AlertState),
        active_at=moments,
        fired_at=st.none() | moments,
        keep_firing_since=st.none() | moments,
        resolved_at=st.none() | moments,
        last_sent_at=st.none() | moments,
    ),
)


def few(values: st.SearchStrategy[object]) -> st.SearchStrategy[list[object]]:
    """Rarely many."""
    return st.lists(values, max_size=2)


changes = st.builds(
    Changes,
    alerts=few(alerts),
    collected_alerts=few(label_sets),
    transitions=few(transitions),
    groups=few(groups),
    removed_groups=few(group_ids),
    entries=few(entries),
    removed_entries=few(slots),
    silences=few(st.builds(SilenceChange, at=moments, action=stored_text, silence=silences)),
    removed_silences=few(silence_ids),
    decisions=few(decisions),
)
rule_changes = st.builds(
    RuleChanges,
    alerts=few(rule_alerts),
    removed_alerts=few(st.tuples(rules, label_sets)),
    groups=few(st.builds(EvaluatedGroup, st.sampled_from(["a.yml;node", "ö;"]), moments)),
    removed_groups=few(st.sampled_from(["a.yml;node", "ö;"])),
)


@dataclass
class Remembered:
    """What a store must remember: the plainest account of it, to compare with."""

    alerts: dict[Labels, Alert] = field(default_factory=dict)
    groups: dict[GroupId, GroupState] = field(default_factory=dict)
    entries: dict[Slot, LogEntry] = field(default_factory=dict)
    silences: dict[str, Silence] = field(default_factory=dict)
    intents: dict[Slot, Moment] = field(default_factory=dict)
    rule_alerts: dict[tuple[int, Labels], StoredRuleAlert] = field(default_factory=dict)
    rule_groups: dict[str, EvaluatedGroup] = field(default_factory=dict)

    def add(self, changes: Changes) -> None:
        """Later versions count; what is both written and removed in one event is removed."""
        self.alerts |= {alert.labels: alert for alert in changes.alerts}
        self.groups |= {group.id: group for group in changes.groups}
        self.entries |= {entry.slot: entry for entry in changes.entries}
        self.silences |= {change.silence.id: change.silence for change in changes.silences}
        for labels in changes.collected_alerts:
            self.alerts.pop(labels, None)
        for group_id in changes.removed_groups:
            self.groups.pop(group_id, None)
        for slot in changes.removed_entries:
            self.entries.pop(slot, None)
        for silence_id in changes.removed_silences:
            self.silences.pop(silence_id, None)
        for entry in changes.entries:
            self.intents.pop(entry.slot, None)
        for record in changes.decisions:
            if record.outcome is not Outcome.NOT_SENT or record.attempts:
                self.intents.pop(record.slot, None)

    def add_rules(self, changes: RuleChanges) -> None:
        """The same for the evaluation of rules."""
        self.rule_alerts |= {(each.rule, each.alert.labels): each for each in changes.alerts}
        self.rule_groups |= {group.key: group for group in changes.groups}
        for removed in changes.removed_alerts:
            self.rule_alerts.pop(removed, None)
        for key in changes.removed_groups:
            self.rule_groups.pop(key, None)

    def state(self) -> StoredState:
        """All of it."""
        return StoredState(
            alerts=list(self.alerts.values()),
            groups=list(self.groups.values()),
            entries=list(self.entries.values()),
            silences=list(self.silences.values()),
            intents=dict(self.intents),
            rule_alerts=list(self.rule_alerts.values()),
            rule_groups=list(self.rule_groups.values()),
        )

    @classmethod
    def of(cls, state: StoredState) -> Remembered:
        """What was loaded, to compare."""
        return cls(
            {alert.labels: alert for alert in state.alerts},
            {group.id: group for group in state.groups},
            {entry.slot: entry for entry in state.entries},
            {silence.id: silence for silence in state.silences},
            dict(state.intents),
            {(each.rule, each.alert.labels): each for each in state.rule_alerts},
            {group.key: group for group in state.rule_groups},
        )
