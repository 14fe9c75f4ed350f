"""Spans by the OpenTelemetry SDK, exported by OTLP. Importing this needs the extra ``tracing``."""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Any

import grpc
import requests
import urllib3
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from requests.adapters import HTTPAdapter

from alertrouter import ALERTMANAGER_VERSION
from alertrouter.core.time import SECOND
from alertrouter.http_client.tls import ssl_context
from alertrouter.tracing import Kind

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping

    from alertrouter.config.http import TlsConfig
    from alertrouter.config.observability import TracingConfig
    from alertrouter.tracing import Attributes, Span

_log = logging.getLogger(__name__)

_KINDS = {
    Kind.INTERNAL: trace.SpanKind.INTERNAL,
    Kind.SERVER: trace.SpanKind.SERVER,
    Kind.CLIENT: trace.SpanKind.CLIENT,
    Kind.PRODUCER: trace.SpanKind.PRODUCER,
}


class OtelSpan:
    """One span."""

    __slots__ = ("span",)

    def __init__(self, span: trace.Span) -> None:
        self.span = span

    @property
    def is_recorded(self) -> bool:
        """Whether anybody will see it."""
        return self.span.is_recording()

    def set(self, name: str, value: str | int | bool) -> None:  # noqa: FBT001 - the value of an attribute
        """Add an attribute."""
        self.span.set_attribute(name, value)

    def event(self, name: str, attributes: Attributes) -> None:
        """Something happened on the way."""
        self.span.add_event(name, dict(attributes))

    def fail(self, message: str) -> None:
        """It did not succeed."""
        self.span.set_status(trace.StatusCode.ERROR, message)

    def end(self) -> None:
        """It is over."""
        self.span.end()


class OtelTracer:
    """Makes spans and exports them, as one ``tracing:`` block says.

    At the end the collector has ``patience`` seconds to take what is left.
    ValueError when the block asks for what cannot be done.
    """

    def __init__(self, config: TracingConfig, *, patience: float) -> None:
        self._patience = patience
        exporter = _exporter(config)
        fraction = min(1.0, max(0.0, config.sampling_fraction))
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(fraction)),
            resource=Resource.create(
                {"service.name": "alertmanager", "service.version": ALERTMANAGER_VERSION}
            ),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("alertrouter")
        self._propagator = TraceContextTextMapPropagator()

    @contextlib.contextmanager
    def span(
        self,
        name: str,
        *,
        kind: Kind,
        attributes: Attributes | None,
        parent: Span | None,
        carrier: Mapping[str, str] | None,
    ) -> Iterator[OtelSpan]:
        """A span around the ``with``."""
        context = None
        if parent is not None:
            context = _within(parent)
        elif carrier is not None:
            context = self._propagator.extract(carrier, Context())
        made = self._tracer.start_span(name, context, _KINDS[kind], attributes)
        # What an exception says may not be for everybody: whoever knows tells with `fail`.
        with trace.use_span(made, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            yield OtelSpan(made)

    def begin(self, name: str, *, attributes: Attributes | None, parent: Span | None) -> OtelSpan:
        """A span that ends when it is told to."""
        context = Context() if parent is None else _within(parent)
        return OtelSpan(self._tracer.start_span(name, context, trace.SpanKind.INTERNAL, attributes))

    def headers(self) -> Mapping[str, str]:
        """The trace context of the span we are in, when it is recorded."""
        found: dict[str, str] = {}
        if trace.get_current_span().is_recording():
            self._propagator.inject(found)
        return found

    def close(self) -> None:
        """Export what is left, for some seconds at most. Blocks."""
        ending = threading.Thread(target=self._provider.shutdown, name="end of tracing", daemon=True)
        ending.start()
        ending.join(self._patience)
        if ending.is_alive():
            _log.warning("The collector did not take the last spans in time", extra={"component": "tracing"})


def _within(parent: Span) -> Context:
    own = parent.span if isinstance(parent, OtelSpan) else trace.INVALID_SPAN
    return trace.set_span_in_context(own, Context())


def _exporter(config: TracingConfig) -> SpanExporter:
    headers = _headers(config)
    timeout = config.timeout / SECOND if config.timeout else None
    address = f"{'http' if config.insecure else 'https'}://{config.endpoint}"
    tls = None if config.insecure else config.tls_config
    if config.client_type == "grpc":
        compression = grpc.Compression.Gzip if config.compression else grpc.Compression.NoCompression
        options: dict[str, Any] = {}
        if tls is not None:
            options = _grpc_tls(tls)
        return GrpcExporter(
            endpoint=address,
            insecure=config.insecure,
            headers=[(name.lower(), value) for name, value in headers.items()],
            timeout=timeout,
            compression=compression,
            **options,
        )
    session = requests.Session()
    if tls is not None:
        session.mount("https://", _TlsAdapter(ssl_context(tls), tls.server_name))
    return HttpExporter(
        endpoint=f"{address}/v1/traces",
        headers=headers,
        timeout=timeout,
        compression=Compression.Gzip if config.compression else Compression.NoCompression,
        session=session,
    )


def _headers(config: TracingConfig) -> dict[str, str]:
    found = {}
    for name, header in config.headers.items():
        if header.values:
            found[name] = header.values[0]
        elif header.secrets:
            found[name] = header.secrets[0].reveal()
        elif header.files:
            raise ValueError("header files are not supported for tracing configuration")
    return found


class _TlsAdapter(HTTPAdapter):
    """Connects by a TLS context of ours."""

    def __init__(self, context: ssl.SSLContext, server_name: str) -> None:
        self._options: dict[str, Any] = {"ssl_context": context}
        if server_name:
            self._options |= {"server_hostname": server_name, "assert_hostname": server_name}
        if not context.check_hostname:
            self._options["assert_hostname"] = False
            # It was asked for; saying so at every export would tell nobody anything.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._verify = context.check_hostname
        super().__init__()

    def init_poolmanager(
        self,
        connections: int,
        maxsize: int,
        block: bool = False,  # noqa: FBT001, FBT002 - the signature is theirs
        **more: Any,
    ) -> None:
        """Make the pool with our context."""
        super().init_poolmanager(connections, maxsize, block, **more, **self._options)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """The context says what is verified, and against what."""
        del url, verify, cert
        conn.cert_reqs = "CERT_REQUIRED" if self._verify else "CERT_NONE"


def _grpc_tls(config: TlsConfig) -> dict[str, Any]:
    ssl_context(config)  # says what is wrong with the files
    credentials = grpc.ssl_channel_credentials(
        _bytes(config.ca, config.ca_file),
        _bytes(config.key.reveal() if config.key else "", config.key_file),
        _bytes(config.cert, config.cert_file),
    )
    options: dict[str, Any] = {"credentials": credentials}
    if config.server_name:
        options["channel_options"] = (("grpc.ssl_target_name_override", config.server_name),)
    return options


def _bytes(text: str, path: str) -> bytes | None:
    if path:
        with open(path, "rb") as file:  # noqa: PTH123 - one line
            return file.read()
    return text.encode() or None
