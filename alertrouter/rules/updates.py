"""The last evaluations of a rule, for whoever looks into what it does: vmalert calls them updates (`rules.md` 1.2, 3.3)."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alertrouter.core.time import Moment

# Thousands of rules have twenty of them each: packed, one is 32 bytes.
_PACKED: Final = Struct("<qqdii")
_UNKNOWN: Final = -1


class Update(NamedTuple):
    """One evaluation. ``began_at`` is the time of day, ``at`` the moment that was asked for.

    ``series_fetched`` is None where the backend does not tell; ``error`` is empty when all went well.
    """

    began_at: Moment
    at: Moment
    seconds: float
    samples: int
    series_fetched: int | None
    error: str


class Updates:
    """The last ``limit`` evaluations of a rule."""

    __slots__ = ("_added", "_errors", "_packed", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = max(1, limit)
        self._packed = bytearray()
        self._added = 0
        self._errors: dict[int, str] = {}

    def add(self, update: Update) -> None:
        """Note an evaluation, and forget the one that is one too many."""
        place = self._added % self.limit
        fetched = _UNKNOWN if update.series_fetched is None else update.series_fetched
        packed = _PACKED.pack(
            update.began_at, update.at, update.seconds, min(update.samples, _MOST), min(fetched, _MOST)
        )
        self._packed[place * _PACKED.size : (place + 1) * _PACKED.size] = packed
        self._added += 1
        if update.error:
            self._errors[place] = update.error
        elif self._errors:
            self._errors.pop(place, None)

    def __iter__(self) -> Iterator[Update]:
        """The newest first."""
        for number in range(self._added - 1, max(-1, self._added - 1 - self.limit), -1):
            place = number % self.limit
            began_at, at, seconds, samples, fetched = _PACKED.unpack_from(self._packed, place * _PACKED.size)
            yield Update(
                began_at,
                at,
                seconds,
                samples,
                None if fetched == _UNKNOWN else fetched,
                self._errors.get(place, ""),
            )

    def with_limit(self, limit: int) -> Updates:
        """The same, or as many of them as another limit leaves."""
        if limit == self.limit:
            return self
        other = Updates(limit)
        for update in reversed(list(self)[: other.limit]):
            other.add(update)
        return other


_MOST: Final = 2**31 - 1
