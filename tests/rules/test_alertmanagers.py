"""Alerts by HTTP: what is sent, to whom, in what portions, and what happens when it is not taken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, cast

import dns.message
import dns.rcode
import dns.rrset
import pytest
from prometheus_client import CollectorRegistry

from alertrouter.clock import SystemClock, Timer
from alertrouter.core.time import MILLISECOND, MINUTE, SECOND, Duration
from alertrouter.rules.alertmanagers import AlertmanagerNotifier, shown_address
from alertrouter.rules.lookup import DnsLookup
from alertrouter.rules.model import RuleGroup
from alertrouter.rules.ports import RuleAlert
from alertrouter.rules.query_config import AlertmanagersConfig
from alertrouter.rules.relabel import RelabelConfig
from alertrouter.rules.wire_metrics import NotifierMetrics
from tests.receivers import Answer, HttpReceiver, Misbehave
from tests.rules.clocks import HurriedClock
from tests.waiting import until

pytestmark = pytest.mark.anyio

AT = 1_700_000_000 * SECOND + 123 * MILLISECOND
GROUP = RuleGroup(file="f.yml", name="g")


def alert(name: str, **labels: str) -> RuleAlert:
    return RuleAlert(
        labels={"alertname": name, **labels},
        annotations={},
        starts_at=AT,
        ends_at=AT + 4 * MINUTE,
        generator_url="http://e/graph?g0.expr=up&g0.tab=1",
    )


class Notifying(NamedTuple):
    notifier: AlertmanagerNotifier
    registry: CollectorRegistry

    async def notify(self, *alerts: RuleAlert, group: RuleGroup = GROUP) -> None:
        await self.notifier.notify(alerts, group=group)

    def counted(self, name: str, server: HttpReceiver | None = None) -> float | None:
        labels = {} if server is None else {"alertmanager": server.url("/api/v2/alerts")}
        return self.registry.get_sample_value(f"prometheus_notifications_{name}", labels)


@asynccontextmanager
async def notifying(
    *blocks: Mapping[str, Any],
    clock: Timer | None = None,
    external_labels: Mapping[str, str] | None = None,
    relabeling: Sequence[Mapping[str, Any]] = (),
    capacity: int = 10_000,
    last_words: Duration = MINUTE,
    lookup: DnsLookup | None = None,
) -> AsyncIterator[Notifying]:
    registry = CollectorRegistry()
    notifier = AlertmanagerNotifier(
        [AlertmanagersConfig.model_validate(block) for block in blocks],
        clock or HurriedClock(),
        NotifierMetrics(registry),
        external_labels=external_labels,
        relabel_configs=[RelabelConfig.model_validate(step) for step in relabeling],
        capacity=capacity,
        last_words=last_words,
        lookup=lookup,
    )
    try:
        yield Notifying(notifier, registry)
    finally:
        await notifier.aclose()


def names(server: HttpReceiver) -> list[list[str]]:
    """The alerts of each request, by their names."""
    return [[each["labels"]["alertname"] for each in request.json()] for request in server.requests]


async def test_an_alert_is_posted_as_alertmanager_takes_it() -> None:
    annotated = RuleAlert(
        labels={"alertname": "A", "instance": "<a>"},
        annotations={"summary": "s"},
        starts_at=AT,
        ends_at=AT + MINUTE,
        generator_url="http://e",
    )
    async with HttpReceiver() as server, notifying({"url": server.url("/prefix")}) as n:
        await n.notify(annotated, alert("B"))

    [request] = server.requests
    assert (request.method, request.target) == ("POST", "/prefix/api/v2/alerts")
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("alertrouter/")
    assert request.json() == [
        {
            "labels": {"alertname": "A", "instance": "<a>"},
            "annotations": {"summary": "s"},
            "startsAt": "2023-11-14T22:13:20.123Z",
            "endsAt": "2023-11-14T22:14:20.123Z",
            "generatorURL": "http://e",
        },
        {
            # R45: no annotations, no member.
            "labels": {"alertname": "B"},
            "startsAt": "2023-11-14T22:13:20.123Z",
            "endsAt": "2023-11-14T22:17:20.123Z",
            "generatorURL": "http://e/graph?g0.expr=up&g0.tab=1",
        },
    ]


async def test_r38_external_labels_come_where_there_are_none() -> None:
    async with (
        HttpReceiver() as server,
        notifying({"url": server.url()}, external_labels={"cluster": "c1"}) as n,
    ):
        await n.notify(alert("A"), alert("B", cluster="x"))
        await server.wait_for(1)

    assert [each["labels"]["cluster"] for each in server.requests[0].json()] == ["c1", "x"]


async def test_r39_relabelling_comes_after_external_labels() -> None:
    async with (
        HttpReceiver() as server,
        notifying(
            {"url": server.url()},
            external_labels={"replica": "a"},
            relabeling=[{"regex": "replica", "action": "labeldrop"}],
        ) as n,
    ):
        await n.notify(alert("A"))
        await server.wait_for(1)

    assert server.requests[0].json()[0]["labels"] == {"alertname": "A"}


async def test_r40_a_dropped_alert_is_not_sent() -> None:
    drop = {"source_labels": ["severity"], "regex": "info", "action": "drop"}
    async with HttpReceiver() as server, notifying({"url": server.url()}, relabeling=[drop]) as n:
        await n.notify(alert("A", severity="info"))
        await n.notify(alert("B", severity="info"), alert("C", severity="page"))
        await server.wait_for(1)

    assert names(server) == [["C"]]


async def test_each_block_may_relabel_by_itself() -> None:
    dropping = [{"source_labels": ["alertname"], "regex": "B", "action": "drop"}]
    async with HttpReceiver() as one, HttpReceiver() as other:
        blocks: list[dict[str, Any]] = [
            {"url": one.url()},
            {"url": other.url(), "alert_relabel_configs": dropping},
        ]
        async with notifying(*blocks) as n:
            await n.notify(alert("A"), alert("B"))
            await one.wait_for(1)
            await other.wait_for(1)

    assert (names(one), names(other)) == ([["A", "B"]], [["A"]])


async def test_r41_many_alerts_go_in_portions() -> None:
    async with HttpReceiver() as server, notifying({"url": server.url()}) as n:
        await n.notify(*[alert(f"A{number}") for number in range(600)])
        await server.wait_for(3)

        assert [len(each) for each in names(server)] == [256, 256, 88]
        assert [name for each in names(server) for name in each] == [f"A{number}" for number in range(600)]
        await until(lambda: n.counted("latency_seconds_count", server) == 3)
        assert n.counted("sent_total", server) == 600
        assert (n.counted("queue_length", server), n.counted("queue_capacity", server)) == (0, 10_000)
        assert n.counted("alertmanagers_discovered") == 1


async def test_r42_the_oldest_are_dropped_when_the_queue_is_full() -> None:
    async with HttpReceiver() as server, notifying({"url": server.url()}) as n:
        await n.notify(*[alert(f"A{number}") for number in range(10_050)])

        assert n.counted("dropped_total", server) == 50
        assert n.counted("queue_length", server) == 10_000
        await server.wait_for(1)
        assert names(server)[0][0] == "A50"


@pytest.mark.parametrize("bad", [Answer(500), Answer(503), Answer(429), Misbehave.CLOSE, Misbehave.GARBAGE])
async def test_what_passes_is_tried_again_soon(bad: Answer | Misbehave) -> None:
    clock = HurriedClock()
    async with HttpReceiver() as server, notifying({"url": server.url()}, clock=clock) as n:
        server.answer_with(bad, bad, Answer(200))
        await n.notify(alert("A"))
        await server.wait_for(3)
        await until(lambda: n.counted("latency_seconds_count", server) == 3)

        assert names(server) == [["A"]] * 3
        assert clock.slept == [500 * MILLISECOND, 2 * SECOND]
        assert (n.counted("errors_total", server), n.counted("dropped_total", server)) == (2, 0)


async def test_r43_after_three_attempts_the_portion_is_dropped_and_counted() -> None:
    async with HttpReceiver() as server, notifying({"url": server.url()}) as n:
        server.answer_with(*[Answer(500)] * 3, Answer(200))
        await n.notify(alert("A"), alert("B"))
        await server.wait_for(3)
        await until(lambda: n.counted("dropped_total", server) == 2)

        # The state machine sends them again when it is time.
        await n.notify(alert("A"), alert("B"))
        await server.wait_for(4)
        assert names(server)[-1] == ["A", "B"]


async def test_what_is_refused_is_not_tried_again() -> None:
    async with HttpReceiver() as server, notifying({"url": server.url()}) as n:
        server.answer_with(Answer(400, b"no"), Answer(200))
        await n.notify(alert("A"))
        await server.wait_for(1)
        await n.notify(alert("B"))
        await server.wait_for(2)

        assert names(server) == [["A"], ["B"]]
        assert (n.counted("errors_total", server), n.counted("dropped_total", server)) == (1, 1)


async def test_of_an_alert_that_waits_the_newest_is_sent() -> None:
    async with HttpReceiver() as server, notifying({"url": server.url()}) as n:
        server.answer_with(Answer(503), Answer(200))
        first = alert("A")
        await n.notify(first, alert("B"))
        await server.wait_for(1)
        resolved = RuleAlert(
            labels=first.labels, annotations={}, starts_at=AT, ends_at=AT + SECOND, generator_url=""
        )
        await n.notify(resolved)
        await server.wait_for(3)

    assert names(server) == [["A", "B"], ["B"], ["A"]]
    assert server.requests[-1].json()[0]["endsAt"] == "2023-11-14T22:13:21.123Z"


async def test_r44_one_that_hangs_does_not_hold_up_another() -> None:
    async with HttpReceiver() as slow, HttpReceiver() as quick:
        slow.answer_with(Misbehave.HANG)
        urls = [slow.url(), quick.url()]
        async with notifying({"urls": urls}, clock=SystemClock(), last_words=MILLISECOND) as n:
            for number in range(5):
                await n.notify(alert(f"A{number}"))
                await quick.wait_for(number + 1)
            await slow.wait_for(1)

            assert names(quick) == [[f"A{number}"] for number in range(5)]
            assert names(slow) == [["A0"]]


async def test_a_request_that_hangs_is_given_up_in_time() -> None:
    async with HttpReceiver() as server:
        server.answer_with(Misbehave.HANG, Answer(200))
        async with notifying({"url": server.url(), "timeout": "100ms"}, clock=SystemClock()) as n:
            await n.notify(alert("A"))
            await server.wait_for(2)

    # The second may take long, too, on a busy machine.
    assert names(server)[:2] == [["A"], ["A"]]


async def test_r48_what_is_queued_at_the_end_is_still_sent() -> None:
    async with HttpReceiver() as server:
        async with notifying({"url": server.url()}, clock=SystemClock()) as n:
            await n.notify(*[alert(f"A{number}") for number in range(300)])

        assert [len(each) for each in names(server)] == [256, 44]


async def test_what_cannot_be_sent_before_the_end_is_counted() -> None:
    async with HttpReceiver() as server:
        server.answer_with(Misbehave.HANG)
        async with notifying({"url": server.url()}, last_words=MILLISECOND) as n:
            await n.notify(*[alert(f"A{number}") for number in range(300)])
            await server.wait_for(1)
        assert n.counted("dropped_total", server) == 300


async def test_who_sends_differs_by_url() -> None:
    async with HttpReceiver() as one, HttpReceiver() as other:
        blocks: list[dict[str, Any]] = [
            {"url": one.url(), "basic_auth": {"username": "u", "password": "p"}, "tenant": "t"},
            {"urls": [other.url().replace("//", "//me:word@")]},
        ]
        async with notifying(*blocks) as n:
            await n.notify(alert("A"))
            await one.wait_for(1)
            await other.wait_for(1)
            assert n.notifier.urls == [one.url("/api/v2/alerts"), other.url("/api/v2/alerts")]
            assert n.counted("queue_length", other) == 0

    assert one.requests[0].headers["authorization"] == "Basic dTpw"
    assert one.requests[0].headers["x-scope-orgid"] == "t"
    assert other.requests[0].headers["authorization"] == "Basic bWU6d29yZA=="


async def test_a_group_may_add_headers() -> None:
    group = RuleGroup(file="f", name="g", notifier_headers=(("X-Scope-OrgID", "g"), ("X-A", "b")))
    async with HttpReceiver() as server, notifying({"url": server.url(), "tenant": "t"}) as n:
        await n.notify(alert("A"), group=group)
        await n.notify(alert("B"))
        await server.wait_for(2)

    first, second = server.requests
    assert (first.headers["x-scope-orgid"], first.headers["x-a"]) == ("g", "b")
    assert second.headers["x-scope-orgid"] == "t"
    assert "x-a" not in second.headers


async def test_r47_alerts_wait_for_the_first_answer_of_the_dns() -> None:
    clock = HurriedClock()
    async with HttpReceiver() as server:
        wanted = {"names": ["localhost"], "type": "A", "port": server.port, "refresh_interval": "1h"}
        async with notifying({"dns_sd_configs": [wanted]}, clock=clock) as n:
            await n.notify(alert("A"))
            assert n.notifier.urls == []
            await server.wait_for(1)

            assert n.notifier.urls == [server.url("/api/v2/alerts")]
            assert names(server) == [["A"]]


async def test_r49_those_known_stay_when_the_dns_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    async with HttpReceiver() as server:
        wanted = {"names": ["localhost"], "type": "A", "port": server.port, "refresh_interval": "1ms"}
        loop = asyncio.get_running_loop()
        real = loop.getaddrinfo
        failures = 0

        async def failing(host: Any, port: Any, **options: Any) -> Any:
            nonlocal failures
            if host == "localhost" and server.requests:
                failures += 1
                raise OSError("no DNS today")
            return await real(host, port, **options)

        monkeypatch.setattr(loop, "getaddrinfo", failing)
        async with notifying({"dns_sd_configs": [wanted]}, clock=SystemClock()) as n:
            await n.notify(alert("A"))
            await server.wait_for(1)
            await until(lambda: failures >= 3)
            await n.notify(alert("B"))
            await server.wait_for(2)

    assert names(server) == [["A"], ["B"]]


async def test_an_alertmanager_that_is_gone_from_the_dns_hears_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with HttpReceiver() as server:
        wanted = {"names": ["am.test"], "type": "A", "port": server.port, "refresh_interval": "1ms"}
        loop = asyncio.get_running_loop()
        real = loop.getaddrinfo
        addresses = ["127.0.0.1"]

        async def answering(host: Any, port: Any, **options: Any) -> Any:
            if host != "am.test":
                return await real(host, port, **options)
            return [(0, 0, 0, "", (address, port)) for address in addresses]

        monkeypatch.setattr(loop, "getaddrinfo", answering)
        async with notifying({"dns_sd_configs": [wanted]}, clock=SystemClock()) as n:
            await n.notify(alert("A"))
            await server.wait_for(1)
            addresses[:] = []
            await until(lambda: not n.notifier.urls)
            await n.notify(alert("B"))
            assert n.counted("queue_length", server) is None

    assert names(server) == [["A"]]


class NameServer(asyncio.DatagramProtocol):
    """Answers every question with these SRV records; with a failure when there are none."""

    def __init__(self) -> None:
        self.records: list[str] = []
        self.asked: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        question = dns.message.from_wire(data)
        [asked] = question.question
        self.asked.append(asked.name.to_text())
        answer = dns.message.make_response(question)
        if self.records:
            answer.answer.append(dns.rrset.from_text(asked.name, 60, "IN", "SRV", *self.records))
        else:
            answer.set_rcode(dns.rcode.SERVFAIL)
        self._transport.sendto(answer.to_wire(), addr)


async def test_srv_records_name_host_and_port_and_those_known_stay_when_there_is_no_answer() -> None:
    loop = asyncio.get_running_loop()
    transport, names_of = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    block = {
        "dns_sd_configs": [{"names": ["_am._tcp.example"], "refresh_interval": "1ms"}],
        "path_prefix": "/p",
    }
    lookup = DnsLookup(transport.get_extra_info("sockname"))
    async with HttpReceiver() as first, HttpReceiver() as second:
        names_of.records = [f"0 0 {each.port} localhost." for each in (first, second)]
        async with notifying(block, clock=SystemClock(), lookup=lookup) as n:
            await n.notify(alert("A"))
            await asyncio.gather(first.wait_for(1), second.wait_for(1))
            assert sorted(n.notifier.urls) == sorted(
                f"http://localhost:{each.port}/p/api/v2/alerts" for each in (first, second)
            )
            names_of.records = []
            failed = len(names_of.asked)
            await until(lambda: len(names_of.asked) > failed + 2)
            assert len(n.notifier.urls) == 2
            names_of.records = [f"0 0 {second.port} localhost."]
            await until(lambda: len(n.notifier.urls) == 1)
            await n.notify(alert("B"))
            await second.wait_for(2)
    transport.close()
    assert set(names_of.asked) == {"_am._tcp.example."}
    assert (names(first), names(second)) == ([["A"]], [["A"], ["B"]])


async def test_no_secret_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async with HttpReceiver() as server:
        url = server.url().replace("//", "//me:hunter22@")
        server.answer_with(Answer(401, b"me:hunter22 is nobody"))
        async with notifying({"url": url}) as n:
            await n.notify(alert("A"))
            await server.wait_for(1)
        exposed = [str(sample) for metric in n.registry.collect() for sample in metric.samples]

    said = [json.dumps(record.__dict__, default=str) for record in caplog.records]
    assert len(said) == 1
    assert not [text for text in [*said, *exposed, *n.notifier.urls] if "hunter22" in text]


def test_an_address_is_shown_without_its_secrets() -> None:
    assert shown_address("http://u:p@h:1/x/api/v2/alerts?key=1") == "http://h:1/x/api/v2/alerts"
