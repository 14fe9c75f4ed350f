"""Regular expressions as Go reads them: RE2 syntax, anchored at both ends."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import re2

from alertrouter.core.pattern_subset import simplify

if TYPE_CHECKING:
    from collections.abc import Callable

# Answers kept of one pattern. Labels that patterns look at have few values, and with thousands of silences
# more would be a matter of memory.
_MOST_ANSWERS = 256

# Go's words for each of RE2's complaints.
_WORDING = {
    "invalid escape sequence": "invalid escape sequence",
    "invalid character class": "invalid character class",
    "invalid character class range": "invalid character class range",
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "unexpected )": "unexpected )",
    "trailing \\": "trailing backslash at end of expression",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid repetition size": "invalid repeat count",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid UTF-8": "invalid UTF-8",
    "invalid named capture group": "invalid named capture",
}

# What RE2 takes and Go does not: `\C`, group names beyond ASCII, and a count so long that RE2 reads it as text.
# Other escapes, quoted text and classes are named first so that nothing inside them is mistaken.
_ONLY_RE2 = re.compile(
    r"""
    \\Q .*? (?: \\E | \Z )
    | (?P<escape> \\C )
    | \\ .
    | \[ \^? \]? (?: \[:\^?\w+:\] | \\. | [^\]\\] )* \]
    | (?P<name> \(\?P?<[^>]*[^\x00-\x7f>][^>]*> )
    | (?P<count> \{ (?: [0-9]{9,} (?:,[0-9]*)? | [0-9]+,[0-9]{9,} ) \} )
    """,
    re.VERBOSE | re.DOTALL,
)

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.never_capture = True
_OPTIONS.max_mem = 64 << 20


class PatternError(ValueError):
    """The text is no regular expression to Go; the message is the one Go gives."""


class Pattern:
    """A regular expression that must match the whole value, as in matchers (`config.md` 5.4).

    Made by `Pattern.compile`. Answers come from a set where the pattern is a choice of plain texts, from
    Python's engine where it is sure to agree with RE2, and from RE2 otherwise; the latter two are kept.
    """

    __slots__ = ("full_match", "text")

    text: str
    """The expression as it was given, without anchors."""

    full_match: Callable[[str], bool]
    """Whether the whole value matches."""

    def __init__(self, text: str, full_match: Callable[[str], bool]) -> None:
        self.text = text
        self.full_match = full_match

    @staticmethod
    def compile(text: str) -> Pattern:
        """The pattern of a text; PatternError when Go would not take it.

        The message shows the anchors that every pattern gets: ``missing closing ): `^(?:()$```.
        """
        return _compile(text)

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"


class _Answers(dict[str, bool]):
    """Whether a value matches, computed at the first look-up."""

    __slots__ = ("_test",)

    def __init__(self, test: Callable[[str], bool]) -> None:
        super().__init__()
        self._test = test

    def __missing__(self, value: str) -> bool:
        if len(self) >= _MOST_ANSWERS:
            self.clear()
        self[value] = answer = self._test(value)
        return answer


@lru_cache(maxsize=4096)
def _compile(text: str) -> Pattern:
    by_re2 = _compile_by_re2(f"^(?:{text})$")
    simple = simplify(text)
    if simple is None:
        return Pattern(text, _Answers(by_re2).__getitem__)
    if simple.texts is not None:
        return Pattern(text, simple.texts.__contains__)
    match = re.compile(simple.expression).fullmatch
    longest = simple.longest

    def by_python(value: str) -> bool:
        if len(value) > longest:
            return by_re2(value)
        return match(value) is not None

    return Pattern(text, _Answers(by_python).__getitem__)


def _compile_by_re2(anchored: str) -> Callable[[str], bool]:
    try:
        expression = anchored.encode()
    except UnicodeEncodeError:
        # A lone surrogate, which only an escape in JSON can bring in.
        raise _error("invalid UTF-8", anchored.encode(errors="replace").decode()) from None
    try:
        search = re2.compile(expression, _OPTIONS).search
    except re2.error as error:
        raise in_go_words(error, anchored) from None
    check_go_takes(anchored)
    # A search, not a full match: `a)|(b` closes the group around it, and Go takes that as it comes.
    # Bytes spare the binding the way back from byte to character positions.
    return lambda value: search(value.encode(errors="replace")) is not None


def check_go_takes(text: str) -> None:
    """PatternError for the few things in an expression that RE2 takes and Go does not."""
    for found in _ONLY_RE2.finditer(text):
        if found["escape"]:
            raise _error("invalid escape sequence", found["escape"])
        if found["count"]:
            raise _error("invalid repeat count", found["count"])
        if found["name"]:
            raise _error("invalid named capture", found["name"])


def in_go_words(error: re2.error, text: str) -> PatternError:
    """What Go says of an expression, for what RE2 says of it."""
    said = error.args[0]
    what, _, where = (said.decode(errors="replace") if isinstance(said, bytes) else str(said)).partition(": ")
    if what not in _WORDING:
        return _error("expression too large", text)
    if what == "invalid perl operator" and where in {"(?<=", "(?<!"}:
        # Go takes it for the beginning of a name.
        return _error("invalid named capture", text[text.index(where) :])
    return _error(_WORDING[what], where)


def _error(what: str, where: str) -> PatternError:
    return PatternError(f"error parsing regexp: {what}: `{where}`")
