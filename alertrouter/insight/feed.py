"""An engine that lives through a record: alerts, silences and configurations come as they came then."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from alertrouter.engine.changes import Changes, Transition
from alertrouter.engine.checkpoint import resume
from alertrouter.engine.engine import Engine
from alertrouter.engine.view import FAR

if TYPE_CHECKING:
    from alertrouter.core.routing import Routing
    from alertrouter.core.time import Moment
    from alertrouter.engine.changes import AlertTransition, SilenceChange
    from alertrouter.engine.checkpoint import Checkpoint
    from alertrouter.engine.engine import EngineSettings
    from alertrouter.engine.known import Known
    from alertrouter.insight.record import Lapsed

_ENDED = {Transition.RESOLVED, Transition.RESOLVED_AGAIN}


class Feed:
    """Gives an engine what the record says. Alerts fire without an end until the record tells of one."""

    def __init__(self, routing: Routing, settings: EngineSettings, checkpoint: Checkpoint) -> None:
        self.engine = _engine(routing, settings)
        resume(self.engine, checkpoint)
        self._endless: dict[int, Known] = {}
        self._uncollected: dict[int, AlertTransition] = {}
        self._changes = Changes()
        for known in self.engine.known.values():
            if known.ends_at > checkpoint.at:
                known.ends_at = FAR
                self._endless[known.labels.identity] = known

    def restart(self, settings: EngineSettings, seen_at: Moment, now: Moment) -> None:
        """Let another engine go on with what this one would have stored."""
        before = self.engine
        self.engine = _engine(before.routing, settings)
        self.engine.load(before.stored_state(seen_at), now)
        self._endless = {
            known.labels.identity: known for known in self.engine.known.values() if known.ends_at == FAR
        }

    def alert(self, transition: AlertTransition) -> None:
        """What became of an alert."""
        kind = transition.kind
        if kind is Transition.EXPIRED:
            return  # its end passed: see ``lapsed``
        identity = transition.alert.labels.identity
        if kind is Transition.COLLECTED:
            self._collect(identity, transition)
            return
        known = self._retake(transition, transition.at)
        assert known is not None, "it was not forgotten"
        if kind in _ENDED:
            self._endless.pop(identity, None)
        else:
            known.ends_at = FAR
            self._endless[identity] = known
            if self._uncollected:
                self._uncollected.pop(identity, None)

    def _retake(self, transition: AlertTransition, now: Moment) -> Known | None:
        changes = self._changes
        known = self.engine.retake(transition, changes, now)
        # Nobody remembers what changed: groups that were made or hurried.
        if changes.groups:
            changes.groups.clear()
        return known

    def _collect(self, identity: int, transition: AlertTransition) -> None:
        """Forget an alert; one that a group still has to tell of, later."""
        self._endless.pop(identity, None)
        waiting = self._uncollected
        waiting[identity] = transition
        for each in list(islice(waiting, _AT_ONCE)):
            collected = waiting.pop(each)
            self._retake(collected, transition.at)
            if collected.alert.labels in self.engine.known:
                # To the end of the queue.
                waiting[each] = collected

    def lapsed(self, lapsed: Lapsed) -> None:
        """The end of an alert passed."""
        known = self._endless.pop(lapsed.identity, None)
        if known is not None:
            self.engine.lapse(known, lapsed.at, lapsed.at)

    def silence(self, change: SilenceChange) -> None:
        """A silence is as this says from now on."""
        self.engine.retake_silence(change.silence, change.at)


def _engine(routing: Routing, settings: EngineSettings) -> Engine:
    engine = Engine(routing, settings)
    # Nobody reads the messages.
    engine.flusher.judge.shows_alerts = False
    return engine


# So many alerts that could not be forgotten yet are looked at again whenever one can.
_AT_ONCE = 3
