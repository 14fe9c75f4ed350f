"""The index of history by label: thousands of neighbouring lines, and in which of them which label occurs.

A chunk is made once, of lines that will not change any more, and appended as a whole. It numbers the alerts that its
lines are about. ``offsets`` and ``positions`` lead from an alert to its lines: alert ``n`` is in the lines with the
numbers ``first + positions[offsets[n]:offsets[n + 1]]``, in ascending order. For each label name there are ``postings``:
numbers of 40 bits of a value's hash and 24 bits of an alert, sorted; and the values themselves, for matchers that look at
them. The name "" stands for the alert itself, its value is its identity.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from operator import or_
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import xxhash

from alertrouter.core.matcher import Matchers, MatchType
from alertrouter.store.rows.columns import packed, to_array

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from alertrouter.core.matcher import Matcher
    from alertrouter.core.time import Moment
    from alertrouter.store.rows.columns import Row

#: So many lines make a chunk, or so many mentions of alerts in fewer lines.
LINES = 8_192
MENTIONS = 131_072
# The labels of so many are in memory at a time.
_ALERTS_AT_ONCE = 1_000

_ALERT_BITS = 24
_ALERT = (1 << _ALERT_BITS) - 1
_HASH = ~_ALERT & ((1 << 64) - 1)

_NO_MATCHERS = Matchers()
_to_json = msgspec.json.Encoder().encode
_from_json = msgspec.json.Decoder(list[str]).decode


class Line(NamedTuple):
    """A line of history, as the index sees it: its number, when it happened, which alerts it is about."""

    number: int
    at: Moment
    identities: Sequence[int]


class LabelIndex(NamedTuple):
    """The part of a chunk for one label name. ``values`` is JSON, empty when it was not read."""

    postings: bytes
    values: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Which lines a chunk is about, and how many alerts. ``in_order``: later lines did not happen earlier."""

    source: str
    first: int
    last: int
    oldest: Moment
    newest: Moment
    in_order: bool
    alerts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """An index that was just made."""

    header: Header
    offsets: bytes
    positions: bytes
    labels: Mapping[str, LabelIndex]

    def row(self) -> Row:
        """``history_chunks``."""
        h = self.header
        return (h.source, h.first, h.last, h.oldest, h.newest, h.in_order, self.offsets, self.positions)

    def label_rows(self) -> list[Row]:
        """``history_labels``."""
        h = self.header
        return [(h.source, h.first, name, each.postings, each.values) for name, each in self.labels.items()]


def make(
    source: str,
    lines: Sequence[Line],
    labels_of: Callable[[Collection[int]], Mapping[int, Mapping[str, str]]],
) -> Chunk:
    """The index over these lines, at least one, in ascending order of their numbers. ``labels_of`` is asked for some at a time."""
    first = lines[0].number
    positions_by_identity: dict[int, list[int]] = {}
    for line in lines:
        position = line.number - first
        for identity in line.identities:
            positions_by_identity.setdefault(identity, []).append(position)
    offsets, positions = array("I", [0]), array("I")
    for found in positions_by_identity.values():
        positions.extend(found)
        offsets.append(len(positions))
    moments = [line.at for line in lines]
    return Chunk(
        header=Header(
            source=source,
            first=first,
            last=lines[-1].number,
            oldest=min(moments),
            newest=max(moments),
            alerts=len(positions_by_identity),
            in_order=all(a <= b for a, b in pairwise(moments)),
        ),
        offsets=packed(offsets),
        positions=packed(positions),
        labels=_label_indexes(list(positions_by_identity), labels_of),
    )


def _label_indexes(
    identities: Sequence[int], labels_of: Callable[[Collection[int]], Mapping[int, Mapping[str, str]]]
) -> dict[str, LabelIndex]:
    postings: dict[str, array[int]] = {}
    hashes: dict[str, dict[str, int]] = {}
    for begin in range(0, len(identities), _ALERTS_AT_ONCE):
        some = identities[begin : begin + _ALERTS_AT_ONCE]
        labels = labels_of(some)
        alerts_by_names: dict[tuple[str, ...], list[int]] = {}
        for alert, identity in enumerate(some, start=begin):
            if identity in labels:
                alerts_by_names.setdefault(tuple(labels[identity]), []).append(alert)
        for names, alerts in alerts_by_names.items():
            columns = zip(*[labels[identities[alert]].values() for alert in alerts], strict=True)
            for name, values in zip(names, columns, strict=True):
                of_name = hashes.setdefault(name, {})
                for value in dict.fromkeys(values):
                    if value not in of_name:
                        of_name[value] = _hash(value)
                hashed = map(of_name.__getitem__, values)
                postings.setdefault(name, array("Q")).extend(map(or_, hashed, alerts))
    made = {
        name: LabelIndex(packed(array("Q", sorted(found))), _to_json(list(hashes[name])).decode())
        for name, found in postings.items()
    }
    themselves = [_identity_hash(each) | alert for alert, each in enumerate(identities)]
    made[""] = LabelIndex(packed(array("Q", sorted(themselves))), "[]")
    return made


class Wanted:
    """What is looked for: alerts that pass the matchers, or that have one of these identities. Remembers what it learnt
    of values, so one of these should serve all chunks.
    """

    def __init__(self, matchers: Matchers = _NO_MATCHERS, identities: Collection[int] | None = None) -> None:
        self.matchers = matchers
        self.identities = None if identities is None else frozenset(identities)
        self._known: dict[Matcher, dict[str, bool]] = {}

    def __bool__(self) -> bool:
        """Whether anything is left out."""
        return bool(self.matchers) or self.identities is not None

    def names(self) -> set[str]:
        """The label names that matter; "" for the identity."""
        return {matcher.name for matcher in self.matchers} | (set() if self.identities is None else {""})

    def names_with_values(self) -> set[str]:
        """Those whose values must be read."""
        return {matcher.name for matcher in self.matchers if not _is_plain(matcher)}

    def wants(self, identity: int, labels: Mapping[str, str]) -> bool:
        """Whether this alert is meant."""
        return (self.identities is None or identity in self.identities) and self.matchers.match(labels)

    def alerts(self, labels: Mapping[str, LabelIndex], count: int) -> Selected:
        """The alerts of a chunk with so many that are meant, by the parts of the chunk for ``names()``."""
        selected = Selected()
        if self.identities is not None:
            hashes = [_identity_hash(each) for each in self.identities]
            selected.restrict(_with_hashes(labels.get(""), hashes))
        for matcher in self.matchers:
            if selected.is_empty:
                break
            self._restrict(selected, matcher, labels.get(matcher.name), count)
        return selected

    def _restrict(self, selected: Selected, matcher: Matcher, index: LabelIndex | None, count: int) -> None:
        if _is_plain(matcher):
            selected.restrict(_with_hashes(index, [_hash(matcher.value)]))
            return
        known = self._known.setdefault(matcher, {})
        values = _from_json(index.values) if index else []
        for value in values:
            if value not in known:
                known[value] = matcher.matches(value)
        # Who lacks the label is in no list: where that passes, those are left out who have a value that does not.
        wanted = not matcher.matches_empty or (index is not None and len(index.postings) == 8 * count)
        found = _with_hashes(index, [_hash(value) for value in values if known[value] is wanted])
        if wanted:
            selected.restrict(found)
        else:
            selected.leave_out(found)


class Selected:
    """Some of the alerts of a chunk."""

    def __init__(self) -> None:
        self._only: set[int] | None = None
        self._but: set[int] = set()

    @property
    def is_empty(self) -> bool:
        """Whether it is known that there are none."""
        return self._only is not None and not self._only

    def restrict(self, alerts: set[int]) -> None:
        """Only those that are among these, too."""
        self._only = alerts if self._only is None else self._only & alerts

    def leave_out(self, alerts: set[int]) -> None:
        """None of these."""
        self._but |= alerts

    def among(self, count: int) -> Collection[int]:
        """Which they are, of so many."""
        return (set(range(count)) if self._only is None else self._only) - self._but


class Places:
    """From the alerts of a chunk to its lines."""

    def __init__(self, first: int, offsets: bytes, positions: bytes) -> None:
        self._first = first
        self._offsets = to_array("I", offsets)
        self._positions = to_array("I", positions)

    @cached_property
    def count(self) -> int:
        """How many alerts there are."""
        return len(self._offsets) - 1

    def numbers(self, alerts: Iterable[int]) -> list[int]:
        """The numbers of the lines about these alerts, the greatest first."""
        offsets, positions = self._offsets, self._positions
        found: set[int] = set()
        for alert in alerts:
            found.update(positions[offsets[alert] : offsets[alert + 1]])
        return [self._first + position for position in sorted(found, reverse=True)]


def _is_plain(matcher: Matcher) -> bool:
    return matcher.type is MatchType.EQUAL and matcher.value != ""


def _with_hashes(index: LabelIndex | None, hashes: Iterable[int]) -> set[int]:
    found: set[int] = set()
    if index is None:
        return found
    postings = to_array("Q", index.postings)
    for hashed in hashes:
        at = bisect_left(postings, hashed)
        while at < len(postings) and postings[at] & _HASH == hashed:
            found.add(postings[at] & _ALERT)
            at += 1
    return found


def _hash(value: str) -> int:
    return xxhash.xxh64_intdigest(value.encode()) & _HASH


def _identity_hash(identity: int) -> int:
    # It is a hash already.
    return identity & _HASH
