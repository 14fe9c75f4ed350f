"""The only door for alerts: what was posted, with defaults filled in and checked, goes to the engine."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xxhash import xxh3_128_digest

from alertrouter.core.alert import problem_with
from alertrouter.engine.engine import Received
from alertrouter.report import Report, alert_of, read_report
from alertrouter.wire import read_moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from alertrouter.core.matcher_syntax import Mode
    from alertrouter.core.time import Moment
    from alertrouter.engine.changes import Changes
    from alertrouter.engine.engine import Engine
    from alertrouter.engine.known import Known
    from alertrouter.wire import RawAlert

# A report in the very bytes of the one before: who it is about, what came, the bytes' digests, its start and its end.
# No named tuple: this is made for every heartbeat.
Again = tuple["Known", "RawAlert", bytes, bytes, "tuple[Moment | None, int]", "tuple[Moment | None, int]"]


@dataclass(slots=True)
class Taken:
    """What became of one request: ``problems`` has a line for each alert that was refused, ``new`` are the places of those
    that were never heard of before, of so many ``reports``.
    """

    received: Received = field(default_factory=Received)
    problems: list[str] = field(default_factory=list)
    firing: int = 0
    resolved: int = 0
    new: list[int] = field(default_factory=list)
    reports: int = 0

    @property
    def changes(self) -> Changes:
        """What must be remembered."""
        return self.received.changes

    @property
    def is_plain(self) -> bool:
        """Whether all that changed follows from what was posted: alerts that are new, and nothing else."""
        changes = self.received.changes
        return len(changes.alerts) == len(changes.transitions) == len(self.new) > 0

    @property
    def places(self) -> Sequence[int]:
        """Which alerts of the request were new; empty when all were."""
        return () if len(self.new) == self.reports else self.new


class Intake:
    """Turns what clients post into what the engine takes in (`semantics.md` 1.1).

    A known alert whose labels, annotations, start and generator URL come in the very bytes they came in before is a
    heartbeat: it costs a look-up and moves the end, nothing is decoded or compared further.
    """

    def __init__(self, engine: Engine, mode: Mode) -> None:
        self._engine = engine
        self._mode = mode
        # By a digest of the bytes of the labels, which are several times as long.
        self._seen: dict[bytes, Known] = {}
        # How many there were, and how many alerts were known, when those that were gone were last let go.
        self._looked_through = (0, 0)
        self._seed = secrets.randbits(64)
        self._moments: dict[str | None, tuple[Moment | None, int]] = {}

    def read(self, posted: Iterable[RawAlert]) -> list[Report | Again]:
        """Read posted alerts without taking them in. Raises ``SchemaError`` when one of them cannot be read."""
        moments, seen, seed = self._moments, self._seen, self._seed
        moments.clear()
        moments[None] = (None, 0)
        reports: list[Report | Again] = []
        for raw in posted:
            starts = moments.get(raw.startsAt) or self._moment(raw.startsAt)
            ends = moments.get(raw.endsAt) or self._moment(raw.endsAt)
            key = xxh3_128_digest(raw.labels, seed)
            digest = xxh3_128_digest(raw.annotations, seed)
            known = seen.get(key)
            if known is not None and known.posted == digest:
                reports.append((known, raw, key, digest, starts, ends))
            else:
                reports.append(read_report(raw, key, digest, starts, ends))
        return reports

    def take(self, reports: Sequence[Report | Again], now: Moment) -> Taken:
        """Take in what was read."""
        taken = Taken(reports=len(reports))
        for place, report in enumerate(reports):
            if len(report) != 6:
                self._take(report, place, taken, now)
            elif self._heartbeat(report, now):
                taken.firing += 1
            else:
                # What its bytes say is known, but it says more than that the alert goes on.
                self._take(read_report(*report[1:]), place, taken, now)
        self._bound()
        return taken

    def _take(self, report: Report, place: int, taken: Taken, now: Moment) -> None:
        engine = self._engine
        alert = alert_of(report, now, engine.routing.resolve_timeout)
        labels, annotations, names, other_names, _, key, posted, _, _ = report
        assert alert.ends_at is not None
        if alert.ends_at > now:
            taken.firing += 1
        else:
            taken.resolved += 1
        if not (
            labels
            and alert.ends_at >= alert.starts_at
            and self._mode in names.valid_in
            and self._mode in other_names.valid_in
        ):
            # Values need no look: what comes over the wire is Unicode, or was made so.
            problem = problem_with(alert, self._mode)
            if problem is not None:
                taken.problems.append(problem)
                return
        known = engine.known.get(labels)
        if known is None:
            known = engine.first_seen(alert, taken.received, now)
            if known is None:
                return
            taken.new.append(place)
        else:
            engine.seen_again(known, alert, taken.received, now)
            if not known.has_annotations(annotations):
                return
        self._seen[key] = known
        known.posted = posted

    def _heartbeat(self, report: Again, now: Moment) -> bool:
        """Take in a report that says nothing new but a later end; False when it says more."""
        known, raw, _, posted, (starts_at, _), (ends_at, offset) = report
        if (
            known.gone
            or known.ends_at <= now
            or known.posted != posted
            or starts_at is None
            or not known.starts_at <= starts_at < known.ends_at
            or known.generator_url != (raw.generatorURL or "")
        ):
            return False
        is_timeout = ends_at is None
        if ends_at is None:
            ends_at = now + self._engine.routing.resolve_timeout
        if ends_at <= now or (known.timeout and ends_at < known.ends_at):
            return False
        self._engine.beat(known, ends_at, now, timeout=is_timeout, ends_offset=offset)
        return True

    def _moment(self, text: str | None) -> tuple[Moment | None, int]:
        found = self._moments[text] = read_moment(text)
        return found

    def _bound(self) -> None:
        """Let go of alerts that are gone, and of bytes that clients write in ever new ways.

        It is looked through when there is more than there should be, and an eighth more of it, or less to be known, than when
        it was last looked through: some alerts are written in two ways all the time.
        """
        seen, count = self._seen, len(self._engine.known)
        if len(seen) <= count + count // 8 + 1000:
            return
        seen_then, count_then = self._looked_through
        if len(seen) <= seen_then + seen_then // 8 and count >= count_then - count_then // 8:
            return
        self._seen = {key: known for key, known in seen.items() if not known.gone}
        if len(self._seen) > 2 * count + 1000:
            self._seen.clear()
        self._looked_through = (len(self._seen), count)
