"""Delivery with everything around it played: an engine, senders, a ledger, and time that moves when told."""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from alertrouter.core.alert import Status
from alertrouter.core.labels import Labels
from alertrouter.core.matcher import Matchers
from alertrouter.core.notification import Notification, ReceiverDatum
from alertrouter.core.reason import FailureReason, Reason
from alertrouter.core.receiver import Integration, Receiver
from alertrouter.core.route import Route
from alertrouter.core.time import MINUTE, SECOND, Duration, Moment
from alertrouter.delivery.deliver import Delivery
from alertrouter.delivery.ports import DeliverySettings, Limits
from alertrouter.engine.changes import Changes, RenewalRecord, SilenceChange
from alertrouter.engine.decision import Flush, Quiet, Send
from alertrouter.engine.slot import GroupId, Slot

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from alertrouter.delivery.attempt import AttemptRecord
    from alertrouter.integrations import Sender
    from alertrouter.templating.message import Message

START: Moment = 1_000_000 * SECOND


class HandClock:
    """Time that stands still until `forward`; sleepers wake in order, each before time goes on."""

    def __init__(self) -> None:
        self._now = START
        self._sleepers: list[tuple[Moment, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> Moment:
        return self._now

    async def sleep_until(self, moment: Moment) -> None:
        if moment <= self._now:
            return
        self._count += 1
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (moment, self._count, woken))
        await woken

    def set_by(self, duration: Duration) -> None:
        """Somebody sets it, forth or back."""
        self._now += duration

    async def forward(self, duration: Duration) -> None:
        await settle()
        end = self._now + duration
        while self._sleepers and self._sleepers[0][0] <= end:
            moment, _, woken = heapq.heappop(self._sleepers)
            if woken.done():
                continue
            self._now = moment
            woken.set_result(None)
            await settle()
        self._now = end
        await settle()


async def settle() -> None:
    """Let everything run that can run without time going on."""
    for _ in range(50):
        await asyncio.sleep(0)


@dataclass
class Call:
    """One attempt as the receiver saw it: when, by whom, and what became of it."""

    at: Duration
    slot: Slot
    outcome: str = "hanging"


Behaviour = "Callable[[int], Any]"


class PlayedEngine:
    """Says that everything is still due unless told otherwise, and remembers what it is told."""

    def __init__(self, clock: HandClock) -> None:
        self._clock = clock
        self.outcomes: list[tuple[float, str, Slot, str]] = []
        self.reports: list[dict[str, Any]] = []
        self.renewed: Callable[[Send, Moment], Send | Quiet] = lambda send, now: send

    def renew(self, send: Send, now: Moment) -> Send | Quiet:
        return self.renewed(send, now)

    def delivered(
        self,
        send: Send,
        now: Moment,
        receiver_data: Mapping[str, ReceiverDatum] | None = None,
        *,
        attempts: int = 1,
        note: str = "",
    ) -> Changes:
        return self._note("delivered", send, now, attempts=attempts, data=receiver_data, note=note)

    def failed(
        self, send: Send, now: Moment, failure: FailureReason, error: str, *, attempts: int = 1
    ) -> Changes:
        return self._note("failed", send, now, attempts=attempts, reason=failure, error=error)

    def withdrawn(self, send: Send, quiet: Quiet, now: Moment, *, attempts: int = 0) -> Changes:
        return self._note("withdrawn", send, now, attempts=attempts, why_not=quiet.why_not)

    def _note(self, outcome: str, send: Send, now: Moment, **facts: Any) -> Changes:
        self.reports.append({"outcome": outcome, "at": (now - START) / SECOND, "slot": send.slot, **facts})
        return Changes(silences=[cast("SilenceChange", outcome)])


@dataclass
class PlayedLedger:
    """Remembers; can be broken. ``intents``: how many were written at a time."""

    notes: list[str] = field(default_factory=list)
    intents: list[int] = field(default_factory=list)
    attempts: list[AttemptRecord] = field(default_factory=list)
    broken: bool = False
    refusing: bool = False

    async def intend(self, slots: Sequence[Slot], at: Moment) -> None:
        if self.broken:
            raise OSError("the disk is full")
        self.intents.append(len(slots))
        self.notes += [f"intend {slot.integration}" for slot in slots]

    def renewed(self, renewal: RenewalRecord) -> None:
        if self.refusing:
            raise OSError("the queue is full")
        self.notes.append(f"renewed {renewal.slot.integration}")

    def settle(self, slot: Slot) -> None:
        if self.refusing:
            raise OSError("the queue is full")
        self.notes.append(f"settle {slot.integration}")

    def record(self, changes: Changes, attempt: AttemptRecord | None = None) -> Awaitable[None]:
        if attempt is not None:
            self.attempt(attempt)
        if self.refusing:
            raise OSError("the queue is full")
        return self._record(changes)

    async def _record(self, changes: Changes) -> None:
        if self.broken:
            raise OSError("the disk is full")
        self.notes.append(str(changes.silences[0]))

    def attempt(self, record: AttemptRecord) -> None:
        if self.refusing:
            raise OSError("the queue is full")
        self.attempts.append(record)


class CountingMetrics:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.latencies: list[float] = []

    def notification(self, receiver: str, integration: str) -> None:
        self.counts["notifications"] += 1

    def notification_sent(self, receiver: str, integration: str) -> None:
        self.counts["sent"] += 1

    def notification_failed(self, receiver: str, integration: str, reason: FailureReason) -> None:
        self.counts[f"failed:{reason.value}"] += 1

    def request(self, receiver: str, integration: str, seconds: float) -> None:
        self.counts["requests"] += 1
        self.latencies.append(seconds)

    def request_failed(self, receiver: str, integration: str) -> None:
        self.counts["failed requests"] += 1

    def template_failed(self, receiver: str, integration: str) -> None:
        self.counts["template failures"] += 1


@dataclass(frozen=True)
class PlayedMessage:
    """All that a played sender looks at."""

    send: Send
    failures: str = ""


class World:
    """A daemon's worth of surroundings for one `Delivery`.

    ``receive`` decides what becomes of an attempt: it is given the send and which attempt at that slot it is,
    and returns receiver data, raises, or returns something to await.
    """

    def __init__(
        self, *, limits: Limits | None = None, own_limits: Mapping[str, Limits] | None = None
    ) -> None:
        self.clock = HandClock()
        self.engine = PlayedEngine(self.clock)
        self.ledger = PlayedLedger()
        self.metrics = CountingMetrics()
        self.calls: list[Call] = []
        self.under_way = 0
        self.most_under_way = 0
        self.spread = 1.0
        self.template_failures = ""
        self.receive: Callable[[Send, int], Any] = lambda send, number: None
        self._own_limits = own_limits or {}
        self._counts: Counter[Slot] = Counter()
        settings = DeliverySettings(limits=limits or Limits())
        self.delivery = Delivery(
            engine=self.engine,
            clock=self.clock,
            senders=self,
            messages=lambda send: cast("Message", PlayedMessage(send, self.template_failures)),
            ledger=self.ledger,
            metrics=self.metrics,
            settings=settings,
            spread=lambda: self.spread,
        )

    def sender(self, integration: Integration) -> Sender:
        return cast("Sender", self)

    def limits(self, integration: Integration) -> Limits | None:
        return self._own_limits.get(integration.key)

    async def send(self, message: Message) -> Mapping[str, ReceiverDatum] | None:
        send = cast("PlayedMessage", message).send
        self._counts[send.slot] += 1
        call = Call(self.clock.now() - START, send.slot)
        self.calls.append(call)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            outcome = self.receive(send, self._counts[send.slot])
            if asyncio.isfuture(outcome) or asyncio.iscoroutine(outcome):
                outcome = await outcome
            call.outcome = "taken"
        except BaseException as error:
            call.outcome = type(error).__name__
            raise
        else:
            return cast("Mapping[str, ReceiverDatum] | None", outcome)
        finally:
            self.under_way -= 1

    async def idle(self) -> None:
        """Return when everything was delivered or given up, as far as that takes no time."""
        for _ in range(100_000):
            if not self.delivery.in_progress:
                return
            await asyncio.sleep(0)
        raise AssertionError("there is still something on its way")

    def seconds(self, slot: Slot | None = None) -> list[float]:
        """When attempts began, in seconds from the start."""
        return [call.at / SECOND for call in self.calls if slot is None or call.slot == slot]

    @property
    def outcomes(self) -> list[str]:
        return [f"{report['outcome']} at {report['at']:g}" for report in self.engine.reports]


def flush(
    number: int = 0,
    *,
    receiver: str = "team",
    integrations: int = 1,
    interval: Duration = 5 * MINUTE,
    at: Moment = START,
    logged: int = 0,
    names: tuple[str, ...] = (),
) -> Flush:
    """A flush of one group with a message for each integration of its receiver."""
    all_of = [
        Integration(kind="webhook", index=i, name=names[i] if names else "", send_resolved=True)
        for i in range(integrations + logged)
    ]
    route = Route(
        receiver=Receiver(name=receiver, integrations=all_of),
        matchers=Matchers(),
        group_by=("group",),
        group_wait=0,
        group_interval=interval,
        repeat_interval=4 * 60 * MINUTE,
        key="{}",
        id="{}",
        identity="root",
    )
    labels = Labels({"group": str(number)})
    group = GroupId("root", labels)
    notification = Notification(
        receiver=receiver,
        status=Status.FIRING,
        reason=Reason.FIRST,
        alerts=(),
        group_labels=labels,
        group_key=route.group_key(labels),
        flushed_at=at,
    )
    sends = [
        Send(
            slot=Slot(group, receiver, integration.key),
            route=route,
            integration=integration,
            notification=notification,
            reason=Reason.FIRST,
            tick=at,
            deadline=at + max(interval, 10 * SECOND),
            revision=0,
            firing=frozenset({number}),
            resolved=frozenset(),
            pending=frozenset(),
        )
        for integration in all_of[:integrations]
    ]
    return Flush(group=group, route=route, tick=at, number=1, sends=sends, logged=all_of[integrations:])


def saying(send: Send, reason: Reason) -> Send:
    """The same send with another reason, as after something changed."""
    return replace(send, reason=reason, notification=replace(send.notification, reason=reason))
