"""Ten thousand requests with something wrong in them: each is answered soon, none breaks anything, no answer tells how we are made."""

from __future__ import annotations

import asyncio
import random
import re
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from tests.api.play import Step
from tests.api.scenes import CONFIG, SCENES
from tests.waiting import PATIENCE

pytestmark = pytest.mark.slow  # ten thousand requests, over real connections

REQUESTS = 10_000
AT_ONCE = 4
TOKENS = (
    b"%00", b"%", b"\\u0000", b"\\ud800", b"\x00", b"\xff\xfe", b"null", b"[]", b"{}", b"-1", b"1e999", b"NaN", b'"', b"'", b"<t>",
    b"../", b"//", b"?", b"&", b";", b"=", b"=~", b"(", b"(?=x)", b"a{1001}", b"{{", b"}}", b"\r\n", b"\n", b" ", b"\t",
    b"9" * 400, b"[" * 200, b'{"a":' * 60, "ü".encode(), "🙂".encode(), b"0001-01-01T00:00:00Z", b"9999-12-31T23:59:59Z",
    b"2026-13-45T99:99:99Z", b"+99:99", b"true", b"gzip", b"chunked", b"application/json", b"*/*", b"x" * 3000,
)  # fmt: skip
# What a Python program says of itself.
TELLTALE = re.compile(rb'Traceback|File "|\.py\b|site-packages|0x[0-9a-f]{8,}|Error:|sqlite|alertrouter\.')


def requests() -> list[Step]:
    """What the mutations begin with."""
    steps = [step for scene in SCENES for step in scene.steps if len(step.body or b"") < 20_000]
    return [
        *steps,
        Step("GET", "/"),
        *(
            Step("GET", f"/api/alertrouter/v1/{path}")
            for path in (
                "receivers",
                "openapi.json",
                "history/alerts?since=1h&filter=a%3Db&limit=5",
                "history/notifications?outcome=sent&reason=first&until=2026-11-20T16:00:00Z&before=1",
                "history/silences?silence=x",
            )
        ),
        Step("POST", "/api/alertrouter/v1/receivers/default/test", b'{"labels": {"a": "b"}}'),
    ]


def mutated(steps: list[Step], chance: random.Random) -> tuple[bytes, bool]:
    """A request on the wire, and whether its end can be found in it."""
    step = chance.choice(steps)
    method, path = step.method.encode(), step.path.replace(" ", "%20").encode("utf-8")
    body = step.body or b""
    headers = [(name.encode(), value.encode("latin-1", "replace")) for name, value in step.headers.items()]
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        match chance.randrange(10):
            case 0:
                method = chance.choice(
                    (b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH", b"QQ", b"")
                )
            case 1 | 2 | 3:
                path = b"/" + _changed(path[1:], chance)
            case 4:
                headers.append(
                    (chance.choice((b"Accept", b"Content-Type", b"Origin", b"X")), chance.choice(TOKENS))
                )
            case 5 if headers:
                place = chance.randrange(len(headers))
                headers[place] = (headers[place][0], _changed(headers[place][1], chance))
            case _:
                body = _changed(body, chance)
    if chance.random() < 0.9:
        # What is sent is a request, so that it comes further than the first line.
        method = method or b"GET"
        path = re.sub(rb"[\x00-\x20\x7f-\xff]", lambda found: b"%%%02X" % found[0][0], path)
        headers = [(name, re.sub(rb"[\x00-\x08\x0a-\x1f\x7f]", b"", value)) for name, value in headers]
    else:
        headers = headers or [(b"X", chance.choice(TOKENS))]
    lengths = [(b"Content-Length", b"%d" % len(body))] if body or method == b"POST" else []
    whole = chance.random() < 0.97
    if not whole:
        lengths = [
            chance.choice(
                ((b"Content-Length", b"7"), (b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"x"))
            )
        ]
    lines = [
        b"%b: %b" % header for header in [(b"Host", b"x"), (b"Connection", b"close"), *headers, *lengths]
    ]
    head = b"\r\n".join([b"%b %b HTTP/1.1" % (method, path), *lines])
    return head + b"\r\n\r\n" + body, whole


def _changed(text: bytes, chance: random.Random) -> bytes:
    start = chance.randint(0, len(text))
    end = min(len(text), start + chance.choice((0, 1, 1, 3, 20)))
    match chance.randrange(5):
        case 0:
            return text[:start] + text[end:]
        case 1:
            return text[:start] + text[start:end] * chance.choice((2, 2, 50)) + text[end:]
        case 2:
            return text[:start] + bytes([chance.randrange(256)]) + text[end:]
        case _:
            return text[:start] + chance.choice(TOKENS) + text[end:]


async def answered(port: int, wire: bytes, *, whole: bool = True) -> bytes:
    """All that comes back until the connection ends: after the answer, or as nothing more comes from us."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    try:
        writer.write(wire)
        with suppress(ConnectionError, OSError):
            await writer.drain()
            if not whole:
                writer.write_eof()
        async with asyncio.timeout(PATIENCE):
            try:
                return await reader.read()
            except ConnectionError:
                return b""
    finally:
        writer.close()


def test_nothing_that_is_sent_breaks_anything(tmp_path: Path) -> None:
    (tmp_path / "alertmanager.yml").write_text(CONFIG)
    log = tmp_path / "log"
    steps = requests()
    statuses: Counter[int] = Counter()
    problems: list[tuple[bytes, bytes]] = []

    async def one_after_the_other(port: int, chance: random.Random) -> None:
        for _ in range(REQUESTS // AT_ONCE):
            wire, whole = mutated(steps, chance)
            answer = await answered(port, wire, whole=whole)
            status = int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0
            statuses[status] += 1
            if status >= 500 or (status >= 400 and TELLTALE.search(answer)):
                problems.append((wire[:600], answer[:600]))

    async def story(port: int) -> bytes:
        async with asyncio.TaskGroup() as group:
            for number in range(AT_ONCE):
                group.create_task(one_after_the_other(port, random.Random(number)))
        return await answered(port, b"GET /-/ready HTTP/1.0\r\n\r\n")

    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "alertrouter", f"--config.file={tmp_path}/alertmanager.yml",
             f"--storage.path={tmp_path}/data", "--web.listen-address=127.0.0.1:0"],
            stderr=output,
        )  # fmt: skip
    try:
        ready = asyncio.run(story(_port(process, log)))
        assert process.poll() is None
    finally:
        process.terminate()
        status = process.wait(20)
    assert ready.endswith(b"OK")
    assert problems[:3] == []
    said = log.read_text(errors="replace")
    assert "traceback=" not in said
    assert status == 0
    # They were no rubbish: many came as far as an endpoint, and many of those were refused by it.
    assert min(statuses[200], statuses[400], statuses[404], statuses[422]) > REQUESTS // 100
    assert statuses[0] < REQUESTS // 20


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    while not (found := re.search(r'msg="Listening on" address=127\.0\.0\.1:(\d+)', log.read_text())):
        assert process.poll() is None, log.read_text()
    return int(found[1])
