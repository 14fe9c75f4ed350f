"""Test files, as promtool reads them, with ``results`` in place of ``input_series``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from alertrouter.config.node import Kind, Mapping, Scalar, Sequence
from alertrouter.core.time import MINUTE, SECOND, parse_timestamp
from alertrouter.promql.nodes import Selector
from alertrouter.promql.parser import parse
from alertrouter.rules.decode import Decoder
from alertrouter.rules.document import read_root
from alertrouter.rules.model import Dialect, RuleError, Stage
from alertrouter.rules.ports import STALE, is_stale
from alertrouter.rules.unit_test.values import parse_values

if TYPE_CHECKING:
    from alertrouter.config.node import Node
    from alertrouter.core.time import Duration, Moment

_FILE_KEYS: Final = frozenset(
    {"rule_files", "evaluation_interval", "group_eval_order", "fuzzy_compare", "tests"}
)
_CASE_KEYS: Final = frozenset(
    {"name", "interval", "start_timestamp", "results", "alert_rule_test", "external_labels", "external_url"}
)
_NEEDS_ENGINE: Final = frozenset({"input_series", "promql_expr_test"})
_CHECK_KEYS: Final = frozenset({"eval_time", "alertname", "groupname", "exp_alerts"})
_ALERT_KEYS: Final = frozenset({"exp_labels", "exp_annotations"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultSeries:
    """One series of a result: its value at each step of the test's interval, None where it is missing."""

    labels: dict[str, str]
    values: list[float | None]

    def has_data(self, place: int) -> bool:
        """Whether its data are there at a step: a gap says that the condition does not hold, ``stale`` that they ended."""
        past = [value for value in self.values[: place + 1] if value is not None]
        return not past or not is_stale(past[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedAlert:
    """An alert that must fire, with exactly these labels (``alertname`` aside) and annotations."""

    labels: dict[str, str]
    annotations: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertCheck:
    """Which alerts of a name fire at a time. ``line`` is where the check stands."""

    at: Duration
    alertname: str
    expected: tuple[ExpectedAlert, ...]
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpressionCheck:
    """What an expression gives at a time: labels, the name among them, and values. ``line`` is where the check stands."""

    at: Duration
    expression: str
    expected: tuple[tuple[dict[str, str], float], ...]
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test. ``results`` are by the name of a rule or by an expression.

    A test for a metrics server has ``series`` instead, and may look at expressions; a stale marker ends a series.
    """

    name: str = ""
    interval: Duration = MINUTE
    start: Moment = 0
    results: dict[str, tuple[ResultSeries, ...]] = field(default_factory=dict)
    result_lines: dict[str, int] = field(default_factory=dict)
    checks: tuple[AlertCheck, ...] = ()
    series: tuple[ResultSeries, ...] = ()
    expressions: tuple[ExpressionCheck, ...] = ()
    external_labels: dict[str, str] = field(default_factory=dict)
    external_url: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFile:
    """A test file. The results of one that ``needs_engine`` must be computed by a metrics server."""

    __test__ = False

    file: str
    needs_engine: bool = False
    rule_files: tuple[str, ...] = ()
    evaluation_interval: Duration = MINUTE
    group_order: tuple[str, ...] = ()
    is_fuzzy: bool = False
    cases: tuple[Case, ...] = ()


def read_test_file(text: str, file: str) -> TestFile:
    """The tests of a file. Raises RuleError with everything that is wrong."""
    root = read_root(text, file)
    reader = _Reader(file, needs_engine=_needs_engine(root))
    read = reader.file(root)
    if reader.decoder.problems:
        raise RuleError(reader.decoder.problems)
    return read


def _needs_engine(root: Node | None) -> bool:
    """Whether some test gives series, and none gives results."""
    keys: set[str] = set()
    for key, value in root.entries if isinstance(root, Mapping) else ():
        if isinstance(key, Scalar) and key.text == "tests" and isinstance(value, Sequence):
            for case in value:
                if isinstance(case, Mapping):
                    keys |= {each.text for each, _ in case.entries if isinstance(each, Scalar)}
    return bool(keys & _NEEDS_ENGINE) and "results" not in keys


class _Reader:
    def __init__(self, file: str, *, needs_engine: bool) -> None:
        self.decoder = Decoder(file, Dialect.PROMETHEUS)
        self._file = file
        self._needs_engine = needs_engine
        self._case_keys = _CASE_KEYS | _NEEDS_ENGINE - {"results"} if needs_engine else _CASE_KEYS

    def _values(self, node: Node, keys: frozenset[str], what: str) -> dict[str, Node]:
        hints = dict.fromkeys(
            _NEEDS_ENGINE, "a test has either results, or series and a promtool to compute with"
        )
        entries = self.decoder.object(node, what, keys, hints) or {}
        return {key: entry.value for key, entry in entries.items()}

    def _text(self, values: dict[str, Node], key: str) -> str:
        return self.decoder.text(values[key]) if key in values else ""

    def _duration(self, values: dict[str, Node], key: str, default: Duration) -> Duration:
        found = self.decoder.duration(values[key]) if key in values else None
        return default if found is None else found

    def _map(self, values: dict[str, Node], key: str) -> dict[str, str]:
        if key not in values:
            return {}
        found = self.decoder.map(values[key], "map[string]string", self.decoder.text)
        return {name: text for name, (_, text) in found.items()}

    def _list(self, values: dict[str, Node], key: str) -> list[Node]:
        return self.decoder.items(values[key], "list") if key in values else []

    def file(self, root: Node | None) -> TestFile:
        if root is None:
            return TestFile(file=self._file)
        values = self._values(root, _FILE_KEYS, "test file")
        interval = self._duration(values, "evaluation_interval", MINUTE)
        if interval == 0:
            self._wrong(values["evaluation_interval"], "the interval must be greater than 0")
        return TestFile(
            file=self._file,
            needs_engine=self._needs_engine,
            is_fuzzy=self.decoder.boolean(values["fuzzy_compare"]) is True
            if "fuzzy_compare" in values
            else False,
            rule_files=tuple([self.decoder.text(each) for each in self._list(values, "rule_files")]),
            evaluation_interval=interval or MINUTE,
            group_order=tuple([self.decoder.text(each) for each in self._list(values, "group_eval_order")]),
            cases=tuple([self._case(each) for each in self._list(values, "tests")]),
        )

    def _wrong(self, node: Node, message: str) -> None:
        self.decoder.complain(node, message, stage=Stage.VALUE)

    def _case(self, node: Node) -> Case:
        values = self._values(node, self._case_keys, "test")
        results: dict[str, tuple[ResultSeries, ...]] = {}
        lines: dict[str, int] = {}
        if "results" in values:
            for key, (entry, series) in self.decoder.map(values["results"], "map", self._series).items():
                results[" ".join(key.split())] = series
                lines[" ".join(key.split())] = entry.key.line
        interval = self._duration(values, "interval", MINUTE)
        if interval == 0:
            self._wrong(values["interval"], "the interval must be greater than 0")
        return Case(
            name=self._text(values, "name"),
            interval=interval or MINUTE,
            start=self._start(values["start_timestamp"]) if "start_timestamp" in values else 0,
            results=results,
            result_lines=lines,
            checks=tuple([self._check(each) for each in self._list(values, "alert_rule_test")]),
            series=tuple([self._input(each) for each in self._list(values, "input_series")]),
            expressions=tuple([self._expression(each) for each in self._list(values, "promql_expr_test")]),
            external_labels=self._map(values, "external_labels"),
            external_url=self._text(values, "external_url"),
            line=node.line,
        )

    def _start(self, node: Node) -> Moment:
        if (
            isinstance(node, Scalar)
            and node.kind in {Kind.INT, Kind.FLOAT}
            and isinstance(node.value, int | float)
        ):
            return round(node.value * SECOND)
        try:
            moment, _ = parse_timestamp(self.decoder.text(node))
        except ValueError as error:
            self._wrong(node, str(error))
            return 0
        return moment or 0

    def _series(self, node: Node) -> tuple[ResultSeries, ...]:
        found = []
        for each in self.decoder.items(node, "list"):
            values = self._values(each, frozenset({"labels", "values"}), "result")
            numbers: list[float | None] = []
            if "values" in values:
                try:
                    numbers = parse_values(self.decoder.text(values["values"]), stale=STALE)
                except ValueError as error:
                    self._wrong(values["values"], str(error))
            found.append(ResultSeries(labels=self._map(values, "labels"), values=numbers))
        return tuple(found)

    def _check(self, node: Node) -> AlertCheck:
        values = self._values(node, _CHECK_KEYS, "alert_rule_test")
        if not self._text(values, "alertname"):
            self._wrong(node, "an item under alert_rule_test misses required attribute alertname")
        expected = []
        for each in self._list(values, "exp_alerts"):
            wanted = self._values(each, _ALERT_KEYS, "exp_alerts")
            expected.append(
                ExpectedAlert(
                    labels=self._map(wanted, "exp_labels"), annotations=self._map(wanted, "exp_annotations")
                )
            )
        return AlertCheck(
            at=self._duration(values, "eval_time", 0),
            alertname=self._text(values, "alertname"),
            expected=tuple(expected),
            line=node.line,
        )

    def _input(self, node: Node) -> ResultSeries:
        values = self._values(node, frozenset({"series", "values"}), "input_series")
        numbers: list[float | None] = []
        if "values" in values:
            try:
                numbers = parse_values(self.decoder.text(values["values"]), stale=STALE)
            except ValueError as error:
                self._wrong(values["values"], str(error))
        return ResultSeries(labels=self._metric(values, "series", node), values=numbers)

    def _metric(self, values: dict[str, Node], key: str, node: Node) -> dict[str, str]:
        """The labels of a text such as ``up{job="a"}``."""
        text = self._text(values, key)
        try:
            return parse_metric(text)
        except ValueError as error:
            self._wrong(values.get(key, node), str(error))
            return {}

    def _number(self, node: Node) -> float:
        """A number as YAML writes it (``.inf``), or as PromQL does."""
        if isinstance(node, Scalar) and isinstance(node.value, float):
            return node.value
        return float(self.decoder.text(node))

    def _expression(self, node: Node) -> ExpressionCheck:
        values = self._values(node, frozenset({"expr", "eval_time", "exp_samples"}), "promql_expr_test")
        expected = []
        for each in self._list(values, "exp_samples"):
            sample = self._values(each, frozenset({"labels", "value"}), "exp_samples")
            number = sample.get("value")
            value = float("nan")
            try:
                value = 0.0 if number is None else self._number(number)
            except ValueError:
                self._wrong(each, "the value is no number")
            expected.append((self._metric(sample, "labels", each) if "labels" in sample else {}, value))
        return ExpressionCheck(
            at=self._duration(values, "eval_time", 0),
            expression=self._text(values, "expr"),
            expected=tuple(expected),
            line=node.line,
        )


def parse_metric(text: str) -> dict[str, str]:
    """The labels, with the name, of a series written as PromQL selects it. ValueError when it is none."""
    if text.strip() in {"", "{}"}:
        return {}
    node = parse(text)
    if not isinstance(node, Selector) or any(each.operator != "=" for each in node.matchers):
        raise ValueError(f"'{text}' is no series: write it like up{{job=\"a\"}}")
    labels = {each.name: each.value for each in node.matchers}
    return labels | ({"__name__": node.name} if node.name else {})
