"""Spans, who gets them, and what the keys under ``tracing:`` do (`config.md` 9.1)."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
import trustme

from alertrouter import tracing
from alertrouter.clock import SystemClock
from alertrouter.config import load_text
from alertrouter.config.http import HttpConfig
from alertrouter.config.observability import TracingConfig
from alertrouter.http_client import HttpClient
from alertrouter.tracing.manager import Tracing
from tests.receivers import Answer, HttpReceiver
from tests.tracing.collector import collected, grpc_collector, spans_of
from tests.waiting import PATIENCE

pytestmark = pytest.mark.anyio


def config(text: str, directory: Path = Path()) -> TracingConfig | None:
    """What a file with this ``tracing`` says."""
    whole = f"route: {{receiver: r}}\nreceivers: [{{name: r}}]\ntracing: {text}\n"
    return load_text(whole, directory=directory).tracing


@asynccontextmanager
async def traced(text: str, *, patience: float = PATIENCE) -> AsyncIterator[Tracing]:
    """Everything inside is traced so; all of it has been exported behind it."""
    manager = Tracing(patience=patience)
    said = config(text)
    await manager.install(said, await asyncio.to_thread(manager.prepare, said))
    try:
        yield manager
    finally:
        await manager.close()


def over_http(receiver: HttpReceiver, more: str = "sampling_fraction: 1, insecure: true") -> str:
    return f"{{client_type: http, endpoint: '127.0.0.1:{receiver.port}', {more}}}"


async def test_nothing_is_made_while_nobody_watches() -> None:
    with tracing.span("work") as span:
        span.set("a", 1)
        assert not span.is_recorded
    assert not tracing.is_on()
    assert tracing.headers() == {}
    assert tracing.begin("work") is tracing.NOTHING


def test_the_sdk_is_not_imported_unless_it_is_asked_for() -> None:
    check = "import sys, alertrouter.daemon; sys.exit(bool({'opentelemetry.sdk', 'grpc', 'requests'} & {*sys.modules}))"
    subprocess.run([sys.executable, "-c", check], check=True)


async def test_spans_go_out_with_their_relations() -> None:
    async with HttpReceiver() as receiver:
        async with traced(over_http(receiver)):
            with tracing.span("outer", kind=tracing.Kind.SERVER, attributes={"a": "b"}) as outer:
                outer.event("half way", {"count": 2})
                with tracing.span("inner") as inner:
                    inner.fail("it broke")
                root = tracing.begin("another", attributes={"n": 3})
                child = tracing.begin("child", parent=root)
                with tracing.span("grandchild", kind=tracing.Kind.CLIENT, parent=child):
                    pass
                child.end()
                root.end()
        spans = {span.name: span for span in collected(receiver)}
    assert receiver.requests[0].target == "/v1/traces"
    assert (spans["outer"].kind, spans["outer"].parent, spans["outer"].attributes) == (
        "SERVER",
        "",
        {"a": "b"},
    )
    assert spans["outer"].events == ["half way"]
    assert (spans["inner"].parent, spans["inner"].error) == (spans["outer"].id, "it broke")
    assert spans["another"].parent == ""
    assert spans["another"].trace != spans["outer"].trace
    assert spans["child"].parent == spans["another"].id
    assert (spans["grandchild"].parent, spans["grandchild"].kind) == (spans["child"].id, "CLIENT")
    assert spans["outer"].resource["service.name"] == "alertmanager"
    assert not tracing.is_on()


async def test_an_exception_ends_a_span_and_leaves_no_words_on_it() -> None:
    async with HttpReceiver() as receiver:
        async with traced(over_http(receiver)):
            with pytest.raises(ValueError, match="hush"), tracing.span("work"):
                raise ValueError("hush")
        [span] = collected(receiver)
        assert all(b"hush" not in request.body for request in receiver.requests)
    assert (span.name, span.error, span.events) == ("work", None, [])


@pytest.mark.parametrize(("fraction", "count"), [("0", 0), ("-3", 0), ("1", 3), ("17", 3)])
async def test_a_fraction_of_what_begins_here_is_sampled(fraction: str, count: int) -> None:
    async with HttpReceiver() as receiver:
        async with traced(over_http(receiver, f"sampling_fraction: {fraction}, insecure: true")):
            for _ in range(3):
                with tracing.span("work") as span:
                    assert span.is_recorded == bool(count)
                    assert bool(tracing.headers()) == bool(count)
        assert len(collected(receiver)) == count


@pytest.mark.parametrize(("flag", "count"), [("01", 1), ("00", 0)])
async def test_who_asks_decides_whether_it_is_sampled(flag: str, count: int) -> None:
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    carrier = {"traceparent": f"00-{trace}-{parent}-{flag}"}
    async with HttpReceiver() as receiver:
        async with traced(over_http(receiver, f"sampling_fraction: {1 - count}, insecure: true")):
            with tracing.span("work", carrier=carrier):
                pass
        spans = collected(receiver)
    assert [(span.trace, span.parent) for span in spans] == [(trace, parent)] * count


async def test_a_request_inside_a_span_carries_it_and_shows_no_path() -> None:
    async with HttpReceiver() as receiver, HttpReceiver() as server:
        server.answer_with(Answer(200), Answer(500))
        client = HttpClient(HttpConfig(), SystemClock())
        async with traced(over_http(receiver)):
            await client.post(server.url("/without"), content=b"{}")
            with tracing.span("attempt"):
                await client.post(server.url("/t0ken?key=t0ken"), content=b"{}")
        await client.aclose()
        spans = {span.name: span for span in collected(receiver)}
        assert all(b"t0ken" not in request.body for request in receiver.requests)
    outside, inside = server.requests
    assert "traceparent" not in outside.headers
    span = spans["HTTP POST"]
    assert inside.headers["traceparent"].rpartition("-")[0] == f"00-{span.trace}-{span.id}"
    assert (span.parent, span.kind, span.error) == (spans["attempt"].id, "CLIENT", "answered 500")
    assert span.attributes == {
        "http.request.method": "POST",
        "url.scheme": "http",
        "server.address": "127.0.0.1",
        "http.response.status_code": 500,
    }


async def test_headers_and_compression_by_http() -> None:
    more = (
        "sampling_fraction: 1, insecure: true, compression: gzip, timeout: 3s, "
        "headers: {X-Tenant: {values: [one, two]}, X-Key: {secrets: [hush]}}"
    )
    async with HttpReceiver() as receiver:
        async with traced(over_http(receiver, more)):
            with tracing.span("work"):
                pass
        [span] = collected(receiver)
    headers = receiver.requests[0].headers
    assert span.name == "work"
    assert (headers["content-encoding"], headers["x-tenant"], headers["x-key"]) == ("gzip", "one", "hush")


async def test_headers_by_grpc() -> None:
    with grpc_collector() as (port, exports):
        text = (
            f"{{endpoint: '127.0.0.1:{port}', insecure: true, sampling_fraction: 1, compression: gzip,"
            " headers: {X-Tenant: {values: [one]}}}"
        )
        async with traced(text):
            with tracing.span("work"):
                pass
        [(request, metadata)] = exports
    assert [span.name for span in spans_of(request)] == ["work"]
    assert metadata["x-tenant"] == "one"


async def test_certificates_by_http_and_grpc(tmp_path: Path) -> None:
    ca = trustme.CA()
    certificate = ca.issue_cert("collector.example")
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    tls = f"tls_config: {{ca_file: {tmp_path}/ca.pem, server_name: collector.example}}, sampling_fraction: 1"
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    async with HttpReceiver(tls=context) as receiver:
        async with traced(over_http(receiver, tls)):
            with tracing.span("work"):
                pass
        assert [span.name for span in collected(receiver)] == ["work"]
        anything = "tls_config: {insecure_skip_verify: true}, sampling_fraction: 1"
        async with traced(over_http(receiver, anything)):
            with tracing.span("unverified"):
                pass
        assert [span.name for span in collected(receiver)] == ["work", "unverified"]
    [chain] = certificate.cert_chain_pems
    credentials = grpc.ssl_server_credentials([(certificate.private_key_pem.bytes(), chain.bytes())])
    with grpc_collector(credentials) as (port, exports):
        async with traced(f"{{endpoint: '127.0.0.1:{port}', {tls}}}"):
            with tracing.span("work"):
                pass
        assert len(exports) == 1


async def test_an_unknown_certificate_is_not_trusted(caplog: pytest.LogCaptureFixture) -> None:
    ca = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    async with HttpReceiver(tls=context) as receiver:
        async with traced(over_http(receiver, "sampling_fraction: 1, timeout: 500ms")):
            with tracing.span("work"):
                pass
        assert receiver.requests == []
    assert "Failed to export" in caplog.text or "retry" in caplog.text.lower()


async def test_a_collector_that_is_not_there_holds_nobody_up(caplog: pytest.LogCaptureFixture) -> None:
    text = (
        "{client_type: http, endpoint: '127.0.0.1:9', insecure: true, sampling_fraction: 1, timeout: 1500ms}"
    )
    threads = set(threading.enumerate())
    async with traced(text, patience=0.2):
        for _ in range(100):
            with tracing.span("work"):
                pass
    # That is said when they are given up, before the collector's time is up.
    assert "The collector did not take the last spans in time" in caplog.text
    # They try once more, and are not to disturb other tests.
    for thread in set(threading.enumerate()) - threads:
        if thread.name in {"end of tracing", "OtelBatchSpanRecordProcessor"}:
            await asyncio.to_thread(thread.join)


async def test_header_files_are_refused_as_alertmanager_does() -> None:
    said = config("{endpoint: 'here:4317', headers: {X: {files: [key]}}}")
    with pytest.raises(ValueError, match=r"^header files are not supported for tracing configuration$"):
        Tracing().prepare(said)


async def test_a_certificate_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for client in ("http", "grpc"):
        said = config(
            f"{{client_type: {client}, endpoint: 'here:1', tls_config: {{ca_file: {tmp_path}/none}}}}"
        )
        with pytest.raises(ValueError, match="unable to read CA cert"):
            Tracing().prepare(said)


async def test_without_the_extra_there_is_a_warning_and_no_tracer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.delitem(sys.modules, "alertrouter.tracing.opentelemetry", raising=False)
    assert Tracing().prepare(config("{endpoint: 'here:4317'}")) is None
    [record] = caplog.records
    assert record.getMessage() == "tracing has no effect: opentelemetry.sdk.trace is not installed"
    assert vars(record)["hint"].startswith("pip install 'alertrouter[tracing]'")


async def test_what_grpc_cannot_do_is_told(caplog: pytest.LogCaptureFixture) -> None:
    text = "{endpoint: 'here:4317', tls_config: {insecure_skip_verify: true}}"
    assert Tracing().prepare(config(text)) is None
    assert "tracing has no effect: insecure_skip_verify cannot be had with client_type grpc" in caplog.text


async def test_another_configuration_takes_over_and_the_same_one_does_not() -> None:
    async with HttpReceiver() as first, HttpReceiver() as second:
        async with traced(over_http(first)) as manager:
            same = config(over_http(first))
            tracer = manager.prepare(same)
            await manager.install(same, tracer)
            with tracing.span("one"):
                pass
            other = config(over_http(second))
            await manager.install(other, await asyncio.to_thread(manager.prepare, other))
            with tracing.span("two"):
                pass
            await manager.install(None, manager.prepare(None))
            with tracing.span("three"):
                pass
        assert [span.name for span in collected(first)] == ["one"]
        assert [span.name for span in collected(second)] == ["two"]
