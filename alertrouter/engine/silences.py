"""Which alerts are silenced, and by which silences: an index over all silences (`semantics.md` 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.core.silence import Silence, SilenceState
from alertrouter.engine.candidates import Candidates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from alertrouter.core.time import Moment
    from alertrouter.engine.known import Known

# With more new silences than this since an alert was last looked at, the index is faster than trying each.
_FEW = 16


class SilenceIndex:
    """All silences that are stored. ``version`` counts what may change an answer, apart from time passing."""

    def __init__(self) -> None:
        self.by_id: dict[str, Silence] = {}
        self.version = 1
        self._candidates: Candidates[str] = Candidates()
        # The versions at which silences were added, oldest first; cleared when one was changed or removed.
        self._added: list[str] = []
        self._added_since = 1
        self._next_start: Moment | None = None

    def load(self, silences: Iterable[Silence]) -> None:
        """Take over silences that were stored before."""
        for silence in silences:
            self._insert(silence)
        self._changed()

    def put(self, silence: Silence) -> None:
        """Add a silence, or replace the one with the same id."""
        previous = self.by_id.get(silence.id)
        if previous is None:
            self._insert(silence)
            self.version += 1
            self._added.append(silence.id)
        else:
            self._remove(previous)
            self._insert(silence)
            self._changed()

    def remove(self, silence_id: str) -> None:
        """Forget a silence."""
        self._remove(self.by_id[silence_id])
        self._changed()

    def covering(self, known: Known, now: Moment) -> tuple[Silence, ...]:
        """The silences that mute this alert now."""
        if not self.by_id:
            return ()
        if known.silences_version != self.version:
            self._refresh(known)
        if not known.silences:
            return ()
        return tuple([s for s in known.silences if s.state(now) is SilenceState.ACTIVE])

    def next_start(self, now: Moment) -> Moment | None:
        """When the next pending silence becomes active; None when none is pending."""
        if self._next_start is not None and self._next_start <= now:
            self._next_start = self._find_next_start(now)
        return self._next_start

    def _find_next_start(self, now: Moment) -> Moment | None:
        return min((s.starts_at for s in self.by_id.values() if s.starts_at > now), default=None)

    def _refresh(self, known: Known) -> None:
        labels = known.labels
        new = known.silences_version - self._added_since
        if new >= 0 and len(self._added) - new <= _FEW:
            fresh = [s for id_ in self._added[new:] if (s := self.by_id[id_]).covers(labels)]
            if fresh:
                known.silences += tuple(fresh)
        else:
            known.silences = tuple(self._matching(known))
        known.silences_version = self.version

    def _matching(self, known: Known) -> Iterator[Silence]:
        for silence_id in dict.fromkeys(self._candidates.of(known.labels)):
            silence = self.by_id[silence_id]
            if silence.covers(known.labels):
                yield silence

    def _insert(self, silence: Silence) -> None:
        self.by_id[silence.id] = silence
        for matchers in silence.matcher_sets:
            self._candidates.add(silence.id, matchers)
        # Whether it lies in the past is found out when it is asked for.
        if self._next_start is None or silence.starts_at < self._next_start:
            self._next_start = silence.starts_at

    def _remove(self, silence: Silence) -> None:
        del self.by_id[silence.id]
        for matchers in silence.matcher_sets:
            self._candidates.remove(silence.id, matchers)

    def _changed(self) -> None:
        self.version += 1
        self._added.clear()
        self._added_since = self.version
