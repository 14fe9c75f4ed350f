"""Many groups on a clock that moves when told."""

from __future__ import annotations

import asyncio
import heapq
from typing import TYPE_CHECKING

from alertrouter.core.time import MINUTE
from alertrouter.rules.manager import Manager
from alertrouter.rules.model import RuleSet
from alertrouter.rules.options import Options
from alertrouter.rules.world import World
from tests.rules.story import START, PlayedBackend, Sent, minutes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.core.rule_state import RuleChanges
    from alertrouter.core.time import Duration, Moment
    from alertrouter.rules.model import RuleGroup
    from alertrouter.rules.ports import Point, RuleAlert


class HandClock:
    """Time that stands still until `forward`; sleepers wake in order. `set` is what somebody does to the time of day."""

    def __init__(self, now: Moment = START) -> None:
        self._passed: Moment = 0
        self._offset: Moment = now
        self._sleepers: list[tuple[Moment, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> Moment:
        return self._passed + self._offset

    def set(self, by: Duration) -> None:
        self._offset += by

    async def sleep_until(self, moment: Moment) -> None:
        raise NotImplementedError

    async def sleep_for(self, duration: Duration) -> None:
        self._count += 1
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._passed + duration, self._count, woken))
        await woken

    async def forward(self, duration: Duration) -> None:
        """Let so much time pass, and everything happen in it that does."""
        await settle()
        end = self._passed + duration
        while self._sleepers and self._sleepers[0][0] <= end:
            moment, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                self._passed = moment
                woken.set_result(None)
                await settle()
        self._passed = end
        await settle()


async def settle() -> None:
    """Let everything run that can run without time going on."""
    for _ in range(20):
        await asyncio.sleep(0)


class Played:
    """What groups are evaluated in, and what they made of it."""

    def __init__(self, *, now: Moment = START, options: Options | None = None, writes: bool = False) -> None:
        self.clock = HandClock(now)
        self.backend = PlayedBackend()
        self.sent: list[Sent] = []
        self.points: list[Point] = []
        self.changes: list[RuleChanges] = []
        self.options = options or Options(resend_on_query_error=False, tell_when_blind=False)
        self.world = World(
            options=self.options,
            backend=self.backend,
            notifier=self,
            writer=self if writes else None,
            clock=self.clock,
            remember=self.changes.append,
        )
        self.manager = Manager(self.world)

    async def notify(self, alerts: Sequence[RuleAlert], *, group: RuleGroup) -> None:
        self.sent += [
            Sent(
                minutes(self.clock.now()),
                minutes(each.starts_at),
                minutes(each.ends_at),
                each.labels,
                each.annotations,
                group.name,
            )
            for each in alerts
        ]

    def write(self, points: Sequence[Point]) -> None:
        self.points += points

    async def flush(self, timeout: Duration) -> None:  # noqa: ASYNC109 - as the port has it
        assert timeout > 0

    async def aclose(self) -> None:
        pass

    async def minutes(self, count: float) -> None:
        await self.clock.forward(round(count * MINUTE))


def rule_set(*groups: RuleGroup) -> RuleSet:
    return RuleSet(groups=groups, files=tuple({each.file for each in groups}))
