"""A configuration that was read and found good: all of it that can fail is made before anything in force is touched."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alertrouter.config import load
from alertrouter.senders import ConfiguredSenders
from alertrouter.startup import FatalError, check_templates
from alertrouter.templating.templates import Templates

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from alertrouter.clock import Clock
    from alertrouter.config import Configuration, Problem
    from alertrouter.core.matcher_syntax import Mode
    from alertrouter.http_client import HttpClients
    from alertrouter.settings import Settings
    from alertrouter.templating.errors import TemplateError
    from alertrouter.tracing.manager import Tracing
    from alertrouter.tracing.opentelemetry import OtelTracer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A configuration with what it takes to go on under it. ``template_problems`` are none that forbid it."""

    configuration: Configuration
    template_problems: Sequence[Problem]
    senders: ConfiguredSenders
    tracer: OtelTracer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationFile:
    """The configuration file, and what is needed to prepare what it says."""

    path: Path
    settings: Settings
    mode: Mode
    clock: Clock
    clients: HttpClients
    tracing: Tracing
    external_url: str

    async def prepare(self) -> Prepared:
        """Read the file. Raises ConfigError, TemplateError, FatalError or OSError when it cannot be used."""
        configuration = await asyncio.to_thread(self._read)
        templates, problems = await asyncio.to_thread(self._templates_for, configuration)
        senders = self._senders_for(configuration, templates)
        tracer = await asyncio.to_thread(self._tracer_for, configuration)
        return Prepared(configuration, problems, senders, tracer)

    def _read(self) -> Configuration:
        return load(self.path, mode=self.mode)

    def _templates_for(self, configuration: Configuration) -> tuple[Templates, Sequence[Problem]]:
        templates = Templates.load(configuration.template_files, failed=_template_failed)
        return templates, check_templates(configuration, templates, self.settings)

    def _senders_for(self, configuration: Configuration, templates: Templates) -> ConfiguredSenders:
        senders = ConfiguredSenders(configuration, templates, self.clients, self.clock, self.external_url)
        problems = senders.prepare()
        if problems:
            raise FatalError("; ".join(problems))
        return senders

    def _tracer_for(self, configuration: Configuration) -> OtelTracer | None:
        try:
            return self.tracing.prepare(configuration.tracing)
        except (ValueError, OSError) as error:
            raise FatalError(f"failed to build a new tracer provider: {error}") from None


def _template_failed(error: TemplateError, where: str) -> None:
    log.warning("a template failed: the default wording is used", extra={"where": where, "err": str(error)})
