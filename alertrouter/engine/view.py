"""A group as it stands at one moment: who fires, who is resolved, and who is kept back by what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alertrouter.core.reason import MutedBy, NotSent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from alertrouter.core.route import Route
    from alertrouter.core.silence import Silence
    from alertrouter.core.time import Moment
    from alertrouter.core.time_interval import TimeInterval
    from alertrouter.engine.inhibition import InhibitionIndex
    from alertrouter.engine.known import Known
    from alertrouter.engine.silences import SilenceIndex

# Moments lie before this; it stands for "never" where a smallest one is looked for.
FAR = 1 << 63


class View:
    """The members of a group after suppression.

    ``muted`` tells for each member kept back what does it, ready for people: ``silence:<id>``,
    ``inhibition:<rule>:<fingerprint of the source>``, ``interval:<name>``. ``free_at`` is the earliest moment at
    which something that mutes a firing member ends by itself, as far as is known. ``ended`` are sources that inhibit a
    member no longer because their end passed, which nobody noticed before.
    """

    __slots__ = ("ended", "firing", "free_at", "muted", "muted_firing", "resolved", "suppressed")

    def __init__(self) -> None:
        self.firing: list[Known] = []
        self.resolved: list[Known] = []
        self.muted: dict[Known, tuple[str, ...]] = {}
        self.muted_firing: list[Known] = []
        self.suppressed: dict[MutedBy, int] = {}
        self.free_at: Moment = FAR
        self.ended: dict[Known, None] = {}

    @property
    def why_all_muted(self) -> NotSent:
        """The reason to give when every member is kept back."""
        if len(self.suppressed) > 1:
            return NotSent.MUTED_FOR_SEVERAL_REASONS
        return _WHY[next(iter(self.suppressed))]


_WHY = {
    MutedBy.INHIBITION: NotSent.INHIBITED,
    MutedBy.SILENCE: NotSent.SILENCED,
    MutedBy.MUTE_TIME_INTERVAL: NotSent.MUTED,
    MutedBy.ACTIVE_TIME_INTERVAL: NotSent.MUTED,
}


@dataclass(frozen=True, slots=True)
class Suppression:
    """Everything that can keep an alert back."""

    inhibition: InhibitionIndex
    silences: SilenceIndex
    time_intervals: Mapping[str, TimeInterval]

    def view(self, route: Route, members: Iterable[Known], now: Moment, tick: Moment) -> View:
        """Look at the members of a group of this route.

        Compat: inhibition, active intervals, mute intervals, silences, in this order, each only for what the ones
        before left over; users and the suppressed metric rely on it. Firing and resolved alerts are muted alike.
        """
        view = View()
        left = [known for known in members if not self._inhibited(known, now, view)]
        if left and (route.active_time_intervals or route.mute_time_intervals):
            muted_by, names, until = self._muted_by_time(route, tick)
            if muted_by is not None:
                causes = tuple([f"interval:{name}" for name in names])
                for known in left:
                    self._mute(view, known, muted_by, causes, until, now)
                left = []
        last: tuple[Silence, ...] = ()
        causes = ()
        for known in left:
            silences = self.silences.covering(known, now)
            if silences:
                if silences != last:
                    # One for all that the same silences mute: it is remembered with the group.
                    last, causes = silences, tuple([f"silence:{silence.id}" for silence in silences])
                until = max(silence.ends_at for silence in silences) + 1
                self._mute(view, known, MutedBy.SILENCE, causes, until, now)
            elif known.ends_at <= now:
                view.resolved.append(known)
            else:
                view.firing.append(known)
        return view

    def interval_names(self, route: Route, tick: Moment) -> list[str]:
        """The time intervals that mute this route at this moment; empty when none does."""
        return self._muted_by_time(route, tick)[1]

    def _inhibited(self, known: Known, now: Moment, view: View) -> bool:
        inhibitor = self.inhibition.inhibitor(known, now, view.ended)
        if inhibitor is None:
            return False
        rule, source = inhibitor
        cause = f"inhibition:{rule.name}:{source.labels.fingerprint_text}"
        self._mute(view, known, MutedBy.INHIBITION, (cause,), source.ends_at, now)
        return True

    def _muted_by_time(self, route: Route, tick: Moment) -> tuple[MutedBy | None, list[str], Moment]:
        active, mute = route.active_time_intervals, route.mute_time_intervals
        if active and not any(self.time_intervals[name].contains(tick) for name in active):
            return MutedBy.ACTIVE_TIME_INTERVAL, list(active), self._next_change(active, tick)
        names = [name for name in mute if self.time_intervals[name].contains(tick)]
        if names:
            return MutedBy.MUTE_TIME_INTERVAL, names, self._next_change(names, tick)
        return None, [], FAR

    def _next_change(self, names: Iterable[str], tick: Moment) -> Moment:
        changes = [self.time_intervals[name].next_change(tick) for name in names]
        return min((change for change in changes if change is not None), default=FAR)

    @staticmethod
    def _mute(
        view: View, known: Known, by: MutedBy, causes: tuple[str, ...], until: Moment, now: Moment
    ) -> None:
        view.muted[known] = causes
        view.suppressed[by] = view.suppressed.get(by, 0) + 1
        if known.ends_at > now:
            view.muted_firing.append(known)
            view.free_at = min(view.free_at, until)
