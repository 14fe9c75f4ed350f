"""The mode that reconciles the two ways to write matchers (`config.md` 5.2, `api-and-cli.md` 4.3).

The grammars themselves are in `matcher_classic` and `matcher_utf8`.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alertrouter.core import matcher_classic, matcher_utf8
from alertrouter.core.matcher import Matcher, Matchers, MatcherSyntaxError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MatcherSyntaxError", "Mode", "Parsed", "is_valid_label_name", "parse_matcher", "parse_matchers"]


class Mode(enum.Enum):
    """Which matcher syntax is read, and which label names are valid."""

    FALLBACK = "fallback"
    """Both syntaxes; where they disagree the classic one decides, with a warning."""
    CLASSIC = "classic"
    UTF8 = "utf8"


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a text came to."""

    matchers: Matchers
    warnings: tuple[str, ...] = ()
    """What the user should be told though the text was taken: whole sentences, each with the text in it."""


_CLASSIC_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def is_valid_label_name(name: str, mode: Mode) -> bool:
    """Whether a label may have this name: in the classic mode ASCII letters, digits and `_`, not first a digit."""
    if mode is Mode.CLASSIC:
        return _CLASSIC_NAME.fullmatch(name) is not None
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return name != ""


def parse_matchers(text: str, mode: Mode) -> Parsed:
    """Read an entry of a `matchers:` list: zero or more matchers, with or without braces.

    Raises MatcherSyntaxError, also for an invalid regular expression.
    """
    return _parse(text, mode, matcher_classic.matchers, matcher_utf8.matchers)


def parse_matcher(text: str, mode: Mode) -> Parsed:
    """Read exactly one matcher, as a `filter` of the API or an argument of the command line.

    Raises MatcherSyntaxError, also for an invalid regular expression.
    """
    # Compat: the classic parser has no such rule; it does not know a name that begins with a brace.
    if mode is not Mode.CLASSIC and (text.startswith("{") or text.endswith("}")):
        raise MatcherSyntaxError(f"unexpected open or close brace: {text}")
    return _parse(text, mode, _one_classic_matcher, _one_utf8_matcher)


def _one_classic_matcher(text: str) -> list[Matcher]:
    return [matcher_classic.matcher(text)]


def _one_utf8_matcher(text: str) -> list[Matcher]:
    matchers = matcher_utf8.matchers(text)
    if not matchers:
        raise MatcherSyntaxError("no matchers")
    if len(matchers) > 1:
        raise MatcherSyntaxError(f"expected 1 matcher, found {len(matchers)}")
    return matchers


def _parse(
    text: str,
    mode: Mode,
    read_classic: Callable[[str], list[Matcher]],
    read_utf8: Callable[[str], list[Matcher]],
) -> Parsed:
    match mode:
        case Mode.CLASSIC:
            return Parsed(Matchers(read_classic(text)))
        case Mode.UTF8:
            return Parsed(Matchers(read_utf8(text)))
        case Mode.FALLBACK:
            return _reconcile(text, _attempt(read_classic, text), _attempt(read_utf8, text))


def _attempt(read: Callable[[str], list[Matcher]], text: str) -> list[Matcher] | MatcherSyntaxError:
    try:
        return read(text)
    except MatcherSyntaxError as error:
        return error


def _reconcile(
    text: str, classic: list[Matcher] | MatcherSyntaxError, utf8: list[Matcher] | MatcherSyntaxError
) -> Parsed:
    """Compat: the classic reading wins, and so does its complaint, as in Alertmanager since 0.27."""
    if isinstance(classic, MatcherSyntaxError):
        if isinstance(utf8, MatcherSyntaxError):
            raise classic
        return Parsed(Matchers(utf8))
    if classic == utf8:
        return Parsed(Matchers(classic))
    suggestion = ",".join(map(str, classic))
    if isinstance(utf8, MatcherSyntaxError):
        warning = (
            f"the matchers {text!r} are not valid in the UTF-8 syntax ({utf8}) and were read in the classic one; "
            f"to mean the same in both, write {suggestion}"
        )
    else:
        other = ",".join(map(str, utf8))
        warning = (
            f"the matchers {text!r} mean {suggestion} in the classic syntax, which was taken, and {other} in the "
            "UTF-8 one; write the one that is meant"
        )
    return Parsed(Matchers(classic), (warning,))
