"""All checks over all rules."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from alertrouter.rules.lint.comments import read_comments
from alertrouter.rules.lint.duplicates import labels_of
from alertrouter.rules.lint.finding import Finding, Severity, Subject
from alertrouter.rules.lint.static import CHECKS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from alertrouter.core.time import Moment
    from alertrouter.rules.model import RuleError, RuleGroup, RuleSet

#: What each check is about, and whether it asks the metrics server.
ABOUT: Final = {
    "rule/load": ("the file would not load", False),
    "lint/comment": ("a comment that switches checks off is not understood", False),
    "promql/type": ("the expression gives neither a vector nor a scalar", False),
    "alerts/comparison": ("an alert without a condition", False),
    "alerts/absent": ("absent() without a 'for'", False),
    "alerts/for": ("'for' or 'keep_firing_for' is no multiple of the group's interval", False),
    "alerts/missing": (
        "'missing_data' that has no effect, or that cannot tell data from their absence",
        False,
    ),
    "alerts/template": ("the value or the time in a label; labels that are not there", False),
    "alerts/annotation": ("no summary, no runbook", False),
    "group/interval": ("series recorded so seldom that queries miss them", False),
    "promql/fragile": ("topk() and the like in an alert", False),
    "promql/impossible": ("matchers that nothing can match", False),
    "promql/offset": ("an offset into the future", False),
    "promql/rate": ("rate() of an aggregation", False),
    "promql/regexp": ("regular expressions that are none, or say too much", False),
    "promql/vector_matching": ("two sides that never match", False),
    "rule/dependency": ("a recorded series is used before it is recorded", False),
    "rule/duplicate": ("two rules of a group that are alike", False),
    "rule/label": ("no severity", False),
    "rule/name": ("names that older servers do not take", False),
    "promql/refused": ("the metrics server refuses the expression", True),
    "promql/series": ("a series that does not exist, now or lately", True),
    "promql/label": ("a label that no series has", True),
    "alerts/count": ("how often the alert would have fired lately", True),
}


def lint(
    rules: RuleSet,
    texts: Mapping[str, str],
    now: Moment,
    *,
    disabled: Collection[str] = (),
    ask: Callable[[Sequence[Subject]], Iterable[Finding]] | None = None,
) -> list[Finding]:
    """What the checks find that no comment switches off, by file and line.

    ``texts`` are the files as they stand, for their comments. ``ask`` adds what the metrics server knows.
    """
    comments = {file: read_comments(text, file, now) for file, text in texts.items()}
    subjects = [
        Subject.of(rule, group)
        for group in rules.groups
        for rule in group.rules
        if not comments[group.file].ignores_file
    ]
    found = [finding for subject in subjects for check in CHECKS for finding in check(subject)]
    for group in rules.groups:
        found += _duplicates(group)
    if ask is not None:
        found += ask(subjects)
    starts: dict[str, list[int]] = {}
    for file, groups in groupby(rules.groups, key=lambda group: group.file):
        starts[file] = sorted(rule.line for group in groups for rule in group.rules)
    kept = [
        finding
        for finding in found
        if finding.check not in disabled and not comments[finding.file].covers(finding, starts[finding.file])
    ]
    kept += [
        finding
        for each in comments.values()
        if not each.ignores_file
        for finding in each.findings
        if finding.check not in disabled
    ]
    return sorted(kept, key=lambda finding: (finding.file, finding.line, -finding.severity))


def load_findings(error: RuleError) -> list[Finding]:
    """What keeps files from loading."""
    return [
        Finding(
            check="rule/load",
            severity=Severity.BUG,
            message=problem.message + (f" ({problem.hint})" if problem.hint else ""),
            file=problem.file,
            line=problem.line,
            column=problem.column,
            group=problem.group,
            rule=problem.rule,
        )
        for problem in error.problems
    ]


def _duplicates(group: RuleGroup) -> list[Finding]:
    seen: dict[tuple[object, ...], int] = {}
    found = []
    for rule in group.rules:
        key = (type(rule), rule.name, labels_of(rule))
        same = (*key, " ".join(rule.expression.split()))
        if same in seen:
            message = f"says the same as the rule in line {seen[same]}"
            found.append(
                Subject(rule=rule, group=group, node=None).finding("rule/duplicate", Severity.BUG, message)
            )
        elif key in seen:
            message = (
                f"has the name and the labels of the rule in line {seen[key]}: their alerts or series collide"
            )
            found.append(
                Subject(rule=rule, group=group, node=None).finding(
                    "rule/duplicate", Severity.WARNING, message
                )
            )
        seen.setdefault(key, rule.line)
        seen.setdefault(same, rule.line)
    return found
