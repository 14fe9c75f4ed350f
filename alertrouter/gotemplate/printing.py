"""Go's texts for values: fmt.Sprint, fmt.Sprintf, strconv.Quote."""

from __future__ import annotations

from collections.abc import Sequence


def go_string(value: object) -> str:
    """What `{{ value }}` prints, with `<nil>` for None (Go's %v)."""
    raise NotImplementedError


def sprintf(format: str, arguments: Sequence[object]) -> str:  # noqa: A002  # Go's own word
    """Go's fmt.Sprintf. Faults never raise; they appear in the text as Go writes them (`%!d(string=x)`)."""
    raise NotImplementedError


def quote(text: str) -> str:
    """Go's strconv.Quote: a double-quoted literal."""
    raise NotImplementedError
