"""Which groups of which routes the entries of Alertmanager's log are about, and what that does to the first flushes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertrouter.core.labels import Labels
from alertrouter.core.reason import Reason
from alertrouter.core.time import HOUR
from alertrouter.engine.changes import LogEntry
from alertrouter.engine.slot import GroupId
from alertrouter.snapshot.mapping import entries_of, group_labels
from alertrouter.snapshot.reading import LeftOut, LoggedNotification, read_notification_log
from tests.snapshot import writer
from tests.timeline import HOOK, Timeline, labels_of, routing, sent

CONFIG = """
route:
  receiver: hook
  group_by: [alertname]
  routes:
  - matchers: ['a="b"']
    group_by: [cluster, service]
    receiver: two
  - matchers: ['x=~"c:{d", y="\\\\"']
    group_by: ['...']
  - matchers: ['twin="1"']
    continue: true
  - matchers: ['twin="1"']
  - matchers: ['named="1"']
    alertrouter: {name: mine}
    receiver: two
receivers:
- name: hook
  webhook_configs: [{url: 'http://hook.example/'}]
- name: two
  webhook_configs:
  - url: http://hook.example/
  - url: http://hook.example/
    alertrouter: {name: second}
"""


def logged(group_key: str, receiver: str = "hook", index: int = 0, sent_at: int = 7) -> LoggedNotification:
    return LoggedNotification(
        group_key=group_key,
        receiver=receiver,
        integration="webhook",
        index=index,
        sent_at=sent_at,
        expires_at=9,
        firing=frozenset({1}),
        resolved=frozenset({2}),
        receiver_data={"threadTs": "5"},
    )


def mapped(*entries: LoggedNotification, config: str = CONFIG) -> tuple[list[LogEntry], list[LeftOut]]:
    return entries_of(entries, routing(config).route)


@pytest.mark.parametrize(
    ("entry", "route", "labels", "integration"),
    [
        (logged("{}:{}"), "{} -> hook", {}, "webhook/0"),
        (
            logged(r'{}:{alertname="a:{\"b\"}, \u00a0\n"}'),
            "{} -> hook",
            {"alertname": 'a:{"b"}, \xa0\n'},
            "webhook/0",
        ),
        (
            logged('{}/{a="b"}:{cluster="1", service="2"}', "two", 1),
            '{}/{a="b"} -> two',
            {"cluster": "1", "service": "2"},
            "webhook/second",
        ),
        (logged('{}/{a="b"}:{service="2"}', "two"), '{}/{a="b"} -> two', {"service": "2"}, "webhook/0"),
        (
            logged(r'{}/{x=~"c:{d",y="\\"}:{alertname="z", x="c:{d"}'),
            r'{}/{x=~"c:{d",y="\\"} -> hook',
            {"alertname": "z", "x": "c:{d"},
            "webhook/0",
        ),
        (logged('{}/{named="1"}:{alertname="z"}', "two"), "mine", {"alertname": "z"}, "webhook/0"),
    ],
)
def test_an_entry_finds_its_group(
    entry: LoggedNotification, route: str, labels: dict[str, str], integration: str
) -> None:
    (found,), left_out = mapped(entry)

    assert left_out == []
    assert found.slot.group == GroupId(route, Labels(labels))
    assert (found.slot.receiver, found.slot.integration) == (entry.receiver, integration)
    assert found.group_key == entry.group_key
    assert (found.firing, found.resolved) == (entry.firing, entry.resolved)
    assert (found.flushed_at, found.sent_at, found.expires_at, found.revision) == (7, 7, 9, 1)
    assert found.receiver_data == {"threadTs": "5"}


def test_an_entry_that_fits_several_routes_goes_to_each() -> None:
    found, left_out = mapped(logged('{}/{twin="1"}:{alertname="z"}'))

    assert left_out == []
    assert [each.slot.group.route for each in found] == ['{}/{twin="1"} -> hook', '{}/{twin="1"} -> hook #2']


def test_of_two_entries_about_one_thing_the_later_counts() -> None:
    found, _ = mapped(*[logged("{}:{}", sent_at=at) for at in (7, 8, 6)])

    assert [each.sent_at for each in found] == [8]


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (logged('{}/{gone="1"}:{}'), "no route has these matchers"),
        (logged("something else"), "no route has these matchers"),
        (logged('{}:{job="x"}'), "the route groups by other labels"),
        (logged('{}:{alertname="x"'), "the route groups by other labels"),
        (logged('{}:{alertname="x"y}'), "the route groups by other labels"),
        (logged(r'{}:{alertname="\q"}'), "the route groups by other labels"),
        (logged(r'{}:{alertname="\xff"}'), "the route groups by other labels"),
        (logged('{}:{alertname="x"}', "two"), "the route's receiver is hook"),
        (logged('{}:{alertname="x"}', index=1), "the receiver has no such integration"),
    ],
)
def test_an_entry_without_a_home_is_told_of(entry: LoggedNotification, why: str) -> None:
    assert mapped(entry) == ([], [LeftOut(str(entry), why)])


@given(st.dictionaries(st.text("abAZ09_:.ä -=", min_size=1), st.text()))
def test_group_labels_are_read_as_they_are_written(pairs: dict[str, str]) -> None:
    labels = Labels(pairs)
    text = labels.text()

    assert group_labels(text, None) == labels
    assert group_labels(text, tuple(labels)) == labels


@pytest.mark.parametrize(
    ("labels", "hashed"),
    [({"alertname": "test"}, 15940052760790000619), ({"foo": "bar"}, 652657311551584548)],
)
def test_members_are_known_by_the_hash_that_the_log_has(labels: dict[str, str], hashed: int) -> None:
    assert Labels(labels).identity == hashed


# What follows from it


def after_import(tmp_path: Path, *records: bytes, config: str = HOOK) -> Timeline:
    """A daemon at its first start after this log was imported."""
    path = tmp_path / "nflog"
    path.write_bytes(writer.file(*records))
    timeline = Timeline(config)
    found, left_out = entries_of(read_notification_log(path, 0).records, timeline.routing.route)
    assert left_out == []
    timeline.store.entries = {entry.slot: entry for entry in found}
    return timeline.restart()


KEY = '{}:{alertname="test"}'
A, B = labels_of("A", {}), labels_of("B", {})


def test_an_alert_that_was_announced_is_not_announced_again_and_its_resolve_is(tmp_path: Path) -> None:
    t = after_import(tmp_path, writer.logged(KEY, firing=[A]))
    t.at(1).fire("A", starts=-100)
    t.at(2000).resolve("A")

    assert t.until(5000) == [sent(2101, Reason.ALL_RESOLVED, resolved="A")]


def test_an_alert_that_is_new_is_announced(tmp_path: Path) -> None:
    t = after_import(tmp_path, writer.logged(KEY, firing=[A]))
    t.at(1).fire("A", starts=-100).fire("B")

    assert t.until(1000) == [sent(1, Reason.NEW_ALERTS, firing="AB")]


def test_a_resolve_that_came_while_nobody_listened_is_told(tmp_path: Path) -> None:
    t = after_import(tmp_path, writer.logged(KEY, firing=[A, B]))
    t.at(1).fire("A", starts=-100).resolve("B", starts=-100, ends=-5)

    assert t.until(1000) == [sent(1, Reason.SOME_RESOLVED, firing="A", resolved="B")]


def test_a_resolve_that_was_told_is_not_told_again(tmp_path: Path) -> None:
    t = after_import(tmp_path, writer.logged(KEY, firing=[A], resolved=[B]))
    t.at(1).fire("A", starts=-100).resolve("B", starts=-100, ends=-5)

    assert t.until(1000) == []


def test_the_repeat_comes_when_it_would_have_come(tmp_path: Path) -> None:
    t = after_import(tmp_path, writer.logged(KEY, firing=[A], sent_at=-3 * HOUR))
    t.at(1).fire("A", starts=-20_000)

    assert t.until(4000) == [sent(3601, Reason.REPEAT, firing="A")]


def test_an_entry_outlives_maintenance_until_its_alert_is_reported(tmp_path: Path) -> None:
    t = after_import(tmp_path, writer.logged(KEY, firing=[A], expires_at=8 * HOUR))
    t.at(900).collect().at(1000).fire("A", starts=-100)

    assert t.until(2000) == []
    assert [each.firing for each in t.engine.entries.values()] == [{A.identity}]
