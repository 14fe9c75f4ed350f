"""Posting and listing alerts, and listing alert groups."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from alertrouter.api.http import OK, Answer, json_answer, problem
from alertrouter.api.idle import Idle
from alertrouter.api.query import AlertQuery

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from alertrouter.api.http import Request
    from alertrouter.api.listing import Listing
    from alertrouter.api.router import Router

_log = logging.getLogger(__name__)


class Alerts:
    """``/api/v2/alerts`` and ``/api/v2/alerts/groups``."""

    def __init__(self, router: Router, listing: Listing) -> None:
        self._router = router
        self._listing = listing
        self._idle = Idle(listing.prepare)

    async def post(self, request: Request) -> Answer:
        """Take in alerts: 200 when all were good, 400 with every complaint when some were left out."""
        answer = self.take_in(await request.body(), request.path)
        return answer if isinstance(answer, Answer) else await answer

    def take_in(self, body: bytes, path: str) -> Answer | Awaitable[Answer]:
        """As ``post``; to be awaited where something is to be stored first."""
        self._idle.disturb()
        problems = self._router.take_in(body)
        return self._told(problems, path) if isinstance(problems, list) else self._once_stored(problems, path)

    async def _once_stored(self, storing: Awaitable[list[str]], path: str) -> Answer:
        problems = await storing
        # A commit that takes its time is no quiet.
        self._idle.disturb()
        return self._told(problems, path)

    @staticmethod
    def _told(problems: list[str], path: str) -> Answer:
        if not problems:
            return OK
        message = "\n".join(problems)
        _log.error(
            "Failed to validate alerts",
            extra={
                "component": "api",
                "version": "v2",
                "path": path,
                "method": "POST",
                "err": message,
            },
        )
        return problem(400, message)

    async def get(self, request: Request) -> Answer:
        """The alerts that are not over."""
        return json_answer(self._listing.alerts(self._query(request), self._router.now()))

    async def get_groups(self, request: Request) -> Answer:
        """The aggregation groups with their alerts."""
        return json_answer(self._listing.groups(self._query(request), self._router.now()))

    def _query(self, request: Request) -> AlertQuery:
        return AlertQuery.read(request.query(), self._router.engine.settings.mode, _log)
