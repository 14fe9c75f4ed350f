"""Checks that need nothing but the file (`rules.md` 6). Each takes a rule and yields what it finds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from alertrouter.core.duration import format_duration
from alertrouter.core.time import MINUTE
from alertrouter.promql.nodes import (
    Aggregation,
    Binary,
    Call,
    Number,
    Range,
    Selector,
    Subquery,
    ValueType,
    bare,
    children,
    walk,
)
from alertrouter.promql.types import type_of
from alertrouter.rules.lint.finding import Severity
from alertrouter.rules.lint.labels import possible_labels
from alertrouter.rules.missing import presence_of
from alertrouter.rules.missing_policy import MissingData, MissingPolicy
from alertrouter.rules.model import AlertingRule, RecordingRule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alertrouter.promql.nodes import Matcher, Node
    from alertrouter.rules.lint.finding import Finding, Subject

    Check = Callable[[Subject], Iterator[Finding]]

_INFO, _WARNING, _BUG = Severity.INFO, Severity.WARNING, Severity.BUG


def kind(subject: Subject) -> Iterator[Finding]:
    if subject.node is not None and (found := type_of(subject.node)) in {ValueType.STRING, ValueType.MATRIX}:
        yield subject.finding(
            "promql/type",
            _BUG,
            f"the expression gives a {found.value}: every evaluation fails, for rules take vectors and scalars",
        )


def comparison(subject: Subject) -> Iterator[Finding]:
    if not isinstance(subject.rule, AlertingRule) or subject.node is None:
        return
    gives_series = type_of(subject.node) in {ValueType.SCALAR, ValueType.VECTOR}
    if gives_series and not _has_condition(subject.node):
        yield subject.finding(
            "alerts/comparison",
            _WARNING,
            "the expression has no condition: the alert fires for as long as there is data",
        )


def _has_condition(node: Node) -> bool:
    match node:
        case Binary(operator="unless"):
            return True
        case Binary(operator="or"):
            return _has_condition(node.left) and _has_condition(node.right)
        case Binary() if node.is_comparison and not node.returns_bool:
            return True
        case Call(function="absent" | "absent_over_time"):
            return True
        case Selector(name="ALERTS"):
            return True
    return any(_has_condition(each) for each in children(node))


def absent(subject: Subject) -> Iterator[Finding]:
    rule = subject.rule
    if not isinstance(rule, AlertingRule) or subject.node is None or rule.hold >= MINUTE:
        return
    if any(isinstance(each, Call) and each.function == "absent" for each in walk(subject.node)):
        yield subject.finding(
            "alerts/absent",
            _WARNING,
            "absent() without a 'for' of at least two scrapes fires whenever the metrics server restarts",
        )


def hold(subject: Subject) -> Iterator[Finding]:
    rule, interval = subject.rule, subject.group.interval
    if not isinstance(rule, AlertingRule) or not interval:
        return
    for key, duration in (("for", rule.hold), ("keep_firing_for", rule.keep_firing)):
        if duration % interval:
            real = (duration // interval + 1) * interval
            yield subject.finding(
                "alerts/for",
                _INFO,
                f"'{key}: {format_duration(duration)}' takes {format_duration(real)}, "
                f"as the group is evaluated every {format_duration(interval)}",
            )


def missing(subject: Subject) -> Iterator[Finding]:
    rule, interval = subject.rule, subject.group.interval
    if not isinstance(rule, AlertingRule) or rule.missing.policy in {None, MissingPolicy.RESOLVE}:
        return
    found = presence_of(rule.expression)
    if not found.expression and not found.asks_for_absence:
        yield subject.finding(
            "alerts/missing",
            _WARNING,
            "the expression is none of PromQL, so missing_data keeps every alert that ends, with data or without",
        )
    kept = (rule.missing.evaluations or MissingData().evaluations) * (interval or MINUTE)
    if rule.missing.policy is MissingPolicy.KEEP and rule.keep_firing >= kept:
        yield subject.finding(
            "alerts/missing",
            _INFO,
            f"'keep_firing_for: {format_duration(rule.keep_firing)}' is longer than missing_data keeps an alert",
        )


_VALUE: Final = re.compile(r"\{\{[^}]*(?:\$value|(?<![\w)])\.Value)\b")
_NOW: Final = re.compile(r"\{\{[^}]*\bnow\b")
_LABEL: Final = re.compile(r"\$labels\.([A-Za-z_]\w*)")


def template(subject: Subject) -> Iterator[Finding]:
    rule = subject.rule
    if not isinstance(rule, AlertingRule):
        return
    for name, each in rule.labels.items():
        if _VALUE.search(each.text) and not _LIMITING.search(each.text):
            yield subject.finding(
                "alerts/template",
                _BUG,
                f"label '{name}' has the value in it: whenever that changes, it is another alert",
            )
        if _NOW.search(each.text):
            yield subject.finding(
                "alerts/template", _BUG, f"label '{name}' has the time in it: it is another alert every time"
            )
    if subject.node is None:
        return
    labels = possible_labels(subject.node)
    for what, texts in (("label", rule.labels), ("annotation", rule.annotations)):
        for name, each in texts.items():
            missing = {label for label in _LABEL.findall(each.text) if not labels.has(label)}
            for label in sorted(missing - {"alertname"}):
                yield subject.finding(
                    "alerts/template",
                    _WARNING,
                    f"{what} '{name}' uses the label '{label}', which the expression does not leave",
                )


# A value that only decides between texts does not make it another alert each time.
_LIMITING: Final = re.compile(r"\{\{-?\s*(?:else\s+)?if\b")


def interval(subject: Subject) -> Iterator[Finding]:
    every = subject.group.interval
    if isinstance(subject.rule, RecordingRule) and every and every > 5 * MINUTE:
        yield subject.finding(
            "group/interval",
            _WARNING,
            f"recorded every {format_duration(every)}: queries look back 5m and find nothing in between",
        )


def fragile(subject: Subject) -> Iterator[Finding]:
    if not isinstance(subject.rule, AlertingRule) or subject.node is None:
        return
    for each in walk(subject.node):
        if isinstance(each, Aggregation) and each.operator in {"topk", "bottomk", "limitk", "limit_ratio"}:
            yield subject.finding(
                "promql/fragile",
                _WARNING,
                f"{each.operator}() picks other series each time: alerts resolve and fire in turn",
            )


def impossible(subject: Subject) -> Iterator[Finding]:
    for selector in _selectors(subject):
        for matcher in selector.matchers:
            if matcher.operator == "=" and any(_contradicts(matcher, other) for other in selector.matchers):
                yield subject.finding(
                    "promql/impossible",
                    _BUG,
                    f"nothing can match '{matcher.name}=\"{matcher.value}\"' and the other matcher of "
                    f"'{matcher.name}'",
                )
                break


def _contradicts(matcher: Matcher, other: Matcher) -> bool:
    if other.name != matcher.name:
        return False
    if other.operator == "=":
        return other.value != matcher.value
    return other.operator == "!=" and other.value == matcher.value


def regexp(subject: Subject) -> Iterator[Finding]:
    for selector in _selectors(subject):
        for matcher in selector.matchers:
            if matcher.operator in {"=~", "!~"} and (said := _about_regexp(matcher)):
                yield subject.finding(
                    "promql/regexp", _INFO, f'{matcher.name}{matcher.operator}"{matcher.value}": {said}'
                )


def _about_regexp(matcher: Matcher) -> str:
    value = matcher.value
    if value and not re.search(r"[.*+?()|\[\]{}^$\\]", value):
        plain = "=" if matcher.operator == "=~" else "!="
        return f"this is no regular expression, {plain} says the same"
    if value.startswith("^") or (value.endswith("$") and not value.endswith("\\$")):
        return "the anchors say nothing, the whole value is matched anyway"
    if value == ".*":
        return "this matches everything" if matcher.operator == "=~" else "this matches nothing"
    return ""


def rate(subject: Subject) -> Iterator[Finding]:
    if subject.node is None:
        return
    for each in walk(subject.node):
        if not isinstance(each, Call) or each.function not in {"rate", "irate", "increase"}:
            continue
        inner = each.arguments[0]
        if isinstance(inner, Subquery) and isinstance(bare(inner.expression), Aggregation):
            yield subject.finding(
                "promql/rate",
                _WARNING,
                f"{each.function}() of an aggregation takes the restart of one counter for a jump of the sum: "
                f"aggregate what {each.function}() gives",
            )


def vector_matching(subject: Subject) -> Iterator[Finding]:
    if subject.node is None:
        return
    for each in walk(subject.node):
        if not isinstance(each, Binary) or each.operator == "or" or isinstance(bare(each.right), Number):
            continue
        if type_of(each.left) is not ValueType.VECTOR or type_of(each.right) is not ValueType.VECTOR:
            continue
        left, right = possible_labels(each.left), possible_labels(each.right)
        if each.matching.is_on:
            lost = [label for label in each.matching.labels if left.has(label) is not right.has(label)]
            if lost:
                yield subject.finding(
                    "promql/vector_matching",
                    _WARNING,
                    f"only one side of '{each.operator}' has the label '{lost[0]}', on which they are matched",
                )
        elif left.only is not None and right.only is not None and each.operator != "unless":
            ignored = frozenset(each.matching.labels)
            if left.only - ignored != right.only - ignored:
                yield subject.finding(
                    "promql/vector_matching",
                    _WARNING,
                    f"the sides of '{each.operator}' have other labels ({_names(left.only)} and "
                    f"{_names(right.only)}): say on which they are matched, with on or ignoring",
                )


def _names(labels: frozenset[str]) -> str:
    return ", ".join(sorted(labels)) or "none"


_LEGACY_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_LEGACY_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def name(subject: Subject) -> Iterator[Finding]:
    rule = subject.rule
    if isinstance(rule, RecordingRule) and not _LEGACY_METRIC.fullmatch(rule.name):
        yield subject.finding(
            "rule/name", _WARNING, "Prometheus before version 3 does not take this name of a series"
        )
    others = rule.annotations if isinstance(rule, AlertingRule) else {}
    for label in (*rule.labels, *others):
        if not _LEGACY_LABEL.fullmatch(label):
            yield subject.finding(
                "rule/name", _WARNING, f"Prometheus before version 3 does not take the name '{label}'"
            )
    if isinstance(rule, AlertingRule) and "alertname" in rule.labels:
        yield subject.finding(
            "rule/name", _WARNING, "the label 'alertname' is overwritten by the rule's name"
        )


def label(subject: Subject) -> Iterator[Finding]:
    if isinstance(subject.rule, AlertingRule) and "severity" not in subject.rule.labels:
        yield subject.finding("rule/label", _INFO, "there is no label 'severity' to route by")


def annotation(subject: Subject) -> Iterator[Finding]:
    rule = subject.rule
    if not isinstance(rule, AlertingRule):
        return
    if not {"summary", "description", "message"} & rule.annotations.keys():
        yield subject.finding("alerts/annotation", _INFO, "there is no annotation 'summary'")
    if not any(each.startswith("runbook") for each in rule.annotations):
        yield subject.finding("alerts/annotation", _INFO, "there is no annotation 'runbook_url'")


def dependency(subject: Subject) -> Iterator[Finding]:
    rules = subject.group.rules
    place = next(at for at, each in enumerate(rules) if each is subject.rule)
    later = {each.name for each in rules[place + 1 :] if isinstance(each, RecordingRule)}
    earlier = {each.name for each in rules[:place] if isinstance(each, RecordingRule)}
    for metric in sorted({each.metric for each in _selectors(subject)} & (later - earlier)):
        yield subject.finding(
            "rule/dependency",
            _WARNING,
            f"'{metric}' is recorded further down in the group: this rule sees it one evaluation late",
        )


def _selectors(subject: Subject) -> list[Selector]:
    if subject.node is None:
        return []
    return [each for each in walk(subject.node) if isinstance(each, Selector)]


def offset(subject: Subject) -> Iterator[Finding]:
    if subject.node is None or not isinstance(subject.rule, AlertingRule):
        return
    for each in walk(subject.node):
        selector = each.selector if isinstance(each, Range) else each
        if isinstance(selector, Selector) and selector.offset is not None and selector.offset < 0:
            yield subject.finding(
                "promql/offset", _WARNING, "a negative offset looks into the future: there is nothing yet"
            )
            return


#: The checks, by the order in which they are told of.
CHECKS: Final[tuple[Check, ...]] = (
    kind,
    comparison,
    absent,
    hold,
    missing,
    template,
    interval,
    fragile,
    impossible,
    regexp,
    rate,
    vector_matching,
    name,
    label,
    annotation,
    dependency,
    offset,
)
