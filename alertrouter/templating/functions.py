"""The functions of notification templates, as Alertmanager 0.34 has them (`templates.md` 2.1 to 2.7)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

from alertrouter.gotemplate import ANY, HTML, STRING, URL, Function, Kind
from alertrouter.templating.case import title, to_lower, to_upper
from alertrouter.templating.data import STRINGS, Strings
from alertrouter.templating.go_time import TIME, ZERO_MOMENT, Duration, Time, parse_time
from alertrouter.templating.json_text import to_json
from alertrouter.templating.number import humanize_duration, number
from alertrouter.templating.regex import replace_all, search
from alertrouter.templating.zone import location

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from alertrouter.core.time import Moment
    from alertrouter.templating.mode import Mode

#: Where `render` finds what a function needs of the message, in the engine's environment.
ENVIRONMENT: Final = "message"

_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})(.{0,2})", re.DOTALL)
_BASE64: Final = re.compile(rb"(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2}==|[A-Za-z0-9_-]{3}=)?")
_BASE64_ALPHABET: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What functions may ask of the render they are part of.

    ``route_label`` is what `routeLabels` answers; ``jinja`` renders a Jinja2 file for a Go template that calls it.
    """

    now: Moment
    route_label: Callable[[str], str]
    jinja: Callable[[str, object], str]
    mode: Mode


class AnyList(list[Any]):
    """What `list` makes and `append` takes: a list of anything, unlike `.Alerts` or the values of a `KV`."""

    __slots__ = ()
    __go_type__ = "[]interface {}"


def trim_space(text: str) -> str:
    """Without white space at both ends, as Unicode has it."""
    # Python counts four control characters as white space that Go does not.
    return text.strip(
        "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
    )


def join(separator: str, texts: list[str]) -> str:
    """The texts with a separator between them."""
    return separator.join(texts)


def url_unescape(text: str) -> str:
    """The text of a query component: ``+`` is a space, ``%XX`` a byte. ValueError for a broken escape."""
    bad = _BAD_ESCAPE.search(text)
    if bad is not None:
        raise ValueError(f'invalid URL escape "%{bad[1]}"')
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "replace")


def base64_encode(text: str) -> str:
    """In the alphabet of URLs, padded."""
    return base64.urlsafe_b64encode(text.encode("utf-8", "replace")).decode()


def base64_decode(text: str) -> str:
    """The reverse; ValueError with Go's message and the place of the first fault."""
    encoded = text.encode("utf-8", "replace")
    compact = encoded.translate(None, b"\r\n")
    if len(compact) % 4 or _BASE64.fullmatch(compact) is None:
        raise ValueError(f"illegal base64 data at input byte {_base64_fault(encoded)}")
    return base64.urlsafe_b64decode(compact).decode("utf-8", "replace")


def _base64_fault(encoded: bytes) -> int:
    """Where Go's decoder stops: at the first byte out of place, or where the last four begin if they are no four."""
    begin = count = 0
    for at, byte in enumerate(encoded):
        if byte in b"\r\n":
            continue
        if byte == ord("=") and count >= 2:
            return _padding_fault(encoded, at, count)
        if byte not in _BASE64_ALPHABET:
            return at
        if count == 0:
            begin = at
        count = (count + 1) % 4
    return begin


def _padding_fault(encoded: bytes, at: int, count: int) -> int:
    after = _after_line_ends(encoded, at + 1)
    if count == 2:
        if after == len(encoded):
            return after
        if encoded[after] != ord("="):
            return after - 1
        after = _after_line_ends(encoded, after + 1)
    return after


def _after_line_ends(encoded: bytes, at: int) -> int:
    while at < len(encoded) and encoded[at] in b"\r\n":
        at += 1
    return at


def to_date(layout: str, text: str) -> Time:
    """The time of a text, the zero time if it does not fit the layout."""
    try:
        return parse_time(layout, text)
    except ValueError:
        return Time(ZERO_MOMENT)


def in_zone(name: str, t: Time) -> Time:
    """The same moment, shown in the zone with this name."""
    return Time(t.moment, location(name))


def dictionary(*keys_and_values: object) -> dict[str, Any]:
    """A map of its arguments, key and value in turn."""
    if len(keys_and_values) % 2:
        raise ValueError("dict requires an even number of arguments")
    keys = keys_and_values[::2]
    for key in keys:
        if not isinstance(key, str):
            raise ValueError("dict keys must be strings")  # noqa: TRY004 - a fault of the template, not of a program
    return {str(key): value for key, value in zip(keys, keys_and_values[1::2], strict=True)}


def _append(values: AnyList | None, *more: object) -> AnyList:
    return AnyList([*(values or ()), *more])


def environment_of(variables: Mapping[str, Any]) -> Environment:
    """The environment in the mapping that `render` was given."""
    found: Environment = variables[ENVIRONMENT]
    return found


_ANY_LIST: Final = Kind("[]interface {}", (AnyList,), takes_nil=True)

#: Those that rule templates have as well.
SHARED_FUNCTIONS: Final = (
    Function("toUpper", to_upper, (STRING,)),
    Function("toLower", to_lower, (STRING,)),
    Function("match", search, (STRING, STRING)),
    Function("reReplaceAll", replace_all, (STRING, STRING, STRING)),
    Function("safeHtml", HTML, (STRING,)),
    Function("humanizeDuration", lambda value: humanize_duration(number(value)), (ANY,)),
)

FUNCTIONS: Final = (
    *SHARED_FUNCTIONS,
    Function("title", title, (STRING,)),
    Function("trimSpace", trim_space, (STRING,)),
    Function("join", join, (STRING, STRINGS)),
    Function("safeUrl", URL, (STRING,)),
    Function("urlUnescape", url_unescape, (STRING,)),
    Function("stringSlice", lambda *texts: Strings(texts), (), STRING),
    Function("date", lambda layout, t: t.format(layout), (STRING, TIME)),
    Function("tz", in_zone, (STRING, TIME)),
    Function("now", lambda env: Time(environment_of(env).now), pass_environment=True),
    Function(
        "since", lambda env, t: Duration(environment_of(env).now - t.moment), (TIME,), pass_environment=True
    ),
    Function("toDate", to_date, (STRING, STRING)),
    Function("mustToDate", parse_time, (STRING, STRING)),
    Function("toJson", to_json, (ANY,)),
    Function("base64encode", base64_encode, (STRING,)),
    Function("base64decode", base64_decode, (STRING,)),
    Function("list", lambda *values: AnyList(values), (), ANY),
    Function("append", _append, (_ANY_LIST,), ANY),
    Function("dict", dictionary, (), ANY),
    Function(
        "routeLabels",
        lambda env, name: environment_of(env).route_label(name),
        (STRING,),
        pass_environment=True,
    ),
)
