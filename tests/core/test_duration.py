"""Durations as Prometheus, Go and the command line write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertrouter.core.duration import (
    format_duration,
    format_go_duration,
    parse_duration,
    parse_flag_duration,
    parse_go_duration,
)
from alertrouter.core.time import DAY, HOUR, LATEST, MILLISECOND, MINUTE, SECOND


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("0", 0),
        ("0s", 0),
        ("30s", 30 * SECOND),
        ("1h30m", 90 * MINUTE),
        ("1d", DAY),
        ("2w", 14 * DAY),
        ("1y", 365 * DAY),
        ("500ms", 500 * MILLISECOND),
        ("1y2w3d4h5m6s7ms", (365 + 17) * DAY + 4 * HOUR + 5 * MINUTE + 6 * SECOND + 7 * MILLISECOND),
        ("0005s", 5 * SECOND),
        ("292y", 292 * 365 * DAY),
    ],
)
def test_prometheus_durations(text: str, duration: int) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("30", 'not a valid duration string: "30"'),
        ("1.5h", 'unknown unit "." in duration "1.5h"'),
        ("1m1h", 'not a valid duration string: "1m1h"'),
        ("1m1m", 'not a valid duration string: "1m1m"'),
        ("-5s", 'not a valid duration string: "-5s"'),
        ("5 m", 'unknown unit " m" in duration "5 m"'),
        ('5"', r'unknown unit "\"" in duration "5\""'),
        ("", "empty duration string"),
        ("300y", "duration out of range"),
        ("٣s", 'not a valid duration string: "٣s"'),
        ("9" * 5000 + "s", f'not a valid duration string: "{"9" * 5000}s"'),
    ],
)
def test_what_is_no_prometheus_duration(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_duration(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (0, "0s"),
        (HOUR, "1h"),
        (90 * DAY, "90d"),
        (7 * DAY, "1w"),
        (365 * DAY, "1y"),
        (366 * DAY, "366d"),
        (372 * DAY, "372d"),
        (DAY + 30 * MINUTE, "1d30m"),
        (1500 * MILLISECOND, "1s500ms"),
        (MILLISECOND - 1, "0s"),
        (-90 * SECOND, "-1m30s"),
    ],
)
def test_prometheus_durations_are_printed_without_empty_parts(duration: int, text: str) -> None:
    assert format_duration(duration) == text


@given(st.integers(0, LATEST // MILLISECOND).map(lambda count: count * MILLISECOND))
def test_a_printed_duration_reads_back_the_same(duration: int) -> None:
    assert parse_duration(format_duration(duration)) == duration
    assert parse_go_duration(format_go_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("10s", 10 * SECOND),
        ("1.5h", 90 * MINUTE),
        ("1h30m", 90 * MINUTE),
        ("30m1h", 90 * MINUTE),
        ("0", 0),
        ("-5s", -5 * SECOND),
        ("+5s", 5 * SECOND),
        (".5s", 500 * MILLISECOND),
        ("1.s", SECOND),
        ("1us1µs1μs1ns", 3001),
        ("0.3333333333333333333h", 20 * MINUTE),
        ("2562047h47m16.854775807s", LATEST),
        ("-2562047h47m16.854775808s", -LATEST - 1),
    ],
)
def test_go_durations(text: str, duration: int) -> None:
    assert parse_go_duration(text) == duration


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        (".s", 'time: invalid duration ".s"'),
        ("s", 'time: invalid duration "s"'),
        ("5s ", 'time: unknown unit "s " in duration "5s "'),
        ("30", 'time: missing unit in duration "30"'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        ("1é", r'time: unknown unit "\xc3\xa9" in duration "1\xc3\xa9"'),
        ('1"\\', r'time: unknown unit "\"\\" in duration "1\"\\"'),
        ("2562047h47m16.854775808s", 'time: invalid duration "2562047h47m16.854775808s"'),
        ("9999999999999999999999d", 'time: invalid duration "9999999999999999999999d"'),
    ],
)
def test_what_is_no_go_duration(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_go_duration(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "duration"),
    [("1d", DAY), ("1w", 7 * DAY), ("1.5d", 36 * HOUR), ("120h", 5 * DAY), ("1d12h", 36 * HOUR)],
)
def test_flags_also_take_days_and_weeks(text: str, duration: int) -> None:
    assert parse_flag_duration(text) == duration


def test_flags_do_not_take_years() -> None:
    with pytest.raises(ValueError, match='unknown unit "y" in duration "1y"'):
        parse_flag_duration("1y")


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (0, "0s"),
        (90 * MINUTE, "1h30m0s"),
        (30 * SECOND, "30s"),
        (MINUTE, "1m0s"),
        (1500 * MILLISECOND, "1.5s"),
        (250 * MILLISECOND, "250ms"),
        (1500, "1.5µs"),
        (1, "1ns"),
        (-90 * SECOND, "-1m30s"),
        (5 * DAY, "120h0m0s"),
        (HOUR + 1, "1h0m0.000000001s"),
    ],
)
def test_go_durations_are_printed_as_go_does(duration: int, text: str) -> None:
    assert format_go_duration(duration) == text


@given(st.text("0123456789.ywdhmsnuµ-+ ", max_size=12) | st.text())
def test_any_text_gives_a_duration_or_a_value_error(text: str) -> None:
    for parse in (parse_duration, parse_go_duration, parse_flag_duration):
        try:
            duration = parse(text)
        except ValueError:
            continue
        assert -LATEST - 1 <= duration <= LATEST
