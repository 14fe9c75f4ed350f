"""Go's texts for floating-point numbers: strconv.FormatFloat and strconv.ParseFloat."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Final

_FLOAT: Final = re.compile(
    r"[+-]?(?:(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?"
    r"|0[xX][\da-fA-F_]*\.?[\da-fA-F_]*[pP][+-]?\d[\d_]*)\Z",
    re.ASCII,
)
_BAD_UNDERSCORE: Final = re.compile(r"(?<!\d)_|_(?!\d)", re.ASCII)
_BAD_HEX_UNDERSCORE: Final = re.compile(r"(?<![\da-fA-FxX])_|_(?![\da-fA-F])", re.ASCII)


def special(value: float) -> str:
    """The text of a number that is not finite, else ""."""
    if value != value:  # noqa: PLR0124  # the definition of NaN
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return ""


def float_string(value: float) -> str:
    """What `%v` prints: shortest digits, exponent form outside 1e-4 … 1e6."""
    size = abs(value)
    if 1e-4 <= size < 1e6 or value == 0:
        text = repr(value)
        return text.removesuffix(".0")
    return special(value) or shortest_exponent(value)


def shortest_exponent(value: float) -> str:
    """Shortest digits in exponent form: d.ddde±XX."""
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    text = "".join(map(str, digits)).rstrip("0") or "0"
    power = len(digits) - 1 + int(exponent) if value else 0
    fraction = "." + text[1:] if len(text) > 1 else ""
    return f"{'-' * sign}{text[0]}{fraction}e{'-' if power < 0 else '+'}{abs(power):02d}"


def format_float(value: float, verb: str, precision: int) -> str:  # noqa: PLR0911  # one for each form
    """strconv.FormatFloat for one of `e E f g G b x X`; precision -1 asks for the shortest digits."""
    if text := special(value):
        return text
    if verb in "EGX":
        return format_float(value, verb.lower(), precision).upper()
    if verb == "b":
        return _binary_exponent(value)
    if verb == "x":
        return _hexadecimal(value, precision)
    if precision >= 0:
        return f"{value:.{precision}{verb}}"
    if verb == "g":
        return float_string(value)
    return shortest_exponent(value) if verb == "e" else format(Decimal(repr(value)), "f").removesuffix(".0")


def _mantissa(value: float) -> tuple[str, int, int]:
    """Sign, 53-bit mantissa and exponent, so that the size is mantissa * 2**exponent."""
    fraction, exponent = math.frexp(abs(value))
    return "-" if math.copysign(1.0, value) < 0 else "", int(fraction * (1 << 53)), exponent - 53


def _binary_exponent(value: float) -> str:
    sign, mantissa, exponent = _mantissa(value)
    if exponent < -1074:  # a subnormal number keeps its fixed exponent
        mantissa >>= -1074 - exponent
        exponent = -1074
    if not mantissa:
        exponent = -1074
    return f"{sign}{mantissa}p{exponent:+d}"


def _hexadecimal(value: float, precision: int) -> str:
    sign, mantissa, exponent = _mantissa(value)
    if not mantissa:
        return f"{sign}0x0{'.' + '0' * precision if precision > 0 else ''}p+00"
    power = exponent + 52
    if 0 <= precision < 13:
        drop = 4 * (13 - precision)
        kept, rest = mantissa >> drop, mantissa & ((1 << drop) - 1)
        half = 1 << (drop - 1)
        if rest > half or (rest == half and kept & 1):
            kept += 1
        if kept >> (4 * precision) == 2:
            kept >>= 1
            power += 1
        mantissa = kept << drop
    digits = f"{mantissa & ((1 << 52) - 1):013x}"
    digits = digits.rstrip("0") if precision < 0 else digits[:precision].ljust(precision, "0")
    return f"{sign}0x1{'.' + digits if digits else ''}p{'-' if power < 0 else '+'}{abs(power):02d}"


def parse_float(text: str) -> float | None:
    """strconv.ParseFloat of a number written in a template; None when it is none or too large."""
    if _FLOAT.match(text) is None:
        return None
    if "_" in text:
        if (_BAD_HEX_UNDERSCORE if "x" in text.lower() else _BAD_UNDERSCORE).search(text):
            return None
        text = text.replace("_", "")
    try:
        value = float.fromhex(text) if "x" in text.lower() else float(text)
    except (ValueError, OverflowError):
        return None
    return None if math.isinf(value) else value
