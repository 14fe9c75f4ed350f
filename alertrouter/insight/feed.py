"""An engine that lives through a record: alerts, silences and configurations come as they came then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.core.alert import Alert
from alertrouter.engine.changes import AlertTransition, Changes, Transition
from alertrouter.engine.checkpoint import resume
from alertrouter.engine.engine import Engine
from alertrouter.engine.view import FAR

if TYPE_CHECKING:
    from alertrouter.core.routing import Routing
    from alertrouter.core.time import Moment
    from alertrouter.engine.changes import SilenceChange
    from alertrouter.engine.checkpoint import Checkpoint
    from alertrouter.engine.engine import EngineSettings
    from alertrouter.engine.known import Known
    from alertrouter.insight.record import Lapsed

_ENDED = {Transition.RESOLVED, Transition.RESOLVED_AGAIN}


class Feed:
    """Gives an engine what the record says. Alerts fire without an end until the record tells of one."""

    def __init__(self, routing: Routing, settings: EngineSettings, checkpoint: Checkpoint) -> None:
        self.engine = Engine(routing, settings)
        resume(self.engine, checkpoint)
        self._endless: dict[int, Known] = {}
        self._uncollected: dict[int, AlertTransition] = {}
        for known in self.engine.known.values():
            if known.ends_at > checkpoint.at:
                known.ends_at = FAR
                self._endless[known.labels.identity] = known

    def restart(self, settings: EngineSettings, seen_at: Moment, now: Moment) -> None:
        """Let another engine go on with what this one would have stored."""
        before = self.engine
        self.engine = Engine(before.routing, settings)
        self.engine.load(before.stored_state(seen_at), now)
        self._endless = {
            known.labels.identity: known for known in self.engine.known.values() if known.ends_at == FAR
        }

    def alert(self, transition: AlertTransition) -> Known | None:
        """What became of an alert; the alert, None when it is forgotten."""
        identity = transition.alert.labels.identity
        if transition.kind in _ENDED:
            self._endless.pop(identity, None)
        elif transition.kind is Transition.COLLECTED:
            self._collect(identity, transition)
            return None
        elif transition.kind is not Transition.EXPIRED:
            transition = _endless(transition)
        known = self.engine.retake(transition, Changes(), transition.at)
        if known is not None and known.ends_at == FAR:
            self._endless[identity] = known
            self._uncollected.pop(identity, None)
        return known

    def _collect(self, identity: int, transition: AlertTransition) -> None:
        """Forget an alert; one that a group still has to tell of, later."""
        self._endless.pop(identity, None)
        self._uncollected[identity] = transition
        for waiting, each in list(self._uncollected.items())[:_AT_ONCE]:
            self.engine.retake(each, Changes(), transition.at)
            del self._uncollected[waiting]
            if each.alert.labels in self.engine.known:
                # To the end of the queue.
                self._uncollected[waiting] = each

    def lapsed(self, lapsed: Lapsed) -> None:
        """The end of an alert passed."""
        known = self._endless.pop(lapsed.identity, None)
        if known is not None:
            self.engine.lapse(known, lapsed.at, lapsed.at)

    def silence(self, change: SilenceChange) -> None:
        """A silence is as this says from now on."""
        self.engine.retake_silence(change.silence, change.at)


def _endless(transition: AlertTransition) -> AlertTransition:
    alert = transition.alert
    return AlertTransition(
        at=transition.at,
        kind=transition.kind,
        alert=Alert(
            labels=alert.labels,
            annotations=alert.annotations,
            starts_at=alert.starts_at,
            ends_at=FAR,
            updated_at=alert.updated_at,
        ),
    )


# So many alerts that could not be forgotten yet are looked at again whenever one can.
_AT_ONCE = 3
