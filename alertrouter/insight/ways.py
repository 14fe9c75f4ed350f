"""Why an alert goes where it goes, for people: each route tried and what failed, and what keeps it back or does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.core.silence import SilenceState
from alertrouter.core.time import format_rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from alertrouter.core.inhibition import InhibitionRule
    from alertrouter.core.labels import Labels
    from alertrouter.core.matcher import Matchers
    from alertrouter.core.route import Route
    from alertrouter.core.silence import Silence
    from alertrouter.core.time import Moment
    from alertrouter.engine.engine import Engine


def routes_tried(root: Route, labels: Mapping[str, str]) -> list[str]:
    """The way through the routing tree, a line for each route that was looked at, indented by its depth."""
    return list(_tried(root, labels, 0))


def _tried(route: Route, labels: Mapping[str, str], depth: int) -> Iterator[str]:
    title = route.matchers.text() if route.matchers else ("the root" if depth == 0 else "no matchers")
    where = f"{'  ' * depth}{_place(route)}{title}"
    if failing := failures(route.matchers, labels):
        yield f"{where}: no, {failing}"
        return
    taken = any(child.matchers.match(labels) for child in route.routes)
    yield f"{where}: matches" + (", and a route below takes it" if taken else f": to {route.receiver.name}")
    for place, child in enumerate(route.routes):
        yield from _tried(child, labels, depth + 1)
        if not child.continues and child.matchers.match(labels):
            if left := len(route.routes) - place - 1:
                yield f"{'  ' * (depth + 1)}({left} more not tried: the one above has no continue)"
            return


def _place(route: Route) -> str:
    return f"routes[{route.place.rpartition('/')[2]}] " if route.place else ""


def failures(matchers: Matchers, labels: Mapping[str, str]) -> str:
    """The matchers that do not hold, with the values that they met; empty when all hold."""
    return " and ".join(
        f"{matcher} fails: {matcher.name} is {_quoted(labels.get(matcher.name))}"
        for matcher in matchers
        if not matcher.matches(labels.get(matcher.name, ""))
    )


def _quoted(value: str | None) -> str:
    return "not there" if value is None else f'"{value}"'


def why_not_inhibited(engine: Engine, labels: Labels, now: Moment) -> list[str]:
    """For each inhibition rule, why it does not inhibit this alert."""
    return [
        f"inhibit_rules[{place}]: {_why_no_source(engine, rule, labels, now)}"
        for place, rule in enumerate(engine.routing.inhibition_rules)
    ] or ["there are no inhibition rules"]


def _why_no_source(engine: Engine, rule: InhibitionRule, labels: Labels, now: Moment) -> str:
    if failing := failures(rule.target, labels):
        return f"it is no target: {failing}"
    sources = [each for each in engine.known.values() if rule.source.match(each.labels)]
    firing = [each.labels for each in sources if each.ends_at > now]
    if not firing:
        resolved = f": {_names(each.labels for each in sources)} is resolved" if sources else ""
        return f"no alert that is a source fires{resolved}"
    unlike = [
        f"{source.text()} has another {name}: {_quoted(source.get(name))}, not {_quoted(labels.get(name))}"
        for source in firing
        for name in rule.equal
        if source.get(name, "") != labels.get(name, "")
    ]
    return "; ".join(unlike) or "it is a source of the rule itself"


def _names(alerts: Iterable[Labels]) -> str:
    return ", ".join(each.text() for each in alerts)


def why_not_silenced(silences: Iterable[Silence], labels: Labels, now: Moment) -> list[str]:
    """For each silence, why it does not mute this alert."""
    lines = []
    for silence in silences:
        what = f'silence "{silence.comment}"'
        failing = " or ".join(failures(matchers, labels) for matchers in silence.matcher_sets)
        if not silence.covers(labels):
            lines.append(f"{what}: {failing}")
        elif silence.state(now) is not SilenceState.ACTIVE:
            when = f"from {format_rfc3339(silence.starts_at)} to {format_rfc3339(silence.ends_at)}"
            lines.append(f"{what}: it is not in force at {format_rfc3339(now)}, but {when}")
    return lines or ["there are no silences"]


def why_not_muted(engine: Engine, labels: Labels, now: Moment) -> list[str]:
    """For each route of the alert, its time intervals and where this moment lies."""
    lines = []
    for route in engine.routing.route.match(labels):
        names = [*route.mute_time_intervals, *route.active_time_intervals]
        told = [
            f"{format_rfc3339(now)} is {'in' if engine.routing.time_intervals[name].contains(now) else 'outside of'} {name}"
            for name in names
        ]
        lines.append(f"route to {route.receiver.name}: " + (", ".join(told) or "it has no time intervals"))
    return lines
