"""`artool rules lint`: what is unwise in rules that load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alertrouter.cli.errors import Failure
from alertrouter.cli.flags import Kind, argument, flag
from alertrouter.cli.rule_files import check_there
from alertrouter.cli.rules_check import dialect_flag
from alertrouter.core.time import DAY, MINUTE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.cli.command import Command
    from alertrouter.cli.session import Session
    from alertrouter.rules.lint.finding import Finding
    from alertrouter.rules.model import RuleSet

_SEVERITIES = ("bug", "info", "warning")

_ABOUT = """Tell what is unwise in rule files.

Each finding is a line: file:line:column, how bad it is, and the name of the check, by which --disable or a comment
switches it off. With --query.url the metrics server is asked as well: whether the series and labels exist, now or in the
last week, and how often each alert would have fired in that time. Ends with 1 when something is as bad as --fail-on
says. --list tells of all checks.

Comments in a rule file: "# artool disable CHECK" in or right above a rule, "# artool snooze 2027-01-31 CHECK" the same
until that day, "# artool file/disable CHECK" for the whole file, "# artool ignore/file" for all checks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesLint:
    """The files to look at, and for what."""

    list_checks: bool = flag("list", Kind.BOOL, "Tell of all checks and do nothing else.")
    disable: tuple[str, ...] = flag(
        "disable", Kind.TEXTS, "Switch a check off; repeatable.", placeholder="CHECK"
    )
    min_severity: str = flag(
        "min-severity",
        Kind.TEXT,
        "Tell of what is at least so bad: info, warning or bug.",
        default="warning",
        choices=_SEVERITIES,
    )
    fail_on: str = flag(
        "fail-on",
        Kind.TEXT,
        "End with 1 when something is at least so bad: info, warning or bug.",
        default="bug",
        choices=_SEVERITIES,
    )
    query_url: str = flag(
        "query.url", Kind.TEXT, "The metrics server to ask, as for the evaluator.", placeholder="URL"
    )
    lookback: int = flag(
        "lookback", Kind.DURATION, "How far back to ask the metrics server.", default=7 * DAY
    )
    evaluation_interval: int = flag(
        "evaluation.interval", Kind.DURATION, "Interval of groups that have none.", default=MINUTE
    )
    max_firings: int = flag(
        "max-firings",
        Kind.INTEGER,
        "How often an alert may have fired in that time without being worth a warning.",
        default=100,
    )
    dialect: str = dialect_flag()
    files: tuple[str, ...] = argument("rule-files", "Rule files, and patterns of them.")


def register(group: Command) -> None:
    """Add the command to the group."""
    group.command("lint", _ABOUT, RulesLint, run)


def run(options: RulesLint, session: Session) -> int:
    """Print the findings; 1 when one is too bad."""
    from alertrouter.rules.lint.finding import Severity
    from alertrouter.rules.lint.run import ABOUT

    if unknown := sorted(set(options.disable) - ABOUT.keys()):
        raise Failure(f"there is no check '{unknown[0]}': --list tells of all")
    if options.list_checks:
        _list()
        return 0
    if not options.files:
        raise Failure("name rule files to look at")
    found = _findings(options, session)
    shown = [each for each in found if each.severity >= Severity[options.min_severity.upper()]]
    _print(shown, is_json=session.options.output == "json")
    return 1 if any(each.severity >= Severity[options.fail_on.upper()] for each in found) else 0


def _list() -> None:
    from alertrouter.cli.output import print_table
    from alertrouter.rules.lint.run import ABOUT

    rows = [(check, "yes" if asks else "", about) for check, (about, asks) in ABOUT.items()]
    print_table([("Check", "Asks", "About"), *rows])


def _findings(options: RulesLint, session: Session) -> list[Finding]:
    from alertrouter.rules.lint.live import AskError
    from alertrouter.rules.lint.run import lint, load_findings
    from alertrouter.rules.load import load, read_text
    from alertrouter.rules.model import Dialect, RuleError

    check_there(options.files)
    try:
        rules = load(options.files, dialect=Dialect(options.dialect))
    except RuleError as error:
        return load_findings(error)
    for warning in rules.warnings:
        session.warn(f"Warning: {warning}")
    texts = {file: read_text(file) for file in rules.files}
    now = session.now()
    if not options.query_url:
        return lint(rules, texts, now, disabled=options.disable)
    try:
        return _asking(rules, texts, options, session)
    except AskError as error:
        raise Failure(str(error)) from None


def _asking(rules: RuleSet, texts: dict[str, str], options: RulesLint, session: Session) -> list[Finding]:
    from contextlib import closing

    from alertrouter.cli.metrics_server import MetricsServer
    from alertrouter.rules.lint.live import Terms, ask
    from alertrouter.rules.lint.run import lint

    now = session.now()
    terms = Terms(options.lookback, options.evaluation_interval, options.max_firings, now, options.disable)
    if min(options.lookback, options.evaluation_interval) <= 0:
        raise Failure("--lookback and --evaluation.interval must be greater than 0")
    with closing(MetricsServer(options.query_url, session.options)) as server:
        return lint(
            rules, texts, now, disabled=options.disable, ask=lambda subjects: ask(subjects, server, terms)
        )


def _print(findings: Sequence[Finding], *, is_json: bool) -> None:
    from alertrouter.cli.output import print_json, write

    if is_json:
        print_json([_object(each) for each in findings])
        return
    for each in findings:
        write(f"{each}\n")


def _object(finding: Finding) -> dict[str, object]:
    return {
        "check": finding.check,
        "severity": finding.severity.word,
        "message": finding.message,
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "group": finding.group,
        "rule": finding.rule,
    }
