"""What holds for every timeline, whatever happens in it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertrouter.core.reason import Reason
from tests.strategies import Event, stories
from tests.timeline import Answer, Sent, Timeline

if TYPE_CHECKING:
    from alertrouter.engine.slot import Slot

CONFIG = """
route:
  receiver: hook
  group_by: [alertname]
  repeat_interval: 20m
  routes:
    - matchers: [group="one"]
      receiver: both
      group_by: [group]
      continue: true
    - matchers: [sev="warn"]
      receiver: quiet
      group_wait: 10s
      group_interval: 2m
receivers:
  - name: hook
    webhook_configs:
      - url: http://hook.example/
  - name: both
    webhook_configs:
      - url: http://one.example/
      - url: http://two.example/
        send_resolved: false
  - name: quiet
    webhook_configs:
      - url: http://quiet.example/
        send_resolved: false
inhibit_rules:
  - source_matchers: [sev="crit"]
    target_matchers: [sev="warn"]
    equal: [group]
"""
END = 6000

_OTHER = """    - matchers: [team="other"]
      receiver: quiet
"""
_FIRST = """    - matchers: [group="one"]
      receiver: both
      group_by: [group]
      continue: true
"""
# Edits that concern no alert of the stories.
EDITS = {
    "nothing": CONFIG,
    "a receiver added": CONFIG.replace("receivers:\n", "receivers:\n  - name: new\n"),
    "a route added before the others": CONFIG.replace("  routes:\n", "  routes:\n" + _OTHER),
    "a route moved": CONFIG.replace(_FIRST, _OTHER + _FIRST),
    "an unrelated matcher edited": CONFIG.replace(_FIRST, _FIRST + _OTHER.replace("other", "another")),
}


def play(story: list[Event], *disturbances: tuple[int, str]) -> Timeline:
    t = Timeline(CONFIG)
    # What happens at the same second happens in the order of the story.
    for at, event in sorted([(e.at, e) for e in story] + list(disturbances), key=lambda pair: pair[0]):
        if isinstance(event, Event):
            event.happen(t)
        elif event == "restart":
            t.at(at).stop().restart()
        else:
            t.at(at).reload(EDITS[event])
    t.until(END)
    return t


def messages(t: Timeline) -> list[Sent]:
    return sorted(t.sent, key=lambda s: (s.at, s.to, s.firing, s.resolved))


@settings(max_examples=150)
@given(stories, st.lists(st.integers(0, 3500), min_size=1, max_size=3))
def test_restarts_are_non_events(story: list[Event], restarts: list[int]) -> None:
    disturbed = play(story, *[(at, "restart") for at in restarts])
    assert messages(disturbed) == messages(play(story))


@settings(max_examples=150)
@given(stories, st.lists(st.integers(0, 3500), min_size=1, max_size=3))
def test_reloads_are_non_events(story: list[Event], reloads: list[int]) -> None:
    disturbed = play(story, *[(at, "nothing") for at in reloads])
    assert messages(disturbed) == messages(play(story))


@settings(max_examples=100)
@given(stories, st.lists(st.tuples(st.integers(0, 3500), st.sampled_from(sorted(EDITS))), max_size=5))
def test_edits_that_concern_no_alert_are_non_events(story: list[Event], edits: list[tuple[int, str]]) -> None:
    assert messages(play(story, *edits)) == messages(play(story))


@pytest.mark.parametrize("seed", range(3))
def test_a_hundred_reloads_and_twenty_restarts_are_non_events(seed: int) -> None:
    chance = random.Random(seed)
    story = [
        Event(
            at, chance.choice(("fire", "fire", "fire briefly", "resolve", "silence")), chance.choice("ABCD")
        )
        for at in sorted(chance.sample(range(3500), 40))
    ]
    reloads = [(chance.randrange(5000), chance.choice(sorted(EDITS))) for _ in range(100)]
    restarts = [(chance.randrange(5000), "restart") for _ in range(20)]
    assert messages(play(story, *reloads, *restarts)) == messages(play(story))


@settings(max_examples=100)
@given(stories)
def test_every_alert_announced_as_firing_is_announced_as_resolved_where_resolves_are_wanted(
    story: list[Event],
) -> None:
    t = play(story)
    for name in "ABCD":
        for to in ("hook", "both:webhook/0"):
            told = [name in s.firing for s in t.sent if s.to == to and name in s.firing + s.resolved]
            if told and told[-1]:
                # It fires on, or it is muted and its resolve is still owed: then it is still a member of its group.
                known = next(k for k in t.engine.known.values() if k.labels["name"] == name)
                assert known.groups, f"{to} was never told that {name} is over"
                assert known.ends_at > t.now or any(known in group.muted for group in known.groups)


@settings(max_examples=100)
@given(stories)
def test_no_message_repeats_what_was_said_before_its_time(story: list[Event]) -> None:
    t = play(story)
    last: dict[tuple[str, str], tuple[float, tuple[str, ...], tuple[str, ...]]] = {}
    for (at, notification), message in zip(t.notifications, t.sent, strict=True):
        key = (message.to, notification.group_key)
        before = last.get(key)
        if before is not None and before[1:] == (message.firing, message.resolved):
            refired = message.reason in {Reason.FIRST, Reason.NEW_ALERTS}
            assert at - before[0] >= 1200 or refired
        last[key] = (at, message.firing, message.resolved)


@settings(max_examples=100)
@given(stories, st.integers(0, 2**31))
def test_a_receiver_that_fails_now_and_then_is_told_in_the_end(story: list[Event], seed: int) -> None:
    def answers(_to: str, at: float) -> Answer:
        return Answer("temporary") if at < 4000 and hash((seed, at)) % 3 else Answer()

    t = Timeline(CONFIG, answers=answers)
    for event in story:
        event.happen(t)
    t.until(END)
    calm = play(story)
    # Whoever is believed to be firing at the end is the same, however bumpy the way.
    assert _believed(t) == _believed(calm)


def _believed(t: Timeline) -> dict[Slot, frozenset[int]]:
    """Who of those that are not kept back now was announced where: what is kept back by the time that an attempt is made
    again is not announced any more.
    """
    muted = {known.labels.identity for group in t.engine.groups for known in group.muted}
    believed = {slot: entry.announced - muted for slot, entry in t.engine.entries.items()}
    return {slot: announced for slot, announced in believed.items() if announced}
