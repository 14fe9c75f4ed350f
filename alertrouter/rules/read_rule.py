"""One rule of a file: what it says, whether that can be, and its compiled form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from alertrouter.config.node import Kind, Scalar
from alertrouter.rules.document import place_inside
from alertrouter.rules.expression import check_expression
from alertrouter.rules.missing import presence_of
from alertrouter.rules.missing_policy import NOTHING_SAID, MissingDataKeys, MissingPolicy
from alertrouter.rules.model import AlertingRule, Dialect, RecordingRule, RuleProblem, Stage
from alertrouter.rules.own_keys import OWN, read_own
from alertrouter.templating.errors import TemplateError
from alertrouter.templating.rule_templates import RuleTemplate

if TYPE_CHECKING:
    from collections.abc import Collection

    from alertrouter.config.node import Node
    from alertrouter.core.time import Duration
    from alertrouter.rules.decode import Decoder, Entry
    from alertrouter.rules.model import Rule

RULE_KEYS: Final = frozenset({"record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"})
#: Each key that is none of Prometheus and the system it comes from.
RULE_EXTRAS: Final = {"debug": "vmalert", "update_entries_limit": "vmalert", OWN: "alertrouter"}

_MAP = "map[string]string"
Texts = dict[str, "tuple[Entry, str]"]
"""The entries of labels or annotations, each with its text."""


@dataclass(slots=True, kw_only=True)
class Draft:
    """A rule as it stands in the file. Where some value has the wrong form, it is not whole."""

    node: Node
    values: dict[str, Node]
    record: str = ""
    alert: str = ""
    expression: str = ""
    hold: Duration = 0
    keep_firing: Duration = 0
    labels: Texts = field(default_factory=dict)
    annotations: Texts = field(default_factory=dict)
    debug: bool = False
    update_entries_limit: int | None = None
    missing: MissingDataKeys = NOTHING_SAID
    is_whole: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a rule is from, and where what is wrong with it goes."""

    file: str
    text: str
    dialect: Dialect
    group: str
    problems: list[RuleProblem]
    warnings: list[RuleProblem]
    missing: MissingDataKeys = NOTHING_SAID


def draft_of(node: Node, decoder: Decoder, keys: Collection[str], hints: dict[str, str]) -> Draft | None:
    """The values of a rule; what has the wrong form is noted with the decoder."""
    entries = decoder.object(node, "rulefmt.Rule", keys, hints)
    if entries is None:
        return None
    values = {key: entry.value for key, entry in entries.items()}
    before = len(decoder.problems)
    nothing = Scalar("", Kind.NULL, None, True, node.line, node.column)  # noqa: FBT003 - in order

    def given(key: str) -> Node:
        return values.get(key, nothing)

    draft = Draft(
        node=node,
        values=values,
        record=decoder.text(given("record"), Stage.KEY),
        alert=decoder.text(given("alert"), Stage.KEY),
        expression=decoder.text(given("expr"), Stage.KEY),
        hold=decoder.duration(given("for")) or 0,
        keep_firing=decoder.duration(given("keep_firing_for")) or 0,
        labels=decoder.map(given("labels"), _MAP, decoder.text),
        annotations=decoder.map(given("annotations"), _MAP, decoder.text),
        debug=decoder.boolean(given("debug")) is True,
        update_entries_limit=decoder.integer(given("update_entries_limit"), None),
        missing=read_own(values[OWN], decoder) if OWN in values else NOTHING_SAID,
    )
    draft.is_whole = len(decoder.problems) == before
    return draft


def rule_of(draft: Draft, number: int, group_labels: Texts, source: Source) -> Rule | None:
    """The rule, the ``number``-th of its group; None, the problems being noted, when it cannot be right."""
    check = _Check(draft, number, source)
    check.names()
    check.expression()
    if draft.record:
        check.record()
    check.label_names()
    check.missing_data()
    compiled = check.templates(group_labels)
    if check.failed:
        return None
    if draft.record:
        return RecordingRule(
            name=draft.record,
            expression=draft.expression,
            labels={name: text for name, (_, text) in (group_labels | draft.labels).items()},
            line=draft.node.line,
            column=draft.node.column,
            debug=draft.debug,
            update_entries_limit=draft.update_entries_limit,
        )
    labels, annotations = compiled
    return AlertingRule(
        name=draft.alert,
        expression=draft.expression,
        hold=draft.hold,
        keep_firing=draft.keep_firing,
        labels=labels,
        annotations=annotations,
        line=draft.node.line,
        column=draft.node.column,
        debug=draft.debug,
        update_entries_limit=draft.update_entries_limit,
        missing=draft.missing.over(source.missing),
    )


class _Check:
    """The checks of one rule, in the order of Prometheus."""

    def __init__(self, draft: Draft, number: int, source: Source) -> None:
        self.failed = False
        self._draft = draft
        self._number = number
        self._source = source

    def names(self) -> None:
        draft = self._draft
        if draft.record and draft.alert:
            places = self._place("record") + self._place("alert")
            self._complain(
                draft.values["record"], "only one of 'record' and 'alert' must be set", places=places
            )
        if not draft.record and not draft.alert and draft.is_whole:
            places = self._place("record") + self._place("alert")
            self._complain(draft.node, "one of 'record' or 'alert' must be set", places=places)

    def _place(self, key: str) -> str:
        node = self._draft.values.get(key)
        return f"{node.line}:{node.column}: " if node is not None else "0:0: "

    def expression(self) -> None:
        draft, place = self._draft, self._place("expr")
        node = draft.values.get("expr", draft.node)
        if not draft.expression and draft.is_whole:
            self._complain(node, "field 'expr' must be set in rule", places=place)
        if not draft.expression:
            return
        found = check_expression(draft.expression, self._source.dialect)
        if found is None:
            return
        self._complain(node, found.message, found.hint, places=place, at=(found.line, found.column))

    def record(self) -> None:
        draft, place = self._draft, self._place("record")
        # vmalert takes and ignores them.
        note = self._warn if self._source.dialect is Dialect.METRICSQL else self._complain
        for key, is_set in (
            ("annotations", draft.annotations),
            ("for", draft.hold),
            ("keep_firing_for", draft.keep_firing),
        ):
            if is_set:
                note(draft.values[key], f"invalid field '{key}' in recording rule", places=place)
        if "{" in draft.record or "}" in draft.record:
            self._complain(
                draft.values["record"],
                f"braces present in the recording rule name; should it be in expr?: {draft.record}",
                places=place,
            )

    def label_names(self) -> None:
        for name, (entry, _) in self._draft.labels.items():
            if not name or name == "__name__":
                self._complain(entry.key, f"invalid label name: {name}")
        for name, (entry, _) in self._draft.annotations.items():
            if not name:
                self._complain(entry.key, f"invalid annotation name: {name}")

    def missing_data(self) -> None:
        draft = self._draft
        if OWN not in draft.values:
            return
        if draft.record:
            self._complain(
                draft.values[OWN], f"invalid field '{OWN}' in recording rule", "it is for alerts alone"
            )
        elif draft.missing.policy in {MissingPolicy.KEEP, MissingPolicy.ALERT} and (
            presence_of(draft.expression).asks_for_absence
        ):
            self._complain(
                draft.values[OWN],
                "missing_data is for expressions that have data: absent() fires because there are none",
                "leave it out, or make two rules of this one",
            )

    def templates(self, group_labels: Texts) -> tuple[dict[str, RuleTemplate], dict[str, RuleTemplate]]:
        """The labels and annotations of an alert, compiled; empty for a recording rule."""
        if not self._draft.alert:
            return {}, {}
        return (
            self._compiled("label", group_labels | self._draft.labels),
            self._compiled("annotation", self._draft.annotations),
        )

    def _compiled(self, what: str, texts: Texts) -> dict[str, RuleTemplate]:
        found: dict[str, RuleTemplate] = {}
        for name, (entry, text) in texts.items():
            try:
                found[name] = RuleTemplate.compile(text, self._draft.alert)
            except TemplateError as error:
                self._complain(
                    entry.value,
                    f'{what} "{name}": {error.message}',
                    error.hint,
                    at=(error.line, error.column),
                )
        return found

    def _complain(
        self, node: Node, message: str, hint: str = "", *, places: str = "", at: tuple[int, int] = (0, 0)
    ) -> None:
        self.failed = True
        self._source.problems.append(self._problem(node, message, hint, places, at=at))

    def _warn(self, node: Node, message: str, *, places: str = "") -> None:
        self._source.warnings.append(self._problem(node, message, "", places))

    def _problem(
        self, node: Node, message: str, hint: str, places: str, *, at: tuple[int, int] = (0, 0)
    ) -> RuleProblem:
        line, column = node.line, node.column
        if at[0] and isinstance(node, Scalar):
            line, column = place_inside(self._source.text, node, *at)
        return RuleProblem(
            file=self._source.file,
            line=line,
            column=column,
            group=self._source.group,
            rule_number=self._number,
            rule=self._draft.alert or self._draft.record,
            message=message,
            hint=hint,
            places=places,
        )
