"""Our own server in process: the real engine and door behind the real application, on a clock that stands still."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import unquote

from sqlalchemy import Connection
from starlette.types import ASGIApp

from alertrouter.api.app import create_app
from alertrouter.api.caller import Caller
from alertrouter.api.router import ReloadError, UnavailableError
from alertrouter.config import load_text
from alertrouter.core.matcher_syntax import Mode
from alertrouter.core.receiver import Integration, Receiver
from alertrouter.core.silence import Silence
from alertrouter.core.time import SECOND, Moment, parse_timestamp
from alertrouter.delivery.status import LaneStatus, TrialOutcome
from alertrouter.engine.engine import Engine, EngineSettings
from alertrouter.engine.group import AggregationGroup
from alertrouter.follow import Follower
from alertrouter.intake import Intake
from alertrouter.metrics import Metrics
from alertrouter.peer import own_peer
from alertrouter.settings import Settings
from alertrouter.store import Store
from alertrouter.store.history import Action
from alertrouter.wire import decode_alerts
from tests.api.play import Raw, Step

_NOW, _ = parse_timestamp("2026-11-21T12:00:00.923456789Z")
assert _NOW is not None
NOW: Moment = _NOW


class Router:
    """The daemon's part, as far as the API needs it: nothing is delivered, nothing stored."""

    def __init__(self, config: str, *, mode: Mode = Mode.FALLBACK, settings: Settings | None = None) -> None:
        settings = settings or Settings()
        self.time = NOW
        self.started_at = NOW
        self.peer = own_peer(settings, NOW)
        self.configuration = load_text(config, mode=mode)
        self.original_config = self.configuration.original
        self.engine = Engine(
            self.configuration.routing,
            EngineSettings(
                mode=mode,
                alertname_limit=settings.alerts_per_alertname_limit,
                max_silences=settings.silences_max_silences,
                max_silence_size=settings.silences_max_silence_size_bytes,
            ),
        )
        self.intake = Intake(self.engine, mode)
        self.unready: str | None = None
        self.unavailable: str | None = None
        self.reload_problem: str | None = None
        self.reloads = 0
        self.rendered: Mapping[str, str] = {}
        self.lane_statuses: list[LaneStatus] = []
        self.tried: list[tuple[str, list[str], dict[str, str], dict[str, str]]] = []
        self.trial_errors: dict[str, str] = {}
        self.actions: list[Action] = []
        self.store: Store | None = None

    def now(self) -> Moment:
        return self.time

    def pass_time(self, seconds: float) -> None:
        """Let time pass and flush what is due; there is nobody to tell."""
        self.time += round(seconds * SECOND)
        self.engine.flush(self.time)

    def not_ready(self) -> str | None:
        return self.unready

    def route_labels(self, group: AggregationGroup, now: Moment) -> Mapping[str, str]:
        return self.rendered

    def take_in(self, body: bytes) -> list[str] | Awaitable[list[str]]:
        if self.unavailable:
            raise UnavailableError(self.unavailable)
        return self.intake.take(self.intake.read(decode_alerts(body)), self.now()).problems

    async def save_silence(self, proposed: Silence) -> Silence:
        saved, _ = self.engine.save_silence(proposed, self.now(), str(uuid.uuid4()))
        return saved

    async def expire_silence(self, silence_id: str) -> None:
        self.engine.expire_silence(silence_id, self.now())

    def lanes(self) -> Sequence[LaneStatus]:
        return self.lane_statuses

    async def try_out(
        self,
        receiver: Receiver,
        integrations: Sequence[Integration],
        *,
        labels: Mapping[str, str],
        annotations: Mapping[str, str],
    ) -> Sequence[TrialOutcome]:
        self.tried.append(
            (receiver.name, [each.key for each in integrations], dict(labels), dict(annotations))
        )
        return [
            TrialOutcome(integration=each.key, latency=SECOND // 8, error=self.trial_errors.get(each.key, ""))
            for each in integrations
        ]

    def acted(self, action: str, subject: str, caller: Caller, outcome: str = "") -> None:
        self.actions.append(Action(self.time, action, subject, caller.user, caller.address, outcome))

    async def settled(self) -> None:
        assert self.store is not None

    def reader(self) -> AbstractContextManager[Connection]:
        assert self.store is not None
        return self.store.reader()

    @property
    def follower(self) -> Follower:
        assert self.store is not None
        return Follower(self.store, self.settled)

    async def reload(self) -> None:
        self.reloads += 1
        if self.reload_problem:
            raise ReloadError(self.reload_problem)


class Server:
    """The application, asked without a network: exactly the bytes of a request, exactly those of an answer."""

    def __init__(self, config: str, *, mode: Mode = Mode.FALLBACK, settings: Settings | None = None) -> None:
        self.router = Router(config, mode=mode, settings=settings)
        self.metrics = Metrics((settings or Settings()).features)
        self.metrics.member(self.router.peer)
        self.metrics.watch(self.router.engine, self.router.now)
        application = create_app(self.router, settings or Settings(), self.metrics)
        self.app: ASGIApp = application.asgi
        self.express = application.express

    def ask(self, step: Step) -> Raw:
        """One request."""
        self.router.pass_time(step.wait or 0.001)
        return asyncio.run(request(self.app, step))

    def get(self, path: str, **headers: str) -> Raw:
        """A GET."""
        return self.ask(Step("GET", path, headers=headers))

    def listed(self, path: str) -> Any:
        """The JSON at a path."""
        answer = self.get(path)
        assert answer.status == 200, answer
        return json.loads(answer.body)

    def post(self, path: str, body: object) -> Raw:
        """A POST of JSON."""
        encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask(Step("POST", path, encoded, {"content-type": "application/json"}))


async def request(app: ASGIApp, step: Step) -> Raw:
    """One request to an ASGI application."""
    path, _, query = step.path.partition("?")
    headers = [(name.lower().encode(), value.encode()) for name, value in step.headers.items()]
    if step.body is not None:
        headers.append((b"content-length", str(len(step.body)).encode()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": step.method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.replace(" ", "%20").encode(),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 9093),
    }
    pieces: list[bytes] = []
    started: dict[str, Any] = {}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": step.body or b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            assert not started
            started.update(message)
        else:
            pieces.append(message.get("body", b""))

    await app(scope, receive, send)
    return Raw(
        started["status"],
        {name.decode().lower(): value.decode() for name, value in started["headers"]},
        # As every web server does with the body of an answer to HEAD.
        b"" if step.method == "HEAD" else b"".join(pieces),
    )
