"""What holds for the record of every timeline, whatever is configured and whatever happens in it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from alertrouter.core.time import LATEST, SECOND
from alertrouter.engine.changes import DecisionRecord, FlushRecord, Outcome
from alertrouter.insight.difference import compare
from alertrouter.insight.verify import verify
from tests.behaviour.test_any_timeline import CONFIG
from tests.insight.lives import happenings, lived
from tests.strategies import Event as Deed
from tests.strategies import stories
from tests.timeline import routing

if TYPE_CHECKING:
    from alertrouter.insight.explanation import Explanation

OTHER = """
route:
  receiver: hook
  group_by: ["..."]
  group_interval: 1m
  repeat_interval: 5m
  routes:
    - matchers: [sev="warn"]
      receiver: quiet
      group_by: [sev]
      mute_time_intervals: [some]
      continue: true
    - matchers: [group="one"]
      receiver: both
receivers:
  - name: hook
  - name: both
    webhook_configs:
      - url: http://one.example/
      - url: http://two.example/
        send_resolved: false
  - name: quiet
    webhook_configs: [{url: http://quiet.example/}]
time_intervals:
  - name: some
    time_intervals: [{times: [{start_time: "00:10", end_time: "00:30"}]}]
"""


@settings(max_examples=150, deadline=None)
@given(stories, happenings, st.sampled_from([CONFIG, OTHER]), st.integers(0, 1000))
def test_the_record_of_any_timeline_comes_out_the_same(
    story: list[Deed], happened: list[tuple[int, str]], config: str, seed: int
) -> None:
    t = lived(story, happened, seed, begin=config, edit=OTHER, back=CONFIG)
    verdict = verify(t.record(), 0, LATEST)
    assert not verdict.differing, verdict.differences
    assert verdict.messages == len(t.sent)


@settings(max_examples=100, deadline=None)
@given(stories, happenings, st.sampled_from([CONFIG, OTHER]), st.integers(0, 1000))
def test_each_message_has_one_end_and_those_sent_are_those_that_came(
    story: list[Deed], happened: list[tuple[int, str]], config: str, seed: int
) -> None:
    t = lived(story, happened, seed, begin=config, edit=OTHER, back=CONFIG)
    decisions = [event for event in t.store.events if isinstance(event, DecisionRecord)]
    # Of each flush, for each integration, one end at most; the process may have ended before it was known.
    restarts = sum(what in {"restart", "crash"} for _, what in happened)
    ends = Counter((record.slot, record.tick) for record in decisions)
    assert max(ends.values(), default=1) <= 1 + restarts
    told = [record for record in decisions if record.outcome is Outcome.SENT]
    assert [(r.at, r.slot.receiver, r.tick, frozenset(r.firing), r.reason) for r in told] == [
        (
            round(at * SECOND),
            message.receiver,
            message.flushed_at,
            frozenset(alert.labels.identity for alert in message.firing),
            message.reason,
        )
        for at, message in t.notifications
    ]
    flushed = {(event.group, event.tick) for event in t.store.events if isinstance(event, FlushRecord)}
    assert all((record.slot.group, record.tick) in flushed for record in told)


@settings(max_examples=100, deadline=None)
@given(stories, happenings, st.integers(0, 1000))
def test_what_is_explained_of_a_change_is_the_change(
    story: list[Deed], happened: list[tuple[int, str]], seed: int
) -> None:
    t = lived(story, happened, seed, begin=CONFIG, edit=OTHER, back=CONFIG)
    after = routing(OTHER)
    found = compare(t.record(), before=t.routing, after=after, since=0, until=LATEST)
    for change, example in found.largest():
        assert example.ways is not None
        for way, receivers in zip(example.ways, (change.before, change.after), strict=True):
            told = {
                each.slot.receiver
                for each in way.told
                if each.sent_at is not None and each.sent_at >= example.at
            }
            assert way.labels == example.labels
            assert told == set(receivers), way.text()
            assert way.answer.startswith(("Nobody was told", *way_receivers(way)))
            # Who was not told comes first, and then with whom each of the others was told.
            assert all(
                f"{each.to} {each.text}" in way.answer for each in way.told if each.sent_at is not None
            )


def way_receivers(way: Explanation) -> list[str]:
    return [each.slot.receiver for each in way.told]
