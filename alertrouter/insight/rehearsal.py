"""A router on a clock that is told: the real engine, and receivers that take every message at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alertrouter.core.alert import Alert, problem_with
from alertrouter.core.labels import Labels
from alertrouter.core.time import DAY
from alertrouter.engine.decision import Quiet
from alertrouter.engine.engine import Engine, EngineSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.core.notification import Notification
    from alertrouter.core.routing import Routing
    from alertrouter.core.silence import Silence
    from alertrouter.core.time import Moment
    from alertrouter.engine.decision import Send

# Longer than any story: an alert fires until it is resolved.
_LONG = 3650 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A message that went out. ``integration`` is its key within the receiver."""

    at: Moment
    receiver: str
    integration: str
    notification: Notification


class Rehearsal:
    """Plays what would happen under a routing. ``told`` are the messages so far, in order."""

    def __init__(self, routing: Routing, now: Moment, settings: EngineSettings | None = None) -> None:
        self.engine = Engine(routing, settings or EngineSettings(started_at=now))
        self.now = now
        self.told: list[Told] = []
        self._silences = 0

    def until(self, moment: Moment) -> None:
        """Let time pass up to this moment, with everything that is due before and at it."""
        while (due := self.engine.next_due()) is not None and due <= moment:
            self.now = max(self.now, due)
            flushes, _ = self.engine.flush(self.now)
            for flush in flushes:
                for send in flush.sends:
                    self._send(send)
        self.now = max(self.now, moment)

    def _send(self, send: Send) -> None:
        current = self.engine.renew(send, self.now)
        if isinstance(current, Quiet):
            self.engine.withdrawn(send, current, self.now, attempts=0)
            return
        self.told.append(
            Told(
                at=self.now,
                receiver=current.slot.receiver,
                integration=current.slot.integration,
                notification=current.notification,
            )
        )
        self.engine.delivered(current, self.now, None, attempts=1)

    def fire(self, labels: Mapping[str, str], annotations: Mapping[str, str]) -> None:
        """Report an alert as firing; it does so until it is resolved. Raises ValueError for one that no client may post."""
        known = self.engine.known.get(Labels(labels))
        going_on = known is not None and known.ends_at > self.now
        self._report(
            Alert(
                labels=Labels(labels),
                annotations=Labels(annotations),
                starts_at=known.starts_at if known is not None and going_on else self.now,
                ends_at=self.now + _LONG,
                updated_at=self.now,
            )
        )

    def resolve(self, labels: Mapping[str, str]) -> None:
        """Report an alert as resolved. Raises ValueError when it does not fire."""
        known = self.engine.known.get(Labels(labels))
        if known is None or known.ends_at <= self.now:
            raise ValueError(f"the alert {Labels(labels).text()} does not fire: it cannot be resolved")
        self._report(
            Alert(
                labels=known.labels,
                annotations=known.annotations,
                starts_at=known.starts_at,
                ends_at=self.now,
                updated_at=self.now,
            )
        )

    def _report(self, alert: Alert) -> None:
        if problem := problem_with(alert, self.engine.settings.mode):
            raise ValueError(problem)
        self.engine.receive([alert], self.now)

    def silence(self, silence: Silence) -> Silence:
        """Create a silence. Raises ``InvalidSilence``."""
        self._silences += 1
        saved, _ = self.engine.save_silence(
            silence, self.now, f"00000000-0000-4000-8000-{self._silences:012}"
        )
        return saved

    def expire(self, silence: Silence) -> None:
        """End a silence now."""
        self.engine.expire_silence(silence.id, self.now)

    def reload(self, routing: Routing) -> None:
        """Go on under another configuration."""
        self.engine.reconfigure(routing, self.now)
