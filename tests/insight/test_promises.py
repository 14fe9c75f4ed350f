"""What is told to come does come, and what is told to have come otherwise does come when it is otherwise."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from alertrouter.insight.explain import UnknownAlertError
from tests.insight.test_explain import ROUTED, asked
from tests.strategies import Event as Deed
from tests.strategies import configurations, stories
from tests.timeline import OK, REFUSES, Timeline, moment

if TYPE_CHECKING:
    from alertrouter.engine.slot import Slot
    from alertrouter.insight.explanation import Explanation, Promise

# STORIES=20000 tries so many, other ones each time; without it they are the same each time.
STORIES = int(os.environ.get("STORIES", "0"))
some = settings(max_examples=STORIES or 60, derandomize=not STORIES, deadline=None)
names = st.sampled_from("ABCD")
moments = st.integers(100, 3500)


def up_to(story: list[Deed], at: int) -> list[Deed]:
    """What happened until then; nothing ends by itself, as nobody can know that before."""
    return [replace(deed, what=deed.what.replace(" briefly", "")) for deed in story if deed.at <= at]


def messages(t: Timeline) -> list[tuple[Slot, int, str]]:
    """To whom, of the flush of which time, and why."""
    return [(send.slot, send.tick, send.reason) for _, send in t.messages]


@some
@given(stories, names, moments, configurations, st.booleans())
def test_what_is_to_come_comes_if_nothing_changes(
    story: list[Deed], name: str, at: int, config: str, fails: bool
) -> None:
    t = Timeline(config, answers=lambda _, when: REFUSES if fails and when <= at else OK)
    for deed in up_to(story, at):
        deed.happen(t)
    t.until(at)
    try:
        found = asked(t, f'name="{name}"')
    except UnknownAlertError:
        return
    before = len(t.messages)
    t.until(at + 8000)
    came = {
        (send.slot, alert.labels.identity): (send.tick, send.reason)
        for _, send in reversed(t.messages[before:])
        for alert in send.notification.alerts
    }
    identity = found.labels.identity
    # And nothing else comes first.
    assert {each.slot: (each.at, each.reason) for each in found.coming} == {
        slot: first for (slot, about), first in came.items() if about == identity
    }


@some
@given(stories, names, moments, configurations, st.booleans())
def test_what_would_have_come_comes_when_it_is_otherwise(
    story: list[Deed], name: str, at: int, config: str, fails: bool
) -> None:
    story = up_to(story, at)
    t = Timeline(config, answers=lambda _to, _at: REFUSES if fails else OK)
    for deed in story:
        deed.happen(t)
    t.until(at)
    try:
        found = asked(t, f'name="{name}"')
    except UnknownAlertError:
        return
    for promise in found.promises:
        # What would be, were it called as another alert is, is told by that one.
        if promise.given and not promise.given.startswith("with name="):
            message = promise.message
            assert (message.slot, message.at, message.reason) in messages(
                otherwise(story, name, config, promise)
            )


def otherwise(story: list[Deed], name: str, config: str, promise: Promise) -> Timeline:
    """The same story when what a promise asks for is given."""
    labels = {}
    match promise.given.partition("=")[0]:
        case "had it been taken":
            pass
        case "if it had an integration":
            config = config.replace('{"name": "hole"}', json.dumps(_HOLE))
        case "with send_resolved: true":
            config = config.replace('"send_resolved": false', '"send_resolved": true')
        case given:
            labels = {given.removeprefix("with "): promise.given.partition('"')[2].rstrip('"')}
    t = Timeline(config)
    for deed in story:
        if deed.alert == name:
            deed.happen(t, **labels)
        else:
            deed.happen(t)
    t.until(8000)
    return t


_HOLE = {"name": "hole", "webhook_configs": [{"url": "http://hole.example/"}]}


def asked_of_one(t: Timeline, at: int, **labels: Any) -> Explanation:
    """Asked at this second of the alert that has fired since second 0."""
    t.at(0).fire("Down", **labels)
    return asked(t.at(at))


def test_a_receiver_without_integrations_would_have_been_told_with_one() -> None:
    found = asked_of_one(Timeline(ROUTED), 100, team="nobody")
    assert found.counterfactual == (
        "Would have gone to hole at 1970-01-01T00:00:30Z (first notification) if it had an integration."
    )


def test_the_one_label_that_keeps_an_alert_from_a_route_is_named() -> None:
    found = asked_of_one(Timeline(ROUTED), 100, team="db", severity="warn")
    assert found.answer.startswith("default (webhook/0) told at 1970-01-01T00:00:30Z")
    assert found.counterfactual == (
        'Would have gone to pager-b at 1970-01-01T00:00:30Z (first notification) with severity="page".'
    )


def test_a_failing_receiver_would_have_taken_the_first_message_and_is_tried_again() -> None:
    t = Timeline(ROUTED, answers=lambda _to, _at: REFUSES)
    found = asked_of_one(t, 700, team="db", severity="page")
    assert (
        "(3 flushes failed since 1970-01-01T00:00:30Z); tries again at 1970-01-01T00:15:30Z" in found.answer
    )
    assert found.counterfactual == (
        "Would have gone to pager-b at 1970-01-01T00:00:30Z (first notification) had it been taken. "
        "Goes to pager-b at 1970-01-01T00:15:30Z (first notification) if nothing changes."
    )


def test_that_somebody_is_not_told_of_the_end_is_said_with_the_reason() -> None:
    t = Timeline(ROUTED.replace('http://pager.example/"', 'http://pager.example/", send_resolved: false'))
    t.at(0).fire("Down", team="db", severity="page")
    t.at(100).resolve("Down", team="db", severity="page")
    found = asked(t.at(1000))
    assert "not told that it is resolved: send_resolved is false" in found.answer
    assert found.counterfactual == (
        "Would have gone to pager-b at 1970-01-01T00:05:30Z (all alerts resolved) with send_resolved: true."
    )


def test_one_who_was_told_knows_when_the_next_message_comes() -> None:
    found = asked_of_one(Timeline(ROUTED), 1000, team="db", severity="page")
    (line,) = dict(found.way)["Told"]
    assert line.endswith("(first notification); again at 1970-01-01T04:00:30Z if nothing changes")
    assert moment(4 * 3600 + 30) in [message.at for message in found.coming]


def test_alerts_over_before_their_flush_are_told_to_nobody_for_that_reason() -> None:
    t = Timeline(ROUTED)
    t.at(0).fire("Down", team="db", severity="page")
    t.at(10).resolve("Down", team="db", severity="page")
    found = asked(t.at(1000))
    assert found.answer.startswith("pager-b was not told of {")
    assert found.answer.endswith(": it was over before its group was flushed at 1970-01-01T00:00:30Z.")
