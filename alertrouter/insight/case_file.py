"""Files of tests for a configuration (`docs/config-tests.md`): what they say, as types, and reading them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from alertrouter.config.document import read_document
from alertrouter.config.merge import as_object
from alertrouter.config.node import Mapping, Scalar, Sequence
from alertrouter.config.problem import ConfigError, Problem, did_you_mean
from alertrouter.core.duration import parse_duration
from alertrouter.core.time import DAY, SECOND, parse_timestamp

if TYPE_CHECKING:
    from pathlib import Path

    from alertrouter.config.node import Node
    from alertrouter.core.time import Duration, Moment

Pairs = dict[str, str]


class _Block(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, rename=lambda name: name.rstrip("_")):
    pass


class FiringAlert(_Block):
    """An alert that begins to fire."""

    labels: Pairs
    annotations: Pairs = {}


class NewSilence(_Block):
    """A silence that is created. The comment is what it is called in ``by`` and ``expire``."""

    matchers: list[str]
    for_: str = "1h"
    comment: str = ""


class ExpectedAlert(_Block):
    """What is so of one alert. ``state``: active, inhibited, silenced or muted. ``by``: the alertname of the source, the
    comment of the silence, or the name of the time interval."""

    labels: Pairs
    receivers: list[str] | None = None
    groups: list[Pairs] | None = None
    state: str = ""
    by: str = ""


class ExpectedMessage(_Block):
    """A message that went out since the step before. An alert is given as its alertname or as some of its labels."""

    to: str
    at: str = ""
    firing: list[str | Pairs] = []
    resolved: list[str | Pairs] = []
    group: Pairs | None = None
    reason: str = ""


class Expected(_Block):
    """What is expected at a step. ``messages``: all that went out since the step before; not looked at when missing."""

    alerts: list[ExpectedAlert] = []
    messages: list[ExpectedMessage] | None = None


class Step(_Block):
    """What happens at a moment of a story, and what is expected then."""

    at: str = "0s"
    fire: list[FiringAlert] = []
    resolve: list[Pairs] = []
    silence: list[NewSilence] = []
    expire: list[str] = []
    reload: str = ""
    expect: Expected | None = None


class Case(Step, kw_only=True):
    """One test: a step, or ``steps``."""

    name: str
    starts: str = ""
    config: str = ""
    steps: list[Step] = []


class _File(_Block):
    config: str = "alertmanager.yml"
    starts: str = ""
    tests: list[Case] = []


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A file that was read. ``config`` of the file and of a case are paths as they stand there."""

    path: Path
    config: str
    starts: str
    cases: list[Case]
    _root: Node

    def line(self, *way: str | int) -> int:
        """Where something stands, by keys and places in lists, as in ``("tests", 0, "expect")``."""
        return _find(self._root, way).line

    def place(self, config: str) -> Path:
        """Where a configuration lies that is named in the file."""
        return self.path.parent / config

    def problem(self, way: tuple[str | int, ...], message: str) -> ConfigError:
        """That something in the file is wrong."""
        return ConfigError([_problem(self._root, str(self.path), way, message)])


def read(path: Path) -> CaseFile:
    """Read a file of tests. Raises ConfigError, with the place."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError([Problem(file=str(path), message=f"cannot be read: {error.strerror}")]) from None
    root = read_document(raw, str(path))
    if root is None:
        raise ConfigError([Problem(file=str(path), message="the file is empty: it should have tests")])
    try:
        read = msgspec.convert(_plain(root), _File, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError([_wrong(error, root, str(path))]) from None
    if not read.tests:
        raise ConfigError([_problem(root, str(path), (), "there are no tests in it")])
    return CaseFile(path, read.config, read.starts, read.tests, root)


def steps_of(case: Case) -> list[tuple[Step, tuple[str | int, ...]]]:
    """The steps of a case, and the way to each from the case. What stands in the case itself comes first."""
    return [(case, ()), *[(step, ("steps", place)) for place, step in enumerate(case.steps)]]


def read_start(text: str) -> Moment:
    """The moment at which a story begins: Monday, 2024-01-01 at midnight UTC unless told otherwise. Raises ValueError."""
    if not text:
        return 19_723 * DAY
    moment, _ = parse_timestamp(text)
    if moment is None:
        raise ValueError("the zero time is no moment to begin at")
    return moment


def read_time(text: str, starts: Moment) -> Moment:
    """A moment of a story: a duration from its start, or a time in RFC 3339. Raises ValueError."""
    try:
        return starts + parse_duration(text)
    except ValueError:
        pass
    try:
        moment, _ = parse_timestamp(text)
    except ValueError:
        moment = None
    if moment is None:
        raise ValueError(f'"{text}" is neither a duration, as 30s, nor a time, as 2024-01-01T03:10:00Z')
    return moment


def show_time(moment: Moment, starts: Moment) -> str:
    """A moment as the time since the start of the story: ``1h30m``."""
    left, text = (moment - starts) / SECOND, ""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        count, left = divmod(left, size)
        text += f"{count:.0f}{unit}" if count else ""
    return text + (f"{left:g}s" if left or not text else "")


def read_for(text: str) -> Duration:
    """How long a silence lasts. Raises ValueError."""
    return parse_duration(text)


def _plain(node: Node) -> Any:
    """Texts, lists and mappings. Every scalar is its text: labels are texts, whatever YAML makes of them."""
    match node:
        case Scalar():
            return None if node.is_null and node.plain else node.text
        case Sequence():
            return [_plain(each) for each in node]
        case Mapping():
            return {name: _plain(entry.value) for name, entry in as_object(node, _ignore, "").items()}


def _ignore(_node: Node, _message: str) -> None:
    """The last of two equal keys counts."""


_AT = re.compile(r"^(?P<what>.*?)(?: - at `(?:key in )?\$(?P<way>.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>\w+)|\[(?P<place>\d+)\]|\[\.\.\.\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_KNOWN = {
    field
    for block in (_File, Case, Step, FiringAlert, NewSilence, Expected, ExpectedAlert, ExpectedMessage)
    for field in block.__struct_encode_fields__
}


def _wrong(error: msgspec.ValidationError, root: Node, file: str) -> Problem:
    found = _AT.match(str(error))
    assert found is not None
    way: list[str | int] = [
        int(step["place"]) if step["place"] else step["name"]
        for step in _STEP.finditer(found["way"] or "")
        if step["place"] or step["name"]
    ]
    message = found["what"]
    hint = ""
    if unknown := _UNKNOWN.search(message):
        way.append(unknown[1])
        message, hint = f"there is no {unknown[1]} here", did_you_mean(unknown[1], _KNOWN)
    return _problem(root, file, tuple(way), message, hint)


def _problem(root: Node, file: str, way: tuple[str | int, ...], message: str, hint: str = "") -> Problem:
    node = _find(root, way)
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in way).removeprefix(".")
    return Problem(file=file, line=node.line, column=node.column, path=path, message=message, hint=hint)


def _find(node: Node, way: tuple[str | int, ...]) -> Node:
    """The node at the end of the way, or the last that there is."""
    for step in way:
        below: Node | None = None
        if isinstance(node, Mapping) and (entry := as_object(node, _ignore, "").get(str(step))):
            below = entry.value
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node):
            below = node[step]
        if below is None:
            break
        node = below
    return node
