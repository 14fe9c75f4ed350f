"""What a YAML scalar means, as Go's yaml.v2 reads it (`config.md` 1.3), which is neither YAML 1.1 nor 1.2.

No sexagesimal numbers and no timestamps (``17:00`` is text), ``y`` and ``n`` are booleans, ``010`` is eight.
"""

from __future__ import annotations

import re

from alertrouter.config.node import Kind

TAG_PREFIX = "tag:yaml.org,2002:"

_WORDS: dict[str, tuple[Kind, object]] = {
    **dict.fromkeys(
        ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), (Kind.BOOL, True)
    ),
    **dict.fromkeys(
        ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), (Kind.BOOL, False)
    ),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), (Kind.NULL, None)),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), (Kind.FLOAT, float("nan"))),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), (Kind.FLOAT, float("inf"))),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), (Kind.FLOAT, float("-inf"))),
}
_INT = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|0|[1-9][0-9]*)", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_FIRST_OF_NUMBER = frozenset("+-.0123456789")


def resolve(text: str) -> tuple[Kind, object]:
    """What plain text is, and its value."""
    if (word := _WORDS.get(text)) is not None:
        return word
    if text[0] in _FIRST_OF_NUMBER:
        digits = text.replace("_", "") if text[0] != "." else text
        if _INT.fullmatch(digits):
            number = _integer(digits)
            if -(2**63) <= number < 2**64:
                return Kind.INT, number
        if _FLOAT.fullmatch(digits):
            return Kind.FLOAT, float(digits)
    return Kind.TEXT, text


def _integer(digits: str) -> int:
    sign = -1 if digits[0] == "-" else 1
    digits = digits.lstrip("+-").lower()
    if digits[:2] in {"0x", "0b", "0o"}:
        return sign * int(digits, 0)
    return sign * int(digits, 8 if digits[0] == "0" else 10)
