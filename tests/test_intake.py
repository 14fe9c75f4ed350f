"""The door: what is a heartbeat, what says more, and what is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from alertrouter.core.matcher_syntax import Mode
from alertrouter.core.time import MINUTE, SECOND, format_rfc3339
from alertrouter.engine.engine import Engine
from alertrouter.intake import Intake, Taken
from alertrouter.wire import decode_alerts
from tests.timeline import HOOK, routing

NOW = 1_750_000_000 * SECOND
FIRST: dict[str, Any] = {
    "labels": {"alertname": "Down", "job": "api"},
    "annotations": {"summary": "It is down"},
    "startsAt": format_rfc3339(NOW - MINUTE),
    "endsAt": format_rfc3339(NOW + 4 * MINUTE),
    "generatorURL": "http://prometheus:9090/graph?g0.expr=up",
}


class _Door:
    def __init__(self, mode: Mode = Mode.FALLBACK) -> None:
        self.engine = Engine(routing(HOOK))
        self.intake = Intake(self.engine, mode)

    def post(self, *alerts: dict[str, Any], at: int = NOW) -> Taken:
        return self.intake.take(self.intake.read(decode_alerts(msgspec.json.encode(alerts))), at)

    def end(self) -> int:
        (known,) = self.engine.known.values()
        return known.ends_at


def test_the_same_again_moves_the_end_and_changes_nothing() -> None:
    door = _Door()
    assert len(door.post(FIRST).changes.alerts) == 1

    again = door.post({**FIRST, "endsAt": format_rfc3339(NOW + 5 * MINUTE)}, at=NOW + MINUTE)

    assert not again.changes
    assert (again.firing, again.resolved) == (1, 0)
    assert door.end() == NOW + 5 * MINUTE


@pytest.mark.parametrize(
    "different",
    [
        {"annotations": {"summary": "It is still down"}},
        {"generatorURL": "http://other:9090/"},
        {"startsAt": format_rfc3339(NOW - 2 * MINUTE)},
        {"endsAt": format_rfc3339(NOW - SECOND)},
    ],
    ids=lambda different: next(iter(different)),
)
def test_whatever_else_differs_is_a_change(different: dict[str, Any]) -> None:
    door = _Door()
    door.post(FIRST)
    door.post(FIRST)

    assert len(door.post({**FIRST, **different}).changes.alerts) == 1
    assert len(door.engine.known) == 1


def test_an_alert_that_fires_again_is_no_heartbeat() -> None:
    door = _Door()
    door.post(FIRST)
    late = NOW + 10 * MINUTE

    again = door.post({**FIRST, "endsAt": format_rfc3339(late + MINUTE)}, at=late)

    assert [each.kind.value for each in again.changes.transitions] == ["expired", "fired"]


def test_labels_written_in_another_way_are_the_same_alert() -> None:
    door = _Door()
    door.post(FIRST)

    again = door.post({**FIRST, "labels": {"job": "api", "alertname": "Down", "empty": ""}})

    assert not again.changes
    assert len(door.engine.known) == 1


def test_an_end_that_is_not_given_comes_from_the_timeout() -> None:
    door = _Door()
    without_end = {name: value for name, value in FIRST.items() if name != "endsAt"}
    door.post(without_end)
    timeout = door.engine.routing.resolve_timeout
    assert door.end() == NOW + timeout

    assert not door.post(without_end, at=NOW + MINUTE).changes
    assert door.end() == NOW + MINUTE + timeout


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ({"labels": {}}, "at least one label pair required"),
        ({"labels": {"": "x"}}, 'invalid label set: invalid name ""'),
        ({"annotations": {"": "x"}}, 'invalid annotations: invalid name ""'),
        (
            {"startsAt": format_rfc3339(NOW + 2 * MINUTE), "endsAt": format_rfc3339(NOW + MINUTE)},
            "start time must be before end time",
        ),
    ],
)
def test_a_bad_alert_is_refused_and_the_others_go_on(bad: dict[str, Any], problem: str) -> None:
    door = _Door()

    taken = door.post({**FIRST, **bad}, FIRST)

    assert taken.problems == [problem]
    assert len(door.engine.known) == 1


def test_names_are_those_of_the_mode() -> None:
    posted = {**FIRST, "labels": {"größe": "ü"}}

    assert _Door(Mode.UTF8).post(posted).problems == []
    assert _Door(Mode.CLASSIC).post(posted).problems == ['invalid label set: invalid name "größe"']


def _posted(name: str, count: int, at: int) -> list[dict[str, Any]]:
    return [
        {
            "labels": {"alertname": name, "place": str(place)},
            "startsAt": format_rfc3339(at),
            "endsAt": format_rfc3339(at + MINUTE),
        }
        for place in range(count)
    ]


def _collect(door: _Door, at: int) -> None:
    for known in list(door.engine.known.values()):
        for group in list(known.groups):
            door.engine.flusher.leave(group, known)
    door.engine.collect_alerts(at + 2 * MINUTE)


def test_bytes_of_alerts_that_are_gone_do_not_pile_up() -> None:
    door = _Door()
    for number in range(40):
        at = NOW + number * 10 * MINUTE
        door.post(*_posted(f"Down{number}", 100, at), at=at)
        _collect(door, at)

    assert len(door.engine.known) == 0
    assert len(door.intake._seen) <= 1200


def test_alerts_of_a_storm_are_let_go_when_the_next_report_comes() -> None:
    door = _Door()
    door.post(*_posted("Storm", 5000, NOW), at=NOW)
    _collect(door, NOW)
    door.post(FIRST, at=NOW + 5 * MINUTE)

    assert len(door.intake._seen) == 1


def test_alerts_that_are_written_in_two_ways_are_not_looked_through_with_every_report() -> None:
    door = _Door()
    one = _posted("Twice", 5000, NOW)
    other = [{**each, "labels": dict(reversed(each["labels"].items()))} for each in one]
    for _ in range(2):
        door.post(*one, at=NOW)
        door.post(*other, at=NOW)
    assert len(door.intake._seen) == 10_000
    seen = door.intake._seen
    door.post(*one, at=NOW)

    assert door.intake._seen is seen
