"""What happens to an engine as a whole: it starts, stops, is given another configuration, forgets what is past its time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.core.routing import Routing
    from alertrouter.core.time import Duration, Moment
    from alertrouter.engine.checkpoint import Checkpoint
    from alertrouter.engine.engine import EngineSettings
    from alertrouter.engine.slot import Slot


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconfigured:
    """This configuration came into force; ``routing`` is as the engine has it, with the identities routes had before.

    A start is told of by one of these and then ``Started``.
    """

    at: Moment
    routing: Routing


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A process began, and had loaded what was remembered: the engine is as the checkpoint says.

    ``seen_at`` is the last moment the store is known to have been followed before, None for an empty store, and
    ``end_grace`` what was added to the ends of alerts. ``cut_off``: the messages that were on their way when a process ended,
    and when they were begun; nobody knows whether they arrived.
    """

    at: Moment
    settings: EngineSettings
    checkpoint: Checkpoint
    seen_at: Moment | None = None
    end_grace: Duration = 0
    cut_off: Mapping[Slot, Moment] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpointed:
    """The engine as it was while a process ran."""

    at: Moment
    settings: EngineSettings
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A process ended in order."""

    at: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintained:
    """Entries of the notification log that were past their time were forgotten."""

    at: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSet:
    """The clock of the machine was set: it would have been ``before``."""

    at: Moment
    before: Moment


Milestone = Reconfigured | Started | Checkpointed | Stopped | Maintained | ClockSet
