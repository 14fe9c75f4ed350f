"""Time intervals: their texts, what they contain, and when that changes. Numbers are those of `semantics.md` 11.8."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertrouter.core.time import DAY, HOUR, MINUTE, SECOND, parse_timestamp
from alertrouter.core.time_interval import TimeInterval, TimeSpec
from alertrouter.core.time_interval_syntax import (
    Range,
    TimeRange,
    parse_days_of_month,
    parse_location,
    parse_months,
    parse_time_range,
    parse_weekdays,
    parse_years,
    weekdays_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def at(text: str) -> int:
    moment, _ = parse_timestamp(text)
    assert moment is not None
    return moment


def spec(
    *,
    times: str | None = None,
    weekdays: str | None = None,
    days_of_month: str | None = None,
    months: str | None = None,
    years: str | None = None,
    location: str | None = None,
) -> TimeSpec:
    """A spec from texts with spaces between their elements; times are written 09:00-17:00."""

    def ranges(text: str | None, parse: Callable[[str], Range]) -> tuple[Range, ...] | None:
        return None if text is None else tuple(map(parse, text.split()))

    return TimeSpec(
        times=None if times is None else tuple(parse_time_range(*t.split("-")) for t in times.split()),
        weekdays=ranges(weekdays, parse_weekdays),
        days_of_month=ranges(days_of_month, parse_days_of_month),
        months=ranges(months, parse_months),
        years=ranges(years, parse_years),
        location=location,
    )


def interval(*specs: TimeSpec) -> TimeInterval:
    return TimeInterval(name="x", specs=specs)


@pytest.mark.parametrize(
    ("moment", "contained"),
    [
        ("2026-11-20T08:59:59Z", False),
        ("2026-11-20T09:00:00Z", True),
        ("2026-11-20T16:59:59.999Z", True),
        ("2026-11-20T17:00:00Z", False),
    ],
)
def test_b144_times_hold_from_their_start_up_to_their_end(moment: str, contained: bool) -> None:
    assert spec(times="09:00-17:00").contains(at(moment)) is contained


@pytest.mark.parametrize("moment", ["2026-11-20", "2026-11-20T12:00:00Z", "2026-11-20T23:59:59.999999999Z"])
def test_b144_a_whole_day_is_from_00_00_to_24_00(moment: str) -> None:
    assert spec(times="00:00-24:00").contains(at(moment))


@pytest.mark.parametrize(
    ("moment", "contained"),
    [
        ("2021-04-06T13:00:00+10:00", True),
        ("2021-04-06T13:00:00Z", False),
        ("2021-10-31T22:00:00Z", True),
        ("2021-10-31T21:00:00Z", False),
    ],
)
def test_b145_the_clock_on_the_wall_at_the_location_counts(moment: str, contained: bool) -> None:
    office = spec(times="09:00-17:00", weekdays="monday:friday", location="Australia/Sydney")
    assert office.contains(at(moment)) is contained


@pytest.mark.parametrize(
    ("moment", "contained"),
    [
        ("2021-01-28", False),
        ("2021-01-29", True),
        ("2021-01-31", True),
        ("2021-06-27", False),
        ("2021-06-28", True),
        ("2021-06-30", True),
        ("2020-02-26", False),
        ("2020-02-27", True),
        ("2020-02-29", True),
        ("2020-03-01", False),
    ],
)
def test_b146_negative_days_count_from_the_end_of_the_month(moment: str, contained: bool) -> None:
    assert spec(days_of_month="-3:-1").contains(at(moment)) is contained


def test_b147_days_that_a_month_lacks_never_come() -> None:
    february = [at("2021-02-01") + day * DAY for day in range(28)]
    assert not any(map(spec(days_of_month="30:31").contains, february))
    assert all(map(spec(days_of_month="1:31").contains, february))
    # The 31st from the end is before the first.
    assert not any(map(spec(days_of_month="-31:-30").contains, february))


def test_b148_the_last_day_is_the_calendars_also_where_clocks_go_forward() -> None:
    last = spec(days_of_month="-1", location="America/New_York")
    assert last.contains(at("2021-03-31T12:00:00-04:00"))
    assert not last.contains(at("2021-03-30T12:00:00-04:00"))


def test_b149_all_fields_must_hold_and_one_spec_is_enough() -> None:
    friday_13th = spec(weekdays="friday", days_of_month="13", months="november")
    assert friday_13th.contains(at("2026-11-13"))
    assert not friday_13th.contains(at("2026-11-20"))
    assert not friday_13th.contains(at("2026-02-13"))
    either = interval(friday_13th, spec(years="2030"))
    assert either.contains(at("2026-11-13"))
    assert either.contains(at("2030-01-01"))
    assert not either.contains(at("2026-11-20"))


@pytest.mark.parametrize(
    ("parse", "text", "message"),
    [
        (parse_weekdays, "saturday:sunday", "start day cannot be before end day"),
        (parse_weekdays, "friday:monday", "start day cannot be before end day"),
        (parse_weekdays, "Mon", "mon is not a valid weekday"),
        (parse_weekdays, "1", "1 is not a valid weekday"),
        (parse_weekdays, "monday:", " is not a valid weekday"),
        (parse_weekdays, "monday : friday", "monday  is not a valid weekday"),
        (parse_weekdays, "A:b:c", "couldn't parse range a:b:c, invalid format"),
        (parse_days_of_month, "0", "0 is not a valid day of the month: out of range"),
        (parse_days_of_month, "32", "32 is not a valid day of the month: out of range"),
        (parse_days_of_month, "1:32", "32 is not a valid day of the month: out of range"),
        (parse_days_of_month, "-1:5", "end day must be negative if start day is negative"),
        (parse_days_of_month, "5:3", "end day 3 is always before start day 5"),
        (parse_days_of_month, "20:-10", "end day -10 is always before start day 20"),
        (parse_days_of_month, "28:-1", "end day -1 is always before start day 28"),
        (parse_days_of_month, "a", 'strconv.Atoi: parsing "a": invalid syntax'),
        (parse_days_of_month, "٣", 'strconv.Atoi: parsing "٣": invalid syntax'),
        (parse_days_of_month, "1_0", 'strconv.Atoi: parsing "1_0": invalid syntax'),
        (parse_days_of_month, "9" * 5000, f'strconv.Atoi: parsing "{"9" * 5000}": value out of range'),
        (parse_months, "december:march", "end month march is before start month december"),
        (parse_months, "12:3", "end month march is before start month december"),
        (parse_months, "5:0", "end month  is before start month may"),
        (parse_months, "jan", "jan is not a valid month"),
        (parse_months, "9" * 20, f"{'9' * 20} is not a valid month"),
        (parse_years, "2022:2020", "end year 2020 is before start year 2022"),
        (parse_years, "", 'strconv.Atoi: parsing "": invalid syntax'),
        (parse_location, "Nowhere/X", "unknown time zone Nowhere/X"),
        (parse_location, "+02:00", "unknown time zone +02:00"),
        (parse_location, "America", "unknown time zone America"),
        (parse_location, "a\0b", "unknown time zone a\0b"),
        (parse_location, "../UTC", "time: invalid location name"),
        (parse_location, "/etc/localtime", "time: invalid location name"),
    ],
)
def test_b150_refused(parse: Callable[[str], object], text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("24:01", "24:00", "couldn't parse timestamp 24:01, invalid format"),
        ("9:00", "17:00", "couldn't parse timestamp 9:00, invalid format"),
        ("09:00", "17:00:00", "couldn't parse timestamp 17:00:00, invalid format"),
        ("09:00", "17:60", "couldn't parse timestamp 17:60, invalid format"),
        ("17:00", "09:00", "start time cannot be equal or greater than end time"),
        ("09:00", "09:00", "start time cannot be equal or greater than end time"),
        ("", "09:00", "both start and end times must be provided"),
        ("09:00", "", "both start and end times must be provided"),
    ],
)
def test_b150_times_refused(start: str, end: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_time_range(start, end)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("parse", "text", "first", "last"),
    [
        (parse_weekdays, "MONDAY:friday", 1, 5),
        (parse_weekdays, "sunday:saturday", 0, 6),
        (parse_days_of_month, "+5", 5, 5),
        (parse_days_of_month, "05", 5, 5),
        (parse_days_of_month, "27:-1", 27, -1),
        (parse_days_of_month, "-31:-1", -31, -1),
        (parse_months, "1:May", 1, 5),
        (parse_months, "13", 13, 13),
        (parse_years, "2020:2022", 2020, 2022),
        (parse_years, "-5", -5, -5),
    ],
)
def test_ranges(parse: Callable[[str], Range], text: str, first: int, last: int) -> None:
    assert parse(text) == Range(first, last)


def test_canonical_texts() -> None:
    assert weekdays_text(parse_weekdays("Monday:FRIDAY")) == "monday:friday"
    assert weekdays_text(parse_weekdays("sunday:sunday")) == "sunday"
    assert str(parse_months("January:march")) == "1:3"
    assert str(parse_months("may")) == "5"
    assert str(parse_days_of_month("-3:-1")) == "-3:-1"
    times = parse_time_range("00:00", "24:00")
    assert (times.start, times.end) == (0, 24 * 60)
    assert parse_time_range("09:05", "17:30").start == 9 * 60 + 5


def test_an_empty_field_never_holds_and_no_field_always_does() -> None:
    now = at("2026-11-20")
    assert spec().contains(now)
    assert not TimeSpec(times=()).contains(now)
    assert not TimeSpec(weekdays=()).contains(now)
    assert not TimeSpec(days_of_month=()).contains(now)
    assert not interval().contains(now)


def test_an_unknown_location_is_refused_when_the_spec_is_made() -> None:
    with pytest.raises(ValueError, match="unknown time zone Nowhere"):
        TimeSpec(location="Nowhere")


def test_local_is_the_zone_of_this_machine() -> None:
    now = at("2026-11-20T12:00:00Z")
    here = dt.datetime.fromtimestamp(now // SECOND, dt.UTC).astimezone()
    minute = here.hour * 60 + here.minute
    assert TimeSpec(times=(TimeRange(minute, minute + 1),), location="Local").contains(now)
    assert not TimeSpec(times=(TimeRange(minute + 1, minute + 2),), location="Local").contains(now)


def test_a_local_hour_that_is_skipped_never_comes() -> None:
    night = spec(times="02:00-03:00", location="Europe/Paris")
    hour = at("2026-03-29T00:00:00Z")
    assert not any(night.contains(hour + minute * MINUTE) for minute in range(180))


def test_a_local_hour_that_is_repeated_comes_twice() -> None:
    night = spec(times="02:00-03:00", location="Europe/Paris")
    contained = [night.contains(at("2026-10-24T23:00:00Z") + hour * HOUR) for hour in range(4)]
    assert contained == [False, True, True, False]


@pytest.mark.parametrize(
    ("now", "change"),
    [
        ("2026-11-20T12:00:00Z", "2026-11-20T17:00:00Z"),
        ("2026-11-20T17:00:00Z", "2026-11-23T07:00:00Z"),
        ("2026-11-21T12:34:56.789Z", "2026-11-23T07:00:00Z"),
        # Clocks go forward on the 29th of March and back on the 25th of October.
        ("2026-03-28T12:00:00Z", "2026-03-30T06:00:00Z"),
        ("2026-10-24T12:00:00Z", "2026-10-26T07:00:00Z"),
    ],
)
def test_the_next_change_of_an_out_of_hours_interval(now: str, change: str) -> None:
    out_of_hours = interval(
        spec(weekdays="monday:friday", times="00:00-08:00 18:00-24:00", location="Europe/Paris"),
        spec(weekdays="saturday sunday", location="Europe/Paris"),
    )
    assert out_of_hours.next_change(at(now)) == at(change)
    assert out_of_hours.next_change(at(now)) == at(change)


def test_clocks_that_skip_the_beginning_of_a_range_begin_it_at_once() -> None:
    night = interval(spec(times="02:30-04:00", location="Europe/Paris"))
    assert night.next_change(at("2026-03-29T00:00:00Z")) == at("2026-03-29T01:00:00Z")
    assert night.next_change(at("2026-03-29T01:00:00Z")) == at("2026-03-29T02:00:00Z")


def test_clocks_that_go_back_end_a_range_early_and_begin_it_again() -> None:
    night = interval(spec(times="02:30-04:00", location="Europe/Paris"))
    changes = [at("2026-10-24T23:00:00Z")]
    while (change := night.next_change(changes[-1])) is not None and change < at("2026-10-25T12:00:00Z"):
        changes.append(change)
    assert changes[1:] == [
        at("2026-10-25T02:30:00+02:00"),
        at("2026-10-25T02:00:00+01:00"),
        at("2026-10-25T02:30:00+01:00"),
        at("2026-10-25T04:00:00+01:00"),
    ]


def test_a_midnight_that_does_not_exist_changes_the_day_an_hour_later() -> None:
    # In Beirut clocks go from 00:00 to 01:00.
    sunday = interval(spec(weekdays="sunday", location="Asia/Beirut"))
    assert sunday.next_change(at("2024-03-30T12:00:00Z")) == at("2024-03-31T01:00:00+03:00")


@pytest.mark.parametrize(
    "never",
    [
        interval(),
        interval(spec()),
        interval(TimeSpec(times=())),
        interval(spec(times="00:00-24:00")),
        interval(spec(years="2040")),
        interval(spec(months="13")),
    ],
    ids=["no specs", "no fields", "no times", "all day", "far away", "no such month"],
)
def test_what_does_not_change_within_400_days_has_no_next_change(never: TimeInterval) -> None:
    now = at("2026-11-20")
    assert never.next_change(now) is None
    assert never.next_change(now + HOUR) is None


def test_a_change_that_was_too_far_away_is_found_as_it_comes_nearer() -> None:
    far = interval(spec(years="2028"))
    assert far.next_change(at("2026-11-20")) is None
    assert far.next_change(at("2026-11-20") + HOUR) is None
    assert far.next_change(at("2027-01-01")) == at("2028-01-01")


_zones = st.sampled_from(
    [
        *[None, "UTC", "Local", "Europe/Paris", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"],
        *["Asia/Beirut", "America/Havana", "Africa/Casablanca", "America/St_Johns"],
    ]
)
_times = st.tuples(st.integers(0, 95), st.integers(1, 96)).filter(lambda quarters: quarters[0] < quarters[1])


def _range_strategy(low: int, high: int) -> st.SearchStrategy[tuple[Range, ...]]:
    ends = st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted)
    return st.lists(ends.map(lambda pair: Range(pair[0], pair[1])), max_size=2).map(tuple)


_specs = st.builds(
    TimeSpec,
    times=st.none()
    | st.lists(_times.map(lambda quarters: TimeRange(quarters[0] * 15, quarters[1] * 15)), max_size=2).map(
        tuple
    ),
    weekdays=st.none() | _range_strategy(0, 6),
    days_of_month=st.none() | _range_strategy(1, 31) | _range_strategy(-31, -1),
    months=st.none() | _range_strategy(1, 12),
    years=st.none() | _range_strategy(2025, 2027),
    location=_zones,
)


@settings(max_examples=50)  # each looks at hundreds of moments
@given(
    st.lists(_specs, min_size=1, max_size=3),
    st.integers(at("2026-01-01"), at("2027-01-01")),
    st.lists(st.floats(0, 1, exclude_max=True), max_size=20),
)
def test_nothing_changes_before_the_next_change(
    specs: list[TimeSpec], now: int, fractions: list[float]
) -> None:
    x = interval(*specs)
    contained = x.contains(now)
    change = x.next_change(now)
    if change is not None:
        assert change > now
        assert x.contains(change) is not contained
    until = now + 30 * DAY if change is None else change
    # Ranges and changes of clocks are at whole quarters of an hour here.
    for moment in range(max(now, until - 2 * DAY), until, 15 * MINUTE):
        assert x.contains(moment) is contained
    for fraction in fractions:
        assert x.contains(now + int((until - now) * fraction)) is contained
    assert x.contains(until - 1) is contained
