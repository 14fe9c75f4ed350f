"""The only door for alerts: what was posted, with defaults filled in and checked, goes to the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from alertrouter.core.alert import Alert, problem_with
from alertrouter.core.labels import Labels  # noqa: TC001 - a named tuple's annotations are looked at
from alertrouter.core.time import parse_timestamp
from alertrouter.engine.engine import Received
from alertrouter.wire import SchemaError, labels_from_raw

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
        """Take in one request. Raises ``SchemaError`` before anything is taken when a time cannot be read."""
        taken = Taken()
        self._moments.clear()
        alerts = list(posted)
        for raw in alerts:
            # Compat: a time that cannot be read refuses the whole request, so all are read first.
            if raw.startsAt:
                self._moment(raw.startsAt)
            if raw.endsAt:
                self._moment(raw.endsAt)
        for raw in alerts:
            self._take(raw, taken, now)
        self._bound()
        return taken

    def _take(self, raw: RawAlert, taken: Taken, now: Moment) -> None:
        key = bytes(raw.labels)
        seen = self._seen.get(key)
        if (
            seen is not None
            and raw.startsAt == seen.starts_text
            and raw.generatorURL == seen.generator_url
            and bytes(raw.annotations) == seen.annotations
            and self._heartbeat(seen, raw, now)
        ):
            taken.firing += 1
            return
        alert = self._alert(raw, now)
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
            and raw.startsAt is not None
            and known.starts_at == alert.starts_at
            and known.annotations == alert.annotations
        ):
            self._seen[key] = _Seen(
                known,
                known.annotations,
                bytes(raw.annotations),
                raw.startsAt,
                alert.starts_at,
                raw.generatorURL,
            )

    def _heartbeat(self, seen: _Seen, raw: RawAlert, now: Moment) -> bool:
        known = seen.known
        if (
            known.gone
            or known.ends_at <= now
            or known.annotations is not seen.parsed_annotations
            or known.starts_at != seen.starts_at
        ):
            return False
        ends_at, offset = self._moment(raw.endsAt) if raw.endsAt is not None else (None, 0)
        if ends_at is None:
            timeout = self._engine.routing.resolve_timeout
            self._engine.beat(known, now + timeout, now, timeout=True)
            return True
        if ends_at <= now:
            return False
        self._engine.beat(known, ends_at, now, timeout=False, ends_offset=offset)
        return True

    def _alert(self, raw: RawAlert, now: Moment) -> Alert:
        starts_at, starts_offset = self._moment(raw.startsAt) if raw.startsAt is not None else (None, 0)
        ends_at, ends_offset = self._moment(raw.endsAt) if raw.endsAt is not None else (None, 0)
        if starts_at is None:
            starts_at, starts_offset = (now, 0) if ends_at is None else (ends_at, ends_offset)
        timeout = ends_at is None
        if ends_at is None:
            ends_at = now + self._engine.routing.resolve_timeout
        return Alert(
            labels=labels_from_raw(raw.labels).without_empty(),
            annotations=labels_from_raw(raw.annotations),
            starts_at=starts_at,
            ends_at=ends_at,
            updated_at=now,
            generator_url=raw.generatorURL or "",
            timeout=timeout,
            starts_offset=starts_offset,
            ends_offset=ends_offset,
        )

    def _moment(self, text: str) -> tuple[Moment | None, int]:
        found = self._moments.get(text)
        if found is None:
            try:
                found = parse_timestamp(text)
            except ValueError as error:
                message = f'parsing alerts body from "" failed, because {error}'
                raise SchemaError(400, 400, message) from None
            self._moments[text] = found
        return found

    def _bound(self) -> None:
        # Bytes of alerts that are gone, or that clients write in ever new ways, must not pile up.
        if len(self._seen) > 2 * len(self._engine.known) + 1000:
            self._seen = {key: seen for key, seen in self._seen.items() if not seen.known.gone}
            if len(self._seen) > 2 * len(self._engine.known) + 1000:
                self._seen.clear()
