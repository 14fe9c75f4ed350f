"""The same story told to a real Alertmanager and to us: the same messages come of it, but for what docs/differences.md lists."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from tests.live.agreeing import AGREEING
from tests.live.contender import Contender
from tests.live.differing import DIFFERING, RELOADED, RESTARTED
from tests.live.judge import check
from tests.live.peers import version
from tests.live.play import Plan, Played, played_in_time
from tests.live.scenario import Scenario

# Stories may have to be played several times, on a busy machine.
pytestmark = [pytest.mark.live, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def table() -> str:
    """The page that says in what we differ."""
    return (Path(__file__).parents[2] / "docs" / "differences.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def plays(contenders: list[Contender], tmp_path_factory: pytest.TempPathFactory) -> list[Played]:
    return played_in_time(
        [
            # What has expired is removed at once, where Alertmanager would take a quarter of an hour.
            (
                [*AGREEING, *DIFFERING],
                Plan(lasts=15, resolve_timeout="4s", spread=2, flags=["--data.maintenance-interval=500ms"]),
            ),
            (RELOADED, Plan(lasts=9, reload_at=3)),
            (RESTARTED, Plan(lasts=15, down=(3, 5))),
        ],
        contenders,
        tmp_path_factory,
    )


@pytest.mark.parametrize("scenario", AGREEING, ids=lambda scenario: scenario.name)
def test_both_send_the_same(scenario: Scenario, plays: list[Played], alertmanager: Path) -> None:
    check(scenario, plays[0])
    if version(alertmanager) < scenario.since:
        pytest.skip(f"ours is as told, but NOT COMPARED: this Alertmanager is older than {scenario.since}")


@pytest.mark.parametrize("scenario", DIFFERING, ids=lambda scenario: scenario.name)
def test_each_sends_what_the_differences_say(scenario: Scenario, plays: list[Played]) -> None:
    check(scenario, plays[0])


@pytest.mark.parametrize("scenario", RELOADED, ids=lambda scenario: scenario.name)
def test_a_reload(scenario: Scenario, plays: list[Played]) -> None:
    check(scenario, plays[1])


@pytest.mark.parametrize("scenario", RESTARTED, ids=lambda scenario: scenario.name)
def test_a_restart(scenario: Scenario, plays: list[Played]) -> None:
    check(scenario, plays[2])


@pytest.mark.parametrize("who", ["ours", "strict"])
@pytest.mark.parametrize("path", ["alerts", "alerts/groups", "silences", "receivers"])
def test_both_list_the_same_in_the_end(path: str, who: str, plays: list[Played], alertmanager: Path) -> None:
    stories = {scenario.slug for scenario in AGREEING if scenario.since <= version(alertmanager)}
    theirs, ours = (_listed(plays[0].listed[name], path, stories) for name in ("theirs", who))
    assert ours == theirs
    assert len(theirs) >= 4


def _listed(listed: Mapping[str, Any], path: str, stories: set[str]) -> list[Any]:
    """What is listed of these stories. Silences go by their matchers: each server gives them ids of its own."""
    name_by_id = {each["id"]: json.dumps(each["matchers"]) for each in listed["silences"]}
    found = [
        _comparable(each, name_by_id)
        for each in listed[path]
        if any(f'"{story}"' in json.dumps(each, ensure_ascii=False) for story in stories)
    ]
    match path:
        case "silences":
            return sorted(found, key=lambda silence: str(silence["id"]))
        case "alerts/groups":
            # Groups of one receiver with equal labels stand in any order.
            alike = groupby(found, key=lambda group: (group["labels"], group["receiver"]))
            return [group for _, groups in alike for group in sorted(groups, key=json.dumps)]
    return found


def _comparable(listed: Any, name_by_id: Mapping[str, str]) -> Any:
    """Without moments that each server took itself, and with nothing of which alert of several inhibits."""
    match listed:
        case {"inhibitedBy": [_, *_], **others}:
            return {**_comparable(others, name_by_id), "inhibitedBy": "somebody"}
        case dict():
            own = {"updatedAt", "routeLabels"}
            if "comment" in listed:
                own |= {"startsAt", "endsAt"}
            elif "name" in listed:
                own |= {"labels"}
            return {key: _comparable(each, name_by_id) for key, each in listed.items() if key not in own}
        case list():
            return [_comparable(each, name_by_id) for each in listed]
        case str():
            return name_by_id.get(listed, listed)
    return listed


def test_every_difference_in_timing_and_wording_is_told_here(table: str) -> None:
    listed = {line.split(" | ")[0].removeprefix("| ") for line in table.splitlines() if line.startswith("| ")}
    told = {scenario.differs for scenario in [*DIFFERING, *RELOADED, *RESTARTED]} - {""}
    assert told - listed == set()
    timing = table[table.index("## When") : table.index("## Otherwise")]
    rows = {line.split(" | ")[0].removeprefix("| ") for line in timing.splitlines() if line.startswith("| ")}
    assert rows - told == {"Alertmanager"}


def test_what_takes_the_place_of_a_broken_template(plays: list[Played]) -> None:
    by_name = {scenario.name: plays[0].of("ours", scenario) for scenario in DIFFERING}
    (title,) = by_name["the title of a Slack message cannot be rendered"]["slack"]
    assert title.content["attachments"][0]["title"].startswith("[FIRING:1] Alert (A ")
    (field,) = by_name["a field of a Slack message cannot be rendered"]["slack"]
    assert field.content["attachments"][0]["fields"][0]["value"] == ""
    assert field.content["attachments"][0]["title"].startswith("[FIRING:1] Alert (A ")
    (payload,) = by_name["a payload cannot be rendered"]["hook"]
    assert payload.content["text"].startswith("[FIRING:1] Alert (A ")
    assert "A template failed, so this is the default wording" in payload.content["text"]
    (text,) = by_name["the text of a mail cannot be rendered"]["mail"]
    assert " - i = A\r\n" in text.content["text"]
    assert "A template failed, so this is the default wording" in text.content["text"]


def test_labels_of_a_route_are_told(plays: list[Played]) -> None:
    (scenario,) = (each for each in AGREEING if each.name == "labels of a route")
    (message,) = plays[0].of("ours", scenario)["hook"]
    assert message.content["routeLabels"] == {"team": "ops", "about": "ops: Alert"}


def test_with_max_alerts_the_common_labels_are_those_of_all(plays: list[Played]) -> None:
    (scenario,) = (each for each in DIFFERING if each.name == "what is left out of a message still fires")
    theirs, ours = (plays[0].of(who, scenario)["hook"][0].content for who in ("theirs", "ours"))
    assert theirs["commonLabels"] == ours["commonLabels"] | {"i": "A"}
    assert "i" not in ours["commonLabels"]


def test_moments_out_of_range_are_the_nearest_that_can_be_told(plays: list[Played]) -> None:
    (scenario,) = (each for each in DIFFERING if each.name == "moments beyond what can be told")
    theirs, ours = (plays[0].of(who, scenario)["hook"][0].content for who in ("theirs", "ours"))
    assert theirs["alerts"][0].pop("startsAt") == "1500-01-01T00:00:00Z"
    assert ours["alerts"][0].pop("startsAt").startswith("1677-09-2")
    # An older Alertmanager knows no labels of routes.
    assert ours == {"routeLabels": {}} | theirs
