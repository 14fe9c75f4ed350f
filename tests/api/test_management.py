"""Health, readiness, reload, status, metrics and the start page."""

from __future__ import annotations

import gzip
import json
import re

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from alertrouter import ALERTMANAGER_VERSION
from alertrouter.config import load_text
from alertrouter.core.reason import FailureReason, MutedBy
from alertrouter.metrics import INTEGRATIONS, Metrics
from alertrouter.settings import Settings
from tests.api.play import Step
from tests.api.scenes import CONFIG, alert, matcher, silence
from tests.api.server import Server


@pytest.fixture
def server() -> Server:
    return Server(CONFIG)


def test_ready_once_the_daemon_says_so(server: Server) -> None:
    assert server.get("/-/ready").body == b"OK"
    server.router.unready = "the disk is full"
    not_ready = server.get("/-/ready")
    assert (not_ready.status, not_ready.body) == (503, b"the disk is full\n")
    assert server.ask(Step("HEAD", "/-/ready")).status == 503
    assert server.get("/-/healthy").body == b"OK"


def test_reload_says_what_is_wrong(server: Server) -> None:
    reloaded = server.ask(Step("POST", "/-/reload"))
    assert (reloaded.status, reloaded.body, server.router.reloads) == (200, b"", 1)
    server.router.reload_problem = "alertmanager.yml:3:5: no such receiver"
    refused = server.ask(Step("POST", "/-/reload"))
    assert refused.status == 500
    assert refused.body == b"failed to reload config: alertmanager.yml:3:5: no such receiver\n"
    assert refused.headers["content-type"] == "text/plain; charset=utf-8"


def test_status_tells_clients_what_they_look_for(server: Server) -> None:
    status = server.listed("/api/v2/status")
    assert set(status) == {"cluster", "config", "uptime", "versionInfo"}
    member = status["cluster"]["name"]
    assert re.fullmatch(r"01[0-9A-HJKMNP-TV-Z]{24}", member)
    assert status["cluster"]["status"] == "ready"
    (peer,) = status["cluster"]["peers"]
    assert peer["name"] == member
    assert re.fullmatch(r"[0-9.]+:9094", peer["address"])
    assert status["uptime"] == "2026-11-21T12:00:00.923Z"
    assert status["versionInfo"]["version"] == ALERTMANAGER_VERSION
    assert set(status["versionInfo"]) == {
        "branch",
        "buildDate",
        "buildUser",
        "goVersion",
        "revision",
        "version",
    }
    assert yaml.safe_load(status["config"]["original"])["route"]["receiver"] == "default"


@pytest.mark.parametrize(
    ("flags", "peer"),
    [
        ({"cluster_listen_address": "10.0.0.1:9099"}, ("a", "10.0.0.1:9099")),
        ({"cluster_advertise_address": "192.0.2.7:9094"}, ("a", "192.0.2.7:9094")),
        ({"cluster_listen_address": "[fe80::1]:9094"}, ("a", "[fe80::1]:9094")),
    ],
)
def test_the_member_is_called_what_the_flags_say(flags: dict[str, str], peer: tuple[str, str]) -> None:
    server = Server(CONFIG, settings=Settings(cluster_peer_name="a", **flags))  # type: ignore[arg-type]
    assert server.listed("/api/v2/status")["cluster"] == {
        "name": "a",
        "peers": [{"address": peer[1], "name": "a"}],
        "status": "ready",
    }


def test_without_an_address_there_is_no_cluster() -> None:
    server = Server(CONFIG, settings=Settings(cluster_listen_address=""))
    assert server.listed("/api/v2/status")["cluster"] == {"peers": [], "status": "disabled"}
    counted = samples(server.get("/metrics").body)
    assert counted["alertmanager_cluster_enabled", ()] == 0
    assert [name for name, _ in counted if name.startswith("alertmanager_cluster_")] == [
        "alertmanager_cluster_enabled"
    ]


def test_silences_are_narrowed_by_state(server: Server) -> None:
    server.post("/api/v2/silences", silence(matchers=[matcher(name="active")]))
    server.post(
        "/api/v2/silences", silence(matchers=[matcher(name="pending")], startsAt="2098-01-01T00:00:00Z")
    )
    gone = json.loads(server.post("/api/v2/silences", silence(matchers=[matcher(name="expired")])).body)[
        "silenceID"
    ]
    server.ask(Step("DELETE", f"/api/v2/silence/{gone}"))

    def names(query: str) -> list[str]:
        return [each["matchers"][0]["name"] for each in server.listed(f"/api/v2/silences?{query}")]

    assert names("") == ["active", "pending", "expired"]
    assert names("active=false") == ["pending", "expired"]
    assert names("pending=0&expired=no") == ["active"]
    assert names("active=false&pending=false&expired=false") == []
    assert names("active=&pending=1") == ["active", "pending", "expired"]


def samples(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_the_metrics_count_what_the_engine_holds(server: Server) -> None:
    server.post("/api/v2/alerts", [{"labels": each} for each in ({"a": "b"}, {"a": "c"}, {"team": "db"})])
    server.post("/api/v2/silences", silence())
    before = samples(server.get("/metrics").body)
    assert before["alertmanager_alerts", (("state", "unprocessed"),)] == 3
    assert before["alertmanager_alerts", (("state", "active"),)] == 0
    assert before["alertmanager_dispatcher_aggregation_groups", ()] == 3
    assert before["alertmanager_silences", (("state", "active"),)] == 1
    assert before["alertmanager_silences", (("state", "expired"),)] == 0
    server.router.pass_time(5)
    after = samples(server.get("/metrics").body)
    assert after["alertmanager_alerts", (("state", "suppressed"),)] == 1
    assert after["alertmanager_alerts", (("state", "active"),)] == 2


def test_group_keys_in_metrics() -> None:
    server = Server(CONFIG, settings=Settings(enable_feature=("group-key-in-metrics",)))
    server.post("/api/v2/alerts", [{"labels": {"alertname": "A"}}])
    counted = samples(server.get("/metrics").body)
    key = next(iter(server.router.engine.groups)).key
    assert counted["alertmanager_alerts", (("group_key", key), ("state", "unprocessed"))] == 1


def test_requests_are_counted_by_pattern_and_never_by_path(server: Server) -> None:
    for path in (
        "/api/v2/alerts",
        "/api/v2/alerts/",
        "/api/v2/silence/x",
        "/nobody/home",
        "/api/v2/nope",
        "/",
    ):
        server.get(path)
    server.post("/api/v2/alerts", [])
    counted = samples(server.get("/metrics").body)
    name = "alertmanager_http_request_duration_seconds_count"
    handlers = {
        (dict(labels)["handler"], dict(labels)["method"], dict(labels)["code"]): value
        for (n, labels), value in counted.items()
        if n == name
    }
    assert handlers == {
        ("/api/v2/alerts", "get", "200"): 2,
        ("/api/v2/alerts", "post", "200"): 1,
        ("/api/v2/silence/{silenceID}", "get", "422"): 1,
        ("/api/v2/*path", "get", "404"): 1,
        ("other", "get", "404"): 1,
        ("/", "get", "200"): 1,
    }
    sizes = {
        dict(labels)["handler"]
        for (n, labels) in counted
        if n == "alertmanager_http_response_size_bytes_count"
    }
    assert sizes == {"/", "other"}


# What `api-and-cli.md` 9.2 lists, less what exists only with clustering, the event recorder or gossip TLS.
SERIES = ["alertmanager_build_info", "alertmanager_alerts", "alertmanager_alerts_received_total", "alertmanager_alerts_invalid_total", "alertmanager_alerts_per_alert_limit", "alertmanager_alerts_subscriber_channel_writes_total", "alertmanager_dispatcher_aggregation_groups", "alertmanager_dispatcher_alert_processing_duration_seconds_sum", "alertmanager_dispatcher_alert_processing_duration_seconds_count", "alertmanager_dispatcher_aggregation_group_limit_reached_total", "alertmanager_dispatcher_aggregation_group_creation_retries_total", "alertmanager_dispatcher_aggregation_group_creation_given_up_total", "alertmanager_notifications_total", "alertmanager_notifications_failed_total", "alertmanager_notification_requests_total", "alertmanager_notification_requests_failed_total", "alertmanager_notification_latency_seconds_bucket", "alertmanager_notification_latency_seconds_sum", "alertmanager_notification_latency_seconds_count", "alertmanager_receivers", "alertmanager_integrations", "alertmanager_inhibition_rules", "alertmanager_config_hash", "alertmanager_config_last_reload_successful", "alertmanager_config_last_reload_success_timestamp_seconds", "alertmanager_http_request_duration_seconds_bucket", "alertmanager_http_response_size_bytes_bucket", "alertmanager_http_requests_in_flight", "alertmanager_http_concurrency_limit_exceeded_total", "alertmanager_silences", "alertmanager_silences_state_size", "alertmanager_silences_matcher_index_size", "alertmanager_silences_version_index_size", "alertmanager_silences_queries_total", "alertmanager_silences_query_errors_total", "alertmanager_silences_query_duration_seconds_bucket", "alertmanager_silences_query_silences_scanned_total", "alertmanager_silences_query_silences_skipped_total", "alertmanager_silences_gc_duration_seconds_sum", "alertmanager_silences_gc_errors_total", "alertmanager_silences_snapshot_duration_seconds_count", "alertmanager_silences_snapshot_size_bytes", "alertmanager_silences_maintenance_total", "alertmanager_silences_maintenance_errors_total", "alertmanager_silences_matcher_compile_errors_total", "alertmanager_silences_gossip_messages_propagated_total", "alertmanager_nflog_gc_duration_seconds_sum", "alertmanager_nflog_snapshot_duration_seconds_sum", "alertmanager_nflog_snapshot_size_bytes", "alertmanager_nflog_maintenance_total", "alertmanager_nflog_maintenance_errors_total", "alertmanager_nflog_queries_total", "alertmanager_nflog_query_errors_total", "alertmanager_nflog_gossip_messages_propagated_total", "alertmanager_nflog_query_duration_seconds_bucket", "alertmanager_cluster_enabled", "process_start_time_seconds", "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "promhttp_metric_handler_requests_total", "promhttp_metric_handler_requests_in_flight", "alertrouter_build_info", "alertrouter_journal_healthy", "alertrouter_journal_waiting_writes"]  # fmt: skip


def test_every_series_is_there_from_the_start(server: Server) -> None:
    server.get("/-/healthy")
    answer = server.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4; charset=utf-8")
    counted = samples(answer.body)
    assert set(SERIES) - {name for name, _ in counted} == set()
    assert not [name for name, _ in counted if name.endswith("_created")]
    for integration in INTEGRATIONS:
        assert counted["alertmanager_notifications_total", (("integration", integration),)] == 0
        for reason in FailureReason:
            key = (("integration", integration), ("reason", reason.value))
            assert counted["alertmanager_notifications_failed_total", key] == 0
    assert counted["alertmanager_cluster_enabled", ()] == 1
    assert counted["alertmanager_cluster_members", ()] == 1
    assert counted["alertmanager_cluster_failed_peers", ()] == 0
    assert b'alertmanager_notification_latency_seconds_bucket{integration="email",le="5"}' in answer.body
    assert counted["alertmanager_alerts_received_total", (("status", "firing"), ("version", "v2"))] == 0


def test_the_metrics_are_compressed_for_those_who_take_it(server: Server) -> None:
    compressed = server.ask(Step("GET", "/metrics", headers={"accept-encoding": "deflate, gzip"}))
    assert compressed.headers["content-encoding"] == "gzip"
    assert "alertmanager_build_info" in gzip.decompress(compressed.body).decode()
    assert "content-encoding" not in server.get("/metrics").headers


def test_the_build_is_a_version_that_clients_can_read(server: Server) -> None:
    (version,) = re.findall(
        r'alertmanager_build_info\{.*version="([^"]*)"\} 1.0', server.get("/metrics").body.decode()
    )
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)


def test_failed_notifications_have_the_labels_of_all_plus_a_reason() -> None:
    # The division of the official alerts depends on it.
    metrics = Metrics(["receiver-name-in-metrics"])
    metrics.notification("ops", "webhook")
    metrics.notification_failed("ops", "webhook", FailureReason.RATE_LIMITED)
    metrics.notification_sent("ops", "webhook")
    metrics.request("ops", "webhook", 0.2)
    metrics.request_failed("ops", "webhook")
    counted = samples(metrics.exposition())
    both = (("integration", "webhook"), ("receiver_name", "ops"))
    assert counted["alertmanager_notifications_total", both] == 1
    reason = (("integration", "webhook"), ("reason", "rateLimited"), ("receiver_name", "ops"))
    assert counted["alertmanager_notifications_failed_total", reason] == 1
    assert counted["alertmanager_notification_requests_total", both] == 1
    assert counted["alertmanager_notification_requests_failed_total", both] == 1
    assert (
        counted[
            "alertrouter_notifications_total",
            (("integration", "webhook"), ("outcome", "sent"), ("receiver", "ops")),
        ]
        == 1
    )


def test_what_happens_is_counted() -> None:
    metrics = Metrics()
    metrics.alerts_received(firing=3, resolved=1, invalid=1, seconds=0.01)
    metrics.alerts_limited({"A": 2})
    metrics.suppressed({MutedBy.SILENCE: 3, MutedBy.INHIBITION: 1})
    metrics.flushed(0.2)
    metrics.template_failed("ops", "slack")
    metrics.silence_unusable()
    metrics.maintained(0.1, failed=True)
    metrics.alert_limit(7)
    metrics.watch_journal(healthy=lambda: True, waiting=lambda: 3)
    counted = samples(metrics.exposition())
    v2 = ("version", "v2")
    assert counted["alertmanager_alerts_received_total", (("status", "firing"), v2)] == 3
    assert counted["alertmanager_alerts_received_total", (("status", "resolved"), v2)] == 1
    assert counted["alertmanager_alerts_invalid_total", (v2,)] == 1
    assert (
        counted["alertmanager_alerts_subscriber_channel_writes_total", (("subscriber", "dispatcher"),)] == 3
    )
    assert counted["alertmanager_alerts_limited_total", ()] == 2
    assert counted["alertmanager_notifications_suppressed_total", (("reason", "silence"),)] == 3
    assert counted["alertrouter_flush_lateness_seconds_count", ()] == 1
    assert (
        counted["alertrouter_template_failures_total", (("integration", "slack"), ("receiver", "ops"))] == 1
    )
    assert counted["alertmanager_silences_matcher_compile_errors_total", (("stage", "load_snapshot"),)] == 1
    assert counted["alertmanager_nflog_maintenance_errors_total", ()] == 1
    assert counted["alertmanager_alerts_per_alert_limit", ()] == 7
    assert counted["alertrouter_journal_healthy", ()] == 1
    assert counted["alertrouter_journal_waiting_writes", ()] == 3


def test_the_limit_is_counted_by_name_when_asked_for() -> None:
    metrics = Metrics(["alert-names-in-metrics"])
    metrics.alerts_limited({"A": 2, "B": 1})
    assert samples(metrics.exposition())["alertmanager_alerts_limited_total", (("alertname", "A"),)] == 2


HOOKED = CONFIG.replace(
    "  - name: crit\n  - name: unused\n",
    "  - name: crit\n    webhook_configs: [{url: 'http://x/'}, {url: 'http://y/'}]\n"
    "  - name: unused\n    webhook_configs: [{url: 'http://x/'}]\n",
)


def test_the_configuration_in_force_is_counted() -> None:
    metrics = Metrics()
    configuration = load_text(HOOKED)
    metrics.configured(configuration.routing, configuration.hash, 5_500_000_000)
    metrics.reload_failed()
    counted = samples(metrics.exposition())
    assert counted["alertmanager_config_last_reload_successful", ()] == 0
    assert counted["alertmanager_config_last_reload_success_timestamp_seconds", ()] == 5.5
    assert counted["alertmanager_config_hash", ()] == configuration.hash
    assert counted["alertmanager_receivers", ()] == 4
    assert counted["alertmanager_integrations", ()] == 2
    assert counted["alertmanager_inhibition_rules", ()] == 1
    assert (
        counted[
            "alertrouter_notifications_total",
            (("integration", "webhook"), ("outcome", "failed"), ("receiver", "crit")),
        ]
        == 0
    )


def test_with_receiver_names_a_reload_begins_the_series_anew() -> None:
    metrics = Metrics(["receiver-name-in-metrics"])
    metrics.notification("gone", "webhook")
    metrics.configured(load_text(HOOKED).routing, 1, 0)
    counted = samples(metrics.exposition())
    names = {
        dict(labels)["receiver_name"]
        for (name, labels) in counted
        if name == "alertmanager_notifications_total"
    }
    assert names == {"crit"}


def test_the_page_shows_alerts_and_silences_and_trusts_nobody(server: Server) -> None:
    empty = server.get("/")
    assert empty.status == 200
    assert b"No alert groups found" in empty.body
    server.post(
        "/api/v2/alerts", [alert({"alertname": "<script>"}, annotations={"x": "<b>"}), alert({"a": "b"})]
    )
    server.post("/api/v2/silences", silence(comment="<i>why</i>"))
    page = server.get("/")
    text = page.body.decode()
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache, no-store, must-revalidate"
    assert "&lt;script&gt;" in text
    assert "&lt;i&gt;why&lt;/i&gt;" in text
    assert "<script" not in text
    assert "silenced" in text
    assert server.get("/favicon.ico").headers["content-type"] == "image/svg+xml"
