"""Where alerts go and what groups are called (`semantics.md` 11.2)."""

from __future__ import annotations

import hashlib

import pytest

from alertrouter.config import ConfigError
from alertrouter.core.labels import Labels
from alertrouter.core.reason import Reason
from alertrouter.core.route import Route
from tests.timeline import HOOK, Timeline, routing, sent

RECEIVERS = "receivers: [{name: def}, {name: rA}, {name: rT}, {name: rP1}, {name: rP2}, {name: rBC}]\n"
TREE = (
    """
route:
  receiver: def
  routes:
    - matchers: [owner="a"]
      receiver: rA
      routes:
        - matchers: [env="test"]
          receiver: rT
          group_by: ['...']
        - matchers: [env="prod"]
          receiver: rP1
          continue: true
        - matchers: [env=~"pro.*"]
          receiver: rP2
          group_by: [job]
    - matchers: [owner=~"b|c"]
      receiver: rBC
      group_by: [x, y]
"""
    + RECEIVERS
)


def match(labels: dict[str, str], config: str = TREE) -> list[Route]:
    return routing(config).route.match(labels)


def receivers(labels: dict[str, str], config: str = TREE) -> list[str]:
    return [route.receiver.name for route in match(labels, config)]


def key(labels: dict[str, str], config: str = TREE) -> str:
    route = match(labels, config)[0]
    return route.group_key(route.group_labels(Labels(labels)))


def child(matchers: str, more: str = "") -> str:
    return f"""
route:
  receiver: def
  group_by: [alertname]
  routes:
    - receiver: rA
      {matchers}
      {more}
{RECEIVERS}"""


def test_b26_a_child_takes_the_alert() -> None:
    assert receivers({"owner": "a"}) == ["rA"]
    assert key({"owner": "a"}).startswith('{}/{owner="a"}:')


def test_b27_a_grandchild_groups_by_everything() -> None:
    labels = {"owner": "a", "env": "test", "i": "1"}
    (route,) = match(labels)
    assert route.receiver.name == "rT"
    assert route.group_labels(Labels(labels)) == labels


def test_b28_continue_goes_on_to_the_next_sibling_and_not_to_the_parent() -> None:
    assert receivers({"owner": "a", "env": "prod"}) == ["rP1", "rP2"]


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [({"owner": "a", "env": "qa"}, "rA"), ({"owner": "z"}, "def"), ({"k": "v"}, "def")],
)
def test_b29_what_no_child_takes_stays_with_the_parent(labels: dict[str, str], receiver: str) -> None:
    assert receivers(labels) == [receiver]


@pytest.mark.parametrize("owner", ["xb", "b\n", "bc", ""])
def test_b30_expressions_match_the_whole_value(owner: str) -> None:
    assert receivers({"owner": owner}) == ["def"]


@pytest.mark.parametrize(
    ("matcher", "matches"), [('team=""', True), ('team!="x"', True), ('team=~".+"', False)]
)
def test_b31_a_missing_label_is_an_empty_one(matcher: str, matches: bool) -> None:
    assert (receivers({"a": "1"}, child(f"matchers: ['{matcher}']")) == ["rA"]) is matches


def test_b32_a_label_the_alert_lacks_is_not_in_the_key() -> None:
    assert key({"owner": "b", "x": "1"}).endswith(':{x="1"}')
    assert key({"owner": "b"}).endswith(":{}")


def test_b33_an_empty_group_by_makes_one_group() -> None:
    config = child('matchers: [a="1"]', "group_by: []")
    assert key({"a": "1", "alertname": "X"}, config) == key({"a": "1", "alertname": "Y"}, config)
    assert key({"a": "1", "alertname": "X"}, config).endswith(":{}")


def test_b34_grouping_by_everything_is_inherited_until_a_child_says_otherwise() -> None:
    config = child('matchers: [a="1"]').replace("[alertname]", "['...']")
    assert key({"a": "1", "b": "2"}, config) == '{}/{a="1"}:{a="1", b="2"}'
    config = child('matchers: [a="1"]', "group_by: [foo]").replace("[alertname]", "['...']")
    assert key({"a": "1", "foo": "2"}, config) == '{}/{a="1"}:{foo="2"}'


@pytest.mark.parametrize(
    ("matchers", "text"),
    [
        ("matchers: ['b=\"2\"', 'a!=\"1\"', 'a=\"1\"']", '{a="1",a!="1",b="2"}'),
        ("match_re: {owner: b|c}", '{owner=~"^(?:b|c)$"}'),
        ("matchers: ['owner=~\"b|c\"']", '{owner=~"b|c"}'),
        (r"""matchers: ['a="a\"b\\c\n"']""", r'{a="a\"b\\c\n"}'),
        ("""matchers: ['"foo bar"="x"']""", '{"foo bar"="x"}'),
        ("""matchers: ['foo🙂="x"']""", '{foo🙂="x"}'),
    ],
)
def test_b35_b36_b37_how_matchers_are_written(matchers: str, text: str) -> None:
    assert routing(child(matchers)).route.routes[0].key == "{}/" + text


def test_b38_how_group_labels_are_written() -> None:
    config = child("matchers: []").replace("[alertname]", "[service, alertname]")
    assert key({"alertname": "x", "service": "y"}, config).endswith(':{alertname="x", service="y"}')


def test_b39_keys_in_full() -> None:
    deep = (
        """
route:
  receiver: def
  routes:
    - matchers: [owner="team-A"]
      routes:
        - matchers: [env=~"produ.*", job=~".*"]
          group_by: [cluster, service]
"""
        + RECEIVERS
    )
    labels = {"owner": "team-A", "env": "production", "cluster": "aa", "service": "api"}
    assert key(labels, deep) == '{}/{owner="team-A"}/{env=~"produ.*",job=~".*"}:{cluster="aa", service="api"}'
    assert key({"k": "v"}, deep) == "{}:{}"
    (route,) = match(labels, deep)
    assert route.id == '{}/{owner="team-A"}/0/{env=~"produ.*",job=~".*"}/0'
    t = Timeline()
    t.at(0).fire("A").until(30)
    hook = t.notifications[0][1]
    assert hook.group_key == '{}:{alertname="test"}'
    assert hook.group_hash == "40e5ad762244a928de808f0d86f2916d44cdc7f75fc104dcc42c74d0c520e7d1"
    assert hook.group_hash == hashlib.sha256(hook.group_key.encode()).hexdigest()


SIBLINGS = HOOK.replace(
    "receivers:",
    """  routes:
    - matchers: [x="1"]
      receiver: hook
      continue: true
    - matchers: [{second}]
      receiver: hook
receivers:""",
)


def test_b40_two_routes_to_one_receiver_are_two_messages() -> None:
    t = Timeline(SIBLINGS.replace("{second}", 'x=~"1|2"'))
    t.at(0).fire("A", x="1")
    assert t.until(100) == [sent(30, Reason.FIRST, firing="A")] * 2


def test_b41_also_where_their_matchers_are_the_same() -> None:
    t = Timeline(SIBLINGS.replace("{second}", 'x="1"'))
    t.at(0).fire("A", x="1")
    t.at(100).resolve("A", x="1")
    assert t.until(1000) == [
        *[sent(30, Reason.FIRST, firing="A")] * 2,
        *[sent(330, Reason.ALL_RESOLVED, resolved="A")] * 2,
    ]


MUTED = """
route:
  receiver: hook
  routes:
    - matchers: [x=~".+"]
      mute_time_intervals: [always]
      {routes}
    - matchers: [x="1"]
      receiver: second
time_intervals:
  - name: always
    time_intervals: [{}]
receivers:
  - name: hook
    webhook_configs: [{url: 'http://hook.example/'}]
  - name: second
    webhook_configs: [{url: 'http://second.example/'}]
"""


def test_b42_muting_times_are_not_inherited() -> None:
    t = Timeline(MUTED.replace("{routes}", "routes: [{matchers: ['x=\"1\"']}]"))
    t.at(0).fire("A", x="1")
    assert t.until(100) == [sent(30, Reason.FIRST, firing="A")]


def test_b43_a_muted_route_still_takes_the_alert() -> None:
    t = Timeline(MUTED.replace("{routes}", ""))
    t.at(0).fire("A", x="1")
    assert t.until(1000) == []


def test_b44_a_receiver_without_integrations_tells_nobody() -> None:
    t = Timeline("route: {receiver: sink, group_by: [alertname]}\nreceivers: [{name: sink}]\n")
    t.at(0).fire("A")
    t.at(100)
    assert t.known("A") is not None
    assert t.group() is not None
    t.resolve("A")
    assert t.until(400) == []
    assert t.group() is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("route: {receiver: def, matchers: ['a=\"1\"']}", "root route must not have any matchers"),
        ("route: {receiver: def, continue: true}", "cannot have continue in root route"),
        (
            "route: {receiver: def, mute_time_intervals: [t]}",
            "root route must not have any mute time intervals",
        ),
        ("route: {group_by: [a]}", "root route must specify a default receiver"),
        ("route: {receiver: nobody}", 'undefined receiver "nobody" used in route'),
        (
            "route: {receiver: def, routes: [{mute_time_intervals: [x]}]}",
            'undefined time interval "x" used in route',
        ),
        ("route: {receiver: def, group_interval: 0s}", "group_interval cannot be zero"),
        ("route: {receiver: def, repeat_interval: 0s}", "repeat_interval cannot be zero"),
        ("route: {receiver: def, group_by: ['...', a]}", "cannot have wildcard group_by"),
        ("route: {receiver: def, group_by: [a, a]}", 'duplicated label "a" in group_by'),
    ],
)
def test_b46_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        routing(f"{text}\n{RECEIVERS}")
    assert message in str(refused.value)


def test_b46_group_wait_may_be_zero() -> None:
    assert routing("route: {receiver: def, group_wait: 0s}\n" + RECEIVERS).route.group_wait == 0
