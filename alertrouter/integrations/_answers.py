"""What an HTTP answer means for delivery, the same for every integration."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING

from alertrouter.core.duration import format_go_duration
from alertrouter.core.reason import FailureReason
from alertrouter.core.time import SECOND
from alertrouter.delivery.errors import RejectedError, TemporaryError
from alertrouter.integrations._text import shorten

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from alertrouter.core.time import Duration
    from alertrouter.http_client import Response

JSON = {"Content-Type": "application/json"}

_LONGEST_BODY_SHOWN = 500


def raise_for(response: Response, *, retry: Collection[int] = (), detail: str | None = None) -> None:
    """Turn an answer that is not success into the error that says what to do next.

    5xx and the statuses in ``retry`` are worth another attempt, and so is a 429 that says when (D14).
    ``detail`` is shown in place of the body.
    """
    if response.is_success:
        return
    shown = shorten(" ".join(response.text.split()), _LONGEST_BODY_SHOWN) if detail is None else detail
    wait = response.retry_after
    worth_another = (
        500 <= response.status_code < 600
        or response.status_code in retry
        or (response.status_code == 429 and wait is not None)
    )
    raise (TemporaryError if worth_another else RejectedError)(
        f"unexpected status code {response.status_code}" + (f": {shown}" if shown else ""),
        reason=FailureReason.of(response.status_code),
        retry_after=wait,
    )


def time_limit(limit: Duration, what: str) -> AbstractAsyncContextManager[None]:
    """Bound an attempt by the integration's own ``timeout``, if it has one: TemporaryError when it is reached."""
    return _limited(limit, what) if limit > 0 else nullcontext()


@asynccontextmanager
async def _limited(limit: Duration, what: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(limit / SECOND):
            yield
    except TimeoutError:
        raise TemporaryError(
            f"configured {what} timeout reached ({format_go_duration(limit)})",
            reason=FailureReason.CONTEXT_DEADLINE_EXCEEDED,
        ) from None
