"""A record that says something else of an alert than was true is found out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alertrouter.core.reason import NotSent
from alertrouter.core.time import LATEST
from alertrouter.engine.changes import DecisionRecord, Outcome
from alertrouter.insight.verify import Verdict, verify
from tests.timeline import HOOK, Timeline

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
