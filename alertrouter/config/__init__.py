"""`alertmanager.yml` becomes one immutable value, or every problem in it, each with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alertrouter.config.problem import ConfigError, ConfigProblem, Problem

if TYPE_CHECKING:
    from alertrouter.config.configuration import Configuration, Summary, summary
    from alertrouter.config.loader import load, load_text

__all__ = [
    "ConfigError",
    "ConfigProblem",
    "Configuration",
    "Problem",
    "Summary",
    "load",
    "load_text",
    "summary",
]


def __getattr__(name: str) -> Any:
    # The loader asks the integrations what they are, and they take their field types from this package:
    # it must be possible to import those first.
    if name in {"load", "load_text"}:
        from alertrouter.config import loader

        return getattr(loader, name)
    if name in {"Configuration", "Summary", "summary"}:
        from alertrouter.config import configuration

        return getattr(configuration, name)
    raise AttributeError(name)
