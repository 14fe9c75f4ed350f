"""The index of a routing tree finds what trying each route finds."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alertrouter.core.labels import Labels
from alertrouter.core.matcher import Matcher, Matchers, MatchType
from alertrouter.core.route import Route
from alertrouter.engine.route_index import RouteIndex
from tests.core.test_route import label_sets, matchers, route

leaves = st.builds(route, matchers, st.booleans(), st.just([]))
branches = st.builds(route, matchers, st.booleans(), st.lists(leaves, max_size=9))
roots = st.builds(
    route, st.just(Matchers(())), st.just(False), st.lists(leaves | branches, min_size=6, max_size=9)
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(roots, label_sets)
def test_the_index_finds_what_the_tree_finds(root: Route, labels: Labels) -> None:
    assert RouteIndex(root).match(labels) == root.match(labels)


def test_a_long_list_of_teams_is_not_walked() -> None:
    def team(number: int) -> Route:
        by_choice = Matcher("team", MatchType.REGEX, f"team-{number}|crew-{number}")
        by_value = Matcher("team", MatchType.EQUAL, f"team-{number}")
        return route(Matchers([by_choice if number % 2 else by_value]), False, [])

    root = route(Matchers(()), False, [team(number) for number in range(1000)])
    tried = []
    for place, child in enumerate(root.routes):
        matches = child.matchers.match

        def match(labels: object, place: int = place, matches: object = matches) -> bool:
            tried.append(place)
            return bool(matches(labels))  # type: ignore[operator]

        child.matchers.match = match

    index = RouteIndex(root)
    assert index.match(Labels({"team": "team-700"})) == [root.routes[700]]
    assert index.match(Labels({"team": "crew-701"})) == [root.routes[701]]
    assert index.match(Labels({"team": "nobody"})) == [root]
    assert tried == [700, 701]
