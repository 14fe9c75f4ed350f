"""Times and durations that a person types, and as they are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.cli.errors import Failure
from alertrouter.core.time import format_milliseconds

if TYPE_CHECKING:
    from alertrouter.core.time import Duration, Moment

_RFC3339 = "2006-01-02T15:04:05Z07:00"
_NOT_SET = "0001-01-01T00:00:00.000Z"


def read_time(text: str) -> tuple[Moment, int]:
    """A moment and the offset of its zone in seconds, from a time in RFC 3339 with a zone."""
    from alertrouter.templating.go_time import parse_time

    try:
        parsed = parse_time(_RFC3339, text)
    except ValueError as error:
        raise Failure(str(error)) from None
    return parsed.moment, parsed.calendar.offset


def optional_time(text: str) -> str:
    """A typed time as it is sent; for an empty one the zero time, which means that it is not set."""
    return format_milliseconds(*read_time(text)) if text else _NOT_SET


def read_duration(text: str) -> Duration:
    """A duration in Prometheus' notation (``1w2d``, ``1h30m``) that is not zero."""
    from alertrouter.core.duration import parse_duration

    try:
        duration = parse_duration(text)
    except ValueError as error:
        raise Failure(str(error)) from None
    if duration == 0:
        raise Failure("silence duration must be greater than 0")
    return duration
