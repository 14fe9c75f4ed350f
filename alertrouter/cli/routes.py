"""`artool config routes`: the routing tree, and where an alert would go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alertrouter.cli.errors import Failure
from alertrouter.cli.flags import Kind, argument, flag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alertrouter.cli.command import Command
    from alertrouter.cli.session import Session
    from alertrouter.config import Configuration
    from alertrouter.core.route import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesOptions:
    """Whose routes."""

    config_file: str = flag(
        "config.file", Kind.FILE, "Configuration file to look at instead of the server's."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesTest(RoutesOptions):
    """The alert to send down the tree."""

    verify_receivers: str = flag(
        "verify.receivers",
        Kind.TEXT,
        "The receivers that are right, separated by commas; fail when it is others.",
    )
    tree: bool = flag("tree", Kind.BOOL, "Print the part of the tree that the alert goes through.")
    labels: tuple[str, ...] = argument("labels", "Labels of the alert, as name=value.")


_SOURCE = "The configuration is that of --config.file, or the one in force at --alertmanager.url."

_SHOW = f"""Print the routing tree.

{_SOURCE}"""

_TEST = f"""Test alert routing.

Prints the receivers that an alert with these labels is for, in the order of the routing tree.

{_SOURCE}

For example: artool config routes test --config.file=alertmanager.yml --verify.receivers=team-db service=database"""


def register(config: Command) -> None:
    """Add the group to ``config``."""
    group = config.group("routes", _SHOW, shared=RoutesOptions)
    group.command("show", _SHOW, RoutesOptions, run_show, is_default=True)
    group.command("test", _TEST, RoutesTest, run_test)


def run_show(options: RoutesOptions, session: Session) -> int:
    """Print the whole tree."""
    from alertrouter.cli.output import write

    root = _load(options, session)
    write("Routing tree:\n" + _drawn(_whole(root)) + "\n")
    return 0


def run_test(options: RoutesTest, session: Session) -> int:
    """Print the receivers of an alert; exit status 1 when they are not those of ``--verify.receivers``."""
    from alertrouter.cli.output import write
    from alertrouter.core.matcher_syntax import MatcherSyntaxError

    root = _load(options, session)
    try:
        labels = session.pairs(options.labels, "Labels must be specified as key=value pairs")
    except MatcherSyntaxError as error:
        raise Failure(f"Failed to parse labels: {error}") from None
    if options.tree:
        write("Matching routes:\n" + _drawn(_matching(root, labels)) + "\n\n")
    receivers = ",".join(route.receiver.name for route in root.match(labels))
    write(receivers + "\n")
    if options.verify_receivers and receivers != options.verify_receivers:
        write("WARNING: Expected receivers did not match resolved receivers.\n")
        return 1
    return 0


def _load(options: RoutesOptions, session: Session) -> Route:
    from alertrouter.config import ConfigError

    try:
        found = _load_file(options.config_file, session) if options.config_file else _load_served(session)
    except ConfigError as error:
        raise Failure(str(error)) from None
    return found.routing.route


def _load_file(file: str, session: Session) -> Configuration:
    from alertrouter.config import load

    if session.options.url:
        session.warn("Warning: --config.file flag overrides the --alertmanager.url.")
    return load(Path(file), mode=session.mode)


def _load_served(session: Session) -> Configuration:
    from alertrouter.config import load_text

    if not session.options.url:
        raise Failure(
            "You have to specify one of --config.file or --alertmanager.url flags.",
            ends_with_blank_line=False,
        )
    text = session.client.status()["config"]["original"]
    # The server has put in its environment where the file asked for that; ours means nothing to it.
    return load_text(text, file="<configuration of the server>", mode=session.mode, environ=None)


@dataclass(frozen=True, slots=True)
class _Node:
    text: str
    below: Sequence[_Node]


def _whole(route: Route) -> _Node:
    text = (
        _title(route) + ("  continue: true" if route.continues else "") + f"  receiver: {route.receiver.name}"
    )
    return _Node(text, [_whole(each) for each in route.routes])


def _matching(route: Route, labels: Mapping[str, str]) -> _Node:
    """The node with those below it that an alert goes through; the receivers are where it stays."""
    below = []
    for each in route.routes:
        if each.matchers.match(labels):
            below.append(_matching(each, labels))
            if not each.continues:
                break
    return _Node(_title(route) + ("" if below else f"  receiver: {route.receiver.name}"), below)


def _title(route: Route) -> str:
    return route.matchers.text() if route.matchers else "default-route"


def _drawn(root: _Node) -> str:
    return "\n".join([".", *_branches([root], "")]) + "\n"


def _branches(nodes: Sequence[_Node], indent: str) -> list[str]:
    lines = []
    for node in nodes:
        is_last = node is nodes[-1]
        lines.append(f"{indent}{'└──' if is_last else '├──'} {node.text}")
        lines += _branches(node.below, indent + ("    " if is_last else "│   "))
    return lines
