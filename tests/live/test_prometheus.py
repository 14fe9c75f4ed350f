"""A real Prometheus fires and resolves alerts; real servers receive the mail and the webhook. Directly and through nginx."""

from __future__ import annotations

import asyncio
import email
import email.policy
import re
import traceback
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.processes import free_port
from tests.live.contender import Prefixed
from tests.live.peers import peer, running
from tests.receivers import Answer, HttpReceiver, SmtpReceiver
from tests.waiting import until

pytestmark = pytest.mark.live

ALERTROUTER = """
global:
  smtp_smarthost: {smarthost}
  smtp_from: alerts@example.com
  smtp_require_tls: false
route:
  receiver: both
  group_by: [alertname]
  group_wait: 300ms
  group_interval: 1s
receivers:
  - name: both
    webhook_configs: [{{url: '{hook}'}}]
    email_configs: [{{to: ops@example.com, send_resolved: true}}]
"""

PROMETHEUS = """
global:
  scrape_interval: 1s
  evaluation_interval: 1s
  external_labels: {{region: eu}}
rule_files: [rules.yml]
alerting:
  alertmanagers:
    - path_prefix: '{prefix}'
      static_configs: [{{targets: ['{target}']}}]
scrape_configs:
  - job_name: story
    static_configs: [{{targets: ['{story}']}}]
  - job_name: nobody
    static_configs: [{{targets: ['127.0.0.1:{unused}']}}]
  - job_name: alertrouter
    metrics_path: '{metrics}'
    static_configs: [{{targets: ['{daemon}']}}]
"""

RULES = """
groups:
  - name: live
    rules:
      - alert: ForAWhile
        expr: vector(scalar(story)) > 0
        labels: {{severity: page, empty: '{{{{ if eq 1.0 $value }}}}x{{{{ end }}}}'}}
        annotations:
          summary: 'it is {{{{ if gt $value 1.0 }}}}later <than> zero{{{{ end }}}} & "quoted"'
          nothing: ''
      - alert: Down
        expr: up{{job="nobody"}} == 0
        annotations: {{summary: '{{{{ $labels.job }}}} is down'}}
      - alert: WithPatience
        expr: vector(1)
        for: 1s
"""

NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location {location} {{ proxy_pass {upstream}; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How Prometheus reaches the daemon. ``flags`` are the daemon's; nginx serves ``location``, none if empty.

    ``upstream`` is the path that nginx adds to the daemon's address.
    """

    prefix: str
    flags: tuple[str, ...] = ()
    own_prefix: str = ""
    location: str = ""
    upstream: str = ""


WAYS = {
    "directly": Way(prefix="/"),
    "with a path prefix": Way(
        prefix="/alerts", own_prefix="/alerts", flags=("--web.external-url=http://alerts.example/alerts/",)
    ),
    "behind nginx": Way(prefix="/", location="/"),
    "behind nginx that takes a prefix away": Way(
        prefix="/am",
        location="/am/",
        upstream="/",
        flags=("--web.external-url=http://alerts.example/am", "--web.route-prefix=/"),
    ),
}


# Built as the official alerts and dashboards are, on the same series: what is true of a healthy lone Alertmanager.
_OURS = 'job="alertrouter"'
HEALTHY = tuple(
    each.replace("OURS", _OURS)
    for each in (
        "max_over_time(alertmanager_config_last_reload_successful{OURS}[1m]) == 1",
        (
            "max_over_time(alertmanager_cluster_members{OURS}[1m])"
            " == on (job) group_left count by (job) (max_over_time(alertmanager_cluster_members{OURS}[1m]))"
        ),
        "alertmanager_cluster_failed_peers{OURS} == 0",
        'count by (job) (count_values by (job) ("config_hash", alertmanager_config_hash{OURS})) == 1',
        "changes(process_start_time_seconds{OURS}[1m]) == 0",
        (
            "rate(alertmanager_notifications_failed_total{OURS}[1m])"
            ' / ignoring (reason) group_left rate(alertmanager_notifications_total{integration="webhook", OURS}[1m]) == 0'
        ),
        (
            'min by (job, integration) (rate(alertmanager_notifications_failed_total{integration=~"webhook|email", OURS}[1m])'
            ' / ignoring (reason) group_left rate(alertmanager_notifications_total{integration=~"webhook|email", OURS}[1m])) == 0'
        ),
        "sum by (job, instance) (alertmanager_alerts{OURS}) > 0",
        "sum by (instance) (rate(alertmanager_alerts_received_total{OURS}[1m])) > 0",
        "sum by (instance) (rate(alertmanager_alerts_invalid_total{OURS}[1m])) == 0",
        'sum by (integration) (rate(alertmanager_notifications_total{integration="webhook", OURS}[1m])) > 0',
        (
            "histogram_quantile(0.99, sum by (le, instance)"
            ' (rate(alertmanager_notification_latency_seconds_bucket{integration="webhook", OURS}[1m]))) > 0'
        ),
        (
            'sum by (instance) (rate(alertmanager_notification_latency_seconds_sum{integration="webhook", OURS}[1m]))'
            ' / sum by (instance) (rate(alertmanager_notification_latency_seconds_count{integration="webhook", OURS}[1m])) > 0'
        ),
        'alertmanager_build_info{version=~"[0-9]+[.][0-9]+[.][0-9]+", goversion!="", OURS} == 1',
        "process_resident_memory_bytes{OURS} > 0",
        "rate(process_cpu_seconds_total{OURS}[1m]) > 0",
        'sum by (state) (alertmanager_silences{state="active", OURS}) == 0',
        'alertmanager_http_request_duration_seconds_bucket{le=~"1(.0)?", handler="/api/v2/alerts", method="post", code="200", OURS} > 0',
    )
)
QUERIES = (
    *HEALTHY,
    'up{job="alertrouter"}',
    'alertmanager_notifications_total{integration="webhook"} > 0',
    'sum(alertmanager_alerts_received_total{status="firing"}) > 2',
    "count(alertmanager_build_info)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What came of one way: what the receivers were sent, and what Prometheus says of itself and of us."""

    bodies: list[Any]
    subjects: list[str]
    metrics: str
    queried: dict[str, list[float]]

    def bodies_of(self, name: str) -> list[Any]:
        """What the webhook was sent about alerts of this name."""
        return [body for body in self.bodies if body["groupLabels"] == {"alertname": name}]

    def metric(self, name: str) -> float:
        """The sum over a metric's series."""
        lines = [line for line in self.metrics.splitlines() if re.match(rf"{name}[ {{]", line)]
        assert lines, name
        return sum(float(line.rpartition(" ")[2]) for line in lines)


@contextmanager
def _nginx(program: Path, folder: Path, way: Way, daemon: Prefixed) -> Iterator[str]:
    """nginx before the daemon; its address."""
    port = free_port()
    folder.mkdir()
    upstream = f"http://{daemon.address}{way.upstream}"
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port, location=way.location, upstream=upstream))
    command: list[str | Path] = [program, "-p", folder, "-c", config, "-e", folder / "error.log"]
    ready = f"http://127.0.0.1:{port}{way.location}-/ready"
    with running(command, ready=ready, log=folder / "log", directory=folder):
        yield f"127.0.0.1:{port}"


@contextmanager
def _prometheus(
    program: Path, folder: Path, way: Way, daemon: Prefixed, target: str, story: str
) -> Iterator[str]:
    """A Prometheus that posts to the target, and scrapes what it is to tell; its URL."""
    folder.mkdir()
    (folder / "rules.yml").write_text(RULES.format())
    (folder / "prometheus.yml").write_text(
        PROMETHEUS.format(
            prefix=way.prefix,
            target=target,
            unused=free_port(),
            story=story,
            metrics=f"{way.own_prefix}/metrics",
            daemon=daemon.address,
        )
    )
    url = f"http://127.0.0.1:{free_port()}"
    command: list[str | Path] = [
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--rules.alert.resend-delay=3s",
    ]
    with running(command, ready=f"{url}/-/ready", log=folder / "log", directory=folder):
        yield url


def _exposed(text: str) -> Answer:
    return Answer(200, text.encode(), {"Content-Type": "text/plain; version=0.0.4"})


async def _go(way: Way, folder: Path, prometheus: Path, nginx: Path) -> Seen:
    folder.mkdir()
    async with AsyncExitStack() as stack:
        hook = await stack.enter_async_context(HttpReceiver())
        smtp = await stack.enter_async_context(SmtpReceiver())
        config = ALERTROUTER.format(hook=hook.url(), smarthost=smtp.smarthost)
        daemon = await stack.enter_async_context(Prefixed(folder, config, *way.flags, prefix=way.own_prefix))
        # Until when the last heartbeats moved an alert is written then, and a replay of the record knows it.
        stack.push_async_callback(daemon.stop)
        target = daemon.address
        if way.location:
            target = stack.enter_context(_nginx(nginx, folder / "nginx", way, daemon))
        fires = await stack.enter_async_context(HttpReceiver())
        fires.answer_with(_exposed("story 2\n"))
        story = f"127.0.0.1:{fires.port}"
        url = await asyncio.to_thread(
            stack.enter_context,
            _prometheus(prometheus, folder / "prometheus", way, daemon, target, story),
        )

        def seen() -> tuple[list[Any], list[str]]:
            mails = [
                email.message_from_bytes(mail.content, policy=email.policy.default) for mail in smtp.mails
            ]
            return [request.json() for request in hook.requests], [str(mail["Subject"]) for mail in mails]

        def told() -> bool:
            return len({body["groupLabels"]["alertname"] for body in seen()[0]}) == 3

        def over() -> bool:
            bodies, subjects = seen()
            ended = [body for body in bodies if body["status"] == "resolved"]
            return bool(ended) and any(each.startswith("[RESOLVED]") for each in subjects)

        try:
            await until(told)
            fires.answer_with(_exposed("story 0\n"))
            await until(over)
        except TimeoutError:
            pytest.fail(f"this is all that came: {seen()}", pytrace=False)
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            queried = {}
            for query in QUERIES:
                answer = (await client.get("/api/v1/query", params={"query": query})).json()
                queried[query] = [float(each["value"][1]) for each in answer["data"]["result"]]
            metrics = (await client.get("/metrics")).text
        bodies, subjects = seen()
        return Seen(bodies=bodies, subjects=subjects, metrics=metrics, queried=queried)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen | BaseException]:
    """All ways at the same time."""
    prometheus = peer("ALERTROUTER_PEER_PROMETHEUS", "prometheus")
    nginx = peer("ALERTROUTER_PEER_NGINX", "nginx", "/usr/sbin/nginx")
    folder = tmp_path_factory.mktemp("prometheus")

    async def every() -> list[Seen | BaseException]:
        return await asyncio.gather(
            *[_go(way, folder / str(number), prometheus, nginx) for number, way in enumerate(WAYS.values())],
            return_exceptions=True,
        )

    return dict(zip(WAYS, asyncio.run(every()), strict=True))


@pytest.fixture(params=WAYS)
def one(request: pytest.FixtureRequest, seen: dict[str, Seen | BaseException]) -> Seen:
    """One of the ways."""
    found = seen[request.param]
    if isinstance(found, BaseException):
        pytest.fail("".join(traceback.format_exception(found)), pytrace=False)
    return found


def test_an_alert_fires_and_is_resolved(one: Seen) -> None:
    first, *_, last = one.bodies_of("ForAWhile")
    assert (first["status"], first["notification_reason"]) == ("firing", "first notification")
    assert (last["status"], last["notification_reason"]) == ("resolved", "all alerts resolved")
    (fired,), (ended,) = first["alerts"], last["alerts"]
    assert fired["labels"] == {"alertname": "ForAWhile", "severity": "page", "region": "eu"}
    assert fired["annotations"] == {"summary": 'it is later <than> zero & "quoted"', "nothing": ""}
    assert fired["endsAt"] == "0001-01-01T00:00:00Z"
    assert "/graph?g0.expr=" in fired["generatorURL"]
    assert ended["startsAt"] == fired["startsAt"] < ended["endsAt"]
    assert ended["fingerprint"] == fired["fingerprint"]


def test_no_alert_is_told_twice(one: Seen) -> None:
    reasons = {
        name: [body["notification_reason"] for body in one.bodies_of(name)]
        for name in ("ForAWhile", "Down", "WithPatience")
    }
    assert reasons == {
        "ForAWhile": ["first notification", "all alerts resolved"],
        "Down": ["first notification"],
        "WithPatience": ["first notification"],
    }


def test_the_mails_come_too(one: Seen) -> None:
    assert sorted(re.sub(r":\d+ ", ":0 ", subject) for subject in one.subjects) == [
        "[FIRING:1] Down (127.0.0.1:0 nobody eu)",
        "[FIRING:1] ForAWhile (eu page)",
        "[FIRING:1] WithPatience (eu)",
        "[RESOLVED] ForAWhile (eu page)",
    ]


def test_prometheus_has_no_complaints(one: Seen) -> None:
    assert one.metric("prometheus_notifications_alertmanagers_discovered") == 1
    assert one.metric("prometheus_notifications_errors_total") == 0
    assert one.metric("prometheus_notifications_sent_total") >= 4


def test_prometheus_can_read_our_metrics(one: Seen) -> None:
    assert one.queried['up{job="alertrouter"}'] == [1]
    assert one.queried['alertmanager_notifications_total{integration="webhook"} > 0'] != []
    assert one.queried['sum(alertmanager_alerts_received_total{status="firing"}) > 2'] != []
    assert one.queried["count(alertmanager_build_info)"] == [1]
    assert [query for query in HEALTHY if not one.queried[query]] == []
