"""What the clients were promised, and what the receivers were told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class State(Enum):
    """What the daemon last acknowledged about an alert or a silence, or that it was asked and did not answer."""

    UNKNOWN = "never acknowledged"
    ON = "firing, or in force"
    OFF = "resolved, or expired"
    IN_DOUBT = "asked for something, and killed before it answered"


@dataclass(slots=True)
class Promise:
    """About one alert or silence. ``asked`` is what the request that is under way wants."""

    state: State = State.UNKNOWN
    asked: State | None = None
    ever_ended: bool = False

    def ask(self, wanted: State) -> None:
        """A request leaves."""
        self.asked = wanted
        self.ever_ended |= wanted is State.OFF

    def acknowledge(self) -> None:
        """It was answered with 200."""
        assert self.asked is not None
        self.state, self.asked = self.asked, None

    def crash(self) -> None:
        """Whoever is asked something does not answer any more."""
        if self.asked is not None:
            self.state, self.asked = State.IN_DOUBT, None

    def found(self, there: bool, what: str) -> str | None:
        """Compare with what the daemon shows after its restart; what is wrong. A doubt ends here."""
        shown = State.ON if there else State.OFF
        if self.state in (State.ON, State.OFF) and self.state is not shown:
            return f"{what} was acknowledged as {self.state.value}, and is shown as {shown.value}"
        if self.state is State.IN_DOUBT or there:
            self.state = shown
        return None


class Told(NamedTuple):
    """One message that a receiver took. ``life`` counts the processes; ``at`` is in seconds since the epoch."""

    path: str
    group_key: str
    status: Mapping[str, str]  # of each alert in it, by name and instance
    at: float
    life: int


@dataclass(slots=True)
class Ledger:
    """All of it."""

    alerts: dict[str, Promise] = field(default_factory=dict)
    silences: dict[str, Promise] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)

    def crash(self) -> None:
        """The process is dead."""
        for promise in (*self.alerts.values(), *self.silences.values()):
            promise.crash()

    def compare(
        self, alerts: Iterable[Mapping[str, Any]], silences: Iterable[Mapping[str, Any]]
    ) -> list[str]:
        """What the daemon lost, or brought back, of what it had acknowledged."""
        there = {name_of(alert["labels"]) for alert in alerts}
        # A silence is known by its comment: whoever asked for it may never have got its id.
        in_force = {str(silence["comment"]) for silence in silences if silence["status"]["state"] == "active"}
        problems = [self.alerts[name].found(name in there, f"alert {name}") for name in self.alerts]
        problems += [self.silences[name].found(name in in_force, f"silence {name}") for name in self.silences]
        return [problem for problem in problems if problem]

    def heard(self, path: str, body: bytes, at: float, life: int) -> None:
        """A receiver took a message."""
        message = json.loads(body)
        status = {name_of(alert["labels"]): str(alert["status"]) for alert in message["alerts"]}
        self.told.append(Told(path, message["groupKey"], status, at, life))


def name_of(labels: Mapping[str, str]) -> str:
    """The name of an alert here."""
    return f"{labels['alertname']}/{labels['instance']}"


def team_of(instance: str) -> str:
    """The team of an alert here; that of team ``b`` is told to one receiver more."""
    return "b" if instance.endswith(("0", "3", "5")) else "a"
