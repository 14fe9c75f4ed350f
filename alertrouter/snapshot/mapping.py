"""Alertmanager's notification log under our names: which group of which route an entry is about.

Alertmanager knows a group by its text alone; here it is the route and the group labels. The routes of a configuration
tell how to read the text.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from alertrouter.core.labels import Labels
from alertrouter.engine.changes import LogEntry
from alertrouter.engine.slot import GroupId, Slot
from alertrouter.gotemplate.quoting import LiteralError, unquote
from alertrouter.snapshot.reading import LeftOut

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from alertrouter.core.route import Route
    from alertrouter.snapshot.reading import LoggedNotification

_VALUE = re.compile(r'"(?:[^"\\]|\\.)*"')
# Names are not quoted, whatever they contain; no name can be told that contains this.
_ANY_NAME = re.compile(r'([^"]+?)=(?=")')


def entries_of(logged: Iterable[LoggedNotification], root: Route) -> tuple[list[LogEntry], list[LeftOut]]:
    """The log entries for the routes of a configuration, and what of the log belongs to none of them.

    An entry whose text fits several routes is given to each: what one of them has told, all have.
    """
    routes_by_key: dict[str, list[Route]] = defaultdict(list)
    for route in root.walk():
        routes_by_key[route.key].append(route)
    found: dict[Slot, LogEntry] = {}
    left_out = []
    for each in logged:
        slots, why_not = _slots(each, routes_by_key)
        if not slots:
            left_out.append(LeftOut(str(each), why_not))
        for slot in slots:
            known = found.get(slot)
            if known is None or known.sent_at < each.sent_at:
                found[slot] = _entry(slot, each)
    return list(found.values()), left_out


def _entry(slot: Slot, logged: LoggedNotification) -> LogEntry:
    return LogEntry(
        slot=slot,
        group_key=logged.group_key,
        revision=1,
        # Alertmanager does not write down when the flush began.
        flushed_at=logged.sent_at,
        sent_at=logged.sent_at,
        firing=logged.firing,
        resolved=logged.resolved,
        receiver_data=logged.receiver_data,
        expires_at=logged.expires_at,
    )


def _slots(logged: LoggedNotification, routes_by_key: dict[str, list[Route]]) -> tuple[list[Slot], str]:
    """Every slot that the entry may be about; the text says why there is none."""
    slots = []
    why_not = "no route has these matchers"
    for key, labels_text in _halves(logged.group_key):
        for route in routes_by_key.get(key, ()):
            labels = group_labels(labels_text, route.group_by)
            if labels is None:
                why_not = "the route groups by other labels"
                continue
            if route.receiver.name != logged.receiver:
                why_not = f"the route's receiver is {route.receiver.name}"
                continue
            integration = next(
                (
                    each.key
                    for each in route.receiver.integrations
                    if (each.kind, each.index) == (logged.integration, logged.index)
                ),
                None,
            )
            if integration is None:
                why_not = "the receiver has no such integration"
                continue
            slots.append(Slot(GroupId(route.identity, labels), route.receiver.name, integration))
    return slots, why_not


def _halves(group_key: str) -> Iterator[tuple[str, str]]:
    """The ways to cut a group key into a route key and the text of the group labels; quoted text can look like a cut."""
    at = group_key.find(":{")
    while at >= 0:
        yield group_key[:at], group_key[at + 1 :]
        at = group_key.find(":{", at + 1)


def group_labels(text: str, names: tuple[str, ...] | None) -> Labels | None:
    """Read ``{a="1", b="2"}``; None when it is none, or has other names than these. With None any name will do."""
    if not (text.startswith("{") and text.endswith("}")):
        return None
    pairs: dict[str, str] = {}
    at, end = 1, len(text) - 1
    while at < end:
        if pairs:
            if not text.startswith(", ", at):
                return None
            at += 2
        name = _name(text, at, names)
        value = name and _VALUE.match(text, at + len(name) + 1, end)
        if not name or not value or name in pairs:
            return None
        try:
            pairs[name] = unquote(value[0])
            pairs[name].encode()
        except (LiteralError, UnicodeEncodeError):
            return None
        at = value.end()
    return Labels(pairs)


def _name(text: str, at: int, names: tuple[str, ...] | None) -> str | None:
    if names is None:
        found = _ANY_NAME.match(text, at)
        return found[1] if found else None
    return next((name for name in names if text.startswith(f'{name}="', at)), None)
