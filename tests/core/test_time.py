"""Timestamps of the API, in and out."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertrouter.core.time import (
    DAY,
    EARLIEST,
    LATEST,
    MILLISECOND,
    MINUTE,
    SECOND,
    ZERO_TIME,
    days_since_epoch,
    format_milliseconds,
    format_rfc3339,
    parse_timestamp,
)

NOON = 1_795_176_000 * SECOND  # 2026-11-20T12:00:00Z

ACCEPTED = [
    ("2026-11-20T12:00:00Z", NOON, 0),
    ("2026-11-20T12:00:00.000Z", NOON, 0),
    ("2026-11-20T12:00:00.891Z", NOON + 891 * MILLISECOND, 0),
    ("2026-11-20T12:00:00,891Z", NOON + 891 * MILLISECOND, 0),
    ("2026-11-20T12:00:00.5Z", NOON + 500 * MILLISECOND, 0),
    ("2026-11-20T12:00:00.123456789Z", NOON + 123_456_789, 0),
    ("2026-11-20T12:00:00.123456789999Z", NOON + 123_456_789, 0),
    ("2026-11-20T14:00:00+02:00", NOON, 7200),
    ("2026-11-20T14:00:00.5+02:00", NOON + 500 * MILLISECOND, 7200),
    ("2026-11-20T08:30:00-03:30", NOON, -12_600),
    ("2026-11-20T12:00:00-00:00", NOON, 0),
    ("2026-11-21T12:00:00+24:00", NOON, 86_400),
    ("2026-11-20T12:00Z", NOON, 0),
    ("2026-11-20T12:00", NOON, 0),
    ("2026-11-20T12:00:00", NOON, 0),
    ("2026-11-20T12:00:00.5", NOON + 500 * MILLISECOND, 0),
    ("2026-11-20 12:00:00", NOON, 0),
    ("2026-11-20 12:00:00.5", NOON + 500 * MILLISECOND, 0),
    ("2026-11-20T6:00:00Z", NOON - 360 * MINUTE, 0),
    ("2026-11-20", NOON - DAY // 2, 0),
    ("2024-02-29", 19_782 * DAY, 0),
    ("", 0, 0),
    ("0001-01-01T00:00:00Z", None, 0),
    ("0001-01-01T00:00:00.000Z", None, 0),
    ("0001-01-01T02:00:00+02:00", None, 7200),
    ("0000-01-01T00:00:00Z", EARLIEST, 0),
    ("0001-01-01T00:00:01Z", EARLIEST, 0),
    ("9999-12-31T23:59:59.999Z", LATEST, 0),
    ("2262-04-11T23:47:16.854775807Z", LATEST, 0),
    ("1969-12-31T23:59:59.999Z", -MILLISECOND, 0),
]

AS_A_LAYOUT = ' as "2006-01-02T15:04:05Z07:00": cannot parse '

REFUSED = [
    ("2026-11-20t12:00:00Z", AS_A_LAYOUT + '"t12:00:00Z" as "T"'),
    ("2026-11-20T12:00:00z", AS_A_LAYOUT + '"z" as "Z07:00"'),
    ("2026-11-20T12:00:00-0700", AS_A_LAYOUT + '"-0700" as "Z07:00"'),
    ("2026-11-20T12:00:00.Z", AS_A_LAYOUT + '".Z" as "Z07:00"'),
    ("2026-1-20T12:00:00Z", AS_A_LAYOUT + '"1-20T12:00:00Z" as "01"'),
    ("1795176000", AS_A_LAYOUT + '"176000" as "-"'),
    ("now", AS_A_LAYOUT + '"now" as "2006"'),
    ("2026-11-20T", AS_A_LAYOUT + '"" as "15"'),
    ("2026-11-20T12:00:00Z ", ': extra text: " "'),
    ("2026-11-20T12:00:00Z\n", ': extra text: "\n"'),
    ("2026-11-20T12:00+02:00", ': extra text: "T12:00+02:00"'),
    ("2026-11-20 12:00:00Z", ': extra text: " 12:00:00Z"'),
    ("2026-13-01T00:00:00Z", ": month out of range"),
    ("2026-02-29", ": day out of range"),
    ("1900-02-29", ": day out of range"),
    ("2026-04-31", ": day out of range"),
    ("2026-04-00", ": day out of range"),
    ("2026-11-20T24:00:00Z", ": hour out of range"),
    ("2026-11-20T12:60:00Z", ": minute out of range"),
    ("2026-11-20T12:00:60Z", ": second out of range"),
    ("2026-11-20T12:00:00+25:00", ": time zone offset hour out of range"),
    ("2026-11-20T12:00:00+02:61", ": time zone offset minute out of range"),
]


@pytest.mark.parametrize(("text", "moment", "offset"), ACCEPTED)
def test_these_timestamps_are_accepted(text: str, moment: int | None, offset: int) -> None:
    assert parse_timestamp(text) == (moment, offset)
    # The second time parts of it are remembered.
    assert parse_timestamp(text) == (moment, offset)


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_other_timestamps_are_refused_in_gos_words(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_timestamp(text)
    assert str(caught.value) == f'parsing time "{text}"{message}'


@pytest.mark.parametrize(
    "text", ["2026-11-20T12:00:00.8 1Z", "2026-11-20T12:00:00.٣٣٣Z", "2026-11-20T12:00:1_.891Z"]
)
def test_the_short_cut_takes_nothing_that_the_grammar_does_not(text: str) -> None:
    parse_timestamp("2026-11-20T12:00:00Z")
    with pytest.raises(ValueError, match="parsing time"):
        parse_timestamp(text)


@pytest.mark.parametrize(
    ("moment", "offset", "text"),
    [
        (NOON, 0, "2026-11-20T12:00:00.000Z"),
        (NOON + 891_999_999, 0, "2026-11-20T12:00:00.891Z"),
        (NOON, 7200, "2026-11-20T14:00:00.000+02:00"),
        (NOON, -12_600, "2026-11-20T08:30:00.000-03:30"),
        (-1, 0, "1969-12-31T23:59:59.999Z"),
        (-1_000_001, 0, "1969-12-31T23:59:59.998Z"),
        (EARLIEST, 0, "1677-09-21T00:12:43.145Z"),
        (LATEST, 0, "2262-04-11T23:47:16.854Z"),
    ],
)
def test_the_api_prints_three_digits_and_cuts_the_rest_off(moment: int, offset: int, text: str) -> None:
    assert format_milliseconds(moment, offset) == text


@pytest.mark.parametrize(
    ("moment", "offset", "text"),
    [
        (None, 0, ZERO_TIME),
        (NOON, 0, "2026-11-20T12:00:00Z"),
        (NOON + 500_000_000, 0, "2026-11-20T12:00:00.5Z"),
        (NOON + 1, 0, "2026-11-20T12:00:00.000000001Z"),
        (NOON, 5400, "2026-11-20T13:30:00+01:30"),
        (-1, 0, "1969-12-31T23:59:59.999999999Z"),
    ],
)
def test_rfc3339_has_as_many_digits_as_needed(moment: int | None, offset: int, text: str) -> None:
    assert format_rfc3339(moment, offset) == text


@given(st.integers(EARLIEST, LATEST), st.integers(-1439, 1439).map(lambda minutes: minutes * 60))
def test_a_printed_moment_reads_back_the_same(moment: int, offset: int) -> None:
    assert parse_timestamp(format_rfc3339(moment, offset)) == (moment, offset)
    # Rounding down may leave the range at its very beginning, where reading saturates.
    milliseconds = max(moment // MILLISECOND * MILLISECOND, EARLIEST)
    assert parse_timestamp(format_milliseconds(moment, offset)) == (milliseconds, offset)


@given(st.dates())
def test_days_are_counted_as_the_calendar_does(date: dt.date) -> None:
    assert days_since_epoch(date.year, date.month, date.day) == (date - dt.date(1970, 1, 1)).days


@given(st.text("0123456789-T :.,Z+", max_size=30) | st.text())
def test_any_text_gives_a_moment_or_a_value_error(text: str) -> None:
    try:
        moment, offset = parse_timestamp(text)
    except ValueError as error:
        assert str(error).startswith(f'parsing time "{text}"')  # noqa: PT017  either way is right
    else:
        assert moment is None or EARLIEST <= moment <= LATEST
        assert abs(offset) <= 25 * 3600
