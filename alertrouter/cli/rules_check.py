"""`artool rules check`: what `promtool check rules` says of rule files, and its exit status."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from alertrouter.cli.flags import Kind, argument, flag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from alertrouter.cli.command import Command
    from alertrouter.cli.session import Session
    from alertrouter.rules.model import Dialect, KeySet, RuleProblem, RuleSet

_ABOUT = """Check rule files as promtool check rules does.

Prints what promtool prints and ends as it does: with 0 when all is right, 1 when a file would not load, and 3 when
--lint-fatal is given and there are duplicate rules. With --output=extended each problem is one line that begins with
file:line:column and ends with what to do, with --output=json an object."""


def dialect_flag() -> str:
    """The flag that says which language the expressions are in."""
    made: str = flag(
        "dialect",
        Kind.TEXT,
        "Language of expressions and durations: prometheus, or metricsql for VictoriaMetrics, whose expressions are not"
        " checked.",
        default="prometheus",
        choices=("metricsql", "prometheus"),
    )
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesCheck:
    """The files to check, and how severely."""

    lint: str = flag(
        "lint",
        Kind.TEXT,
        "Linting checks to apply: all, duplicate-rules or none, separated by commas.",
        default="duplicate-rules",
    )
    lint_fatal: bool = flag("lint-fatal", Kind.BOOL, "Make lint errors exit with exit code 3.")
    ignore_unknown_fields: bool = flag(
        "ignore-unknown-fields", Kind.BOOL, "Pass over keys that Prometheus does not know."
    )
    extras: bool = flag(
        "extras",
        Kind.BOOL,
        "Also take what this evaluator takes: the keys that vmalert, Thanos and Mimir add, and PrometheusRule objects.",
    )
    dialect: str = dialect_flag()
    files: tuple[str, ...] = argument(
        "rule-files", "Files to check; standard input when there are none.", kind=Kind.FILES
    )


def register(group: Command) -> None:
    """Add the command to the group."""
    group.command("check", _ABOUT, RulesCheck, run)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """One file: its rules, or what is wrong with it."""

    file: str
    rules: RuleSet | None
    problems: Sequence[RuleProblem] = ()
    is_legacy: bool = False
    lint: Sequence[str] = ()


def run(options: RulesCheck, session: Session) -> int:
    """Check each file; the exit status of promtool."""
    from alertrouter.rules.load import read_text
    from alertrouter.rules.model import RuleError

    wants_duplicates = _lints(options.lint)
    checked = []
    for file in options.files or ("",):
        try:
            text = read_text(file) if file else sys.stdin.buffer.read().decode("utf-8", "replace")
        except RuleError as error:
            found = _Checked(file=file, rules=None, problems=error.problems)
        else:
            found = _check(file, text, options, wants_duplicates=wants_duplicates)
        if session.options.output == "simple":
            _print(found, session)
        checked.append(found)
    if session.options.output != "simple":
        _print_all(checked, is_json=session.options.output == "json")
    if any(each.problems for each in checked):
        return 1
    return 3 if options.lint_fatal and any(each.lint for each in checked) else 0


def _lints(text: str) -> bool:
    """Whether duplicates are looked for."""
    from alertrouter.cli.output import write
    from alertrouter.core.go_quote import quote

    wanted = False
    for name in text.split(","):
        match name.strip():
            case "all" | "duplicate-rules":
                wanted = True
            case "none":
                return False
            case other:
                write(f"WARNING: unknown lint option: {quote(other)}\n")
    return wanted


def _check(file: str, text: str, options: RulesCheck, *, wants_duplicates: bool) -> _Checked:
    from alertrouter.rules.legacy import looks_legacy
    from alertrouter.rules.lint.duplicates import duplicates
    from alertrouter.rules.load import load_text
    from alertrouter.rules.model import Dialect, RuleError

    dialect = Dialect(options.dialect)
    try:
        found = load_text(text, file=file, dialect=dialect, strict_keys=_keys(options, dialect))
    except RuleError as error:
        return _Checked(file=file, rules=None, problems=error.problems, is_legacy=looks_legacy(text))
    return _Checked(file=file, rules=found, lint=duplicates(found) if wants_duplicates else ())


def _keys(options: RulesCheck, dialect: Dialect) -> KeySet:
    from alertrouter.rules.model import Dialect, KeySet

    if options.ignore_unknown_fields:
        return KeySet.ANY
    return KeySet.ALL_KNOWN if options.extras or dialect is Dialect.METRICSQL else KeySet.PROMETHEUS


def _print(checked: _Checked, session: Session) -> None:
    """What promtool prints of one file."""
    from alertrouter.cli.output import write

    write(f"Checking {checked.file or 'standard input'}\n")
    if checked.rules is None:
        sys.stdout.flush()
        session.warn("  FAILED:")
        for line in promtool_lines(checked.problems, checked.file):
            session.warn(line)
        if checked.is_legacy:
            session.warn(f"  {checked.problems[0].hint}")
        return
    for warning in checked.rules.warnings:
        sys.stdout.flush()
        session.warn(f"  WARNING: {warning}")
    if checked.lint:
        sys.stdout.flush()
        session.warn("  FAILED:")
        for line in checked.lint:
            session.warn(line)
        write("\n")
    else:
        count = sum(len(group.rules) for group in checked.rules.groups)
        write(f"  SUCCESS: {count} rules found\n\n")


# Prometheus reads a file twice, the second time into types that know the places.
_SECOND_TYPES: Final = {
    "into rulefmt.RuleGroups": "into rulefmt.ruleGroups",
    "into []rulefmt.RuleGroup": "into []rulefmt.RuleGroupNode",
    "into rulefmt.RuleGroup": "into rulefmt.RuleGroupNode",
    "into []rulefmt.Rule": "into []rulefmt.RuleNode",
    "into rulefmt.Rule": "into rulefmt.RuleNode",
}
_TYPE: Final = re.compile(r"into (?:\[\])?rulefmt\.\w+$")


def promtool_lines(problems: Sequence[RuleProblem], file: str) -> list[str]:
    """The problems of one file as promtool prints them.

    Compat: what is wrong with the form of a file is said twice, as promtool does. Beyond promtool, what is wrong with the
    meaning is said as well where there is something wrong with the form.
    """
    from alertrouter.rules.model import Stage

    prefix = f"{file}: " if file else ""
    lines: list[str] = []
    for is_second in (False, True):
        if of_type := _type_errors(problems, is_second=is_second):
            lines += [f"{prefix}yaml: unmarshal errors:", *of_type]
        for each in problems:
            if each.stage is Stage.SYNTAX:
                lines.append(f"{prefix}{each.message.replace('yaml: ', f'yaml: {each.places}', 1)}")
            elif each.stage is Stage.VALUE:
                lines.append(f"{prefix}{each.message}")
    for each in problems:
        if each.stage in {Stage.RULE, Stage.FILE}:
            lines.append(f"{prefix}{each.places}{each.whose}{each.message}")
    return lines


def _type_errors(problems: Iterable[RuleProblem], *, is_second: bool) -> list[str]:
    from alertrouter.rules.model import Stage

    stages = {Stage.TYPE} if is_second else {Stage.TYPE, Stage.KEY}
    lines = [f"  line {each.line}: {each.message}" for each in problems if each.stage in stages]
    if not is_second:
        return lines
    return [_TYPE.sub(lambda found: _SECOND_TYPES.get(found[0], found[0]), line) for line in lines]


def _print_all(checked: Sequence[_Checked], *, is_json: bool) -> None:
    from alertrouter.cli.output import print_json, write

    if is_json:
        print_json([_object(each) for each in checked])
        return
    for each in checked:
        warnings = each.rules.warnings if each.rules else ()
        for problem in each.problems:
            write(f"{problem}\n")
        for warning in warnings:
            write(f"{warning}: warning\n")
        for line in each.lint:
            write(f"{each.file or 'standard input'}: {line}\n")


def _object(checked: _Checked) -> dict[str, object]:
    rules = checked.rules
    return {
        "file": checked.file,
        "rules": sum(len(group.rules) for group in rules.groups) if rules else 0,
        "problems": [problem_object(each) for each in checked.problems],
        "warnings": [problem_object(each) for each in (rules.warnings if rules else ())],
        "lint": list(checked.lint),
    }


def problem_object(problem: RuleProblem) -> dict[str, object]:
    """A problem as JSON."""
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "group": problem.group,
        "rule": problem.rule,
        "ruleNumber": problem.rule_number,
        "message": problem.message,
        "hint": problem.hint,
    }
