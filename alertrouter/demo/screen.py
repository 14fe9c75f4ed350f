"""What the demo shows: the story, and every message as its receiver sees it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

if TYPE_CHECKING:
    from collections import Counter
    from email.message import EmailMessage

_MOST_LINES = 6


class Screen:
    """Prints to the terminal; plainly, without colours, when there is none."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=False)

    def begin(self, url: str, folder: Path, rules: str) -> None:
        """The daemon runs, and evaluates these rules."""
        self._console.rule("[bold]alertrouter demo")
        self._console.print(
            f"A daemon listens on [bold]{url}[/], with its SQLite database in {folder}.\n"
            "Slack, PagerDuty, mail and a webhook are played by stand-ins, shown as they receive.\n"
            "A stand-in for a Prometheus has the metrics. Its alerts come from these rules:\n"
        )
        self._console.print(Padding(Text(rules.strip(), style="cyan"), (0, 0, 0, 4)))

    def story(self, text: str) -> None:
        """Something happens in the world."""
        self._console.print()
        self._console.print(Text(f"▶ {text}", style="bold"))

    def note(self, text: str) -> None:
        """What is worth seeing about it."""
        self._console.print(Padding(Text(text, style="dim"), (0, 0, 0, 2)))

    def slack(self, body: Any) -> None:
        """A Slack message."""
        attachment = body["attachments"][0]
        colour = {"danger": "red", "good": "green"}.get(attachment["color"], "white")
        self._message(
            f"Slack {body.get('channel', '')}", colour, attachment["title"], attachment.get("text", "")
        )

    def pagerduty(self, body: Any) -> None:
        """A PagerDuty event."""
        action = body["event_action"]
        event = body["payload"]
        self._message(
            f"PagerDuty {action}",
            "green" if action == "resolve" else "red",
            event["summary"],
            f"severity {event['severity']}, incident {body['dedup_key'][:12]}…",
        )

    def mail(self, message: EmailMessage) -> None:
        """A mail."""
        plain = message.get_body(("plain",))
        text = plain.get_content() if plain is not None else ""
        colour = "green" if "RESOLVED" in str(message["subject"]) else "red"
        self._message(f"Mail to {message['to']}", colour, str(message["subject"]), text)

    def webhook(self, body: Any) -> None:
        """A webhook call, in one line."""
        alerts = body["alerts"]
        firing = sum(alert["status"] == "firing" for alert in alerts)
        name = body["groupLabels"].get("alertname", "")
        self._console.print(
            Padding(
                Text(
                    f"webhook: {name} {body['status']}, {firing} firing, {len(alerts) - firing} resolved"
                    f" ({body['notification_reason']})",
                    style="cyan",
                ),
                (0, 0, 0, 4),
            )
        )

    def end(self, url: str, counts: Counter[str]) -> None:
        """The incident is over, the daemon goes on."""
        told = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        self._console.print()
        self._console.rule("[bold]that was it")
        self._console.print(f"Messages: {told}. The daemon is still running; try, in another terminal:\n")
        # Started by make, the programs are not on the path.
        beside = os.path.relpath(Path(sys.executable).with_name("artool"))
        artool = "artool" if shutil.which("artool") else beside
        for command, about in (
            (f"{artool} --alertmanager.url={url} alert", "what fires"),
            (
                f"{artool} --alertmanager.url={url} silence add alertname=DatabaseSlow -c 'on it'",
                "silence it",
            ),
            (f"curl -s {url}/api/v2/alerts/groups", "the same as Alertmanager answers"),
            (f"curl -s {url}/api/v1/rules", "the rules, as Prometheus answers"),
        ):
            self._console.print(f"  [dim]# {about}[/]\n  [bold]{command}[/]", soft_wrap=True)
        self._console.print("\n[dim]Ctrl-C stops the daemon.[/]")

    def _message(self, title: str, colour: str, subject: str, text: str) -> None:
        lines = text.strip().splitlines()
        if len(lines) > _MOST_LINES:
            lines = [*lines[: _MOST_LINES - 1], f"… and {len(lines) - _MOST_LINES + 1} more"]
        parts = [Text(subject.strip(), style="bold"), *[Text(line) for line in lines]]
        panel = Panel(
            Group(*parts),
            title=title,
            title_align="left",
            border_style=colour,
            width=min(96, self._console.width - 4),
        )
        self._console.print(Padding(panel, (0, 0, 0, 4)))
