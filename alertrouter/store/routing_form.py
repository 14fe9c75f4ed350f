"""The routing that was in force, as bytes: as it decides, not as its file says it.

No secret is in it, and no file it named is needed to read it. JSON, deflated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from alertrouter.core.inhibition import InhibitionRule
from alertrouter.core.labels import Labels
from alertrouter.core.matcher import Matcher, Matchers, MatchType
from alertrouter.core.receiver import Integration, Receiver
from alertrouter.core.route import Route
from alertrouter.core.routing import Routing
from alertrouter.core.time_interval import TimeInterval, TimeSpec
from alertrouter.core.time_interval_syntax import Range, TimeRange
from alertrouter.store.deflated import deflated, inflated
from alertrouter.store.rows.columns import BadRowError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_Matcher = tuple[str, str, str]
_Range = tuple[int, int]


class _Integration(msgspec.Struct, omit_defaults=True):
    kind: str
    index: int
    send_resolved: bool
    name: str = ""
    announce_muted_resolves: bool = False


class _Receiver(msgspec.Struct, omit_defaults=True):
    name: str
    labels: dict[str, str] = {}
    integrations: list[_Integration] = []


class _Route(msgspec.Struct, omit_defaults=True):
    receiver: str
    key: str
    id: str
    identity: str
    group_wait: int
    group_interval: int
    repeat_interval: int
    matchers: list[_Matcher] = []
    continues: bool = False
    group_by: list[str] | None = None
    mute_time_intervals: list[str] = []
    active_time_intervals: list[str] = []
    labels: dict[str, str] = {}
    name: str = ""
    place: str = ""
    routes: list[_Route] = []


class _Rule(msgspec.Struct, omit_defaults=True):
    source: list[_Matcher]
    target: list[_Matcher]
    equal: list[str] = []
    name: str = ""


class _Spec(msgspec.Struct, omit_defaults=True):
    times: list[_Range] | None = None
    weekdays: list[_Range] | None = None
    days_of_month: list[_Range] | None = None
    months: list[_Range] | None = None
    years: list[_Range] | None = None
    location: str | None = None


class _Interval(msgspec.Struct):
    name: str
    specs: list[_Spec]


class _Routing(msgspec.Struct):
    route: _Route
    receivers: list[_Receiver]
    inhibition_rules: list[_Rule]
    time_intervals: list[_Interval]
    resolve_timeout: int
    close_orphaned_groups: bool


_decode = msgspec.json.Decoder(_Routing).decode


def routing_form(routing: Routing) -> bytes:
    """A routing, with the identities its routes have now."""
    return deflated(
        _Routing(
            route=_route(routing.route),
            receivers=[_receiver(receiver) for receiver in routing.receivers.values()],
            inhibition_rules=[
                _Rule(_matchers(rule.source), _matchers(rule.target), list(rule.equal), rule.name)
                for rule in routing.inhibition_rules
            ],
            time_intervals=[
                _Interval(interval.name, [_spec(spec) for spec in interval.specs])
                for interval in routing.time_intervals.values()
            ],
            resolve_timeout=routing.resolve_timeout,
            close_orphaned_groups=routing.close_orphaned_groups,
        )
    )


def to_routing(stored: bytes) -> Routing:
    """What ``routing_form`` was given, without the configuration of integrations. Raises BadRowError."""
    try:
        form = _decode(inflated(stored))
        receivers = {each.name: _to_receiver(each) for each in form.receivers}
        return Routing(
            route=_to_route(form.route, receivers),
            receivers=receivers,
            inhibition_rules=[
                InhibitionRule(
                    name=rule.name,
                    source=_to_matchers(rule.source),
                    target=_to_matchers(rule.target),
                    equal=tuple(rule.equal),
                )
                for rule in form.inhibition_rules
            ],
            time_intervals={
                each.name: TimeInterval(name=each.name, specs=tuple([_to_spec(spec) for spec in each.specs]))
                for each in form.time_intervals
            },
            resolve_timeout=form.resolve_timeout,
            close_orphaned_groups=form.close_orphaned_groups,
        )
    except (msgspec.MsgspecError, ValueError, KeyError) as error:
        raise BadRowError(f"a routing cannot be read: {error}") from None


def _route(route: Route) -> _Route:
    return _Route(
        receiver=route.receiver.name,
        key=route.key,
        id=route.id,
        identity=route.identity,
        group_wait=route.group_wait,
        group_interval=route.group_interval,
        repeat_interval=route.repeat_interval,
        matchers=_matchers(route.matchers),
        continues=route.continues,
        group_by=None if route.group_by is None else list(route.group_by),
        mute_time_intervals=list(route.mute_time_intervals),
        active_time_intervals=list(route.active_time_intervals),
        labels=dict(route.labels),
        name=route.name,
        place=route.place,
        routes=[_route(child) for child in route.routes],
    )


def _to_route(form: _Route, receivers: Mapping[str, Receiver]) -> Route:
    return Route(
        receiver=receivers[form.receiver],
        matchers=_to_matchers(form.matchers),
        continues=form.continues,
        group_by=None if form.group_by is None else tuple(form.group_by),
        group_wait=form.group_wait,
        group_interval=form.group_interval,
        repeat_interval=form.repeat_interval,
        mute_time_intervals=tuple(form.mute_time_intervals),
        active_time_intervals=tuple(form.active_time_intervals),
        labels=form.labels,
        name=form.name,
        key=form.key,
        id=form.id,
        identity=form.identity,
        place=form.place,
        routes=[_to_route(child, receivers) for child in form.routes],
    )


def _receiver(receiver: Receiver) -> _Receiver:
    integrations = [
        _Integration(
            kind=each.kind,
            index=each.index,
            send_resolved=each.send_resolved,
            name=each.name,
            announce_muted_resolves=each.announce_muted_resolves,
        )
        for each in receiver.integrations
    ]
    return _Receiver(receiver.name, dict(receiver.labels), integrations)


def _to_receiver(form: _Receiver) -> Receiver:
    return Receiver(
        name=form.name,
        labels=Labels(form.labels),
        integrations=[
            Integration(
                kind=each.kind,
                index=each.index,
                name=each.name,
                send_resolved=each.send_resolved,
                announce_muted_resolves=each.announce_muted_resolves,
            )
            for each in form.integrations
        ],
    )


def _matchers(matchers: Iterable[Matcher]) -> list[_Matcher]:
    return [(matcher.name, matcher.type.value, matcher.value) for matcher in matchers]


def _to_matchers(form: Iterable[_Matcher]) -> Matchers:
    return Matchers([Matcher(name, MatchType(operator), value) for name, operator, value in form])


def _spec(spec: TimeSpec) -> _Spec:
    return _Spec(
        times=None if spec.times is None else [(span.start, span.end) for span in spec.times],
        weekdays=_ranges(spec.weekdays),
        days_of_month=_ranges(spec.days_of_month),
        months=_ranges(spec.months),
        years=_ranges(spec.years),
        location=spec.location,
    )


def _to_spec(form: _Spec) -> TimeSpec:
    return TimeSpec(
        times=None if form.times is None else tuple([TimeRange(*span) for span in form.times]),
        weekdays=_to_ranges(form.weekdays),
        days_of_month=_to_ranges(form.days_of_month),
        months=_to_ranges(form.months),
        years=_to_ranges(form.years),
        location=form.location,
    )


def _ranges(ranges: Sequence[Range] | None) -> list[_Range] | None:
    return None if ranges is None else [(span.first, span.last) for span in ranges]


def _to_ranges(form: Sequence[_Range] | None) -> tuple[Range, ...] | None:
    return None if form is None else tuple([Range(*span) for span in form])
