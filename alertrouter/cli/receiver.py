"""`artool receiver`: what only alertrouter can do about receivers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alertrouter.cli.errors import Failure, UsageError
from alertrouter.cli.flags import Kind, argument, flag

if TYPE_CHECKING:
    from alertrouter.cli.command import Command
    from alertrouter.cli.session import Session
    from alertrouter.client import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverTest:
    """The receiver to test, and what the test message says besides that it is one."""

    label: tuple[str, ...] = flag(
        "label", Kind.TEXTS, "A label of the test alert, as name=value; repeatable."
    )
    annotation: tuple[str, ...] = flag(
        "annotation", Kind.TEXTS, "An annotation of the test alert, as name=value; repeatable."
    )
    integration: str = flag(
        "integration", Kind.TEXT, "Test this integration alone, as kind/index or kind/name: slack/0."
    )
    receiver: str = argument("receiver", "The name of the receiver.", kind=Kind.TEXT)


_TEST = """Send a test message through a receiver of a running alertrouter.

For example: artool receiver test team-db --label=severity=critical

Every integration of the receiver gets one message about a firing alert with the alertname ArtoolReceiverTest, with the
secrets, templates and network of the running server. It belongs to no group: nothing is remembered, and no message
says later that it is resolved; an incident that it opens must be closed by hand. The exit status is 1 when an
integration did not take the message.

Only alertrouter can do this, Alertmanager cannot."""


def register(program: Command) -> None:
    """Add the group to the program."""
    group = program.group("receiver", "Test receivers (alertrouter only).", needs_server=True)
    group.command("test", _TEST, ReceiverTest, run_test)


def run_test(options: ReceiverTest, session: Session) -> int:
    """Have the test sent, and print what each integration answered."""
    from alertrouter.cli.output import print_json, print_table

    if not options.receiver:
        raise UsageError("required argument 'receiver' not provided")
    trials = session.client.test_receiver(
        options.receiver,
        labels=session.pairs(options.label, "labels must be specified as key=value pairs"),
        annotations=session.pairs(options.annotation, "annotations must be specified as key=value pairs"),
        integration=options.integration,
    )
    if not trials:
        raise Failure(f'the receiver "{options.receiver}" was not told anything')
    if session.options.output == "json":
        print_json(trials)
    else:
        rows = [(each["integration"], _answer(each)) for each in trials]
        print_table([("Integration", "Answer"), *rows])
    return 0 if all(each["ok"] for each in trials) else 1


def _answer(trial: Trial) -> str:
    return f"ok, {trial['seconds'] * 1000:.0f} ms" if trial["ok"] else trial["error"]
