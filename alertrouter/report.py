"""One posted alert, read: what it says, without anything that is known besides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.core.alert import Alert
from alertrouter.core.labels import Labels
from alertrouter.wire import labels_from_raw, shared_text

if TYPE_CHECKING:
    from alertrouter.core.time import Duration, Moment
    from alertrouter.wire import RawAlert


# One posted alert, read: nothing in it can refuse the request any more. Its labels and annotations, what came, a key that
# stands for the bytes of the labels, one for those of the annotations, its start and its end.
# No named tuple: that takes half a microsecond to make.
Report = tuple[
    Labels, Labels, "RawAlert", bytes, bytes, "tuple[Moment | None, int]", "tuple[Moment | None, int]"
]


def read_report(
    raw: RawAlert,
    key: bytes,
    posted: bytes,
    starts: tuple[Moment | None, int],
    ends: tuple[Moment | None, int],
) -> Report:
    """A posted alert with everything in it read. Raises ``SchemaError``."""
    labels = labels_from_raw(raw.labels).without_empty()
    return labels, labels_from_raw(raw.annotations, "annotations"), raw, key, posted, starts, ends


def alert_of(report: Report, now: Moment, resolve_timeout: Duration) -> Alert:
    """The alert as it was reported at this moment, with the defaults for what was left out (`semantics.md` 1.1)."""
    labels, annotations, raw, _, _, (starts_at, starts_offset), (ends_at, ends_offset) = report
    timeout = ends_at is None
    if starts_at is None:
        starts_at, starts_offset = (now, 0) if ends_at is None else (ends_at, ends_offset)
    if ends_at is None:
        ends_at = now + resolve_timeout
    return Alert(
        labels=labels,
        annotations=annotations,
        starts_at=starts_at,
        ends_at=ends_at,
        updated_at=now,
        generator_url=shared_text(raw.generatorURL or ""),
        timeout=timeout,
        starts_offset=starts_offset,
        ends_offset=ends_offset,
    )
