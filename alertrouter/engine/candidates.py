"""An index of things that match labels: which of many need to be looked at for one label set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from alertrouter.core.matcher import MatchType

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    from alertrouter.core.matcher import Matchers

T = TypeVar("T", bound="Hashable")


class Candidates(Generic[T]):
    """Things found by one of their equality matchers; those without one are candidates for every label set.

    A look-up costs one dictionary access for each label, however many things are stored. What it yields may
    still not match: the caller tests all matchers. A thing may be stored with several matcher lists.
    """

    def __init__(self) -> None:
        self._by_pair: dict[tuple[str, str], dict[T, None]] = {}
        self._others: dict[T, None] = {}

    def add(self, thing: T, matchers: Matchers) -> None:
        """Store a thing that needs all these matchers to match."""
        pair = _pair(matchers)
        place = self._others if pair is None else self._by_pair.setdefault(pair, {})
        place[thing] = None

    def remove(self, thing: T, matchers: Matchers) -> None:
        """Forget a thing that was stored with these matchers."""
        pair = _pair(matchers)
        if pair is None:
            self._others.pop(thing, None)
        elif pair in self._by_pair:
            self._by_pair[pair].pop(thing, None)
            if not self._by_pair[pair]:
                del self._by_pair[pair]

    def of(self, labels: Mapping[str, str]) -> Iterator[T]:
        """What may match these labels, in no useful order."""
        if self._by_pair:
            for pair in labels.items():
                found = self._by_pair.get(pair)
                if found:
                    yield from found
        yield from self._others


def _pair(matchers: Matchers) -> tuple[str, str] | None:
    """The label that must be there for these matchers to match; the longest value says most."""
    pairs = [(m.name, m.value) for m in matchers if m.type is MatchType.EQUAL and m.value]
    return max(pairs, key=lambda pair: len(pair[1])) if pairs else None
