"""The lists of alerts and groups, as far as no recorded scene shows them."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from alertrouter.api.listing import Listing, in_display_order
from alertrouter.api.query import AlertQuery
from alertrouter.core.alert import Alert
from alertrouter.core.labels import Labels, order_for_display
from alertrouter.core.matcher import Matcher, Matchers, MatchType
from alertrouter.core.time import HOUR
from alertrouter.engine.known import Known
from tests.api.play import Step
from tests.api.scenes import CONFIG, START, alert, matcher, silence
from tests.api.server import Server, request

TEMPLATED = CONFIG.replace(
    "      receiver: team-db\n", "      receiver: team-db\n      labels: {team: '{{ x }}', z: y}\n"
)


def test_a_long_list_is_sent_in_pieces_and_is_one_array() -> None:
    server = Server(CONFIG)
    many = [alert({"alertname": "A", "n": str(n), "team": "db"}) for n in range(1800)]
    server.post("/api/v2/alerts", many)
    listed = server.listed("/api/v2/alerts")
    assert len(listed) == 1800
    assert [each["fingerprint"] for each in listed] == sorted(each["fingerprint"] for each in listed)
    groups = server.listed("/api/v2/alerts/groups")
    # One group of the route with `continue`, and of the other one for every alert.
    assert len(groups) == 1801
    assert sum(len(group["alerts"]) for group in groups) == 3600
    assert server.get("/api/v2/alerts").headers.get("content-length") is None
    assert server.listed("/api/v2/alerts?filter=n%3D5")[0]["labels"]["n"] == "5"


def test_an_alert_that_comes_while_a_list_is_sent_does_no_harm() -> None:
    server = Server(CONFIG)
    server.post("/api/v2/alerts", [alert({"n": str(n)}) for n in range(1200)])

    async def ask() -> bytes:
        pieces: list[bytes] = []

        async def receive() -> dict[str, object]:
            return {"type": "http.request"}

        async def send(message: dict[str, object]) -> None:
            pieces.append(message.get("body", b""))  # type: ignore[arg-type]
            fresh = [alert({"n": f"fresh {len(pieces)}"})]
            server.router.take_in(json.dumps(fresh).encode())

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/api/v2/alerts",
            "query_string": b"",
            "headers": [],
        }
        await server.app(scope, receive, send)  # type: ignore[arg-type]
        return b"".join(pieces)

    assert len(json.loads(asyncio.run(ask()))) == 1200
    assert len(server.listed("/api/v2/alerts")) > 1200


def test_alerts_that_are_gone_leave_the_list() -> None:
    server = Server(CONFIG)
    server.post("/api/v2/alerts", [alert({"n": str(n)}) for n in range(10)])
    assert len(server.listed("/api/v2/alerts")) == 10
    server.post(
        "/api/v2/alerts", [{"labels": {"n": "3"}, "startsAt": START, "endsAt": "2026-11-20T17:00:00Z"}]
    )
    server.router.pass_time(10)
    engine = server.router.engine
    for group in list(engine.groups):
        for known in [k for k in group.members if k.ends_at < server.router.time]:
            engine.flusher.leave(group, known)
    engine.collect_alerts(server.router.time)
    assert "3" not in {each["labels"]["n"] for each in server.listed("/api/v2/alerts")}
    server.post("/api/v2/alerts", [alert({"n": "again"})])
    assert len(server.listed("/api/v2/alerts")) == 10
    assert len(server.listed("/api/v2/alerts/groups")[0]["alerts"]) == 10


def test_route_labels_are_written_and_rendered() -> None:
    server = Server(TEMPLATED)
    server.router.rendered = {"z": "y", "team": "<database>"}
    server.post("/api/v2/alerts", [alert({"team": "db"}), alert({"team": "web"})])
    shown = {
        group["receiver"]["name"]: group["routeLabels"] for group in server.listed("/api/v2/alerts/groups")
    }
    assert shown == {"team-db": {"team": "<database>", "z": "y"}, "team-web": {}}
    plain = TEMPLATED.replace("'{{ x }}'", "database")
    server = Server(plain)
    server.post("/api/v2/alerts", [alert({"team": "db"})])
    assert server.listed("/api/v2/alerts/groups")[0]["routeLabels"] == {"team": "database", "z": "y"}


def test_a_reload_changes_receivers_and_groups_at_once() -> None:
    server = Server(CONFIG)
    server.post("/api/v2/alerts", [alert({"team": "db"})])
    assert [each["name"] for each in server.listed("/api/v2/alerts")[0]["receivers"]] == [
        "team-db",
        "team-web",
    ]
    assert len(server.listed("/api/v2/alerts/groups")) == 2
    changed = Server(CONFIG.replace('team="db"', 'team="nobody"').replace("db|web", "db"))
    server.router.engine.reconfigure(changed.router.configuration.routing, server.router.time)
    assert [each["name"] for each in server.listed("/api/v2/alerts")[0]["receivers"]] == ["team-web"]
    (group,) = server.listed("/api/v2/alerts/groups")
    assert group["receiver"] == {"name": "team-web"}
    assert group["alerts"][0]["receivers"] == [{"name": "team-web"}]


def test_the_same_question_gets_the_same_bytes() -> None:
    server = Server(CONFIG)
    posted = [alert({"n": str(n), "team": random.choice(["db", "web"])}) for n in range(50)]
    server.post("/api/v2/alerts", posted)
    for path in ("/api/v2/alerts", "/api/v2/alerts/groups"):
        assert server.get(path).body == asyncio.run(request(server.app, Step("GET", path))).body


NAMES = st.sampled_from(["job", "instance", "a", "b", "zone"])
LABELS = st.dictionaries(NAMES, st.sampled_from(["", "1", "2", "ü"]), max_size=4)


@settings(max_examples=200)
@given(st.lists(LABELS, max_size=8, unique_by=lambda labels: tuple(sorted(labels.items()))))
def test_the_fast_order_is_the_order_for_display(label_sets: list[dict[str, str]]) -> None:
    known = [
        Known(Alert(labels=Labels(each), annotations=Labels(), starts_at=0, ends_at=1, updated_at=0), ())
        for each in label_sets
    ]
    expected = sorted(known, key=lambda each: order_for_display(each.labels))
    assert in_display_order(known) == expected


def test_while_lists_are_asked_for_what_they_need_is_made_ahead() -> None:
    server = Server(CONFIG)
    server.post("/api/v2/alerts", [alert({"n": str(n), "a": "<&>"}) for n in range(30)])
    router = server.router
    listing = Listing(router)
    assert listing.prepare(20)
    assert not listing.prepare(20)
    assert all(
        each.labels.knows_fingerprint and each.listing is None for each in router.engine.known.values()
    )
    asked = b"".join(listing.alerts(AlertQuery(), router.now()))

    server.post("/api/v2/alerts", [alert({"n": str(n), "b": "plain"}) for n in range(30)])
    new = list(router.engine.known.values())[30:]
    assert listing.prepare(20)
    assert [each.listing is None for each in new] == [False] * 20 + [True] * 10
    assert not listing.prepare(20)
    both = json.loads(b"".join(listing.alerts(AlertQuery(), router.now())))
    assert [each for each in both if "a" in each["labels"]] == json.loads(asked)
    assert len(both) == 60

    router.time += 3 * HOUR
    assert not listing.prepare(20)
    assert all(each.listing is None for each in router.engine.known.values())


def test_a_list_is_the_same_whether_alerts_were_encoded_together_or_one_by_one() -> None:
    server = Server(CONFIG)
    router = server.router
    asked = [
        {"labels": {"n": "<&>", "team": "db"}, "annotations": {"a": '\n"status":{}\r', "b": "ü,"}},
        {"labels": {"n": "zone"}, "endsAt": "2026-11-21T15:00:00+02:00", "startsAt": START},
        {
            "labels": {"n": "url"},
            "generatorURL": "http://p/graph?a=1&b=<2>",
            "startsAt": "2026-11-21T12:00:00+05:30",
        },
        {"labels": {"n": "over"}, "startsAt": START, "endsAt": "2026-11-20T17:00:00Z"},
        *[alert({"n": str(n)}) for n in range(700)],
    ]
    server.post("/api/v2/alerts", asked)
    server.post("/api/v2/silences", silence(matchers=[matcher(name="n", value="url")]))
    for query in (
        AlertQuery(),
        AlertQuery(silenced=False),
        AlertQuery(active=False),
        AlertQuery(active=False, silenced=False),
    ):
        listing = Listing(router)
        for known in router.engine.known.values():
            known.listing = None
        together = b"".join(listing.alerts(query, router.now()))
        assert all(known.listing is not None for known in router.engine.known.values())
        for known in router.engine.known.values():
            known.listing = None
        # With a matcher few alerts are expected, and each is encoded when its turn comes.
        one_by_one = replace(query, matchers=Matchers([Matcher("n", MatchType.NOT_EQUAL, "")]))
        assert b"".join(listing.alerts(one_by_one, router.now())) == together
    assert together == b"[]\n"
