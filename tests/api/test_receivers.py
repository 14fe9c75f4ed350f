"""How receivers fare, tests of them, and a server that is read-only."""

from __future__ import annotations

import json
from typing import Any

import pytest

from alertrouter.core.time import SECOND
from alertrouter.delivery.circuit import CircuitState
from alertrouter.delivery.status import LaneStatus
from alertrouter.settings import Settings
from tests.api.play import Raw, Step
from tests.api.server import NOW, Server

CONFIG = """
route: {receiver: team a/b}
receivers:
  - name: nobody
  - name: team a/b
    webhook_configs:
      - url: http://127.0.0.1:9/secret
      - url: http://127.0.0.1:9/secret
        alertrouter: {name: tickets}
"""
PATH = "/api/alertrouter/v1/receivers"
TEST = f"{PATH}/team%20a%2Fb/test"


def told(answer: Raw) -> Any:
    return json.loads(answer.body)


def test_every_receiver_is_listed_in_the_order_of_the_file_also_one_that_was_never_told_anything() -> None:
    server = Server(CONFIG)
    server.router.lane_statuses = [
        LaneStatus(receiver="gone", integration="slack/0", queued=2),
        LaneStatus(
            receiver="team a/b",
            integration="webhook/tickets",
            running=1,
            waiting=3,
            delivered_at=NOW - 60 * SECOND,
            failed_at=NOW,
            last_error="unexpected status code 500",
            circuit=CircuitState.OPEN,
            resumes_at=NOW + 2 * SECOND,
        ),
    ]

    nobody, team, gone = server.listed(PATH)

    assert nobody == {"name": "nobody", "integrations": []}
    first, second = team["integrations"]
    assert (first["integration"], first["running"], first["deliveredAt"]) == ("webhook/0", 0, None)
    assert second["integration"] == "webhook/tickets"
    assert (second["running"], second["queued"], second["waiting"]) == (1, 0, 3)
    assert second["deliveredAt"] == "2026-11-21T11:59:00.923Z"
    assert second["failedAt"] == "2026-11-21T12:00:00.923Z"
    assert second["lastError"] == "unexpected status code 500"
    assert (first["circuit"], first["resumesAt"]) == ("closed", None)
    assert (second["circuit"], second["resumesAt"]) == ("open", "2026-11-21T12:00:02.923Z")
    assert (gone["name"], gone["integrations"][0]["queued"]) == ("gone", 2)


def test_a_test_goes_through_every_integration_and_tells_what_each_answered() -> None:
    server = Server(CONFIG)
    server.router.trial_errors = {"webhook/tickets": "unexpected status code 500: <html>"}

    answer = server.post(TEST, {"labels": {"severity": "page"}, "annotations": {"summary": "a test"}})

    assert answer.status == 200
    assert told(answer) == [
        {"integration": "webhook/0", "ok": True, "error": "", "seconds": 0.125},
        {
            "integration": "webhook/tickets",
            "ok": False,
            "error": "unexpected status code 500: <html>",
            "seconds": 0.125,
        },
    ]
    assert server.router.tried == [
        ("team a/b", ["webhook/0", "webhook/tickets"], {"severity": "page"}, {"summary": "a test"})
    ]
    assert not server.router.engine.groups


@pytest.mark.parametrize("named", ["webhook/tickets", "webhook/1"])
def test_one_integration_is_chosen_by_its_name_or_its_place(named: str) -> None:
    server = Server(CONFIG)

    assert len(told(server.post(TEST, {"integration": named}))) == 1
    assert server.router.tried[0][1] == ["webhook/tickets"]


def test_a_test_needs_no_body() -> None:
    server = Server(CONFIG)

    assert server.ask(Step("POST", TEST, None)).status == 200
    assert server.router.tried[0][2:] == ({}, {})


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        (f"{PATH}/somebody/test", {}, 404, 'there is no receiver "somebody": there are "nobody", "team a/b"'),
        (f"{PATH}/nobody/test", {}, 404, "has no integrations: it tells nobody anything"),
        (TEST, {"integration": "slack/0"}, 404, "it has webhook/0, webhook/tickets"),
        (TEST, {"labels": {"alertname": "Disk"}}, 422, "the label alertname says that this is a test"),
        (TEST, {"labels": {"": "x"}}, 422, "is not a valid name"),
        (TEST, {"labels": []}, 400, "the body is not a test of a receiver"),
        (TEST, {"label": {}}, 400, "the body is not a test of a receiver"),
        (TEST, b"{", 400, "the body is not a test of a receiver"),
        (f"{PATH}/nobody", {}, 404, "was not found"),
    ],
)
def test_what_cannot_be_tested_is_refused_and_says_why(
    path: str, body: object, status: int, says: str
) -> None:
    server = Server(CONFIG)

    answer = server.post(path, body)

    assert answer.status == status
    text = told(answer)
    assert says in (text if isinstance(text, str) else text["message"])
    assert not server.router.tried


def test_a_test_is_no_get() -> None:
    assert Server(CONFIG).get(TEST).status == 405


SILENCE = {
    "matchers": [{"name": "a", "value": "b", "isRegex": False}],
    "startsAt": "2026-11-21T12:00:00Z",
    "endsAt": "2126-11-21T12:00:00Z",
    "createdBy": "somebody",
    "comment": "because",
}


@pytest.mark.parametrize("prefix", ["", "/alerts"])
def test_a_read_only_server_takes_alerts_and_changes_nothing_else(prefix: str) -> None:
    server = Server(CONFIG, settings=Settings(web_read_only=True, web_route_prefix=prefix))
    some_id = "8d1b0c9a-53cf-4d0c-9f2e-3b8f5d6a7c1e"

    refused = [
        server.post(f"{prefix}/api/v2/silences", SILENCE),
        server.ask(Step("DELETE", f"{prefix}/api/v2/silence/{some_id}")),
        server.post(f"{prefix}{TEST}", {}),
        server.post(f"{prefix}/api/v2/silences/", SILENCE),
        server.post(f"{prefix}//api/v2/alerts", []),
        server.post(f"{prefix}/silences/new", {}),
    ]
    assert {answer.status for answer in refused} == {403}
    assert "--web.read-only" in told(refused[0])
    assert not server.router.engine.silences
    assert not server.router.tried

    assert server.post(f"{prefix}/api/v2/alerts", [{"labels": {"alertname": "A"}}]).status == 200
    assert server.post(f"{prefix}/-/reload", {}).status == 200
    assert server.get(f"{prefix}/api/v2/silences").status == 200
    assert server.get(f"{prefix}{PATH}").status == 200
