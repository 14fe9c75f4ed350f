"""Checks that ask the metrics server: do the series exist, do the labels, and would the alert have fired?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from alertrouter.core.duration import format_duration
from alertrouter.core.go_quote import quote
from alertrouter.core.time import MINUTE
from alertrouter.promql.nodes import Aggregation, Selector, walk
from alertrouter.rules.lint.finding import Severity
from alertrouter.rules.model import AlertingRule, RecordingRule

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from alertrouter.core.time import Duration, Moment
    from alertrouter.promql.nodes import Matcher
    from alertrouter.rules.lint.finding import Finding, Subject

# Prometheus answers with no more points of a series than this.
_MOST_POINTS = 10_999


class AskError(Exception):
    """The metrics server gave no answer; the message has no secret in it.

    When ``is_refusal``, it has looked at the expression and does not want it.
    """

    def __init__(self, message: str, *, is_refusal: bool = False) -> None:
        super().__init__(message)
        self.is_refusal = is_refusal


class Asking(Protocol):
    """A metrics server. Both methods raise AskError."""

    def is_there(self, expression: str) -> bool:
        """Whether an instant query, now, gives any series."""
        ...

    def moments(self, expression: str, start: Moment, end: Moment, step: Duration) -> list[Sequence[Moment]]:
        """For each series of a range query, when it was there."""
        ...


class Terms(NamedTuple):
    """How far to look back, the interval of groups that have none, and how many firings are too many.

    Nothing is asked for the sake of checks that are ``disabled``.
    """

    lookback: Duration
    interval: Duration
    most_firings: int
    now: Moment
    disabled: Collection[str] = ()


def ask(subjects: Sequence[Subject], server: Asking, terms: Terms) -> Iterator[Finding]:
    """What the server knows of these rules. Raises AskError when it cannot be asked."""
    recorded = {each.rule.name for each in subjects if isinstance(each.rule, RecordingRule)}
    asker = _Asker(server, terms, recorded)
    for subject in subjects:
        try:
            yield from asker.ask(subject)
        except AskError as error:
            if not error.is_refusal:
                raise
            yield subject.finding("promql/refused", Severity.BUG, str(error))


class _Asker:
    def __init__(self, server: Asking, terms: Terms, recorded: set[str]) -> None:
        self._server = server
        self._terms = terms
        self._recorded = recorded
        self._known: dict[str, bool] = {}

    def ask(self, subject: Subject) -> Iterator[Finding]:
        disabled = self._terms.disabled
        if subject.node is not None and "promql/series" not in disabled:
            yield from self.series(subject)
        if subject.node is not None and "promql/label" not in disabled:
            yield from self.labels(subject)
        if isinstance(subject.rule, AlertingRule) and "alerts/count" not in disabled:
            yield from self.count(subject, subject.rule)

    def _lately(self, selector: str) -> bool:
        """Whether a selector had any series at any time we look back to."""
        if selector not in self._known:
            lookback = format_duration(self._terms.lookback)
            self._known[selector] = self._server.is_there(f"count({selector})") or self._server.is_there(
                f"count(present_over_time({selector}[{lookback}]))"
            )
        return self._known[selector]

    def series(self, subject: Subject) -> Iterator[Finding]:
        assert subject.node is not None
        seen = set()
        for each in walk(subject.node):
            if not isinstance(each, Selector) or (text := _text(each)) in seen:
                continue
            seen.add(text)
            if each.metric in {*self._recorded, "ALERTS", "ALERTS_FOR_STATE"} or self._lately(text):
                continue
            yield subject.finding("promql/series", Severity.BUG, self._why(each, text))

    def _why(self, selector: Selector, text: str) -> str:
        lately = f"now or in the last {format_duration(self._terms.lookback)}"
        if not selector.metric:
            return f"there is no series {text}, {lately}"
        plain = _text(Selector(position=0, name=selector.metric))
        if not self._lately(plain):
            return f"there is no series called {selector.metric}, {lately}"
        for matcher in selector.matchers:
            if matcher.name == "__name__":
                continue
            alone = _text(Selector(position=0, name=selector.metric, matchers=(matcher,)))
            if not self._lately(alone):
                return f"{selector.metric} has no series with {_matcher(matcher)}, {lately}"
        return f"there is no series {text}: each matcher has some, together they have none, {lately}"

    def labels(self, subject: Subject) -> Iterator[Finding]:
        """Labels that are aggregated by, and that no series has."""
        assert subject.node is not None
        for each in walk(subject.node):
            if not isinstance(each, Aggregation) or each.is_without:
                continue
            if not isinstance(selector := _only_selector(each), Selector) or not selector.metric:
                continue
            text = _text(selector)
            if selector.metric in self._recorded or not self._lately(text):
                continue
            for label in each.labels:
                with_label = f'{text[:-1]}{"," if selector.matchers else ""}{_name(label)}!=""}}'
                if not self._lately(with_label):
                    yield subject.finding(
                        "promql/label",
                        Severity.WARNING,
                        f"no series of {selector.metric} has the label '{label}' that {each.operator} keeps",
                    )

    def count(self, subject: Subject, rule: AlertingRule) -> Iterator[Finding]:
        step = subject.group.interval or self._terms.interval
        begin = self._terms.now - self._terms.lookback
        begin -= begin % step
        times = series = total = 0
        for moments in self._in_pieces(rule.expression, begin, step):
            fired = firings(moments, step, rule.hold, rule.keep_firing)
            times += len(fired)
            series += bool(fired)
            total += sum(fired)
        if not times:
            return
        yield subject.finding(
            "alerts/count",
            Severity.WARNING if times > self._terms.most_firings else Severity.INFO,
            f"would have fired {times} time{'s' * (times != 1)} on {series} series in the last "
            f"{format_duration(self._terms.lookback)}, {format_duration(total // MINUTE * MINUTE)} in all",
        )

    def _in_pieces(self, expression: str, begin: Moment, step: Duration) -> list[Sequence[Moment]]:
        end = self._terms.now
        if end - begin <= _MOST_POINTS * step:
            return self._server.moments(expression, begin, end, step)
        # So short an interval is asked for in pieces; an alert that fires across their border is counted twice.
        found: list[Sequence[Moment]] = []
        while begin <= end:
            last = min(end, begin + _MOST_POINTS * step)
            found += self._server.moments(expression, begin, last, step)
            begin = last + step
        return found


def firings(
    moments: Sequence[Moment], step: Duration, hold: Duration, keep_firing: Duration
) -> list[Duration]:
    """How long each firing of one series lasted that was there at these evaluations (`rules.md` 2.6)."""
    found: list[Duration] = []
    active_at = fired_at = last = None
    for at in moments:
        if (
            last is not None
            and at - last > step
            and (fired_at is None or at - last - 2 * step >= keep_firing)
        ):
            if fired_at is not None:
                found.append(last + step + keep_firing - fired_at)
            active_at = fired_at = None
        if active_at is None:
            active_at = at
        if fired_at is None and at - active_at >= hold:
            fired_at = at
        last = at
    if fired_at is not None and last is not None:
        found.append(last + step - fired_at)
    return found


def _only_selector(node: Aggregation) -> Selector | None:
    """The selector of an aggregation that has one, and nothing in between that makes labels."""
    selectors = [each for each in walk(node.expression) if isinstance(each, Selector)]
    others = [each for each in walk(node.expression) if getattr(each, "function", "").startswith("label_")]
    return selectors[0] if len(selectors) == 1 and not others else None


def _text(selector: Selector) -> str:
    """A selector without offset and the like, always with braces."""
    matchers = ",".join(_matcher(each) for each in selector.matchers)
    if selector.name and all(character.isalnum() or character in "_:" for character in selector.name):
        return f"{selector.name}{{{matchers}}}"
    quoted = [quote(selector.name)] if selector.name else []
    return "{" + ",".join([*quoted, *([matchers] if matchers else [])]) + "}"


def _matcher(matcher: Matcher) -> str:
    return f"{_name(matcher.name)}{matcher.operator}{quote(matcher.value)}"


def _name(label: str) -> str:
    return label if label.isascii() and label.replace("_", "a").isalnum() else quote(label)
