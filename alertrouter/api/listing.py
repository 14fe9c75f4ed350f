"""The lists of alerts and of alert groups, put together from pieces that are encoded once.

Fifty thousand alerts are 35 MB of JSON. What of an alert seldom changes and is its own is kept, encoded, in
``Known.listing``; what it shares with others is kept once. Only its end, its last report and its status are filled in
for each answer, and the answer is made piece by piece. While lists are asked for, new alerts are encoded ahead; nobody
pays for lists that nobody wants.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING

from alertrouter.core.labels import know_fingerprints, label_set_order, order_for_display, order_of_like
from alertrouter.core.time import HOUR
from alertrouter.wire.writing import encode, encode_labels, encode_moment, encode_safely

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from alertrouter.api.query import AlertQuery
    from alertrouter.api.router import Router
    from alertrouter.core.route import Route
    from alertrouter.core.time import Moment
    from alertrouter.engine.engine import Engine
    from alertrouter.engine.group import AggregationGroup
    from alertrouter.engine.known import Known

# Alerts in one piece of an answer: some hundred kilobytes, a millisecond's work between two turns of the loop.
_PIECE = 500

# So many alerts are encoded at once, in the order in which they lie in memory.
_AT_ONCE = 200
# So long after the last list the encoded pieces are kept, and made ahead for new alerts.
_KEEP = 2 * HOUR
_MOST_SHARED = 20_000

_ACTIVE = b'{"inhibitedBy":[],"mutedBy":[],"silencedBy":[],"state":"active"},"updatedAt":"'
_FIRST = b'[{"annotations":'
_NEXT = b',{"annotations":'

# An alert as JSON, less what leads to the annotations and less its end, status and last report: the annotations up to
# the end, the fingerprint with what leads to it, what stands from there to the status, what stands between the last
# report and the labels, the labels to the end.
_Fragment = tuple[bytes, bytes, bytes, bytes, bytes]

_fingerprint = attrgetter("labels.fingerprint")


class Listing:
    """Lists what the engine knows. Keeps, from one answer to the next, what took work: orders and encoded pieces."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._prepared = 0
        self._to_prepare: list[Known] = []
        self._asked_at: Moment | None = None
        self._known: list[Known] = []
        self._by_fingerprint: list[Known] = []
        self._groups: list[AggregationGroup] = []
        self._routing: object = None
        self._groups_in_order: list[AggregationGroup] = []
        self._members: dict[AggregationGroup, tuple[int, list[Known]]] = {}

    def alerts(self, query: AlertQuery, now: Moment) -> Iterator[bytes]:
        """The array of alerts, by fingerprint, in pieces; an empty one gives others their turn."""
        engine = self._router.engine
        self._asked_at = now
        order = self._alerts_in_order(engine)
        yield from self._encoded(engine, query)
        wanted = _wanted_routes(engine, query)
        text = _Text(engine, now)
        match = query.matchers.match if query.matchers else None
        active, before = query.active, _FIRST
        for start in range(0, len(order), _PIECE):
            parts: list[bytes] = []
            for known in order[start : start + _PIECE]:
                if known.ends_at < now or (match is not None and not match(known.labels)):
                    continue
                if wanted and any(routes.isdisjoint(known.routes) for routes in wanted):
                    continue
                status = text.status(known)
                if not (active if status is _PLAIN else _passes(query, status)):
                    continue
                text.add(parts, known, fragment(known), status[0], before)
                before = _NEXT
            if parts:
                yield b"".join(parts)
        yield b"[]\n" if before is _FIRST else b"]\n"

    def groups(self, query: AlertQuery, now: Moment) -> Iterator[bytes]:
        """The array of alert groups, in pieces; an empty one gives others their turn."""
        engine = self._router.engine
        self._asked_at = now
        yield from self._encoded(engine, query)
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
            parts[length] = before + b'{"alerts":' + _FIRST
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
            pieces = fragment(known)
            if len(known.routes) > 1:
                receivers = sorted(g.route.receiver.name for g in known.groups if shown is None or g in shown)
                pieces = (
                    *pieces[:2],
                    _middle(tuple(receivers), known.starts_at, known.starts_offset),
                    *pieces[3:],
                )
            text.add(parts, known, pieces, encoded, _NEXT)

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
        known = self._router.engine.known
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
            _encode_all([each for each in reversed(some) if each.listing is None])
        return bool(self._to_prepare) or self._prepared < len(known)

    def _encoded(self, engine: Engine, query: AlertQuery) -> Iterator[bytes]:
        """Encode what a list of everything needs and what was not encoded ahead."""
        if query.matchers or not query.any_receiver:
            return  # few are wanted
        missing = [each for each in engine.known.values() if each.listing is None]
        for start in range(0, len(missing), _AT_ONCE):
            some = missing[start : start + _AT_ONCE]
            _encode_all(some)
            if start % (10 * _AT_ONCE) == 0:
                yield b""

    def _forget(self) -> None:
        self._asked_at = None
        for known in self._router.engine.known.values():
            known.listing = None
        self._known, self._by_fingerprint = [], []
        self._groups, self._groups_in_order = [], []
        self._members = {}

    def _alerts_in_order(self, engine: Engine) -> list[Known]:
        known = list(engine.known.values())
        # Comparing fifty thousand identities takes less than a millisecond, sorting far more.
        if known != self._known:
            self._by_fingerprint = sorted(known, key=_fingerprint)
            self._known = known
        return self._by_fingerprint

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


class _Text:
    """The parts of alerts that move, as of one moment."""

    def __init__(self, engine: Engine, now: Moment) -> None:
        self.now = now
        self._engine = engine
        self._moments: dict[Moment, bytes] = {}

    def add(self, parts: list[bytes], known: Known, pieces: _Fragment, status: bytes, before: bytes) -> None:
        """Append an alert, with what separates it from the one before."""
        annotations, fingerprint, middle, tail, labels = pieces
        moments = self._moments
        ends_at, updated_at = known.ends_at, known.updated_at
        if known.ends_offset:
            end = encode_moment(ends_at, known.ends_offset)
        elif (end := moments.get(ends_at, b"")) == b"":
            end = moments[ends_at] = encode_moment(ends_at)
        if (updated := moments.get(updated_at, b"")) == b"":
            updated = moments[updated_at] = encode_moment(updated_at)
        parts += (before, annotations, end, fingerprint, middle, status, updated, tail, labels)

    def status(self, known: Known) -> _Status:
        """What keeps this alert back now."""
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


def _passes(query: AlertQuery, status: _Status) -> bool:
    _, silenced, inhibited = status
    if silenced or inhibited:
        return (query.silenced or not silenced) and (query.inhibited or not inhibited)
    return query.active


def fragment(known: Known) -> _Fragment:
    """The parts of an alert that stay the same from one report to the next; kept with the alert."""
    pieces = known.listing
    if not isinstance(pieces, tuple):
        pieces = known.listing = _fragment(known, known.annotation_pairs(), encode_safely)
    return pieces


def _fragment(
    known: Known, annotations: Mapping[str, str], encode_text: Callable[[object], bytes]
) -> _Fragment:
    return (
        encode_text(annotations) + b',"endsAt":"',
        b'","fingerprint":"%016x' % known.labels.fingerprint,
        _middle_of_routes(known.routes, known.starts_at, known.starts_offset),
        _tail(known.generator_url),
        # What the encoder gives has room to grow; a sum has just the room it takes.
        encode_text(known.labels) + b"}",
    )


def _encode_all(some: Sequence[Known]) -> None:
    """Encode a few alerts; whether there is anything to escape is asked once for all of them."""
    annotated = [(known, known.annotation_pairs()) for known in some]
    text = encode([(known.labels, pairs) for known, pairs in annotated])
    plain = b"&" not in text and b"<" not in text and b">" not in text
    for known, pairs in annotated:
        known.listing = _fragment(known, pairs, encode if plain else encode_safely)


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
    alike = len({tuple(known.labels) for known in alerts}) == 1
    order = order_of_like if alike else order_for_display
    return sorted(alerts, key=lambda known: order(known.labels))
