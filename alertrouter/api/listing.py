"""The lists of alerts and of alert groups, put together from pieces that are encoded once.

Fifty thousand alerts are 35 MB of JSON. What of an alert seldom changes and is its own is kept, encoded, in
``Known.listing``; what it shares with others is kept once. Only its end, its last report and its status are filled in
for each answer, and the answer is made piece by piece. While lists are asked for, new alerts are encoded ahead; nobody
pays for lists that nobody wants.
"""

from __future__ import annotations

from array import array
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from alertrouter.core.labels import know_fingerprints, label_set_order, order_for_display, order_of_like
from alertrouter.core.time import HOUR, Moment
from alertrouter.wire.writing import encode, encode_each, encode_labels, encode_moment, encode_safely

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from alertrouter.api.query import AlertQuery
    from alertrouter.api.router import Router
    from alertrouter.core.route import Route
    from alertrouter.engine.engine import Engine
    from alertrouter.engine.group import AggregationGroup
    from alertrouter.engine.known import Known

    # The status of an alert as JSON with what follows it; None when the alert is not wanted.
    _StatusOf = Callable[[Known], bytes | None]

# Alerts in one piece of an answer: some hundred kilobytes, a millisecond's work between two turns of the loop.
_PIECE = 500

# So many alerts are encoded at once, in the order in which they lie in memory.
_AT_ONCE = 200
# So long after the last list the encoded pieces are kept, and made ahead for new alerts.
_KEEP = 2 * HOUR
_MOST_SHARED = 20_000

_ACTIVE = b'{"inhibitedBy":[],"mutedBy":[],"silencedBy":[],"state":"active"},"updatedAt":"'

# An alert as JSON, less its end, status and last report: the annotations up to the end, the fingerprint with what leads to
# it, what stands from there to the status, what stands between the last report and the labels, the labels to the end.
_Fragment = tuple[bytes, bytes, bytes, bytes, bytes]


class Listing:
    """Lists what the engine knows. Keeps, from one answer to the next, what took work: orders and encoded pieces."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._prepared = 0
        self._to_prepare: list[Known] = []
        self._asked_at: Moment | None = None
        self._known: list[Known] = []
        self._by_fingerprint = array("I")
        self._groups: list[AggregationGroup] = []
        self._routing: object = None
        self._groups_in_order: list[AggregationGroup] = []
        self._members: dict[AggregationGroup, tuple[int, list[Known]]] = {}

    def alerts(self, query: AlertQuery, now: Moment) -> Iterator[bytes]:
        """The array of alerts, by fingerprint, in pieces; an empty one gives others their turn."""
        engine = self._router.engine
        self._asked_at = now
        known, order = self._in_order(engine)
        text = _Text(engine, now)
        status_of = _choice(engine, query, text)
        yield from _encoded(engine, query)
        is_first = True
        for start in range(0, len(order), _PIECE):
            parts: list[bytes] = []
            for place in order[start : start + _PIECE]:
                each = known[place]
                if status := status_of(each):
                    text.add(parts, each, status)
            if parts:
                if is_first:
                    parts[0] = b"["
                    is_first = False
                yield b"".join(parts)
        yield b"[]\n" if is_first else b"]\n"

    def groups(self, query: AlertQuery, now: Moment) -> Iterator[bytes]:
        """The array of alert groups, in pieces; an empty one gives others their turn."""
        engine = self._router.engine
        self._asked_at = now
        yield from _encoded(engine, query)
        text = _Text(engine, now)
        groups = [
            group
            for group in self._all_groups_in_order(engine)
            if query.wants_name(group.route.receiver) and query.wants_labels(group.route.receiver)
        ]
        shown = None if query.any_receiver else set(groups)
        headers: dict[Route, bytes] = {}
        before = b"["
        parts: list[bytes] = []
        for group in groups:
            muted_by = () if group.tick is None else engine.muted_by(group, group.tick)
            if muted_by and not query.muted:
                continue
            length = len(parts)
            self._add_members(parts, group, query, text, shown, muted_by)
            if len(parts) == length:
                continue
            parts[length] = before + b'{"alerts":['
            parts.append(self._after_members(group, headers, now))
            before = b","
            if len(parts) > 9 * _PIECE:
                yield b"".join(parts)
                parts.clear()
        parts.append(b"[]\n" if before == b"[" else b"]\n")
        yield b"".join(parts)

    def _add_members(
        self,
        parts: list[bytes],
        group: AggregationGroup,
        query: AlertQuery,
        text: _Text,
        shown: Collection[AggregationGroup] | None,
        muted_by: Sequence[str],
    ) -> None:
        match = query.matchers.match if query.matchers else None
        now = text.now
        for known in self._members_in_order(group):
            if known.ends_at < now or (match is not None and not match(known.labels)):
                continue
            status = text.status(known)
            if not _passes(query, status):
                continue
            encoded = text.muted(status, muted_by) if muted_by else status[0]
            middle = None
            if len(known.routes) > 1:
                receivers = sorted(g.route.receiver.name for g in known.groups if shown is None or g in shown)
                middle = _middle(tuple(receivers), known.starts_at, known.starts_offset)
            text.add(parts, known, encoded, middle)

    def _after_members(self, group: AggregationGroup, headers: dict[Route, bytes], now: Moment) -> bytes:
        route = group.route
        ending = headers.get(route)
        if ending is None:
            receiver = encode_safely({"name": route.receiver.name})
            ending = b',"receiver":' + receiver + b',"routeLabels":'
            if not _has_templates(route):
                ending += encode_labels(route.labels) + b"}"
            headers[route] = ending
        if _has_templates(route):
            ending += encode_labels(self._router.route_labels(group, now)) + b"}"
        return b'],"labels":' + encode_labels(group.labels) + ending

    def prepare(self, at_most: int) -> bool:
        """Work ahead on alerts that were never listed, a few at a time; whether any are left.

        When nobody has asked for a list in a long time, forget what was made.
        """
        engine = self._router.engine
        known = engine.known
        if self._asked_at is not None and self._router.now() - self._asked_at > _KEEP:
            self._forget()
        if not self._to_prepare:
            # New alerts are at the end. When some have gone meanwhile, a few are left for when they are asked for.
            start = min(self._prepared, len(known))
            self._to_prepare = list(islice(known.values(), start, None))[::-1]
            self._prepared = len(known)
        some = [each for each in self._to_prepare[-at_most:] if not each.gone]
        del self._to_prepare[-at_most:]
        know_fingerprints([each.labels for each in some])
        if self._asked_at is not None:
            _encode_parts([each for each in reversed(some) if each.listing is None])
        if self._to_prepare or self._prepared < len(known):
            return True
        self._in_order(engine)
        return False

    def _forget(self) -> None:
        self._asked_at = None
        for known in self._router.engine.known.values():
            known.listing = None
        self._known, self._by_fingerprint = [], array("I")
        self._groups, self._groups_in_order = [], []
        self._members = {}

    def _in_order(self, engine: Engine) -> tuple[list[Known], array[int]]:
        """All alerts as they lie in memory, and their places in the order of fingerprints."""
        known = list(engine.known.values())
        # Comparing fifty thousand identities takes less than a millisecond, sorting far more.
        if known != self._known:
            fingerprints = [each.labels.fingerprint for each in known]
            self._by_fingerprint = array("I", sorted(range(len(known)), key=fingerprints.__getitem__))
            self._known = known
        return self._known, self._by_fingerprint

    def _all_groups_in_order(self, engine: Engine) -> list[AggregationGroup]:
        groups = list(engine.groups)
        if engine.routing is not self._routing or groups != self._groups:
            self._groups_in_order = sorted(groups, key=_group_order)
            self._groups = groups
            self._routing = engine.routing
            self._members = {group: order for group in groups if (order := self._members.get(group))}
        return self._groups_in_order

    def _members_in_order(self, group: AggregationGroup) -> Iterable[Known]:
        if len(group.members) < 2:
            return group.members
        version, order = self._members.get(group, (-1, []))
        if version != group.version:
            order = in_display_order(group.members)
            self._members[group] = (group.version, order)
        return order


_Status = tuple[bytes, bool, bool]
"""A status as JSON with what follows it, whether there are silences, whether there is an inhibiting alert."""

_PLAIN: _Status = (_ACTIVE, False, False)


_Of = TypeVar("_Of")
_As = TypeVar("_As")


class _Made(dict[_Of, _As]):
    """What was made of things that many alerts have in common."""

    def __init__(self, make: Callable[[_Of], _As]) -> None:
        self._make = make

    def __missing__(self, of: _Of) -> _As:
        made = self[of] = self._make(of)
        return made


class _Text:
    """Alerts as JSON, as of one moment."""

    def __init__(self, engine: Engine, now: Moment) -> None:
        self.now = now
        self._engine = engine
        self._mutes = bool(engine.silences or engine.routing.inhibition_rules)
        self._moments = _Made(encode_moment)

    def add(self, parts: list[bytes], known: Known, status: bytes, middle: bytes | None = None) -> None:
        """Append an alert with this status; ``middle``: with these receivers and start."""
        annotated, fingerprint, of_routes, tail, labels = _fragment(known)
        moments = self._moments
        ends_at, offset = known.ends_at, known.ends_offset
        end = encode_moment(ends_at, offset) if offset else moments[ends_at]
        updated = moments[known.updated_at]
        parts += (b",", annotated, end, fingerprint, middle or of_routes, status, updated, tail, labels)

    def status(self, known: Known) -> _Status:
        """What keeps this alert back now."""
        if not self._mutes:
            return _PLAIN
        engine = self._engine
        silences = engine.silenced_by(known, self.now)
        source = engine.inhibited_by(known, self.now)
        if not silences and source is None:
            return _PLAIN
        return (
            _status(
                silenced_by=[silence.id for silence in silences],
                inhibited_by=[source.labels.fingerprint_text] if source else [],
            ),
            bool(silences),
            source is not None,
        )

    def muted(self, status: _Status, muted_by: Sequence[str]) -> bytes:
        """The status of an alert whose group is muted by time intervals of these names."""
        encoded = status[0].replace(b'"state":"active"', b'"state":"suppressed"')
        return encoded.replace(b'"mutedBy":[]', b'"mutedBy":' + encode_safely(list(muted_by)), 1)


def _status(*, silenced_by: list[str], inhibited_by: list[str]) -> bytes:
    status = {"inhibitedBy": inhibited_by, "mutedBy": [], "silencedBy": silenced_by, "state": "suppressed"}
    return encode(status) + b',"updatedAt":"'


def _choice(engine: Engine, query: AlertQuery, text: _Text) -> _StatusOf:
    """Which alerts are wanted."""
    wanted = _wanted_routes(engine, query)
    match = query.matchers.match if query.matchers else None
    now, active = text.now, query.active

    def status_of(known: Known) -> bytes | None:
        if known.ends_at < now or (match is not None and not match(known.labels)):
            return None
        if wanted and any(routes.isdisjoint(known.routes) for routes in wanted):
            return None
        status = text.status(known)
        return status[0] if (active if status is _PLAIN else _passes(query, status)) else None

    return status_of


def _passes(query: AlertQuery, status: _Status) -> bool:
    _, silenced, inhibited = status
    if silenced or inhibited:
        return (query.silenced or not silenced) and (query.inhibited or not inhibited)
    return query.active


def _fragment(known: Known) -> _Fragment:
    """The parts of an alert that stay the same from one report to the next; kept with the alert."""
    if known.listing is None:
        _encode_parts([known])
    parts: _Fragment = known.listing  # type: ignore[assignment]  # it is for us
    return parts


def _encode_parts(some: Sequence[Known]) -> None:
    for known, (annotated, labels) in zip(some, _texts(some), strict=True):
        known.listing = (
            b'{"annotations":%b,"endsAt":"' % annotated,
            b'","fingerprint":"%016x' % known.labels.fingerprint,
            _middle_of_routes(known.routes, known.starts_at, known.starts_offset),
            _tail(known.generator_url),
            labels + b"}",
        )


def _encoded(engine: Engine, query: AlertQuery) -> Iterator[bytes]:
    """Encode what a list of everything needs and what was not encoded ahead."""
    if query.matchers or not query.any_receiver:
        return  # few are wanted
    missing = [known for known in engine.known.values() if known.listing is None]
    for start in range(0, len(missing), _AT_ONCE):
        _encode_parts(missing[start : start + _AT_ONCE])
        if start % (10 * _AT_ONCE) == 0:
            yield b""


def _texts(some: Sequence[Known]) -> Iterator[tuple[bytes, bytes]]:
    """The annotations and the labels of each."""
    annotated = encode_each([known.annotation_pairs() for known in some])
    return zip(annotated, encode_each([known.labels for known in some]), strict=True)


@lru_cache(maxsize=_MOST_SHARED)
def _middle_of_routes(routes: tuple[Route, ...], starts_at: Moment, offset: int) -> bytes:
    return _middle(tuple([route.receiver.name for route in routes]), starts_at, offset)


def _middle(receivers: tuple[str, ...], starts_at: Moment, offset: int) -> bytes:
    starts = encode_moment(starts_at, offset)
    return b'","receivers":%b,"startsAt":"%b","status":' % (_encode_receivers(receivers), starts)


@lru_cache(maxsize=_MOST_SHARED)
def _tail(generator_url: str) -> bytes:
    generator = b',"generatorURL":' + encode_safely(generator_url) if generator_url else b""
    return b'"' + generator + b',"labels":'


@lru_cache(maxsize=1024)
def _encode_receivers(names: tuple[str, ...]) -> bytes:
    return encode_safely([{"name": name} for name in names])


def _wanted_routes(engine: Engine, query: AlertQuery) -> list[set[Route]]:
    """Sets of routes; an alert is wanted when it takes a route of each."""
    routes = list(engine.routing.route.walk())
    wanted = []
    if query.receiver is not None:
        wanted.append({route for route in routes if query.wants_name(route.receiver)})
    if query.receiver_matchers:
        wanted.append({route for route in routes if query.wants_labels(route.receiver)})
    return wanted


def _group_order(group: AggregationGroup) -> tuple[object, ...]:
    return (label_set_order(group.labels), group.route.receiver.name)


def _has_templates(route: Route) -> bool:
    return any("{{" in value for value in route.labels.values())


def in_display_order(alerts: Collection[Known]) -> list[Known]:
    """Alerts by job, instance and label set, as everywhere in a message and in the API."""
    names = {tuple(known.labels) for known in alerts}
    order = order_of_like(names.pop()) if len(names) == 1 else order_for_display
    return sorted(alerts, key=lambda known: order(known.labels))
