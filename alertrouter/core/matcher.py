"""Matchers: one test on a label each; of a set all must hold."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

from alertrouter.core.go_quote import quote
from alertrouter.core.pattern import Pattern


class MatcherSyntaxError(ValueError):
    """The text is not a matcher, or not a list of matchers; the message is Alertmanager's."""


class MatchType(enum.Enum):
    """The operator of a matcher, in the order in which matchers sort."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"

    @property
    def is_regex(self) -> bool:
        return self in _REGEX_TYPES

    @property
    def is_negative(self) -> bool:
        """Whether the matcher holds where its value does not."""
        return self in _NEGATIVE_TYPES


_REGEX_TYPES = frozenset({MatchType.REGEX, MatchType.NOT_REGEX})
_NEGATIVE_TYPES = frozenset({MatchType.NOT_EQUAL, MatchType.NOT_REGEX})
_ORDER = {match_type: place for place, match_type in enumerate(MatchType)}

# White space is Go's unicode.IsSpace, which is not quite str.isspace.
WHITE_SPACE = frozenset("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000").union(
    map(chr, range(0x2000, 0x200B))
)
RESERVED = WHITE_SPACE | frozenset("{}!=~,\\\"'`")


@dataclass(frozen=True, slots=True)
class Matcher:
    """One test on the label `name`; a label that is missing counts as empty.

    A regular expression is compiled when the matcher is made, `PatternError` says what is wrong with it.
    Matchers sort by name, then value, then operator.
    """

    name: str
    type: MatchType
    value: str
    matches: Callable[[str], bool] = field(init=False, repr=False, compare=False)
    """Whether a value of the label passes."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "matches", _test(self.type, self.value))

    @classmethod
    def legacy_regex(cls, name: str, pattern: str) -> Matcher:
        """The matcher of a `match_re` entry, whose value shows the anchors (`semantics.md` 2.4)."""
        Pattern.compile(pattern)  # a complaint should show what the user wrote, anchored once
        return cls(name, MatchType.REGEX, f"^(?:{pattern})$")

    @property
    def matches_empty(self) -> bool:
        """Whether a label set without this label passes."""
        return self.matches("")

    @property
    def sort_key(self) -> tuple[str, str, int]:
        return (self.name, self.value, _ORDER[self.type])

    def __lt__(self, other: Matcher) -> bool:
        return self.sort_key < other.sort_key

    def __str__(self) -> str:
        """``name="value"`` as in a route key (`config.md` 5.5); the UTF-8 syntax reads it back the same."""
        if RESERVED.isdisjoint(self.name):
            return f'{self.name}{self.type.value}"{_escape(self.value)}"'
        return f"{quote(self.name)}{self.type.value}{quote(self.value)}"

    def __reduce__(self) -> tuple[Callable[..., Matcher], tuple[str, MatchType, str]]:
        return (Matcher, (self.name, self.type, self.value))


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _test(match_type: MatchType, value: str) -> Callable[[str], bool]:
    match match_type:
        case MatchType.EQUAL:
            return value.__eq__
        case MatchType.NOT_EQUAL:
            return value.__ne__
        case MatchType.REGEX:
            return Pattern.compile(value).full_match
        case MatchType.NOT_REGEX:
            matches = Pattern.compile(value).full_match
            return lambda text: not matches(text)


class Matchers(Sequence[Matcher]):
    """Matchers that must all hold, in the order in which they were given. Immutable."""

    __slots__ = ("_hash", "_matchers", "match")

    _matchers: tuple[Matcher, ...]
    match: Callable[[Mapping[str, str]], bool]
    """Whether all matchers pass on these labels; no matchers pass on any labels."""

    def __init__(self, matchers: Iterable[Matcher] = ()) -> None:
        self._matchers = tuple(matchers)
        self.match = _conjunction(self._matchers)

    def text(self) -> str:
        """``{a="1",b="2"}``, sorted: the part of a route key that stands for a route."""
        return "{" + ",".join([str(matcher) for matcher in sorted(self._matchers)]) + "}"

    @overload
    def __getitem__(self, index: int) -> Matcher: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Matcher, ...]: ...
    def __getitem__(self, index: int | slice) -> Matcher | tuple[Matcher, ...]:
        return self._matchers[index]

    def __len__(self) -> int:
        return len(self._matchers)

    def __iter__(self) -> Iterator[Matcher]:
        return iter(self._matchers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Matchers) and self._matchers == other._matchers

    def __hash__(self) -> int:
        return hash(self._matchers)

    def __repr__(self) -> str:
        return f"Matchers({', '.join(map(str, self._matchers))})"

    def __reduce__(self) -> tuple[Callable[..., Matchers], tuple[tuple[Matcher, ...]]]:
        return (Matchers, (self._matchers,))


def _conjunction(matchers: Sequence[Matcher]) -> Callable[[Mapping[str, str]], bool]:
    """The fastest test there is for these matchers; this is the inner loop of routing."""
    if not matchers:
        return lambda _: True
    if len(matchers) <= 2 and all(matcher.type is MatchType.EQUAL for matcher in matchers):
        # Most routes have one or two of these: comparing in place costs a third of calling tests.
        name, value = matchers[0].name, matchers[0].value
        if len(matchers) == 1:
            return lambda labels: labels.get(name, "") == value
        also_name, also_value = matchers[1].name, matchers[1].value
        return lambda labels: labels.get(name, "") == value and labels.get(also_name, "") == also_value
    tests = [(matcher.name, matcher.matches) for matcher in matchers]

    def match(labels: Mapping[str, str]) -> bool:
        get = labels.get
        for name, test in tests:  # noqa: SIM110  all() with a generator takes twice the time
            if not test(get(name, "")):
                return False
        return True

    return match
