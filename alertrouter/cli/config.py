"""`artool config`: the configuration that a server runs with. The routing tree is in `routes`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alertrouter.cli import config_test, routes

if TYPE_CHECKING:
    from alertrouter.cli.command import Command
    from alertrouter.cli.session import Session


@dataclass(frozen=True, slots=True)
class ConfigShow:
    """There is nothing to choose."""


_ABOUT = """View current config.

With -o simple, the configuration alone; with -o extended, the version of the server and since when it runs besides;
with -o json, all that the server says of itself."""


def register(program: Command) -> None:
    """Add the group to the program."""
    group = program.group("config", _ABOUT)
    group.command("show", _ABOUT, ConfigShow, run_show, is_default=True, needs_server=True)
    routes.register(group)
    config_test.register(group)


def run_show(_: ConfigShow, session: Session) -> int:
    """Print the configuration in force."""
    from alertrouter.cli.output import print_json, write

    status = session.client.status()
    match session.options.output:
        case "json":
            print_json(status)
        case "extended":
            version = status["versionInfo"]
            write(status["config"]["original"] + "\n")
            for name in ("buildUser", "goVersion", "revision", "version", "branch", "buildDate"):
                write(f"{name} {version.get(name, '')}\n")
            write(f"uptime {status['uptime']}\n")
        case _:
            write(status["config"]["original"] + "\n")
    return 0
