"""Flags and arguments, and what their texts mean.

The options of a command are a frozen dataclass whose fields are made by `flag` and `argument`: the parser, the help
and the completion read the fields, the command gets an instance.
"""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alertrouter.cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


class Kind(Enum):
    """What the text of a flag or an argument becomes."""

    TEXT = "text"
    TEXTS = "texts"
    """Repeatable; the value is a tuple."""
    BOOL = "bool"
    """Takes no value: ``--name`` and ``--no-name``."""
    INTEGER = "integer"
    FLOAT = "float"
    DURATION = "duration"
    """Go's notation with ``d`` and ``w`` besides, in nanoseconds."""
    BYTES = "bytes"
    """A size with a unit, as Prometheus writes it: ``512MB`` are 512 times 1024 times 1024 bytes."""
    FILE = "file"
    """A file that is there."""
    FILES = "files"

    @property
    def is_repeatable(self) -> bool:
        return self in {Kind.TEXTS, Kind.FILES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One flag. `field` is the name of the option it fills; `default` is the value when it is not given.

    ``refusal`` is what to say of a text that is not among the ``choices``, with ``{}`` for the text.
    """

    name: str
    field: str = ""
    kind: Kind = Kind.BOOL
    default: Any = False
    about: str = ""
    short: str = ""
    choices: tuple[str, ...] = ()
    refusal: str = ""
    placeholder: str = ""
    required: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One positional argument; nobody needs to give it. A repeatable one takes all that follow."""

    name: str
    field: str = ""
    kind: Kind = Kind.TEXTS
    default: Any = ()
    about: str = ""


def flag(name: str, kind: Kind, about: str, *, default: Any = None, **more: Any) -> Any:
    """A field of an options class that is filled by ``--name``."""
    if default is None:
        default = _EMPTY[kind]
    made = Flag(name=name, kind=kind, about=about, default=default, **more)
    return field(default=default, metadata={"flag": made})


def argument(name: str, about: str, *, kind: Kind = Kind.TEXTS) -> Any:
    """A field of an options class that is filled by what stands on the command line without a flag."""
    default = _EMPTY[kind]
    return field(
        default=default, metadata={"argument": Argument(name=name, kind=kind, about=about, default=default)}
    )


def flags_of(options: type) -> list[Flag]:
    """The flags among the fields of an options class, in order."""
    return [_named(each.metadata["flag"], each.name) for each in fields(options) if "flag" in each.metadata]


def arguments_of(options: type) -> list[Argument]:
    """The arguments among the fields of an options class, in order."""
    return [
        _named(each.metadata["argument"], each.name)
        for each in fields(options)
        if "argument" in each.metadata
    ]


def _named(template: Any, name: str) -> Any:
    return replace(template, field=name)


_EMPTY: dict[Kind, Any] = {
    Kind.TEXT: "",
    Kind.TEXTS: (),
    Kind.BOOL: False,
    Kind.INTEGER: 0,
    Kind.FLOAT: 0.0,
    Kind.DURATION: 0,
    Kind.BYTES: 0,
    Kind.FILE: "",
    Kind.FILES: (),
}


def value_of(option: Flag | Argument, texts: list[str]) -> Any:
    """The value that these texts give; UsageError with kingpin's message when one does not fit."""
    if option.kind.is_repeatable:
        return tuple([_CONVERSIONS[option.kind](text) for text in texts])
    if len(texts) > 1:
        raise UsageError(f"flag '{option.name}' cannot be repeated")
    if isinstance(option, Flag) and option.choices and texts[0] not in option.choices:
        usual = f"enum value must be one of {','.join(option.choices)}, got '{{}}'"
        raise UsageError((option.refusal or usual).format(texts[0]))
    return _CONVERSIONS[option.kind](texts[0])


def _bool(text: str) -> bool:
    if text in {"1", "t", "T", "TRUE", "true", "True"}:
        return True
    if text in {"0", "f", "F", "FALSE", "false", "False"}:
        return False
    raise UsageError(f'strconv.ParseBool: parsing "{text}": invalid syntax')


def _float(text: str) -> float:
    # Python also takes spaces and digits of other scripts.
    try:
        if text.isascii() and text == text.strip():
            return float(text)
    except ValueError:
        pass
    raise UsageError(f'strconv.ParseFloat: parsing "{text}": invalid syntax')


def _integer(text: str) -> int:
    # Compat: whole numbers are read as any number and cut, so 1e3 and 2.5 are taken.
    number = _float(text)
    if number != number or abs(number) >= 2**63:  # noqa: PLR0124  # not a number is what differs from itself
        raise UsageError(f'strconv.ParseFloat: parsing "{text}": value out of range')
    return int(number)


def _duration(text: str) -> int:
    from alertrouter.core.duration import parse_flag_duration

    try:
        return parse_flag_duration(text)
    except ValueError as error:
        raise UsageError(str(error)) from None


_UNITS = {unit: 1024**power for power, unit in enumerate("BKMGT")}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([BKMGT]?)(?:I?B)?", re.IGNORECASE | re.ASCII)


def _bytes(text: str) -> int:
    if (found := _SIZE.fullmatch(text)) is None:
        raise UsageError(f'"{text}" is no size: write 512MB or 2GB')
    return int(float(found[1]) * _UNITS[found[2].upper() or "B"])


def size_text(size: int) -> str:
    """A size in the largest unit that shows it exactly: ``1GB``."""
    unit = next((unit for unit in "TGMK" if size and size % _UNITS[unit] == 0), "B")
    return f"{size // _UNITS[unit]}{unit.removesuffix('B')}B"


def _existing_file(text: str) -> str:
    try:
        mode = Path(text).stat().st_mode
    except FileNotFoundError:
        raise UsageError(f"path '{text}' does not exist") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"path '{text}' cannot be used: {error}") from None
    if text == "":
        raise UsageError("path '' does not exist")
    if stat.S_ISDIR(mode):
        raise UsageError(f"'{text}' is a directory")
    return text


_CONVERSIONS: dict[Kind, Callable[[str], Any]] = {
    Kind.TEXT: str,
    Kind.TEXTS: str,
    Kind.BOOL: _bool,
    Kind.INTEGER: _integer,
    Kind.FLOAT: _float,
    Kind.DURATION: _duration,
    Kind.BYTES: _bytes,
    Kind.FILE: _existing_file,
    Kind.FILES: _existing_file,
}
