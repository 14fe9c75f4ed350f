"""What was acknowledged as it came: the rows of its alerts are still to be written."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from alertrouter.core.labels import shared_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from alertrouter.core.alert import Alert
    from alertrouter.core.labels import Labels
    from alertrouter.core.time import Duration, Moment


class PostedBody(NamedTuple):
    """A request as it came, and what else it takes to read the alerts out of it again that were new in it.

    ``places`` are those of these alerts in the body; empty when all were new.
    """

    body: bytes
    at: Moment
    resolve_timeout: Duration
    places: Sequence[int] = ()


class Deferred(NamedTuple):
    """The new alerts of one request, the number of the first of their lines of history, and when they came.

    ``size`` is that of the body in bytes. What the alerts have in common with what stays of them lies here in columns, and their
    annotations, all names and all values in one: an object for each, kept among those that stay, would leave its place
    empty when it goes, and the memory at rest would be a tenth more.
    """

    number: int
    at: Moment
    size: int
    labels: Sequence[Labels]
    names: Sequence[tuple[str, ...]]
    values: Sequence[str]
    starts_at: Sequence[Moment]
    ends_at: Sequence[Moment]
    generator_urls: Sequence[str]
    timeouts: Sequence[bool]
    starts_offsets: Sequence[int]
    ends_offsets: Sequence[int]

    @property
    def annotations(self) -> Iterator[Mapping[str, str]]:
        """Those of each alert."""
        values = iter(self.values)
        for names in self.names:
            # Each takes as many of the values as it has names.
            yield dict(zip(names, values))  # noqa: B905


def defer(number: int, at: Moment, alerts: Sequence[Alert], size: int) -> Deferred:
    """What is to be kept of alerts that are new, all reported at this moment."""
    return Deferred(
        number,
        at,
        size,
        labels=[each.labels for each in alerts],
        names=[shared_names(each.annotations) for each in alerts],
        values=[value for each in alerts for value in each.annotations.values()],
        starts_at=[each.starts_at for each in alerts],
        ends_at=[each.starts_at if each.ends_at is None else each.ends_at for each in alerts],
        generator_urls=[each.generator_url for each in alerts],
        timeouts=[each.timeout for each in alerts],
        starts_offsets=[each.starts_offset for each in alerts],
        ends_offsets=[each.ends_offset for each in alerts],
    )


class Backlog:
    """Requests whose alerts have no rows yet, the oldest first. Read by the loop, changed by the writer's thread.

    ``alerts`` and ``size`` (bytes of bodies) say how much it is, ``since`` when the oldest came.
    """

    def __init__(self) -> None:
        self.alerts = 0
        self.size = 0
        self._requests: deque[Deferred] = deque()
        self._came: deque[float] = deque()

    def __len__(self) -> int:
        return len(self._requests)

    @property
    def age(self) -> float:
        """For how many seconds the oldest has waited."""
        return time.monotonic() - self._came[0] if self._came else 0.0

    def add(self, requests: Sequence[Deferred]) -> None:
        """These come after all that are there."""
        self._requests.extend(requests)
        self._came.extend([time.monotonic()] * len(requests))
        self.alerts += sum(len(each.labels) for each in requests)
        self.size += sum(each.size for each in requests)

    def first(self, at_least: int) -> list[Deferred]:
        """The oldest requests, with so many alerts together or a few more; all when there are fewer."""
        found = []
        for each in self._requests:
            if at_least <= 0:
                break
            found.append(each)
            at_least -= len(each.labels)
        return found

    def all(self) -> list[Deferred]:
        """Every request."""
        return list(self._requests)

    def drop(self, count: int) -> None:
        """So many of the oldest are not deferred any more."""
        for _ in range(count):
            each = self._requests.popleft()
            self._came.popleft()
            self.alerts -= len(each.labels)
            self.size -= each.size
