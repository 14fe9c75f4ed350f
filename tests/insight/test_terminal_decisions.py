"""Each alert of each flush has one terminal decision for each integration, the record tells it, and it is true."""

from __future__ import annotations

import os
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from alertrouter.core.reason import NotSent
from alertrouter.core.silence import SilenceState
from alertrouter.core.time import LATEST
from alertrouter.engine.changes import DecisionRecord, Outcome
from alertrouter.engine.milestones import Started
from alertrouter.engine.slot import Slot
from alertrouter.insight.terminal import FlushEnds, Flushes, ends_of
from alertrouter.insight.verify import verify
from tests.insight.lives import happenings, lived
from tests.strategies import Event as Deed
from tests.strategies import configurations, stories
from tests.timeline import HOOK, Answer, Timeline, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from alertrouter.core.time import Moment
    from alertrouter.engine.engine import Engine
    from alertrouter.engine.group import AggregationGroup
    from alertrouter.engine.known import Known

# STORIES=20000 tries so many, other ones each time; without it they are the same each time.
STORIES = int(os.environ.get("STORIES", "0"))

INHIBITION = """
inhibit_rules:
  - source_matchers: [sev="crit"]
    target_matchers: [sev="warn"]
"""


class Member(NamedTuple):
    """An alert in a flush as it is seen from outside: whether it fires, and what keeps it back."""

    identity: int
    fires: bool
    causes: frozenset[str]


class Turn(NamedTuple):
    """A flush of a group, before the event of the record with this number. ``life``: of which process."""

    before: int
    life: int
    at: Moment
    tick: Moment
    # And whether resolves are wanted.
    slots: dict[Slot, bool]
    members: list[Member]


class Witness:
    """Looks at every group before it is flushed, and tells by the rules of the book what keeps its members back."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []

    def __call__(self, t: Timeline) -> Callable[[], None]:
        now = t.now
        seen = [
            (
                group,
                group.flush_number,
                [(known, known.ends_at > now, *_kept(t.engine, known, now)) for known in group.members],
            )
            for group in t.engine.groups
            if not group.closing
        ]

        def flushed() -> None:
            for group, number, members in seen:
                if group.flush_number != number:
                    self._flushed(t, group, members)

        return flushed

    def _flushed(
        self,
        t: Timeline,
        group: AggregationGroup,
        members: list[tuple[Known, bool, frozenset[str], frozenset[str]]],
    ) -> None:
        tick = group.tick
        assert tick is not None
        muting = frozenset([f"interval:{name}" for name in _muting(t.engine, group, tick)])
        slots = {slot: integration.send_resolved for slot, integration in group.slots()}
        if not slots:
            slots = {Slot(group.id, group.route.receiver.name, ""): False}
        self.turns.append(
            Turn(
                len(t.store.events),
                t.lives,
                t.now,
                tick,
                slots,
                # Inhibition goes before intervals, and those before silences.
                [
                    Member(known.labels.identity, fires, inhibiting or muting or silencing)
                    for known, fires, inhibiting, silencing in members
                ],
            )
        )


def _kept(engine: Engine, known: Known, now: Moment) -> tuple[frozenset[str], frozenset[str]]:
    inhibiting = [
        f"inhibition:{rule.name}:{source.labels.fingerprint_text}"
        for rule in engine.routing.inhibition_rules
        if rule.target.match(known.labels)
        for source in engine.known.values()
        if source.ends_at > now and rule.source.match(source.labels)
        if all(source.labels.get(name, "") == known.labels.get(name, "") for name in rule.equal)
        # What is a source and a target of a rule is not inhibited by what is both as well.
        if not (rule.source.match(known.labels) and rule.target.match(source.labels))
    ]
    silencing = [
        f"silence:{silence.id}"
        for silence in engine.silences.values()
        if silence.state(now) is SilenceState.ACTIVE and silence.covers(known.labels)
    ]
    return frozenset(inhibiting), frozenset(silencing)


def _muting(engine: Engine, group: AggregationGroup, tick: Moment) -> list[str]:
    intervals, route = engine.routing.time_intervals, group.route
    active = route.active_time_intervals
    if active and not any(intervals[name].contains(tick) for name in active):
        return list(active)
    return [name for name in route.mute_time_intervals if intervals[name].contains(tick)]


def ends_by_record(t: Timeline, turns: list[Turn]) -> list[list[FlushEnds]]:
    """What the record tells of these flushes: a list for each, with its integrations in order."""
    flushes = Flushes()
    waiting = list(turns)
    for number, event in enumerate(t.store.events):
        while waiting and waiting[0].before <= number:
            _flushed(flushes, waiting.pop(0))
        flushes.happened(event)
    for turn in waiting:
        _flushed(flushes, turn)
    done = iter(flushes.done)
    return [[next(done) for _ in turn.slots] for turn in turns]


def _flushed(flushes: Flushes, turn: Turn) -> None:
    for slot in turn.slots:
        flushes.flushed(slot, turn.tick, [each.identity for each in turn.members])


@settings(max_examples=STORIES or 250, derandomize=not STORIES, deadline=None)
@given(stories, happenings, st.tuples(configurations, configurations), st.integers(0, 1000))
def test_each_alert_of_each_flush_has_one_terminal_decision_and_it_is_true(
    story: list[Deed], happened: list[tuple[int, str]], configs: tuple[str, str], seed: int
) -> None:
    witness = Witness()
    first, other = configs
    t = lived(story, happened, seed, begin=first, edit=other, back=first, witness=witness)
    # Those that say sent are exactly the messages that came, alert by alert.
    lines = [event for event in t.store.events if isinstance(event, DecisionRecord)]
    said = [
        (line.slot, line.tick, frozenset(each for each, end in ends_of(line).items() if end.why_not is None))
        for line in lines
        if line.outcome is Outcome.SENT
    ]
    came = [
        (send.slot, send.tick, frozenset(alert.labels.identity for alert in send.notification.alerts))
        for _, send in t.messages
    ]
    assert said == came
    heard = Heard(t, witness.turns)
    for turn, flushes in zip(witness.turns, ends_by_record(t, witness.turns), strict=True):
        for flush, wants_resolves in zip(flushes, turn.slots.values(), strict=True):
            assert flush.ends.keys() == {each.identity for each in turn.members}
            if (turn.life, flush.slot, flush.tick) in heard.on_their_way:
                continue
            for member in turn.members:
                check(flush, member, turn, heard, wants_resolves=wants_resolves)
    verdict = verify(t.record(), 0, LATEST)
    assert not verdict.differing, verdict.differences


class Heard:
    """What the receivers heard, as they know it."""

    def __init__(self, t: Timeline, turns: list[Turn]) -> None:
        told = set()
        life = 0
        for event in t.store.events:
            if isinstance(event, Started):
                life += 1
            elif isinstance(event, DecisionRecord):
                told.add((life, event.slot, event.tick))
        tried = {(attempt.life, attempt.send.slot, attempt.send.tick) for attempt in t.attempts}
        # Nobody knows what became of these, as the process ended before; or not yet.
        self.cut_off = {(life, slot, tick) for life, slot, tick in tried - told if life < t.lives}
        self.on_their_way = tried - told - self.cut_off
        self.failed = {(a.send.slot, a.send.tick) for a in t.attempts if a.answer.kind != "ok"}
        self._messages: dict[tuple[Slot, int], list[tuple[Moment, int, bool]]] = {}
        for life, send in t.messages:
            for alert in send.notification.alerts:
                identity = alert.labels.identity
                heard = self._messages.setdefault((send.slot, identity), [])
                heard.append((send.tick, life, identity in send.firing))

        # The flushes that found an alert over.
        self._over: dict[tuple[Slot, int], list[tuple[int, Moment]]] = {}
        for turn in turns:
            for slot, member in product(turn.slots, turn.members):
                if not member.fires:
                    self._over.setdefault((slot, member.identity), []).append((turn.life, turn.tick))

    def seen_over(self, slot: Slot, identity: int, turn: Turn) -> bool:
        """Whether a flush before this one found the alert over, after the last message that told of it."""
        told = max(
            (life, tick)
            for tick, life, _ in self._messages[slot, identity]
            if (life, tick) < (turn.life, turn.tick)
        )
        return any(told < each < (turn.life, turn.tick) for each in self._over.get((slot, identity), ()))

    def at(self, slot: Slot, identity: int, turn: Turn) -> bool:
        """Whether a message of this flush told of the alert."""
        return any(
            tick == turn.tick and life == turn.life
            for tick, life, _ in self._messages.get((slot, identity), ())
        )

    def last(self, slot: Slot, identity: int, turn: Turn) -> bool | None:
        """Whether the last message of an earlier flush that told of the alert said that it fires; None when none did."""
        before = [
            fires
            for tick, life, fires in self._messages.get((slot, identity), ())
            if tick < turn.tick or life < turn.life
        ]
        return before[-1] if before else None


def check(flush: FlushEnds, member: Member, turn: Turn, heard: Heard, *, wants_resolves: bool) -> None:
    """The end of one alert in one flush is what was seen from outside."""
    slot, tick, identity = flush.slot, flush.tick, member.identity
    end = flush.ends[identity]
    assert ((turn.life, slot, tick) in heard.cut_off) == (end.why_not is NotSent.UNKNOWN)
    last = heard.last(slot, identity, turn)
    # What an attempt made later came upon is another matter.
    at_once = flush.line is None or flush.line.at == turn.at
    if at_once and member.causes and end.why_not not in {NotSent.NO_INTEGRATION, NotSent.UNKNOWN}:
        assert end.causes or (not member.fires and end.why_not is not NotSent.DEDUPLICATED), "it is muted"
    if end.causes:
        assert end.why_not in {NotSent.INHIBITED, NotSent.SILENCED, NotSent.MUTED}
        assert not at_once or member.causes >= set(end.causes), "it is muted by that"
        return
    match end.why_not:
        case None:
            assert heard.at(slot, identity, turn)
        case NotSent.DEDUPLICATED:
            assert last is not None, "it was told before"
            assert not at_once or last is member.fires, "and what was told is still so"
        case NotSent.NOTHING_TO_ANNOUNCE:
            assert not at_once or not member.fires
            assert not last or (not wants_resolves and heard.seen_over(slot, identity, turn)), "it was told"
        case NotSent.RESOLVES_NOT_WANTED:
            assert not wants_resolves
            assert last, "nobody was told that it fires"
            assert not at_once or not member.fires
        case NotSent.FAILED:
            assert (slot, tick) in heard.failed
        case NotSent.NO_INTEGRATION:
            assert not slot.integration
        case NotSent.UNKNOWN:
            assert not heard.at(slot, identity, turn)
        case NotSent.ROUTE_GONE:
            assert flush.line is not None
            assert flush.line.at > turn.at, "it was gone later"
        case _:
            raise AssertionError(end)


def test_of_a_message_that_was_cut_off_nobody_knows_whom_it_told() -> None:
    config = HOOK.replace("group_by: [alertname]", "group_by: ['...']") + INHIBITION
    witness = Witness()
    t = Timeline(config, answers=lambda _to, _at: Answer(after=20), witness=witness)
    t.at(0).fire("S", sev="crit", ends=100).fire("T", sev="warn")
    # T is free at 100, and its message on its way until 120.
    t.at(110).stop().restart(down_since=103, end_grace=15)
    t.until(130)
    known = t.known("T", sev="warn")
    assert known is not None
    who = known.labels.identity
    ends = [
        (seconds(flush.tick), flush.ends[who].why_not)
        for flushes in ends_by_record(t, witness.turns)
        for flush in flushes
        if who in flush.ends
    ]
    assert ends == [(30, NotSent.INHIBITED), (100, NotSent.UNKNOWN), (110, None)]
    # A start that finds nothing to be unsure of tells of nothing.
    t.stop().restart(down_since=125, end_grace=15)
    starts = [event for event in t.store.events if isinstance(event, Started)]
    assert [[seconds(at) for at in start.cut_off.values()] for start in starts] == [[], [100], []]
