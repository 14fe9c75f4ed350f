"""What must hold between blocks: names that are defined once, and references that lead somewhere."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import TYPE_CHECKING

from alertrouter.config.compile import DEFAULT_GROUP_INTERVAL, DEFAULT_REPEAT_INTERVAL
from alertrouter.config.fields import ReadableFile, marks_of
from alertrouter.config.model import ConfigModel
from alertrouter.config.problem import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alertrouter.config.blocks import Blocks, ReceiverBlock, RouteBlock
    from alertrouter.config.node import Node
    from alertrouter.config.reader import Path, Reader
    from alertrouter.core.time import Duration


def check_blocks(blocks: Blocks, reader: Reader) -> None:
    """Note every problem and warning that shows only when blocks are seen together."""
    _check_receiver_names(blocks, reader)
    _check_interval_names(blocks, reader)
    if blocks.route is not None:
        _check_root(blocks.route, reader)
        _check_routes(blocks, blocks.route, reader)
        _check_route_names(blocks.route, reader)
        _warn_of_short_repeats(blocks.route, reader)
    _check_integrations(blocks, reader)


def _check_receiver_names(blocks: Blocks, reader: Reader) -> None:
    seen: set[str] = set()
    for receiver in blocks.receivers:
        name = receiver.config.name
        if name in seen:
            message = f'notification config name "{name}" is not unique'
            reader.complain_at(receiver.node, receiver.path, ("name",), message, "give it another name")
        seen.add(name)


def _check_interval_names(blocks: Blocks, reader: Reader) -> None:
    seen: set[str] = set()
    for interval in blocks.intervals:
        name = interval.config.name
        if name in seen:
            kind = "mute time interval" if interval.list_key == "mute_time_intervals" else "time interval"
            message = f'{kind} "{name}" is not unique'
            reader.complain_at(interval.node, interval.path, ("name",), message, "give it another name")
        seen.add(name)


def _check_root(root: RouteBlock, reader: Reader) -> None:
    config = root.config

    def complain(key: str, message: str, hint: str = "") -> None:
        reader.complain_at(root.node, root.path, (key,), message, hint)

    if not config.receiver:
        complain("receiver", "root route must specify a default receiver", "add receiver:")
    for key in ("match", "match_re", "matchers"):
        given = getattr(config, key)
        if any(given) if isinstance(given, tuple) else given:
            complain(key, "root route must not have any matchers", "put them on a route below routes:")
    if config.mute_time_intervals:
        complain("mute_time_intervals", "root route must not have any mute time intervals")
    if config.active_time_intervals:
        complain("active_time_intervals", "root route must not have any active time intervals")
    if config.continues:
        complain("continue", "cannot have continue in root route", "remove it")


def _check_routes(blocks: Blocks, root: RouteBlock, reader: Reader) -> None:
    receivers = {receiver.config.name for receiver in blocks.receivers}
    intervals = {interval.config.name for interval in blocks.intervals}
    for route in root.walk():
        name = route.config.receiver
        if name and name not in receivers:
            message = f'undefined receiver "{name}" used in route'
            hint = did_you_mean(name, receivers) or "define it under receivers:"
            reader.complain_at(route.node, route.path, ("receiver",), message, hint)
        for key in ("active_time_intervals", "mute_time_intervals"):
            for place, name in enumerate(getattr(route.config, key)):
                if name not in intervals:
                    message = f'undefined time interval "{name}" used in route'
                    hint = did_you_mean(name, intervals) or "define it under time_intervals:"
                    reader.complain_at(route.node, route.path, (key, place), message, hint)


def _check_route_names(root: RouteBlock, reader: Reader) -> None:
    seen: set[str] = set()
    for route in root.walk():
        name = route.config.alertrouter.name
        if name and name in seen:
            reader.complain_at(
                route.node,
                route.path,
                ("alertrouter", "name"),
                f'route name "{name}" is not unique',
                "give it another name",
            )
        seen.add(name)


def _warn_of_short_repeats(root: RouteBlock, reader: Reader) -> None:
    def visit(route: RouteBlock, group_interval: Duration, repeat_interval: Duration) -> None:
        group = route.config.group_interval or group_interval
        repeat = route.config.repeat_interval or repeat_interval
        if repeat < group and (group, repeat) != (group_interval, repeat_interval):
            key = "repeat_interval" if route.config.repeat_interval else "group_interval"
            message = "repeat_interval is less than group_interval"
            hint = "notifications repeat every group_interval at the most"
            reader.warn_at(route.node, route.path, (key,), message, hint)
        for child in route.routes:
            visit(child, group, repeat)

    visit(root, DEFAULT_GROUP_INTERVAL, DEFAULT_REPEAT_INTERVAL)


def _check_integrations(blocks: Blocks, reader: Reader) -> None:
    used = {route.config.receiver for route in blocks.route.walk()} if blocks.route else set()
    if used:
        _check_files(blocks.global_config, blocks.global_node, ("global",), reader)
    for receiver in blocks.receivers:
        _check_integration_names(receiver, reader)
        # Compat: what no route can reach is never made, so its files need not be there.
        if receiver.config.name in used:
            for integrations in receiver.integrations.values():
                for integration in integrations:
                    _check_files(integration.as_written, integration.node, integration.path, reader)


def _check_integration_names(receiver: ReceiverBlock, reader: Reader) -> None:
    for integrations in receiver.integrations.values():
        seen: set[str] = set()
        for integration in integrations:
            name = integration.config.alertrouter.name
            message = ""
            if name and name in seen:
                message = f'integration name "{name}" is not unique'
            elif name.isdecimal():
                message = f'integration name "{name}" is a number, which would name a place in the list'
            if message:
                inside = ("alertrouter", "name")
                reader.complain_at(
                    integration.node, integration.path, inside, message, "give it another name"
                )
            seen.add(name)


def _check_files(block: ConfigModel, node: Node | None, path: Path, reader: Reader) -> None:
    for inside, key, value, is_file in _references(block, ()):
        if not is_file:
            message, hint = "cannot use secret ref without manager", f"use {key.replace('_ref', '_file')}"
            reader.complain_at(node, path, inside, message, hint)
        elif problem := _unreadable(value):
            reader.warn_at(node, path, inside, f"{value}: {problem}", "it is read when a message is sent")


def _references(block: ConfigModel, path: Path) -> Iterator[tuple[Path, str, str, bool]]:
    """The files and secret references a block names: where, under which key, which, and whether a file."""
    for key, field in type(block).model_fields.items():
        value = getattr(block, key)
        here = (*path, key)
        if isinstance(value, ConfigModel):
            yield from _references(value, here)
        elif isinstance(value, dict):
            for name, below in value.items():
                if isinstance(below, ConfigModel):
                    yield from _references(below, (*here, name))
        elif value and any(isinstance(mark, ReadableFile) for mark in marks_of(field)):
            if isinstance(value, str):
                yield here, key, value, True
            else:
                yield from [((*here, place), key, file, True) for place, file in enumerate(value)]
        elif value and key.endswith("_ref"):
            yield here, key, value, False


def _unreadable(path: str) -> str:
    """Why the file cannot be read; empty when it can."""
    try:
        with FilePath(path).open("rb"):
            return ""
    except OSError as error:
        return (error.strerror or str(error)).lower()
