"""What an explanation says: the answer, the way it came about, and what would have been otherwise; for people and programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from alertrouter.core.time import SECOND, format_rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from alertrouter.core.labels import Labels
    from alertrouter.core.reason import NotSent
    from alertrouter.core.silence import Silence
    from alertrouter.core.time import Moment
    from alertrouter.engine.slot import Slot
    from alertrouter.insight.course import Message


class Promise(NamedTuple):
    """The message that would have been, had the causes not been. ``without`` names them for people.

    ``given`` says instead what would have to be otherwise.
    """

    message: Message
    without: Sequence[str]
    receiver: str
    given: str = ""

    @property
    def condition(self) -> str:
        """What it depends on, for people."""
        return self.given or f"without {' and '.join(self.without)}"


class Cause(NamedTuple):
    """What holds an alert back, or a message. ``name``: its id, the source, its name; ``text`` is for people.

    ``kind``: silence, inhibition, interval; failure (the receiver did not take it), integration (the receiver has none),
    resolves (``send_resolved`` is off).
    """

    kind: str
    name: str
    text: str
    key: str | int


@dataclass(slots=True)
class Told:
    """What one integration was told of the alert, or why not. ``again_at``: when it is told again if nothing changes."""

    slot: Slot
    text: str
    sent_at: Moment | None = None
    why_not: NotSent | None = None
    causes: Sequence[Cause] = ()
    again_at: Moment | None = None

    @property
    def line(self) -> str:
        """All of it, for people."""
        again = "" if self.again_at is None else f"; again at {time_text(self.again_at)} if nothing changes"
        return f"{self.to}: {self.text}{again}"

    @property
    def to(self) -> str:
        """Whom, for people."""
        return (
            f"{self.slot.receiver} ({self.slot.integration})" if self.slot.integration else self.slot.receiver
        )


@dataclass(slots=True)
class Explanation:
    """The answer, and the way it came about: ``way`` are headed blocks of lines.

    ``promises`` would have come otherwise, ``coming`` are the next messages about the alert if nothing changes.
    """

    at: Moment
    labels: Labels
    answer: str
    complete_from: Moment
    told: list[Told] = field(default_factory=list)
    way: list[tuple[str, list[str]]] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)
    coming: list[Message] = field(default_factory=list)

    @property
    def counterfactual(self) -> str:
        """What would have happened without the causes, and what is to come; empty when there is nothing to tell."""
        return " ".join(self._sentences())

    def _sentences(self) -> Iterator[str]:
        conditions: dict[str, list[Message]] = {}
        for promise in self.promises:
            conditions.setdefault(promise.condition, []).append(promise.message)
        for condition, messages in conditions.items():
            yield f"Would have gone {_destinations(messages)} {condition}."
        told = {each.slot for each in self.told if each.sent_at is not None}
        # That one who was told is told again stands beside it.
        coming = [
            each for each in self.coming if each.slot not in told or self.labels.identity not in each.firing
        ]
        if coming:
            yield f"Goes {_destinations(coming)} if nothing changes."

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "at": format_rfc3339(self.at),
            "labels": dict(self.labels),
            "answer": self.answer,
            "exactFrom": format_rfc3339(self.complete_from),
            "told": [
                {
                    "receiver": each.slot.receiver,
                    "integration": each.slot.integration,
                    "text": each.text,
                    "sentAt": None if each.sent_at is None else format_rfc3339(each.sent_at),
                    "againAt": None if each.again_at is None else format_rfc3339(each.again_at),
                    "whyNot": None if each.why_not is None else each.why_not.value,
                    "causes": [{"kind": c.kind, "name": c.name, "text": c.text} for c in each.causes],
                }
                for each in self.told
            ],
            "way": [{"head": head, "lines": lines} for head, lines in self.way],
            "without": [
                {
                    "causes": list(each.without),
                    "condition": each.condition,
                    "receiver": each.receiver,
                    "integration": each.message.slot.integration,
                    "at": format_rfc3339(each.message.at),
                    "reason": each.message.reason.value,
                }
                for each in self.promises
            ],
            "coming": [
                {
                    "receiver": each.slot.receiver,
                    "integration": each.slot.integration,
                    "at": format_rfc3339(each.at),
                    "reason": each.reason.value,
                }
                for each in self.coming
            ],
        }

    def text(self) -> str:
        """For people: the answer first, the way below, what would have been last."""
        lines = [self.answer, ""]
        for head, block in self.way:
            lines += [f"{head}:", *[f"  {line}" for line in block]]
        if last := self.counterfactual:
            lines += ["", last]
        return "\n".join(lines) + "\n"


def _destinations(messages: Sequence[Message]) -> str:
    return " and ".join(
        dict.fromkeys(
            f"to {each.slot.receiver} at {time_text(each.at)} ({each.reason.value})" for each in messages
        )
    )


def time_text(moment: Moment) -> str:
    """A time for people, to the second."""
    return format_rfc3339(moment // SECOND * SECOND)


def names_text(causes: Sequence[Cause]) -> str:
    """All of them."""
    return " and ".join([cause.text for cause in causes])


def listed(words: Sequence[str]) -> str:
    """Words as people list them."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def inhibition(source: Labels, rule: str) -> Cause:
    """Another alert inhibits it."""
    name = source.text()
    return Cause("inhibition", name, f"inhibited by {name}{rule_text(rule)}", source.identity)


def interval(name: str) -> Cause:
    """A time interval of a route mutes it."""
    return Cause("interval", name, f"muted by the time interval {name}", name)


def silenced(silence: Silence) -> Cause:
    """Somebody silenced it."""
    text = (
        f'silenced by {silence.id} of {silence.created_by}, "{silence.comment}", '
        f"until {time_text(silence.ends_at)}"
    )
    return Cause("silence", silence.id, text, silence.id)


def rule_text(name: str) -> str:
    """A rule that has a name."""
    return f" by the rule {name}" if name else ""
