"""Reading a command line the way kingpin does, the library behind Alertmanager's programs.

Its habits are part of what scripts rely on: dotted flags, flags before and after the command, ``--no-`` forms, one-letter
flags that may be joined (``-qojson``), ``@file`` in place of arguments, default commands, and its error texts. Nothing
is done here about what is read; a first pass therefore never fails, it remembers what is wrong.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from alertrouter.cli.errors import UsageError
from alertrouter.cli.flags import Argument, Flag, Kind, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from alertrouter.cli.command import Command

HELP = "help"


class _TokenType(Enum):
    LONG = auto()
    SHORT = auto()
    ARGUMENT = auto()
    END = auto()


class _Token(NamedTuple):
    type: _TokenType
    text: str = ""

    def __str__(self) -> str:
        return {_TokenType.LONG: "--", _TokenType.SHORT: "-"}.get(self.type, "") + self.text


@dataclass(slots=True)
class Parsed:
    """What a command line says.

    `command` is the innermost command or group that was named, or the default one there; ``given`` the texts of each
    flag and argument, by name of its option. `error` is what is wrong with the command line; what was read before the
    error is here all the same, for ``--version`` and the completion.
    """

    command: Command
    given: dict[str, list[str]] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    """The flags without a value that were given, by name: ``help``, ``version`` …"""
    error: UsageError | None = None

    def options(self, of: type, options: Iterable[Flag | Argument], defaults: Mapping[str, str]) -> Any:
        """The options class ``of``, filled from the command line, then from ``defaults`` (by name of the flag).

        UsageError when a text does not fit.
        """
        values: dict[str, Any] = {}
        for option in options:
            if option.field in self.given:
                values[option.field] = value_of(option, self.given[option.field])
            elif isinstance(option, Flag) and option.name in defaults:
                values[option.field] = value_of(option, [defaults[option.name]])
        return of(**values)

    def missing(self, flags: Iterable[Flag], defaults: Mapping[str, str]) -> list[str]:
        """The required flags that neither the command line nor ``defaults`` gives."""
        return [
            each.name
            for each in flags
            if each.required and each.field not in self.given and each.name not in defaults
        ]


def parse(program: Command, arguments: Sequence[str]) -> Parsed:
    """Read a command line; see `Parsed`."""
    reader = _Reader(program, arguments)
    try:
        reader.read()
    except UsageError as error:
        reader.parsed.error = error
    return reader.parsed


class _Reader:
    """The state of one reading: what is left, where in the tree we are, which flags are known there."""

    def __init__(self, program: Command, arguments: Sequence[str]) -> None:
        self.parsed = Parsed(program)
        self._left = deque(arguments)
        self._pushed: list[_Token] = []
        self._only_arguments = False
        self._ignore_default = False
        self._long: dict[str, Flag] = {}
        self._short: dict[str, Flag] = {}
        self._awaited: deque[Argument] = deque()
        self._enter(program)

    def _enter(self, command: Command) -> None:
        self.parsed.command = command
        for each in command.flags:
            self._long[each.name] = each
            if each.short:
                self._short[each.short] = each
        self._awaited.extend(command.arguments)
        if command.name == HELP:
            self._ignore_default = True

    def read(self) -> None:
        while (token := self._peek()).type is not _TokenType.END:
            if token.type is _TokenType.ARGUMENT:
                if not self._read_argument(token):
                    break
            elif not self._read_flag():
                break
        while (default := self._default()) is not None:
            self._enter(default)
        if (token := self._peek()).type is not _TokenType.END:
            raise UsageError(f"unexpected {token}")

    def _default(self) -> Command | None:
        return None if self._ignore_default else self.parsed.command.default

    def _read_argument(self, token: _Token) -> bool:
        """False when nobody awaits an argument here."""
        here = self.parsed.command
        if here.commands:
            named = here.commands.get(token.text)
            command = named or self._default()
            if command is None:
                raise UsageError(f'expected command but got "{token.text}"')
            if named:
                self._next()
            self._enter(command)
            return True
        if not self._awaited:
            return False
        argument = self._awaited[0] if self._awaited[0].kind.is_repeatable else self._awaited.popleft()
        self._next()
        self.parsed.given.setdefault(argument.field, []).append(token.text)
        return True

    def _read_flag(self) -> bool:
        """A flag that is unknown here may be one of the default command."""
        try:
            flag, text = self._flag()
        except UsageError:
            default = self._default()
            if default is None:
                raise
            self._enter(default)
            return True
        if flag.field:
            self.parsed.given.setdefault(flag.field, []).append(text)
        else:
            self.parsed.asked.add(flag.name)
        if flag.name == HELP:
            self._ignore_default = True
        return True

    def _flag(self) -> tuple[Flag, str]:
        token = self._peek()
        if token.type is _TokenType.SHORT:
            flag = self._short.get(token.text)
            if flag is None:
                raise UsageError(f"unknown short flag '{token}'")
        else:
            flag = self._long.get(token.text)
        inverted = False
        if flag is None:
            flag = self._long.get(token.text.removeprefix("no-"))
            inverted = True
            if flag is None or flag.kind is not Kind.BOOL or not token.text.startswith("no-"):
                raise UsageError(f"unknown long flag '{token}'")
        self._next()
        if flag.kind is Kind.BOOL:
            return flag, "false" if inverted else "true"
        value = self._peek()
        if value.type is not _TokenType.ARGUMENT:
            self._pushed.append(token)
            raise UsageError(f"expected argument for flag '{token}'")
        self._next()
        return flag, value.text

    def _peek(self) -> _Token:
        if not self._pushed:
            self._pushed.append(self._cut())
        return self._pushed[-1]

    def _next(self) -> _Token:
        self._peek()
        return self._pushed.pop()

    def _cut(self) -> _Token:
        """The next token of what is left of the line."""
        while self._left:
            word = self._left.popleft()
            if self._only_arguments:
                return _Token(_TokenType.ARGUMENT, word)
            if word == "--":
                self._only_arguments = True
            elif word.startswith("--"):
                # Compat: a flag without a value does not take one; what follows the "=" is an argument then.
                name, equals, value = word[2:].partition("=")
                if equals:
                    self._pushed.append(_Token(_TokenType.ARGUMENT, value))
                return _Token(_TokenType.LONG, name)
            elif word.startswith("-") and len(word) > 1:
                return self._cut_short(word)
            elif word.startswith("@"):
                self._left.extendleft(reversed(_lines(word[1:])))
            else:
                return _Token(_TokenType.ARGUMENT, word)
        return _Token(_TokenType.END)

    def _cut_short(self, word: str) -> _Token:
        name, rest = word[1], word[2:]
        flag = self._short.get(name)
        if rest and flag is not None and flag.kind is not Kind.BOOL:
            self._pushed.append(_Token(_TokenType.ARGUMENT, rest))
        elif rest:
            self._left.appendleft("-" + rest)
        return _Token(_TokenType.SHORT, name)


def _lines(file: str) -> list[str]:
    """The arguments in a file, one a line; lines that begin with # are comments."""
    try:
        text = Path(file).read_text("utf-8")
    except FileNotFoundError:
        raise UsageError(
            f'failed to open arguments file "{file}": open {file}: no such file or directory'
        ) from None
    except (OSError, ValueError) as error:
        raise UsageError(f'failed to open arguments file "{file}": {error}') from None
    return [
        line.removesuffix("\r")
        for line in text.removesuffix("\n").split("\n")
        if line and not line.startswith("#")
    ]
