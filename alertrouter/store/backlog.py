"""What was acknowledged as it came: the rows of its alerts are still to be written."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.core.alert import Alert
    from alertrouter.core.time import Duration, Moment
    from alertrouter.engine.changes import AlertTransition


class PostedBody(NamedTuple):
    """A request as it came, and what else it takes to read the alerts out of it again that were new in it.

    ``places`` are those of these alerts in the body; empty when all were new.
    """

    body: bytes
    at: Moment
    resolve_timeout: Duration
    places: Sequence[int] = ()


class Deferred(NamedTuple):
    """The alerts of one request, and the number of the first of their lines of history."""

    number: int
    alerts: Sequence[Alert]
    transitions: Sequence[AlertTransition]
    size: int


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
        self.alerts += sum(len(each.alerts) for each in requests)
        self.size += sum(each.size for each in requests)

    def first(self, at_least: int) -> list[Deferred]:
        """The oldest requests, with so many alerts together or a few more; all when there are fewer."""
        found = []
        for each in self._requests:
            if at_least <= 0:
                break
            found.append(each)
            at_least -= len(each.alerts)
        return found

    def all(self) -> list[Deferred]:
        """Every request."""
        return list(self._requests)

    def drop(self, count: int) -> None:
        """So many of the oldest are not deferred any more."""
        for _ in range(count):
            each = self._requests.popleft()
            self._came.popleft()
            self.alerts -= len(each.alerts)
            self.size -= each.size
