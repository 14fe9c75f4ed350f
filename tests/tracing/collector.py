"""A collector of spans, by HTTP or gRPC, in the test's own process."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from tests.receivers import HttpReceiver


@dataclass(frozen=True)
class Collected:
    """One span as it was exported."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]
    events: list[str]
    error: str | None
    resource: dict[str, Any] = field(repr=False)


def spans_of(request: ExportTraceServiceRequest) -> Iterator[Collected]:
    """The spans of one export."""
    for resource in request.resource_spans:
        about = _attributes(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Collected(
                    name=span.name,
                    kind=span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    attributes=_attributes(span.attributes),
                    events=[event.name for event in span.events],
                    error=span.status.message if span.status.code == 2 else None,
                    resource=about,
                )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def collected(receiver: HttpReceiver) -> list[Collected]:
    """The spans that came by HTTP."""
    found: list[Collected] = []
    for request in receiver.requests:
        zipped = request.headers.get("content-encoding") == "gzip"
        body = gzip.decompress(request.body) if zipped else request.body
        found += spans_of(ExportTraceServiceRequest.FromString(body))
    return found


class _Servicer(TraceServiceServicer):
    def __init__(self, exports: list[tuple[ExportTraceServiceRequest, dict[str, str]]]) -> None:
        self._exports = exports

    def Export(self, request: ExportTraceServiceRequest, context: Any) -> ExportTraceServiceResponse:  # noqa: N802
        metadata = {name: value for name, value in context.invocation_metadata() if isinstance(value, str)}
        self._exports.append((request, metadata))
        return ExportTraceServiceResponse()


@contextmanager
def grpc_collector(
    credentials: Any = None,
) -> Iterator[tuple[int, list[tuple[ExportTraceServiceRequest, dict[str, str]]]]]:
    """A gRPC collector: its port on loopback, and what came with its metadata."""
    exports: list[tuple[ExportTraceServiceRequest, dict[str, str]]] = []
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    add_TraceServiceServicer_to_server(_Servicer(exports), server)  # type: ignore[no-untyped-call]
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield port, exports
    finally:
        server.stop(None).wait()
