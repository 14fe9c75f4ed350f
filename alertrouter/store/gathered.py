"""What has been put into a batch: for whom, and what could not be."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
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
        try:
            gather(batch)
        except (ValueError, TypeError, OverflowError) as error:
            log.exception("a change cannot be stored and is left out")
            if future is not None:
                self.unstorable.append((future, UnstorableError(f"this cannot be stored: {error}")))
        else:
            if future is not None:
                self.futures.append(future)

    def add_each(self, entry: WriteMany, batch: Batch) -> None:
        """Put many things into the batch, each by itself."""
        gather = entry.gather
        bad: Exception | None = None
        for one in entry.each:
            try:
                gather(batch, one)
            except (ValueError, TypeError, OverflowError) as error:
                log.exception("a change cannot be stored and is left out")
                bad = error
        if entry.future is not None:
            if bad is None:
                self.futures.append(entry.future)
            else:
                self.unstorable.append((entry.future, UnstorableError(f"this cannot be stored: {bad}")))

    def write_now(self, post: Post, batch: Batch) -> None:
        """Put the rows of a request's alerts into the batch."""
        self.add(post.future, lambda batch: batch.add(post.changes, post.posted.at), batch)

    def put_off(self, post: Post, batch: Batch) -> None:
        """Put a request into the batch as it came; the rows of its alerts are to be written after it."""
        self.add(
            post.future, lambda batch: self.deferred.append(batch.post(post.changes, post.posted)), batch
        )
