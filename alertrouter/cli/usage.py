"""The help texts: what a program or a command is for, and its flags."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from alertrouter.cli.flags import Flag, Kind, size_text
from alertrouter.core.go_quote import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.cli.command import Command

_WIDTH = 80
_WIDEST_NAME = 29


def usage(command: Command, program: str) -> str:
    """The help of a program, a group or a command."""
    parts = [f"usage: {_synopsis(command, program)}", _wrapped(command.about, "")]
    inherited = [each for above in command.path() for each in above.flags]
    shown = command.default if command.default and command.default.hidden else command
    if shown is not command:
        inherited += shown.flags
    parts.append("Flags:\n" + _table([_flag_row(each) for each in inherited if not each.hidden]))
    if command.arguments:
        rows = [(f"[<{each.name}>]", each.about) for each in command.arguments]
        parts.append("Args:\n" + _table(rows))
    if command.commands:
        parts.append("Commands:\n" + "\n".join(_tree(command)))
    return "\n\n".join(part for part in parts if part) + "\n"


def long_usage(program: Command, name: str) -> str:
    """The help of the program and of every command below it."""
    sections = [usage(program, name).split("\n\nCommands:\n")[0] + "\n", "Commands:"]
    for command in program.walk():
        own = [_flag_row(each) for each in _own_flags(command) if not each.hidden]
        section = [f"{_signature(command, command.words)}\n{_wrapped(command.about, '    ')}"]
        sections.append("\n\n".join(section + ([_table(own, "    ")] if own else [])) + "\n")
    return "\n".join(sections)


def manual(program: Command, name: str) -> str:
    """The help as the source of a manual page."""
    lines = [f".TH {name} 1", ".SH NAME", f"{name} \\- {_roff(program.summary)}", ".SH SYNOPSIS", name]
    lines += ["[flags] <command> [arguments]", ".SH DESCRIPTION", _roff(program.about), ".SH OPTIONS"]
    for each in program.flags:
        if not each.hidden:
            lines += [".TP", f"\\fB{_roff(_flag_row(each)[0].strip())}\\fR", _roff(each.about)]
    lines.append(".SH COMMANDS")
    for command in program.walk():
        lines += [f".SS \\fB{_roff(_signature(command, command.words))}\\fR", ".PP", _roff(command.about)]
        for each in _own_flags(command):
            if not each.hidden:
                lines += [".TP", f"\\fB{_roff(_flag_row(each)[0].strip())}\\fR", _roff(each.about)]
    return "\n".join(lines) + "\n"


def _roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("\n\n", "\n.PP\n")
    return "\n".join(
        "\\&" + line if line[:1] in {".", "'"} and line != ".PP" else line for line in escaped.split("\n")
    )


def _own_flags(command: Command) -> list[Flag]:
    """The flags of a command that are not the whole program's."""
    return [each for above in command.path()[1:] for each in above.flags]


def _synopsis(command: Command, program: str) -> str:
    return _signature(command, " ".join([program, *([command.words] if command.words else [])]))


def _signature(command: Command, words: str) -> str:
    parts = [words]
    required = [each for each in command.flags if each.required]
    parts += [_flag_row(each)[0].strip() for each in required]
    if len(command.flags) > len(required):
        parts.append("[<flags>]")
    if command.commands and not (command.default and command.default.hidden):
        parts += ["<command>", "[<args> ...]"]
    for each in command.arguments:
        parts.append(f"[<{each.name}>...]" if each.kind.is_repeatable else f"[<{each.name}>]")
    return " ".join(parts)


def _tree(command: Command, depth: int = 0) -> list[str]:
    lines: list[str] = []
    for each in command.commands.values():
        if each.hidden:
            continue
        star = "*" if command.default is each else ""
        lines.append(
            "  " * (depth + 1) + _signature(each, each.name + star).replace(" <command> [<args> ...]", "")
        )
        lines += _tree(each, depth + 1)
    return lines


def _flag_row(flag: Flag) -> tuple[str, str]:
    short = f"-{flag.short}, " if flag.short else "    "
    name = f"--[no-]{flag.name}" if flag.kind is Kind.BOOL else f"--{flag.name}={_value(flag)}"
    return short + name + (" ..." if flag.kind.is_repeatable else ""), flag.about


def _value(flag: Flag) -> str:
    """What stands for the value: the default, or the name in capitals."""
    shown = ""
    if flag.kind is Kind.DURATION:
        from alertrouter.core.duration import format_go_duration

        shown = format_go_duration(flag.default)
    elif flag.kind is Kind.BYTES:
        shown = size_text(flag.default)
    elif flag.kind in {Kind.INTEGER, Kind.FLOAT} or flag.choices:
        shown = str(flag.default)
    elif flag.kind is Kind.TEXTS:
        shown = ",".join(flag.default)
    elif flag.default:
        shown = quote(flag.default)
    return flag.placeholder or shown or flag.name.rpartition(".")[2].upper()


def _table(rows: Sequence[tuple[str, str]], indent: str = "  ") -> str:
    width = min(max((len(left) for left, _ in rows), default=0), _WIDEST_NAME)
    lines: list[str] = []
    for left, right in rows:
        about = textwrap.wrap(right, _WIDTH - len(indent) - width - 2, break_on_hyphens=False) or [""]
        if len(left) > width:
            lines.append(indent + left)
        else:
            lines.append(f"{indent}{left:<{width}}  {about.pop(0)}".rstrip())
        lines += [" " * (len(indent) + width + 2) + more for more in about]
    return "\n".join(lines)


def _wrapped(text: str, indent: str) -> str:
    paragraphs = text.strip().split("\n\n")
    return "\n\n".join(
        # What is indented is an example: it stays as it is.
        textwrap.indent(each, indent)
        if each.startswith(" ")
        else textwrap.fill(
            each, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
        )
        for each in paragraphs
    )
