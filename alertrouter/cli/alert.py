"""`artool alert`: look at alerts, and add one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alertrouter.cli.flags import Kind, argument, flag

if TYPE_CHECKING:
    from alertrouter.cli.command import Command
    from alertrouter.cli.session import Session
    from alertrouter.client import PostedAlert


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertQuery:
    """Which alerts to show."""

    inhibited: bool = flag("inhibited", Kind.BOOL, "Show inhibited alerts.", short="i")
    silenced: bool = flag("silenced", Kind.BOOL, "Show silenced alerts.", short="s")
    active: bool = flag("active", Kind.BOOL, "Show active alerts.", short="a")
    unprocessed: bool = flag("unprocessed", Kind.BOOL, "Show alerts that were not looked at yet.", short="u")
    receiver: str = flag(
        "receiver", Kind.TEXT, "Show alerts of the receivers that this regular expression matches.", short="r"
    )
    matchers: tuple[str, ...] = argument("matcher-groups", "Matchers that the labels of the alerts pass.")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertAdd:
    """The alert to add."""

    generator_url: str = flag("generator-url", Kind.TEXT, "Link to what raised the alert.")
    start: str = flag("start", Kind.TEXT, "When the alert starts, as 2006-01-02T15:04:05-07:00.")
    end: str = flag("end", Kind.TEXT, "When the alert ends, as 2006-01-02T15:04:05-07:00.")
    annotation: tuple[str, ...] = flag("annotation", Kind.TEXTS, "An annotation, as name=value; repeatable.")
    labels: tuple[str, ...] = argument("labels", "Labels of the alert, as name=value.")


_SHORTHAND = """\
A first word that is not a matcher is the value of alertname: "artool alert {verb} foo node=bar" means
"artool alert {verb} alertname=foo node=bar"."""

_QUERY = f"""View and search through current alerts.

All matchers must pass, as in: artool alert query 'alertname=~foo.*' node=bar

{_SHORTHAND.format(verb="query")}

Which alerts are shown is said by --active, --silenced, --inhibited and --unprocessed; without any of them, the active
ones."""

_ADD = f"""Add a new alert.

For example: artool alert add alertname=foo node=bar --annotation=summary='the disk is full'

{_SHORTHAND.format(verb="add")}"""


def register(program: Command) -> None:
    """Add the group to the program."""
    group = program.group("alert", "Add or query alerts.", needs_server=True)
    group.command("query", _QUERY, AlertQuery, run_query, is_default=True)
    group.command("add", _ADD, AlertAdd, run_add)


def run_query(options: AlertQuery, session: Session) -> int:
    """Print the alerts that the server finds."""
    from alertrouter.cli.output import print_alerts

    states = {
        "active": options.active,
        "inhibited": options.inhibited,
        "silenced": options.silenced,
        "unprocessed": options.unprocessed,
    }
    if not any(states.values()):
        states["active"] = True
    query = [(name, str(wanted).lower()) for name, wanted in states.items()]
    if options.receiver:
        query.append(("receiver", options.receiver))
    query += [("filter", text) for text in session.with_alertname(options.matchers)]
    print_alerts(session.client.alerts(query), session.options.output, session.options.date_format)
    return 0


def run_add(options: AlertAdd, session: Session) -> int:
    """Post one alert."""
    from alertrouter.cli.moments import optional_time

    alert: PostedAlert = {
        "labels": session.pairs(
            session.with_alertname(options.labels), "labels must be specified as key=value pairs"
        ),
        "annotations": session.pairs(options.annotation, "annotations must be specified as key=value pairs"),
        "startsAt": optional_time(options.start),
        "endsAt": optional_time(options.end),
    }
    if options.generator_url:
        alert["generatorURL"] = options.generator_url
    session.client.add_alerts([alert])
    return 0
