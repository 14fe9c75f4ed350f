"""Work that waits until it is quiet."""

from __future__ import annotations

import asyncio
import json

from alertrouter.api.idle import Idle
from tests.api.play import Step
from tests.api.scenes import CONFIG, alert
from tests.api.server import Server, request
from tests.hurried import run_hurried


def test_the_work_waits_for_quiet_and_is_done_to_its_end() -> None:
    done: list[float] = []

    async def scene() -> list[float]:
        loop = asyncio.get_running_loop()

        def work(_: int) -> bool:
            done.append(loop.time())
            return len(done) < 3

        idle = Idle(work)
        for _ in range(4):
            idle.disturb()
            await asyncio.sleep(0.1)
        last = loop.time()
        assert not done
        await asyncio.sleep(0.4)
        assert len(done) == 3
        assert done[0] > last
        idle.disturb()
        await asyncio.sleep(0.35)
        return done

    assert len(run_hurried(scene())) == 4


def test_where_it_is_never_quiet_a_piece_is_done_now_and_then() -> None:
    done: list[float] = []

    async def scene() -> list[float]:
        loop = asyncio.get_running_loop()

        def work(_: int) -> bool:
            done.append(loop.time())
            return True

        idle = Idle(work)
        for _ in range(40):
            idle.disturb()
            await asyncio.sleep(0.1)
        return done

    assert 2 <= len(run_hurried(scene())) <= 4


def test_fingerprints_are_known_before_anybody_asks() -> None:
    server = Server(CONFIG)

    async def scene() -> None:
        body = json.dumps([alert({"n": str(n)}) for n in range(450)]).encode()
        await request(server.app, Step("POST", "/api/v2/alerts", body, {"content-type": "application/json"}))
        assert not any(labels.knows_fingerprint for labels in server.router.engine.known)
        await asyncio.sleep(0.6)
        assert all(labels.knows_fingerprint for labels in server.router.engine.known)

    run_hurried(scene())
