"""Life after life of a daemon on one database, each ended by a kill, with clients that go on all the time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from tests.crash import victim
from tests.crash.judge import judge
from tests.crash.ledger import Ledger, Promise, State, team_of
from tests.crash.steps import STEPS, Step
from tests.receivers import Answer, HttpReceiver
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

    from tests.receivers import ReceivedRequest

# Two integrations of one receiver, another receiver, and a route that goes on.
CONFIG = """
route:
  receiver: both
  group_by: [alertname]
  group_wait: 30ms
  group_interval: 150ms
  repeat_interval: 1h
  routes:
    - matchers: [team="b"]
      receiver: one
      continue: true
    - receiver: both
receivers:
  - name: both
    webhook_configs: [{{url: "{url}/both/0"}}, {{url: "{url}/both/1"}}]
  - name: one
    webhook_configs: [{{url: "{url}/one/0"}}]
"""
_CLIENTS = 3
_ALERTNAMES = ("disk", "latency", "quota")
_LIFE = 1.0
_PATIENCE = PATIENCE


class Death(NamedTuple):
    """How one life ended: the step it came to, or None when it was killed from outside at a random moment."""

    step: Step | None
    survived_ms: int


class Chain:
    """Some lives on one database, of which ``database`` is the URL if it is no file. ``problems``: what was lost or repeated."""

    def __init__(self, folder: Path, seed: int, database: str = "") -> None:
        self.problems: list[str] = []
        self.deaths: list[Death] = []
        self.ledger = Ledger()
        self._folder = folder
        self._database = database
        self._chance = random.Random(seed)
        self._life = 0
        self._died_at: list[float] = []
        self._numbers = iter(range(1_000_000))
        self._base = ""
        self._begun: dict[str, datetime] = {}

    async def run(self, steps: Sequence[Step]) -> None:
        """One life for each step, then a last one in peace, until everything due was told."""
        async with HttpReceiver() as receiver:
            receiver.answer_with(self._answer)
            config = CONFIG.format(url=f"http://127.0.0.1:{receiver.port}")
            (self._folder / "alertmanager.yml").write_text(config, encoding="utf-8")
            for step in steps:
                await self._live_and_die(step)
                if self.problems:
                    return
            await self._live_in_peace()

    def _answer(self, request: ReceivedRequest) -> Answer:
        if self._chance.random() < 0.05:
            return Answer(503)
        self.ledger.heard(request.target, request.body, time.time(), self._life)
        return Answer()

    async def _live_and_die(self, step: Step) -> None:
        begun = time.monotonic()
        # Early and late ones alike: a step that comes often is not always died at the first time.
        nth = 1 + int(step.often ** self._chance.random() - 0.5)
        process = await self._begin(step, nth)
        reached = True
        try:
            ready = await self._ready(process)
            if ready:
                await self._compare()
                if not self.problems:
                    await self._load(process)
        finally:
            if process.exitcode is None:
                reached = False
                process.kill()
            await asyncio.to_thread(process.join)
        self._died_at.append(time.time())
        self.ledger.crash()
        # A daemon that was asked to stop in time, and had done so, was not killed.
        if process.exitcode not in (0, -9):
            self.problems.append(
                f"the daemon ended by itself with {process.exitcode}: {self._said()[-2000:]}"
            )
        self.deaths.append(Death(step if reached else None, round((time.monotonic() - begun) * 1000)))

    async def _begin(self, step: Step | None, nth: int) -> ForkServerProcess:
        self._life += 1
        self._log = self._folder / f"log-{self._life}"
        return await asyncio.to_thread(victim.begin, self._folder, self._database, self._log, step, nth)

    def _said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    async def _ready(self, process: ForkServerProcess) -> bool:
        patience = time.monotonic() + _PATIENCE
        while process.exitcode is None:
            if 'msg="Listening on" address=' in (said := self._said()):
                address = said.split('msg="Listening on" address=')[1].split()[0]
                self._base = f"http://{address}"
                with contextlib.suppress(httpx.TransportError):
                    async with httpx.AsyncClient(trust_env=False) as client:
                        if (await client.get(f"{self._base}/-/ready")).status_code == 200:
                            return True
            if time.monotonic() > patience:
                self.problems.append(f"not ready after {_PATIENCE:g} s: {said[-2000:]}")
                return False
            await asyncio.sleep(0.005)
        return False

    async def _compare(self) -> None:
        with contextlib.suppress(httpx.TransportError):
            async with httpx.AsyncClient(trust_env=False, base_url=self._base) as client:
                alerts = (await client.get("/api/v2/alerts")).json()
                silences = (await client.get("/api/v2/silences")).json()
                self.problems += self.ledger.compare(alerts, silences)

    # Load

    async def _load(self, process: ForkServerProcess) -> None:
        end = time.monotonic() + _LIFE * self._chance.uniform(0.7, 1.3)
        async with httpx.AsyncClient(trust_env=False, base_url=self._base, timeout=_PATIENCE) as client:
            clients = [asyncio.create_task(self._client(number, client, end)) for number in range(_CLIENTS)]
            await asyncio.gather(*clients)
            # Half of those that are still alive then are told to stop, and may die at that.
            if process.exitcode is None and self._chance.random() < 0.5:
                process.terminate()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_PATIENCE):
                        while process.exitcode is None:
                            await asyncio.sleep(0.005)

    async def _client(self, number: int, client: httpx.AsyncClient, end: float) -> None:
        with contextlib.suppress(httpx.TransportError):
            while time.monotonic() < end:
                dice = self._chance.random()
                if dice < 0.75:
                    await self._post(number, client)
                elif dice < 0.88:
                    await self._silence(client)
                elif dice < 0.96:
                    await self._expire(client)
                else:
                    await client.post("/-/reload")
                await asyncio.sleep(self._chance.uniform(0, 0.03))

    async def _post(self, number: int, client: httpx.AsyncClient) -> None:
        # Each alert belongs to one client, so that what it was told last is certain.
        posted: dict[str, dict[str, Any]] = {}
        promises = {}
        for _ in range(self._chance.randint(1, 6)):
            alertname = self._chance.choice(_ALERTNAMES)
            new = self._chance.random() < 0.3
            instance = f"{number}-{100 + next(self._numbers) if new else self._chance.randrange(8)}"
            name = f"{alertname}/{instance}"
            promise = promises[name] = self.ledger.alerts.setdefault(name, Promise())
            over = self._chance.random() < 0.3
            promise.ask(State.OFF if over else State.ON)
            posted[name] = self._alert(alertname, instance, over=over)
        await self._ask(client.post("/api/v2/alerts", json=list(posted.values())), *promises.values())

    async def _silence(self, client: httpx.AsyncClient) -> None:
        name = f"hushed-{next(self._numbers)}"
        promise = self.ledger.silences[name] = Promise()
        promise.ask(State.ON)
        now = datetime.now(UTC)
        await self._ask(
            client.post(
                "/api/v2/silences",
                json={
                    "matchers": [{"name": "alertname", "value": name, "isRegex": False}],
                    "startsAt": now.isoformat(),
                    "endsAt": (now + timedelta(hours=1)).isoformat(),
                    "createdBy": "somebody",
                    "comment": name,
                },
            ),
            promise,
        )
        # What fires from now on under that name must not be heard of.
        alert = self.ledger.alerts[f"{name}/0"] = Promise()
        alert.ask(State.ON)
        await self._ask(client.post("/api/v2/alerts", json=[self._alert(name, "0", over=False)]), alert)

    async def _expire(self, client: httpx.AsyncClient) -> None:
        free = [
            name
            for name, promise in self.ledger.silences.items()
            if promise.state is State.ON and promise.asked is None
        ]
        if not free:
            return
        name = self._chance.choice(free)
        promise = self.ledger.silences[name]
        promise.ask(State.OFF)
        silences = (await client.get("/api/v2/silences", params={"filter": f'alertname="{name}"'})).json()
        for silence in silences:
            await self._ask(client.delete(f"/api/v2/silence/{silence['id']}"), promise)

    async def _ask(self, request: Any, *promises: Promise) -> None:
        answer = await request
        if answer.status_code == 200:
            for promise in promises:
                promise.acknowledge()
        else:
            self.problems.append(
                f"{answer.request.url} was answered with {answer.status_code}: {answer.text}"
            )

    def _alert(self, alertname: str, instance: str, *, over: bool) -> dict[str, Any]:
        now = datetime.now(UTC)
        begun = self._begun.setdefault(f"{alertname}/{instance}", now)
        if over:
            del self._begun[f"{alertname}/{instance}"]
        return {
            "labels": {"alertname": alertname, "instance": instance, "team": team_of(instance)},
            "startsAt": begun.isoformat(),
            "endsAt": (now if over else now + timedelta(hours=1)).isoformat(),
        }

    # The end

    async def _live_in_peace(self) -> None:
        process = await self._begin(None, 0)
        try:
            if not await self._ready(process):
                return
            await self._compare()
            patience = time.monotonic() + _PATIENCE
            while (missing := judge(self.ledger, self._died_at).missing) and (time.monotonic() < patience):
                await asyncio.sleep(0.1)
            # What would be sent without need comes in the next intervals.
            await asyncio.sleep(0.5)
            self.problems += missing
        finally:
            process.terminate()
            await asyncio.to_thread(process.join)
        if process.exitcode != 0:
            self.problems.append(f"the daemon stopped with {process.exitcode}: {self._said()[-2000:]}")
        verdict = judge(self.ledger, self._died_at, record=self._database or self._folder / "data")
        self.problems += verdict.missing + verdict.repeated


def plan(seed: int, lives: int) -> list[Step]:
    """So many steps in random order, every one of them before one comes again."""
    chance = random.Random(seed)
    steps: list[Step] = []
    while len(steps) < lives:
        steps += chance.sample(STEPS, len(STEPS))
    return steps[:lives]


def described(chain: Chain) -> str:
    """What a failed chain tells."""
    return json.dumps(
        {
            "problems": chain.problems,
            "deaths": [(d.step.about if d.step else "outside") for d in chain.deaths],
        },
        indent=1,
    )
