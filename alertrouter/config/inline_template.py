"""The template texts that stand in a configuration file itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.config.node import Scalar
    from alertrouter.templating.mode import Mode

_BLOCK = re.compile(r"[|>][-+0-9]*\s*(?:#.*)?$")


class FoundTemplate(NamedTuple):
    """A template met while a block was read; ``added`` is the length of the marker that its tag put before it."""

    node: Scalar
    text: str
    mode: Mode
    is_secret: bool
    added: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineTemplate:
    """One template text of a file, as it is rendered: with the marker of its language where it has a tag.

    ``line`` and ``column`` are where it begins, from 1; ``is_secret`` says that nothing of it may be shown.
    """

    text: str = field(repr=False)
    mode: Mode
    is_secret: bool
    file: str
    line: int
    column: int
    path: str
    added: int = 0
    """How many characters at the beginning of ``text`` are not in the file."""
    source: Sequence[str] = field(repr=False, compare=False)
    """The lines of the file."""

    def place(self, line: int, column: int) -> tuple[int, int]:
        """Where a place in the text, counted from 1, is in the file.

        Only where the line of the text stands there as it is, as it does but for escapes and folded lines;
        otherwise it is the beginning of the text.
        """
        lines = self.text[self.added :].split("\n")
        if not 1 <= line <= len(lines) or not lines[line - 1].strip():
            return self.line, self.column
        wanted = lines[line - 1]
        inside = max(0, column - 1 - (self.added if line == 1 else 0))
        first = self._source_line(self.line)
        if _BLOCK.search(first[self.column - 1 :]):
            found = self._source_line(self.line + line)
            if found.endswith(wanted):
                return self.line + line, len(found) - len(wanted) + inside + 1
        elif first.count(wanted, self.column - 1) == 1:
            return self.line, first.index(wanted, self.column - 1) + inside + 1
        return self.line, self.column

    def _source_line(self, line: int) -> str:
        return self.source[line - 1] if 0 < line <= len(self.source) else ""
