"""What the evaluator asks of the world: a backend that answers queries, one that takes samples, one that takes alerts."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alertrouter.core.time import Duration, Moment
    from alertrouter.rules.model import RuleGroup
    from alertrouter.templating.rule_functions import Sample

#: The bits of the NaN that ends a series (`rules.md` 2.8), and of the one every other NaN becomes when written.
STALE_BITS: Final = 0x7FF0000000000002
NORMAL_NAN_BITS: Final = 0x7FF8000000000001

#: The value that ends a series. Only its bits tell it from another NaN: test with `is_stale`, write `STALE_BITS`.
STALE: Final[float] = struct.unpack("<d", STALE_BITS.to_bytes(8, "little"))[0]


def is_stale(value: float) -> bool:
    """Whether a value ends its series."""
    return math.isnan(value) and struct.pack("<d", value) == _STALE_BYTES


_STALE_BYTES = STALE_BITS.to_bytes(8, "little")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a backend answered: a scalar is one sample without labels.

    ``partial``: part of the data was missing. ``series_fetched``: how many series were looked at, where the backend tells.
    """

    samples: Sequence[Sample]
    warnings: tuple[str, ...] = ()
    partial: bool = False
    series_fetched: int | None = None


class QueryError(Exception):
    """A query that was not answered. The text may be shown to anybody: it has no secrets in it.

    ``kind`` is Prometheus's ``errorType`` (``bad_data``, ``execution``, ``timeout``, …), or ``unreachable`` when there was
    no answer of a backend at all. ``temporary``: the same query may be answered the next time.
    """

    def __init__(self, message: str, *, temporary: bool = True, kind: str = "execution") -> None:
        super().__init__(message)
        self.temporary = temporary
        self.kind = kind


class Backend(Protocol):
    """Answers instant queries."""

    async def query(
        self,
        expression: str,
        at: Moment,
        *,
        timeout: Duration,  # noqa: ASYNC109 - the backend is told, too, how long it may take
        group: RuleGroup | None = None,
    ) -> Answer:
        """The answer at that moment, with the headers and parameters of the group.

        Raises QueryError, also for an answer that is text or a matrix: ``rule result is not a vector or scalar``.
        """

    def curl(self, expression: str, at: Moment, group: RuleGroup) -> str:
        """A command line with which a person asks the same. There is no secret in it."""

    async def aclose(self) -> None:
        """Close the connections."""


@dataclass(frozen=True, slots=True)
class Point:
    """One sample to be written. ``labels`` has the metric's name under ``__name__``."""

    labels: Mapping[str, str]
    at: Moment
    value: float


class Writer(Protocol):
    """Takes samples for remote write."""

    def write(self, points: Sequence[Point]) -> None:
        """Queue samples. Returns at once; what does not fit the queue is dropped and counted."""

    async def flush(self, timeout: Duration) -> None:  # noqa: ASYNC109 - not a failure
        """Return when what was queued before is written, or the time is up."""

    async def aclose(self) -> None:
        """Write what is queued, within a time limit, and close the connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleAlert:
    """An alert as it is sent; external labels are not part of it yet. It is firing while ``ends_at`` is to come."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: Moment
    ends_at: Moment
    generator_url: str


class Notifier(Protocol):
    """Takes alerts for the router."""

    async def notify(self, alerts: Sequence[RuleAlert], *, group: RuleGroup) -> None:
        """Hand alerts on: to the router in this process, or to a queue. Never raises."""

    async def aclose(self) -> None:
        """Hand on what is queued, within a time limit, and close the connections."""
