"""Rules as they are evaluated: what a rule file says, once it is read, checked and compiled."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from alertrouter.core.go_quote import quote
from alertrouter.rules.missing_policy import NOTHING_SAID, MissingDataKeys, Presence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from alertrouter.core.time import Duration
    from alertrouter.templating.rule_templates import RuleTemplate


class Dialect(Enum):
    """What expressions and durations may be."""

    PROMETHEUS = "prometheus"
    METRICSQL = "metricsql"
    """VictoriaMetrics: its own functions, and durations with fractions or without a unit."""


class LabelMode(Enum):
    """Whose labels alerts and recorded series have (`rules.md` 2.4)."""

    PROMETHEUS = "prometheus"
    """Labels of a rule take the place of those of the series; external labels are added when something is sent."""
    VMALERT = "vmalert"
    """What a label of the rule takes the place of stays as ``exported_NAME``; external labels are labels of every rule
    that a group and a rule may set otherwise; alerts have their group as ``alertgroup``."""


class KeySet(Enum):
    """Which keys a rule file may have."""

    PROMETHEUS = "prometheus"
    """Those of Prometheus 3 alone."""
    ALL_KNOWN = "all known"
    """Those that vmalert, Thanos and Mimir add as well, and the wrappings of Kubernetes and Mimir."""
    ANY = "any"
    """Whatever is none of Prometheus's is passed over."""


class PartialResponse(Enum):
    """What an answer that lacks the data of some store means (Thanos)."""

    ABORT = "abort"
    """The query has failed."""
    WARN = "warn"
    """It is taken as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRule:
    """A rule whose result is written back as a series called ``name``.

    ``labels`` are literal texts, those of the group overlaid by the rule's; an empty one removes a label. ``line`` and
    ``column`` are where the rule begins in its file.
    """

    name: str
    expression: str
    labels: Mapping[str, str] = field(default_factory=dict)
    line: int = 0
    column: int = 0
    debug: bool = False
    update_entries_limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertingRule:
    """A rule whose result is alerts called ``name``.

    ``hold`` is the file's ``for``. ``labels`` are those of the group overlaid by the rule's, and so is ``missing``.
    ``presence`` is None where it follows from the expression.
    """

    name: str
    expression: str
    hold: Duration = 0
    keep_firing: Duration = 0
    labels: Mapping[str, RuleTemplate] = field(default_factory=dict)
    annotations: Mapping[str, RuleTemplate] = field(default_factory=dict)
    line: int = 0
    column: int = 0
    debug: bool = False
    update_entries_limit: int | None = None
    missing: MissingDataKeys = NOTHING_SAID
    presence: Presence | None = None


Rule = RecordingRule | AlertingRule


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleGroup:
    """Rules that are evaluated together, one after the other, at one interval.

    Durations that are None were not set and have the default of the evaluator; a ``query_offset`` of 0 switches that
    default off. ``limit`` is the most alerts or series that a rule may have, 0 for any number. What other systems than
    Prometheus add comes after ``line``.
    """

    file: str
    name: str
    interval: Duration | None = None
    query_offset: Duration | None = None
    limit: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    line: int = 0

    concurrency: int | None = None
    params: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()
    notifier_headers: tuple[tuple[str, str], ...] = ()
    eval_offset: Duration | None = None
    eval_delay: Duration | None = None
    eval_alignment: bool | None = None
    partial_response: PartialResponse = PartialResponse.ABORT
    debug: bool = False
    source_tenants: tuple[str, ...] = ()
    align_to_interval: bool = False

    @property
    def key(self) -> str:
        """Who the group is: one with the same name in another file is another group."""
        return f"{self.file};{self.name}"


class Stage(Enum):
    """At which of its steps Prometheus finds a problem; each has its own form in what promtool prints."""

    FILE = "file"
    """The file cannot be read."""
    SYNTAX = "syntax"
    """It is no YAML."""
    KEY = "key"
    """A key that does not exist, or a rule whose name or expression is no text."""
    TYPE = "type"
    """A value of another kind, or a key that is there twice."""
    VALUE = "value"
    """A text that means nothing, such as a wrong duration."""
    RULE = "rule"
    """It can be read, and still cannot be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleProblem:
    """One thing to put right in a rule file.

    ``line`` and ``column`` count from 1, a line of 0 means the file as a whole. ``group`` and ``rule`` are names,
    ``rule_number`` counts from 1; they are empty, and 0, where the problem is not in a rule. ``message`` has
    Prometheus's wording where it has one, ``hint`` says what to write instead. ``places`` is where Prometheus itself
    would point: nowhere, at ``0:0``, or at two places at once.
    """

    file: str
    line: int = 0
    column: int = 0
    group: str = ""
    rule_number: int = 0
    rule: str = ""
    message: str
    hint: str = ""
    stage: Stage = Stage.RULE
    places: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}: {self.whose}{self.message}{hint}"

    @property
    def whose(self) -> str:
        """``group "g", rule 1, "name": `` for what is wrong in a rule, and nothing for the rest."""
        if not self.rule_number:
            return ""
        return f"group {quote(self.group)}, rule {self.rule_number}, {quote(self.rule)}: "


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """All groups, sorted by file and then as they stand there, the files they are from, and what is only unwise."""

    groups: tuple[RuleGroup, ...] = ()
    files: tuple[str, ...] = ()
    warnings: tuple[RuleProblem, ...] = ()


class RuleError(Exception):
    """Rule files cannot be used; ``problems`` are all that was found in all of them, in order."""

    def __init__(self, problems: Iterable[RuleProblem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(map(str, self.problems)))
