"""Laws of merging reports of one alert (`semantics.md` 1.4); the cases are told in `tests/behaviour/test_taking_in.py`."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from alertrouter.core.alert import Alert, merge
from alertrouter.core.labels import Labels

times = st.integers(0, 100)


@st.composite
def alerts(draw: st.DrawFn) -> Alert:
    starts_at, ends_at = sorted((draw(times), draw(times)))
    return Alert(
        labels=Labels({"a": "1"}),
        annotations=Labels({"v": str(draw(st.integers(0, 3)))}),
        starts_at=starts_at,
        ends_at=ends_at,
        updated_at=draw(times),
        timeout=draw(st.booleans()),
    )


@given(alerts(), alerts(), times)
def test_an_alert_never_ends_before_it_starts(known: Alert, newer: Alert, now: int) -> None:
    merged = merge(known, newer, now)
    assert merged.ends_at is not None
    assert merged.starts_at <= merged.ends_at


@given(alerts(), alerts(), times)
def test_annotations_are_never_mixed(known: Alert, newer: Alert, now: int) -> None:
    assert merge(known, newer, now).annotations in (known.annotations, newer.annotations)


@given(alerts(), alerts(), times)
def test_a_report_that_fires_now_makes_the_alert_fire(known: Alert, newer: Alert, now: int) -> None:
    assume(not newer.resolved(now))
    assert not merge(known, newer, now).resolved(now)


@given(alerts(), times)
def test_the_same_report_again_changes_nothing(known: Alert, now: int) -> None:
    assert merge(known, known, now) == known


@given(st.integers(0, 50), st.integers(51, 100), st.integers(0, 50), st.integers(51, 100))
def test_a_firing_report_never_shortens_an_end_that_was_given(
    starts: int, ends: int, newer_starts: int, newer_ends: int
) -> None:
    known = Alert(
        labels=Labels({"a": "1"}), annotations=Labels(), starts_at=starts, ends_at=ends, updated_at=0
    )
    newer = replace(known, starts_at=newer_starts, ends_at=newer_ends, updated_at=50)
    merged = merge(known, newer, 50)
    assert merged.ends_at is not None
    assert merged.ends_at >= ends


@given(alerts(), alerts(), times)
def test_what_overlaps_keeps_the_earlier_start(known: Alert, newer: Alert, now: int) -> None:
    assert known.ends_at is not None
    assume(known.starts_at < newer.starts_at < known.ends_at)
    assert merge(known, newer, now).starts_at == known.starts_at
