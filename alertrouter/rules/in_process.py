"""Alerts of rules to the router in the same process: through the door that clients use, with the timing they have."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from itertools import islice
from typing import TYPE_CHECKING, Final

from alertrouter.rules.alertmanagers import queued
from alertrouter.rules.relabel import Relabeling

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from alertrouter.core.labels import Labels
    from alertrouter.core.time import Moment
    from alertrouter.rules.model import RuleGroup
    from alertrouter.rules.ports import RuleAlert
    from alertrouter.rules.relabel import RelabelConfig

log = logging.getLogger(__name__)

_AT_ONCE: Final = 2000
# The router is in this process: what it cannot take in this time it cannot take at all.
_LAST_WORDS = 10.0


class InProcessNotifier:
    """Posts alerts to ``post``, the router's door, which takes a request's body and tells what is wrong with which alert.

    Nothing is dropped and nobody waits: what comes in while a body is being taken goes with the next, and of an alert that
    is told again meanwhile only the newest word. Whatever ``post`` raises is logged; the router has the alerts in memory by
    then, or they are told again.
    """

    def __init__(
        self,
        post: Callable[[bytes], Awaitable[Sequence[str]]],
        now: Callable[[], Moment],
        *,
        external_labels: Mapping[str, str],
        relabel_configs: Sequence[RelabelConfig] = (),
    ) -> None:
        self._post = post
        self._now = now
        self._external_labels = dict(external_labels)
        self._relabeling = Relabeling(relabel_configs)
        # By labels, and whether it is over: a start and its end are two words.
        self._waiting: dict[tuple[Labels, bool], bytes] = {}
        self._task: asyncio.Task[None] | None = None

    async def notify(self, alerts: Sequence[RuleAlert], *, group: RuleGroup) -> None:
        """Queue alerts and return."""
        now = self._now()
        for alert in alerts:
            labels = {**self._external_labels, **alert.labels} if self._external_labels else alert.labels
            kept = self._relabeling.apply(labels)
            if kept:
                made = queued(kept, alert, group)
                key = (made.labels, alert.ends_at <= now)
                self._waiting.pop(key, None)
                self._waiting[key] = made.body
        if self._waiting and self._task is None:
            self._task = asyncio.create_task(self._hand_on(), name="alerts of rules")

    async def _hand_on(self) -> None:
        while self._waiting:
            part = [self._waiting.pop(key) for key in list(islice(self._waiting, _AT_ONCE))]
            try:
                problems = await self._post(b"[" + b",".join(part) + b"]")
            except Exception as error:
                log.exception(
                    "Alerts of rules were not stored", extra={"alerts": len(part), "err": str(error)}
                )
                continue
            for problem in problems:
                log.error("An alert of a rule was refused", extra={"err": problem})
        self._task = None

    async def aclose(self) -> None:
        """Hand on what waits."""
        if self._task is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS):
                    await self._task
