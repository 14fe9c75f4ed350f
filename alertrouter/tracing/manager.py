"""Which tracer is installed, as the configuration in force says."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from alertrouter import tracing

if TYPE_CHECKING:
    from alertrouter.config.observability import TracingConfig
    from alertrouter.tracing.opentelemetry import OtelTracer

log = logging.getLogger(__name__)

_ABOUT = {"component": "tracing"}


class Tracing:
    """Installs tracers and takes them away. A new one is made before the old one goes.

    ``patience``: the seconds that a collector has to take what is left in the end.
    """

    def __init__(self, *, patience: float = 5) -> None:
        self._patience = patience
        self._config: TracingConfig | None = None
        self._tracer: OtelTracer | None = None

    def prepare(self, config: TracingConfig | None) -> OtelTracer | None:
        """The tracer for this configuration: the one in use when nothing changed, None for none.

        ValueError when the configuration cannot be used. Where the extra is not installed there is a warning, and no
        tracer: a file that Alertmanager takes must not keep anybody from being paged.
        """
        if config is None:
            return None
        # Certificates may have changed although the block has not.
        if self._tracer is not None and config == self._config and config.tls_config is None:
            return self._tracer
        tls = None if config.insecure or config.client_type != "grpc" else config.tls_config
        if tls is not None and tls.insecure_skip_verify:
            hint = "use client_type: http, or ca_file"
            message = "tracing has no effect: insecure_skip_verify cannot be had with client_type grpc"
            log.warning(message, extra={**_ABOUT, "hint": hint})
            return None
        if any(header.files and not (header.values or header.secrets) for header in config.headers.values()):
            raise ValueError("header files are not supported for tracing configuration")
        try:
            from alertrouter.tracing.opentelemetry import OtelTracer
        except ImportError as error:
            hint = "pip install 'alertrouter[tracing]', or remove the block tracing:"
            log.warning(
                "tracing has no effect: %s is not installed", error.name, extra={**_ABOUT, "hint": hint}
            )
            return None
        return OtelTracer(config, patience=self._patience)

    async def install(self, config: TracingConfig | None, tracer: OtelTracer | None) -> None:
        """Let what was prepared for this configuration make the spans from now on."""
        self._config = config
        if tracer is self._tracer:
            return
        replaced, self._tracer = self._tracer, tracer
        tracing.install(tracer)
        log.info("Tracing %s", "is on" if tracer is not None else "is off", extra=_ABOUT)
        if replaced is not None:
            await asyncio.to_thread(replaced.close)

    async def close(self) -> None:
        """Make no spans any more, and export those that were made."""
        await self.install(None, None)
