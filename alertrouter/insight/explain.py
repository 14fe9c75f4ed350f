"""Why an alert was told of or not: its way, as it was at some moment, and what would have been without what held it back.

The record is replayed up to the moment that is asked about, so the answer is what the engine knew then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from alertrouter.core.reason import NotSent
from alertrouter.core.time import DAY, SECOND, format_rfc3339
from alertrouter.delivery.attempt import AttemptRecord
from alertrouter.engine.changes import AlertTransition, DecisionRecord, Outcome, Transition
from alertrouter.engine.milestones import Checkpointed, Started
from alertrouter.engine.slot import Slot
from alertrouter.insight.course import Course, Message
from alertrouter.insight.record import Lapsed, RecordError
from alertrouter.insight.verify import Reenactment
from alertrouter.insight.ways import routes_tried

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from alertrouter.core.labels import Labels
    from alertrouter.core.matcher import Matchers
    from alertrouter.core.silence import Silence
    from alertrouter.core.time import Moment
    from alertrouter.engine.engine import Engine
    from alertrouter.engine.group import AggregationGroup
    from alertrouter.engine.known import Known
    from alertrouter.insight.record import Record

_MOST_CANDIDATES = 20
_MOST_LINES = 12


class UnknownAlertError(RecordError):
    """No such alert is in the record."""


class AmbiguousError(RecordError):
    """Several alerts are meant; ``candidates`` are some of them, of ``count``."""

    def __init__(self, candidates: Sequence[Labels], count: int) -> None:
        names = "".join(f"\n  {labels.text()}" for labels in candidates)
        more = f"\n  and {count - len(candidates)} more" if count > len(candidates) else ""
        super().__init__(f"{count} alerts match: say which one is meant{names}{more}")
        self.candidates = candidates
        self.count = count


class Promise(NamedTuple):
    """The message that would have been, had the causes not been. ``without`` names them for people."""

    message: Message
    without: Sequence[str]
    receiver: str


class Cause(NamedTuple):
    """What holds an alert back. ``kind``: silence, inhibition, interval; ``name``: its id, the source, its name."""

    kind: str
    name: str
    text: str
    key: str | int


@dataclass(slots=True)
class Told:
    """What one integration was told of the alert, or why not."""

    slot: Slot
    text: str
    sent_at: Moment | None = None
    why_not: NotSent | None = None
    causes: Sequence[Cause] = ()


@dataclass(slots=True)
class Explanation:
    """The answer, and the way it came about: ``way`` are headed blocks of lines."""

    at: Moment
    labels: Labels
    answer: str
    complete_from: Moment
    told: list[Told] = field(default_factory=list)
    way: list[tuple[str, list[str]]] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)

    @property
    def counterfactual(self) -> str:
        """What would have happened without the causes; empty when nothing is held back."""
        return " ".join(
            [
                f"Would have gone to {promise.receiver} at {_time(promise.message.at)} "
                f"({promise.message.reason.value}) without {' and '.join(promise.without)}."
                for promise in self.promises
            ]
        )

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "at": format_rfc3339(self.at),
            "labels": dict(self.labels),
            "answer": self.answer,
            "exactFrom": format_rfc3339(self.complete_from),
            "told": [
                {
                    "receiver": each.slot.receiver,
                    "integration": each.slot.integration,
                    "text": each.text,
                    "sentAt": None if each.sent_at is None else format_rfc3339(each.sent_at),
                    "whyNot": None if each.why_not is None else each.why_not.value,
                    "causes": [{"kind": c.kind, "name": c.name, "text": c.text} for c in each.causes],
                }
                for each in self.told
            ],
            "way": [{"head": head, "lines": lines} for head, lines in self.way],
            "without": [
                {
                    "causes": list(each.without),
                    "receiver": each.receiver,
                    "integration": each.message.slot.integration,
                    "at": format_rfc3339(each.message.at),
                    "reason": each.message.reason.value,
                }
                for each in self.promises
            ],
        }

    def text(self) -> str:
        """For people: the answer first, the way below, what would have been last."""
        lines = [self.answer, ""]
        for head, block in self.way:
            lines += [f"{head}:", *[f"  {line}" for line in block]]
        if self.promises:
            lines += ["", self.counterfactual]
        return "\n".join(lines) + "\n"


def explain(record: Record, matchers: Matchers, at: Moment) -> Explanation:
    """Explain the one alert that passes the matchers, as of this moment. Raises RecordError."""
    complete_from = record.complete_from
    if complete_from is None or at < complete_from:
        raise RecordError(_beyond(record, at))
    labels, begun_at = _find(record, matchers, at, complete_from)
    played = Reenactment()
    explainer = Explainer(record, labels, begun_at, at, lambda: played.engine)
    for event in record.events(begun_at, at + 1):
        played.happened(event)
        explainer.note(event)
    played.end(at)
    found = explainer.explain()
    found.promises = list(explainer.promises(found.told))
    return found


def _beyond(record: Record, at: Moment) -> str:
    if record.complete_from is None:
        return f"{record.name} holds no checkpoint yet: the next start of the daemon makes one"
    return (
        f"{_time(at)} lies before the record of {record.name}: answers are exact from "
        f"{_time(record.complete_from)} on"
    )


def _find(record: Record, matchers: Matchers, at: Moment, complete_from: Moment) -> tuple[Labels, Moment]:
    """The alert that is meant, and when its last episode up to this moment began."""
    since = max(complete_from, at - DAY)
    while True:
        found = _seen(record, matchers, since, at)
        if found or since <= complete_from:
            break
        since = complete_from
    if not found:
        raise UnknownAlertError(
            f"no alert that matches {matchers.text()} was seen from {_time(complete_from)} to {_time(at)}"
        )
    exact = {
        each.name: each.value for each in matchers if not each.type.is_negative and not each.type.is_regex
    }
    same = [labels for labels in found if dict(labels) == exact]
    if len(found) > 1 and not same:
        raise AmbiguousError(sorted(found, key=lambda labels: labels.text())[:_MOST_CANDIDATES], len(found))
    labels = same[0] if same else next(iter(found))
    return labels, found[labels]


def _seen(record: Record, matchers: Matchers, since: Moment, at: Moment) -> dict[Labels, Moment]:
    found: dict[Labels, Moment] = {}
    for event in record.events(since, at + 1):
        if isinstance(event, AlertTransition):
            labels = event.alert.labels
            if labels in found:
                if event.kind is Transition.FIRED:
                    found[labels] = event.at
            elif matchers.match(labels):
                found[labels] = event.at
        elif isinstance(event, Started | Checkpointed):
            for alert in event.checkpoint.alerts:
                if alert.labels not in found and matchers.match(alert.labels):
                    found[alert.labels] = min(alert.starts_at, event.at)
    return found


class Explainer:
    """Notes what concerns one alert while somebody plays its record on an engine, and explains it as of a moment."""

    def __init__(
        self, record: Record, labels: Labels, begun_at: Moment, at: Moment, engine: Callable[[], Engine]
    ) -> None:
        self._record = record
        self._labels = labels
        self._identity = labels.identity
        self._begun_at = begun_at
        self._at = at
        self._came: list[str] = []
        self._decisions: dict[Slot, list[DecisionRecord]] = {}
        self._attempts: dict[tuple[Slot, Moment], list[AttemptRecord]] = {}
        self._known: Known | None = None
        self._engine_now = engine

    @property
    def _engine(self) -> Engine:
        return self._engine_now()

    def explain(self) -> Explanation:
        """The answer, once everything up to the moment was played and noted; without promises."""
        self._known = self._engine.known.get(self._labels, self._known)
        found = Explanation(
            at=self._at,
            labels=self._labels,
            answer="",
            complete_from=self._record.complete_from or self._at,
        )
        found.told = list(self._told())
        found.answer = self._answer(found)
        found.way = list(self._way(found))
        return found

    def note(self, event: object) -> None:
        """An event of the record, or of a course, that was played just now."""
        match event:
            case AlertTransition() if event.alert.labels == self._labels:
                if event.kind is not Transition.COLLECTED:
                    self._known = self._engine.known.get(self._labels, self._known)
                self._came.append(f"{_time(event.at)} {event.kind.value}{_more(event)}")
            case Lapsed() if event.identity == self._identity:
                self._came.append(f"{_time(event.at)} its end passed, and nobody had reported it again")
            case DecisionRecord() if self._concerns(event):
                self._decisions.setdefault(event.slot, []).append(event)
            case AttemptRecord():
                key = (event.slot, event.tick)
                if event.slot in self._decisions or self._is_of_ours(event.slot):
                    self._attempts.setdefault(key, []).append(event)
            case _:
                pass

    def _is_of_ours(self, slot: Slot) -> bool:
        return self._known is not None and any(group.id == slot.group for group in self._known.groups)

    def _concerns(self, record: DecisionRecord) -> bool:
        if (
            self._identity in record.firing
            or self._identity in record.resolved
            or self._identity in record.muted
        ):
            return True
        # Reasons that name no alerts are about all members.
        return record.why_not is not None and not record.muted and self._is_of_ours(record.slot)

    # What each integration was told

    def _told(self) -> Iterator[Told]:
        seen: set[Slot] = set()
        for group in self._groups():
            slots = [slot for slot, _ in group.slots()]
            if not slots:
                yield Told(
                    _nobody(group),
                    "it has no integrations: nobody can be told",
                    why_not=NotSent.NO_INTEGRATION,
                )
            for slot in slots:
                seen.add(slot)
                yield self._told_in(group, slot)
        for slot, decisions in self._decisions.items():
            if slot not in seen and slot.integration:
                yield self._told_before(slot, decisions)

    def _groups(self) -> list[AggregationGroup]:
        known = self._known
        return (
            [] if known is None else [group for group in known.groups if group.id in self._engine.group_by_id]
        )

    def _told_in(self, group: AggregationGroup, slot: Slot) -> Told:  # noqa: PLR0911 - a list of answers
        decisions = self._decisions.get(slot, [])
        sent = self._last_sent(decisions)
        causes = _causes(self._engine, self._known, group, self._at)
        if sent is not None:
            told = self._told_before(slot, decisions)
            if causes and self._fires():
                told.text += f"; held back now by {_names(causes)}"
            return told
        if group.open.get(slot) is not None:
            tried = len(self._attempts.get((slot, group.open[slot].tick), ()))
            return Told(
                slot,
                f"a message is on its way, after {tried} failed attempts"
                if tried
                else "a message is on its way",
            )
        last = decisions[-1] if decisions else None
        if last is not None and last.outcome is Outcome.FAILED:
            return Told(slot, f"not told: {self._failure(last)}", why_not=NotSent.FAILED)
        if causes:
            return Told(slot, f"not told: {_names(causes)}", why_not=_WHY[causes[0].kind], causes=causes)
        if group.tick is None:
            return Told(slot, f"not told yet: its group waits until {_time(group.due)}")
        entry = self._engine.entries.get(slot)
        if entry is not None and self._identity in entry.firing:
            again = _time(entry.flushed_at + group.route.repeat_interval)
            return Told(
                slot,
                f"told at {_time(entry.sent_at)}, before the record begins; again from {again} on",
                sent_at=entry.sent_at,
            )
        return Told(slot, f"not told yet: the next flush of its group is at {_time(group.due)}")

    def _told_before(self, slot: Slot, decisions: Sequence[DecisionRecord]) -> Told:
        sent = self._last_sent(decisions)
        if sent is None:
            last = decisions[-1]
            why = "" if last.why_not is None else last.why_not.value
            if last.outcome is Outcome.FAILED:
                why = self._failure(last)
            causes = list(self._recorded_causes(last))
            if causes:
                why = f"{_names(causes)} until it was over" if not self._fires() else _names(causes)
            return Told(slot, f"not told: {why}", why_not=last.why_not, causes=causes)
        attempts = f", after {sent.attempts} attempts" if sent.attempts > 1 else ""
        what = "" if self._identity in sent.firing else " that it is resolved"
        duplicate = ", perhaps for the second time" if sent.possible_duplicate else ""
        assert sent.reason is not None
        text = f"told{what} at {_time(sent.at)} ({sent.reason.value}){attempts}{duplicate}"
        last = decisions[-1]
        if last is not sent and last.outcome is Outcome.FAILED:
            text += f"; then {self._failure(last)}"
        elif last is not sent and last.why_not is NotSent.DEDUPLICATED:
            text += "; everything since was said with that message"
        return Told(slot, text, sent_at=sent.at)

    def _recorded_causes(self, record: DecisionRecord) -> Iterator[Cause]:
        for text in record.muted.get(self._identity, ()):
            kind, _, rest = text.partition(":")
            if kind == "interval":
                yield _interval(rest)
            elif kind == "silence" and (silence := self._engine.silences.get(rest)) is not None:
                yield Cause("silence", rest, _silence(silence), rest)
            elif kind == "inhibition":
                rule, _, fingerprint = rest.rpartition(":")
                for labels in self._engine.known:
                    if labels.fingerprint_text == fingerprint:
                        yield _inhibition(labels, rule)

    def _failure(self, record: DecisionRecord) -> str:
        return f"failed at {_time(record.at)} after {record.attempts} attempts: {record.error}"

    def _last_sent(self, decisions: Sequence[DecisionRecord]) -> DecisionRecord | None:
        for record in reversed(decisions):
            about_it = self._identity in record.firing or self._identity in record.resolved
            if record.outcome is Outcome.SENT and about_it:
                return record
        return None

    def _fires(self) -> bool:
        return self._known is not None and self._known.ends_at > self._at

    # What would have been

    def promises(self, told: Sequence[Told]) -> Iterator[Promise]:
        """For each that was not told because of something, the message it would have got without."""
        for each in told:
            if each.causes and (promise := self._without(each)) is not None:
                yield promise

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
        for event in self._record.events(self._begun_at, self._at + 1):
            course.happened(event)
            if found:
                return found[0], []
        course.until(self._at)
        known = course.engine.known.get(self._labels)
        group = None if known is None else next((g for g in known.groups if g.id == slot.group), None)
        if group is not None and not found:
            # Not within the time asked about, but at the next flush.
            course.until(group.due)
        if found or group is None:
            return (found[0] if found else None), []
        return None, _causes(course.engine, known, group, self._at)

    # Words

    def _answer(self, found: Explanation) -> str:
        name = self._labels.text()
        told = [each for each in found.told if each.sent_at is not None]
        untold = [each for each in found.told if each.sent_at is None]
        if not found.told:
            if self._known is None or self._known.ends_at <= self._at:
                return f"Nobody was told of {name}: it was over before its group was flushed."
            return f"Nobody was told of {name}: no group of it is left."
        if not told:
            reasons = list(dict.fromkeys(each.text for each in untold))
            if len(reasons) == 1:
                names = " and ".join(dict.fromkeys(each.slot.receiver for each in untold))
                return f"{names} was not told of {name}: {reasons[0].removeprefix('not told: ')}."
            return f"Nobody was told of {name}: " + "; ".join(_line(each) for each in untold) + "."
        return "; ".join(_line(each) for each in (*told, *untold)) + f": {name}."

    def _way(self, found: Explanation) -> Iterator[tuple[str, list[str]]]:
        came = self._came[-_MOST_LINES:]
        if len(self._came) > len(came):
            came.insert(0, f"({len(self._came) - len(came)} earlier lines)")
        if self._known is not None and not self._came:
            came = [f"fires since {_time(self._known.starts_at)}, from before the record begins"]
        yield "How it came in", came
        yield "Routes tried", routes_tried(self._engine.routing.route, self._labels)
        for group in self._groups():
            yield f"Group {group.key} of {group.route.receiver.name}", self._group(group)
        if lines := self._inhibited():
            yield "Inhibiting alerts", lines
        if self._known is not None and (silences := self._engine.silenced_by(self._known, self._at)):
            yield "Silences", [_silence(silence) for silence in silences]
        yield "Told", [_line(each) for each in found.told] or ["nobody"]
        if lines := list(self._attempt_lines()):
            yield "Attempts", lines[-_MOST_LINES:]

    def _group(self, group: AggregationGroup) -> list[str]:
        members = len(group.members)
        lines = [f"{members} member{'s' if members != 1 else ''}, {group.flush_number} flushes so far"]
        if group.tick is not None:
            lines.append(f"last flush at {_time(group.tick)}, next at {_time(group.due)}")
        else:
            lines.append(f"first flush at {_time(group.due)}")
        if names := self._engine.muted_by(group, self._at):
            lines.append(f"muted by the time interval {', '.join(names)}")
        return lines

    def _inhibited(self) -> list[str]:
        if self._known is None:
            return []
        return [
            f"{each.source.labels.text()}{_rule(each.rule.name)}"
            for each in self._engine.inhibitors(self._known, self._at)
        ]

    def _attempt_lines(self) -> Iterator[str]:
        for (slot, _), attempts in self._attempts.items():
            for each in attempts:
                answer = each.error or "taken"
                yield (
                    f"{_time(each.started_at)} {slot.receiver} {slot.integration} "
                    f"attempt {each.number}: {answer}, after {each.latency // 1_000_000} ms"
                )


def _causes(engine: Engine, known: Known | None, group: AggregationGroup, at: Moment) -> list[Cause]:
    """What holds the alert back in this group at that moment, as a flush would see it."""
    if known is None:
        return []
    if inhibitors := engine.inhibitors(known, at):
        return [_inhibition(each.source.labels, each.rule.name) for each in inhibitors]
    if names := engine.muted_by(group, at):
        return [_interval(name) for name in names]
    return [
        Cause("silence", silence.id, _silence(silence), silence.id)
        for silence in engine.silenced_by(known, at)
    ]


def _inhibition(source: Labels, rule: str) -> Cause:
    name = source.text()
    return Cause("inhibition", name, f"inhibited by {name}{_rule(rule)}", source.identity)


def _interval(name: str) -> Cause:
    return Cause("interval", name, f"muted by the time interval {name}", name)


def _time(moment: Moment) -> str:
    """A time for people, to the second."""
    return format_rfc3339(moment // SECOND * SECOND)


_MOST_CAUSES = 5
_WHY = {"inhibition": NotSent.INHIBITED, "interval": NotSent.MUTED, "silence": NotSent.SILENCED}


def _nobody(group: AggregationGroup) -> Slot:
    return Slot(group.id, group.route.receiver.name, "")


def _more(event: AlertTransition) -> str:
    if event.kind is Transition.FIRED:
        return f", since {_time(event.alert.starts_at)}"
    if event.kind in {Transition.RESOLVED, Transition.EXPIRED} and event.alert.ends_at is not None:
        return f", ended at {_time(event.alert.ends_at)}"
    return ""


def _line(told: Told) -> str:
    where = f"{told.slot.receiver} ({told.slot.integration})" if told.slot.integration else told.slot.receiver
    return f"{where} {told.text}"


def _names(causes: Sequence[Cause]) -> str:
    return " and ".join([cause.text for cause in causes])


def _short(cause: Cause) -> str:
    return f"{_KINDS[cause.kind]} {cause.name}"


_KINDS = {"silence": "silence", "inhibition": "the alert", "interval": "the time interval"}


def _rule(name: str) -> str:
    return f" by the rule {name}" if name else ""


def _silence(silence: Silence) -> str:
    return (
        f'silenced by {silence.id} of {silence.created_by}, "{silence.comment}", '
        f"until {_time(silence.ends_at)}"
    )
