"""Playing a test: the evaluator itself, on the clock of the test, with the answers of the test."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from alertrouter.clock import SystemClock
from alertrouter.core.duration import format_duration
from alertrouter.core.go_quote import quote
from alertrouter.core.rule_state import AlertState
from alertrouter.core.time import MILLISECOND, SECOND
from alertrouter.rules.live_group import LiveGroup
from alertrouter.rules.missing import presence_of
from alertrouter.rules.missing_policy import Presence
from alertrouter.rules.model import AlertingRule
from alertrouter.rules.options import Options
from alertrouter.rules.ports import Answer, QueryError, is_stale
from alertrouter.rules.unit_test.case import AlertCheck
from alertrouter.rules.world import World
from alertrouter.templating.rule_functions import Sample

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alertrouter.core.rule_state import RuleChanges
    from alertrouter.core.time import Duration, Moment
    from alertrouter.rules.model import Rule, RuleGroup, RuleSet
    from alertrouter.rules.ports import Backend, RuleAlert, Writer
    from alertrouter.rules.unit_test.case import Case, ExpressionCheck, ResultSeries, TestFile

# Behind the key of a rule: whether its data are there.
_DATA: Final = " data"
_FLUSH_WITHIN: Final = 10 * SECOND
_ANSWER_WITHIN: Final = 30 * SECOND
_Alert = tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]


class Engine(Protocol):
    """A metrics server that computes the results of a test. ``start`` is the moment at which the test begins there."""

    start: Moment

    @property
    def backend(self) -> Backend:
        """Answers queries."""
        ...

    @property
    def writer(self) -> Writer:
        """Takes what rules record."""
        ...

    async def reach(self, elapsed: Duration) -> None:
        """Give the server all samples up to this time of the test."""


async def play(case: Case, test_file: TestFile, rules: RuleSet, engine: Engine | None = None) -> list[str]:
    """What went otherwise than expected, a text of some lines each; empty when all is well.

    The results are those of the test, unless there is an engine that computes them.
    """
    if unknown := [] if engine else _unknown_results(case, rules):
        return unknown
    answers = _Answers(case)
    world = _world(case, test_file, engine or answers)
    groups = [LiveGroup(group, world) for group in _groups(rules, test_file, None if engine else answers)]
    start = engine.start if engine else case.start
    failures: list[str] = []
    interval = test_file.evaluation_interval
    checks: list[AlertCheck | ExpressionCheck] = [*case.checks, *case.expressions]
    checks.sort(key=lambda check: check.at)
    # Compat: promtool has no samples from after the last evaluation.
    last = max([check.at for check in checks], default=0) // interval * interval
    while checks:
        if engine:
            await engine.reach(answers.elapsed)
        for group in groups:
            await group.iterate(start + answers.elapsed)
            if engine:
                await engine.writer.flush(_FLUSH_WITHIN)
        if errors := _errors(groups, answers.elapsed):
            return [*failures, *errors]
        while checks and checks[0].at < answers.elapsed + interval:
            check = checks.pop(0)
            if isinstance(check, AlertCheck):
                failures += _compare(check, groups)
            elif engine:
                await engine.reach(min(check.at, last))
                failures += await _compare_expression(check, engine, is_fuzzy=test_file.is_fuzzy)
        answers.elapsed += interval
    return failures


async def _compare_expression(check: ExpressionCheck, engine: Engine, *, is_fuzzy: bool) -> list[str]:
    head = f"    expr: {quote(check.expression)}, time: {_time(check.at)},"
    try:
        answer = await engine.backend.query(check.expression, engine.start + check.at, timeout=_ANSWER_WITHIN)
    except QueryError as error:
        return [f"{head} err: {error}"]
    got = sorted([(_sorted(each.labels), each.value) for each in answer.samples], key=str)
    wanted = sorted([(_sorted(labels), value) for labels, value in check.expected], key=str)
    tolerance = 1e-12 if is_fuzzy else 0.0
    is_same = len(got) == len(wanted) and all(
        one[0] == other[0] and _equal(one[1], other[1], tolerance)
        for one, other in zip(got, wanted, strict=True)
    )
    if is_same:
        return []
    return [f"{head}\n        exp: {_samples(wanted)}\n        got: {_samples(got)}"]


def _sorted(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted([pair for pair in labels.items() if pair[1]]))


def _equal(got: object, wanted: float, tolerance: float) -> bool:
    if not isinstance(got, float):
        return False
    return (
        got == wanted
        or (math.isnan(got) and math.isnan(wanted))
        or math.isclose(got, wanted, rel_tol=tolerance)
    )


def _samples(samples: Sequence[tuple[tuple[tuple[str, str], ...], object]]) -> str:
    return ", ".join([f"{_set(labels)} {value}" for labels, value in samples]) or "nothing"


def _unknown_results(case: Case, rules: RuleSet) -> list[str]:
    """Results that nothing would ask for are a typing error."""
    known = {rule.name for group in rules.groups for rule in group.rules}
    known |= {_normal(rule.expression) for group in rules.groups for rule in group.rules}
    texts = [
        _normal(template.text)
        for group in rules.groups
        for rule in group.rules
        if isinstance(rule, AlertingRule)
        for template in (*rule.labels.values(), *rule.annotations.values())
    ]
    return [
        f"    line {case.result_lines[key]}: nothing asks for the result {quote(key)}: it is neither the name nor the "
        "expression of a rule, nor a query in a template"
        for key in case.results
        if key not in known and not any(key in text for text in texts if "query" in text)
    ]


def _normal(text: str) -> str:
    return " ".join(text.split())


def _groups(rules: RuleSet, test_file: TestFile, answers: _Answers | None) -> list[RuleGroup]:
    """The groups in the order asked for, all at one interval.

    Where the test has the answers, the expressions are replaced by keys for them.
    """
    order = {name: place for place, name in enumerate(test_file.group_order)}
    groups = sorted(rules.groups, key=lambda group: order.get(group.name, len(order)))
    return [
        replace(
            group,
            interval=test_file.evaluation_interval,
            query_offset=0,
            eval_offset=None,
            eval_delay=None,
            eval_alignment=None,
            concurrency=1,
            rules=tuple([_with_key(rule, answers) for rule in group.rules]) if answers else group.rules,
        )
        for group in groups
    ]


def _with_key(rule: Rule, answers: _Answers) -> Rule:
    key = answers.key(rule.name, rule.expression)
    if not isinstance(rule, AlertingRule):
        return replace(rule, expression=key)
    absence = presence_of(rule.expression).asks_for_absence
    return replace(rule, expression=key, presence=Presence(f"{key}{_DATA}", asks_for_absence=absence))


def _world(case: Case, test_file: TestFile, source: Engine | _Answers) -> World:
    return World(
        options=Options(
            interval=test_file.evaluation_interval,
            external_labels=case.external_labels,
            external_url=case.external_url,
            read_back=False,
        ),
        backend=source if isinstance(source, _Answers) else source.backend,
        notifier=_Nobody(),
        writer=None if isinstance(source, _Answers) else source.writer,
        clock=SystemClock(),
        remember=_forget,
    )


def _forget(changes: RuleChanges) -> None:
    """A test keeps nothing."""


class _Nobody:
    """A notifier that tells nobody."""

    async def notify(self, alerts: Sequence[RuleAlert], *, group: RuleGroup) -> None:
        pass

    async def aclose(self) -> None:
        pass


class _Answers:
    """Answers with the results of a test. ``elapsed`` is the time since its start."""

    def __init__(self, case: Case) -> None:
        self.elapsed: Duration = 0
        self._case = case
        self._by_key: dict[str, tuple[ResultSeries, ...]] = {}

    def key(self, name: str, expression: str) -> str:
        """What a rule asks for in place of its expression. A result for the expression comes before one for the name."""
        results = self._case.results
        key = f"rule {len(self._by_key)}"
        self._by_key[key] = results.get(_normal(expression), results.get(name, ()))
        return key

    async def query(
        self,
        expression: str,
        at: Moment,  # noqa: ARG002 - the clock is the test's
        *,
        timeout: Duration,  # noqa: ARG002, ASYNC109 - nothing takes time
        group: RuleGroup | None = None,  # noqa: ARG002 - all ask the same
    ) -> Answer:
        if expression.endswith(_DATA) and (series := self._by_key.get(expression[: -len(_DATA)])) is not None:
            place = self.elapsed // self._case.interval
            return Answer([Sample(each.labels, 1.0) for each in series if each.has_data(place)])
        series = self._by_key.get(expression)
        if series is None:
            series = self._case.results.get(_normal(expression))
        if series is None:
            raise QueryError(f"the test gives no result for the query {quote(expression)}", kind="bad_data")
        samples = []
        for each in series:
            place = self.elapsed // self._case.interval
            value = each.values[place] if place < len(each.values) else None
            if value is not None and not is_stale(value):
                samples.append(Sample(each.labels, value))
        return Answer(samples)

    def curl(self, expression: str, at: Moment, group: RuleGroup) -> str:
        raise NotImplementedError

    async def aclose(self) -> None:
        pass


def _errors(groups: Sequence[LiveGroup], elapsed: Duration) -> list[str]:
    return [
        f"    rule: {rule.rule.name}, time: {_time(elapsed)}, err: {rule.last_error}"
        for group in groups
        for rule in group.rules
        if rule.last_error
    ]


def _compare(check: AlertCheck, groups: Sequence[LiveGroup]) -> list[str]:
    fired = sorted(
        _pairs(alert.labels, alert.annotations)
        for group in groups
        for rule in group.rules
        if rule.rule.name == check.alertname
        for alert in rule.alerts.values()
        if alert.state is AlertState.FIRING
    )
    wanted = sorted(
        _pairs({**each.labels, "alertname": check.alertname}, each.annotations) for each in check.expected
    )
    if fired == wanted:
        return []
    head = f"    alertname: {check.alertname}, time: {_time(check.at)},"
    return [f"{head}\n        exp:{_shown(wanted)},\n        got:{_shown(fired)}"]


def _pairs(labels: Mapping[str, str], annotations: Mapping[str, str]) -> _Alert:
    present = {name: text for name, text in labels.items() if text}
    return tuple(sorted(present.items())), tuple(sorted(annotations.items()))


def _shown(alerts: Sequence[_Alert]) -> str:
    if not alerts:
        return "[]"
    lines = ["["]
    for place, (labels, texts) in enumerate(alerts):
        lines += [
            f"            {place}:",
            f"              Labels:{_set(labels)}",
            f"              Annotations:{_set(texts)}",
        ]
    return "\n".join([*lines, "            ]"])


def _set(pairs: tuple[tuple[str, str], ...]) -> str:
    return "{" + ", ".join([f"{name}={quote(text)}" for name, text in pairs]) + "}"


def _time(duration: Duration) -> str:
    return format_duration(duration) if duration >= MILLISECOND else "0s"
