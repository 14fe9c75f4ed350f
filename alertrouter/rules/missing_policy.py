"""What may be said of alerts whose data are gone while they fire, in files and by flags."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple


class MissingPolicy(StrEnum):
    """What an alert that fires does without data."""

    RESOLVE = "resolve"
    """It is over, as in Prometheus."""
    KEEP = "keep"
    """It fires on for some evaluations."""
    ALERT = "alert"
    """It is over, and another alert fires that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingData:
    """A policy, and for how many evaluations an alert is kept."""

    policy: MissingPolicy = MissingPolicy.RESOLVE
    evaluations: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingDataKeys:
    """What a group or a rule says of it; None where it says nothing."""

    policy: MissingPolicy | None = None
    evaluations: int | None = None

    def over(self, other: MissingDataKeys) -> MissingDataKeys:
        """What is said here, and for the rest what is said there."""
        return MissingDataKeys(
            policy=other.policy if self.policy is None else self.policy,
            evaluations=other.evaluations if self.evaluations is None else self.evaluations,
        )

    def or_else(self, default: MissingData) -> MissingData:
        """What is said here, and the default for the rest."""
        return MissingData(
            policy=default.policy if self.policy is None else self.policy,
            evaluations=default.evaluations if self.evaluations is None else self.evaluations,
        )


#: What most of them say.
NOTHING_SAID: Final = MissingDataKeys()
AS_PROMETHEUS: Final = MissingData()


class Presence(NamedTuple):
    """How it is found out whether the data of a rule are there.

    ``expression`` gives a series for each alert that has data; empty when there is none such. ``asks_for_absence``: the rule
    fires because data are missing, so that nothing of this is for it.
    """

    expression: str
    asks_for_absence: bool = False
