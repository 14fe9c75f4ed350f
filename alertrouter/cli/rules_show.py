"""`artool rules show`: the groups and rules of files, or of a server with what they are doing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alertrouter.cli.errors import Failure
from alertrouter.cli.flags import argument
from alertrouter.cli.rule_files import check_there
from alertrouter.cli.rules_check import dialect_flag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.cli.command import Command
    from alertrouter.cli.session import Session
    from alertrouter.core.time import Duration
    from alertrouter.rules.model import Rule, RuleGroup

_ABOUT = """Show the rules of files, or of a running server.

Takes rule files and patterns of them, where ** stands for any folders, or the URL of a server that evaluates rules:
alertrouter, Prometheus, vmalert, Thanos or Mimir. Of a server the state and the health of each rule are shown as well.
--http.config.file gives TLS and authentication; --output=extended shows expressions, --output=json everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesShow:
    """What to show."""

    dialect: str = dialect_flag()
    sources: tuple[str, ...] = argument(
        "files-or-url", "Rule files, patterns of them, or the URL of a server."
    )


def register(group: Command) -> None:
    """Add the command to the group."""
    group.command("show", _ABOUT, RulesShow, run)


def run(options: RulesShow, session: Session) -> int:
    """Show what the sources have; Failure when one of them cannot be read."""
    if not options.sources:
        raise Failure("name rule files, or the URL of a server")
    urls = [each for each in options.sources if each.startswith(("http://", "https://"))]
    if urls and len(options.sources) > 1:
        raise Failure("one server at a time, and no files beside it")
    if urls:
        _show_server(urls[0], session)
    else:
        _show_files(options, session)
    return 0


def _show_files(options: RulesShow, session: Session) -> None:
    from alertrouter.cli.output import print_json, print_table
    from alertrouter.core.duration import format_duration
    from alertrouter.rules.load import load
    from alertrouter.rules.model import Dialect, RuleError

    check_there(options.sources)
    try:
        found = load(options.sources, dialect=Dialect(options.dialect))
    except RuleError as error:
        raise Failure("\n".join(map(str, error.problems))) from None
    for warning in found.warnings:
        session.warn(f"Warning: {warning}")
    if session.options.output == "json":
        print_json([_group_object(group) for group in found.groups])
        return
    is_extended = session.options.output == "extended"
    rows: list[Sequence[str]] = [
        ("Group", "Interval", "Type", "Rule", "For", "Place", *(("Expression",) if is_extended else ()))
    ]
    for group in found.groups:
        interval = format_duration(group.interval) if group.interval else "default"
        for rule in group.rules:
            kind, hold = _kind(rule)
            row = (group.name, interval, kind, rule.name, hold, f"{group.file}:{rule.line}")
            rows.append((*row, _in_one_line(rule.expression)) if is_extended else row)
    print_table(rows)
    _print_sum(len(found.groups), len(rows) - 1)


def _print_sum(groups: int, rules: int) -> None:
    from alertrouter.cli.output import write

    write(f"\n{rules} rule{'s' * (rules != 1)} in {groups} group{'s' * (groups != 1)}\n")


def _kind(rule: Rule) -> tuple[str, str]:
    from alertrouter.core.duration import format_duration
    from alertrouter.rules.model import AlertingRule

    if isinstance(rule, AlertingRule):
        return "alert", format_duration(rule.hold)
    return "record", ""


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


def _group_object(group: RuleGroup) -> dict[str, object]:
    return {
        "file": group.file,
        "name": group.name,
        "interval": None if group.interval is None else _seconds(group.interval),
        "limit": group.limit,
        "labels": dict(group.labels),
        "rules": [_rule_object(rule) for rule in group.rules],
    }


def _rule_object(rule: Rule) -> dict[str, object]:
    from alertrouter.rules.model import AlertingRule

    found: dict[str, object] = {"name": rule.name, "query": rule.expression, "line": rule.line}
    if not isinstance(rule, AlertingRule):
        return {"type": "recording", **found, "labels": dict(rule.labels)}
    return {
        "type": "alerting",
        **found,
        "duration": _seconds(rule.hold),
        "keepFiringFor": _seconds(rule.keep_firing),
        "labels": {name: template.text for name, template in rule.labels.items()},
        "annotations": {name: template.text for name, template in rule.annotations.items()},
    }


def _seconds(duration: Duration) -> float:
    from alertrouter.core.time import SECOND

    whole, rest = divmod(duration, SECOND)
    return duration / SECOND if rest else whole


def _show_server(url: str, session: Session) -> None:
    from alertrouter.cli.output import print_json, print_table

    groups = _rules_of(url, session)
    if session.options.output == "json":
        print_json(groups)
        return
    is_extended = session.options.output == "extended"
    head = ("Group", "Interval", "Type", "Rule", "State", "Health", "Alerts", "Error")
    rows: list[Sequence[str]] = [(*head, "Expression") if is_extended else head]
    for group in groups:
        for rule in group.get("rules") or ():
            row = (
                str(group.get("name", "")),
                f"{group.get('interval', 0):g}s",
                "alert" if rule.get("type") == "alerting" else "record",
                str(rule.get("name", "")),
                str(rule.get("state", "")),
                str(rule.get("health", "")),
                str(len(rule.get("alerts") or ())) if rule.get("type") == "alerting" else "",
                _in_one_line(str(rule.get("lastError", ""))),
            )
            rows.append((*row, _in_one_line(str(rule.get("query", "")))) if is_extended else row)
    print_table(rows)
    _print_sum(len(groups), len(rows) - 1)


def _rules_of(url: str, session: Session) -> list[dict[str, Any]]:
    """The groups that a server answers with; Failure when it is no such server."""
    import json

    import httpx

    from alertrouter.cli.connection import http_for, without_number

    asked = url.rstrip("/").removesuffix("/api/v1/rules") + "/api/v1/rules"
    shown = httpx.URL(asked).copy_with(userinfo=b"")
    try:
        with http_for(session.options, asked) as http:
            answer = http.get(asked, timeout=session.options.timeout / 1e9)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Failure(f"{shown}: {without_number(error)}") from None
    try:
        data = json.loads(answer.content)
        groups = data["data"]["groups"]
        if data["status"] == "success" and all(isinstance(each, dict) for each in groups):
            return list(groups)
    except (ValueError, KeyError, TypeError):
        pass
    raise Failure(f"{shown} answered {answer.status_code}, and no list of rules")
