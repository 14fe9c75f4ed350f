"""What is checked and said when the daemon starts, or takes another configuration."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from alertrouter.config.problem import ConfigError
from alertrouter.core.duration import format_duration
from alertrouter.core.matcher_syntax import Mode
from alertrouter.settings import FEATURES, Settings, flags
from alertrouter.templating.inline import check_inline_templates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alertrouter.config import Configuration, Problem
    from alertrouter.templating.templates import Templates

log = logging.getLogger(__name__)


class FatalError(Exception):
    """The daemon cannot start, or cannot go on; the text says why and what to do."""


def matcher_mode(settings: Settings) -> Mode:
    """Which matcher syntax the features ask for; FatalError for features that do not exist or exclude each other."""
    features = settings.features
    for unknown in sorted(features - FEATURES):
        raise FatalError(f"unknown option '{unknown}' for --enable-feature")
    for feature in sorted(features):
        log.warning("Experimental feature enabled", extra={"feature": feature})
    if {"classic-mode", "utf8-strict-mode"} <= features:
        raise FatalError("cannot have both classic and UTF-8 modes enabled")
    if "classic-mode" in features:
        return Mode.CLASSIC
    return Mode.UTF8 if "utf8-strict-mode" in features else Mode.FALLBACK


def check(settings: Settings) -> None:
    """Raise FatalError for flags that cannot be meant; say which have no effect."""
    for flag in flags():
        if flag.kind == "duration" and flag.field in _POSITIVE and getattr(settings, flag.field) <= 0:
            raise FatalError(f"--{flag.flag} must be greater than 0")
    if any(getattr(settings, f.field) != f.default for f in flags() if _is_of_gossip(f.field)):
        log.info("--cluster flags have no effect: replicas share a database here")


def _is_of_gossip(field: str) -> bool:
    return field.startswith("cluster_") and field not in _OF_THE_MEMBER


# They say what this process is called.
_OF_THE_MEMBER = {"cluster_listen_address", "cluster_advertise_address", "cluster_peer_name"}
_POSITIVE = {
    "data_retention",
    "data_maintenance_interval",
    "alerts_gc_interval",
    "dispatch_maintenance_interval",
    "evaluation_interval",
    "query_timeout",
}


def check_templates(configuration: Configuration, templates: Templates, settings: Settings) -> list[Problem]:
    """What is wrong with the templates in the file itself; ConfigError if the settings ask for it."""
    problems = check_inline_templates(templates, configuration.inline_templates)
    if problems and settings.strict_templates:
        raise ConfigError(problems)
    return problems


def log_advice(
    configuration: Configuration, settings: Settings, template_problems: Sequence[Problem] = ()
) -> None:
    """Log what is allowed in this configuration but unwise."""
    for warning in (*configuration.warnings, *template_problems):
        hint = {"hint": warning.hint} if warning.hint else {}
        place = {"where": f"{warning.file}:{warning.line}:{warning.column}", "path": warning.path}
        log.warning(warning.message, extra=place | hint)
    if configuration.event_recorder is not None and "event-recorder" not in settings.features:
        log.warning(
            "event_recorder has no effect", extra={"hint": "start with --enable-feature=event-recorder"}
        )
    routing = configuration.routing
    used = {route.receiver.name for route in routing.route.walk()}
    for name in routing.receivers:
        if name not in used:
            log.info(
                "skipping creation of receiver not referenced by any route",
                extra={"component": "configuration", "receiver": name},
            )
    for route in routing.route.walk():
        if route.repeat_interval > settings.data_retention:
            log.warning(
                "repeat_interval is longer than the data retention: the log is kept for as long as it takes",
                extra={
                    "component": "configuration",
                    "repeat_interval": format_duration(route.repeat_interval),
                    "retention": format_duration(settings.data_retention),
                    "route": route.key,
                },
            )
