"""Why some alerts would be told of otherwise: the way of each under either configuration, once it is known who they are.

The record is played again, on the same two courses as for the comparison, and no further than these alerts need.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from alertrouter.engine.changes import AlertTransition
from alertrouter.insight.course import FOUND_OUT, Course
from alertrouter.insight.explain import Explainer
from alertrouter.insight.record import Lapsed, moment_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from alertrouter.core.labels import Labels
    from alertrouter.core.routing import Routing
    from alertrouter.core.time import Moment
    from alertrouter.engine.changes import DecisionRecord
    from alertrouter.engine.engine import Engine
    from alertrouter.insight.explanation import Explanation
    from alertrouter.insight.record import Event, Record


class Episode(NamedTuple):
    """An alert that fired at ``begun_at``, and the moment as of which its way is asked for."""

    labels: Labels
    begun_at: Moment
    at: Moment


class Ways(NamedTuple):
    """An alert's way under one configuration and under the other."""

    before: Explanation
    after: Explanation


def explain_episodes(
    record: Record,
    episodes: Sequence[Episode],
    *,
    before: Routing | None,
    after: Routing,
    since: Moment,
) -> list[Ways]:
    """The ways of these alerts, in their order, as ``difference.compare`` with the same arguments found them."""
    if not episodes:
        return []
    sides = [_Side(record, episodes, routing, since) for routing in (before, after)]
    last = max(episode.at for episode in episodes)
    for event in record.events(since, last + 1, leave_out=FOUND_OUT):
        for side in sides:
            side.happened(event)
    for side in sides:
        side.until(last)
    return [
        Ways(side_before, side_after)
        for side_before, side_after in zip(*[side.found() for side in sides], strict=True)
    ]


@dataclass(slots=True)
class _Asked:
    """A question that is open, or its answer."""

    episode: Episode
    explainer: Explainer
    found: Explanation | None = field(default=None)


class _Side:
    """One course, and what is asked about it."""

    def __init__(
        self, record: Record, episodes: Sequence[Episode], routing: Routing | None, since: Moment
    ) -> None:
        self._course = Course(routing=routing, since=since, told=_nothing, decided=self._decided)
        engine: Callable[[], Engine] = lambda: self._course.engine  # noqa: E731 - there is none yet
        self._asked = [
            _Asked(each, Explainer(record, each.labels, each.begun_at, each.at, engine)) for each in episodes
        ]
        self._open = sorted(self._asked, key=lambda asked: asked.episode.at)

    def happened(self, event: Event) -> None:
        """The next event of the record."""
        at = moment_of(event)
        while self._open and self._open[0].episode.at < at and self._course.has_begun:
            self._answer(self._open[0])
        self._course.happened(event)
        if isinstance(event, AlertTransition | Lapsed):
            for asked in self._open:
                if asked.episode.begun_at <= at:
                    asked.explainer.note(event)

    def until(self, moment: Moment) -> None:
        """Nothing comes any more up to this moment."""
        while self._open:
            self._answer(self._open[0])
        self._course.until(moment)

    def found(self) -> list[Explanation]:
        """The answers."""
        return [asked.found for asked in self._asked if asked.found is not None]

    def _answer(self, asked: _Asked) -> None:
        self._course.until(asked.episode.at)
        asked.found = asked.explainer.explain()
        self._open.remove(asked)

    def _decided(self, record: DecisionRecord) -> None:
        for asked in self._open:
            if asked.episode.begun_at <= record.at <= asked.episode.at:
                asked.explainer.note(record)


def _nothing(_: object) -> None:
    """Every message is told of as a decision, too."""
