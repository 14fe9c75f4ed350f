"""What the API asks of the running daemon, and what follows from it."""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alertrouter import tracing
from alertrouter.api.router import UnavailableError
from alertrouter.clock import let_others_run
from alertrouter.core.time import SECOND, format_rfc3339
from alertrouter.delivery.trial import try_out
from alertrouter.store.backlog import PostedBody
from alertrouter.store.errors import StoreError
from alertrouter.store.history import Action
from alertrouter.wire import decode_alerts

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection

    from alertrouter.api.caller import Caller
    from alertrouter.clock import Clock
    from alertrouter.core.receiver import Integration, Receiver
    from alertrouter.core.silence import Silence
    from alertrouter.core.time import Moment
    from alertrouter.delivery.deliver import Delivery
    from alertrouter.delivery.status import LaneStatus, TrialOutcome
    from alertrouter.dispatch import Sleeper
    from alertrouter.engine.changes import Changes
    from alertrouter.engine.engine import Engine
    from alertrouter.engine.group import AggregationGroup
    from alertrouter.follow import Follower
    from alertrouter.intake import Again, Intake, Taken
    from alertrouter.memory import Settled
    from alertrouter.metrics import Metrics
    from alertrouter.peer import Peer
    from alertrouter.report import Report
    from alertrouter.senders import SendersInForce
    from alertrouter.store.journal import Journal
    from alertrouter.store.store import Store
    from alertrouter.tracing import Span
    from alertrouter.wire import RawAlert

log = logging.getLogger(__name__)

# So many alerts are taken in before everything else gets its turn.
_ALERTS_AT_ONCE = 2000
# So many transitions of one request are told on its span.
_MOST_TOLD = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRouter:
    """The daemon, as the API sees it (`api.router.Router`), from when its state is loaded."""

    engine: Engine
    started_at: Moment
    peer: Peer | None
    follower: Follower
    reload: Callable[[], Coroutine[Any, Any, None]]
    clock: Clock
    intake: Intake
    store: Store
    journal: Journal
    delivery: Delivery
    senders: SendersInForce
    sleeper: Sleeper
    metrics: Metrics
    memory: Settled
    log_silences: bool

    @property
    def original_config(self) -> str:
        """The configuration in force, secrets masked."""
        return self.senders.current.configuration.original

    def now(self) -> Moment:
        """What time it is."""
        return self.clock.now()

    def not_ready(self) -> str | None:
        """Why requests should go elsewhere; None when ready."""
        return None if self.journal.healthy else self._unwritable()

    def route_labels(self, group: AggregationGroup, now: Moment) -> Mapping[str, str]:
        """The labels of the group's route, rendered on its alerts."""
        return self.senders.current.route_labels(group, now)

    # What it takes in

    async def post_alerts(self, body: bytes) -> list[str]:
        """Take in the alerts of a request body; what is wrong with those that were left out, once the rest is stored."""
        problems = self.take_in(body)
        return problems if isinstance(problems, list) else await problems

    def take_in(self, body: bytes) -> list[str] | Awaitable[list[str]]:
        """Take in the alerts of a request body; what is wrong with those that were left out.

        To be awaited where something is to be stored first.
        """
        begun = time.perf_counter()
        raw = decode_alerts(body)
        now = self.clock.now()
        if len(raw) > _ALERTS_AT_ONCE:
            return self._take_in_turns(raw, now)
        return self._take_in(self.intake.read(raw), now, begun, body)

    async def _take_in_turns(self, raw: Sequence[RawAlert], now: Moment) -> list[str]:
        # A huge request must not stop everything else. All of it is read first: if one alert cannot be, none counts.
        reports: list[Report | Again] = []
        for start in range(0, len(raw), _ALERTS_AT_ONCE):
            reports += self.intake.read(raw[start : start + _ALERTS_AT_ONCE])
            await let_others_run()
        problems: list[str] = []
        for start in range(0, len(reports), _ALERTS_AT_ONCE):
            part = self._take_in(reports[start : start + _ALERTS_AT_ONCE], now, time.perf_counter())
            problems += part if isinstance(part, list) else await part
        return problems

    def _take_in(
        self, reports: Sequence[Report | Again], now: Moment, begun: float, body: bytes | None = None
    ) -> list[str] | Awaitable[list[str]]:
        """``body``: the request, if these are all that is in it."""
        taken = self._traced_take(reports, now) if tracing.is_on() else self.intake.take(reports, now)
        self.metrics.alerts_received(
            firing=taken.firing,
            resolved=taken.resolved,
            invalid=len(taken.problems),
            seconds=time.perf_counter() - begun,
        )
        if taken.received.limited:
            self._limited(taken.received.limited)
        if taken.changes:
            self.memory.now_that(len(self.engine.known))
            self.sleeper.nudge()
            posted = None if body is None else self._as_posted(taken, body, now)
            return self._once_stored(self._handed_in(taken.changes, posted), taken.problems)
        if not self.journal.healthy:
            raise UnavailableError(self._unwritable())
        return taken.problems

    def _traced_take(self, reports: Sequence[Report | Again], now: Moment) -> Taken:
        with tracing.span(
            "provider.mem.Put",
            kind=tracing.Kind.PRODUCER,
            attributes={"alerting.alerts.count": len(reports)},
        ) as span:
            taken = self.intake.take(reports, now)
            if span.is_recorded:
                _tell_transitions(span, taken.changes)
        return taken

    async def _once_stored(self, storing: asyncio.Future[None], problems: list[str]) -> list[str]:
        await _stored(storing)
        return problems

    def _as_posted(self, taken: Taken, body: bytes, now: Moment) -> PostedBody | None:
        """The request, if the alerts in it are all that it changed."""
        if not taken.is_plain:
            return None
        return PostedBody(body, now, self.engine.routing.resolve_timeout, taken.places)

    def _limited(self, limited: Mapping[str, int]) -> None:
        self.metrics.alerts_limited(limited)
        for alertname, count in limited.items():
            log.warning(
                "Alerts dropped by the limit per alertname", extra={"alertname": alertname, "alerts": count}
            )

    async def save_silence(self, proposed: Silence) -> Silence:
        """Create or edit a silence; the one that is in force, once it is stored."""
        self._refuse_unless_writable()
        with tracing.span("silences.Set"):
            saved, changes = self.engine.save_silence(proposed, self.clock.now(), str(uuid.uuid4()))
        await self._silences_changed(changes)
        return saved

    async def expire_silence(self, silence_id: str) -> None:
        """End a silence; returns once that is stored."""
        self._refuse_unless_writable()
        with tracing.span("silences.Expire", attributes={"alerting.silence.id": silence_id}):
            changes = self.engine.expire_silence(silence_id, self.clock.now())
        await self._silences_changed(changes)

    async def _silences_changed(self, changes: Changes) -> None:
        self.sleeper.nudge()
        if self.log_silences:
            for change in changes.silences:
                log.info(f"{change.action.removesuffix('d')} silence", extra=_silence_fields(change.silence))  # noqa: G004
        await _stored(self._handed_in(changes))

    def _refuse_unless_writable(self) -> None:
        # Better to refuse a silence than to forget one that was promised.
        if not self.journal.healthy:
            raise UnavailableError(self._unwritable())

    def _handed_in(self, changes: Changes, posted: PostedBody | None = None) -> asyncio.Future[None]:
        return self.journal.write(changes) if posted is None else self.journal.post(changes, posted)

    def _unwritable(self) -> str:
        return f"the database cannot be written: {self.journal.problem}"

    # How messages go out

    def lanes(self) -> Sequence[LaneStatus]:
        """How every integration that was told something since the start is doing."""
        return self.delivery.status()

    async def try_out(
        self,
        receiver: Receiver,
        integrations: Sequence[Integration],
        *,
        labels: Mapping[str, str],
        annotations: Mapping[str, str],
    ) -> Sequence[TrialOutcome]:
        """Send a test message through these integrations of a receiver."""
        return await try_out(
            receiver, integrations, self.senders.current, self.clock, labels=labels, annotations=annotations
        )

    # The record

    def acted(self, action: str, subject: str, caller: Caller, outcome: str = "") -> None:
        """Note what somebody did."""
        self.journal.acted(Action(self.clock.now(), action, subject, caller.user, caller.address, outcome))

    async def settled(self) -> None:
        """Return when what happened before this is in the record, if the database takes it."""
        await self.journal.settled()

    def reader(self) -> AbstractContextManager[Connection]:
        """A connection to read what happened."""
        return self.store.reader()


async def _stored(storing: asyncio.Future[None]) -> None:
    try:
        await storing
    except StoreError as error:
        raise UnavailableError(f"it is in force but not stored: {error}") from None


def _tell_transitions(span: Span, changes: Changes) -> None:
    for transition in changes.transitions[:_MOST_TOLD]:
        labels = transition.alert.labels
        span.event(
            f"alert {transition.kind}",
            {
                "alerting.alert.name": labels.get("alertname", ""),
                "alerting.alert.fingerprint": labels.fingerprint_text,
            },
        )


def _silence_fields(silence: Silence) -> dict[str, str]:
    matchers = [f"{m.name}{m.type.value}{m.value}" for matchers in silence.matcher_sets for m in matchers]
    return {
        "component": "silences",
        "Id": silence.id,
        "CreatedBy": silence.created_by,
        "Comment": silence.comment,
        "StartsAt": format_rfc3339(silence.starts_at // SECOND * SECOND),
        "EndsAt": format_rfc3339(silence.ends_at // SECOND * SECOND),
        "Matchers": ",".join(matchers),
    }
