"""The road of an alert from the engine to the services, without daemon and store, in time that stands still.

play = Play(load_text(...), clients)
await play.report(Report({"alertname": "Down"}))          # and flush, and wait until everybody was told
await play.report(Report({"alertname": "Down"}, resolved=True))
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alertrouter.core.alert import Alert
from alertrouter.core.labels import Labels
from alertrouter.core.time import HOUR, MINUTE
from alertrouter.delivery.deliver import Delivery
from alertrouter.delivery.ports import DeliverySettings
from alertrouter.engine.engine import Engine
from alertrouter.senders import ConfiguredSenders
from alertrouter.templating.templates import Templates
from tests.delivery.world import CountingMetrics
from tests.integrations.examples import NOON

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.config import Configuration
    from alertrouter.core.time import Moment
    from alertrouter.delivery.attempt import AttemptRecord
    from alertrouter.engine.changes import Changes, RenewalRecord
    from alertrouter.engine.slot import Slot
    from alertrouter.http_client import HttpClients

EXTERNAL_URL = "http://am.example:9093"
GENERATOR_URL = "http://prometheus.example/graph?g0.expr=up&g0.tab=1"
#: When what is posted began and, if it did, ended.
STARTED_AT, ENDED_AT = NOON - HOUR, NOON - MINUTE


@dataclass(frozen=True, slots=True)
class Report:
    """An alert as it is posted; a resolved one ended at `ENDED_AT`."""

    labels: dict[str, str]
    resolved: bool = False
    starts_at: Moment = STARTED_AT

    @property
    def annotations(self) -> dict[str, str]:
        return {"summary": f"{self.labels.get('instance', 'it')} is in trouble"}


class StandingClock:
    """Time that moves when `Play` moves it, and wakes nobody."""

    def __init__(self) -> None:
        self.moment: Moment = NOON

    def now(self) -> Moment:
        return self.moment

    async def sleep_until(self, moment: Moment) -> None:
        await asyncio.Event().wait()


class Attempts:
    """The ledger of delivery; keeps the attempts."""

    def __init__(self) -> None:
        self.made: list[AttemptRecord] = []

    async def intend(self, slots: Sequence[Slot], at: Moment) -> None:
        """Nothing is written down."""

    async def record(self, changes: Changes, attempt: AttemptRecord | None = None) -> None:
        if attempt is not None:
            self.made.append(attempt)

    def attempt(self, record: AttemptRecord) -> None:
        self.made.append(record)

    def renewed(self, renewal: RenewalRecord) -> None:
        """Nothing is written down."""

    def settle(self, slot: Slot) -> None:
        """Nothing is written down."""


class Play:
    """One configuration in force."""

    def __init__(self, configuration: Configuration, clients: HttpClients) -> None:
        self.clock = StandingClock()
        self.engine = Engine(configuration.routing)
        self.metrics = CountingMetrics()
        self.attempts = Attempts()
        senders = ConfiguredSenders(
            configuration, Templates.built_in(), clients, self.clock, external_url=EXTERNAL_URL
        )
        self.problems = senders.prepare()
        self.delivery = Delivery(
            engine=self.engine,
            clock=self.clock,
            senders=senders,
            messages=senders,
            ledger=self.attempts,
            metrics=self.metrics,
            settings=DeliverySettings(),
        )

    async def report(self, *reports: Report) -> None:
        """Take these in and go on to the next flush; returns when every message of it was taken or given up."""
        now = self.clock.moment
        self.engine.receive([_alert(report, now) for report in reports], now)
        due = self.engine.next_due()
        assert due is not None
        self.clock.moment = max(now, due)
        flushes, _ = self.engine.flush(self.clock.moment)
        for flush in flushes:
            self.delivery.start(flush)
        while self.delivery.in_progress:
            await asyncio.sleep(0.001)


def _alert(report: Report, now: Moment) -> Alert:
    return Alert(
        labels=Labels(report.labels),
        annotations=Labels(report.annotations),
        starts_at=report.starts_at,
        ends_at=ENDED_AT if report.resolved else now + 24 * HOUR,
        updated_at=now,
        generator_url=GENERATOR_URL,
    )
