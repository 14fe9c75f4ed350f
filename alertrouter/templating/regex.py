"""Go's regular expressions for templates: search, and replace-all with Go's rules for ``$name``."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import re2

from alertrouter.core.pattern import PatternError, check_go_takes, in_go_words

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_PATTERN: Final = 100_000
_REFERENCE: Final = re.compile(
    r"\$(?:(\$)|([0-9A-Za-z_\u0080-\U0010ffff]+)|\{([0-9A-Za-z_\u0080-\U0010ffff]+)\})"
)
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


class RegexError(ValueError):
    """The pattern is no regular expression; the message is Go's as far as it can be told."""


_MOST_WORK = 100_000_000


def search(pattern: str, text: str) -> bool:
    """Whether the pattern matches anywhere in the text. RegexError for a bad pattern."""
    return compiled_pattern(pattern).search(_whole(text)) is not None


def replace_all(pattern: str, replacement: str, text: str) -> str:
    """The text with every match replaced; ``$1``, ``${name}`` and ``$$`` as Go expands them."""
    try:
        compiled = compiled_pattern(pattern)
    except RegexError as error:
        raise RegexError(f"regexp: Compile({_backquoted(pattern)}): {error}") from None
    expand = expansion(replacement)
    text = _whole(text)
    written: list[str] = []
    at = copied = 0
    left = _MOST_WORK
    while at <= len(text):
        # Each look for a match costs as much as the text is long, and what is written may be long, too.
        left -= len(text) + (len(written[-1]) if written else 0)
        if left < 0:
            raise RegexError("regexp: replacing this takes too long: too many matches in too long a text")
        found = compiled.search(text, at)
        if found is None:
            break
        start, end = found.span()
        written.append(text[copied:start])
        # Compat: an empty match right behind another match is not replaced.
        if end > copied or start == 0:
            written.append(expand(found))
        copied = end
        at = end if end > start else end + 1
    written.append(text[copied:])
    return "".join(written)


def _whole(text: str) -> str:
    """The text without halves of surrogate pairs, which UTF-8 cannot say."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


@lru_cache(maxsize=1024)
def compiled_pattern(pattern: str) -> Any:
    """The pattern as RE2 compiled it, with ``search`` and ``groupindex``; RegexError if Go would not take it."""
    if len(pattern) > _LONGEST_PATTERN:
        raise RegexError("error parsing regexp: expression too long")
    text = _whole(pattern)
    try:
        compiled = re2.compile(text, _OPTIONS)
    except re2.error as error:
        raise RegexError(str(in_go_words(error, text))) from None
    try:
        check_go_takes(text)
    except PatternError as error:
        raise RegexError(str(error)) from None
    return compiled


def _backquoted(pattern: str) -> str:
    return f'"{pattern}"' if "`" in pattern else f"`{pattern}`"


@lru_cache(maxsize=512)
def expansion(replacement: str) -> Callable[[Any], str]:
    """What makes a text of a match: ``$1``, ``${name}`` and ``$$`` as Go expands them."""
    if "$" not in replacement:
        return lambda _: replacement
    parts: list[str | tuple[str]] = []
    at = 0
    for found in _REFERENCE.finditer(replacement):
        parts.append(replacement[at : found.start()])
        parts.append("$" if found[1] else (found[2] or found[3],))
        at = found.end()
    parts.append(replacement[at:])

    def expand(match: Any) -> str:
        return "".join([part if isinstance(part, str) else _group(match, part[0]) for part in parts])

    return expand


def _group(match: Any, name: str) -> str:
    """The text of a group, by number or name; empty if there is none or it took no part."""
    if name.isascii() and name.isdecimal() and (name == "0" or name[0] != "0"):
        number = int(name)
        return (match.group(number) or "") if number <= match.re.groups else ""
    number = match.re.groupindex.get(name)
    return (match.group(number) or "") if number is not None else ""
