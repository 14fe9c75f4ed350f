"""Comments that switch checks off, in artool's name or, for those who come from it, in pint's.

# artool disable promql/series          for the rule that it stands in or right above
# artool snooze 2027-01-31 alerts/count   the same, until that day
# artool file/disable alerts/annotation   for the whole file
# artool ignore/file                      no check at all
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from alertrouter.core.time import SECOND
from alertrouter.rules.lint.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.core.time import Moment

_COMMENT: Final = re.compile(r"#\s*(?:artool|pint)\s+(\S+)(?:\s+(.*?))?\s*$")
_KNOWN: Final = frozenset({"disable", "snooze", "file/disable", "file/snooze", "ignore/file"})


@dataclass(slots=True)
class Comments:
    """What the comments of one file switch off."""

    ignores_file: bool = False
    of_file: set[str] = field(default_factory=set)
    of_lines: list[tuple[int, str]] = field(default_factory=list)
    """Line and check."""
    findings: list[Finding] = field(default_factory=list)
    """Comments that are not understood."""

    def covers(self, finding: Finding, rule_lines: Sequence[int]) -> bool:
        """Whether a finding is switched off. ``rule_lines`` are those on which rules of the file begin, ascending."""
        if self.ignores_file or finding.check in self.of_file:
            return True
        following = [line for line in rule_lines if line > finding.line]
        before = [line for line in rule_lines if line < finding.line]
        last = (following[0] if following else 1 << 60) - 1
        for line, check in self.of_lines:
            if check != finding.check or line > last:
                continue
            if line >= finding.line or (line == finding.line - 1 and line not in before):
                return True
        return False


def read_comments(text: str, file: str, now: Moment) -> Comments:
    """The comments in a file's text."""
    found = Comments()
    for number, line in enumerate(text.splitlines(), start=1):
        if "#" not in line or (match := _COMMENT.search(line)) is None:
            continue
        command, rest = match[1], match[2] or ""
        if command not in _KNOWN:
            if command.startswith(("disable", "snooze", "file/", "ignore")):
                found.findings.append(_bad(file, number, f"there is no comment '{command}'"))
            continue
        if command == "ignore/file":
            found.ignores_file = True
            continue
        if command.endswith("snooze"):
            until, _, rest = rest.partition(" ")
            moment = _moment(until)
            if moment is None:
                found.findings.append(_bad(file, number, f"'{until}' is no day: write 2027-01-31"))
                continue
            if moment <= now:
                continue
        check = rest.split("(")[0].strip()
        if command.startswith("file/"):
            found.of_file.add(check)
        else:
            found.of_lines.append((number, check))
    return found


def _bad(file: str, line: int, message: str) -> Finding:
    return Finding(
        check="lint/comment", severity=Severity.WARNING, message=message, file=file, line=line, column=1
    )


def _moment(text: str) -> Moment | None:
    try:
        day = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return int(day.replace(tzinfo=day.tzinfo or dt.UTC).timestamp()) * SECOND
