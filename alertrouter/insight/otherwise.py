"""What would have been told of an alert had something been otherwise, and what is still to come.

The record is played again without what held the alert back; what is to come is seen by letting its group go on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from alertrouter.core.labels import Labels
from alertrouter.core.matcher import MatchType
from alertrouter.core.receiver import Integration, Receiver
from alertrouter.engine.changes import AlertTransition, Changes
from alertrouter.insight.course import FOUND_OUT, Course, Message
from alertrouter.insight.explanation import Promise, inhibition, interval, silenced
from alertrouter.insight.record import Lapsed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from alertrouter.core.route import Route
    from alertrouter.core.routing import Routing
    from alertrouter.core.time import Moment
    from alertrouter.engine.decision import Flush
    from alertrouter.engine.engine import Engine
    from alertrouter.engine.group import AggregationGroup
    from alertrouter.engine.known import Known
    from alertrouter.engine.slot import Slot
    from alertrouter.insight.explanation import Cause, Told
    from alertrouter.insight.record import Event, Record

_MOST_CAUSES = 5
# So many flushes are looked ahead, and no more.
_MOST_FLUSHES = 500


def causes_of(engine: Engine, known: Known | None, group: AggregationGroup, at: Moment) -> list[Cause]:
    """What holds the alert back in this group at that moment, as a flush would see it."""
    if known is None:
        return []
    if inhibitors := engine.inhibitors(known, at):
        return [inhibition(each.source.labels, each.rule.name) for each in inhibitors]
    if names := engine.muted_by(group, at):
        return [interval(name) for name in names]
    return [silenced(silence) for silence in engine.silenced_by(known, at)]


class Otherwise:
    """The courses that things would have taken for one alert. ``begun_at``: when its episode began."""

    def __init__(self, record: Record, labels: Labels, begun_at: Moment, at: Moment) -> None:
        self._record = record
        self._labels = labels
        self._identity = labels.identity
        self._begun_at = begun_at
        self._at = at

    def promise(self, told: Told) -> Promise | None:
        """The message that would have come without the causes of there being none."""
        slot = told.slot
        match told.causes[0].kind:
            case "failure":
                given, message = "had it been taken", self._first(slot, lambda routing: routing)
            case "integration":
                given = "if it had an integration"
                message = self._first(slot, lambda routing: _with_integration(routing, slot.receiver))
            case "resolves":
                given = "with send_resolved: true"
                message = self._first(slot, lambda routing: _with_resolves(routing, slot), of_its_end=True)
            case _:
                return self._without(told)
        return None if message is None else Promise(message, (), slot.receiver, given)

    def _without(self, told: Told) -> Promise | None:
        """The message that would have come without the causes, and whatever would have taken their place."""
        causes: dict[str | int, Cause] = {cause.key: cause for cause in told.causes}
        for _ in range(_MOST_CAUSES):
            message, left = self._imagine(told.slot, causes)
            if message is not None:
                return Promise(message, [_short(cause) for cause in causes.values()], told.slot.receiver)
            fresh = {cause.key: cause for cause in left if cause.key not in causes}
            if not fresh:
                return None
            causes |= fresh
        return None

    def _imagine(self, slot: Slot, causes: dict[str | int, Cause]) -> tuple[Message | None, list[Cause]]:
        found: list[Message] = []

        def told(message: Message) -> None:
            if not found and message.slot == slot and self._identity in message.firing:
                found.append(message)

        course = Course(
            told=told,
            without=frozenset([key for key, cause in causes.items() if cause.kind != "interval"]),
            without_intervals=frozenset([c.name for c in causes.values() if c.kind == "interval"]),
        )
        group = self._play(course, self._labels, slot, found)
        if found or group is None:
            return (found[0] if found else None), []
        return None, causes_of(course.engine, course.engine.known.get(self._labels), group, self._at)

    def _first(
        self, slot: Slot, altered: Callable[[Routing], Routing], *, of_its_end: bool = False
    ) -> Message | None:
        """The first message to this receiver about the alert, had the configuration been altered."""
        found: list[Message] = []

        def told(message: Message) -> None:
            same = message.slot.group == slot.group and message.slot.receiver == slot.receiver
            if same and not found and slot.integration in {message.slot.integration, ""}:
                about = message.resolved if of_its_end else message.firing
                if self._identity in about:
                    found.append(message)

        self._play(Course(told=told, altered=altered), self._labels, slot, found)
        return found[0] if found else None

    def _play(
        self, course: Course, labels: Labels, slot: Slot, found: Sequence[Message]
    ) -> AggregationGroup | None:
        """Let a course take place until something is found; the group of the alert in the end if nothing is."""
        for event in self._events():
            course.happened(event if labels is self._labels else self._relabelled(event, labels))
            if found:
                return None
        course.until(self._at)
        known = course.engine.known.get(labels)
        group = None if known is None else next((g for g in known.groups if g.id == slot.group), None)
        if group is not None and not found:
            # Not within the time asked about, but at the next flush.
            course.until(group.due)
        return group

    def _events(self) -> Iterator[Event]:
        return self._record.events(self._begun_at, self._at + 1, leave_out=FOUND_OUT)

    # Had it other labels

    def near_miss(self, root: Route, reached: set[str]) -> Promise | None:
        """The first message to another receiver, were the one label different that kept a route from taking the alert."""
        for wanted in dict.fromkeys(_wanted(root, self._labels)):
            labels = Labels({**self._labels, wanted[0]: wanted[1]})
            fresh = [
                route
                for route in root.match(labels)
                if route.receiver.integrations and route.receiver.name not in reached
            ]
            if not fresh:
                continue
            found: list[Message] = []

            def told(
                message: Message, fresh: Sequence[Route] = fresh, identity: int = labels.identity
            ) -> None:
                to = {route.receiver.name for route in fresh}
                if not found and message.slot.receiver in to and identity in message.firing:  # noqa: B023 - called at once
                    found.append(message)  # noqa: B023 - called at once

            course = Course(told=told)
            for event in self._events():
                course.happened(self._relabelled(event, labels))
                if found:
                    break
            course.until(self._at)
            known = course.engine.known.get(labels)
            if not found and known is not None:
                for group in known.groups:
                    course.until(group.due)
            if found:
                return Promise(found[0], (), found[0].slot.receiver, f'with {wanted[0]}="{wanted[1]}"')
        return None

    def _relabelled(self, event: Event, labels: Labels) -> Event:
        if isinstance(event, AlertTransition) and event.alert.labels == self._labels:
            return replace(event, alert=replace(event.alert, labels=labels))
        if isinstance(event, Lapsed) and event.identity == self._identity:
            return replace(event, identity=labels.identity)
        return event

    # What is to come

    def ahead(self, engine: Engine, group: AggregationGroup) -> dict[Slot, Message]:
        """The next message about the alert to each integration of this group if nothing changes.

        The group goes on in this engine: it is of no use for other questions afterwards.
        """
        found: dict[Slot, Message] = {}
        last = self._at + group.route.repeat_interval + 2 * group.route.group_interval
        for _ in range(_MOST_FLUSHES):
            now = max(self._at, group.due if group.recheck is None else min(group.due, group.recheck))
            if group.open or group.closing or engine.group_by_id.get(group.id) is not group or now > last:
                break
            flushes: list[Flush] = []
            engine.flusher.turn(group, flushes, Changes(), now)
            for flush in flushes:
                for send in flush.sends:
                    if self._identity in {*send.firing, *send.resolved} - send.left_out.keys():
                        found.setdefault(
                            send.slot,
                            Message(now, send.slot, group.key, send.reason, send.firing, send.resolved),
                        )
                    engine.delivered(send, now)
            if len(found) == len(group.slots()):
                break
        return found


def _short(cause: Cause) -> str:
    return f"{_KINDS[cause.kind]} {cause.name}"


_KINDS = {"silence": "silence", "inhibition": "the alert", "interval": "the time interval"}


def _wanted(route: Route, labels: Labels) -> Iterator[tuple[str, str]]:
    """The labels each of which a route below this one misses to take the alert: those of one matcher that fails."""
    for child in route.routes:
        failing = [each for each in child.matchers if not each.matches(labels.get(each.name, ""))]
        if not failing:
            yield from _wanted(child, labels)
            if not child.continues:
                return
        elif len(failing) == 1 and failing[0].type is MatchType.EQUAL and failing[0].value:
            yield failing[0].name, failing[0].value


def _with_integration(routing: Routing, receiver: str) -> Routing:
    return _with_receiver(
        routing, receiver, lambda _: [Integration(kind="webhook", index=0, send_resolved=True)]
    )


def _with_resolves(routing: Routing, slot: Slot) -> Routing:
    return _with_receiver(
        routing,
        slot.receiver,
        lambda receiver: [
            replace(each, send_resolved=each.send_resolved or each.key == slot.integration)
            for each in receiver.integrations
        ],
    )


def _with_receiver(
    routing: Routing, name: str, integrations: Callable[[Receiver], Sequence[Integration]]
) -> Routing:
    """A routing in which a receiver has these integrations."""

    def altered(route: Route) -> Route:
        receiver = route.receiver
        if receiver.name == name:
            receiver = replace(receiver, integrations=integrations(receiver))
        return replace(route, receiver=receiver, routes=[altered(child) for child in route.routes])

    return replace(routing, route=altered(routing.route))
