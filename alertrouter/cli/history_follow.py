"""`artool history follow`: what happens, as it happens."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alertrouter.cli.flags import Kind, argument, flag
from alertrouter.cli.history_text import (
    alert_text,
    counts_text,
    matchers_query,
    why_text,
)

if TYPE_CHECKING:
    from alertrouter.cli.command import Command
    from alertrouter.cli.history_text import Line
    from alertrouter.cli.session import Session
    from alertrouter.client import ServerEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFollow:
    """What to listen for."""

    kind: tuple[str, ...] = flag(
        "kind",
        Kind.TEXTS,
        "What to tell of: alert, notification, silence, reload or action; repeatable. Alerts and notifications by default.",
    )
    after: str = flag("after", Kind.TEXT, "Begin after the event with this id instead of now.")
    limit: int = flag("limit", Kind.INTEGER, "End after so many events; 0 never ends.")
    matchers: tuple[str, ...] = argument("matcher-groups", "Matchers that an alert passes which it is about.")


_FOLLOW = """Tell what happens, as it happens, until interrupted.

For example: artool history follow severity=page -o json

When the connection is lost it is made again, and nothing is left out. The id of an event, which -o json shows, is where
--after goes on."""


def register(history: Command) -> None:
    """Add the command to the group."""
    history.command("follow", _FOLLOW, HistoryFollow, run_follow, needs_server=True)


def run_follow(options: HistoryFollow, session: Session) -> int:
    """Print what happens until interrupted."""
    from alertrouter.client import ApiError

    query = [*matchers_query(options.matchers, session), *[("kind", each) for each in options.kind]]
    after, left = options.after, options.limit
    try:
        while True:
            try:
                for event in session.client.stream(query, after):
                    after = event.id or after
                    if event.data is not None:
                        _print_event(event, session)
                        left -= event.kind not in _ABOUT_THE_STREAM
                        if left == 0:
                            return 0
            except ApiError as error:
                if error.status or not after:
                    raise
                session.warn(f"Warning: {error}: trying again")
            time.sleep(_PAUSE)
    except KeyboardInterrupt:
        return 0


_ABOUT_THE_STREAM = {"gap", "behind", "end"}
# Before the server is asked again, in seconds.
_PAUSE = 2.0


def _print_event(event: ServerEvent, session: Session) -> None:
    from alertrouter.cli.output import print_json, time_in

    if event.kind in _ABOUT_THE_STREAM:
        session.warn(f"Warning: {event.data}")
        return
    if session.options.output == "json":
        print_json({"id": event.id, "event": event.kind, **event.data})
    else:
        at = time_in(session.options.date_format)(event.data["at"])
        print(f"{at}  {event.kind:12}  {_told(event.kind, event.data)}")
    sys.stdout.flush()


def _told(kind: str, line: Line) -> str:
    match kind:
        case "alert":
            return f"{line['kind']:9} {alert_text(line['labels'])}"
        case "notification":
            to = f"{line['receiver']} {line['integration']}".rstrip()
            return f"{line['outcome']:9} to {to}: {why_text(line)}: {alert_text(line['groupLabels'])} ({counts_text(line)})"
        case "silence":
            matchers = " or ".join(" ".join(each) for each in line["matchers"])
            return f"{line['action']:9} {line['id']} {matchers} by {line['createdBy']}: {line['comment']}"
        case "reload":
            return f"configuration {line['hash']} is in force"
        case _:
            return " ".join(filter(None, (line["action"], line["subject"], line["author"], line["outcome"])))
