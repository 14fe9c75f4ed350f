"""`artool rules convert`: from the rules of Prometheus 1.x to YAML."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alertrouter.cli.errors import Failure
from alertrouter.cli.flags import Kind, argument, flag

if TYPE_CHECKING:
    from alertrouter.cli.command import Command
    from alertrouter.cli.session import Session
    from alertrouter.rules.legacy import LegacyRule

_ABOUT = """Convert rule files of Prometheus 1.x to YAML.

FILE becomes FILE.yml beside it, with one group that is named after the file. With --stdout the YAML is printed, and
without files it is read from standard input. What newer servers do not understand is converted all the same, and said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesConvert:
    """The files to convert, and where the outcome goes."""

    stdout: bool = flag("stdout", Kind.BOOL, "Print the YAML; write no file.")
    force: bool = flag("force", Kind.BOOL, "Write over files that are there.")
    files: tuple[str, ...] = argument(
        "old-files", "Rule files of Prometheus 1.x; standard input when there are none.", kind=Kind.FILES
    )


def register(group: Command) -> None:
    """Add the command to the group."""
    group.command("convert", _ABOUT, RulesConvert, run)


def run(options: RulesConvert, session: Session) -> int:
    """Convert each file; 1 when one of them cannot be, or has expressions that no longer work."""
    from alertrouter.rules.load import read_text
    from alertrouter.rules.model import RuleError

    status = 0
    for file in options.files or ("",):
        try:
            text = read_text(file) if file else sys.stdin.buffer.read().decode("utf-8", "replace")
            converted = _convert(text, file or "standard input", session)
        except RuleError as error:
            for problem in error.problems:
                session.warn(str(problem))
            status = 1
            continue
        status = status or (0 if converted.is_clean else 1)
        _put(converted.yaml, file, options)
    return status


@dataclass(frozen=True, slots=True)
class _Converted:
    yaml: str
    is_clean: bool


def _convert(text: str, file: str, session: Session) -> _Converted:
    from alertrouter.rules.legacy import read_legacy

    rules, problems = read_legacy(text, file)
    for problem in problems:
        session.warn(f"Warning: {problem}")
    return _Converted(as_yaml(rules, file.rpartition("/")[2]), not problems)


def _put(yaml: str, file: str, options: RulesConvert) -> None:
    from alertrouter.cli.output import write

    if options.stdout or not file:
        write(yaml)
        return
    path = Path(f"{file}.yml")
    if path.exists() and not options.force:
        raise Failure(f"{path} is there already: give --force to write over it, or --stdout")
    try:
        path.write_text(yaml, encoding="utf-8")
    except OSError as error:
        raise Failure(f"open {path}: {(error.strerror or str(error)).lower()}") from None
    write(f"{file}: converted to {path}\n")


def as_yaml(rules: list[LegacyRule], name: str) -> str:
    """A rule file with one group of this name."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes texts of several lines as they are."""

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - the library's signature
            super().increase_indent(flow, indentless=False)

    def text_of(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        style = "|" if "\n" in text else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, text_of)
    group = {"name": name, "rules": [_rule(rule) for rule in rules]}
    return yaml.dump({"groups": [group]}, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)


def _rule(rule: LegacyRule) -> dict[str, object]:
    lines = [line.rstrip() for line in rule.expression.splitlines()]
    found: dict[str, object] = {
        "alert" if rule.is_alert else "record": rule.name,
        "expr": "\n".join(lines) + ("\n" if len(lines) > 1 else ""),
    }
    more = {"for": rule.hold, "labels": rule.labels, "annotations": rule.annotations}
    return found | {key: value for key, value in more.items() if value}
