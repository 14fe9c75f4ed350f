"""History over HTTP: what it answers, as its description says; and what it refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from alertrouter.api.past import KINDS
from alertrouter.core.reason import FailureReason, NotSent
from alertrouter.core.time import HOUR, MINUTE, SECOND
from alertrouter.delivery.attempt import AttemptRecord
from alertrouter.engine.changes import AlertTransition, Changes, Outcome, Transition
from alertrouter.insight import past
from alertrouter.store import Store
from alertrouter.store.history import Action
from tests.api.play import Step
from tests.api.server import NOW, Server
from tests.store.values import StillClock, alert, decision, journal, silence, silenced, slot

PATH = "/api/alertrouter/v1/history"
CONFIG = """
route: {receiver: team}
receivers:
  - name: team
"""

DOWN, SLOW = alert("Down", starts_at=NOW), alert("Slow", starts_at=NOW)
SENT = decision("Down", at=NOW - HOUR, tick=NOW - HOUR - SECOND)
SILENCED = decision(
    "Slow",
    at=NOW - MINUTE,
    tick=NOW - MINUTE,
    slot=slot("Slow", "others"),
    outcome=Outcome.NOT_SENT,
    reason=None,
    why_not=NotSent.SILENCED,
    firing=(),
    muted={SLOW.labels.identity: ["silence:7"]},
    attempts=0,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database in which something happened."""
    folder = tmp_path_factory.mktemp("history")

    async def happen(store: Store) -> None:
        async with journal(store) as opened:
            fired = [
                AlertTransition(at=NOW - 2 * HOUR + at, kind=Transition.FIRED, alert=each)
                for at, each in enumerate((DOWN, SLOW))
            ]
            await opened.write(Changes(alerts=[DOWN, SLOW], transitions=fired))
            await opened.write(Changes(decisions=[SENT, SILENCED]))
            await opened.attempt(
                AttemptRecord(
                    slot=SENT.slot,
                    tick=SENT.tick,
                    number=1,
                    started_at=SENT.tick,
                    latency=SECOND // 4,
                    error="answered 503",
                    reason=FailureReason.SERVER_ERROR,
                )
            )
            await opened.write(silenced(silence("7"), at=NOW - HOUR))
            await opened.reloaded(NOW - HOUR, 0xAB, "route: {receiver: team}")
            await opened.acted(Action(NOW - HOUR, "receiver tested", "team", "someone", "10.0.0.1", "ok"))

    store = Store.open(folder, StillClock())
    asyncio.run(happen(store))
    store.close()
    return folder


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    server = Server(CONFIG)
    server.router.store = Store.open(folder, StillClock())
    yield server
    server.router.store.close()


def lines(server: Server, query: str) -> list[Any]:
    return list(server.listed(f"{PATH}/{query}")["lines"])


def test_alerts_are_found_by_matchers_kind_and_time(server: Server) -> None:
    assert [each["labels"]["alertname"] for each in lines(server, "alerts")] == ["Slow", "Down"]
    [down] = lines(server, "alerts?filter=alertname%3DDown&filter=job%3D~n.*")
    assert down == {
        "at": "2026-11-21T10:00:00.923Z",
        "kind": "fired",
        "fingerprint": DOWN.labels.fingerprint_text,
        "labels": {"alertname": "Down", "job": "node"},
        "annotations": {"summary": "Down is down"},
        "startsAt": "2026-11-21T12:00:00.923Z",
        "endsAt": "2025-10-09T08:57:20.000Z",
    }
    assert lines(server, "alerts?kind=resolved") == []
    assert lines(server, "alerts?since=1h") == []
    assert len(lines(server, "alerts?since=2026-11-21T10:00:00Z&until=1h")) == 2


def test_a_page_leads_to_the_next(server: Server) -> None:
    first = server.listed(f"{PATH}/alerts?limit=1")
    second = server.listed(f"{PATH}/alerts?limit=1&before={first['older']}")
    assert [page["lines"][0]["labels"]["alertname"] for page in (first, second)] == ["Slow", "Down"]
    assert second["older"] is None


def test_notifications_tell_the_attempts_and_what_kept_an_alert_back(server: Server) -> None:
    [sent] = lines(server, "notifications?receiver=team")
    assert (sent["outcome"], sent["reason"], sent["whyNot"]) == ("sent", "first notification", "")
    assert sent["firing"] == {"count": 1, "labels": [{"alertname": "Down", "job": "node"}]}
    [attempt] = sent["attempts"]
    assert (attempt["number"], attempt["seconds"], attempt["error"]) == (1, 0.25, "answered 503")
    [kept_back] = lines(server, "notifications?filter=alertname%3DSlow&reason=silenced&outcome=not%20sent")
    assert kept_back["muted"] == [{"labels": {"alertname": "Slow", "job": "node"}, "by": ["silence:7"]}]
    assert lines(server, "notifications?reason=serverError") == []


def test_silences_reloads_attempts_and_actions(server: Server) -> None:
    [silenced] = lines(server, "silences?silence=7")
    assert (silenced["action"], silenced["createdBy"]) == ("created", "somebody")
    assert silenced["matchers"] == [['alertname="Down"', 'job!~"db|web.*"']]
    assert lines(server, "silences?silence=8") == []
    assert [each["hash"] for each in lines(server, "reloads")] == ["ab"]
    assert [each["receiver"] for each in lines(server, "attempts")] == ["team"]
    assert [each["outcome"] for each in lines(server, "actions?author=someone")] == ["ok"]
    assert lines(server, "actions?author=nobody") == []


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("alerts?since=yesterday", 'since: "yesterday" is neither a duration, as 2h'),
        ("alerts?filter=%3D", "bad matcher format"),
        ("alerts?kind=burned", 'kind: there is no "burned": there are fired, changed, resolved'),
        ("notifications?reason=because", 'reason: there is no "because": there are first notification'),
        ("alerts?limit=5000", 'limit: "5000" is not a number from 1 to 1000'),
        ("alerts?before=now", 'before: "now" is not the "older" of a page'),
    ],
)
def test_what_cannot_be_understood_is_said(server: Server, query: str, complaint: str) -> None:
    answer = server.get(f"{PATH}/{query}")
    assert answer.status == 400
    assert complaint in json.loads(answer.body)


def test_every_answer_is_as_described(server: Server) -> None:
    described = server.listed("/api/alertrouter/v1/openapi.json")
    checked = 0
    for path, operations in described["paths"].items():
        if "/history/" not in path:
            continue
        content = operations["get"]["responses"]["200"]["content"]
        if "application/json" not in content:
            continue
        schema = content["application/json"]["schema"]
        validator = jsonschema_rs.validator_for({**schema, "components": described["components"]})
        answer = server.listed(path)
        assert answer["lines"], path
        validator.validate(answer)
        checked += 1
    assert checked == 6


def test_who_did_what_is_noted() -> None:
    server = Server(CONFIG)
    created = server.post(
        "/api/v2/silences",
        {
            "matchers": [{"name": "a", "value": "b", "isRegex": False}],
            "startsAt": "2026-11-21T12:00:00Z",
            "endsAt": "2026-11-21T13:00:00Z",
            "createdBy": "someone",
            "comment": "because",
        },
    )
    silence_id = json.loads(created.body)["silenceID"]
    server.ask(Step("DELETE", f"/api/v2/silence/{silence_id}"))
    server.post("/-/reload", b"")
    server.router.reload_problem = "no such file"
    server.post("/-/reload", b"")

    noted = [(each.action, each.subject, each.author, each.outcome) for each in server.router.actions]

    assert noted == [
        ("silence created", silence_id, "someone", ""),
        ("silence expired", silence_id, "", ""),
        ("reload requested", "", "", "done"),
        ("reload requested", "", "", "no such file"),
    ]


def test_there_is_a_path_for_each_kind_of_history() -> None:
    assert set(KINDS) == set(past.KINDS)
