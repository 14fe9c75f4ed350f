"""Compares what was sent with what a story says, and what one contender sent with what another did."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from tests.live.play import Played
from tests.live.recorder import Message
from tests.live.scenario import Scenario

WHO = ["theirs", "ours", "strict"]


def check(scenario: Scenario, played: Played) -> None:
    """Everybody who played sent what the story says, and where that is the same, every byte of it was."""
    if problems := list(_problems(scenario, played)):
        pytest.fail("\n".join(problems), pytrace=False)


def _problems(scenario: Scenario, played: Played) -> Iterator[str]:
    compared = scenario.slug in played.messages.get("theirs", {})
    for who in WHO if compared else WHO[1:]:
        messages = played.of(who, scenario)
        for hook in sorted({*messages, *scenario.expected(who)}):
            yield from _untold(scenario, who, hook, messages.get(hook, ()))
    if not compared:
        return
    if played.statuses["ours"][scenario.slug] != played.statuses["theirs"][scenario.slug]:
        yield f"posts were answered {played.statuses['ours'][scenario.slug]}, theirs {played.statuses['theirs'][scenario.slug]}"
    for who in ("ours", "strict"):
        if scenario.ours is None or (who == "strict" and scenario.strict == scenario.told):
            theirs, ours = (_contents(played.of(each, scenario), scenario) for each in ("theirs", who))
            yield from (
                f"{who} {hook} sent another thing\n  {ours.get(hook)}\n  theirs\n  {theirs.get(hook)}"
                for hook in {*theirs, *ours}
                if theirs.get(hook) != ours.get(hook)
            )


def _untold(scenario: Scenario, who: str, hook: str, messages: Sequence[Message]) -> Iterator[str]:
    expected = scenario.expected(who).get(hook, ())
    if scenario.goes_on:
        messages = messages[: len(expected)]
    if [message.line for message in messages] != [line for _, line in expected]:
        told, right = (
            "".join(f"\n    {at:6.2f} {line}" for at, line in lines)
            for lines in ([(message.at, message.line) for message in messages], expected)
        )
        yield f"{who} {hook} was told{told}\n  and not{right}"
        return
    for (at, line), message in zip(expected, messages, strict=True):
        if not at - scenario.window[0] <= message.at <= at + scenario.window[1]:
            yield f"{who} {hook} was told at {message.at:.2f} and not at {at}: {line}"


def _contents(messages: Mapping[str, Sequence[Message]], scenario: Scenario) -> dict[str, list[str]]:
    """All of the messages that the story tells of, those without any left out."""
    found = {
        hook: [
            f"{message.request}\n{_content(message, scenario)}"
            for message, _ in zip(each, scenario.told.get(hook, ()), strict=False)
        ]
        for hook, each in messages.items()
    }
    return {hook: contents for hook, contents in found.items() if contents}


def _content(message: Message, scenario: Scenario) -> str:
    # The order of members is fixed for webhooks alone.
    is_webhook = isinstance(message.content, dict) and "groupKey" in message.content
    return json.dumps(_comparable(message.content, scenario), ensure_ascii=False, sort_keys=not is_webhook)


def _comparable(value: Any, scenario: Scenario) -> Any:
    """Without what the Alertmanager at hand may be too old for, and without moments that each took itself."""
    match value:
        case dict():
            own = {"startsAt", "endsAt"} if scenario.own_times else set[str]()
            return {
                key: "a moment"
                if key in own and not str(each).startswith("0001")
                else _comparable(each, scenario)
                for key, each in value.items()
                if key != "routeLabels" or scenario.since >= (0, 34)
            }
        case list():
            return [_comparable(each, scenario) for each in value]
    return value
