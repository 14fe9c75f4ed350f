"""Playing a test: the evaluator itself, on the clock of the test, with the answers of the test."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from alertrouter.clock import SystemClock
from alertrouter.core.duration import format_duration
from alertrouter.core.go_quote import quote
from alertrouter.core.rule_state import AlertState
from alertrouter.core.time import MILLISECOND
from alertrouter.rules.live_group import LiveGroup
from alertrouter.rules.model import AlertingRule
from alertrouter.rules.options import Options
from alertrouter.rules.ports import Answer, QueryError
from alertrouter.rules.world import World
from alertrouter.templating.rule_functions import Sample

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alertrouter.core.rule_state import RuleChanges
    from alertrouter.core.time import Duration, Moment
    from alertrouter.rules.model import RuleGroup, RuleSet
    from alertrouter.rules.ports import RuleAlert
    from alertrouter.rules.unit_test.case import AlertCheck, Case, ResultSeries, TestFile

_Alert = tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]


async def play(case: Case, test_file: TestFile, rules: RuleSet) -> list[str]:
    """What went otherwise than expected, a text of some lines each; empty when all is well."""
    if unknown := _unknown_results(case, rules):
        return unknown
    backend = _Answers(case)
    groups = [
        LiveGroup(group, _world(case, test_file, backend)) for group in _groups(rules, test_file, backend)
    ]
    failures: list[str] = []
    interval = test_file.evaluation_interval
    checks = sorted(case.checks, key=lambda check: check.at)
    place = 0
    while place < len(checks):
        at = case.start + backend.elapsed
        for group in groups:
            await group.iterate(at)
        failures += _errors(groups, backend.elapsed)
        while place < len(checks) and checks[place].at < backend.elapsed + interval:
            failures += _compare(checks[place], groups)
            place += 1
        if failures and any(failure.startswith("    rule:") for failure in failures):
            break
        backend.elapsed += interval
    return failures


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


def _groups(rules: RuleSet, test_file: TestFile, backend: _Answers) -> list[RuleGroup]:
    """The groups in the order asked for, all at one interval, their expressions replaced by keys for the answers."""
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
            rules=tuple(
                [replace(rule, expression=backend.key(rule.name, rule.expression)) for rule in group.rules]
            ),
        )
        for group in groups
    ]


def _world(case: Case, test_file: TestFile, backend: _Answers) -> World:
    return World(
        options=Options(
            interval=test_file.evaluation_interval,
            external_labels=case.external_labels,
            external_url=case.external_url,
            read_back=False,
        ),
        backend=backend,
        notifier=_Nobody(),
        writer=None,
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
        series = self._by_key.get(expression)
        if series is None:
            series = self._case.results.get(_normal(expression))
        if series is None:
            raise QueryError(f"the test gives no result for the query {quote(expression)}", kind="bad_data")
        samples = []
        for each in series:
            place = self.elapsed // self._case.interval
            value = each.values[place] if place < len(each.values) else None
            if value is not None:
                samples.append(Sample(each.labels, value))
        return Answer(samples)

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
