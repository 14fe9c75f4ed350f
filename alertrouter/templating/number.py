"""Numbers as template functions take and show them: Go's float syntax, four significant digits, metric prefixes."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from alertrouter.core.go_quote import quote
from alertrouter.gotemplate import sprintf
from alertrouter.templating.go_time import Duration

if TYPE_CHECKING:
    from collections.abc import Sequence

_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9_]+\.?[0-9_]*|\.[0-9_]+)(?:[eE][+-]?[0-9_]+)?", re.ASCII)
_HEXADECIMAL: Final = re.compile(
    r"[+-]?0[xX](?:[0-9a-fA-F_]+\.?[0-9a-fA-F_]*|\.[0-9a-fA-F_]+)[pP][+-]?[0-9_]+", re.ASCII
)
_SPECIAL: Final = re.compile(r"[+-]?inf(?:inity)?|nan", re.ASCII | re.IGNORECASE)
_MISPLACED_UNDERSCORE: Final = re.compile(r"_(?![0-9a-fA-F])|(?<![0-9a-fA-FxX])_", re.ASCII)
_ABOVE_ONE: Final = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_BELOW_ONE: Final = ("m", "u", "n", "p", "f", "a", "z", "y")
_UNITS: Final = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_BINARY: Final = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")


def number(value: object) -> float:
    """The number a template hands to a function: a number, a duration in seconds, or text in Go's syntax.

    Raises ValueError with Go's message for anything else.
    """
    match value:
        case bool():
            raise ValueError("can't convert bool to float")
        case Duration():
            return value.seconds()
        case float():
            return value
        case int():
            return float(value)
        case str():
            return parse_float(value)
        case _:
            raise ValueError(f"can't convert {_go_type(value)} to float")


def _go_type(value: object) -> str:
    return "<nil>" if value is None else sprintf("%T", [value])


def parse_float(text: str) -> float:
    """A number in the syntax of Go's strconv.ParseFloat; ValueError with its message.

        number = [sign] ( decimal [exponent] | "0x" hexadecimal "p" exponent | "inf" | "infinity" ) | "nan"

    Underscores may stand between digits.
    """
    if _SPECIAL.fullmatch(text):
        return float(text)
    parsed = None
    if _MISPLACED_UNDERSCORE.search(text) is None:
        digits = text.replace("_", "")
        if _DECIMAL.fullmatch(text):
            parsed = float(digits)
        elif _HEXADECIMAL.fullmatch(text):
            parsed = _from_hexadecimal(digits)
    if parsed is None:
        raise ValueError(f"strconv.ParseFloat: parsing {quote(text)}: invalid syntax")
    if math.isinf(parsed):
        raise ValueError(f"strconv.ParseFloat: parsing {quote(text)}: value out of range")
    return parsed


def _from_hexadecimal(digits: str) -> float:
    try:
        return float.fromhex(digits)
    except OverflowError:
        return math.inf


def significant(value: float, suffix: str = "") -> str:
    """Go's ``%.4g``: four significant digits, with a suffix such as a prefix and a unit."""
    if math.isnan(value):
        return f"NaN{suffix}"
    if math.isinf(value):
        return f"{'+' if value > 0 else '-'}Inf{suffix}"
    return f"{value:.4g}{suffix}"


def humanize(value: float) -> str:
    """With a metric prefix: ``1.235k``, ``123.5m``."""
    if value == 0 or math.isnan(value) or math.isinf(value):
        return significant(value)
    if abs(value) >= 1:
        return _prefixed(value, _ABOVE_ONE, 1000.0)
    return _reduced(value)


def humanize_1024(value: float) -> str:
    """With a binary prefix: ``1.206ki``."""
    if abs(value) <= 1 or math.isnan(value) or math.isinf(value):
        return significant(value)
    return _prefixed(value, _BINARY, 1024.0)


def _prefixed(value: float, prefixes: Sequence[str], step: float) -> str:
    chosen = ""
    for prefix in prefixes:
        if abs(value) < step:
            break
        chosen = prefix
        value /= step
    return significant(value, chosen)


def _reduced(value: float, unit: str = "") -> str:
    chosen = ""
    for prefix in _BELOW_ONE:
        if abs(value) >= 1:
            break
        chosen = prefix
        value *= 1000
    return significant(value, chosen + unit)


def humanize_duration(value: float) -> str:
    """Seconds as ``1d 0h 0m 0s``, ``1h 1m 1s``, ``1.234s`` or ``1.234ms``."""
    if math.isnan(value) or math.isinf(value):
        return significant(value)
    if value == 0:
        return "0s"
    if abs(value) < 1:
        return _reduced(value, "s")
    units = list(_UNITS)
    rest = int(abs(value))
    if rest < 60:
        return significant(value, "s")
    while rest < _UNITS[units[0]]:
        del units[0]
    parts = []
    for unit in units:
        count, rest = divmod(rest, _UNITS[unit])
        parts.append(f"{count}{unit}")
    return ("-" if value < 0 else "") + " ".join(parts)


def humanize_percentage(value: float) -> str:
    """A ratio as a percentage: 0.0015 is ``0.15%``."""
    return significant(value * 100, "%")
