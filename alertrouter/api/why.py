"""Why somebody was told of an alert, or was not (`docs/explain-and-replay.md`)."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from alertrouter.api.http import Answer, json_answer
from alertrouter.api.query import BadQueryError, read_matchers
from alertrouter.api.router import UnavailableError
from alertrouter.store.errors import StoreError
from alertrouter.store.rows.columns import BadRowError
from alertrouter.wire.writing import encode_safely

if TYPE_CHECKING:
    from alertrouter.api.http import Request
    from alertrouter.api.router import Router
    from alertrouter.core.matcher import Matchers
    from alertrouter.core.time import Moment

_log = logging.getLogger(__name__)

PATH = "/api/alertrouter/v1/explain"


class Why:
    """The path ``/api/alertrouter/v1/explain``. One question is answered at a time: it means to play the record again."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._turn = asyncio.Lock()

    async def get(self, request: Request) -> Answer:
        """Explain the one alert that passes the filters, as of now or of ``at``."""
        # Two megabytes that a server needs not until somebody asks.
        from alertrouter.insight.past import read_moment
        from alertrouter.insight.record import RecordError

        query = request.query()
        matchers = read_matchers(query.all("filter"), self._router.engine.settings.mode, _log)
        if not matchers:
            raise BadQueryError("filter: which alert? Give at least one matcher")
        now = self._router.now()
        try:
            at = read_moment("at", query.last("at"), now, now)
        except ValueError as error:
            raise BadQueryError(str(error)) from None
        try:
            async with self._turn:
                await self._router.settled()
                return json_answer(await asyncio.to_thread(self._explain, matchers, at))
        except RecordError as error:
            raise BadQueryError(str(error)) from None
        except (StoreError, BadRowError) as error:
            raise UnavailableError(str(error)) from None

    def _explain(self, matchers: Matchers, at: Moment) -> bytes:
        from alertrouter.insight.explain import explain
        from alertrouter.insight.store_record import StoreRecord

        with self._router.reader() as connection:
            found = explain(StoreRecord(connection, "this server"), matchers, at)
        return encode_safely(found.as_json()) + b"\n"
