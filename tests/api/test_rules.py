"""The rules and their alerts over the API (`rules.md` 3.3)."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from alertrouter.api.http import Request
from alertrouter.api.rules import RulesApi
from alertrouter.core.time import MINUTE, SECOND
from alertrouter.rules.live_group import LiveGroup
from alertrouter.rules.ports import Answer
from tests.rules.story import Story, alerting, group, minutes, recording, sample, unreachable, while_minutes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from alertrouter.api.http import Answer as HttpAnswer
    from alertrouter.core.time import Moment
    from alertrouter.rules.model import RuleGroup


class Shown:
    def __init__(self, *groups: LiveGroup) -> None:
        self._groups = groups

    def groups(self) -> Sequence[LiveGroup]:
        return self._groups

    def alertmanagers(self) -> Sequence[str]:
        return ["http://am:9093/api/v2/alerts"]

    def curl(self, expression: str, at: Moment, group: RuleGroup) -> str:
        return f"curl {expression} of {group.name} at {minutes(at):g}"


def answered(handler: Callable[[Request], Awaitable[HttpAnswer]], query: str = "") -> HttpAnswer:
    """An answer, without an event loop: nothing here waits for anything."""

    async def receive() -> Any:
        raise NotImplementedError

    coroutine = handler(
        Request({"query_string": query.encode(), "method": "GET", "headers": []}, receive, "/")
    )
    with pytest.raises(StopIteration) as stopped:
        coroutine.__await__().send(None)
    found: HttpAnswer = stopped.value.value
    return found


def asked(handler: Callable[[Request], Awaitable[HttpAnswer]], query: str = "") -> tuple[int, dict[str, Any]]:
    """Status and body of an answer."""
    answer = answered(handler, query)
    body = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
    return answer.status, json.loads(body)


def names(query: str, *groups: LiveGroup) -> list[list[str]]:
    """The names of groups with those of their rules."""
    status, body = asked(RulesApi(Shown(*groups)).rules, query)
    assert status == 200, body
    return [[each["name"], *[rule["name"] for rule in each["rules"]]] for each in body["data"]["groups"]]


def story() -> Story:
    made = Story(
        alerting(
            "HighCpu",
            "cpu > 0.9",
            hold=10 * MINUTE,
            keep=5 * MINUTE,
            labels={"severity": "page"},
            annotations={"summary": "CPU of {{ $labels.instance }}"},
        ),
        recording("job:up", "sum(up)", tier="agg"),
        writes=True,
        interval=30 * SECOND,
        limit=7,
    )
    made.answer(lambda _: Answer([sample(0.95, instance="a:9100")], ("slow",), series_fetched=4), "cpu > 0.9")
    made.answer(unreachable(), "sum(up)")
    return made


def test_rules_as_grafana_reads_them() -> None:
    made = story()
    made.evaluate(0, 10)
    status, body = asked(RulesApi(Shown(made.live)).rules)
    assert status == 200
    assert body["status"] == "success"
    (shown,) = body["data"]["groups"]
    assert {name: shown[name] for name in ("name", "file", "interval", "limit", "lastEvaluation")} == {
        "name": "node",
        "file": "rules.yml",
        "interval": 30,
        "limit": 7,
        "lastEvaluation": "2023-11-14T22:24:00Z",
    }
    assert shown["evaluationTime"] > 0
    alerts, records = shown["rules"]
    assert alerts.pop("evaluationTime") > 0
    assert shown["id"] == alerts["group_id"] == records["group_id"]
    assert len({shown.pop("id"), alerts.pop("id"), records.pop("id")}) == 3
    assert all(each.pop("group_id").isdecimal() for each in (alerts, records))
    assert alerts == {
        "type": "alerting",
        "name": "HighCpu",
        "query": "cpu > 0.9",
        "state": "firing",
        "duration": 600,
        "keepFiringFor": 300,
        "labels": {"severity": "page"},
        "annotations": {"summary": "CPU of {{ $labels.instance }}"},
        "alerts": [
            {
                "labels": {"alertname": "HighCpu", "instance": "a:9100", "severity": "page"},
                "annotations": {"summary": "CPU of a:9100"},
                "state": "firing",
                "activeAt": "2023-11-14T22:14:00Z",
                "value": "9.5e-01",
            }
        ],
        "health": "ok",
        "warnings": ["slow"],
        "lastEvaluation": "2023-11-14T22:24:00Z",
        "lastSamples": 1,
        "lastSeriesFetched": 4,
    }
    assert records.pop("evaluationTime") > 0
    assert records == {
        "type": "recording",
        "name": "job:up",
        "query": "sum(up)",
        "labels": {"tier": "agg"},
        "health": "err",
        "lastError": "connection refused",
        "lastEvaluation": "2023-11-14T22:24:00Z",
        "lastSamples": 0,
    }


def test_a_rule_that_was_never_evaluated() -> None:
    made = story()
    _, body = asked(RulesApi(Shown(made.live)).rules)
    (shown,) = body["data"]["groups"]
    assert shown["lastEvaluation"] == "0001-01-01T00:00:00Z"
    rule = shown["rules"][0]
    assert (rule["state"], rule["health"], rule["alerts"]) == ("inactive", "unknown", [])
    assert rule["lastEvaluation"] == "0001-01-01T00:00:00Z"


def test_kept_alerts_say_since_when_and_resolved_ones_are_not_listed() -> None:  # R18
    made = Story(alerting(keep=2 * MINUTE))
    made.answer(while_minutes((0, 0)))
    made.evaluate(0, 1)
    api = RulesApi(Shown(made.live))
    (alert,) = asked(api.alerts)[1]["data"]["alerts"]
    assert alert["keepFiringSince"] == "2023-11-14T22:15:00Z"
    made.evaluate(2, 3)
    assert asked(api.alerts)[1] == {"status": "success", "data": {"alerts": []}}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1e+00"),
        (0, "0e+00"),
        (7.5, "7.5e+00"),
        (123456789012, "1.23456789012e+11"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_values_are_written_as_go_does(value: float, text: str) -> None:
    made = Story(alerting())
    made.answer([sample(float(value))])
    made.evaluate(0)
    (alert,) = asked(RulesApi(Shown(made.live)).alerts)[1]["data"]["alerts"]
    assert alert["value"] == text


def groups() -> list[LiveGroup]:
    world = Story().world()
    rules = (
        alerting("A", labels={"severity": "page", "zone": "{{ $labels.zone }}"}),
        alerting("B", labels={"severity": "info"}),
        recording("c:d", severity="page"),
    )
    made = [
        group(*rules, file="a.yml", name="one"),
        group(alerting("A"), file="a.yml", name="two"),
        group(*rules, file="b.yml", name="one"),
    ]
    return [LiveGroup(each, world) for each in made]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [["one", "A", "B", "c:d"], ["two", "A"], ["one", "A", "B", "c:d"]]),
        ("type=alert", [["one", "A", "B"], ["two", "A"], ["one", "A", "B"]]),
        ("type=record", [["one", "c:d"], ["one", "c:d"]]),
        ("rule_name[]=B&rule_name[]=c:d", [["one", "B", "c:d"], ["one", "B", "c:d"]]),
        ("rule_group[]=two", [["two", "A"]]),
        ("file[]=b.yml&rule_name[]=A", [["one", "A"]]),
        ("file%5B%5D=b.yml&rule_group[]=two", []),
        ("match[]=%7Bseverity=%22page%22%7D", [["one", "A", "c:d"], ["one", "A", "c:d"]]),
        (
            "match[]=%7Bseverity=%22page%22%7D&match[]=%7Bseverity=~%22i.*%22%7D&file[]=a.yml",
            [["one", "A", "B", "c:d"]],
        ),
        # What a template becomes is not known.
        ("match[]=%7Bzone=~%22.%2B%22%7D", []),
    ],
)
def test_rules_by_type_name_group_file_and_labels(query: str, found: list[list[str]]) -> None:
    assert names(query, *groups()) == found


def test_alerts_may_be_left_out() -> None:
    made = story()
    made.evaluate(0, 10)
    _, body = asked(RulesApi(Shown(made.live)).rules, "exclude_alerts=true")
    rule = body["data"]["groups"][0]["rules"][0]
    assert (rule["state"], rule["alerts"]) == ("firing", [])


def test_groups_page_by_page() -> None:
    api = RulesApi(Shown(*groups()))
    found, token = [], ""
    for _ in range(3):
        _, body = asked(api.rules, f"group_limit=1&group_next_token={token}")
        (shown,) = body["data"]["groups"]
        found.append((shown["file"], shown["name"]))
        token = body["data"].get("groupNextToken", "")
    assert found == [("a.yml", "one"), ("a.yml", "two"), ("b.yml", "one")]
    assert token == ""
    # A page ends where nothing that is asked for follows.
    assert "groupNextToken" not in asked(api.rules, "group_limit=1&rule_group[]=two")[1]["data"]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("type=bogus", 'invalid parameter "type": not supported value "bogus"'),
        ("group_limit=x", 'invalid parameter "group_limit": "x" is no number of groups, which is 1 or more'),
        ("group_limit=0", 'invalid parameter "group_limit": "0" is no number of groups, which is 1 or more'),
        (
            "group_next_token=x",
            'invalid parameter "group_limit": group_limit needs to be set in order to paginate over the groups',
        ),
        (
            "group_next_token=x&group_limit=1",
            'invalid parameter "group_next_token": no group belongs to "x": were the rules changed?',
        ),
        ("exclude_alerts=maybe", 'invalid parameter "exclude_alerts": "maybe" is neither true nor false'),
        ("match[]=%7B%7D", 'invalid parameter "match[]": match[] must contain at least one matcher'),
    ],
)
def test_what_cannot_be_asked(query: str, error: str) -> None:
    assert asked(RulesApi(Shown(*groups())).rules, query) == (
        400,
        {"status": "error", "errorType": "bad_data", "error": error},
    )


def test_a_selector_that_is_none_is_refused() -> None:
    status, body = asked(RulesApi(Shown()).rules, "match[]=%7Ba%20b%7D")
    assert status == 400
    assert body["error"].startswith('invalid parameter "match[]": ')


def test_what_this_is_and_where_alerts_go() -> None:
    api = RulesApi(Shown())
    assert set(asked(api.build)[1]["data"]) == {
        "version",
        "revision",
        "branch",
        "buildUser",
        "buildDate",
        "goVersion",
    }
    assert asked(api.alertmanagers)[1]["data"] == {
        "activeAlertmanagers": [{"url": "http://am:9093/api/v2/alerts"}],
        "droppedAlertmanagers": [],
    }
    assert asked(api.rules)[1] == {"status": "success", "data": {"groups": []}}


def one_rule(place: int, made: Story) -> dict[str, Any]:
    """A rule as it is answered alone, asked by the ids of the list."""
    api = RulesApi(Shown(made.live))
    _, body = asked(api.rules)
    rule = body["data"]["groups"][0]["rules"][place]
    status, shown = asked(api.rule, f"group_id={rule['group_id']}&rule_id={rule['id']}")
    assert status == 200
    assert rule.items() <= shown.items()
    return shown


def test_thousands_of_alerts_keep_nobody_waiting() -> None:
    made = Story(alerting('","alerts":[]', labels={"alerts": "[]"}), recording("rules", "up"))
    hosts = {f"host-{number}" for number in range(3000)}
    made.answer([sample(instance=each) for each in hosts])
    made.evaluate(0, 1)
    api = RulesApi(Shown(made.live))
    only = made.live.rules[0]
    query = f"group_id={made.live.identity}&rule_id={only.identity}"
    for handler, asks, way in (
        (api.rules, "", ["data", "groups", 0, "rules", 0, "alerts"]),
        (api.alerts, "", ["data", "alerts"]),
        (api.rule, query, ["alerts"]),
    ):
        answer = answered(handler, asks)
        assert not isinstance(answer.body, bytes)
        pieces = list(answer.body)
        # After each piece others have their turn.
        assert set(pieces[1:-1:2]) == {b""}
        assert max(map(len, pieces)) < 110_000
        alerts = json.loads(b"".join(pieces))
        for step in way:
            alerts = alerts[step]
        assert {each["labels"]["instance"] for each in alerts} == hosts


def test_the_last_evaluations_of_a_rule_are_shown_the_newest_first() -> None:
    made = story()
    made.evaluate(0, 24)
    shown = one_rule(0, made)
    assert (shown["group_name"], shown["file"], shown["debug"]) == ("node", "rules.yml", False)
    assert shown["max_updates_entries"] == len(shown["updates"]) == 20
    newest, oldest = shown["updates"][0], shown["updates"][-1]
    assert newest.pop("duration") > 0
    assert newest == {
        "time": "2023-11-14T22:38:00Z",
        "at": "2023-11-14T22:38:00Z",
        "error": None,
        "samples": 1,
        "series_fetched": 4,
        "curl": "curl cpu > 0.9 of node at 24",
    }
    assert oldest["time"] == "2023-11-14T22:19:00Z"
    failed = one_rule(1, made)["updates"][0]
    assert (failed["error"], failed["samples"], failed["series_fetched"]) == ("connection refused", 0, None)


def test_a_rule_says_how_many_evaluations_are_remembered_also_after_a_reload() -> None:
    rules = [replace(alerting(), update_entries_limit=limit) for limit in (3, 2, 5)]
    made = Story(rules[0])
    made.answer(lambda minute: unreachable() if minute == 2 else [])
    made.evaluate(0, 4)

    def errors() -> list[str | None]:
        return [each["error"] for each in one_rule(0, made)["updates"]]

    assert errors() == [None, None, "connection refused"]
    made.reload(rules[1])
    assert errors() == [None, None]
    made.reload(rules[2])
    made.answer(unreachable())
    made.evaluate(5, 6)
    assert errors() == ["connection refused"] * 2 + [None] * 2


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("group_id=1", 400),
        ("group_id=1&rule_id=x", 400),
        ("group_id=1&rule_id=2", 404),
        ("group_id=" + "9" * 30 + "&rule_id=2", 400),
    ],
)
def test_a_rule_that_is_not_there(query: str, status: int) -> None:
    found, body = asked(RulesApi(Shown(story().live)).rule, query)
    assert found == status
    assert body["status"] == "error"
    assert body["error"]
