"""File patterns as Go's ``filepath.Glob`` reads them: ``*`` takes hidden files too, and ``**`` is just ``*``."""

from __future__ import annotations

import re
from pathlib import Path


def matching_files(pattern: str) -> list[Path]:
    """The existing paths the pattern matches, sorted in each directory. A pattern may well match nothing.

    ValueError when the pattern is malformed. Directories that cannot be read are passed over.

        pattern = { "*" | "?" | "[" ["^"] { character | character "-" character } "]" | "\\" character | character }
    """
    found = [Path("/") if pattern.startswith("/") else Path()]
    parts = [part for part in pattern.split("/") if part]
    translated = [_translate(part) for part in parts]
    for part, expression in zip(parts, translated, strict=True):
        if expression is None:
            found = [each / part for each in found if (each / part).exists()]
        else:
            found = [below for each in found for below in _entries(each) if expression.fullmatch(below.name)]
    return found if parts else []


def _entries(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []


_TOKEN = re.compile(r"\*|\?|\\(.)|\[(\^?)((?:\\.|[^\]\\])+)\]|([^\[\\])", re.DOTALL)


def _translate(part: str) -> re.Pattern[str] | None:
    """The expression of one part of a path; None when it is a plain name."""
    if not any(special in part for special in "*?[\\"):
        return None
    expression = ""
    position = 0
    while position < len(part):
        token = _TOKEN.match(part, position)
        if token is None:
            raise ValueError(f"syntax error in pattern: {part}")
        escaped, negated, members, plain = token.groups()
        if members is not None:
            expression += f"[{'^' if negated else ''}{_members(members)}]"
        elif token[0] in {"*", "?"}:
            expression += ".*" if token[0] == "*" else "."
        else:
            expression += re.escape(escaped or plain)
        position = token.end()
    return re.compile(expression, re.DOTALL)


def _members(text: str) -> str:
    """The inside of a character class, with everything but ranges taken literally."""
    plain = re.sub(r"\\(.)", r"\1", text)
    return re.sub(r"[\[\]\\^&~|]", lambda found: "\\" + found[0], plain)
