"""Writing down what is sent: what cannot be written down is sent all the same."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.core.time import Moment
    from alertrouter.delivery.attempt import AttemptRecord
    from alertrouter.delivery.ports import DeliveryLedger
    from alertrouter.engine.changes import Changes, RenewalRecord
    from alertrouter.engine.slot import Slot

log = logging.getLogger(__name__)


class Book:
    """A ledger that never fails; when it stops working, that is logged once."""

    def __init__(self, ledger: DeliveryLedger) -> None:
        self._ledger = ledger
        self._under_way: set[asyncio.Future[object]] = set()
        self._works = True

    def intend(self, slots: Sequence[Slot], now: Moment) -> asyncio.Future[None]:
        """Note that first attempts are about to be made; the future is done when that is stored, or cannot be."""
        try:
            intent: asyncio.Future[None] = asyncio.ensure_future(self._ledger.intend(slots, now))
        except Exception as error:  # noqa: BLE001 -- whatever it is, the page goes out
            self._failed(error)
            intent = asyncio.get_running_loop().create_future()
            intent.set_result(None)
            return intent
        intent.add_done_callback(self._intended)
        return intent

    async def stored(self, intent: asyncio.Future[None]) -> None:
        """Return when this is stored, or cannot be."""
        with contextlib.suppress(Exception):  # it was logged when it happened
            # Many may wait for it; who ceases to must not take it from the others.
            await asyncio.shield(intent)

    def settle(self, slot: Slot) -> None:
        """Note that no attempt was made after all."""
        try:
            self._ledger.settle(slot)
        except Exception as problem:  # noqa: BLE001 -- after a crash there is a doubt more
            self._failed(problem)

    def renewed(self, renewal: RenewalRecord) -> None:
        """Note that a message says something else now."""
        try:
            self._ledger.renewed(renewal)
        except Exception as problem:  # noqa: BLE001 -- whatever it is, the page goes out
            self._failed(problem)

    def attempt(self, record: AttemptRecord) -> None:
        """Note an attempt after which others follow."""
        try:
            self._ledger.attempt(record)
        except Exception as problem:  # noqa: BLE001 -- what was sent was sent
            self._failed(problem)

    def record(self, changes: Changes, attempt: AttemptRecord | None = None) -> None:
        """Note what an outcome changed, after the attempt that led to it; does not wait for it."""
        if not changes and attempt is None:
            return
        try:
            recorded = self._ledger.record(changes, attempt)
        except Exception as problem:  # noqa: BLE001 -- what was sent was sent
            self._failed(problem)
            return
        # Many outcomes may be written as one.
        if recorded not in self._under_way:
            record = asyncio.ensure_future(recorded)
            self._under_way.add(record)
            record.add_done_callback(self._recorded)

    async def settled(self) -> None:
        """Return when everything is stored, or cannot be."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _intended(self, intent: asyncio.Future[None]) -> None:
        if not intent.cancelled() and (error := intent.exception()) is not None:
            self._failed(error)

    def _recorded(self, record: asyncio.Future[object]) -> None:
        self._under_way.discard(record)
        if record.cancelled():
            return
        if (error := record.exception()) is not None:
            self._failed(error)
        else:
            self._works = True

    def _failed(self, error: BaseException) -> None:
        if self._works:
            log.error("What is sent cannot be written down: %s", error)
        self._works = False
