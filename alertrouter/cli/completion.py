"""What a shell offers while a command line is typed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from alertrouter.cli.flags import Kind
from alertrouter.cli.parsing import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.cli.command import Command
    from alertrouter.cli.flags import Flag

_BASH = """\
_NAME_complete() {
    local IFS=$'\\n'
    COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" --completion-bash "${COMP_WORDS[@]:1:$COMP_CWORD}")" \\
        -- "${COMP_WORDS[COMP_CWORD]#=}"))
}
complete -o default -F _NAME_complete PROGRAM
"""

_ZSH = """\
#compdef PROGRAM

_NAME() {
    local -a offered
    offered=(${(f)"$(${words[1]} --completion-bash "${(@)words[2,$CURRENT]}")"})
    if (( ${#offered} )); then
        compadd -a offered
    else
        _files
    fi
}

if [[ "$funcstack[1]" == _NAME ]]; then
    _NAME
else
    compdef _NAME PROGRAM
fi
"""


def script(shell: str, program: str) -> str:
    """The script that a shell (``bash`` or ``zsh``) reads to complete the command lines of a program."""
    text = {"bash": _BASH, "zsh": _ZSH}[shell]
    return text.replace("NAME", re.sub(r"\W", "_", program, flags=re.ASCII)).replace("PROGRAM", program)


def offers(program: Command, words: Sequence[str]) -> list[str]:
    """What may stand in place of the last of these words, the one that is being typed."""
    # Bash cuts --output=json into three words.
    typed = [word for word in words if word != "="] + ([""] if words[-1:] == ["="] else [])
    *before, current = typed or [""]
    parsed = parse(program, before)
    command = parsed.command
    flags = {f"--{each.name}": each for above in command.path() for each in above.flags}
    flags |= {f"-{each.short}": each for each in list(flags.values()) if each.short}
    if before and (flag := flags.get(before[-1])) and flag.kind is not Kind.BOOL:
        return list(flag.choices)
    if current.startswith("-"):
        return [name for name, each in flags.items() if name.startswith("--") and not each.hidden]
    if command.name == "help":
        return _names(program)
    return _commands_here(command, parsed.given, flags)


def _commands_here(command: Command, given: dict[str, list[str]], flags: dict[str, Flag]) -> list[str]:
    """The commands of this group. In a default command they are its neighbours, until it has an argument."""
    if command.commands:
        return _names(command)
    group = command.parent
    begun = any(each.field in given for each in command.arguments) or any(
        each.field in given for each in flags.values() if each in command.flags
    )
    if group is not None and group.default is command and not begun:
        return _names(group)
    return []


def _names(command: Command) -> list[str]:
    return [name for name, each in command.commands.items() if not each.hidden]
