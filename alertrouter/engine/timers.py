"""When which group is due: one heap for all."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alertrouter.core.time import Moment
    from alertrouter.engine.group import AggregationGroup


class Timers:
    """The earliest moment at which a group must be looked at. A group has at most one that counts."""

    def __init__(self) -> None:
        self._heap: list[tuple[Moment, int, AggregationGroup]] = []
        self._count = 0

    def set(self, group: AggregationGroup, at: Moment) -> None:
        """Wake this group then, and not when it was to be woken before."""
        if group.timer != at:
            group.timer = at
            self._count += 1
            heapq.heappush(self._heap, (at, self._count, group))

    def cancel(self, group: AggregationGroup) -> None:
        """Do not wake this group at all."""
        group.timer = None

    def next(self) -> Moment | None:
        """The earliest timer; None when there is none."""
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def none_before(self, moment: Moment) -> bool:
        """Whether no timer comes up to this moment; asked often, and answered no when there may be one."""
        return not self._heap or self._heap[0][0] > moment

    def pop_due(self, now: Moment) -> AggregationGroup | None:
        """A group whose timer has come; None when there is none."""
        self._drop_stale()
        if not self._heap or self._heap[0][0] > now:
            return None
        group = heapq.heappop(self._heap)[2]
        group.timer = None
        return group

    def _drop_stale(self) -> None:
        # A timer that was set anew leaves its old entry behind; the group knows which one counts.
        while self._heap and self._heap[0][2].timer != self._heap[0][0]:
            heapq.heappop(self._heap)
