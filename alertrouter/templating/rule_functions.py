"""The functions of rule templates, as Prometheus 3 has them (`templates.md` 2.9)."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import quote_plus, urlsplit

from alertrouter.core.duration import parse_duration
from alertrouter.core.time import MILLISECOND, SECOND
from alertrouter.gotemplate import ANY, STRING, Function, Kind, go_string
from alertrouter.templating.case import title_keeping_capitals
from alertrouter.templating.functions import SHARED_FUNCTIONS
from alertrouter.templating.go_time import Duration, Time
from alertrouter.templating.number import humanize, humanize_1024, humanize_percentage, number, significant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from alertrouter.core.time import Moment

#: Where `render` finds what a function needs to know, in the engine's environment.
ENVIRONMENT: Final = "rule"


class LabelMap(dict[str, str]):
    """The labels of a series: a name that is missing has the empty value."""

    __slots__ = ()
    __go_type__ = "map[string]string"
    __go_missing__: ClassVar = ""


class Histogram:
    """A native histogram, of which templates see only its text."""

    __slots__ = ("_text",)
    __go_type__ = "*histogram.FloatHistogram"
    __go_fields__: ClassVar[Mapping[str, str]] = {}

    def __init__(self, text: str) -> None:
        self._text = text

    def __go_string__(self) -> str:
        return self._text


class Sample:
    """One series of a query's answer, and its value."""

    __slots__ = ("labels", "value")
    __go_type__ = "*template.sample"
    __go_fields__: ClassVar = {"Labels": "labels", "Value": "value"}

    def __init__(self, labels: Mapping[str, str], value: float | Histogram) -> None:
        self.labels = LabelMap(labels)
        self.value = value


class Vector(list[Sample]):
    """The answer to a query."""

    __slots__ = ()
    __go_type__ = "template.queryResult"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleEnvironment:
    """What functions may ask of the evaluation they are part of.

    ``query`` answers an instant query at that time; what it raises becomes the template's error.
    """

    now: Moment
    external_url: str
    query: Callable[[str], Sequence[Sample]]


def _of(variables: Mapping[str, Any]) -> RuleEnvironment:
    found: RuleEnvironment = variables[ENVIRONMENT]
    return found


def _first(vector: Vector) -> Sample:
    if not vector:
        raise ValueError("first() called on vector with no elements")
    return vector[0]


def _sort_by_label(name: str, vector: Vector) -> Vector:
    vector.sort(key=lambda sample: sample.labels.get(name, ""))
    return vector


def _nanoseconds(seconds: float, what: str) -> int:
    if math.isnan(seconds) or math.isinf(seconds):
        raise ValueError("value is NaN or Inf")
    nanoseconds = seconds * 1e9
    if not -(2.0**63) <= nanoseconds <= 2.0**63:
        raise ValueError(
            f"{go_string(seconds)} cannot be represented as a nanoseconds {what} since it overflows int64"
        )
    return int(nanoseconds)


def to_time(seconds: float) -> Time:
    """Seconds since the epoch as a time, cut to milliseconds towards zero. ValueError if there is no such time."""
    nanoseconds = _nanoseconds(seconds, "timestamp")
    milliseconds = abs(nanoseconds) // MILLISECOND
    return Time((milliseconds if nanoseconds >= 0 else -milliseconds) * MILLISECOND)


def humanize_timestamp(seconds: float) -> str:
    """The time as text; what is no number stays its own name."""
    if math.isnan(seconds) or math.isinf(seconds):
        return significant(seconds)
    return to_time(seconds).__go_string__()


def split_host_port(text: str) -> tuple[str, str] | None:
    """The two halves of ``host:port`` or ``[v6]:port``; None for anything else."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or not rest.startswith(":"):
            return None
        port = rest[1:]
        return (host, port) if ":" not in port and not set("[]") & set(host + port) else None
    host, colon, port = text.rpartition(":")
    if not colon or ":" in host or set("[]") & set(text):
        return None
    return host, port


def strip_port(text: str) -> str:
    """The host of ``host:port``; a text that is no such thing stays."""
    halves = split_host_port(text)
    return text if halves is None else halves[0]


def strip_domain(text: str) -> str:
    """The first label of a host's name, with the port if there is one; an address stays."""
    host, port = split_host_port(text) or (text, "")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        first = host.partition(".")[0]
        if not port:
            return first
        return f"[{first}]:{port}" if ":" in first else f"{first}:{port}"
    return text


def query_escape(text: str) -> str:
    """The text as a component of an URL's query."""
    return quote_plus(text.encode("utf-8", "replace"), safe="-_.~")


def _parse_duration(text: str) -> float:
    sign, text_of_size = (-1, text[1:]) if text.startswith("-") else (1, text)
    return sign * parse_duration(text_of_size) / SECOND


_VECTOR: Final = Kind("template.queryResult", (Vector,))
_SAMPLE: Final = Kind("*template.sample", (Sample,))

RULE_FUNCTIONS: Final = (
    *SHARED_FUNCTIONS,
    Function("title", title_keeping_capitals, (STRING,)),
    Function("query", lambda env, text: Vector(_of(env).query(text)), (STRING,), pass_environment=True),
    Function("first", _first, (_VECTOR,)),
    Function("value", lambda sample: sample.value, (_SAMPLE,)),
    Function("label", lambda name, sample: sample.labels.get(name, ""), (STRING, _SAMPLE)),
    Function("strvalue", lambda sample: sample.labels.get("__value__", ""), (_SAMPLE,)),
    Function("sortByLabel", _sort_by_label, (STRING, _VECTOR)),
    Function("humanize", lambda value: humanize(number(value)), (ANY,)),
    Function("humanize1024", lambda value: humanize_1024(number(value)), (ANY,)),
    Function("humanizePercentage", lambda value: humanize_percentage(number(value)), (ANY,)),
    Function("humanizeTimestamp", lambda value: humanize_timestamp(number(value)), (ANY,)),
    Function("toTime", lambda value: to_time(number(value)), (ANY,)),
    Function("toDuration", lambda value: Duration(_nanoseconds(number(value), "duration")), (ANY,)),
    Function("now", lambda env: _of(env).now // MILLISECOND / 1000, pass_environment=True),
    Function("parseDuration", _parse_duration, (STRING,)),
    Function("stripPort", strip_port, (STRING,)),
    Function("stripDomain", strip_domain, (STRING,)),
    Function("graphLink", lambda text: f"/graph?g0.expr={query_escape(text)}&g0.tab=0", (STRING,)),
    Function("tableLink", lambda text: f"/graph?g0.expr={query_escape(text)}&g0.tab=1", (STRING,)),
    Function("urlQueryEscape", query_escape, (STRING,)),
    Function("externalURL", lambda env: _of(env).external_url, pass_environment=True),
    Function("pathPrefix", lambda env: urlsplit(_of(env).external_url).path, pass_environment=True),
    Function("args", lambda *values: {f"arg{place}": value for place, value in enumerate(values)}, (), ANY),
)
