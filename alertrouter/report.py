"""One posted alert, read: what it says, without anything that is known besides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.core.alert import Alert
from alertrouter.core.labels import Labels
from alertrouter.wire import Names, pairs_from_raw, shared_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.core.time import Duration, Moment
    from alertrouter.wire import RawAlert


# One posted alert, read: nothing in it can refuse the request any more. Its labels and annotations, what is known of
# either by their names, what came, a key that stands for the bytes of the labels, one for those of the annotations, its
# start and its end. No named tuple: that takes half a microsecond to make.
Report = tuple[
    Labels,
    "Mapping[str, str]",
    Names,
    Names,
    "RawAlert",
    bytes,
    bytes,
    "tuple[Moment | None, int]",
    "tuple[Moment | None, int]",
]


def read_report(
    raw: RawAlert,
    key: bytes,
    posted: bytes,
    starts: tuple[Moment | None, int],
    ends: tuple[Moment | None, int],
) -> Report:
    """A posted alert with everything in it read. Raises ``SchemaError``."""
    annotations, other_names = pairs_from_raw(raw.annotations, "annotations")
    pairs, names = pairs_from_raw(raw.labels)
    labels = Labels.in_order(pairs)
    if not all(pairs.values()):
        labels = labels.without_empty()
    return labels, annotations, names, other_names, raw, key, posted, starts, ends


def alert_of(report: Report, now: Moment, resolve_timeout: Duration) -> Alert:
    """The alert as it was reported at this moment, with the defaults for what was left out (`semantics.md` 1.1)."""
    labels, annotations, _, _, raw, _, _, (starts_at, starts_offset), (ends_at, ends_offset) = report
    timeout = ends_at is None
    if starts_at is None:
        starts_at, starts_offset = (now, 0) if ends_at is None else (ends_at, ends_offset)
    if ends_at is None:
        ends_at = now + resolve_timeout
    url = shared_text(raw.generatorURL or "")
    return Alert(labels, annotations, starts_at, ends_at, now, url, timeout, starts_offset, ends_offset)
