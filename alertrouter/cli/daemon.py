"""`alertrouter`: the daemon's command line. Its flags are the fields of `Settings`."""

from __future__ import annotations

import gc
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alertrouter.cli import completion
from alertrouter.cli.command import Command
from alertrouter.cli.errors import Failure, UsageError
from alertrouter.cli.flags import Flag, Kind
from alertrouter.cli.parsing import HELP, parse
from alertrouter.cli.usage import usage
from alertrouter.cli.version import version_text
from alertrouter.settings import Settings, flags

if TYPE_CHECKING:
    from collections.abc import Sequence

_ABOUT = """\
An alert routing daemon: a drop-in replacement for Prometheus Alertmanager that remembers, explains and replays.

Without a command it takes in alerts, decides who is told, and tells them."""

_SCRIPTS = ("completion-script-bash", "completion-script-zsh")
_CHOICES: dict[str, Any] = {
    "log.level": {"choices": ("debug", "info", "warn", "error"), "refusal": "unrecognized log level {}"},
    "log.format": {"choices": ("logfmt", "json"), "refusal": "unrecognized log format {}"},
    "query.type": {"choices": ("", "prometheus", "victoriametrics", "mimir", "thanos")},
    "rules.missing-data": {"choices": ("resolve", "keep", "alert")},
    "rules.labels": {"choices": ("prometheus", "vmalert")},
    "rules.alert.after-pause": {"choices": ("pause", "count", "reset")},
}
# What `evaluate` takes of the daemon's flags, by how they begin; what it alone has; and what means another thing there.
_OF_EVALUATE = (
    "rules.",
    "query.",
    "evaluation.",
    "external.",
    "remote-write.",
    "storage.",
    "web.",
    "compat.",
    "log.level",
    "log.format",
)
_OF_EVALUATE_ALONE = ("alertmanager.url",)
_NOT_OF_EVALUATE = ("web.read-only",)
_DEFAULTS_OF_EVALUATE: dict[str, Any] = {"web.listen-address": (":8880",)}


def settings_flags() -> list[Flag]:
    """The daemon's flags."""
    return [each for each in _all_flags() if each.name not in _OF_EVALUATE_ALONE]


def evaluate_flags() -> list[Flag]:
    """The flags of `alertrouter evaluate`."""
    return [
        replace(each, default=_DEFAULTS_OF_EVALUATE.get(each.name, each.default))
        for each in _all_flags()
        if each.name.startswith((*_OF_EVALUATE, *_OF_EVALUATE_ALONE)) and each.name not in _NOT_OF_EVALUATE
    ]


def _all_flags() -> list[Flag]:
    """Those of the table in `alertrouter.settings`."""
    return [
        Flag(
            name=each.flag,
            field=each.field,
            kind=Kind(each.kind),
            default=each.default,
            about=each.help,
            **_CHOICES.get(each.flag, {}),
        )
        for each in flags()
    ]


def program() -> Command:
    """The daemon with its commands."""
    root = Command(name="alertrouter", about=_ABOUT)
    root.flags = [
        Flag(name=HELP, short="h", about="Show help."),
        Flag(name="version", about="Show the version of this program."),
        *[Flag(name=name, hidden=True) for name in _SCRIPTS],
    ]
    run = Command(name="run", about=_ABOUT, parent=root, options=Settings, hidden=True)
    run.flags = settings_flags()
    demo = Command(
        name="demo", about="Show the whole chain on one screen, with nothing else installed.", parent=root
    )
    demo.flags = settings_flags()
    demo.options = Settings
    evaluate = Command(
        name="evaluate",
        about="Evaluate alerting rules alone, and post to any URL that takes alerts.",
        parent=root,
        options=Settings,
    )
    evaluate.flags = evaluate_flags()
    root.commands = {each.name: each for each in (run, demo, evaluate)}
    root.default = run
    return root


def main(name: str, arguments: Sequence[str]) -> int:
    """Run a command line under this program name; the exit status."""
    root = program()
    if arguments[:1] == ["--completion-bash"]:
        print("\n".join(completion.offers(root, arguments[1:])))
        return 0
    try:
        return _run(name, root, arguments)
    except UsageError as error:
        print(f"{name}: error: {error}, try --help", file=sys.stderr)
    except Failure as failure:
        print(f"{name}: error: {failure}", file=sys.stderr)
    return 1


def _run(name: str, root: Command, arguments: Sequence[str]) -> int:
    parsed = parse(root, arguments)
    if "version" in parsed.asked:
        print(version_text(name), end="")
        return 0
    for script in _SCRIPTS:
        if script in parsed.asked:
            print(completion.script(script.removeprefix("completion-script-"), name), end="")
            return 0
    if parsed.error:
        raise parsed.error
    if HELP in parsed.asked:
        print(usage(parsed.command, name), end="")
        return 0
    if parsed.command.name == "evaluate":
        texts = {name: ",".join(values) for name, values in _DEFAULTS_OF_EVALUATE.items()}
        settings_of_rules: Settings = parsed.options(Settings, parsed.command.flags, texts)
        from alertrouter import rules_daemon

        return rules_daemon.run(settings_of_rules)
    settings: Settings = parsed.options(Settings, parsed.command.flags, {})
    if parsed.command.name == "demo":
        from alertrouter import demo

        return demo.run(settings)
    # Importing makes much and frees nothing; looking for garbage meanwhile takes a third of the start.
    gc.disable()
    from alertrouter import daemon

    return daemon.run(settings)
