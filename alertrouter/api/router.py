"""What the API asks of the daemon behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection

    from alertrouter.api.caller import Caller
    from alertrouter.core.receiver import Integration, Receiver
    from alertrouter.core.silence import Silence
    from alertrouter.core.time import Moment
    from alertrouter.delivery.status import LaneStatus, TrialOutcome
    from alertrouter.engine.engine import Engine
    from alertrouter.engine.group import AggregationGroup
    from alertrouter.follow import Follower
    from alertrouter.peer import Peer


class UnavailableError(Exception):
    """It cannot be done now and may be tried again: the database cannot be written or read, or too many ask at once.

    Answered with 503 and the message.
    """


class ReloadError(Exception):
    """The configuration cannot be used, the message says why; the old one stays in force."""


class Router(Protocol):
    """The daemon, as the API sees it. What is read is read from the engine, between two awaits."""

    @property
    def engine(self) -> Engine:
        """The live state."""

    @property
    def original_config(self) -> str:
        """The configuration in force, written out with its defaults and with secrets masked."""

    @property
    def started_at(self) -> Moment:
        """When this process started."""

    @property
    def peer(self) -> Peer | None:
        """This process as a member of a cluster; None when it is not to be one."""

    def now(self) -> Moment:
        """What time it is."""

    def not_ready(self) -> str | None:
        """Why requests should go elsewhere, in words; None when ready."""

    def route_labels(self, group: AggregationGroup, now: Moment) -> Mapping[str, str]:
        """The labels of the group's route, templates rendered on its alerts. Only asked where there are templates."""

    def take_in(self, body: bytes) -> list[str] | Awaitable[list[str]]:
        """Take in the alerts of a request body; what is wrong with those that were left out.

        Known at once when nothing is to be stored, as with alerts that are known, and awaited until it is otherwise.
        Raises ``wire.SchemaError`` (nothing was taken in) or ``UnavailableError``, here or when it is awaited.
        """

    async def save_silence(self, proposed: Silence) -> Silence:
        """Create or edit a silence; returns, once it is stored, the one that is in force.

        Raises ``InvalidSilence``, ``SilenceNotFound`` or ``UnavailableError``.
        """

    async def expire_silence(self, silence_id: str) -> None:
        """End a silence; returns once that is stored. Raises ``SilenceNotFound`` or ``UnavailableError``."""

    def lanes(self) -> Sequence[LaneStatus]:
        """How every integration that was told something since the start is doing."""

    async def try_out(
        self,
        receiver: Receiver,
        integrations: Sequence[Integration],
        *,
        labels: Mapping[str, str],
        annotations: Mapping[str, str],
    ) -> Sequence[TrialOutcome]:
        """Send a test message through these integrations of a receiver; what each answered, in order."""

    def acted(self, action: str, subject: str, caller: Caller, outcome: str = "") -> None:
        """Note what somebody did; see ``store.history.Action``."""

    async def settled(self) -> None:
        """Return when what was answered before this is in the record; soon all the same when the database fails."""

    def reader(self) -> AbstractContextManager[Connection]:
        """A connection for ``store.history``; to be used in a thread. Raises ``StoreError``."""

    @property
    def follower(self) -> Follower:
        """The end of the record."""

    async def reload(self) -> None:
        """Read the configuration file and go on under it. Raises ``ReloadError``."""
