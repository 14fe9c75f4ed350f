"""What has been put into a batch: for whom, and what could not be."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from alertrouter.store.errors import StoreError, UnstorableError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from alertrouter.store.backlog import Deferred
    from alertrouter.store.batch import Batch
    from alertrouter.store.entry import Post, WriteMany

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Gathered:
    """Who waits for a batch, whom it cannot serve, and what is to be written after it."""

    futures: list[asyncio.Future[None]] = field(default_factory=list)
    unstorable: list[tuple[asyncio.Future[None], StoreError]] = field(default_factory=list)
    deferred: list[Deferred] = field(default_factory=list)

    def add(
        self, future: asyncio.Future[None] | None, gather: Callable[[Batch], object], batch: Batch
    ) -> None:
        """Put something into the batch for whom it concerns."""
        self._tell(future, _put(partial(gather, batch)))

    def add_each(self, entry: WriteMany, batch: Batch) -> None:
        """Put many things into the batch, each by itself."""
        bad: Exception | None = None
        for one in entry.each:
            bad = _put(partial(entry.gather, batch, one)) or bad
        self._tell(entry.future, bad)

    def _tell(self, future: asyncio.Future[None] | None, bad: Exception | None) -> None:
        """Note what is to be told to whoever waits, if anybody does."""
        if future is None:
            return
        if bad is None:
            self.futures.append(future)
        else:
            self.unstorable.append((future, UnstorableError(f"this cannot be stored: {bad}")))

    def write_now(self, post: Post, batch: Batch) -> None:
        """Put the rows of a request's alerts into the batch."""
        self.add(post.future, lambda batch: batch.add(post.changes, post.posted.at), batch)

    def put_off(self, post: Post, batch: Batch) -> None:
        """Put a request into the batch as it came; the rows of its alerts are to be written after it."""
        self.add(
            post.future, lambda batch: self.deferred.append(batch.post(post.changes, post.posted)), batch
        )


def _put(gather: Callable[[], object]) -> Exception | None:
    """Put something into a batch; what is wrong with it when that fails."""
    try:
        gather()
    except (ValueError, TypeError, OverflowError) as error:
        log.exception("a change cannot be stored and is left out")
        return error
    return None
