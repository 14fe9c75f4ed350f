"""Laws of the routing tree; the cases are told in `tests/behaviour/test_routing_and_keys.py`."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from alertrouter.core.labels import Labels
from alertrouter.core.matcher import Matcher, Matchers, MatchType
from alertrouter.core.receiver import Receiver
from alertrouter.core.route import Route

RECEIVER = Receiver(name="r")
matchers = st.lists(
    st.builds(
        Matcher,
        st.sampled_from("ab"),
        st.sampled_from([MatchType.EQUAL, MatchType.NOT_EQUAL, MatchType.REGEX]),
        st.sampled_from(["", "1", "2", "1|2"]),
    ),
    max_size=2,
).map(Matchers)
label_sets = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "2", "3"])).map(Labels)


def route(found: Matchers, continues: bool, routes: list[Route]) -> Route:
    return Route(
        receiver=RECEIVER,
        matchers=found,
        continues=continues,
        group_by=("a",),
        group_wait=0,
        group_interval=1,
        repeat_interval=1,
        key="",
        id="",
        identity="",
        routes=routes,
    )


trees = st.recursive(
    st.builds(route, matchers, st.booleans(), st.just([])),
    lambda below: st.builds(route, matchers, st.booleans(), st.lists(below, max_size=3)),
    max_leaves=8,
)
roots = st.builds(route, st.just(Matchers(())), st.just(False), st.lists(trees, max_size=4))


def slow_match(node: Route, labels: Labels) -> Iterator[Route]:
    """The search as `semantics.md` 2.1 tells it."""
    if not all(matcher.matches(labels.get(matcher.name, "")) for matcher in node.matchers):
        return
    found = False
    for child in node.routes:
        below = list(slow_match(child, labels))
        yield from below
        found = found or bool(below)
        if below and not child.continues:
            break
    if not found:
        yield node


@given(roots, label_sets)
def test_every_alert_finds_a_route(root: Route, labels: Labels) -> None:
    assert root.match(labels)


@given(roots, label_sets)
def test_the_search_is_the_one_that_is_told(root: Route, labels: Labels) -> None:
    assert root.match(labels) == list(slow_match(root, labels))


@given(roots, label_sets)
def test_no_route_handles_an_alert_twice(root: Route, labels: Labels) -> None:
    found = root.match(labels)
    assert len(set(map(id, found))) == len(found)


@given(roots, label_sets)
def test_labels_outside_group_by_do_not_change_the_group(root: Route, labels: Labels) -> None:
    assert root.group_labels(labels) == root.group_labels(labels.only(["a"]))
