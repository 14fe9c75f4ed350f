"""Why an alert was told of or not: its way, as it was at some moment, and what would have been without what held it back.

The record is replayed up to the moment that is asked about, so the answer is what the engine knew then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.core.duration import format_duration
from alertrouter.core.reason import NotSent
from alertrouter.core.time import DAY
from alertrouter.delivery.attempt import AttemptRecord
from alertrouter.engine.changes import AlertTransition, DecisionRecord, Outcome, Transition
from alertrouter.engine.milestones import Checkpointed, Reconfigured, Started
from alertrouter.engine.slot import Slot
from alertrouter.insight.explanation import (
    Cause,
    Explanation,
    Promise,
    Told,
    inhibition,
    interval,
    listed,
    names_text,
    rule_text,
    silenced,
    time_text,
)
from alertrouter.insight.otherwise import Otherwise, causes_of
from alertrouter.insight.record import Lapsed, RecordError
from alertrouter.insight.terminal import ends_of
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
    from alertrouter.insight.course import Message
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
    explainer.look_further(found)
    return found


def _beyond(record: Record, at: Moment) -> str:
    if record.complete_from is None:
        return f"{record.name} holds no checkpoint yet: the next start of the daemon makes one"
    return (
        f"{time_text(at)} lies before the record of {record.name}: answers are exact from "
        f"{time_text(record.complete_from)} on"
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
            f"no alert that matches {matchers.text()} was seen from {time_text(complete_from)} to {time_text(at)}"
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
        # When a message that told of the alert was on its way as its process ended.
        self._cut_off: dict[Slot, Moment] = {}
        self._engine_before: Engine | None = None
        self._decisions: dict[Slot, list[DecisionRecord]] = {}
        self._attempts: dict[tuple[Slot, Moment], list[AttemptRecord]] = {}
        self._known: Known | None = None
        self._engine_now = engine

    @property
    def _engine(self) -> Engine:
        return self._engine_now()

    def explain(self) -> Explanation:
        """The answer, once everything up to the moment was played and noted; without what would have been."""
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

    def look_further(self, found: Explanation) -> None:
        """Add what would have been, and what is to come. The engine goes on for that, and is of no use afterwards."""
        otherwise = Otherwise(self._record, self._labels, self._begun_at, self._at)
        found.promises = list(self._promises(found.told, otherwise))
        found.coming = list(self._coming(found.told, otherwise))
        found.way = [(head, lines if head != _TOLD else _lines(found.told)) for head, lines in found.way]

    def note(self, event: object) -> None:
        """An event of the record, or of a course, that was played just now."""
        match event:
            case AlertTransition() if event.alert.labels == self._labels:
                if event.kind is not Transition.COLLECTED:
                    self._known = self._engine.known.get(self._labels, self._known)
                self._came.append(f"{time_text(event.at)} {event.kind.value}{_more(event)}")
            case Lapsed() if event.identity == self._identity:
                self._came.append(f"{time_text(event.at)} its end passed, and nobody had reported it again")
            case DecisionRecord() if self._concerns(event):
                self._decisions.setdefault(event.slot, []).append(event)
            case AttemptRecord():
                key = (event.slot, event.tick)
                if event.slot in self._decisions or self._is_of_ours(event.slot):
                    self._attempts.setdefault(key, []).append(event)
            case Started():
                self._cut_off.update(self._cut_off_by(event))
            case _:
                pass
        if not isinstance(event, Reconfigured):
            # There is no engine before the first one, and a start is told right after its configuration.
            self._engine_before = self._engine

    def _cut_off_by(self, start: Started) -> Iterator[tuple[Slot, Moment]]:
        """The messages that told of the alert and were on their way when the process before this start ended."""
        for slot, begun_at in start.cut_off.items():
            if self._engine_before is None:
                # The record begins here: who was in it is known to nobody.
                known = self._engine.known.get(self._labels)
                if known is not None and any(group.id == slot.group for group in known.groups):
                    yield slot, begun_at
                continue
            group = self._engine_before.group_by_id.get(slot.group)
            send = None if group is None else group.open.get(slot)
            if send is not None and self._identity in {*send.firing, *send.resolved} - send.left_out.keys():
                yield slot, begun_at

    def _is_of_ours(self, slot: Slot) -> bool:
        return self._known is not None and any(group.id == slot.group for group in self._known.groups)

    def _concerns(self, line: DecisionRecord) -> bool:
        return any(
            self._identity in named for named in (line.firing, line.resolved, line.muted, line.left_out)
        )

    # What each integration was told

    def _told(self) -> Iterator[Told]:
        seen: set[Slot] = set()
        for group in self._groups():
            slots = [slot for slot, _ in group.slots()]
            if not slots:
                nobody = Slot(group.id, group.route.receiver.name, "")
                seen.add(nobody)
                yield _unheard(nobody)
            for slot in slots:
                seen.add(slot)
                yield self._or_perhaps(self._told_in(group, slot))
        for slot, decisions in self._decisions.items():
            if slot not in seen:
                yield self._or_perhaps(self._told_before(slot, decisions))

    def _or_perhaps(self, told: Told) -> Told:
        """With the message of which nobody knows what became, if there is one."""
        begun_at = self._cut_off.get(told.slot)
        if begun_at is None:
            return told
        unknown = f"a message was on its way at {time_text(begun_at)} when the process ended, and its outcome is unknown"
        if told.sent_at is not None:
            told.text += f"; {unknown}"
            return told
        now = told.text.removeprefix(_NOT_YET).removeprefix(_NOT_TOLD)
        told.text = f"{_PERHAPS}{unknown}; now: {now}"
        told.why_not = NotSent.UNKNOWN
        return told

    def _groups(self) -> list[AggregationGroup]:
        known = self._known
        return (
            [] if known is None else [group for group in known.groups if group.id in self._engine.group_by_id]
        )

    def _told_in(self, group: AggregationGroup, slot: Slot) -> Told:  # noqa: PLR0911 - a list of answers
        decisions = self._decisions.get(slot, [])
        causes = causes_of(self._engine, self._known, group, self._at)
        if self._messages(decisions):
            told = self._told_before(slot, decisions)
            if causes and self._fires():
                told.text += f"; held back now: {names_text(causes)}"
            return told
        if group.open.get(slot) is not None:
            tried = len(self._attempts.get((slot, group.open[slot].tick), ()))
            text = "a message is on its way" + (f", after {_count(tried, 'failed attempt')}" if tried else "")
            return Told(slot, text)
        if decisions and decisions[-1].outcome is Outcome.FAILED:
            text = f"not told: {self._failures(decisions)}; tries again at {time_text(group.due)}"
            return Told(slot, text, why_not=NotSent.FAILED, causes=[_FAILURE])
        if causes:
            why_not = _WHY[causes[0].kind]
            return Told(slot, f"not told: {names_text(causes)}", why_not=why_not, causes=causes)
        if group.tick is None:
            wait = format_duration(group.route.group_wait)
            return Told(
                slot, f"not told yet: its group waits until {time_text(group.due)} (group_wait {wait})"
            )
        entry = self._engine.entries.get(slot)
        if entry is not None and self._identity in entry.firing:
            return Told(
                slot, f"told at {time_text(entry.sent_at)}, before the record begins", sent_at=entry.sent_at
            )
        if decisions and not self._fires():
            return self._told_before(slot, decisions)
        wait = format_duration(group.route.group_interval)
        return Told(
            slot,
            f"not told yet: the next flush of its group is at {time_text(group.due)} (group_interval {wait})",
        )

    def _told_before(self, slot: Slot, decisions: Sequence[DecisionRecord]) -> Told:
        if not slot.integration:
            return _unheard(slot)
        last = decisions[-1]
        messages = self._messages(decisions)
        if messages:
            return self._told_with(slot, messages, last)
        if last.outcome is Outcome.FAILED:
            text = f"not told: {self._failures(decisions)}"
            return Told(slot, text, why_not=NotSent.FAILED, causes=[_FAILURE])
        end = ends_of(last)[self._identity]
        causes = list(self._recorded_causes(end.causes))
        if causes:
            until = " until it was over" if not self._fires() else ""
            return Told(
                slot, f"not told: {names_text(causes)}{until}", why_not=_WHY[causes[0].kind], causes=causes
            )
        if end.why_not is NotSent.NOTHING_TO_ANNOUNCE:
            text = f"not told: it was over before its group was flushed at {time_text(last.tick)}"
            return Told(slot, text, why_not=end.why_not)
        why = "" if end.why_not is None else end.why_not.value
        return Told(slot, f"not told: {why}", why_not=end.why_not)

    def _told_with(self, slot: Slot, messages: Sequence[DecisionRecord], last: DecisionRecord) -> Told:
        first, latest = messages[0], messages[-1]
        text = f"told{self._of_its_end(first)} at {_message(first)}"
        if latest is not first:
            text += f", and{self._of_its_end(latest) or ' last'} at {_message(latest)}"
        told = Told(slot, text, sent_at=latest.at)
        if last is not latest and last.outcome is Outcome.FAILED:
            told.text += f"; then {self._failures(self._decisions[slot])}"
        elif last.left_out.get(self._identity) is NotSent.RESOLVES_NOT_WANTED and not self._fires():
            told.text += "; not told that it is resolved: send_resolved is false"
            told.why_not, told.causes = NotSent.RESOLVES_NOT_WANTED, [_RESOLVES]
        return told

    def _of_its_end(self, line: DecisionRecord) -> str:
        return "" if self._identity in line.firing else " that it is resolved"

    def _recorded_causes(self, texts: Sequence[str]) -> Iterator[Cause]:
        for text in texts:
            kind, _, rest = text.partition(":")
            if kind == "interval":
                yield interval(rest)
            elif kind == "silence" and (silence := self._engine.silences.get(rest)) is not None:
                yield silenced(silence)
            elif kind == "inhibition":
                rule, _, fingerprint = rest.rpartition(":")
                for labels in self._engine.known:
                    if labels.fingerprint_text == fingerprint:
                        yield inhibition(labels, rule)

    def _failures(self, decisions: Sequence[DecisionRecord]) -> str:
        """How sending failed at the end, be it in one flush or in several."""
        failed = []
        for line in reversed(decisions):
            if line.outcome is not Outcome.FAILED:
                break
            failed.append(line)
        last = failed[0]
        text = f"failed at {time_text(last.at)} after {_count(last.attempts, 'attempt')}: {last.error}"
        if len(failed) > 1:
            text += f" ({len(failed)} flushes failed since {time_text(failed[-1].tick)})"
        return text

    def _messages(self, decisions: Sequence[DecisionRecord]) -> list[DecisionRecord]:
        """Those that told of the alert."""
        return [line for line in decisions if ends_of(line)[self._identity].why_not is None]

    def _fires(self) -> bool:
        return self._known is not None and self._known.ends_at > self._at

    # What would have been, and what is to come

    def _promises(self, told: Sequence[Told], otherwise: Otherwise) -> Iterator[Promise]:
        for each in told:
            if each.causes and (promise := otherwise.promise(each)) is not None:
                yield promise
        root = self._engine.routing.route
        reached = {route.receiver.name for route in root.match(self._labels)}
        heard = {route for route in root.match(self._labels) if route.receiver.integrations}
        if heard <= {root} and (promise := otherwise.near_miss(root, reached)) is not None:
            yield promise

    def _coming(self, told: Sequence[Told], otherwise: Otherwise) -> Iterator[Message]:
        by_slot = {each.slot: each for each in told}
        for group in self._groups():
            for slot, message in otherwise.ahead(self._engine, group).items():
                each = by_slot[slot]
                if each.sent_at is not None and self._identity in message.firing:
                    each.again_at = message.at
                yield message

    # Words

    def _answer(self, found: Explanation) -> str:
        name = self._labels.text()
        told = [each for each in found.told if each.sent_at is not None]
        untold = [each for each in found.told if each.sent_at is None]
        if not found.told:
            return f"Nobody was told of {name}: no group of it is left."
        reasons: dict[str, list[str]] = {}
        for each in untold:
            reasons.setdefault(each.text, []).append(each.slot.receiver)
        if not untold:
            return "; ".join(f"{each.to} {each.text}" for each in told) + f": {name}."
        parts: list[str] = []
        for text, receivers in reasons.items():
            names = list(dict.fromkeys(receivers))
            whom = "" if parts else f" of {name}"
            were = "were" if len(names) > 1 else "was"
            if text.startswith((_NOT_TOLD, _NOT_YET, _PERHAPS)):
                what, _, why = text.partition(": ")
                parts.append(f"{listed(names)} {were} {what}{whom}: {why}")
            else:
                parts.append(f"{listed(names)}: {text}{whom}")
        parts += [f"{each.to} {each.text}" for each in told]
        return "; ".join(parts) + "."

    def _way(self, found: Explanation) -> Iterator[tuple[str, list[str]]]:
        came = self._came[-_MOST_LINES:]
        if len(self._came) > len(came):
            came.insert(0, f"({len(self._came) - len(came)} earlier lines)")
        if self._known is not None and not self._came:
            came = [f"fires since {time_text(self._known.starts_at)}, from before the record begins"]
        yield "How it came in", came
        yield "Routes tried", routes_tried(self._engine.routing.route, self._labels)
        for group in self._groups():
            yield f"Group {group.key} of {group.route.receiver.name}", self._group(group)
        if lines := self._inhibited():
            yield "Inhibiting alerts", lines
        if self._known is not None and (silences := self._engine.silenced_by(self._known, self._at)):
            yield "Silences", [_silence(silence) for silence in silences]
        yield _TOLD, _lines(found.told)
        if lines := list(self._attempt_lines()):
            left = len(lines) - _MOST_LINES
            yield "Attempts", [*([f"({left} earlier ones)"] if left > 0 else []), *lines[-_MOST_LINES:]]

    def _group(self, group: AggregationGroup) -> list[str]:
        lines = [
            f"{_count(len(group.members), 'member')}, {_count(group.flush_number, 'flush', 'flushes')} so far"
        ]
        if group.tick is not None:
            lines.append(f"last flush at {time_text(group.tick)}, next at {time_text(group.due)}")
        else:
            lines.append(f"first flush at {time_text(group.due)}")
        if names := self._engine.muted_by(group, self._at):
            lines.append(f"muted by the time interval {', '.join(names)}")
        return lines

    def _inhibited(self) -> list[str]:
        if self._known is None:
            return []
        return [
            f"{each.source.labels.text()}{rule_text(each.rule.name)}, fires since {time_text(each.source.starts_at)}"
            for each in self._engine.inhibitors(self._known, self._at)
        ]

    def _attempt_lines(self) -> Iterator[str]:
        for (slot, _), attempts in self._attempts.items():
            for each in attempts:
                answer = each.error or "taken"
                yield (
                    f"{time_text(each.started_at)} {slot.receiver} {slot.integration} "
                    f"attempt {each.number}: {answer}, after {each.latency // 1_000_000} ms"
                )


_TOLD = "Told"
_NOT_TOLD = "not told: "
_NOT_YET = "not told yet: "
_PERHAPS = "perhaps told: "
_WHY = {"inhibition": NotSent.INHIBITED, "interval": NotSent.MUTED, "silence": NotSent.SILENCED}
_FAILURE = Cause("failure", "", "the receiver did not take it", "failure")
_RESOLVES = Cause("resolves", "", "send_resolved is false", "resolves")


def _unheard(slot: Slot) -> Told:
    cause = Cause("integration", slot.receiver, f"{slot.receiver} has no integration", slot.receiver)
    text = "not told: it has no integrations: nobody can be told"
    return Told(slot, text, why_not=NotSent.NO_INTEGRATION, causes=[cause])


def _lines(told: Sequence[Told]) -> list[str]:
    return [each.line for each in told] or ["nobody"]


def _message(line: DecisionRecord) -> str:
    attempts = f", after {line.attempts} attempts" if line.attempts > 1 else ""
    duplicate = ", perhaps for the second time" if line.possible_duplicate else ""
    reason = "" if line.reason is None else line.reason.value
    return f"{time_text(line.at)} ({reason}){attempts}{duplicate}"


def _count(number: int, one: str, several: str = "") -> str:
    return f"{number} {one if number == 1 else several or f'{one}s'}"


def _silence(silence: Silence) -> str:
    matchers = " or ".join(each.text() for each in silence.matcher_sets)
    return f"{silenced(silence).text}: {matchers}, since {time_text(silence.starts_at)}"


def _more(event: AlertTransition) -> str:
    if event.kind is Transition.FIRED:
        return f", since {time_text(event.alert.starts_at)}"
    if event.kind in {Transition.RESOLVED, Transition.EXPIRED} and event.alert.ends_at is not None:
        return f", ended at {time_text(event.alert.ends_at)}"
    return ""
