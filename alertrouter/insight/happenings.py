"""What happens, line by line, as a live stream shows it (`docs/history.md`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alertrouter.core.matcher import Matchers
from alertrouter.engine.changes import AlertTransition, DecisionRecord, SilenceChange
from alertrouter.insight import past
from alertrouter.store import history
from alertrouter.store.history import Reload
from alertrouter.wire.writing import encode_safely

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection

KINDS = ("alert", "notification", "silence", "reload", "action")
_NO_MATCHERS = Matchers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One line. ``number`` is its place in the record, ``data`` its JSON, ``labels`` those of the alerts it is about."""

    number: int
    kind: str
    data: bytes
    labels: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which lines somebody wants. Lines that are about no alerts pass only where there are no matchers."""

    kinds: Collection[str] = ("alert", "notification")
    matchers: Matchers = _NO_MATCHERS

    def wants(self, line: Happening) -> bool:
        """Whether this is one."""
        return line.kind in self.kinds and (
            not self.matchers or any(self.matchers.match(labels) for labels in line.labels)
        )


def read(connection: Connection, after: int, limit: int) -> tuple[list[Happening], int]:
    """The next lines after this number, and the number up to which these are all."""
    lines, horizon = history.happened_after(connection, after, limit)
    decisions = [line for _, line in lines if isinstance(line, DecisionRecord)]
    shown = past.show_decisions(connection, history.Page(decisions, None)).lines
    about = {each for line in decisions for each in _members(line)}
    labels = history.labels_of(connection, about)
    notifications = iter(zip(decisions, shown, strict=True))
    made = []
    for number, line in lines:
        if isinstance(line, DecisionRecord):
            decision, notification = next(notifications)
            found = [labels[each] for each in _members(decision) if each in labels]
            made.append(_line(number, "notification", notification, found))
        else:
            made.append(_other(number, line))
    return made, horizon


def _members(line: DecisionRecord) -> Sequence[int]:
    return (*line.firing, *line.resolved, *line.muted, *line.left_out)


def _other(number: int, line: Any) -> Happening:
    match line:
        case AlertTransition():
            return _line(number, "alert", past.alert_line(line), [line.alert.labels])
        case SilenceChange():
            return _line(number, "silence", past.silence_line(line))
        case Reload():
            return _line(number, "reload", past.reload_line(line))
        case _:
            return _line(number, "action", past.action_line(line))


def _line(number: int, kind: str, shown: Any, labels: Sequence[Mapping[str, str]] = ()) -> Happening:
    return Happening(number=number, kind=kind, data=encode_safely(shown), labels=labels)
