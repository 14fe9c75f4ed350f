"""Printing a configuration as Alertmanager does: key order, defaults, secrets and number formats of `config.md` 1.6."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import urlsplit

import yaml

from alertrouter.config.fields import HostPort, PrintedAs, Secret, marks_of
from alertrouter.config.globals import printed_place
from alertrouter.config.model import OUR_KEY, ConfigModel
from alertrouter.config.node import Kind
from alertrouter.config.scalar import resolve
from alertrouter.config.schema import configs_key
from alertrouter.core.matcher import Matchers
from alertrouter.core.time_interval_syntax import Range, weekdays_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alertrouter.config.blocks import Blocks, ReceiverBlock, RouteBlock


def print_blocks(blocks: Blocks) -> str:
    """The whole configuration as YAML."""
    assert blocks.route is not None
    globals_ = _model(blocks.global_config)
    top: dict[str, Any] = {
        "global": {key: globals_[key] for key in sorted(globals_, key=printed_place)},
        "route": _route(blocks.route),
        "inhibit_rules": [_model(rule) for rule in blocks.inhibit_rules],
        "receivers": [_receiver(receiver) for receiver in blocks.receivers],
    }
    top = {key: value for key, value in top.items() if value}
    top["templates"] = list(blocks.templates)
    for key in ("mute_time_intervals", "time_intervals"):
        if intervals := [_model(each.config) for each in blocks.intervals if each.list_key == key]:
            top[key] = intervals
    for key, block in (("tracing", blocks.tracing), ("event_recorder", blocks.event_recorder)):
        if block is not None:
            top[key] = _model(block)
    return to_yaml(top)


def _route(block: RouteBlock) -> dict[str, Any]:
    printed: dict[str, Any] = {}
    for key, value in _model(block.config).items():
        printed[key] = value
        if key == "continue" and block.routes:
            printed["routes"] = [_route(child) for child in block.routes]
    return printed


def _receiver(block: ReceiverBlock) -> dict[str, Any]:
    name = block.config.name
    printed: dict[str, Any] = {
        "name": name,
        "labels": dict(sorted({**block.config.labels, "name": name}.items())),
    }
    for kind, integrations in block.integrations.items():
        if integrations:
            printed[configs_key(kind)] = [
                {"send_resolved": each.config.send_resolved, **_model(each.config)} for each in integrations
            ]
    return printed


class _Flow(list[Any]):
    """A list that is printed in brackets."""


def _model(block: ConfigModel) -> dict[str, Any]:
    printed = {}
    always = type(block).always_printed
    for name, key, form, is_optional in _keys(type(block)):
        value = getattr(block, name)
        if key in always:
            printed[key] = form(value)
        elif is_optional:
            if value is not None:
                printed[key] = form(value)
        elif value and not _is_default_block(value) and (shown := form(value)) != []:
            printed[key] = shown
    return printed


def _is_default_block(value: object) -> bool:
    return isinstance(value, ConfigModel) and value == type(value)()


@cache
def _keys(model: type[ConfigModel]) -> list[tuple[str, str, Callable[[Any], Any], bool]]:
    """The fields of a model in their order: name, key in the file, how a value is printed, whether None is unset."""
    found = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        # Ours stay out: whoever reads the print again may be Alertmanager. Raw blocks print by themselves.
        if key in {OUR_KEY, "routes"}:
            continue
        forms = [mark.form for mark in marks_of(field) if isinstance(mark, PrintedAs)]
        is_optional = type(None) in get_args(field.annotation)
        form: Callable[[Any], Any] = forms[0] if forms else _FORMS.get(key, _value)
        found.append((name, key, form, is_optional))
    return found


def _value(value: Any) -> Any:
    match value:
        case ConfigModel():
            return _model(value)
        case Secret() | HostPort():
            return str(value)
        case Matchers():
            return [str(matcher) for matcher in value]
        case dict():
            return {key: _value(value[key]) for key in sorted(value, key=str)}
        case tuple() | list():
            return [_value(each) for each in value]
        case _:
            return value


def _matchers(lists: tuple[Matchers, ...]) -> list[str]:
    return [str(matcher) for matcher in sorted([matcher for matchers in lists for matcher in matchers])]


def _proxy_url(url: str) -> str:
    password = urlsplit(url).password
    return url.replace(f":{password}@", ":xxxxx@", 1) if password is not None else url


def _flow(ranges: tuple[Range, ...]) -> list[str]:
    return _Flow([str(each) for each in ranges])


def _weekdays(ranges: tuple[Range, ...]) -> list[str]:
    return _Flow([weekdays_text(each) for each in ranges])


_FORMS: dict[str, Callable[[Any], Any]] = {
    "matchers": _matchers,
    "source_matchers": _matchers,
    "target_matchers": _matchers,
    "proxy_url": _proxy_url,
    "weekdays": _weekdays,
    "days_of_month": _flow,
    "months": _flow,
    "years": _flow,
}


def to_yaml(value: object) -> str:
    """YAML in the manner of Go's yaml.v2: lists not indented, plain text where it stays text, else quotes."""
    events = [
        yaml.StreamStartEvent(),
        yaml.DocumentStartEvent(explicit=False),
        *_events(value, in_flow=False),
    ]
    events += [yaml.DocumentEndEvent(explicit=False), yaml.StreamEndEvent()]
    return str(yaml.emit(events, Dumper=yaml.CSafeDumper, allow_unicode=True, width=2**30))


def _events(value: object, *, in_flow: bool) -> Iterator[yaml.Event]:
    match value:
        case dict():
            yield yaml.MappingStartEvent(None, None, implicit=True, flow_style=in_flow or not value)
            for key, below in value.items():
                yield _scalar(key)
                yield from _events(below, in_flow=in_flow)
            yield yaml.MappingEndEvent()
        case list():
            flow = in_flow or isinstance(value, _Flow) or not value
            yield yaml.SequenceStartEvent(None, None, implicit=True, flow_style=flow)
            for each in value:
                yield from _events(each, in_flow=flow)
            yield yaml.SequenceEndEvent()
        case _:
            yield _scalar(value)


# What other readers of YAML would take for a number in base 60, or for a date.
_NOT_TEXT_ELSEWHERE = re.compile(
    r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?"
)


def _scalar(value: object) -> yaml.ScalarEvent:
    style = None
    match value:
        case bool():
            text = "true" if value else "false"
        case None:
            text = "null"
        case float():
            text = _float_text(value)
        case str():
            text = value
            if "\n" in text:
                style = "|"
            elif resolve(text)[0] is not Kind.TEXT or _NOT_TEXT_ELSEWHERE.fullmatch(text):
                style = '"'
        case _:
            text = str(value)
    return yaml.ScalarEvent(None, None, (True, True), text, style=style)


def _float_text(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)
