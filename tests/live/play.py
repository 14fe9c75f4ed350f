"""Plays stories to several servers at once, each with recorders of its own, and keeps what each of them sent."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.daemon.process import Daemon
from tests.live.peers import version
from tests.live.scenario import Fire, Post, Scenario, Silence, Step, Unsilence, said
from tests.receivers import Answer, Behaviour, HttpReceiver, ReceivedMail, ReceivedRequest, SmtpReceiver

# Posts stand a second from the flushes before and after them.
_TOO_LATE = 0.7
EXTERNAL_URL = "http://alerts.example:9093/base"
_ROUTE: Mapping[str, Any] = {
    "group_by": ["alertname"],
    "group_wait": "1s",
    "group_interval": "2s",
    "repeat_interval": "1h",
}


class Alertmanager(Daemon):
    """A real Alertmanager, driven as our daemon is."""

    def __init__(self, program: Path, folder: Path, configuration: str, *flags: str) -> None:
        super().__init__(folder, configuration, *flags)
        self._program = program
        self._own_flags = flags

    async def launch(self) -> None:
        self.said.clear()
        self.process = await asyncio.create_subprocess_exec(
            self._program,
            f"--config.file={self.config}",
            f"--storage.path={self.storage}",
            "--web.listen-address=127.0.0.1:0",
            "--cluster.listen-address=",
            *self._own_flags,
            stderr=asyncio.subprocess.PIPE,
        )
        self._reading = asyncio.create_task(self._read())


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """Who plays: theirs, ours or strict. ``program`` is an Alertmanager, None for our daemon."""

    name: str
    program: Path | None = None
    flags: Sequence[str] = ()

    def daemon(self, folder: Path, configuration: str, flags: Sequence[str]) -> Daemon:
        """It, ready to start."""
        every = [f"--web.external-url={EXTERNAL_URL}", "--web.route-prefix=/", *self.flags, *flags]
        if self.program is None:
            return Daemon(folder, configuration, *every)
        return Alertmanager(self.program, folder, configuration, *every)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What an integration was sent: when, in seconds of its story; in one line; and all of it."""

    at: float
    line: str
    content: Any
    sort_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of a play, by contender and story; ``lateness`` is how much later than told a post was answered."""

    lateness: float
    messages: Mapping[str, Mapping[str, Mapping[str, Sequence[Message]]]]
    statuses: Mapping[str, Mapping[str, Sequence[int]]]

    def of(self, who: str, scenario: Scenario) -> Mapping[str, Sequence[Message]]:
        """The messages of a story by integration, each in the order of group keys, then of time."""
        return self.messages[who][scenario.slug]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to play: for how long, in seconds; what happens to the servers; in what time the stories begin, one by one.

    ``started_before`` is how long before zero the servers are started; None to begin when they are ready.
    """

    lasts: float
    flags: Sequence[str] = ()
    resolve_timeout: str = "5m"
    reload_at: float | None = None
    down: tuple[float, float] | None = None
    spread: float = 0
    started_before: float | None = None


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


class _Recorder:
    """The webhook server and the mail server of one contender."""

    def __init__(self, scenarios: Sequence[Scenario]) -> None:
        self.zero: dict[str, float] = {}
        self.messages: dict[str, dict[str, list[Message]]] = {
            scenario.slug: defaultdict(list) for scenario in scenarios
        }
        self._scenarios = {scenario.slug: scenario for scenario in scenarios}
        self.http = HttpReceiver()
        self.http.answer_with(self._request)
        self.smtp = _MailServer(self)

    def _now(self, slug: str) -> float:
        # What comes before the beginning would be wrong, and shows as such.
        return time.time() - self.zero.get(slug, time.time() + 1)

    def _request(self, request: ReceivedRequest) -> Behaviour:
        _, slug, hook = request.target.split("/", 2)
        now = self._now(slug)
        answers = self._scenarios[slug].answers
        answer: Behaviour = answers[hook](now) if hook in answers else Answer()
        body = request.json()
        line = said(answer.status, body) if isinstance(answer, Answer) else None
        if line is not None:
            group = str(body.get("groupKey", "")) if isinstance(body, dict) else ""
            message = Message(at=now, line=line, content=body, sort_key=group)
            self.messages[slug][hook].append(message)
        return answer

    def mail(self, mail: ReceivedMail) -> None:
        """A mail came. Of its parts the text counts: how the default HTML looks is our own affair."""
        slug = mail.recipients[0].partition("@")[0]
        parsed = email.message_from_bytes(mail.content, _class=EmailMessage, policy=email.policy.default)
        plain = parsed.get_body(("plain",))
        content = {name: str(parsed[name]) for name in ("From", "To", "Subject")}
        content["text"] = "" if plain is None else plain.get_content()
        subject = content["Subject"]
        self.messages[slug]["mail"].append(
            Message(at=self._now(slug), line=subject, content=content, sort_key="")
        )


class _MailServer(SmtpReceiver):
    def __init__(self, recorder: _Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    async def remember(self, mail: ReceivedMail) -> None:
        await super().remember(mail)
        self._recorder.mail(mail)


@dataclass(slots=True, kw_only=True)
class _Player:
    """Plays all stories to one contender."""

    scenarios: Sequence[Scenario]
    plan: Plan
    daemon: Daemon
    # Quicker than httpx: hundreds of posts must go out in their moment.
    session: aiohttp.ClientSession
    recorder: _Recorder
    after: str
    begins: Mapping[str, float]
    lateness: float = 0
    up: asyncio.Event = field(default_factory=asyncio.Event)
    statuses: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    async def play(self, zero: float) -> None:
        """From ``zero`` on, a moment of the wall clock, until the plan's end."""
        self.up.set()
        async with asyncio.TaskGroup() as tasks:
            for scenario in self.scenarios:
                self.recorder.zero[scenario.slug] = begin = zero + self.begins[scenario.slug]
                tasks.create_task(self._tell(scenario, begin))
            tasks.create_task(self._upheavals(zero))
            await _sleep_until(zero + self.plan.lasts + self.plan.spread)

    async def _upheavals(self, zero: float) -> None:
        if self.plan.reload_at is not None:
            await _sleep_until(zero + self.plan.reload_at)
            self.daemon.config.write_text(self.after, encoding="utf-8")
            answer = await self.daemon.client.post("/-/reload")
            assert answer.status_code == 200, answer.text
        if self.plan.down is not None:
            begin, end = self.plan.down
            await _sleep_until(zero + begin)
            self.up.clear()
            assert await self.daemon.stop() == 0
            self.daemon.config.write_text(self.after, encoding="utf-8")
            await _sleep_until(zero + end)
            await self.daemon.start()
            self.up.set()

    async def _tell(self, scenario: Scenario, zero: float) -> None:
        silences: dict[str, str] = {}
        for step in scenario.steps:
            await _sleep_until(zero + step.at)
            await self.up.wait()
            self.statuses[scenario.slug].append(await self._do(step, scenario, zero, silences))
            self.lateness = max(self.lateness, time.time() - zero - step.at)

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


async def play(
    scenarios: Sequence[Scenario], plan: Plan, contenders: Sequence[Contender], folder: Path
) -> Played:
    """Play the stories to all contenders at the same time."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        players: dict[str, _Player] = {}
        for contender in contenders:
            taking_part = [
                scenario for scenario in scenarios if contender.program is None or not scenario.only_ours
            ]
            recorder = _Recorder(taking_part)
            await stack.enter_async_context(recorder.http)
            await stack.enter_async_context(recorder.smtp)
            before, after = (
                configuration(
                    taking_part,
                    plan,
                    recorder.http.url("").rstrip("/"),
                    recorder.smtp.smarthost,
                    after=second,
                )
                for second in (False, True)
            )
            (folder / contender.name).mkdir()
            daemon = contender.daemon(folder / contender.name, before, plan.flags)
            players[contender.name] = _Player(
                scenarios=taking_part,
                plan=plan,
                daemon=daemon,
                session=session,
                recorder=recorder,
                after=after,
                begins={
                    scenario.slug: plan.spread * number / len(scenarios)
                    for number, scenario in enumerate(scenarios)
                },
            )
        started = time.time()
        await asyncio.gather(*[stack.enter_async_context(player.daemon) for player in players.values()])
        zero = time.time() + 0.5 if plan.started_before is None else started + plan.started_before
        await asyncio.gather(*[player.play(zero) for player in players.values()])
        return Played(
            lateness=max(player.lateness for player in players.values()),
            messages={
                name: {
                    slug: {hook: sorted(found, key=lambda m: m.sort_key) for hook, found in by_hook.items()}
                    for slug, by_hook in player.recorder.messages.items()
                }
                for name, player in players.items()
            },
            statuses={name: player.statuses for name, player in players.items()},
        )


def played_in_time(
    plays: Sequence[tuple[Sequence[Scenario], Plan]],
    contenders: Sequence[Contender],
    folders: pytest.TempPathFactory,
) -> list[Played]:
    """Play all at the same time, until all posts were made when the stories say.

    A machine that has no time now may have some later. Stories that a contender is too old for are left out.
    """

    async def once() -> list[Played]:
        return await asyncio.gather(
            *[
                play(_known_to(scenarios, contenders), plan, contenders, folders.mktemp("play"))
                for scenarios, plan in plays
            ]
        )

    for _ in range(3):
        played = asyncio.run(once())
        late = max(each.lateness for each in played)
        if late < _TOO_LATE:
            return played
    pytest.fail(f"this machine is too busy: a post was answered {late:.1f} seconds late, three times over")


def _known_to(scenarios: Sequence[Scenario], contenders: Sequence[Contender]) -> list[Scenario]:
    oldest = min(version(each.program) for each in contenders if each.program is not None)
    return [scenario for scenario in scenarios if scenario.since <= oldest]
