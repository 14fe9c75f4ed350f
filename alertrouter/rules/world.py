"""What groups of rules are evaluated in, and what is counted of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from alertrouter.clock import Timer
    from alertrouter.core.rule_state import RuleChanges
    from alertrouter.rules.options import Options
    from alertrouter.rules.ports import Backend, Notifier, Writer


@dataclass(slots=True, kw_only=True)
class World:
    """What groups are evaluated in; a reload may put others in its places. ``remember`` writes what changed; nobody waits
    for it.
    """

    options: Options
    backend: Backend
    notifier: Notifier
    writer: Writer | None
    clock: Timer
    remember: Callable[[RuleChanges], object]


@dataclass(slots=True)
class Counts:
    """What became of the evaluations of a group, since the process started.

    ``resets``: the clock was set back so far that waiting for the next slot began anew. ``resent``: alerts told again
    while the query of their rule failed. ``template_failures``: texts that could not be rendered. ``left_out``: native histograms that were not recorded.
    """

    iterations: int = 0
    missed: int = 0
    resets: int = 0
    evaluations: int = 0
    failures: int = 0
    resent: int = 0
    template_failures: int = 0
    left_out: int = 0
    rule_seconds: float = 0.0
    restore_seconds: float = 0.0
    seconds: float = 0.0
