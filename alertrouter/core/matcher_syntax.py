"""The two ways to write matchers, and the mode that reconciles them."""

from __future__ import annotations

import enum
import re


class Mode(enum.Enum):
    """Which matcher syntax is read, and which label names are valid."""

    FALLBACK = "fallback"
    CLASSIC = "classic"
    UTF8 = "utf8"


class MatcherSyntaxError(ValueError):
    """The text is not a matcher, or not a list of matchers; the message is Alertmanager's."""


_CLASSIC_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def is_valid_label_name(name: str, mode: Mode) -> bool:
    """Whether a label may have this name: in the classic mode ASCII letters, digits and `_`."""
    if mode is Mode.CLASSIC:
        return _CLASSIC_NAME.fullmatch(name) is not None
    return name != "" and _is_utf8(name)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
