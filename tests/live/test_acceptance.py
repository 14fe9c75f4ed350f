"""Alertmanager's acceptance suite, told to us, with --compat.strict and without, and to a real one as a check of the telling."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.daemon.process import Daemon, alert
from tests.live.acceptance import ACCEPTANCE, COLD_START, MERGED, RELOAD
from tests.live.contender import Contender, Prefixed
from tests.live.judge import check
from tests.live.play import Plan, Played, played_in_time
from tests.live.scenario import Scenario

# Stories may have to be played several times, on a busy machine.
pytestmark = [pytest.mark.live, pytest.mark.timeout(1200)]

IDLE = "route: {receiver: sink, group_interval: 10m}\nreceivers: [{name: sink}]\n"


@pytest.fixture(scope="module")
def plays(at_least_ours: list[Contender], tmp_path_factory: pytest.TempPathFactory) -> list[Played]:
    return played_in_time(
        [
            (ACCEPTANCE, Plan(lasts=14, resolve_timeout="10s", spread=1)),
            (
                [COLD_START],
                Plan(lasts=15.5, flags=["--dispatch.start-delay=12500ms"], started_before=9, reload_at=7),
            ),
            ([RELOAD], Plan(lasts=11.5, reload_at=3)),
        ],
        at_least_ours,
        tmp_path_factory,
    )


@pytest.mark.parametrize("scenario", ACCEPTANCE, ids=lambda scenario: scenario.name)
def test_acceptance(scenario: Scenario, plays: list[Played]) -> None:
    check(scenario, plays[0])


def test_cold_start(plays: list[Played]) -> None:
    check(COLD_START, plays[1])


def test_reload(plays: list[Played]) -> None:
    check(RELOAD, plays[2])


@pytest.mark.parametrize("scenario", MERGED, ids=lambda scenario: scenario.name)
@pytest.mark.parametrize("who", ["theirs", "ours", "strict"])
def test_what_sources_disagree_about_is_merged(scenario: Scenario, who: str, plays: list[Played]) -> None:
    if who not in plays[0].messages:
        pytest.skip("there is no Alertmanager to compare with")
    messages = plays[0].of(who, scenario)["hook"][:5]
    alerts = [message.content["alerts"][0] for message in messages]
    begin = _seconds(alerts[0]["startsAt"])
    assert [
        (
            round(_seconds(each["startsAt"]) - begin + 1, 3),
            each["annotations"].get("version", ""),
        )
        for each in alerts
    ] == [(1, ""), (1, "v1"), (1, "v2"), (1, "v3"), (5, "")]
    assert round(_seconds(alerts[3]["endsAt"]) - begin + 1, 3) == 4.6


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def test_empty_inhibition_rule(tmp_path: Path) -> None:
    async def story() -> None:
        async with Daemon(tmp_path, IDLE + "inhibit_rules: [{}]\n") as daemon:
            await daemon.post(alert("A"))
            (listed,) = await daemon.alerts()
            assert listed["status"]["inhibitedBy"] == []

    asyncio.run(story())


def test_alert_get_returns_current_alert_status(tmp_path: Path) -> None:
    rules = """
inhibit_rules:
  - source_matchers: [severity="crit"]
    target_matchers: [severity="warn"]
    equal: [alertname]
"""

    async def story() -> None:
        async with Daemon(tmp_path, IDLE + rules) as daemon:
            await daemon.post(alert("A", severity="warn"))
            (warning,) = await daemon.alerts()
            assert warning["status"] == {
                "state": "active",
                "silencedBy": [],
                "inhibitedBy": [],
                "mutedBy": [],
            }

            silence = await daemon.silence("alertname", "A")
            (warning,) = await daemon.alerts()
            assert (warning["status"]["state"], warning["status"]["silencedBy"]) == ("suppressed", [silence])

            await daemon.post(alert("A", severity="crit"))
            by_severity = {each["labels"]["severity"]: each for each in await daemon.alerts()}
            assert by_severity["warn"]["status"]["silencedBy"] == [silence]
            assert by_severity["warn"]["status"]["inhibitedBy"] == [by_severity["crit"]["fingerprint"]]

            assert (await daemon.client.delete(f"/api/v2/silence/{silence}")).status_code == 200
            by_severity = {each["labels"]["severity"]: each for each in await daemon.alerts()}
            assert by_severity["crit"]["status"]["state"] == "active"
            assert by_severity["warn"]["status"]["state"] == "suppressed"
            assert by_severity["warn"]["status"]["silencedBy"] == []

            found = await daemon.client.get(
                "/api/v2/alerts", params={"filter": ['alertname="A"', 'severity="warn"']}
            )
            assert [each["labels"]["severity"] for each in found.json()] == ["warn"]

    asyncio.run(story())


def test_utf8_alerts_and_silences(tmp_path: Path) -> None:
    labels = {"a": "a", "00": "b", "Σ": "c", "🙂": "d"}

    async def story() -> None:
        async with Daemon(tmp_path, IDLE) as daemon:
            assert (await daemon.post(alert("A", **labels))).status_code == 200
            for path, inside in (("alerts", False), ("alerts/groups", True)):
                for matcher in ('00="b"', 'Σ="c"', '"\\xf0\\x9f\\x99\\x82"="d"', '"🙂"="d"'):
                    found = await daemon.client.get(f"/api/v2/{path}", params={"filter": matcher})
                    alerts = found.json()[0]["alerts"] if inside else found.json()
                    assert [each["labels"] for each in alerts] == [{"alertname": "A", **labels}], matcher
                missed = await daemon.client.get(f"/api/v2/{path}", params={"filter": 'Σ="d"'})
                assert missed.json() == []

            await daemon.silence("fooΣ", "bar🙂")
            for params in ({}, {"filter": 'fooΣ="bar🙂"'}):
                (listed,) = (await daemon.client.get("/api/v2/silences", params=params)).json()
                assert listed["matchers"] == [
                    {"name": "fooΣ", "value": "bar🙂", "isRegex": False, "isEqual": True}
                ]

    asyncio.run(story())


def test_classic_mode(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    silence = {
        "matchers": [{"name": "fooΣ", "value": "bar🙂", "isRegex": False}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=24)).isoformat(),
        "createdBy": "somebody",
        "comment": "because",
    }

    async def story() -> None:
        async with Daemon(tmp_path, IDLE, "--enable-feature=classic-mode") as daemon:
            assert (await daemon.post(alert("Σ🙂", value="Σ"))).status_code == 200
            refused = await daemon.post(alert("A", Σ="c"))
            assert refused.status_code == 400
            assert "invalid label set" in refused.text
            await daemon.silence("foo", "bar🙂")
            refused = await daemon.client.post("/api/v2/silences", json=silence)
            assert refused.status_code == 400
            assert "invalid silence: invalid label matcher" in refused.text

    asyncio.run(story())


def test_web_with_prefix(tmp_path: Path) -> None:
    async def story() -> None:
        async with Prefixed(tmp_path, IDLE, "--web.route-prefix=/foo", prefix="/foo") as daemon:
            assert (await daemon.client.get("/api/v2/status")).status_code == 200
            daemon.client.base_url = httpx.URL(f"http://{daemon.address}")
            assert (await daemon.client.get("/api/v2/status")).status_code == 404
            assert (await daemon.client.get("/")).headers["location"] == "/foo"

    asyncio.run(story())
