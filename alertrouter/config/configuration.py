"""A configuration that was found good: all its parts, and how it reads when it is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from alertrouter.config.original import print_blocks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from alertrouter.config.blocks import Blocks
    from alertrouter.config.http import HttpConfig
    from alertrouter.config.inline_template import InlineTemplate
    from alertrouter.config.observability import EventRecorderConfig, TracingConfig
    from alertrouter.config.problem import Problem
    from alertrouter.config.schema import Options
    from alertrouter.core.routing import Routing


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """Everything one `alertmanager.yml` says. Immutable; a reload makes a new one.

    ``hash`` is Alertmanager's: the first six bytes of the text's MD5, the lowest first. ``template_files``
    are those that the globs matched at load, in their order; ``inline_templates`` stand in the file itself, and are
    not checked yet (`alertrouter.templating.inline`). ``warnings`` are what is allowed but unwise.
    """

    blocks: Blocks = field(repr=False)
    routing: Routing
    hash: int
    template_files: Sequence[Path] = ()
    inline_templates: Sequence[InlineTemplate] = ()
    warnings: Sequence[Problem] = ()

    @property
    def options(self) -> Options:
        """Our own keys at the top level."""
        return self.blocks.options

    @property
    def http_config(self) -> HttpConfig:
        """The global HTTP client."""
        return self.blocks.global_config.http_config

    @property
    def tracing(self) -> TracingConfig | None:
        """Where spans go, if the file says."""
        return self.blocks.tracing

    @property
    def event_recorder(self) -> EventRecorderConfig | None:
        """Where events are written, if the file says."""
        return self.blocks.event_recorder

    @property
    def template_globs(self) -> Sequence[str]:
        """The patterns under ``templates``, as seen from the file's directory."""
        return self.blocks.templates

    @cached_property
    def original(self) -> str:
        """The configuration as YAML: defaults filled in, secrets as ``<secret>``, without our own keys.

        What ``/api/v2/status`` shows (`config.md` 1.6). This loader reads it again, and so does amtool.
        """
        return print_blocks(self.blocks)

    @property
    def summary(self) -> Summary:
        return Summary(
            inhibit_rules=len(self.blocks.inhibit_rules),
            receivers=len(self.blocks.receivers),
            templates=len(self.blocks.templates),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What ``check-config`` says was found; a good file always has the first two."""

    has_global_config: bool = True
    has_route: bool = True
    inhibit_rules: int
    receivers: int
    templates: int


def summary(configuration: Configuration) -> Summary:
    """The numbers that ``check-config`` prints."""
    return configuration.summary
