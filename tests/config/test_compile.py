"""From a file to a routing: what is inherited, what identifies a route, what receivers are made of."""

from __future__ import annotations

from textwrap import dedent

from alertrouter.config import load_text
from alertrouter.core.routing import Routing
from alertrouter.core.time import HOUR, MINUTE, SECOND


def routing(text: str) -> Routing:
    return load_text(dedent(text), environ={}).routing


def test_children_inherit_what_they_do_not_say() -> None:
    root = routing("""
        route:
          receiver: a
          group_by: [z, y]
          group_wait: 1s
          group_interval: 1m
          repeat_interval: 1h
          labels: {team: one, tone: calm}
          routes:
          - receiver: b
            group_wait: 0s
            labels: {tone: loud}
            continue: true
            routes:
            - group_by: []
              repeat_interval: 2h
          - group_by: ['...']
            group_interval: 2m
            routes: [{}]
        receivers: [{name: a}, {name: b}]
    """).route
    first, second = root.routes
    (grandchild,) = first.routes
    assert root.group_by == ("y", "z")
    assert (first.receiver.name, first.group_by, first.group_wait) == ("b", ("y", "z"), 0)
    assert first.continues
    assert (grandchild.receiver.name, grandchild.group_by, grandchild.group_wait) == ("b", (), 0)
    assert (grandchild.group_interval, grandchild.repeat_interval) == (MINUTE, 2 * HOUR)
    assert not grandchild.continues
    assert grandchild.labels == {"team": "one", "tone": "loud"}
    assert root.labels == {"team": "one", "tone": "calm"}
    assert (second.group_by, second.group_wait, second.group_interval) == (None, SECOND, 2 * MINUTE)
    assert second.routes[0].group_by is None


def test_intervals_are_not_inherited() -> None:
    root = routing("""
        route:
          receiver: a
          routes:
          - mute_time_intervals: [x]
            active_time_intervals: [y]
            routes: [{}]
        receivers: [{name: a}]
        time_intervals: [{name: x}]
        mute_time_intervals: [{name: y}]
    """)
    (child,) = root.route.routes
    assert (child.mute_time_intervals, child.active_time_intervals) == (("x",), ("y",))
    assert child.routes[0].mute_time_intervals == ()
    assert set(root.time_intervals) == {"x", "y"}


def test_keys_and_identifiers_are_alertmanagers() -> None:
    root = routing("""
        route:
          receiver: a
          routes:
          - matchers: ['team="x"', 'severity=~"a|b"']
            routes:
            - match: {b: c}
              match_re: {a: x.*}
              matchers: [a!=b]
          - match: {}
        receivers: [{name: a}]
    """).route
    assert [(route.key, route.id) for route in root.walk()] == [
        ("{}", "{}"),
        ('{}/{severity=~"a|b",team="x"}', '{}/{severity=~"a|b",team="x"}/0'),
        (
            '{}/{severity=~"a|b",team="x"}/{a=~"^(?:x.*)$",a!="b",b="c"}',
            '{}/{severity=~"a|b",team="x"}/0/{a=~"^(?:x.*)$",a!="b",b="c"}/0',
        ),
        ("{}/{}", "{}/{}/1"),
    ]


def test_a_route_is_remembered_by_its_name_or_by_key_receiver_and_count() -> None:
    root = routing("""
        route:
          receiver: a
          routes:
          - {matchers: [x=y], continue: true}
          - {matchers: [x=y], continue: true, receiver: b}
          - {matchers: [x=y], continue: true}
          - {matchers: [x=y], alertrouter: {name: mine}}
        receivers: [{name: a}, {name: b}]
    """).route
    assert [route.identity for route in root.walk()] == [
        "{} -> a",
        '{}/{x="y"} -> a',
        '{}/{x="y"} -> b',
        '{}/{x="y"} -> a #2',
        "mine",
    ]


def test_receivers_keep_their_order_labels_and_integrations() -> None:
    receivers = routing("""
        route: {receiver: a}
        receivers:
        - name: b
          labels: {owner: core}
        - name: a
          webhook_configs:
          - url: http://one
          - url: http://two
            send_resolved: false
            alertrouter: {name: second, announce_muted_resolves: true}
          pagerduty_configs:
          - routing_key: key
    """).receivers
    assert list(receivers) == ["b", "a"]
    assert receivers["b"].labels == {"name": "b", "owner": "core"}
    assert receivers["b"].integrations == []
    assert [
        (each.key, each.send_resolved, each.announce_muted_resolves) for each in receivers["a"].integrations
    ] == [
        ("pagerduty/0", True, False),
        ("webhook/0", True, False),
        ("webhook/second", False, True),
    ]


def test_inhibition_rules_join_all_spellings() -> None:
    (rule,) = routing("""
        route: {receiver: a}
        receivers: [{name: a}]
        inhibit_rules:
        - name: rule
          source_match: {a: b}
          source_matchers: [c=d]
          target_match_re: {e: f}
          target_matchers: ['g=h,i=j']
          equal: [x]
    """).inhibition_rules
    assert rule.source.text() == '{a="b",c="d"}'
    assert rule.target.text() == '{e=~"^(?:f)$",g="h",i="j"}'
    assert (rule.name, rule.equal) == ("rule", ("x",))


def test_an_empty_receiver_key_inherits_too() -> None:
    root = routing("route: {receiver: a, routes: [{receiver: ''}]}\nreceivers: [{name: a}]\n").route
    assert root.routes[0].receiver is root.receiver
