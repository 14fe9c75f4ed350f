"""What a rendered text in a templated structure becomes: itself, or the YAML value it spells (`config.md` 8.0).

Scalars are read as Go's yaml.v2 reads them, which is neither YAML 1.1 nor 1.2 to the letter: `12:30` and dates are
texts, `y` is true, `0o17` is 15.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOADER: Final = getattr(yaml, "CLoader", yaml.Loader)
_DEEPEST: Final = 100
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(["", "~", "null", "Null", "NULL"]),
    **dict.fromkeys(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], True),
    **dict.fromkeys(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], False),
}
_BASES: Final = (("0b", 2), ("0o", 8), ("0x", 16))
_INTEGER: Final = re.compile(
    r"([-+]?)(0[bB][01]+|0[oO][0-7]+|0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)", re.ASCII
)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_TAG: Final = "tag:yaml.org,2002:"


class _NotAValueError(Exception):
    """This is no YAML, or none that is worth reading."""


def yaml_value(text: str) -> Any:
    """The value the text spells when read as YAML, if that is not a text; otherwise the text as it is.

    Only the first node counts: ``[FIRING:2] HighCPU`` is the list ``["FIRING:2"]``. Map keys that are no texts
    are dropped. A text with YAML aliases stays a text: they would let a label value blow up a payload.
    """
    try:
        events = iter(yaml.parse(text, Loader=_LOADER))
        value = _first_node(events)
    except (yaml.YAMLError, _NotAValueError, UnicodeError):
        return text
    return text if isinstance(value, str) else value


def _first_node(events: Iterator[yaml.Event]) -> Any:
    for event in events:
        if isinstance(event, (yaml.StreamStartEvent, yaml.DocumentStartEvent)):
            continue
        if isinstance(event, yaml.StreamEndEvent):
            return None
        return _node(event, events, 0)
    return None


def _node(event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Any:
    if depth > _DEEPEST:
        raise _NotAValueError
    match event:
        case yaml.ScalarEvent():
            return _scalar(event)
        case yaml.SequenceStartEvent():
            return _sequence(events, depth)
        case yaml.MappingStartEvent():
            return _mapping(events, depth)
        case _:
            raise _NotAValueError


def _sequence(events: Iterator[yaml.Event], depth: int) -> list[Any]:
    values = []
    for event in events:
        if isinstance(event, yaml.SequenceEndEvent):
            break
        values.append(_node(event, events, depth + 1))
    return values


def _mapping(events: Iterator[yaml.Event], depth: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    for event in events:
        if isinstance(event, yaml.MappingEndEvent):
            break
        key = _node(event, events, depth + 1)
        value = _node(next(events), events, depth + 1)
        if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]:
            for more in reversed(value if isinstance(value, list) else [value]):
                if not isinstance(more, dict):
                    raise _NotAValueError
                merged |= more
        elif isinstance(key, (dict, list)):
            raise _NotAValueError
        elif isinstance(key, str):
            values[key] = value
    return merged | values


def _scalar(event: yaml.ScalarEvent) -> Any:
    if event.tag is None or event.tag == "!":
        return plain_scalar(event.value) if event.implicit[0] else event.value
    kind = event.tag.removeprefix(_TAG)
    if kind in {"str", "binary", "timestamp"} or kind == event.tag:
        return event.value
    value = plain_scalar(event.value)
    fits = {"null": (type(None),), "bool": (bool,), "int": (int,), "float": (int, float)}.get(kind, ())
    if type(value) not in fits:
        raise _NotAValueError
    return value


def plain_scalar(text: str) -> str | int | float | bool | None:
    """The value of a scalar without quotes; infinities and not-a-number, which JSON lacks, stay texts."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    digits = text.replace("_", "")
    if (found := _INTEGER.fullmatch(digits)) and (number := _integer(*found.groups())) is not None:
        return number
    if _FLOAT.fullmatch(digits) and not math.isinf(value := float(digits)):
        # In the JSON this ends up in, 1e3 is 1000, and large numbers have no more digits than they need.
        return int(Decimal(repr(value))) if value.is_integer() and abs(value) < 1e21 else value
    return text


def _integer(sign: str, digits: str) -> int | None:
    for prefix, base in _BASES:
        if digits[:2].lower() == prefix:
            value = int(digits, base)
            break
    else:
        value = int(digits, 8 if digits[0] == "0" else 10) if digits != "0" else 0
    if sign == "-":
        value = -value
    return value if -(2**63) <= value < 2**64 else None
