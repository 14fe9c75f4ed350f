"""Answers compared, and the differences that are known: what is not in the table must be equal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.api.play import Scene, Step

Answer = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Known:
    """A difference, why there is one, for which of their answers, and what is left of an answer to be compared."""

    reason: str
    where: Callable[[Step, Answer], bool]
    left: Callable[[Answer], Answer]


def _body(answer: Answer) -> Any:
    return answer["body"].get("json")


def without_body(answer: Answer) -> Answer:
    """Status and headers, but for the kind of the body."""
    headers = {name: value for name, value in answer["headers"].items() if name != "content-type"}
    return {**answer, "body": {}, "headers": headers}


def _only_code(answer: Answer) -> Answer:
    body = _body(answer)
    return {**answer, "body": {"json": body.get("code") if isinstance(body, dict) else type(body).__name__}}


def without_members(*members: str) -> Callable[[Answer], Answer]:
    """Without these members of an object, or of each object in a list."""

    def left(answer: Answer) -> Answer:
        body = _body(answer)
        if isinstance(body, list):
            return {**answer, "body": {**answer["body"], "json": [_without(each) for each in body]}}
        return {**answer, "body": {**answer["body"], "json": _without(body)}}

    def _without(value: Any) -> Any:
        return (
            {name: each for name, each in value.items() if name not in members}
            if isinstance(value, dict)
            else value
        )

    return left


KNOWN = (
    Known(
        reason="a redirect has a page with a link there, which nobody reads",
        where=lambda _, theirs: theirs["status"] in {301, 302},
        left=without_body,
    ),
    Known(
        reason="what Go's decoder says of a body that is no JSON, or of other types, is its own; the code counts",
        where=lambda step, _: not step.exact_words,
        left=_only_code,
    ),
    Known(
        reason="groups tell the labels of their route since 0.34, and this is older",
        where=lambda step, theirs: (
            step.path.partition("?")[0].rstrip("/").endswith("/alerts/groups")
            and isinstance(_body(theirs), list)
        ),
        left=without_members("routeLabels"),
    ),
)


@dataclass(frozen=True)
class Comparison:
    """What differs and is not known; and the reasons of the differences that are."""

    problems: Sequence[str]
    reasons: set[str]


def different(
    scene: Scene, ours: Sequence[Answer], theirs: Sequence[Answer], known: Sequence[Known] = KNOWN
) -> Comparison:
    """Compare the answers to a scene."""
    problems = []
    reasons = set()
    for step, our, their in zip(scene.steps, ours, theirs, strict=True):
        we, they = _ordered(our), _ordered(their)
        for each in known:
            if we != they and each.where(step, their):
                before = we, they
                we, they = each.left(we), each.left(they)
                if before != (we, they):
                    reasons.add(each.reason)
        if we != they:
            asked = f"{step.method} {step.path} {(step.body or b'')[:120]!r} {dict(step.headers)}"
            problems.append(f"{asked}\n  they: {they}\n  we:   {we}")
    return Comparison(problems, reasons)


def _ordered(answer: Answer) -> Answer:
    """Without what is not the same in two runs of the same server."""
    headers = dict(answer["headers"])
    body = answer["body"]
    value = body.get("json")
    if "allow" in headers:
        # The order of methods is that of a hash table there.
        headers["allow"] = sorted(headers["allow"].replace(" ", "").split(","))
    if answer["status"] == 405 and isinstance(value, dict):
        body = {**body, "json": sorted(value["message"].replace("[", ",").replace("]", ",").split(","))}
    elif isinstance(value, str) and value.startswith("silence exceeded maximum size"):
        # It depends on how many digits the time of day has.
        body = {**body, "json": "silence exceeded maximum size"}
    return {"status": answer["status"], "headers": headers, "body": body}
