"""How a template escapes what it prints."""

from __future__ import annotations

from enum import Enum, auto


class Mode(Enum):
    """Text prints values as they are, HTML escapes them for the place where they stand."""

    TEXT = auto()
    HTML = auto()
