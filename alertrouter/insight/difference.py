"""What another configuration would have changed: two courses through one record, side by side.

Messages are counted per receiver, day and night. Alerts are compared by episode: who was told of one, and when first.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from alertrouter.core.time import SECOND
from alertrouter.engine.changes import AlertTransition, Transition
from alertrouter.insight.changed import Episode, explain_episodes
from alertrouter.insight.course import FOUND_OUT, Course, Kept, Message

if TYPE_CHECKING:
    from alertrouter.core.labels import Labels
    from alertrouter.core.routing import Routing
    from alertrouter.core.time import Duration, Moment
    from alertrouter.insight.changed import Ways
    from alertrouter.insight.record import Event, Record

NIGHT_BEGINS = 22
NIGHT_ENDS = 7
# Messages that come this close to each other come at the same time.
_SAME_TIME = SECOND
_LARGEST = 10
_MOST = 10_000

BEFORE, AFTER = 0, 1


class Change(NamedTuple):
    """What happened to some alerts alike. ``kind``: lost, gained, moved, later or earlier; ``by``: what keeps them back."""

    kind: str
    alertname: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    by: str


@dataclass(slots=True)
class Example:
    """How often a change happened, and to whom first.

    ``at`` is when that alert fired, ``shown_at`` when it can be seen: when the last was told of it. ``ways`` are there for
    the largest changes.
    """

    labels: Labels
    at: Moment
    shown_at: Moment
    alerts: int = 0
    longest: Duration = 0
    ways: Ways | None = None


@dataclass(slots=True)
class _Episode:
    labels: Labels
    at: Moment
    told: tuple[dict[str, Moment], dict[str, Moment]] = field(default_factory=lambda: ({}, {}))
    kept: list[str] = field(default_factory=lambda: ["", ""])


@dataclass(slots=True)
class Differences:
    """Two courses compared. Counts come in pairs: before and after the change.

    ``more_unrouted``: there are more alerts that would reach nobody than are named.
    """

    since: Moment = 0
    until: Moment = 0
    transitions: int = 0
    by_receiver: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    by_day: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    by_night: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    changes: dict[Change, Example] = field(default_factory=dict)
    alerts_by_kind: Counter[str] = field(default_factory=Counter)
    unrouted: dict[Labels, Moment] = field(default_factory=dict)
    more_unrouted: bool = False
    newly_suppressed: Counter[str] = field(default_factory=Counter)

    @property
    def new_messages(self) -> int:
        """How many more messages receivers get, without what others get less."""
        return sum(max(0, after - before) for before, after in self.by_receiver.values())

    @property
    def lost_messages(self) -> int:
        """How many messages receivers get less, without what others get more."""
        return sum(max(0, before - after) for before, after in self.by_receiver.values())

    def alerts(self, kind: str) -> int:
        """How many alerts are lost, gained, moved, later or earlier."""
        return self.alerts_by_kind[kind]

    def largest(self) -> list[tuple[Change, Example]]:
        """The changes that concern most alerts."""
        order = sorted(self.changes.items(), key=lambda each: (_WEIGHT[each[0].kind], -each[1].alerts))
        return sorted(order, key=lambda each: -each[1].alerts)[:_LARGEST]


_WEIGHT = {"lost": 0, "moved": 1, "later": 2, "gained": 3, "earlier": 4}


def compare(
    record: Record,
    *,
    before: Routing | None,
    after: Routing,
    since: Moment,
    until: Moment,
    zone: dt.tzinfo | None = dt.UTC,
) -> Differences:
    """Play a record under two configurations; ``before`` None for those that were in force. Raises RecordError."""
    comparison = Comparison(before, after, since, zone)
    for event in record.events(since, until, leave_out=FOUND_OUT):
        comparison.happened(event)
    found = comparison.end(min(until, record.complete_until))
    examples = [example for _, example in found.largest()]
    episodes = [Episode(example.labels, example.at, example.shown_at) for example in examples]
    ways = explain_episodes(record, episodes, before=before, after=after, since=since)
    for example, each in zip(examples, ways, strict=True):
        example.ways = each
    return found


class Comparison:
    """Two courses side by side, and what differs so far. Of changes and alerts without a receiver no more than ``most`` are
    kept: what a record keeps in memory does not grow with its length.
    """

    def __init__(
        self,
        before: Routing | None,
        after: Routing,
        since: Moment,
        zone: dt.tzinfo | None = dt.UTC,
        *,
        most: int = _MOST,
    ) -> None:
        self._most = most
        self._found = Differences(since=since)
        self._since = since
        self._zone = zone
        self._episodes: dict[int, _Episode] = {}
        self._day: tuple[Moment, Moment, str, bool] = (1, 0, "", False)
        self._courses = (
            Course(
                routing=before,
                since=since,
                told=lambda message: self._told(BEFORE, message),
                kept=lambda kept: self._kept(BEFORE, kept),
            ),
            Course(
                routing=after,
                since=since,
                told=lambda message: self._told(AFTER, message),
                kept=lambda kept: self._kept(AFTER, kept),
            ),
        )

    def happened(self, event: Event) -> None:
        if isinstance(event, AlertTransition):
            self._note(event)
        for course in self._courses:
            course.happened(event)

    def end(self, until: Moment) -> Differences:
        for course in self._courses:
            if course.has_begun:
                course.until(until)
        for episode in self._episodes.values():
            self._close(episode)
        self._found.until = until
        return self._found

    def _note(self, event: AlertTransition) -> None:
        identity = event.alert.labels.identity
        if event.kind is Transition.COLLECTED or event.kind is Transition.FIRED:
            episode = self._episodes.pop(identity, None)
            if episode is not None:
                for course in self._courses:
                    course.until(event.at)
                self._close(episode)
        if event.at >= self._since:
            self._found.transitions += 1
            if event.kind is Transition.FIRED:
                self._episodes[identity] = _Episode(event.alert.labels, event.at)

    def _told(self, side: int, message: Message) -> None:
        if message.at < self._since:
            return
        receiver = message.slot.receiver
        self._found.by_receiver[receiver][side] += 1
        day, is_night = self._calendar(message.at)
        self._found.by_day[day][side] += 1
        if is_night:
            self._found.by_night[receiver][side] += 1
        for identity in message.firing:
            episode = self._episodes.get(identity)
            if episode is not None:
                episode.told[side].setdefault(receiver, message.at)

    def _kept(self, side: int, kept: Kept) -> None:
        for identity, causes in kept.muted.items():
            episode = self._episodes.get(identity)
            if episode is not None:
                episode.kept[side] = ", ".join(map(_general, causes))

    def _calendar(self, at: Moment) -> tuple[str, bool]:
        since, until, day, is_night = self._day
        if not since <= at < until:
            local = dt.datetime.fromtimestamp(at // SECOND, self._zone)
            day, is_night = local.date().isoformat(), not NIGHT_ENDS <= local.hour < NIGHT_BEGINS
            # Zones differ by quarters of an hour.
            quarter = at // SECOND // 900 * 900
            self._day = (quarter * SECOND, (quarter + 900) * SECOND, day, is_night)
        return day, is_night

    # Episodes

    def _close(self, episode: _Episode) -> None:
        before, after = episode.told
        if before and not after:
            self._lost(episode)
        elif after and not before:
            self._change("gained", episode)
        elif before.keys() != after.keys():
            self._change("moved", episode)
        elif before:
            delay = max((after[receiver] - at for receiver, at in before.items()), key=abs)
            if abs(delay) >= _SAME_TIME:
                self._change("later" if delay > 0 else "earlier", episode, delay=abs(delay))
        elif self._reaches_nobody(episode.labels, AFTER) and not self._reaches_nobody(episode.labels, BEFORE):
            self._unrouted(episode)

    def _unrouted(self, episode: _Episode) -> None:
        unrouted = self._found.unrouted
        if len(unrouted) < self._most:
            unrouted.setdefault(episode.labels, episode.at)
        elif episode.labels not in unrouted:
            self._found.more_unrouted = True

    def _lost(self, episode: _Episode) -> None:
        if self._reaches_nobody(episode.labels, AFTER):
            self._unrouted(episode)
            self._change("lost", episode, by="no receiver with an integration")
            return
        by = episode.kept[AFTER]
        if by and by != episode.kept[BEFORE]:
            self._found.newly_suppressed[by] += 1
        self._change("lost", episode, by=by or "it is over before its group is flushed")

    def _reaches_nobody(self, labels: Labels, side: int) -> bool:
        routes = self._courses[side].engine.routing.route.match(labels)
        return not any(route.receiver.integrations for route in routes)

    def _change(self, kind: str, episode: _Episode, *, by: str = "", delay: Duration = 0) -> None:
        before, after = (tuple(sorted(told)) for told in episode.told)
        change = Change(kind, episode.labels.get("alertname", ""), before, after, by)
        example = self._found.changes.get(change)
        if example is None:
            shown_at = max(chain.from_iterable(told.values() for told in episode.told))
            if len(self._found.changes) >= 2 * self._most:
                self._forget_small()
            example = self._found.changes[change] = Example(episode.labels, episode.at, shown_at)
        self._found.alerts_by_kind[kind] += 1
        example.alerts += 1
        example.longest = max(example.longest, delay)

    def _forget_small(self) -> None:
        """Of so many changes the small ones are not among the largest in the end."""
        changes = self._found.changes
        largest = sorted(changes.items(), key=lambda each: each[1].alerts, reverse=True)
        self._found.changes = dict(largest[: self._most])


def _general(cause: str) -> str:
    """A cause without the alert that it is due to."""
    kind, _, rest = cause.partition(":")
    return f"inhibition:{rest.rpartition(':')[0]}".rstrip(":") if kind == "inhibition" else cause
