"""A record that says something else of an alert than was true is found out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from alertrouter.core.reason import NotSent
from alertrouter.core.time import LATEST
from alertrouter.engine.changes import DecisionRecord, Outcome
from alertrouter.engine.checkpoint import checkpoint
from alertrouter.engine.milestones import Checkpointed, Reconfigured
from alertrouter.insight.verify import Verdict, verify
from tests.timeline import HOOK, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable

QUIET = HOOK + "        send_resolved: false\n"


def lived() -> Timeline:
    """Two alerts are told of, then silenced one after the other, then free, and one resolves."""
    t = Timeline(QUIET)
    t.at(0).fire("A").fire("B")
    first = t.at(100).silence('name="A"', ends=5000)
    second = t.at(400).silence('name="B"', ends=5000)
    t.at(1000).expire(first).expire(second)
    t.at(1300).resolve("A")
    t.at(1700).resolve("B")
    t.until(3000)
    return t


def joined() -> Timeline:
    """One alert is told of; then it and one that joins it are silenced, the second only just before a flush."""
    t = Timeline(QUIET)
    t.at(0).fire("A")
    first = t.at(100).silence('name=~"A|B"', ends=5000)
    t.at(500).fire("B")
    t.at(1000).expire(first)
    t.until(3000)
    return t


def altered(t: Timeline, place: int, **changes: object) -> Verdict:
    line = t.store.events[place]
    assert isinstance(line, DecisionRecord)
    t.store.events[place] = replace(line, **changes)  # type: ignore[arg-type]
    return verify(t.record(), 0, LATEST)


def lines(t: Timeline) -> list[tuple[int, DecisionRecord]]:
    return [(place, line) for place, line in enumerate(t.store.events) if isinstance(line, DecisionRecord)]


def test_a_record_that_is_true_has_no_difference() -> None:
    assert not verify(lived().record(), 0, LATEST).differing


@pytest.mark.parametrize("which", [0, 1])
def test_another_cause_that_keeps_an_alert_back_is_a_difference(which: int) -> None:
    t = lived()
    place, line = [each for each in lines(t) if each[1].muted][which]
    (identity,) = line.muted
    verdict = altered(t, place, muted={identity: ("silence:another",)})
    assert [d.what for d in verdict.differences] == [
        f"not sent, {line.why_not.value if line.why_not else ''}; of 1 alerts, in a replay for another reason"
    ]


def test_another_reason_to_leave_an_alert_out_is_a_difference() -> None:
    t = lived()
    place, line = next(each for each in lines(t) if each[1].left_out)
    swapped = dict.fromkeys(line.left_out, NotSent.NOTHING_TO_ANNOUNCE)
    assert swapped != line.left_out
    assert altered(t, place, left_out=swapped).differing == 1


def test_an_alert_that_the_line_of_an_end_leaves_out_is_a_difference() -> None:
    t = lived()
    place, line = next(each for each in lines(t) if each[1].outcome is Outcome.LOGGED)
    assert line.left_out
    assert altered(t, place, left_out={}).differing == 1


@pytest.mark.parametrize("story", [lived, joined])
def test_an_alert_that_is_missing_from_a_line_is_a_difference(story: Callable[[], Timeline]) -> None:
    quiet = [
        (place, who)
        for place, line in lines(story())
        if line.outcome is Outcome.NOT_SENT
        for who in (*line.muted, *line.left_out)
    ]
    assert len(quiet) > 1
    for place, who in quiet:
        t = story()
        line = t.store.events[place]
        assert isinstance(line, DecisionRecord)
        verdict = altered(
            t,
            place,
            muted={each: causes for each, causes in line.muted.items() if each != who},
            left_out={each: why for each, why in line.left_out.items() if each != who},
        )
        assert [d.what.partition("; ")[2] for d in verdict.differences] == ["of 1 alerts more in a replay"]


def test_a_record_that_begins_in_the_middle_need_not_say_again_what_it_said() -> None:
    t = Timeline(QUIET)
    t.at(0).fire("A").fire("B")
    t.at(100).silence('name="A"', ends=5000)
    t.at(400)
    then = checkpoint(t.engine, t.now)
    assert then is not None
    begin = len(t.store.events)
    t.store.note(Reconfigured(at=t.now, routing=t.engine.routing))
    t.store.note(Checkpointed(at=t.now, settings=t.settings, checkpoint=then))
    t.at(500).silence('name="B"', ends=5000)
    t.until(1000)
    del t.store.events[:begin]

    [(_, line)] = lines(t)
    assert len(line.muted) == 1
    assert not verify(t.record(), 0, LATEST).differing
