"""What happened: pages of history (`docs/history.md`)."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from alertrouter.api.http import Answer, json_answer
from alertrouter.api.query import BadQueryError, read_matchers
from alertrouter.api.router import UnavailableError
from alertrouter.store.errors import StoreError
from alertrouter.wire.writing import encode_safely

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from alertrouter.api.endpoint import Handler
    from alertrouter.api.http import Request
    from alertrouter.api.router import Router
    from alertrouter.insight import past

_log = logging.getLogger(__name__)

PATH = "/api/alertrouter/v1/history/"
#: What there is history of: the keys of ``insight.past.KINDS``, which is not imported until somebody asks.
KINDS = ("alerts", "notifications", "attempts", "silences", "reloads", "actions")


class History:
    """The paths below ``/api/alertrouter/v1/history/``."""

    def __init__(self, router: Router) -> None:
        self._router = router

    def handlers(self) -> dict[str, dict[str, Handler]]:
        """What answers which path."""
        return {PATH + kind: {"GET": self._handler(kind)} for kind in KINDS}

    def _handler(self, kind: str) -> Handler:
        async def get(request: Request) -> Answer:
            from alertrouter.insight import past

            question = self._question(request)
            ask = past.KINDS[kind]
            await self._router.settled()
            try:
                body = await asyncio.to_thread(self._answer, ask, question)
            except StoreError as error:
                raise UnavailableError(str(error)) from None
            return json_answer(body)

        return get

    def _question(self, request: Request) -> past.Question:
        from alertrouter.insight import past

        query = request.query()
        matchers = read_matchers(query.all("filter"), self._router.engine.settings.mode, _log)
        try:
            return past.read(query.last, query.all, matchers, self._router.now())
        except ValueError as error:
            raise BadQueryError(str(error)) from None

    def _answer(self, ask: Callable[[Connection, past.Question], Any], question: past.Question) -> bytes:
        with self._router.reader() as connection:
            return encode_safely(ask(connection, question)) + b"\n"
