"""Scenes: requests in order, played to Alertmanager once to record its answers, and to us in every test run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from alertrouter.core.time import SECOND, Moment, format_milliseconds, parse_timestamp

#: The headers that are compared. Others are the web server's.
HEADERS = (
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "allow",
    "cache-control",
    "content-type",
    "location",
    "vary",
    "www-authenticate",
    "x-content-type-options",
    "x-frame-options",
)

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_LATER = re.compile(r"<t\+(\d+)>")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@dataclass(frozen=True)
class Step:
    """One request. ``exact_words`` off: of an error only the status and the shape count.

    In ``path`` and ``body``, ``<id1>`` stands for the first silence id seen so far, and so on; ``<t+5>`` for the time five
    seconds after the scene began. ``wait`` is how many seconds to let pass before. The method ``WRITE`` is no request: the
    file of that name, beside the configuration, gets the body.
    """

    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    exact_words: bool = True
    wait: float = 0.0


@dataclass(frozen=True)
class Scene:
    """A fresh server with this configuration and these features, and what it is asked.

    ``files`` lie beside the configuration; ``FOLDER`` in a flag is the folder. ``prefix`` is where the API is served.
    """

    name: str
    steps: list[Step]
    config: str
    features: str = ""
    flags: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    prefix: str = ""


@dataclass(frozen=True)
class Raw:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Send = Callable[[Step], Raw]


def play(scene: Scene, send: Send, now: Callable[[], Moment]) -> list[dict[str, Any]]:
    """Play a scene; the answers, with ids and times near now replaced by names for them."""
    ids: list[str] = []
    answers = []
    begun = now()
    # The moments that the scene names itself, by what they look like.
    planned = {
        _LATER.sub(partial(_later, begun), name): name for step in scene.steps for name in _named(step)
    }
    for step in scene.steps:
        asked = Step(
            step.method,
            _meant(step.path, ids, begun),
            _meant(step.body.decode("latin-1"), ids, begun).encode("latin-1")
            if step.body is not None
            else None,
            step.headers,
            step.exact_words,
            step.wait,
        )
        raw = send(asked)
        text = raw.body.decode()
        for found in _UUID.findall(text):
            if found not in ids:
                ids.append(found)
        for place, each in enumerate(ids, 1):
            text = text.replace(each, f"<id{place}>")
        text = _TIME.sub(lambda found: planned.get(found[0]) or _relative(found[0], now()), text)
        answers.append(
            {
                "asked": f"{step.method} {step.path}",
                "status": raw.status,
                "headers": {name: raw.headers[name] for name in HEADERS if name in raw.headers},
                "body": _readable(text),
            }
        )
    return answers


def _meant(text: str, ids: list[str], begun: Moment) -> str:
    for place, each in enumerate(ids, 1):
        text = text.replace(f"<id{place}>", each)
    return _LATER.sub(partial(_later, begun), text)


def _named(step: Step) -> list[str]:
    return [found[0] for found in _LATER.finditer((step.body or b"").decode("latin-1"))]


def _later(begun: Moment, found: re.Match[str]) -> str:
    return format_milliseconds(begun + int(found[1]) * SECOND)


def _relative(text: str, now: Moment) -> str:
    moment, _ = parse_timestamp(text)
    if moment is None:
        return text
    ahead = (moment - now) / SECOND
    for seconds, name in ((0, "<now>"), (300, "<in 5m>"), (3600, "<in 1h>")):
        if -45 < ahead - seconds < 15:
            return name
    return text


def _readable(text: str) -> Any:
    try:
        return {"json": json.loads(text), "newline": text.endswith("\n")}
    except ValueError:
        return {"text": text}
