"""Queries over HTTP, against a server that answers well, badly, and not at all."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import shlex
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme

from alertrouter.clock import SystemClock, Timer
from alertrouter.config.http import TlsConfig
from alertrouter.core.time import MILLISECOND, MINUTE, SECOND
from alertrouter.rules.backend import HttpBackend
from alertrouter.rules.model import PartialResponse, RuleGroup
from alertrouter.rules.ports import QueryError
from alertrouter.rules.query_config import QueryConfig
from alertrouter.templating.rule_functions import Histogram
from benchmarks.processes import free_port
from tests.receivers import Answer, Behaviours, HttpReceiver, Misbehave, ReceivedRequest
from tests.rules.clocks import HurriedClock

pytestmark = pytest.mark.anyio

AT = 1_700_000_000 * SECOND + 123 * MILLISECOND
LIMIT = MINUTE


@asynccontextmanager
async def connected(*urls: str, clock: Timer | None = None, **config: Any) -> AsyncIterator[HttpBackend]:
    backend = HttpBackend(urls, QueryConfig.model_validate(config), clock or HurriedClock())
    try:
        yield backend
    finally:
        await backend.aclose()


def vector(*series: tuple[dict[str, str], str], **extra: object) -> Answer:
    result = [{"metric": labels, "value": [1700000000.123, value]} for labels, value in series]
    return success({"resultType": "vector", "result": result}, **extra)


def success(data: object, **extra: object) -> Answer:
    body = {"status": "success", "data": data, **extra}
    return Answer(200, json.dumps(body).encode(), {"Content-Type": "application/json"})


def failure(status: int, kind: str, message: str) -> Answer:
    return Answer(status, json.dumps({"status": "error", "errorType": kind, "error": message}).encode())


def form(request: ReceivedRequest) -> dict[str, list[str]]:
    return parse_qs(request.body.decode(), keep_blank_values=True)


async def refused(*behaviours: Behaviours, **config: Any) -> tuple[QueryError, int]:
    """The error that these answers lead to, and how many requests were made."""
    async with HttpReceiver() as server, connected(server.url(), **config) as backend:
        server.answer_with(*behaviours)
        with pytest.raises(QueryError) as caught:
            await backend.query("up", AT, timeout=LIMIT)
    return caught.value, len(server.requests)


async def test_a_query_is_posted_as_a_form_with_its_moment_in_milliseconds() -> None:
    async with HttpReceiver() as server, connected(server.url("/prometheus/")) as backend:
        server.answer_with(vector(({"__name__": "up", "job": "a"}, "1")))

        answer = await backend.query("up == 0 and b{c=~'ü+'}", AT, timeout=90 * SECOND)

    [request] = server.requests
    assert (request.method, request.target) == ("POST", "/prometheus/api/v1/query")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["user-agent"].startswith("alertrouter/")
    assert form(request) == {
        "query": ["up == 0 and b{c=~'ü+'}"],
        "time": ["1700000000.123"],
        "timeout": ["1m30s"],
    }
    assert [(each.labels, each.value) for each in answer.samples] == [({"__name__": "up", "job": "a"}, 1.0)]
    assert (answer.warnings, answer.partial, answer.series_fetched) == ((), False, None)


async def test_a_query_by_get_has_its_parameters_in_the_url() -> None:
    config: dict[str, Any] = {
        "method": "GET",
        "params": {"dedup": ["true"], "storeMatch[]": ['{a="b"}', "c"]},
    }
    async with HttpReceiver() as server, connected(server.url("/p?tenant=1"), **config) as backend:
        server.answer_with(vector())
        assert (await backend.query("up", AT, timeout=LIMIT)).samples == []

    [request] = server.requests
    parts = urlsplit(request.target)
    assert (request.method, parts.path, request.body) == ("GET", "/p/api/v1/query", b"")
    assert parse_qs(parts.query) == {
        "tenant": ["1"],
        "query": ["up"],
        "time": ["1700000000.123"],
        "timeout": ["1m"],
        "dedup": ["true"],
        "storeMatch[]": ['{a="b"}', "c"],
    }


async def test_values_that_are_no_ordinary_numbers() -> None:
    async with HttpReceiver() as server, connected(server.url()) as backend:
        server.answer_with(
            vector(({"a": "1"}, "NaN"), ({"a": "2"}, "+Inf"), ({"a": "3"}, "-Inf"), ({"a": "4"}, "1e-7"))
        )
        values = [each.value for each in (await backend.query("x", AT, timeout=LIMIT)).samples]

    assert isinstance(values[0], float)
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf, 1e-7]


async def test_a_scalar_is_one_sample_without_labels() -> None:
    async with HttpReceiver() as server, connected(server.url()) as backend:
        server.answer_with(success({"resultType": "scalar", "result": [1700000000, "2.5"]}))
        [sample] = (await backend.query("2.5", AT, timeout=LIMIT)).samples

    assert (sample.labels, sample.value) == ({}, 2.5)


async def test_a_native_histogram_is_a_value_with_a_text() -> None:
    histogram = {"count": "3", "sum": "4.5", "buckets": [[0, "1", "2", "2"], [3, "-1", "1", "1"]]}
    result = [{"metric": {"a": "b"}, "histogram": [1700000000, histogram]}]
    async with HttpReceiver() as server, connected(server.url()) as backend:
        server.answer_with(success({"resultType": "vector", "result": result}))
        [sample] = (await backend.query("h", AT, timeout=LIMIT)).samples

    assert isinstance(sample.value, Histogram)
    assert sample.value.__go_string__() == "{count:3, sum:4.5, (1,2]:2, [-1,1]:1}"


@pytest.mark.parametrize("kind", ["matrix", "string"])
async def test_r57_text_and_matrices_are_errors(kind: str) -> None:
    error, asked = await refused(success({"resultType": kind, "result": [1700000000, "text"]}))

    assert str(error) == "rule result is not a vector or scalar"
    assert (error.temporary, asked) == (False, 1)


async def test_r64_warnings_are_handed_on() -> None:
    async with HttpReceiver() as server, connected(server.url()) as backend:
        server.answer_with(vector(warnings=["a store is away"], infos=["metric might not be a counter"]))
        answer = await backend.query("up", AT, timeout=LIMIT)

    assert (answer.warnings, answer.partial) == (("a store is away",), False)


async def test_r65_what_victoriametrics_says_besides() -> None:
    async with HttpReceiver() as server, connected(server.url()) as backend:
        server.answer_with(
            vector(isPartial=True, stats={"seriesFetched": "12", "executionTimeMsec": 3}),
            vector(isPartial=False, stats={"timings": {}}),
        )
        partial = await backend.query("up", AT, timeout=LIMIT)
        whole = await backend.query("up", AT, timeout=LIMIT)

    assert (partial.partial, partial.series_fetched) == (True, 12)
    assert (whole.partial, whole.series_fetched) == (False, None)


@pytest.mark.parametrize(
    ("status", "kind", "temporary"),
    [(400, "bad_data", False), (422, "execution", False), (500, "internal", True)],
)
async def test_r63_what_the_backend_refuses_is_not_asked_again(
    status: int, kind: str, temporary: bool
) -> None:
    error, asked = await refused(failure(status, kind, 'invalid parameter "query": 1:7: parse error'))

    assert str(error) == f'{kind}: invalid parameter "query": 1:7: parse error'
    assert (error.kind, error.temporary, asked) == (kind, temporary, 1)


@pytest.mark.parametrize(("status", "text"), [(401, "who are you"), (403, "no"), (404, ""), (405, "POST?")])
async def test_refusals_in_plain_text(status: int, text: str) -> None:
    error, asked = await refused(Answer(status, text.encode()))

    assert str(error) == f"the backend answered {status}" + (f": {text}" if text else "")
    assert asked == 1


async def test_r63_after_a_reset_the_same_query_is_sent_once_more() -> None:
    async with HttpReceiver() as server, connected(server.url()) as backend:
        server.answer_with(Misbehave.CLOSE, vector(({"a": "b"}, "1")))
        answer = await backend.query("up", AT, timeout=LIMIT)

    assert len(answer.samples) == 1
    first, second = server.requests
    assert form(first) == form(second)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_what_passes_is_tried_once_more_and_no_more(status: int) -> None:
    error, asked = await refused(failure(status, "timeout", "query timed out in query queue"))

    assert (str(error), error.temporary, asked) == ("timeout: query timed out in query queue", True, 2)


async def test_a_retry_waits_as_it_is_asked_to_if_there_is_time() -> None:
    clock = HurriedClock()
    async with HttpReceiver() as server, connected(server.url(), clock=clock) as backend:
        server.answer_with(Answer(429, b"", {"Retry-After": "3"}), vector())
        await backend.query("up", AT, timeout=LIMIT)
        assert clock.slept == [3 * SECOND]

        server.answer_with(Answer(429, b"", {"Retry-After": "300"}))
        with pytest.raises(QueryError, match="the backend answered 429"):
            await backend.query("up", AT, timeout=LIMIT)
        assert len(server.requests) == 3


async def test_r66_of_a_page_for_people_500_characters_are_shown() -> None:
    page = b"<html>\n<head><title>502 Bad Gateway</title></head>\n" + b"<p>nginx</p>\n" * 200
    error, _ = await refused(Answer(502, page))

    text = str(error).removeprefix("the backend answered 502: ")
    assert text.startswith("<html> <head><title>502 Bad Gateway</title></head> <p>nginx</p>")
    assert len(text) == 500


async def test_r67_a_slow_answer_is_an_error_and_lets_the_connection_go() -> None:
    async with HttpReceiver() as server, connected(server.url(), clock=SystemClock()) as backend:
        server.answer_with(Misbehave.HANG)
        with pytest.raises(QueryError, match="query timed out: no answer within 1s") as caught:
            await backend.query("up", AT, timeout=SECOND)
        assert (caught.value.kind, caught.value.temporary) == ("timeout", True)

        server.answer_with(vector())
        assert (await backend.query("up", AT, timeout=LIMIT)).samples == []
        assert server.connections == 2


async def test_the_shorter_of_two_time_limits_counts() -> None:
    async with (
        HttpReceiver() as server,
        connected(server.url(), clock=SystemClock(), timeout=50 * MILLISECOND) as backend,
    ):
        server.answer_with(Misbehave.HANG)
        with pytest.raises(QueryError, match="50ms"):
            await backend.query("up", AT, timeout=LIMIT)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b'{"status":"success"}',
        b'{"status":"success","data":{"resultType":"vector"}}',
        b'{"status":"success","data":{"resultType":"scalar"}}',
        b'{"status":"success","data":{"resultType":"vector","result":{}}}',
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"one"]}]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":1},"value":[1,"1"]}]}}',
        b'{"status":"success","data":{"resultType":"scalar","result":[]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{"\xff":""},"value":[1,"1"]}]}}',
    ],
)
async def test_garbage_is_an_error_that_shows_it(body: bytes) -> None:
    error, asked = await refused(Answer(200, body))

    assert asked == 1
    assert (error.kind, error.temporary) == ("bad_response", True)
    assert body[:20].decode("utf-8", "replace") in str(error)


@pytest.mark.parametrize("behaviour", [Misbehave.GARBAGE, Misbehave.CUT, Misbehave.CLOSE])
async def test_answers_that_are_no_http(behaviour: Misbehave) -> None:
    error, asked = await refused(behaviour)

    assert (error.kind, error.temporary, asked) == ("unreachable", True, 2)
    assert str(error).startswith("http://127.0.0.1:")


async def test_nobody_there() -> None:
    port = free_port()
    url = f"http://user:word@127.0.0.1:{port}/select/0/prometheus?key=secret"
    async with connected(url) as backend:
        with pytest.raises(QueryError) as caught:
            await backend.query("up", AT, timeout=LIMIT)

    assert str(caught.value) == f"http://127.0.0.1:{port}: connection refused"


async def test_packed_answers_are_unpacked() -> None:
    packed = gzip.compress(vector(({"a": "b"}, "1")).body)
    async with HttpReceiver() as server, connected(server.url()) as backend:
        server.answer_with(Answer(200, packed, {"Content-Encoding": "gzip"}))
        assert len((await backend.query("up", AT, timeout=LIMIT)).samples) == 1
        assert server.requests[0].headers["accept-encoding"] == "gzip"

        server.answer_with(Answer(200, b"no gzip", {"Content-Encoding": "gzip"}))
        with pytest.raises(QueryError, match="not gzip"):
            await backend.query("up", AT, timeout=LIMIT)


async def test_packing_can_be_switched_off() -> None:
    async with HttpReceiver() as server, connected(server.url(), compression=False) as backend:
        server.answer_with(vector())
        await backend.query("up", AT, timeout=LIMIT)

    assert "accept-encoding" not in server.requests[0].headers


async def test_an_answer_of_many_megabytes_is_read_to_its_end() -> None:
    series = [({"instance": f"host-{number}", "filler": "x" * 250}, "1") for number in range(10_000)]
    async with HttpReceiver() as server, connected(server.url()) as backend:
        server.answer_with(vector(*series))
        answer = await backend.query("up", AT, timeout=30 * SECOND)

    assert len(answer.samples) == 10_000
    assert answer.samples[-1].labels["instance"] == "host-9999"


async def test_the_next_backend_is_asked_when_one_is_away_and_first_from_then_on() -> None:
    async with (
        HttpReceiver() as bad,
        HttpReceiver() as good,
        connected(f"http://127.0.0.1:{free_port()}", bad.url(), good.url()) as backend,
    ):
        bad.answer_with(Answer(503))
        good.answer_with(vector(({"a": "b"}, "1")))
        for _ in range(3):
            assert len((await backend.query("up", AT, timeout=LIMIT)).samples) == 1
        assert (len(bad.requests), len(good.requests)) == (1, 3)

        good.answer_with(Misbehave.CLOSE)
        bad.answer_with(vector())
        await backend.query("up", AT, timeout=LIMIT)
        assert len(bad.requests) == 2


async def test_when_no_backend_is_there_the_error_says_so() -> None:
    one, other = free_port(), free_port()
    async with connected(f"http://127.0.0.1:{one}", f"http://127.0.0.1:{other}") as backend:
        with pytest.raises(QueryError) as caught:
            await backend.query("up", AT, timeout=LIMIT)

    assert str(caught.value) == (
        f"no query backend can be reached, at last http://127.0.0.1:{other}: connection refused"
    )


async def test_after_a_time_out_another_backend_is_asked_first() -> None:
    async with HttpReceiver() as slow, HttpReceiver() as good:
        slow.answer_with(Misbehave.HANG)
        good.answer_with(vector())
        async with connected(slow.url(), good.url(), clock=SystemClock()) as backend:
            with pytest.raises(QueryError, match="timed out"):
                await backend.query("up", AT, timeout=SECOND)
            await backend.query("up", AT, timeout=LIMIT)

        assert (len(slow.requests), len(good.requests)) == (1, 1)


async def test_who_asks() -> None:
    config: dict[str, Any] = {
        "basic_auth": {"username": "u", "password": "hunter22"},
        "http_headers": {"X-Extra": {"values": ["e"]}},
        "tenant": "team-a",
    }
    async with HttpReceiver() as server, connected(server.url(), **config) as backend:
        server.answer_with(vector())
        await backend.query("up", AT, timeout=LIMIT)

    headers = server.requests[0].headers
    assert headers["authorization"] == "Basic dTpodW50ZXIyMg=="
    assert (headers["x-extra"], headers["x-scope-orgid"]) == ("e", "team-a")


async def test_a_group_adds_parameters_headers_and_tenants() -> None:
    group = RuleGroup(
        file="f",
        name="g",
        params={"dedup": ("false",), "nocache": ("1",)},
        headers=(("user-agent", "me"), ("X-B", "c")),
        source_tenants=("a", "b"),
    )
    config: dict[str, Any] = {"params": {"dedup": ["true"], "limit": ["5"]}, "tenant": "own"}
    async with HttpReceiver() as server, connected(server.url(), **config) as backend:
        server.answer_with(vector())
        await backend.query("up", AT, timeout=LIMIT, group=group)
        await backend.query("up", AT, timeout=LIMIT, group=RuleGroup(file="f", name="h"))

    first, second = server.requests
    assert form(first) == form(second) | {"dedup": ["false"], "nocache": ["1"]}
    assert (first.headers["user-agent"], first.headers["x-b"]) == ("me", "c")
    assert (first.headers["x-scope-orgid"], second.headers["x-scope-orgid"]) == ("a|b", "own")


@pytest.mark.parametrize(
    ("partial_response", "said"), [(PartialResponse.ABORT, "false"), (PartialResponse.WARN, "true")]
)
async def test_thanos_is_told_whether_it_may_leave_out_a_store(
    partial_response: PartialResponse, said: str
) -> None:
    group = RuleGroup(file="f", name="g", partial_response=partial_response)
    async with HttpReceiver() as server, connected(server.url(), type="thanos") as backend:
        server.answer_with(vector())
        await backend.query("up", AT, timeout=LIMIT, group=group)

    assert form(server.requests[0])["partial_response"] == [said]


async def test_no_secret_is_told_even_if_the_backend_repeats_it() -> None:
    config: dict[str, Any] = {
        "basic_auth": {"username": "u", "password": "hunter22"},
        "http_headers": {"X-Key": {"secrets": ["opensesame"]}},
    }
    echo = failure(400, "bad_data", "you sent Basic dTpodW50ZXIyMg== and hunter22 with opensesame")
    plain = Answer(502, b"upstream http://u:hunter22@inner/ is away; opensesame")
    for behaviour in (echo, plain):
        error, _ = await refused(behaviour, **config)
        assert not [s for s in ("hunter22", "opensesame", "dTpodW50ZXIyMg==") if s in str(error)]
        assert "<secret>" in str(error)


async def test_secrets_in_files_are_read_anew(tmp_path: Any) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    config: dict[str, Any] = {"authorization": {"credentials_file": str(token)}}
    async with HttpReceiver() as server, connected(server.url(), **config) as backend:
        server.answer_with(vector())
        await backend.query("up", AT, timeout=LIMIT)
        token.write_text("second\n")
        await backend.query("up", AT, timeout=LIMIT)
        token.unlink()
        with pytest.raises(QueryError, match=r"unable to read authorization credentials from .*token"):
            await backend.query("up", AT, timeout=LIMIT)

    assert [each.headers["authorization"] for each in server.requests] == ["Bearer first", "Bearer second"]


async def test_tokens_of_oauth2_are_fetched_once_and_sent() -> None:
    async with HttpReceiver() as tokens, HttpReceiver() as server:
        tokens.answer_with(
            Answer(200, b'{"access_token": "t0ken", "token_type": "bearer", "expires_in": 3600}')
        )
        server.answer_with(vector())
        oauth2 = {"client_id": "rules", "client_secret": "hunter22", "token_url": tokens.url("/token")}
        async with connected(server.url(), oauth2=oauth2) as backend:
            for _ in range(2):
                await backend.query("up", AT, timeout=LIMIT)

            assert [each.headers["authorization"] for each in server.requests] == ["Bearer t0ken"] * 2
            assert len(tokens.requests) == 1

        tokens.answer_with(Answer(403, b"hunter22 is wrong"))
        async with connected(server.url(), oauth2=oauth2) as backend:
            with pytest.raises(
                QueryError, match="cannot fetch token: the token server answered 403"
            ) as caught:
                await backend.query("up", AT, timeout=LIMIT)
            assert "hunter22" not in str(caught.value)


async def test_tls_with_an_authority_of_its_own() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("backend.test").configure_cert(context)
    tls = TlsConfig(ca=authority.cert_pem.bytes().decode(), server_name="backend.test")
    async with HttpReceiver(context) as server:
        server.answer_with(vector())
        async with connected(server.url(), tls_config=tls) as backend:
            assert (await backend.query("up", AT, timeout=LIMIT)).samples == []
        async with connected(server.url()) as backend:
            with pytest.raises(QueryError, match="TLS: the certificate is not accepted"):
                await backend.query("up", AT, timeout=LIMIT)


async def test_at_64_queries_at_once_connections_are_few_and_used_again() -> None:
    async with HttpReceiver() as server, connected(server.url(), clock=SystemClock()) as backend:
        server.answer_with(vector(({"a": "b"}, "1")))
        for _ in range(4):
            answers = await asyncio.gather(*[backend.query(f"up{n}", AT, timeout=LIMIT) for n in range(200)])
            assert [len(each.samples) for each in answers] == [1] * 200

        assert len(server.requests) == 800
        assert server.connections <= 64


async def test_a_query_that_is_cancelled_leaves_no_connection_behind() -> None:
    async with HttpReceiver() as server, connected(server.url(), concurrency=1) as backend:
        server.answer_with(Misbehave.HANG)
        task = asyncio.create_task(backend.query("up", AT, timeout=LIMIT))
        await server.wait_for(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        server.answer_with(vector())
        assert (await backend.query("up", AT, timeout=LIMIT)).samples == []


async def test_a_backend_that_has_moved_is_followed() -> None:
    async with HttpReceiver() as old, HttpReceiver() as new, connected(old.url()) as backend:
        old.answer_with(Answer(307, b"", {"Location": new.url("/api/v1/query")}))
        new.answer_with(vector(({"a": "b"}, "1")))
        for _ in range(2):
            assert len((await backend.query("up", AT, timeout=LIMIT)).samples) == 1

    assert form(new.requests[0])["query"] == ["up"]
    assert new.requests[0].headers["content-type"] == "application/x-www-form-urlencoded"


async def test_a_new_certificate_authority_is_used_from_the_next_query_on(tmp_path: Any) -> None:
    old, new = trustme.CA(), trustme.CA()
    file = tmp_path / "ca.pem"
    new.cert_pem.write_to_path(file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    new.issue_cert("127.0.0.1").configure_cert(context)
    async with (
        HttpReceiver(context) as server,
        connected(server.url(), tls_config={"ca_file": str(file)}) as backend,
    ):
        server.answer_with(vector())
        await backend.query("up", AT, timeout=LIMIT)
        file.write_bytes(old.cert_pem.bytes() + b"\n")
        with pytest.raises(QueryError, match="TLS: the certificate is not accepted"):
            await backend.query("up", AT, timeout=LIMIT)
        file.write_bytes(new.cert_pem.bytes() + b"\n\n")
        await backend.query("up", AT, timeout=LIMIT)


async def test_queries_wait_for_their_turn_in_order_and_one_that_is_given_up_makes_room() -> None:
    async with (
        HttpReceiver() as server,
        connected(server.url(), concurrency=1, clock=SystemClock()) as backend,
    ):
        server.answer_with(Misbehave.HANG, vector())
        first = asyncio.create_task(backend.query("first", AT, timeout=2 * SECOND))
        await server.wait_for(1)
        second = asyncio.create_task(backend.query("second", AT, timeout=50 * MILLISECOND))
        third = asyncio.create_task(backend.query("third", AT, timeout=LIMIT))
        with pytest.raises(QueryError, match="timed out"):
            await second
        with pytest.raises(QueryError, match="timed out"):
            await first
        await third

    assert [form(request)["query"] for request in server.requests] == [["first"], ["third"]]


async def test_a_command_line_asks_the_same_and_has_no_secret_in_it() -> None:
    async with connected(
        "http://ann:hidden1@db:9090/select/0?token=hidden2",
        tenant="blue",
        params={"dedup": ["hidden3"]},
        basic_auth={"username": "ann", "password": "hidden4"},
    ) as backend:
        group = RuleGroup(
            file="f",
            name="g",
            headers=(("X-Key", "hidden5"),),
            params={"nocache": ("1",)},
            source_tenants=("a", "b"),
        )
        line = backend.curl('up{job="it\'s"} == 0', AT, group)
    assert "hidden" not in line
    assert shlex.split(line) == [
        *("curl", "-H", "X-Scope-OrgID: a|b", "-H", "X-Key: <secret>"),
        *("--data-urlencode", 'query=up{job="it\'s"} == 0', "--data-urlencode", "time=1700000000.123"),
        *("--data-urlencode", "dedup=<secret>", "--data-urlencode", "nocache=1"),
        "http://db:9090/select/0/api/v1/query",
    ]


async def test_a_command_line_for_a_proxy_that_takes_get_alone() -> None:
    async with connected("http://db:9090", method="GET") as backend:
        assert backend.curl("up", AT, RuleGroup(file="f", name="g")).startswith(
            "curl -G --data-urlencode query=up "
        )
