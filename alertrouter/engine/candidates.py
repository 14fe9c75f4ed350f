"""An index of things that match labels: which of many need to be looked at for one label set."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Generic, TypeVar

from alertrouter.core.matcher import MatchType

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from alertrouter.core.matcher import Matchers

T = TypeVar("T", bound="Hashable")

# An expression that is a choice of plain words, each of which stands for itself.
_CHOICE = re.compile(r"[\w-]+(?:\|[\w-]+)*", re.ASCII)


class Candidates(Generic[T]):
    """Things found by one of their matchers that ask for a value, or for one of a few (``=~"a|b"``); those without one
    are candidates for every label set.

    A look-up costs one dictionary access for each label, or for each name that is asked for where those are fewer,
    however many things are stored. What it yields may still not match: the caller tests all matchers. A thing may be stored
    with several matcher lists.
    """

    def __init__(self) -> None:
        # By name and value.
        self._by_name: dict[str, dict[str, dict[T, None]]] = {}
        self._others: dict[T, None] = {}

    def add(self, thing: T, matchers: Matchers) -> None:
        """Store a thing that needs all these matchers to match."""
        pairs = _pairs(matchers)
        if not pairs:
            self._others[thing] = None
        for name, value in pairs:
            self._by_name.setdefault(name, {}).setdefault(value, {})[thing] = None

    def remove(self, thing: T, matchers: Matchers) -> None:
        """Forget a thing that was stored with these matchers."""
        pairs = _pairs(matchers)
        if not pairs:
            self._others.pop(thing, None)
        for name, value in pairs:
            by_value = self._by_name.get(name, {})
            if value in by_value:
                by_value[value].pop(thing, None)
                if not by_value[value]:
                    del by_value[value]
                if not by_value:
                    del self._by_name[name]

    def of(self, labels: Mapping[str, str]) -> Iterator[T]:
        """What may match these labels, in no useful order."""
        names = self._by_name if len(self._by_name) < len(labels) else labels
        for name in names:
            by_value = self._by_name.get(name)
            if by_value is not None and name in labels:
                found = by_value.get(labels[name])
                if found:
                    yield from found
        yield from self._others


def _pairs(matchers: Matchers) -> Sequence[tuple[str, str]]:
    """Labels one of which must be there for these matchers to match; the longest value says most."""
    pairs = [(m.name, m.value) for m in matchers if m.type is MatchType.EQUAL and m.value]
    if pairs:
        return [max(pairs, key=lambda pair: len(pair[1]))]
    choices = [(m.name, words) for m in matchers if m.type is MatchType.REGEX and (words := _words(m.value))]
    name, words = min(choices, key=lambda choice: len(choice[1]), default=("", []))
    return [(name, word) for word in words]


def _words(pattern: str) -> list[str]:
    """The words among which an expression gives the choice; none when it is another expression."""
    if pattern.startswith("^(?:") and pattern.endswith(")$"):
        # So the matchers of ``match_re`` look.
        pattern = pattern[4:-2]
    return list(dict.fromkeys(pattern.split("|"))) if _CHOICE.fullmatch(pattern) else []
