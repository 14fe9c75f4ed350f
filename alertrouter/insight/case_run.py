"""Playing the tests of a file, and saying what differs from what was expected, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from alertrouter.core.labels import Labels
from alertrouter.core.matcher_syntax import MatcherSyntaxError, Mode, parse_matchers
from alertrouter.core.silence import InvalidSilence, Silence
from alertrouter.core.time import format_rfc3339
from alertrouter.insight import ways
from alertrouter.insight.case_file import (
    Case,
    CaseFile,
    read_for,
    read_start,
    read_time,
    show_time,
    steps_of,
)
from alertrouter.insight.rehearsal import Rehearsal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from alertrouter.core.routing import Routing
    from alertrouter.core.time import Moment
    from alertrouter.engine.known import Known
    from alertrouter.insight.case_file import ExpectedAlert, ExpectedMessage, NewSilence, Step
    from alertrouter.insight.rehearsal import Told

Way = tuple["str | int", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something was not as expected. ``because`` are lines that tell why it is as it is."""

    line: int
    at: str
    what: str
    expected: str
    happened: str
    because: Sequence[str] = ()

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"at {self.at}: {self.what}",
            f"  expected: {self.expected}",
            f"  happened: {self.happened}",
            *[f"  {line}" for line in self.because],
        ]


@dataclass(slots=True)
class Result:
    """What became of one case."""

    file: str
    line: int
    name: str
    differences: list[Difference] = field(default_factory=list)


def run(file: CaseFile, load: Callable[[Path], Routing], mode: Mode = Mode.FALLBACK) -> list[Result]:
    """Play every case. ``load`` reads a configuration. Raises ConfigError for one, or a case, that cannot be played."""
    return [_Story(file, case, place, load, mode).play() for place, case in enumerate(file.cases)]


class _Story:
    """One case as it is played."""

    def __init__(
        self, file: CaseFile, case: Case, place: int, load: Callable[[Path], Routing], mode: Mode
    ) -> None:
        self._file = file
        self._case = case
        self._here: Way = ("tests", place)
        self._load = load
        self._mode = mode
        self._result = Result(str(file.path), file.line(*self._here), case.name)
        try:
            self._starts = read_start(case.starts or file.starts)
        except ValueError as error:
            raise file.problem((*(self._here if case.starts else ()), "starts"), str(error)) from None
        routing = load(file.place(case.config or file.config))
        self._rehearsal = Rehearsal(routing, self._starts)
        self._silences: dict[str, Silence] = {}
        self._looked_at = 0

    def play(self) -> Result:
        for step, inside in steps_of(self._case):
            way = (*self._here, *inside)
            try:
                at = read_time(step.at, self._starts)
            except ValueError as error:
                raise self._file.problem((*way, "at"), str(error)) from None
            if at < self._rehearsal.now:
                raise self._file.problem((*way, "at"), "this step lies before the one above it")
            # What happens at the moment itself happens first, then what is due at it.
            self._rehearsal.until(at - 1)
            self._rehearsal.now = at
            self._happen(step, way)
            self._rehearsal.until(at)
            if step.expect is not None:
                for place, alert in enumerate(step.expect.alerts):
                    self._look_at(alert, (*way, "expect", "alerts", place))
                if step.expect.messages is not None:
                    self._compare(step.expect.messages, (*way, "expect", "messages"))
        return self._result

    def _happen(self, step: Step, way: Way) -> None:
        rehearsal = self._rehearsal
        if step.reload:
            rehearsal.reload(self._load(self._file.place(step.reload)))
        for place, new in enumerate(step.silence):
            self._told((*way, "silence", place), lambda new=new: self._silence(new))  # type: ignore[misc]
        for place, comment in enumerate(step.expire):
            self._told((*way, "expire", place), lambda comment=comment: self._expire(comment))  # type: ignore[misc]
        for place, alert in enumerate(step.fire):
            self._told(
                (*way, "fire", place),
                lambda alert=alert: rehearsal.fire(alert.labels, alert.annotations),  # type: ignore[misc]
            )
        for place, labels in enumerate(step.resolve):
            self._told((*way, "resolve", place), lambda labels=labels: rehearsal.resolve(labels))  # type: ignore[misc]

    def _told(self, way: Way, happen: Callable[[], object]) -> None:
        try:
            happen()
        except (ValueError, InvalidSilence, MatcherSyntaxError) as error:
            raise self._file.problem(way, str(error)) from None

    def _silence(self, new: NewSilence) -> None:
        matchers = parse_matchers("{" + ",".join(new.matchers) + "}", self._mode).matchers
        now = self._rehearsal.now
        silence = Silence(
            matcher_sets=(matchers,),
            starts_at=now,
            ends_at=now + read_for(new.for_),
            created_by="test",
            comment=new.comment or matchers.text(),
        )
        self._silences[silence.comment] = self._rehearsal.silence(silence)

    def _expire(self, comment: str) -> None:
        if comment not in self._silences:
            known = ", ".join(f'"{each}"' for each in self._silences) or "none"
            raise ValueError(f'there is no silence with the comment "{comment}": there are {known}')
        self._rehearsal.expire(self._silences[comment])

    # One alert

    def _look_at(self, expected: ExpectedAlert, way: Way) -> None:
        engine, now = self._rehearsal.engine, self._rehearsal.now
        labels = Labels(expected.labels)
        found = [known for known in engine.known.values() if _has(known.labels, labels)]
        what = f"alert {labels.text()}"
        if len(found) != 1:
            fire = [known.labels.text() for known in found] or [
                k.labels.text() for k in engine.known.values()
            ]
            happened = "several alerts have these labels" if found else "no alert has these labels"
            self._differ((*way, "labels"), what, "one alert", happened, [f"there is {each}" for each in fire])
            return
        known = found[0]
        routes = engine.routing.route.match(known.labels)
        tried = [
            "routes tried:",
            *[f"  {line}" for line in ways.routes_tried(engine.routing.route, known.labels)],
        ]
        receivers = [route.receiver.name for route in routes]
        if expected.receivers is not None and sorted(expected.receivers) != sorted(receivers):
            self._differ((*way, "receivers"), what, _list(expected.receivers), _list(receivers), tried)
        groups = [dict(route.group_labels(known.labels)) for route in routes]
        if expected.groups is not None and not _same(expected.groups, groups):
            shown = [Labels(each).text() for each in expected.groups]
            self._differ(
                (*way, "groups"), what, _list(shown), _list(Labels(each).text() for each in groups), tried
            )
        self._look_at_state(expected, known, what, way, now)

    def _look_at_state(self, expected: ExpectedAlert, known: Known, what: str, way: Way, now: Moment) -> None:
        if not expected.state:
            return
        if expected.state not in _STATES:
            raise self._file.problem((*way, "state"), f"a state is one of {', '.join(_STATES)}")
        causes = self._causes(known, now)
        shown = "; ".join(f"{state} by {by}" for state, by, _ in causes) or "active"
        because = [line for _, _, line in causes]
        if expected.state == "active":
            if causes:
                self._differ((*way, "state"), what, "active", shown, because)
            return
        names = [by for state, by, _ in causes if state == expected.state]
        if not names or (expected.by and expected.by not in names):
            wanted = f"{expected.state} by {expected.by}" if expected.by else expected.state
            self._differ(
                (*way, "state"), what, wanted, shown, [*because, *self._why_not(expected.state, known, now)]
            )

    def _causes(self, known: Known, now: Moment) -> list[tuple[str, str, str]]:
        """What keeps an alert back: the state, what it is called in a test, and a line that tells of it."""
        engine = self._rehearsal.engine
        rules = list(engine.routing.inhibition_rules)
        found = [
            (
                "inhibited",
                source.labels.get("alertname", ""),
                f"inhibit_rules[{rules.index(rule)}]: {source.labels.text()} is its source and fires",
            )
            for rule, source in engine.inhibitors(known, now)
        ]
        for silence in engine.silenced_by(known, now):
            until = format_rfc3339(silence.ends_at)
            found.append(
                ("silenced", silence.comment, f'silence "{silence.comment}" is in force until {until}')
            )
        for group in known.groups:
            for name in engine.muted_by(group, now):
                line = f"the route to {group.route.receiver.name} is muted at {format_rfc3339(now)} by {name}"
                found.append(("muted", name, line))
        return found

    def _why_not(self, state: str, known: Known, now: Moment) -> list[str]:
        engine = self._rehearsal.engine
        match state:
            case "inhibited":
                return ways.why_not_inhibited(engine, known.labels, now)
            case "silenced":
                return ways.why_not_silenced(engine.silences.values(), known.labels, now)
            case _:
                return ways.why_not_muted(engine, known.labels, now)

    # Messages

    def _compare(self, expected: Sequence[ExpectedMessage], way: Way) -> None:
        told = self._rehearsal.told[self._looked_at :]
        self._looked_at = len(self._rehearsal.told)
        left = list(told)
        missing = []
        for place, message in enumerate(expected):
            try:
                at = read_time(message.at, self._starts) if message.at else None
            except ValueError as error:
                raise self._file.problem((*way, place, "at"), str(error)) from None
            found = next((each for each in left if _is(message, each, at)), None)
            if found is None:
                missing.append((place, message))
            else:
                left.remove(found)
        if not missing and not left:
            return
        because = [f"  {self._shown(each)}" for each in told]
        because = ["messages since the step before:", *because] if told else []
        for place, message in missing:
            near = next((each for each in left if each.receiver == message.to), None)
            happened = "no such message" if near is None else self._shown(near)
            if near is not None:
                left.remove(near)
            why = [*because, *self._why_nothing(message)]
            self._differ((*way, place), "a message", _expected(message), happened, why)
        for each in left:
            self._differ(way, "a message", "no more messages", self._shown(each), because)

    def _why_nothing(self, message: ExpectedMessage) -> list[str]:
        """The way of the alerts that the message should have been about."""
        engine, now = self._rehearsal.engine, self._rehearsal.now
        lines: list[str] = []
        for each in (*message.firing, *message.resolved):
            wanted = {"alertname": each} if isinstance(each, str) else each
            found = [known for known in engine.known.values() if _has(known.labels, wanted)]
            if not found:
                lines.append(f"no alert has {Labels(wanted).text()}")
            for known in found[:3]:
                lines.append(f"{known.labels.text()}:")
                lines += [f"  {line}" for line in ways.routes_tried(engine.routing.route, known.labels)]
                lines += [f"  {line}" for _, _, line in self._causes(known, now)]
                lines += [
                    f"  its group {group.labels.text()} for {group.route.receiver.name} flushes next at "
                    f"{show_time(group.due, self._starts)}"
                    for group in known.groups
                ]
        return lines

    def _shown(self, told: Told) -> str:
        note = told.notification
        return _message(
            told.receiver,
            show_time(told.at, self._starts),
            [each.labels.text() for each in note.firing],
            [each.labels.text() for each in note.resolved],
            note.reason.value,
        )

    def _differ(self, way: Way, what: str, expected: str, happened: str, because: Sequence[str] = ()) -> None:
        self._result.differences.append(
            Difference(
                line=self._file.line(*way),
                at=show_time(self._rehearsal.now, self._starts),
                what=what,
                expected=expected,
                happened=happened,
                because=because,
            )
        )


_STATES = ("active", "inhibited", "silenced", "muted")


def _has(labels: Mapping[str, str], some: Mapping[str, str]) -> bool:
    return all(labels.get(name, "") == value for name, value in some.items())


def _same(some: Sequence[Mapping[str, str]], others: Sequence[Mapping[str, str]]) -> bool:
    left = list(others)
    for each in some:
        if each not in left:
            return False
        left.remove(each)
    return not left


def _is(expected: ExpectedMessage, told: Told, at: Moment | None) -> bool:
    note = told.notification
    return (
        expected.to in {told.receiver, f"{told.receiver}:{told.integration}"}
        and (at is None or at == told.at)
        and (not expected.reason or expected.reason == note.reason.value)
        and (expected.group is None or expected.group == dict(note.group_labels))
        and _are(expected.firing, [each.labels for each in note.firing])
        and _are(expected.resolved, [each.labels for each in note.resolved])
    )


def _are(expected: Sequence[str | dict[str, str]], alerts: Sequence[Labels]) -> bool:
    """Whether each expected alert is one of these, and none is left over."""
    left = list(alerts)
    for each in sorted(expected, key=lambda one: -len(one) if isinstance(one, dict) else 0):
        wanted = {"alertname": each} if isinstance(each, str) else each
        found = next((labels for labels in left if _has(labels, wanted)), None)
        if found is None:
            return False
        left.remove(found)
    return not left


def _expected(message: ExpectedMessage) -> str:
    def shown(alerts: Sequence[str | dict[str, str]]) -> list[str]:
        return [each if isinstance(each, str) else Labels(each).text() for each in alerts]

    return _message(message.to, message.at, shown(message.firing), shown(message.resolved), message.reason)


def _message(to: str, at: str, firing: Sequence[str], resolved: Sequence[str], reason: str) -> str:
    parts = [f"to {to}"]
    parts += [f"at {at}"] if at else []
    parts += [f"firing {_list(firing)}"] if firing else []
    parts += [f"resolved {_list(resolved)}"] if resolved else []
    return ", ".join(parts) + (f" ({reason})" if reason else "")


def _list(texts: Iterable[str]) -> str:
    return "[" + ", ".join(texts) + "]"
