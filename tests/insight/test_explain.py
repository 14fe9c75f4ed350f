"""Why somebody was told of an alert, or was not, and what would have been otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertrouter.core.matcher import Matchers
from alertrouter.core.matcher_syntax import Mode, parse_matchers
from alertrouter.core.reason import NotSent
from alertrouter.core.time import SECOND
from alertrouter.engine.milestones import Started
from alertrouter.insight.explain import AmbiguousError, UnknownAlertError, explain
from alertrouter.insight.explanation import Cause, Explanation
from alertrouter.insight.record import RecordError
from tests.behaviour.test_any_timeline import CONFIG
from tests.strategies import Event as Deed
from tests.strategies import stories
from tests.timeline import FAILS, OK, Answer, Sent, Timeline, moment

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUTED = """
route:
  receiver: default
  group_by: [alertname]
  routes:
    - matchers: [team="db", severity="page"]
      receiver: pager-b
    - matchers: [team="nobody"]
      receiver: hole
receivers:
  - name: default
    webhook_configs: [{url: "http://default.example/"}]
  - name: pager-b
    webhook_configs: [{url: "http://pager.example/"}]
  - name: hole
time_intervals:
  - name: always
    time_intervals: [{months: ["1:12"]}]
inhibit_rules:
  - source_matchers: [name="Root"]
    target_matchers: [name="Down"]
"""


def asked(t: Timeline, matchers: str = 'name="Down"', at: float | None = None) -> Explanation:
    parsed = Matchers(parse_matchers(matchers, Mode.FALLBACK).matchers)
    return explain(t.record(), parsed, t.now if at is None else moment(at))


def down(t: Timeline) -> Timeline:
    return t.fire("Down", team="db", severity="page")


def test_a_silence_is_named_with_its_author_and_what_would_have_been_without() -> None:
    t = Timeline(ROUTED)
    silence = t.at(100).silence('team="db"', ends=5000)
    down(t.at(200))
    t.until(1000)

    found = asked(t)

    assert found.answer.startswith("pager-b was not told of {")
    assert f'silenced by {silence.id} of somebody, "because"' in found.answer
    assert found.told[0].why_not is NotSent.SILENCED
    (promise,) = found.promises
    assert promise.message.at == 230 * SECOND
    assert found.counterfactual == (
        f"Would have gone to pager-b at 1970-01-01T00:03:50Z (first notification) without silence {silence.id}. "
        "Goes to pager-b at 1970-01-01T01:23:20Z (first notification) if nothing changes."
    )
    assert found.text().splitlines()[0] == found.answer
    assert found.text().splitlines()[-1] == found.counterfactual


def test_the_past_is_explained_as_it_was() -> None:
    t = Timeline(ROUTED)
    t.at(100).silence('team="db"', ends=300)
    down(t.at(200))
    t.until(3000)

    assert "silenced by" in asked(t, at=280).answer
    assert "told at 1970-01-01T00:05:00" in asked(t).answer
    assert asked(t, at=210).told[0].causes


def test_a_message_is_told_with_its_attempts() -> None:
    t = Timeline(ROUTED, answers=lambda _, at: FAILS if at < 31 else OK)
    down(t.at(0))
    t.until(100)
    assert (
        "pager-b (webhook/0) told at 1970-01-01T00:00:31Z (first notification), after 3 attempts"
        in asked(t).answer
    )


def test_a_failure_is_the_reason() -> None:
    t = Timeline(ROUTED, answers=lambda _to, _at: Answer("refused"))
    down(t.at(0))
    t.until(100)
    assert "failed at 1970-01-01T00:00:30Z after 1 attempt: answered 400" in asked(t).answer


def test_the_routes_tried_show_what_failed() -> None:
    t = Timeline(ROUTED)
    t.at(0).fire("Down", team="db", severity="warn")
    t.until(100)
    way = dict(asked(t).way)
    assert any('severity="page" fails: severity is "warn"' in line for line in way["Routes tried"])


def test_an_inhibited_alert_names_its_source() -> None:
    t = Timeline(ROUTED)
    t.at(0).fire("Root")
    down(t.at(100))
    t.until(500)
    found = asked(t)
    assert 'inhibited by {alertname="test", name="Root"}' in found.answer
    assert found.promises[0].message.at == 130 * SECOND
    assert "without the alert" in found.counterfactual


def test_two_causes_are_both_named_in_what_would_have_been() -> None:
    t = Timeline(ROUTED)
    t.at(0).fire("Root")
    t.silence('name="Down"', ends=5000)
    down(t.at(100))
    t.until(500)
    assert len(asked(t).promises[0].without) == 2


def test_a_receiver_that_tells_nobody_says_so() -> None:
    t = Timeline(ROUTED)
    t.at(0).fire("Down", team="nobody")
    t.until(100)
    assert asked(t).answer.startswith("hole was not told of")
    assert "it has no integrations: nobody can be told" in asked(t).answer


def test_before_its_first_flush_an_alert_waits() -> None:
    t = Timeline(ROUTED)
    down(t.at(0))
    assert "waits until 1970-01-01T00:00:30Z" in asked(t.at(10)).answer


def test_bad_questions() -> None:
    t = Timeline(ROUTED)
    t.at(0).fire("A").fire("B")
    t.until(100)
    with pytest.raises(AmbiguousError, match="2 alerts match: say which one is meant") as several:
        asked(t, 'alertname="test"')
    assert [labels["name"] for labels in several.value.candidates] == ["A", "B"]
    with pytest.raises(UnknownAlertError, match=r'no alert that matches \{name="C"\} was seen from 1970'):
        asked(t, 'name="C"')
    with pytest.raises(
        RecordError, match="lies before the record of the timeline: answers are exact from 1970"
    ):
        asked(t, at=-5)


MUTED = (
    CONFIG.replace(
        "receiver: quiet\n",
        "receiver: quiet\n      mute_time_intervals: [some]\n      active_time_intervals: [others]\n",
    )
    + """
time_intervals:
  - name: some
    time_intervals: [{times: [{start_time: "00:10", end_time: "00:30"}]}]
  - name: others
    time_intervals: [{times: [{start_time: "00:05", end_time: "24:00"}]}]
"""
)


@settings(max_examples=100, deadline=None)
@given(stories, st.sampled_from("ABCD"), st.integers(100, 3500), st.sampled_from([CONFIG, MUTED]))
def test_what_is_promised_is_what_comes_without_the_cause(
    story: list[Deed], name: str, at: int, config: str
) -> None:
    t = Timeline(config)
    for event in story:
        event.happen(t)
    t.until(4000)
    try:
        found = asked(t, f'name="{name}"', at=at)
    except UnknownAlertError:
        return
    causes = {told.slot: told.causes for told in found.told}
    for promise in found.promises:
        if promise.given:
            continue  # see test_promises
        held_by = causes[promise.message.slot]
        if len(promise.without) != len(held_by):
            continue  # without these causes others would have held it back, and it is promised without those as well
        told = [
            (s.at, s.reason)
            for s in _without(story, config, held_by)
            if s.to.startswith(promise.receiver) and name in s.firing
        ]
        assert (promise.message.at / SECOND, promise.message.reason) in told


def _without(story: list[Deed], config: str, causes: Sequence[Cause]) -> list[Sent]:
    """What is sent when the same things happen, but for these causes: nobody made the silences, the alerts that inhibit
    never fired, and the intervals do not mute.
    """
    names = {kind: {cause.name for cause in causes if cause.kind == kind} for kind in ("silence", "interval")}
    sources = {
        each for each in "ABCD" for c in causes if c.kind == "inhibition" and f'name="{each}"' in c.name
    }
    for muting in names["interval"]:
        config = config.replace(f"time_intervals: [{muting}]", "time_intervals: []")
    other = Timeline(config)
    for event in story:
        if event.what == "silence" and _id(other._silences + 1) in names["silence"]:
            other.at(event.at)
            other._silences += 1
        elif event.alert not in sources or event.what in {"silence", "expire", "collect"}:
            event.happen(other)
    return other.until(8000)


def _id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def test_of_a_message_that_was_cut_off_it_is_said_that_nobody_knows_what_became_of_it() -> None:
    t = Timeline(ROUTED, answers=lambda _to, _at: Answer(after=20))
    down(t.at(0))
    t.at(40).stop().restart(down_since=35)
    unknown = (
        "a message was on its way at 1970-01-01T00:00:30Z when the process ended, and its outcome is unknown"
    )

    found = asked(t)
    (told,) = found.told
    assert found.answer.startswith("pager-b was perhaps told of {")
    assert found.answer.endswith(f": {told.text.removeprefix('perhaps told: ')}.")
    assert told.text.startswith(f"perhaps told: {unknown}; now: ")
    assert (told.why_not, told.sent_at) == (NotSent.UNKNOWN, None)
    assert found.as_json()["told"][0]["whyNot"] == "outcome unknown"

    t.until(400)
    (told,) = asked(t).told
    assert told.text.endswith(f", perhaps for the second time; {unknown}")
    assert told.why_not is None


def test_an_alert_that_was_not_in_the_message_that_was_cut_off_was_not_perhaps_told() -> None:
    t = Timeline(ROUTED, answers=lambda _to, _at: Answer(after=20))
    t.at(0).fire("Other", team="db", severity="page")
    down(t.at(35))
    t.at(40).stop().restart(down_since=38)

    assert asked(t).told[0].text.startswith("not told yet: ")
    assert asked(t, 'name="Other"').told[0].text.startswith("perhaps told: ")


def test_where_the_record_begins_with_a_start_every_member_was_perhaps_told() -> None:
    t = Timeline(ROUTED, answers=lambda _to, _at: Answer(after=20))
    down(t.at(0)).fire("Elsewhere")
    t.at(40).stop().restart(down_since=35)
    start = max(number for number, each in enumerate(t.store.events) if isinstance(each, Started))
    # As retention leaves it.
    del t.store.events[: start - 1]
    assert asked(t).told[0].why_not is NotSent.UNKNOWN
    t.at(41).fire("Late", team="db", severity="page")
    assert asked(t, 'name="Late"').told[0].why_not is None
