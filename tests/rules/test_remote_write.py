"""Remote write: what is sent, in which order, and what happens when it is not taken."""

from __future__ import annotations

import math
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from alertrouter.clock import SystemClock, Timer
from alertrouter.core.time import MILLISECOND, MINUTE, SECOND, Duration, Moment
from alertrouter.rules.ports import NORMAL_NAN_BITS, STALE, STALE_BITS, Point
from alertrouter.rules.query_config import RemoteWriteConfig
from alertrouter.rules.remote_write import RemoteWriter, RemoteWriters
from alertrouter.rules.wire_metrics import WriteMetrics
from alertrouter.rules.write_request import encoded_series, packed_request, varint
from tests.receivers import Answer, HttpReceiver, Misbehave
from tests.rules.clocks import HurriedClock
from tests.waiting import until

pytestmark = pytest.mark.anyio

AT = 1_700_000_000 * SECOND + 123 * MILLISECOND


class Written(NamedTuple):
    """A sample as a receiver reads it; ``bits`` are those of the value."""

    labels: tuple[tuple[str, str], ...]
    bits: int
    milliseconds: int

    @property
    def value(self) -> float:
        return float(struct.unpack("<d", self.bits.to_bytes(8, "little"))[0])


def read(body: bytes) -> list[Written]:
    """The samples of a request."""
    return [_series(series) for _, series in _fields(bytes(cramjam.snappy.decompress_raw(body)))]


def _series(text: Any) -> Written:
    labels, samples = [], []
    for number, value in _fields(text):
        if number == 1:
            parts = dict(_fields(value))
            labels.append((parts.get(1, b"").decode(), parts.get(2, b"").decode()))
        else:
            samples.append(dict(_fields(value)))
    [sample] = samples
    moment = sample.get(2, 0)
    return Written(
        tuple(labels), int.from_bytes(sample[1], "little"), moment - (1 << 64 if moment >> 63 else 0)
    )


def _fields(text: bytes) -> list[tuple[int, Any]]:
    found: list[tuple[int, Any]] = []
    at = 0
    while at < len(text):
        key, at = _varint(text, at)
        match key & 7:
            case 0:
                value, at = _varint(text, at)
                found.append((key >> 3, value))
            case 1:
                found.append((key >> 3, text[at : at + 8]))
                at += 8
            case _:
                size, at = _varint(text, at)
                found.append((key >> 3, text[at : at + size]))
                at += size
    return found


def _varint(text: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (text[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not text[at - 1] & 0x80:
            return value, at


def point(name: str, value: float = 1.0, at: Moment = AT, **labels: str) -> Point:
    return Point({"__name__": name, **labels}, at, value)


class Writing(NamedTuple):
    writer: RemoteWriter
    registry: CollectorRegistry
    url: str

    def counted(self, name: str) -> float | None:
        labels = {"remote_name": "test", "url": self.url}
        return self.registry.get_sample_value(f"prometheus_remote_storage_{name}", labels)


@asynccontextmanager
async def writing(
    url: str,
    clock: Timer | None = None,
    external_labels: Mapping[str, str] | None = None,
    last_words: Duration = MINUTE,
    **config: Any,
) -> AsyncIterator[Writing]:
    registry = CollectorRegistry()
    writer = RemoteWriter(
        RemoteWriteConfig.model_validate({"url": url, "name": "test", **config}),
        clock or HurriedClock(),
        WriteMetrics(registry),
        external_labels=external_labels,
        last_words=last_words,
    )
    try:
        yield Writing(writer, registry, "/".join(url.split("/")[:3]))
    finally:
        await writer.aclose()


def names(server: HttpReceiver) -> list[str]:
    return [dict(each.labels)["__name__"] for request in server.requests for each in read(request.body)]


async def test_samples_are_sent_as_remote_write_1_has_them() -> None:
    async with HttpReceiver() as server, writing(server.url("/api/v1/write"), tenant="blue") as w:
        server.answer_with(Answer(204))
        w.writer.write(
            [point("ALERTS", zone="z", alertname="A", empty=""), point("x", math.inf, -5 * SECOND)]
        )
        await w.writer.flush(MINUTE)

    [request] = server.requests
    assert (request.method, request.target) == ("POST", "/api/v1/write")
    assert {
        name: request.headers[name] for name in request.headers if name not in {"host", "user-agent"}
    } == {
        "content-type": "application/x-protobuf",
        "content-encoding": "snappy",
        "x-prometheus-remote-write-version": "0.1.0",
        "x-scope-orgid": "blue",
        "content-length": str(len(request.body)),
    }
    alerts, x = read(request.body)
    assert alerts.labels == (("__name__", "ALERTS"), ("alertname", "A"), ("zone", "z"))
    assert (alerts.value, alerts.milliseconds) == (1.0, 1_700_000_000_123)
    assert (x.value, x.milliseconds) == (math.inf, -5000)


async def test_the_bits_of_the_stale_marker_arrive_and_other_nans_are_the_usual_one() -> None:
    async with HttpReceiver() as server, writing(server.url()) as w:
        w.writer.write([point("gone", STALE), point("nan", math.nan), point("nan", -math.nan)])
        await w.writer.flush(MINUTE)

    bits = [each.bits for each in read(server.requests[0].body)]
    assert bits == [STALE_BITS, NORMAL_NAN_BITS, NORMAL_NAN_BITS]


label_values = st.dictionaries(st.text(max_size=8), st.text(max_size=200), max_size=6)


@given(label_values, st.floats(allow_nan=False), st.integers(-(2**62), 2**62))
def test_whatever_is_written_is_read_again(labels: dict[str, str], value: float, at: int) -> None:
    [written] = read(packed_request([encoded_series(labels, at, value)]))

    # Half a surrogate pair has no UTF-8.
    wanted = {n.encode("utf-8", "replace"): v.encode("utf-8", "replace") for n, v in labels.items() if v}
    assert {n.encode(): v.encode() for n, v in written.labels} == wanted
    assert struct.pack("<d", written.value) == struct.pack("<d", value)
    assert written.milliseconds == at // MILLISECOND


@given(st.integers(0, 2**64 - 1))
def test_varints(number: int) -> None:
    assert _varint(varint(number), 0) == (number, len(varint(number)))


async def test_samples_of_one_moment_go_in_one_request_and_many_in_several_in_order() -> None:
    async with HttpReceiver() as server, writing(server.url(), queue_config={"max_samples_per_send": 3}) as w:
        for number in range(8):
            w.writer.write([point(f"s{number}")])
        await w.writer.flush(MINUTE)

    assert [len(read(request.body)) for request in server.requests] == [3, 3, 2]
    assert names(server) == [f"s{number}" for number in range(8)]


async def test_r112_what_is_refused_is_dropped_and_counted_and_the_rest_goes_on() -> None:
    async with HttpReceiver() as server, writing(server.url()) as w:
        server.answer_with(Answer(400, b"out of order sample"), Answer(204))
        w.writer.write([point("a"), point("b")])
        await w.writer.flush(MINUTE)
        w.writer.write([point("c")])
        await w.writer.flush(MINUTE)

        assert names(server) == ["a", "b", "c"]
        assert (w.counted("samples_failed_total"), w.counted("samples_total")) == (2, 1)
        assert w.counted("samples_retried_total") == 0
        assert w.counted("queue_highest_sent_timestamp_seconds") == 1_700_000_000.123
        assert w.counted("bytes_total") == len(server.requests[-1].body)


@pytest.mark.parametrize("bad", [Answer(500), Answer(503), Misbehave.CLOSE, Misbehave.GARBAGE])
async def test_r112_what_passes_is_tried_again_in_order_with_growing_waits(bad: Answer | Misbehave) -> None:
    clock = HurriedClock()
    async with HttpReceiver() as server, writing(server.url(), clock) as w:
        server.answer_with(bad, bad, bad, Answer(204))
        w.writer.write([point("a")])
        await server.wait_for(1)
        w.writer.write([point("b")])
        await w.writer.flush(MINUTE)

        assert names(server) == ["a", "a", "a", "a", "b"]
        waits = [each for each in clock.slept if each != 50 * MILLISECOND]
        assert waits == [30 * MILLISECOND, 60 * MILLISECOND, 120 * MILLISECOND]
        assert (w.counted("samples_retried_total"), w.counted("samples_total")) == (3, 2)


async def test_r112_a_receiver_that_asks_for_time_gets_it() -> None:
    clock = HurriedClock()
    async with HttpReceiver() as server, writing(server.url(), clock) as w:
        server.answer_with(Answer(429, b"", {"Retry-After": "5"}), Answer(204))
        w.writer.write([point("a")])
        await w.writer.flush(MINUTE)

        assert names(server) == ["a", "a"]
        assert 5 * SECOND in clock.slept


async def test_the_wait_between_attempts_has_a_limit() -> None:
    clock = HurriedClock()
    config: dict[str, Any] = {"queue_config": {"min_backoff": "1s", "max_backoff": "3s"}}
    async with HttpReceiver() as server, writing(server.url(), clock, **config) as w:
        server.answer_with(*[Answer(503)] * 4, Answer(204))
        w.writer.write([point("a")])
        await w.writer.flush(MINUTE)

    assert [each // SECOND for each in clock.slept if each >= SECOND] == [1, 2, 3, 3]


async def test_a_full_queue_drops_the_oldest_and_counts_them() -> None:
    config: dict[str, Any] = {"queue_config": {"capacity": 5, "max_samples_per_send": 2}}
    async with HttpReceiver() as server, writing(server.url(), last_words=MILLISECOND, **config) as w:
        server.answer_with(Misbehave.HANG, Answer(204))
        w.writer.write([point("a"), point("b")])
        await server.wait_for(1)
        w.writer.write([point(f"s{number}") for number in range(6)])

        assert w.counted("samples_dropped_total") == 3
        assert (w.counted("samples_pending"), w.counted("shard_capacity")) == (5, 5)


async def test_a_request_that_hangs_is_given_up_and_tried_again() -> None:
    async with HttpReceiver() as server, writing(server.url(), SystemClock(), timeout="100ms") as w:
        server.answer_with(Misbehave.HANG, Answer(204))
        w.writer.write([point("a")])
        await w.writer.flush(MINUTE)

    # The second may take long, too, on a busy machine.
    assert names(server)[:2] == ["a", "a"]


async def test_what_is_queued_at_the_end_is_still_written() -> None:
    async with HttpReceiver() as server:
        async with writing(server.url(), SystemClock()) as w:
            w.writer.write([point("a")])

        assert names(server) == ["a"]


async def test_a_flush_returns_when_its_time_is_up() -> None:
    async with HttpReceiver() as server, writing(server.url(), last_words=MILLISECOND) as w:
        server.answer_with(Misbehave.HANG)
        w.writer.write([point("a")])
        await w.writer.flush(50 * MILLISECOND)

        assert w.counted("samples_pending") == 1


async def test_nothing_to_write_opens_no_connection() -> None:
    async with HttpReceiver() as server, writing(server.url()) as w:
        w.writer.write([])
        await w.writer.flush(SECOND)

        assert server.connections == 0


async def test_external_labels_come_where_there_are_none_and_relabelling_has_the_last_word() -> None:
    relabeling = [
        {"source_labels": ["__name__"], "regex": "drop.*", "action": "drop"},
        {"regex": "replica", "action": "labeldrop"},
    ]
    labels = {"cluster": "c1", "replica": "a"}
    async with HttpReceiver() as server:
        async with writing(server.url(), external_labels=labels, write_relabel_configs=relabeling) as w:
            w.writer.write([point("a"), point("dropped"), point("b", cluster="own")])

        written = [dict(each.labels) for each in read(server.requests[0].body)]
        assert written == [{"__name__": "a", "cluster": "c1"}, {"__name__": "b", "cluster": "own"}]


async def test_several_receivers_get_the_same_each_at_its_own_pace() -> None:
    async with HttpReceiver() as slow, HttpReceiver() as quick:
        slow.answer_with(Misbehave.HANG)
        async with writing(quick.url()) as second, writing(slow.url(), last_words=MILLISECOND) as first:
            both = RemoteWriters([first.writer, second.writer])
            both.write([point("a")])
            await quick.wait_for(1)
            await slow.wait_for(1)
            await both.flush(50 * MILLISECOND)

            assert names(quick) == ["a"]
            await until(lambda: second.counted("samples_pending") == 0)


async def test_no_secret_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async with HttpReceiver() as server:
        url = server.url().replace("//", "//user:hunter22@")
        async with writing(url) as w:
            server.answer_with(Answer(400, b"you are user with hunter22"))
            w.writer.write([point("a")])
            await w.writer.flush(MINUTE)
            exposed = [str(sample) for metric in w.registry.collect() for sample in metric.samples]

    said = [str(record.__dict__) for record in caplog.records]
    assert len(said) == 1
    assert "<secret>" in said[0]
    assert not [text for text in [*said, *exposed] if "hunter22" in text]
