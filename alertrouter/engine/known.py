"""What the engine knows of one alert."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.core.alert import Alert
from alertrouter.core.labels import pack, unpack
from alertrouter.engine.changes import MovedEnd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.core.labels import Labels
    from alertrouter.core.route import Route
    from alertrouter.core.silence import Silence
    from alertrouter.core.time import Moment
    from alertrouter.engine.group import AggregationGroup
    from alertrouter.engine.inhibition import Target


class Known:
    """The engine's record of one label set: its current report, and what follows from it.

    It changes in place, so that a heartbeat, which moves nothing but the end, costs next to nothing.
    ``listing`` is free for whoever lists alerts: a serialised form, forgotten whenever anything but
    ``ends_at`` and ``updated_at`` changes. ``posted`` is free for whoever takes alerts in: how the annotations were
    written in the report that is current, forgotten with it. ``over`` says that the end of this episode was recorded, ``gone`` that the
    engine has forgotten the alert.
    """

    __slots__ = (
        "_annotations",
        "ends_at",
        "ends_offset",
        "generator_url",
        "gone",
        "groups",
        "labels",
        "listing",
        "over",
        "posted",
        "routes",
        "silences",
        "silences_version",
        "starts_at",
        "starts_offset",
        "targets",
        "timeout",
        "updated_at",
    )

    def __init__(self, alert: Alert, routes: tuple[Route, ...]) -> None:
        self.labels: Labels = alert.labels
        self.routes = routes
        self.groups: tuple[AggregationGroup, ...] = ()
        self.over = False
        self.gone = False
        self.listing: object
        self.targets: tuple[Target, ...] | None = None
        self.silences: tuple[Silence, ...] = ()
        self.silences_version = 0
        self.take(alert)

    def take(self, alert: Alert) -> None:
        """Let this report be the current one."""
        assert alert.ends_at is not None
        self._annotations = pack(alert.annotations)
        self.starts_at: Moment = alert.starts_at
        self.ends_at: Moment = alert.ends_at
        self.updated_at: Moment = alert.updated_at
        self.generator_url = alert.generator_url
        self.timeout = alert.timeout
        self.starts_offset = alert.starts_offset
        self.ends_offset = alert.ends_offset
        self.listing = None
        self.posted: bytes | None = None

    @property
    def annotations(self) -> Labels:
        """Those of the current report. Made anew each time: they are looked at when somebody is told, or asks."""
        return unpack(self._annotations)

    def annotation_pairs(self) -> dict[str, str]:
        """The same, bare: for who encodes thousands of them."""
        # As ``unpack_pairs``, without another call: lists ask this of every alert.
        packed = self._annotations
        return dict(zip(packed[0], packed[1:])) if packed else {}  # type: ignore[arg-type]  # noqa: B905

    def has_annotations(self, annotations: Mapping[str, str]) -> bool:
        """Whether these are those of the current report."""
        return self._annotations == pack(annotations)

    def join(self, group: AggregationGroup) -> None:
        """Belong to a group, too."""
        self.groups = (*self.groups, group) if self.groups else group.alone

    def leave(self, group: AggregationGroup) -> None:
        """Belong to a group no longer."""
        self.groups = tuple([each for each in self.groups if each is not group])

    def alert(self) -> Alert:
        """The current report as a value."""
        return self._value(self.ends_at)

    def moved_end(self) -> MovedEnd:
        """What a heartbeat may have changed."""
        return MovedEnd(self.labels, self.ends_at, self.updated_at, self.timeout, self.ends_offset)

    def as_told(self, now: Moment) -> Alert:
        """The alert as a message shows it: without an end while it fires."""
        return self._value(self.ends_at if self.ends_at <= now else None)

    def _value(self, ends_at: Moment | None) -> Alert:
        return Alert(
            labels=self.labels,
            annotations=self.annotations,
            starts_at=self.starts_at,
            ends_at=ends_at,
            updated_at=self.updated_at,
            generator_url=self.generator_url,
            timeout=self.timeout,
            starts_offset=self.starts_offset,
            ends_offset=self.ends_offset,
        )
