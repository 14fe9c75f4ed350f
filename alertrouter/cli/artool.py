"""`artool`: its commands, its global flags, and the way from a command line to an exit status."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from alertrouter.cli import completion, defaults
from alertrouter.cli.command import Command
from alertrouter.cli.errors import Failure, UsageError
from alertrouter.cli.flags import Argument, Flag, flags_of
from alertrouter.cli.parsing import HELP, Parsed, parse
from alertrouter.cli.session import GlobalOptions, Session
from alertrouter.cli.usage import long_usage, manual, usage
from alertrouter.cli.version import version_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alertrouter.core.matcher_syntax import Mode

# Each is in a module of `alertrouter.cli` of its name. The order is that of the help text.
_COMMANDS = (
    "alert",
    "silence",
    "check-config",
    "cluster",
    "config",
    "template",
    "receiver",
    "rules",
    "history",
    "explain",
    "replay",
    "db",
)

_ABOUT = """\
View and modify the current state of alertrouter or Alertmanager.

Every flag may also stand in a file of YAML: $HOME/.config/artool/config.yml, /etc/artool/config.yml,
$HOME/.config/amtool/config.yml or /etc/amtool/config.yml; where several have a flag, the first of these wins. Most
useful there are

  alertmanager.url   the server to talk to
  author             who creates silences; by default the user of the system
  require-comment    whether a silence needs a comment: true (the default) or false
  output             form of the output: simple, extended or json
  date.format        how times are written
  http.config.file   TLS, authentication and proxy for the connection"""

_ABOUT_ALL = ("@", "--help", "--completion")
_HIDDEN = ("help-long", "help-man", "completion-script-bash", "completion-script-zsh")


def program(arguments: Sequence[str] = ()) -> Command:
    """The tree of all commands; or of those that are named in a command line which, by what it says, is about no others.

    Importing the rest would take as long as most commands do.
    """
    root = Command(name="artool", about=_ABOUT, options=GlobalOptions)
    root.flags = [
        Flag(name=HELP, short="h", about="Show help (also try --help-long and --help-man)."),
        *flags_of(GlobalOptions),
        Flag(name="version", about="Show the version of this program."),
        *[Flag(name=name, hidden=True) for name in _HIDDEN],
    ]
    root.commands[HELP] = Command(
        name=HELP,
        about="Show help.",
        parent=root,
        arguments=[Argument(name="command", field="command", about="The command to show help on.")],
    )
    for name in _meant(arguments):
        import_module(f"alertrouter.cli.{name.replace('-', '_')}").register(root)
    return root


def _meant(arguments: Sequence[str]) -> Sequence[str]:
    """The commands that a command line may be about: all if it asks for help, or for what is in a file of arguments."""
    named = [name for name in _COMMANDS if name in arguments]
    if not named or HELP in arguments or any(each.startswith(_ABOUT_ALL) for each in arguments):
        return _COMMANDS
    return named


def main(name: str, arguments: Sequence[str]) -> int:
    """Run a command line under this program name; the exit status."""
    try:
        if arguments[:1] == ["--completion-bash"]:
            print("\n".join(completion.offers(program(), arguments[1:])))
            return 0
        return _run(name, program(arguments), arguments)
    except Failure as failure:
        return _fail(name, str(failure), ends_with_blank_line=failure.ends_with_blank_line)
    except Exception as error:  # of these, some are ordinary ends of a command
        if text := _expected(error):
            return _fail(name, text)
        raise


def _expected(error: Exception) -> str:
    """What to say of an error that the user can do something about; empty for a fault of this program.

    The modules of these errors are loaded late: whoever raised one has loaded its own.
    """
    from alertrouter.core.matcher import MatcherSyntaxError

    if isinstance(error, MatcherSyntaxError):
        return str(error)
    client = sys.modules.get("alertrouter.client")
    if client is not None and isinstance(error, client.ApiError):
        return str(error)
    return ""


def _fail(name: str, text: str, *, ends_with_blank_line: bool = True) -> int:
    sys.stdout.flush()
    print(f"{name}: error: {text}" + ("\n" if ends_with_blank_line else ""), file=sys.stderr)
    return 1


def _run(name: str, root: Command, arguments: Sequence[str]) -> int:
    parsed = parse(root, arguments)
    if (text := _answer(name, root, parsed)) is not None:
        print(text, end="")
        return 0
    command = parsed.command
    given = (
        {} if HELP in parsed.asked or command.name in {HELP, root.name} else defaults.load(defaults.files())
    )
    if parsed.error:
        raise parsed.error
    if _needs_server(command) and HELP not in parsed.asked and not _has_url(parsed, given):
        raise Failure("required flag --alertmanager.url not provided", ends_with_blank_line=False)
    if HELP in parsed.asked or command is root:
        print(usage(command, name), end="")
        return 0
    if command.name == HELP:
        print(usage(_named(root, parsed.given.get("command", [])), name), end="")
        return 0
    if command.run is None or command.options is None:
        raise UsageError(f"must select a subcommand of '{command.words}'")
    options = parsed.options(GlobalOptions, root.flags, given)
    flags = [each for above in command.path()[1:] for each in above.flags]
    own = parsed.options(command.options, [*flags, *command.arguments], given)
    if missing := parsed.missing(flags, given):
        raise UsageError("required flag(s) " + ", ".join(f"'--{each}'" for each in missing) + " not provided")
    return command.run(own, Session(name, options, _mode(options.enable_feature)))


def _answer(name: str, root: Command, parsed: Parsed) -> str | None:
    """What a flag asks for that is answered whatever else is on the command line."""
    match [each for each in ("version", *_HIDDEN) if each in parsed.asked]:
        case ["version", *_]:
            return version_text(name)
        case ["help-long", *_]:
            return long_usage(root, name)
        case ["help-man", *_]:
            return manual(root, name)
        case [asked, *_]:
            return completion.script(asked.removeprefix("completion-script-"), name)
    return None


def _needs_server(command: Command) -> bool:
    return any(each.needs_server for each in command.path())


def _has_url(parsed: Parsed, given: Mapping[str, str]) -> bool:
    return any(parsed.given.get("url", [given.get("alertmanager.url", "")]))


def _named(root: Command, words: Sequence[str]) -> Command:
    command = root
    for word in words:
        if word not in command.commands:
            raise UsageError(f'expected command but got "{word}"', ends_with_blank_line=False)
        command = command.commands[word]
    return command


def _mode(features: str) -> Mode:
    """Which matcher syntax the features ask for; Failure when they are wrong."""
    from alertrouter.core.matcher_syntax import Mode

    if not features:
        return Mode.FALLBACK
    from alertrouter.settings import FEATURES

    names = {name.strip() for name in features.split(",") if name.strip()}
    complaint = "error parsing the feature flag list"
    if unknown := sorted(names - FEATURES):
        raise Failure(f"{complaint}: unknown option '{unknown[0]}' for --enable-feature")
    if {"classic-mode", "utf8-strict-mode"} <= names:
        raise Failure(f"{complaint}: cannot have both classic and UTF-8 modes enabled")
    if "classic-mode" in names:
        return Mode.CLASSIC
    return Mode.UTF8 if "utf8-strict-mode" in names else Mode.FALLBACK
