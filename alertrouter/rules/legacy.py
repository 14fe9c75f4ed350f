"""Rule files as Prometheus 1.x had them: `ALERT name IF expression …` and `name = expression`."""

from __future__ import annotations

import re

_BEGINNING = re.compile(
    r"(?:\s|\#[^\n]*(?:\n|$))*"
    r"(?:ALERT\s+[A-Za-z_]\w*\s+(?:\#[^\n]*\n\s*)*IF\b"
    r"|[A-Za-z_:][\w:]*\s*(?:\{[^{}]*\}\s*)?=(?![=~]))",
    re.ASCII | re.IGNORECASE,
)


def looks_legacy(text: str) -> bool:
    """Whether the text begins as a rule file of Prometheus 1.x does."""
    return _BEGINNING.match(text) is not None
