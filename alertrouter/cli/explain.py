"""`artool explain`: why somebody was told of an alert, or was not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alertrouter.cli.errors import UsageError
from alertrouter.cli.flags import Kind, argument, flag
from alertrouter.cli.records import RecordOptions, moment, opened

if TYPE_CHECKING:
    from alertrouter.cli.command import Command
    from alertrouter.cli.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Explain(RecordOptions):
    """Which alert, and when."""

    at: str = flag(
        "at",
        Kind.TEXT,
        "As of when: a time as 2026-11-21T03:10:00Z, or a duration ago; now when it is not given.",
    )
    matchers: tuple[str, ...] = argument("matcher-groups", "Matchers that this one alert passes.")


_ABOUT = """Tell why somebody was told of an alert, or was not (alertrouter only).

For example: artool explain DiskFull instance=db1 --at=2026-11-21T03:10:00Z --storage.path=/var/lib/alertrouter

The answer stands in the first line, and below it the way of the alert: how it came in, which routes were tried, its groups,
what held it back and who did that, what was sent when, to whom and with which answer. If something held it back, the last
line tells what would have happened without. What happened is played through the router again to find that out."""


def register(program: Command) -> None:
    """Add the command to the program."""
    program.command("explain", _ABOUT, Explain, run)


def run(options: Explain, session: Session) -> int:
    """Explain one alert."""
    from alertrouter.cli.output import print_json, write
    from alertrouter.core.matcher import Matchers
    from alertrouter.core.time import DAY, format_rfc3339
    from alertrouter.insight.explain import explain

    texts = session.with_alertname(options.matchers)
    if not texts:
        raise UsageError("required argument 'matcher-groups' not provided: which alert?")
    matchers = Matchers([session.matcher(each) for each in texts])
    asked = moment("at", options.at, session, session.now())
    with opened(options, session, format_rfc3339(asked - DAY)) as record:
        at = asked if options.at else min(asked, record.complete_until)
        found = explain(record, matchers, at)
        if session.options.output == "json":
            print_json(found.as_json())
        else:
            write(found.text())
    return 0
