"""Plays stories to several servers at once, each with recorders of its own, and keeps what each of them sent."""

from __future__ import annotations

import asyncio
import json
import time
import traceback
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.daemon.process import Daemon
from tests.live.contender import Contender
from tests.live.lateness import Lateness
from tests.live.recorder import Message, Recorder
from tests.live.scenario import Fire, Post, Scenario, Silence, Step, Unsilence

# Posts stand a second from the flushes before and after them.
_TOO_LATE = 0.7
_ATTEMPTS = 6
# What the start of a server takes on a machine that has time.
_A_START = 1.0
_ROUTE: Mapping[str, Any] = {
    "group_by": ["alertname"],
    "group_wait": "1s",
    "group_interval": "2s",
    "repeat_interval": "1h",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of a play, by contender and story; ``lateness`` is how much later than told something was done.

    ``listed`` is what each contender's API lists in the end, by path.
    """

    lateness: float
    messages: Mapping[str, Mapping[str, Mapping[str, Sequence[Message]]]]
    statuses: Mapping[str, Mapping[str, Sequence[int]]]
    listed: Mapping[str, Mapping[str, Any]]

    def of(self, who: str, scenario: Scenario) -> Mapping[str, Sequence[Message]]:
        """The messages of a story by integration, each in the order of group keys, then of time."""
        return self.messages[who][scenario.slug]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to play: for how long, in seconds; what happens to the servers; in what time the stories begin, one by one.

    ``started_before`` is how long before zero the servers are started, unless starting all of them takes longer.
    """

    lasts: float
    flags: Sequence[str] = ()
    resolve_timeout: str = "5m"
    reload_at: float | None = None
    down: tuple[float, float] | None = None
    spread: float = 0
    started_before: float = 0


def configuration(
    scenarios: Sequence[Scenario], plan: Plan, hook_url: str, smarthost: str, *, after: bool = False
) -> str:
    """All stories in one configuration, each below a route of its own."""
    routes: list[Any] = []
    receivers: list[Any] = [{"name": "nobody"}]
    rules: list[Any] = []
    intervals: list[Any] = []
    for scenario in scenarios:
        route = scenario.route_after if after and scenario.route_after is not None else scenario.route
        parts: dict[str, Any] = {
            "route": {**_ROUTE, "receiver": next(iter(scenario.receivers)), **route},
            "receivers": [{"name": name, **each} for name, each in scenario.receivers.items()],
            "rules": list(scenario.rules),
            "intervals": list(scenario.intervals),
        }
        # What a story says of itself is text in any place; so it is replaced in all of them.
        text = json.dumps(parts, ensure_ascii=False)
        for word, meaning in (
            ("SELF", scenario.slug),
            ("HOOK", f"{hook_url}/{scenario.slug}"),
            ("MAIL", f"{scenario.slug}@example.com"),
        ):
            text = text.replace(word, meaning)
        parts = json.loads(text)
        own = f'scenario="{scenario.slug}"'
        parts["route"]["matchers"] = [own, *parts["route"].get("matchers", [])]
        for rule in parts["rules"]:
            rule["source_matchers"] = [own, *rule.get("source_matchers", [])]
            rule["target_matchers"] = [own, *rule.get("target_matchers", [])]
        routes.append(parts["route"])
        receivers += parts["receivers"]
        rules += parts["rules"]
        intervals += parts["intervals"]
    everything = {
        "global": {
            "resolve_timeout": plan.resolve_timeout,
            "smtp_smarthost": smarthost,
            "smtp_from": "alerts@example.com",
            "smtp_hello": "alerts.example",
            "smtp_require_tls": False,
        },
        "route": {"receiver": "nobody", "routes": routes},
        "receivers": receivers,
        "inhibit_rules": rules,
        "time_intervals": intervals,
    }
    return yaml.safe_dump(everything, sort_keys=False, allow_unicode=True)


_Play = tuple[Sequence[Scenario], Plan]


@dataclass(slots=True, kw_only=True)
class _Player:
    """Plays all stories to one contender."""

    scenarios: Sequence[Scenario]
    plan: Plan
    daemon: Daemon
    # Quicker than httpx: hundreds of posts must go out in their moment.
    session: aiohttp.ClientSession
    recorder: Recorder
    after: str
    lateness: float = 0
    up: asyncio.Event = field(default_factory=asyncio.Event)
    listed: dict[str, Any] = field(default_factory=dict)
    statuses: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    async def play(self, zero: float) -> None:
        """From ``zero`` on, a moment of the wall clock, until the plan's end."""
        self.up.set()
        async with asyncio.TaskGroup() as tasks:
            for scenario in self.scenarios:
                self.recorder.zero[scenario.slug] = begin = zero + scenario.begins * self.plan.spread
                tasks.create_task(self._tell(scenario, begin))
            tasks.create_task(self._upheavals(zero))
            await _sleep_until(zero + self.plan.lasts + self.plan.spread)
        for path in ("alerts", "alerts/groups", "silences", "receivers"):
            self.listed[path] = json.loads((await self._send("GET", path))[1])

    async def _upheavals(self, zero: float) -> None:
        if self.plan.reload_at is not None:
            await _sleep_until(zero + self.plan.reload_at)
            self.daemon.config.write_text(self.after, encoding="utf-8")
            answer = await self.daemon.client.post("/-/reload")
            assert answer.status_code == 200, answer.text
            self._was_done(zero + self.plan.reload_at)
        if self.plan.down is not None:
            begin, end = self.plan.down
            await _sleep_until(zero + begin)
            self.up.clear()
            assert await self.daemon.stop() == 0
            self._was_done(zero + begin)
            self.daemon.config.write_text(self.after, encoding="utf-8")
            await _sleep_until(zero + end)
            await self.daemon.start()
            self._was_done(zero + end + _A_START)
            self.up.set()

    def _was_done(self, due: float) -> None:
        self.lateness = max(self.lateness, time.time() - due)

    async def _tell(self, scenario: Scenario, zero: float) -> None:
        silences: dict[str, str] = {}
        for step in scenario.steps:
            await _sleep_until(zero + step.at)
            await self.up.wait()
            self.statuses[scenario.slug].append(await self._do(step, scenario, zero, silences))
            self._was_done(zero + step.at)

    async def _do(self, step: Step, scenario: Scenario, zero: float, silences: dict[str, str]) -> int:
        match step:
            case Fire():
                return (await self._send("POST", "alerts", json.dumps(_alerts(step, scenario, zero))))[0]
            case Post():
                return (await self._send("POST", "alerts", step.body.replace("SELF", scenario.slug)))[0]
            case Silence():
                matched = {"scenario": scenario.slug, **step.labels}
                silence = {
                    "matchers": [
                        {"name": name, "value": value, "isRegex": False} for name, value in matched.items()
                    ],
                    "startsAt": _moment(zero + step.since),
                    "endsAt": _moment(zero + step.until),
                    "createdBy": "somebody",
                    "comment": "because",
                }
                status, answer = await self._send("POST", "silences", json.dumps(silence))
                silences[step.name] = json.loads(answer)["silenceID"]
                return status
            case Unsilence():
                return (await self._send("DELETE", f"silence/{silences[step.name]}"))[0]

    async def _send(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        url = f"{self.daemon.client.base_url}/api/v2/{path}"
        headers = {} if body is None else {"Content-Type": "application/json"}
        async with self.session.request(method, url, data=body, headers=headers) as answer:
            return answer.status, await answer.read()


def _alerts(step: Fire, scenario: Scenario, zero: float) -> list[Any]:
    moments = {"startsAt": step.since, "endsAt": step.until}
    return [
        {
            "labels": {"alertname": "Alert", "i": name, **step.labels, "scenario": scenario.slug},
            "annotations": {"summary": f"{name} fires", **step.annotations},
            "generatorURL": "http://prometheus.example/graph?g0.expr=a&g0.tab=1",
            **{key: _moment(zero + moment) for key, moment in moments.items() if moment is not None},
        }
        for name in step.names
    ]


async def _sleep_until(moment: float) -> None:
    await asyncio.sleep(max(0, moment - time.time()))


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _play_all(plays: Sequence[_Play], contenders: Sequence[Contender], folder: Path) -> list[Played]:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        troupes: list[dict[str, _Player]] = []
        for number, (scenarios, plan) in enumerate(plays):
            troupe: dict[str, _Player] = {}
            for contender in contenders:
                own = folder / f"{number}-{contender.name}"
                troupe[contender.name] = await _cast(scenarios, plan, contender, own, stack, session)
            troupes.append(troupe)
        # Starting takes the machine's time, so all are up before the first story begins.
        earliest = 0.0
        for troupe in sorted(troupes, key=_started_before, reverse=True):
            earliest = max(earliest, time.time() + _started_before(troupe))
            await asyncio.gather(*[stack.enter_async_context(player.daemon) for player in troupe.values()])
        zero = max(earliest, time.time() + 0.5)
        players = [player for troupe in troupes for player in troupe.values()]
        lateness = Lateness()
        async with lateness.watched():
            await asyncio.gather(*[player.play(zero) for player in players])
    return [
        _result(troupe, max(lateness.seconds, zero - earliest if _started_before(troupe) else 0))
        for troupe in troupes
    ]


def _started_before(troupe: Mapping[str, _Player]) -> float:
    return next(iter(troupe.values())).plan.started_before


async def _cast(
    scenarios: Sequence[Scenario],
    plan: Plan,
    contender: Contender,
    folder: Path,
    stack: AsyncExitStack,
    session: aiohttp.ClientSession,
) -> _Player:
    scenarios = [scenario for scenario in scenarios if contender.can_play(scenario)]
    recorder = Recorder(scenarios)
    await stack.enter_async_context(recorder.http)
    await stack.enter_async_context(recorder.smtp)
    before, after = (
        configuration(
            scenarios, plan, recorder.http.url("").rstrip("/"), recorder.smtp.smarthost, after=second
        )
        for second in (False, True)
    )
    folder.mkdir()
    return _Player(
        scenarios=scenarios,
        plan=plan,
        daemon=contender.daemon(folder, before, plan.flags),
        session=session,
        recorder=recorder,
        after=after,
    )


def _result(troupe: Mapping[str, _Player], behind: float) -> Played:
    """``behind`` is how much later than planned the play began, when that counts, or anything went on."""
    return Played(
        lateness=max(behind, *(player.lateness for player in troupe.values())),
        messages={
            name: {
                slug: {
                    hook: sorted(found, key=lambda message: message.sort_key)
                    for hook, found in by_hook.items()
                }
                for slug, by_hook in player.recorder.messages.items()
            }
            for name, player in troupe.items()
        },
        statuses={name: player.statuses for name, player in troupe.items()},
        listed={name: player.listed for name, player in troupe.items()},
    )


def played_in_time(
    plays: Sequence[_Play], contenders: Sequence[Contender], folders: pytest.TempPathFactory
) -> list[Played]:
    """Play all at the same time, until all posts were made when the stories say.

    A machine that has no time now may have some later, and more where less begins at the same time: what was late is
    played again, by itself, and its stories begin over a longer time. Stories that a contender is too old for are left
    out.
    """
    found: dict[int, Played] = {}
    rounds = [[*range(len(plays))]]
    for attempt in range(_ATTEMPTS):
        for each in rounds:
            again = [
                (scenarios, replace(plan, spread=plan.spread * (1 + 3 * attempt)))
                for scenarios, plan in (plays[number] for number in each)
            ]
            try:
                played = asyncio.run(_play_all(again, contenders, folders.mktemp("play")))
            except Exception:  # noqa: BLE001 - all stories fail of it, and each of them should say why in few words
                pytest.fail(traceback.format_exc(), pytrace=False)
            found |= dict(zip(each, played, strict=True))
        rounds = [[number] for number, one in found.items() if one.lateness >= _TOO_LATE]
        if not rounds:
            return [found[number] for number in range(len(plays))]
    late = max(each.lateness for each in found.values())
    pytest.fail(
        f"this machine is too busy: something was done {late:.1f} seconds late, {_ATTEMPTS} times over"
    )
