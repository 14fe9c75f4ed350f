"""Time intervals as written (`config.md` 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import BeforeValidator, PlainValidator, model_validator

from alertrouter.config.fields import ConfigModel, GoType, ListOf, Text, text_of
from alertrouter.config.node import Scalar
from alertrouter.config.problem import ConfigProblem
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
)

if TYPE_CHECKING:
    from collections.abc import Callable


def _reads(parse: Callable[[str], Range], hint: str) -> PlainValidator:
    def read(value: object) -> Range:
        if isinstance(value, Range):
            return value
        if isinstance(value, Scalar) and value.is_null:
            # Compat: an empty element is the zero value: sunday, or a day that never comes.
            return Range(0, 0)
        text = text_of(value)
        try:
            return parse(text)
        except ValueError as error:
            raise ConfigProblem(str(error), hint=hint) from None

    return PlainValidator(read)


_Weekdays = Annotated[
    Range,
    _reads(parse_weekdays, "English names in full: monday, or a range monday:friday"),
    GoType("timeinterval.WeekdayRange"),
]
_DaysOfMonth = Annotated[
    Range,
    _reads(parse_days_of_month, "1 to 31, -1 to -31 from the end, or a range 1:15"),
    GoType("timeinterval.DayOfMonthRange"),
]
_Months = Annotated[
    Range,
    _reads(parse_months, "1 to 12, English names in full, or a range 4:september"),
    GoType("timeinterval.MonthRange"),
]
_Years = Annotated[Range, _reads(parse_years, "2030, or a range 2030:2032"), GoType("timeinterval.YearRange")]


class TimesConfig(ConfigModel):
    """A span of the day."""

    start_time: Text = ""
    end_time: Text = ""

    type_name: ClassVar[str] = "timeinterval.yamlTimeRange"

    @model_validator(mode="after")
    def _check(self) -> Self:
        try:
            self.span()
        except ValueError as error:
            hint = "HH:MM with two digits each, up to 24:00; a span over midnight takes two entries"
            raise ConfigProblem(str(error), hint=hint) from None
        return self

    def span(self) -> TimeRange:
        return parse_time_range(self.start_time, self.end_time)


def _none_for_null(value: object) -> object:
    return None if isinstance(value, Scalar) and value.is_null else value


# Compat: an empty element is midnight to midnight, which never comes.
_TimesOrNull = Annotated[
    TimesConfig | None, BeforeValidator(_none_for_null), GoType("timeinterval.TimeRange")
]


def _location(value: object) -> str:
    text = text_of(value)
    try:
        parse_location(text)
    except ValueError as error:
        raise ConfigProblem(str(error), hint="an IANA name such as Europe/Berlin, UTC or Local") from None
    return text


class TimeSpecConfig(ConfigModel):
    """One entry of an interval; None is a field that is not given, which is not the same as an empty one."""

    times: ListOf[_TimesOrNull] | None = None
    weekdays: ListOf[_Weekdays] | None = None
    days_of_month: ListOf[_DaysOfMonth] | None = None
    months: ListOf[_Months] | None = None
    years: ListOf[_Years] | None = None
    location: Annotated[str, PlainValidator(_location)] | None = None

    type_name: ClassVar[str] = "timeinterval.TimeInterval"
    null_is_empty: ClassVar[bool] = True

    def compiled(self) -> TimeSpec:
        times = self.times
        return TimeSpec(
            times=None
            if times is None
            else tuple([span.span() if span else TimeRange(0, 0) for span in times]),
            weekdays=self.weekdays,
            days_of_month=self.days_of_month,
            months=self.months,
            years=self.years,
            location=self.location,
        )


class NamedIntervalConfig(ConfigModel):
    """A named interval: any of its entries may hold."""

    name: Text = ""
    time_intervals: ListOf[TimeSpecConfig] = ()

    always_printed: ClassVar[frozenset[str]] = frozenset({"name", "time_intervals"})

    def compiled(self) -> TimeInterval:
        return TimeInterval(name=self.name, specs=tuple([spec.compiled() for spec in self.time_intervals]))
