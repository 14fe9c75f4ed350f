"""What cannot change while the daemon runs: its command line. The parser and the reference page come from here."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any, NamedTuple

from alertrouter.core.time import DAY, HOUR, MILLISECOND, MINUTE, SECOND, Duration


class Flag(NamedTuple):
    """One flag of the daemon, as the command line and the documentation need it.

    ``kind`` is ``text``, ``texts`` (repeatable), ``bool``, ``integer``, ``float``, ``duration`` or ``bytes``.
    """

    field: str
    flag: str
    kind: str
    default: Any
    help: str


def _flag(flag: str, kind: str, default: Any, about: str) -> Any:
    metadata = {"flag": flag, "kind": kind, "help": about}
    if kind == "texts":
        return field(default_factory=lambda: tuple(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The daemon's flags. Names and defaults are Alertmanager's where it has them."""

    config_file: str = _flag("config.file", "text", "alertmanager.yml", "Configuration file.")
    storage_path: str = _flag(
        "storage.path", "text", "data/", "Directory of the embedded database; created when missing."
    )
    storage_url: str = _flag(
        "storage.url",
        "text",
        "",
        "Database to use instead of the embedded one, as postgresql://user@host/name. ${ENV} is replaced.",
    )
    data_retention: Duration = _flag(
        "data.retention",
        "duration",
        120 * HOUR,
        "How long ended silences and the notification log are kept.",
    )
    history_retention: Duration = _flag(
        "history.retention",
        "duration",
        30 * DAY,
        "How long is kept what happened, who was told and who was not; 0 is no limit.",
    )
    history_max_size: int = _flag(
        "history.max-size",
        "bytes",
        1 << 30,
        "Largest size of the database; the oldest history goes first. As 512MB or 2GB; 0 is no limit.",
    )
    data_maintenance_interval: Duration = _flag(
        "data.maintenance-interval",
        "duration",
        15 * MINUTE,
        "How often what is past its retention is removed.",
    )
    silences_max_silences: int = _flag(
        "silences.max-silences",
        "integer",
        0,
        "Most silences that may be stored, ended ones included; 0 is no limit.",
    )
    silences_max_silence_size_bytes: int = _flag(
        "silences.max-silence-size-bytes", "integer", 0, "Largest size of one silence; 0 is no limit."
    )
    log_silences: bool = _flag(
        "log.silences", "bool", False, "Log each silence that is created, updated or expired."
    )
    alerts_gc_interval: Duration = _flag(
        "alerts.gc-interval", "duration", 30 * MINUTE, "How often resolved alerts are forgotten."
    )
    alerts_per_alertname_limit: int = _flag(
        "alerts.per-alertname-limit", "integer", 0, "Most alerts of one alertname; 0 is no limit."
    )
    rules_file: tuple[str, ...] = _flag(
        "rules.file", "texts", (), "Files of alerting rules to evaluate; * and ** are wildcards. Repeatable."
    )
    query_url: tuple[str, ...] = _flag(
        "query.url",
        "texts",
        (),
        "URL of the Prometheus, VictoriaMetrics, Mimir or Thanos that answers the rules' queries; of several, which must "
        "all answer the same, any. Repeatable.",
    )
    query_type: str = _flag(
        "query.type",
        "text",
        "",
        "What answers: prometheus (if nothing says otherwise), victoriametrics, mimir or thanos. Decides which expressions "
        "there are, and how late data is.",
    )
    query_config_file: str = _flag(
        "query.config.file",
        "text",
        "",
        "File with authentication, TLS, headers and tenant for queries, and with Alertmanagers and receivers of samples.",
    )
    query_timeout: Duration = _flag(
        "query.timeout",
        "duration",
        2 * MINUTE,
        "Longest time for one query; the interval of its group is another limit.",
    )
    query_external_url: str = _flag(
        "query.external-url",
        "text",
        "",
        "URL under which people reach the backend: links in alerts lead there. By default --query.url.",
    )
    evaluation_interval: Duration = _flag(
        "evaluation.interval",
        "duration",
        MINUTE,
        "How often groups of rules are evaluated that do not say it.",
    )
    external_label: tuple[str, ...] = _flag(
        "external.label",
        "texts",
        (),
        "NAME=VALUE of a label that is added to alerts and samples without it. Repeatable.",
    )
    remote_write_url: tuple[str, ...] = _flag(
        "remote-write.url",
        "texts",
        (),
        "URL that takes recorded series and ALERTS by remote write; without one, recording rules are not evaluated. "
        "Repeatable.",
    )
    alertmanager_url: tuple[str, ...] = _flag(
        "alertmanager.url",
        "texts",
        (),
        "URL of an Alertmanager, or an alertrouter, that alerts are sent to; each gets all of them. Repeatable.",
    )
    rules_query_offset: str = _flag(
        "rules.query-offset",
        "text",
        "",
        "How far in the past queries look, for groups that do not say it; by default as late as the kind of backend is: "
        "0s, 30s for victoriametrics, 1m for mimir.",
    )
    rules_alert_resend_delay: Duration = _flag(
        "rules.alert.resend-delay",
        "duration",
        MINUTE,
        "How long to wait before a firing alert is told again.",
    )
    rules_alert_for_outage_tolerance: Duration = _flag(
        "rules.alert.for-outage-tolerance",
        "duration",
        HOUR,
        "After a longer pause the state of alerts is not restored.",
    )
    rules_alert_for_grace_period: Duration = _flag(
        "rules.alert.for-grace-period",
        "duration",
        10 * MINUTE,
        "Shortest for of rules whose state is read back from ALERTS_FOR_STATE, where the own database has none.",
    )
    rules_alert_after_pause: str = _flag(
        "rules.alert.after-pause",
        "text",
        "pause",
        "What a pause does to the for of pending alerts: pause (it does not count), count (it does) or reset (for begins "
        "anew).",
    )
    rules_missing_data: str = _flag(
        "rules.missing-data",
        "text",
        "resolve",
        "What becomes of an alert whose data are gone while it fires, where its rule and group do not say it: resolve (it is "
        "over), keep (it fires on for some evaluations) or alert (another alert says so).",
    )
    rules_missing_data_evaluations: int = _flag(
        "rules.missing-data-evaluations",
        "integer",
        5,
        "For how many evaluations an alert without data is kept.",
    )
    rules_labels: str = _flag(
        "rules.labels",
        "text",
        "prometheus",
        "Whose labels alerts and recorded series have: prometheus, or vmalert, where alertgroup is one, external labels are "
        "labels of every rule, and what a rule's label takes the place of stays as exported_NAME.",
    )
    rules_update_entries_limit: int = _flag(
        "rules.update-entries-limit",
        "integer",
        20,
        "How many evaluations of each rule are remembered and shown; a rule's update_entries_limit wins.",
    )
    dispatch_maintenance_interval: Duration = _flag(
        "dispatch.maintenance-interval",
        "duration",
        30 * SECOND,
        "Accepted; empty groups are removed at once here.",
    )
    dispatch_start_delay: Duration = _flag(
        "dispatch.start-delay",
        "duration",
        0,
        "After the start, group alerts but flush nothing until this has passed.",
    )
    web_listen_address: tuple[str, ...] = _flag(
        "web.listen-address", "texts", (":9093",), "Address to listen on; repeatable."
    )
    web_systemd_socket: bool = _flag(
        "web.systemd-socket", "bool", False, "Use the sockets passed by systemd instead of opening any."
    )
    web_config_file: str = _flag(
        "web.config.file", "text", "", "File with TLS and authentication for the web server."
    )
    web_external_url: str = _flag(
        "web.external-url",
        "text",
        "",
        "URL under which people reach this; its path is the route prefix by default.",
    )
    web_route_prefix: str = _flag("web.route-prefix", "text", "", "Path below which everything is served.")
    web_get_concurrency: int = _flag(
        "web.get-concurrency",
        "integer",
        0,
        "Most GET requests served at once; 0 is the larger of 8 and the CPUs.",
    )
    web_timeout: Duration = _flag(
        "web.timeout", "duration", 0, "Longest time for one request; 0 is no limit."
    )
    web_read_only: bool = _flag(
        "web.read-only",
        "bool",
        False,
        "Take alerts and reloads, and refuse everything else that changes something: silences, tests of receivers.",
    )
    auto_gomemlimit_ratio: float = _flag(
        "auto-gomemlimit.ratio", "float", 0.9, "Accepted, without effect here."
    )
    cluster_listen_address: str = _flag(
        "cluster.listen-address",
        "text",
        "0.0.0.0:9094",
        "Address told to clients that ask for the members of the cluster; nobody listens on it. Empty: there is no cluster.",
    )
    cluster_advertise_address: str = _flag(
        "cluster.advertise-address", "text", "", "Address told instead of it."
    )
    cluster_peer_name: str = _flag(
        "cluster.peer-name", "text", "", "Name of this replica; empty: one by chance."
    )
    cluster_peer: tuple[str, ...] = _flag(
        "cluster.peer", "texts", (), "Accepted, without effect here; repeatable."
    )
    cluster_peer_timeout: Duration = _flag(
        "cluster.peer-timeout", "duration", 15 * SECOND, "Accepted, without effect here."
    )
    cluster_peers_resolve_timeout: Duration = _flag(
        "cluster.peers-resolve-timeout", "duration", 15 * SECOND, "Accepted, without effect here."
    )
    cluster_gossip_interval: Duration = _flag(
        "cluster.gossip-interval", "duration", 200 * MILLISECOND, "Accepted, without effect here."
    )
    cluster_pushpull_interval: Duration = _flag(
        "cluster.pushpull-interval", "duration", MINUTE, "Accepted, without effect here."
    )
    cluster_tcp_timeout: Duration = _flag(
        "cluster.tcp-timeout", "duration", 10 * SECOND, "Accepted, without effect here."
    )
    cluster_probe_timeout: Duration = _flag(
        "cluster.probe-timeout", "duration", 500 * MILLISECOND, "Accepted, without effect here."
    )
    cluster_probe_interval: Duration = _flag(
        "cluster.probe-interval", "duration", SECOND, "Accepted, without effect here."
    )
    cluster_settle_timeout: Duration = _flag(
        "cluster.settle-timeout", "duration", MINUTE, "Accepted, without effect here."
    )
    cluster_reconnect_interval: Duration = _flag(
        "cluster.reconnect-interval", "duration", 10 * SECOND, "Accepted, without effect here."
    )
    cluster_reconnect_timeout: Duration = _flag(
        "cluster.reconnect-timeout", "duration", 6 * HOUR, "Accepted, without effect here."
    )
    cluster_tls_config: str = _flag("cluster.tls-config", "text", "", "Accepted, without effect here.")
    cluster_allow_insecure_public_advertise_address_discovery: bool = _flag(
        "cluster.allow-insecure-public-advertise-address-discovery",
        "bool",
        False,
        "Accepted, without effect here.",
    )
    cluster_label: str = _flag("cluster.label", "text", "", "Accepted, without effect here.")
    compat_strict: bool = _flag(
        "compat.strict",
        "bool",
        False,
        "Do as Alertmanager does where this is better by default: timers restart at a reload, and a group that was muted "
        "waits for its group interval. Rules do as in Prometheus: alerts are not told again while their query fails, and "
        "not resolved when their rule is removed.",
    )
    strict_templates: bool = _flag(
        "strict-templates",
        "bool",
        False,
        "Refuse a configuration with a template in it that cannot be rendered, rather than warn of it.",
    )
    enable_feature: tuple[str, ...] = _flag(
        "enable-feature",
        "texts",
        (),
        "Comma-separated features: alert-names-in-metrics, receiver-name-in-metrics, group-key-in-metrics, classic-mode, "
        "utf8-strict-mode, auto-gomemlimit, event-recorder.",
    )
    log_level: str = _flag(
        "log.level", "text", "info", "Lowest level that is logged: debug, info, warn or error."
    )
    log_format: str = _flag("log.format", "text", "logfmt", "Form of the log lines: logfmt or json.")

    @property
    def features(self) -> frozenset[str]:
        """The names given to --enable-feature, whether in one flag or several."""
        return frozenset(
            name.strip() for text in self.enable_feature for name in text.split(",") if name.strip()
        )


FEATURES = frozenset(
    {
        "alert-names-in-metrics",
        "receiver-name-in-metrics",
        "group-key-in-metrics",
        "classic-mode",
        "utf8-strict-mode",
        "auto-gomemlimit",
        "event-recorder",
    }
)


def flags() -> list[Flag]:
    """All flags in the order of the help text."""
    return [_as_flag(each) for each in fields(Settings)]


def _as_flag(each: Field[Any]) -> Flag:
    default = each.default_factory() if callable(each.default_factory) else each.default
    return Flag(each.name, each.metadata["flag"], each.metadata["kind"], default, each.metadata["help"])
