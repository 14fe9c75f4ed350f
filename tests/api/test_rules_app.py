"""The server of an evaluator that is by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bcrypt
import httpx
import pytest

from alertrouter.api.router import ReloadError
from alertrouter.api.rules_paths import create_rules_app
from alertrouter.clock import SystemClock
from alertrouter.settings import Settings
from alertrouter.web_metrics import WebMetrics

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from alertrouter.api.caller import Caller
    from alertrouter.core.time import Moment
    from alertrouter.rules.live_group import LiveGroup
    from alertrouter.rules.model import RuleGroup

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Process:
    """What is served, ready or not."""

    def __init__(self) -> None:
        self.trouble = ""
        self.reloads = 0

    def groups(self) -> Sequence[LiveGroup]:
        return ()

    def alertmanagers(self) -> Sequence[str]:
        return ()

    def curl(self, expression: str, at: Moment, group: RuleGroup) -> str:
        raise NotImplementedError

    def not_ready(self) -> str | None:
        return self.trouble or None

    async def reload(self) -> None:
        if self.trouble:
            raise ReloadError(self.trouble)
        self.reloads += 1

    def acted(self, action: str, subject: str, caller: Caller, outcome: str = "") -> None:
        pass


def client(process: Process, settings: Settings) -> httpx.AsyncClient:
    app = create_rules_app(process, process, settings, WebMetrics("prometheus"), SystemClock().now)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://rules")


async def test_everything_is_below_the_prefix() -> None:
    process = Process()
    async with client(process, Settings(web_route_prefix="/rules")) as asked:
        for path in (
            "/api/v1/rules",
            "/vmalert/api/v1/rules",
            "/api/v1/alerts",
            "/-/healthy",
            "/-/ready",
            "/metrics",
        ):
            assert (await asked.get(f"/rules{path}")).status_code == 200
            assert (await asked.get(path)).status_code == 404
        assert (await asked.get("/rules/api/v2/alerts")).status_code == 404
        assert (await asked.put("/rules/-/reload")).status_code == 200
    assert process.reloads == 1


async def test_trouble_is_told() -> None:
    process = Process()
    process.trouble = "the database cannot be written"
    async with client(process, Settings()) as asked:
        assert (await asked.get("/-/healthy")).status_code == 200
        ready = await asked.get("/-/ready")
        assert (ready.status_code, ready.text) == (503, "the database cannot be written\n")
        reloaded = await asked.post("/-/reload")
        assert reloaded.status_code == 500
        assert reloaded.text == "failed to reload config: the database cannot be written\n"


async def test_passwords_keep_others_out(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    file.write_text(f"basic_auth_users: {{rules: '{hashed}'}}\n")
    async with client(Process(), Settings(web_config_file=str(file))) as asked:
        assert (await asked.get("/api/v1/rules")).status_code == 401
        assert (await asked.get("/api/v1/rules", auth=("rules", "wrong"))).status_code == 401
        assert (await asked.get("/api/v1/rules", auth=("rules", "secret"))).status_code == 200
