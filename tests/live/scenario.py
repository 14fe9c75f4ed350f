"""The language of the stories that are played to a real Alertmanager and to us at the same time.

A story has a route of its own, so many of them share a configuration and are played at once. Unless it says otherwise,
its route groups by alertname, waits 1 second for a group and 2 between its messages, and never repeats. So what is
posted at 0 is told at 1, and what changes at 2, 4, … is told at 3, 5, …, as far from any flush as can be.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.receivers import Answer, Behaviour

FAR = 100_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fire:
    """A post of alerts at ``at``, all moments in seconds since the story began.

    ``names`` are their labels ``i``; ``since`` and ``until`` are their start and end, None to post them without.
    """

    at: float
    names: Sequence[str]
    since: float | None
    until: float | None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A post of these very bytes; SELF stands for the story's name."""

    at: float
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A silence called ``name`` of what has these labels, from ``since`` until ``until``."""

    at: float
    name: str
    labels: Mapping[str, str]
    since: float
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsilence:
    """The silence called ``name`` is ended."""

    at: float
    name: str


Step = Fire | Post | Silence | Unsilence
Told = Mapping[str, Sequence[tuple[float, str]]]
"""For each integration: when a message comes, in seconds, and what it says, as ``said`` puts it."""

HOOK: Mapping[str, Any] = {"webhook_configs": [{"url": "HOOK/hook"}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A story and what is told of it.

    In ``route``, ``receivers``, ``rules`` and ``intervals``, as they stand in a configuration, SELF is the story's own
    name, HOOK the address of its recorder and MAIL its mail address. ``route_after`` is its route after the reload or
    restart of the play, if another. ``answers`` says how a recorder answers at a moment. Messages are compared in the
    order of their group keys, then of their coming.

    ``told`` is what Alertmanager sends, and ``ours`` what we send where that is another thing, which the row ``differs``
    of docs/differences.md says; ``strict`` what we send with ``--compat.strict``. ``since`` is the first Alertmanager
    that knows what it is about. With ``goes_on`` more messages may follow. ``own_times`` are posts without moments:
    each server takes its own. ``only_ours`` has a configuration that Alertmanager refuses. ``window`` is how many seconds
    before and after its moment a message may come on a machine with much to do.
    """

    name: str
    steps: Sequence[Step]
    told: Told
    route: Mapping[str, Any] = field(default_factory=dict)
    route_after: Mapping[str, Any] | None = None
    receivers: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"SELF": HOOK})
    rules: Sequence[Mapping[str, Any]] = ()
    intervals: Sequence[Mapping[str, Any]] = ()
    answers: Mapping[str, Callable[[float], Behaviour]] = field(default_factory=dict)
    ours: Told | None = None
    strict: Told | None = None
    differs: str = ""
    since: tuple[int, int] = (0, 33)
    goes_on: bool = False
    own_times: bool = False
    only_ours: bool = False
    window: tuple[float, float] = (0.3, 1.5)

    @property
    def slug(self) -> str:
        """The name as a label value, a receiver and a path."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.name)

    @property
    def begins(self) -> float:
        """Where it begins in the time in which the stories of a play do: from 0 to 1, anywhere, always the same."""
        return zlib.crc32(self.slug.encode()) / 2**32

    def expected(self, who: str) -> Told:
        """What ``who``, theirs, ours or strict, sends."""
        if who == "theirs" or self.ours is None:
            return self.told
        return self.ours if who == "ours" or self.strict is None else self.strict


def fire(
    at: float,
    *names: str,
    since: float | None = None,
    until: float = FAR,
    annotations: Mapping[str, str] | None = None,
    **labels: str,
) -> list[Step]:
    """Alerts that fire from now, or from ``since``."""
    start = at if since is None else since
    return [Fire(at=at, names=names, since=start, until=until, labels=labels, annotations=annotations or {})]


def open_ended(
    at: float, name: str, *, since: float, annotations: Mapping[str, str] | None = None, **labels: str
) -> list[Step]:
    """An alert posted without an end."""
    return [Fire(at=at, names=[name], since=since, until=None, labels=labels, annotations=annotations or {})]


def resolve(at: float, *names: str, since: float = 0, **labels: str) -> list[Step]:
    """Alerts that have fired from ``since``, and end now."""
    return [Fire(at=at, names=names, since=since, until=at, labels=labels)]


def timeless(at: float, *names: str, **labels: str) -> list[Step]:
    """Alerts posted without a start and an end."""
    return [Fire(at=at, names=names, since=None, until=None, labels=labels)]


def silence(
    at: float, name: str, *, since: float | None = None, until: float = FAR, **labels: str
) -> list[Step]:
    """A silence from now, or from ``since``."""
    return [Silence(at=at, name=name, labels=labels, since=at if since is None else since, until=until)]


def unsilence(at: float, name: str) -> list[Step]:
    """The end of a silence."""
    return [Unsilence(at=at, name=name)]


def at(moment: float, *bodies: str) -> list[Step]:
    """Posts of these very bytes."""
    return [Post(at=moment, body=body) for body in bodies]


def steps(*parts: Sequence[Step]) -> list[Step]:
    """All of them, in the order of their moments; those of one moment as written."""
    return sorted((step for part in parts for step in part), key=lambda step: step.at)


def hooks(**options: Mapping[str, Any]) -> Mapping[str, Any]:
    """A receiver of webhooks: their names and options."""
    return {"webhook_configs": [{"url": f"HOOK/{name}", **each} for name, each in options.items()]}


def down_until(moment: float, answer: Behaviour) -> Callable[[float], Behaviour]:
    """Answers so until a moment, and well from then on."""
    return lambda now: answer if now < moment else Answer()


def always(answer: Behaviour) -> Callable[[float], Behaviour]:
    """Answers so whatever comes."""
    return lambda _: answer


def said(status: int, body: Any) -> str | None:
    """What a webhook body says, in one line; None for what was not taken and will be tried again."""
    if status >= 500:
        return None
    alerts = body.get("alerts") if isinstance(body, dict) else None
    if not isinstance(alerts, list):
        return "something"
    members = [
        ("+" if alert["status"] == "firing" else "-") + alert["labels"].get("i", "?") for alert in alerts
    ]
    refused = "" if 200 <= status < 300 else f"refused {status}: "
    return f"{refused}{body['status']}, {body['notification_reason']}: {' '.join(members)}"
