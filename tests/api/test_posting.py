"""Posting alerts, as far as no recorded scene shows it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from alertrouter.api.http import DisconnectedError, Request
from tests.api.scenes import CONFIG, END, START, matcher
from tests.api.server import Server


@pytest.fixture
def server() -> Server:
    return Server(CONFIG)


def test_a_wrong_label_anywhere_leaves_nothing_behind(server: Server) -> None:
    good = {"labels": {"a": "good"}, "startsAt": START, "endsAt": END}
    assert server.post("/api/v2/alerts", [good, {"labels": {"a": 1}}]).status == 400
    assert server.listed("/api/v2/alerts") == []


def test_a_wrong_annotation_anywhere_leaves_nothing_behind(server: Server) -> None:
    good = {"labels": {"a": "good"}, "startsAt": START, "endsAt": END}
    assert server.post("/api/v2/alerts", [good, {"labels": {"a": "b"}, "annotations": []}]).status == 400
    assert server.listed("/api/v2/alerts") == []


def test_every_complaint_is_told_on_a_line_of_its_own(server: Server) -> None:
    answer = server.post("/api/v2/alerts", [{"labels": {}}, {"labels": {"": "x"}}])
    assert json.loads(answer.body) == 'at least one label pair required\ninvalid label set: invalid name ""'


def test_a_repeated_report_changes_the_list_at_once(server: Server) -> None:
    for place, end in enumerate(("2026-11-21T13:00:00.000Z", "2026-11-21T14:00:00.000Z")):
        server.post("/api/v2/alerts", [{"labels": {"a": "b"}, "startsAt": START, "endsAt": end}])
        (alert,) = server.listed("/api/v2/alerts")
        assert alert["endsAt"] == end, place
    server.post(
        "/api/v2/alerts",
        [{"labels": {"a": "b"}, "annotations": {"x": "y"}, "startsAt": START, "endsAt": END}],
    )
    (alert,) = server.listed("/api/v2/alerts")
    assert (alert["annotations"], alert["endsAt"]) == ({"x": "y"}, END)


def test_an_alert_that_ended_is_not_listed_but_one_that_ends_now_is(server: Server) -> None:
    server.post(
        "/api/v2/alerts", [{"labels": {"a": "b"}, "startsAt": START, "endsAt": "2026-11-21T12:01:00Z"}]
    )
    (known,) = server.router.engine.known.values()
    # Every request comes a millisecond later than it is told.
    server.router.time = known.ends_at - 1_000_000
    assert len(server.listed("/api/v2/alerts")) == 1
    assert server.listed("/api/v2/alerts") == []


def test_fifty_megabytes_are_no_problem(server: Server) -> None:
    alert = {"labels": {"a": "big"}, "annotations": {"x": "y" * 50_000_000}, "startsAt": START, "endsAt": END}
    assert server.post("/api/v2/alerts", [alert]).status == 200
    assert len(server.listed("/api/v2/alerts")[0]["annotations"]["x"]) == 50_000_000


def read_body(messages: Iterator[dict[str, Any]]) -> bytes:
    async def receive() -> dict[str, Any]:
        return next(messages)

    return asyncio.run(Request({"type": "http", "headers": []}, receive, "/").body())


def test_a_body_may_come_in_pieces() -> None:
    pieces: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"[", "more_body": True},
        {"type": "http.request", "body": b"", "more_body": True},
        {"type": "http.request", "body": b"]"},
    ]
    assert read_body(iter(pieces)) == b"[]"


def test_half_a_body_is_not_taken_for_a_whole_one() -> None:
    pieces: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"[]", "more_body": True},
        {"type": "http.disconnect"},
    ]
    with pytest.raises(DisconnectedError):
        read_body(iter(pieces))


def test_nothing_is_taken_in_while_the_store_is_away(server: Server) -> None:
    server.router.unavailable = "the database cannot be written"
    answer = server.post("/api/v2/alerts", [{"labels": {"a": "b"}}])
    assert (answer.status, json.loads(answer.body)) == (503, "the database cannot be written")
    assert [server.get(path).status for path in ("/api/v2/alerts", "/metrics", "/")] == [200, 200, 200]


@pytest.mark.parametrize("path", ["alerts", "silences"])
def test_half_a_character_in_a_body_is_no_trouble(path: str) -> None:
    server = Server(CONFIG)
    one = {"labels": {"a": "b"}, "matchers": [matcher()], "comment": "", "createdBy": "", "endsAt": END}
    body = json.dumps([{**one, "startsAt": "\ud800"}] if path == "alerts" else {**one, "startsAt": "\ud800"})
    answer = server.post(f"/api/v2/{path}", body.encode())
    assert answer.status == 400
    assert "\ufffd" in json.loads(answer.body)["message"]
