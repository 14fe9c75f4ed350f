"""At most so many live alerts of one alertname (`semantics.md` 1.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alertrouter.core.time import Moment
    from alertrouter.engine.known import Known


class AlertnameLimit:
    """Counts the alerts of each alertname; 0 as the limit admits all, and ``is_on`` tells that there is another."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.is_on = limit > 0
        self._admitted: dict[str, set[Known]] = {}

    def admits(self, alertname: str, known: Known | None, now: Moment) -> bool:
        """Whether an alert of this name may come in; one that was admitted before always may."""
        if self._limit <= 0:
            return True
        admitted = self._admitted.get(alertname)
        if admitted is None or len(admitted) < self._limit or known in admitted:
            return True
        for each in [k for k in admitted if k.ends_at < now]:
            admitted.discard(each)
        return len(admitted) < self._limit

    def count(self, alertname: str, known: Known) -> None:
        """Let an admitted alert take its place."""
        if self._limit > 0:
            self._admitted.setdefault(alertname, set()).add(known)

    def forget(self, known: Known) -> None:
        """Free the place of an alert that was collected."""
        admitted = self._admitted.get(known.labels.get("alertname", ""))
        if admitted is not None:
            admitted.discard(known)
            if not admitted:
                del self._admitted[known.labels.get("alertname", "")]
