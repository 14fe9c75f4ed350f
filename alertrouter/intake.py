"""The only door for alerts: what was posted, with defaults filled in and checked, goes to the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from alertrouter.core.alert import Alert, problem_with
from alertrouter.core.labels import Labels  # noqa: TC001 - a named tuple's annotations are looked at
from alertrouter.engine.engine import Received
from alertrouter.wire import labels_from_raw, read_moment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alertrouter.core.matcher_syntax import Mode
    from alertrouter.core.time import Moment
    from alertrouter.engine.changes import Changes
    from alertrouter.engine.engine import Engine
    from alertrouter.engine.known import Known
    from alertrouter.wire import RawAlert


class _Seen(NamedTuple):
    """How an alert was reported last, to the byte. A client sends the same alert in the same bytes each time."""

    known: Known
    parsed_annotations: Labels
    annotations: bytes
    starts_text: str | None
    starts_at: Moment
    generator_url: str | None


class _Report(NamedTuple):
    """One posted alert, read: nothing in it can refuse the request any more."""

    raw: RawAlert
    key: bytes
    starts: tuple[Moment | None, int]
    ends: tuple[Moment | None, int]
    labels: Labels
    annotations: Labels
    seen: _Seen | None


@dataclass(slots=True)
class Taken:
    """What became of one request: ``problems`` has a line for each alert that was refused."""

    received: Received = field(default_factory=Received)
    problems: list[str] = field(default_factory=list)
    firing: int = 0
    resolved: int = 0

    @property
    def changes(self) -> Changes:
        """What must be remembered."""
        return self.received.changes


class Intake:
    """Turns what clients post into what the engine takes in (`semantics.md` 1.1).

    A known alert whose labels, annotations, start and generator URL come in the very bytes they came in before is a
    heartbeat: it costs a look-up and moves the end, nothing is decoded or compared further.
    """

    def __init__(self, engine: Engine, mode: Mode) -> None:
        self._engine = engine
        self._mode = mode
        self._seen: dict[bytes, _Seen] = {}
        self._moments: dict[str, tuple[Moment | None, int]] = {}

    def take(self, posted: Iterable[RawAlert], now: Moment) -> Taken:
        """Take in one request. Raises ``SchemaError``, and takes in nothing, when part of it cannot be read."""
        taken = Taken()
        self._moments.clear()
        for report in [self._read(raw) for raw in posted]:
            self._take(report, taken, now)
        self._bound()
        return taken

    def _read(self, raw: RawAlert) -> _Report:
        starts = self._moment(raw.startsAt)
        ends = self._moment(raw.endsAt)
        key = bytes(raw.labels)
        seen = self._seen.get(key)
        if (
            seen is not None
            and raw.startsAt == seen.starts_text
            and raw.generatorURL == seen.generator_url
            and bytes(raw.annotations) == seen.annotations
        ):
            return _Report(raw, key, starts, ends, seen.known.labels, seen.parsed_annotations, seen)
        labels = labels_from_raw(raw.labels).without_empty()
        annotations = labels_from_raw(raw.annotations, "annotations")
        return _Report(raw, key, starts, ends, labels, annotations, None)

    def _take(self, report: _Report, taken: Taken, now: Moment) -> None:
        if report.seen is not None and self._heartbeat(report.seen, report.ends, now):
            taken.firing += 1
            return
        alert = self._alert(report, now)
        assert alert.ends_at is not None
        if alert.ends_at > now:
            taken.firing += 1
        else:
            taken.resolved += 1
        problem = problem_with(alert, self._mode)
        if problem is not None:
            taken.problems.append(problem)
            return
        known = self._engine.take_in(alert, taken.received, now)
        if (
            known is not None
            and report.raw.startsAt is not None
            and known.starts_at == alert.starts_at
            and known.annotations == alert.annotations
        ):
            self._seen[report.key] = _Seen(
                known,
                known.annotations,
                bytes(report.raw.annotations),
                report.raw.startsAt,
                alert.starts_at,
                report.raw.generatorURL,
            )

    def _heartbeat(self, seen: _Seen, ends: tuple[Moment | None, int], now: Moment) -> bool:
        known = seen.known
        if (
            known.gone
            or known.ends_at <= now
            or known.annotations is not seen.parsed_annotations
            or known.starts_at != seen.starts_at
        ):
            return False
        ends_at, offset = ends
        if ends_at is None:
            timeout = self._engine.routing.resolve_timeout
            self._engine.beat(known, now + timeout, now, timeout=True)
            return True
        if ends_at <= now:
            return False
        self._engine.beat(known, ends_at, now, timeout=False, ends_offset=offset)
        return True

    def _alert(self, report: _Report, now: Moment) -> Alert:
        starts_at, starts_offset = report.starts
        ends_at, ends_offset = report.ends
        if starts_at is None:
            starts_at, starts_offset = (now, 0) if ends_at is None else (ends_at, ends_offset)
        timeout = ends_at is None
        if ends_at is None:
            ends_at = now + self._engine.routing.resolve_timeout
        return Alert(
            labels=report.labels,
            annotations=report.annotations,
            starts_at=starts_at,
            ends_at=ends_at,
            updated_at=now,
            generator_url=report.raw.generatorURL or "",
            timeout=timeout,
            starts_offset=starts_offset,
            ends_offset=ends_offset,
        )

    def _moment(self, text: str | None) -> tuple[Moment | None, int]:
        if text is None:
            return None, 0
        found = self._moments.get(text)
        if found is None:
            found = self._moments[text] = read_moment(text)
        return found

    def _bound(self) -> None:
        # Bytes of alerts that are gone, or that clients write in ever new ways, must not pile up.
        if len(self._seen) > 2 * len(self._engine.known) + 1000:
            self._seen = {key: seen for key, seen in self._seen.items() if not seen.known.gone}
            if len(self._seen) > 2 * len(self._engine.known) + 1000:
                self._seen.clear()
