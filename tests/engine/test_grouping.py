"""Where an alert belongs is found by what the routing tree asks for, and is what the tree says."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alertrouter.core.labels import Labels
from alertrouter.core.matcher import Matcher, Matchers, MatchType
from alertrouter.core.route import Route
from alertrouter.core.routing import Routing
from alertrouter.engine.engine import Engine
from alertrouter.engine.grouping import Grouping
from tests.core.test_route import label_sets, route
from tests.engine.test_route_index import roots


def grouping(root: Route) -> Grouping:
    return Engine(Routing(route=root, receivers={})).grouping


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(roots, st.lists(label_sets, min_size=1, max_size=8))
def test_routes_are_those_of_the_tree_whoever_was_asked_about_before(
    root: Route, asked: list[Labels]
) -> None:
    found = grouping(root)
    for labels in asked * 2:
        assert found.routes_of(labels) == tuple(root.match(labels))


def test_alerts_with_other_values_take_their_own_routes_however_many_there_were() -> None:
    root = route(
        Matchers(()),
        False,
        [route(Matchers([Matcher("pod", MatchType.REGEX, "a[0-9]*")]), False, [])],
    )
    found = grouping(root)
    for turn in range(2):
        for number in range(5000):
            assert found.routes_of(Labels({"pod": f"a{number}"})) == (root.routes[0],), turn
            assert found.routes_of(Labels({"pod": f"b{number}"})) == (root,), turn


def test_a_reload_forgets_the_routes_of_before() -> None:
    team = Matchers([Matcher("team", MatchType.EQUAL, "a")])
    before = route(Matchers(()), False, [route(team, False, [])])
    after = route(Matchers(()), False, [])
    found = grouping(before)
    assert found.routes_of(Labels({"team": "a"})) == (before.routes[0],)

    found.take_routes(after)

    assert found.routes_of(Labels({"team": "a"})) == (after,)
