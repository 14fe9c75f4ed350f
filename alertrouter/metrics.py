"""What this process tells Prometheus: Alertmanager's series by their names, and our own as ``alertrouter_*``.

The official dashboards and alerts work on the former (`api-and-cli.md` 9). What moves is here; `idle_metrics` has what
never does, `live_metrics` what is looked at when somebody asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import Histogram

from alertrouter import ALERTMANAGER_VERSION, __version__
from alertrouter.build import LANGUAGE, MACHINE, OS
from alertrouter.core.reason import FailureReason
from alertrouter.core.time import SECOND
from alertrouter.idle_metrics import IdleMetrics
from alertrouter.live_metrics import EngineCollector, ReceiverCollector
from alertrouter.tallies import Distributions, Tallies, Totals

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from prometheus_client import Counter

    from alertrouter.core.reason import MutedBy
    from alertrouter.core.routing import Routing
    from alertrouter.core.time import Moment
    from alertrouter.delivery.status import LaneStatus
    from alertrouter.engine.engine import Engine
    from alertrouter.tallies import Distribution, Tally

#: The integrations that Alertmanager has; their series exist from the start.
INTEGRATIONS = (
    "email",
    "pagerduty",
    "wechat",
    "pushover",
    "slack",
    "opsgenie",
    "webhook",
    "victorops",
    "sns",
    "telegram",
    "discord",
    "webex",
    "msteams",
    "msteamsv2",
    "incidentio",
    "jira",
    "rocketchat",
    "mattermost",
)


class _Usual(NamedTuple):
    """The series of one integration that every message moves."""

    notifications: Tally
    requests: Tally
    latency: Distribution
    taken: Tally


_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics(IdleMetrics):
    """Everything that is counted. Methods say what happened; nothing here decides anything.

    ``features`` are the names given to ``--enable-feature``. What is not counted but looked at when somebody asks is
    connected with ``watch`` and ``watch_journal``.
    """

    def __init__(self, features: Collection[str] = ()) -> None:
        super().__init__("alertmanager")
        self._by_receiver = "receiver-name-in-metrics" in features
        self._limited_by_name = "alert-names-in-metrics" in features
        self._group_keys = "group-key-in-metrics" in features
        self._builds()
        self._alerts()
        self._notifications()
        self._silences()
        self._configuration()
        self._own()

    def watch(self, engine: Engine, now: Callable[[], Moment]) -> None:
        """Count what the engine holds whenever somebody asks."""
        self.registry.register(EngineCollector(engine, now, group_keys=self._group_keys))

    def watch_receivers(self, lanes: Callable[[], Sequence[LaneStatus]]) -> None:
        """Show of each integration that was told something whether it answers."""
        self.registry.register(ReceiverCollector(lanes))

    # Alerts

    def _alerts(self) -> None:
        received = self._tallies(
            "alertmanager_alerts_received_total", "Alerts received.", "status", "version"
        )
        self._firing = received.labels("firing", "v2")
        self._resolved = received.labels("resolved", "v2")
        invalid = self._tallies("alertmanager_alerts_invalid_total", "Alerts refused.", "version")
        self._invalid = invalid.labels("v2")
        writes = self._tallies(
            "alertmanager_alerts_subscriber_channel_writes_total",
            "Alerts handed to the parts that follow them.",
            "subscriber",
        )
        self._stored = [writes.labels("dispatcher"), writes.labels("inhibitor")]
        self._limit = self._gauge("alertmanager_alerts_per_alert_limit", "Most alerts of one alertname.")
        self._processing = Totals(
            "alertmanager_dispatcher_alert_processing_duration_seconds",
            "Time to take in and route an alert.",
            (),
            self.registry,
        ).labels()
        self._limited: Counter | None = None

    def alerts_received(self, *, firing: int, resolved: int, invalid: int, seconds: float) -> None:
        """A request brought so many alerts, refused ones included, and taking them in took so long."""
        if firing:
            self._firing.inc(firing)
        if resolved:
            self._resolved.inc(resolved)
        if invalid:
            self._invalid.inc(invalid)
        for part in self._stored:
            part.inc(firing + resolved - invalid)
        self._processing.observe(seconds)

    def alerts_limited(self, limited: Mapping[str, int]) -> None:
        """Alerts were dropped by the limit, by alertname."""
        for alertname, count in limited.items():
            if self._limited is None:
                names = ("alertname",) if self._limited_by_name else ()
                self._limited = self._counter(
                    "alertmanager_alerts_limited_total", "Alerts dropped by the limit per alertname.", *names
                )
            counter = self._limited.labels(alertname) if self._limited_by_name else self._limited
            counter.inc(count)

    # Notifications; the methods are what `delivery.ports.DeliveryMetrics` asks for

    def _notifications(self) -> None:
        names = ("integration", "receiver_name") if self._by_receiver else ("integration",)
        counter = self._counter
        self._sent = self._tallies("alertmanager_notifications_total", "Notifications tried.", *names)
        self._failed = counter(
            "alertmanager_notifications_failed_total", "Notifications given up.", *names, "reason"
        )
        self._requests = self._tallies("alertmanager_notification_requests_total", "Attempts.", *names)
        self._requests_failed = counter(
            "alertmanager_notification_requests_failed_total", "Failed attempts.", *names
        )
        self._latency = Distributions(
            "alertmanager_notification_latency_seconds",
            "Duration of attempts.",
            names,
            (1, 5, 10, 15, 20),
            self.registry,
        )
        self._suppressed = counter(
            "alertmanager_notifications_suppressed_total", "Alerts kept back, by what.", "reason"
        )
        self._outcomes = self._tallies(
            "alertrouter_notifications_total",
            "Notifications of each receiver by how they ended.",
            "receiver",
            "integration",
            "outcome",
        )
        self._template_failures = counter(
            "alertrouter_template_failures_total",
            "Notifications whose template failed.",
            "receiver",
            "integration",
        )
        self._usual_of: dict[tuple[str, str], _Usual] = {}
        if not self._by_receiver:
            for integration in INTEGRATIONS:
                self._create(integration)

    def _create(self, *values: str) -> None:
        for metric in (self._sent, self._requests, self._requests_failed, self._latency):
            metric.labels(*values)
        for reason in FailureReason:
            self._failed.labels(*values, reason.value)

    def _values(self, receiver: str, integration: str) -> tuple[str, ...]:
        return (integration, receiver) if self._by_receiver else (integration,)

    def _usual(self, receiver: str, integration: str) -> _Usual:
        """The series that every message moves; finding them by their labels each time costs more than moving them."""
        found = self._usual_of.get((receiver, integration))
        if found is None:
            values = self._values(receiver, integration)
            found = self._usual_of[receiver, integration] = _Usual(
                self._sent.labels(*values),
                self._requests.labels(*values),
                self._latency.labels(*values),
                self._outcomes.labels(receiver, integration, "sent"),
            )
        return found

    def notification(self, receiver: str, integration: str) -> None:
        """A message has come to be sent, or logged as told without being sent."""
        self._usual(receiver, integration).notifications.value += 1

    def notification_sent(self, receiver: str, integration: str) -> None:
        """The receiver took it."""
        self._usual(receiver, integration).taken.value += 1

    def notification_failed(self, receiver: str, integration: str, reason: FailureReason) -> None:
        """It was given up."""
        self._failed.labels(*self._values(receiver, integration), reason.value).inc()
        self._outcomes.labels(receiver, integration, "failed").inc()

    def request(self, receiver: str, integration: str, seconds: float) -> None:
        """An attempt was made and took so long."""
        usual = self._usual(receiver, integration)
        usual.requests.value += 1
        usual.latency.observe(seconds)

    def request_failed(self, receiver: str, integration: str) -> None:
        """An attempt failed."""
        self._requests_failed.labels(*self._values(receiver, integration)).inc()

    def template_failed(self, receiver: str, integration: str) -> None:
        """A template of this integration could not be rendered."""
        self._template_failures.labels(receiver, integration).inc()

    def suppressed(self, counts: Mapping[MutedBy, int]) -> None:
        """A flush kept back so many alerts, by what."""
        for muted_by, count in counts.items():
            self._suppressed.labels(muted_by.value).inc(count)

    def flushed(self, late: float) -> None:
        """A group was flushed so many seconds after it was due."""
        self._lateness.observe(late)

    def _tallies(self, name: str, about: str, *labels: str) -> Tallies:
        return Tallies(name, about, labels, self.registry)

    # Silences

    def _silences(self) -> None:
        self._queries = self._counter("alertmanager_silences_queries_total", "Lists of silences asked for.")
        self._query_errors = self._counter("alertmanager_silences_query_errors_total", "Failed ones.")
        self._query_durations = Histogram(
            "alertmanager_silences_query_duration_seconds",
            "Time to list silences.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._scanned = self._counter(
            "alertmanager_silences_query_silences_scanned_total", "Silences looked at for a list."
        )
        self._counter(
            "alertmanager_silences_query_silences_skipped_total", "Silences a list could leave out."
        )
        errors = self._counter(
            "alertmanager_silences_matcher_compile_errors_total",
            "Silences whose matchers cannot be used.",
            "stage",
        )
        for stage in ("index", "load_snapshot"):
            errors.labels(stage)
        self._unusable_silences = errors.labels("load_snapshot")
        self._maintenance = {}
        for part in ("silences", "nflog"):
            self._maintenance[part] = (
                self._counter(f"alertmanager_{part}_maintenance_total", "Runs of maintenance."),
                self._counter(f"alertmanager_{part}_maintenance_errors_total", "Failed runs of maintenance."),
                self._summary(
                    f"alertmanager_{part}_gc_duration_seconds", "Time to forget what is past its time."
                ),
            )

    def silences_listed(self, scanned: int, seconds: float) -> None:
        """A list of silences was asked for."""
        self._queries.inc()
        self._scanned.inc(scanned)
        self._query_durations.observe(seconds)

    def silence_unusable(self) -> None:
        """A stored silence could not be read and was left out."""
        self._unusable_silences.inc()

    def maintained(self, seconds: float, *, failed: bool = False) -> None:
        """Silences and log entries past their time were forgotten."""
        for total, errors, duration in self._maintenance.values():
            total.inc()
            duration.observe(seconds)
            if failed:
                errors.inc()

    # Configuration

    def _configuration(self) -> None:
        self._hash = self._gauge("alertmanager_config_hash", "Hash of the configuration in force.")
        self._reloaded = self._gauge(
            "alertmanager_config_last_reload_successful", "Whether the last reload succeeded."
        )
        self._reloaded_at = self._gauge(
            "alertmanager_config_last_reload_success_timestamp_seconds", "When the last reload succeeded."
        )
        self._receivers = self._gauge("alertmanager_receivers", "Receivers that a route uses.")
        self._integrations = self._gauge("alertmanager_integrations", "Integrations of those receivers.")
        self._rules = self._gauge("alertmanager_inhibition_rules", "Inhibition rules.")

    def configured(self, routing: Routing, config_hash: int, now: Moment) -> None:
        """This configuration is in force."""
        used = {route.receiver.name: route.receiver for route in routing.route.walk()}
        self._hash.set(config_hash)
        self._reloaded.set(1)
        self._reloaded_at.set(now / SECOND)
        self._receivers.set(len(used))
        self._integrations.set(sum(len(receiver.integrations) for receiver in used.values()))
        self._rules.set(len(routing.inhibition_rules))
        if self._by_receiver:
            for metric in (self._sent, self._failed, self._requests, self._requests_failed, self._latency):
                metric.clear()
            self._usual_of.clear()
        for receiver in used.values():
            for integration in receiver.integrations:
                self._create(*self._values(receiver.name, integration.kind))
                for outcome in ("sent", "failed"):
                    self._outcomes.labels(receiver.name, integration.kind, outcome)
                self._template_failures.labels(receiver.name, integration.kind)

    def reload_failed(self) -> None:
        """The configuration on disk cannot be used; the one in force stays."""
        self._reloaded.set(0)

    def alert_limit(self, limit: int) -> None:
        """At most so many alerts of one alertname are taken in."""
        self._limit.set(limit)

    # The rest

    def _own(self) -> None:
        self._lateness = Distributions(
            "alertrouter_flush_lateness_seconds",
            "Time from when a group was due until it was flushed.",
            (),
            (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60),
            self.registry,
        ).labels()

    def _builds(self) -> None:
        build = self._gauge(
            "alertmanager_build_info",
            "The Alertmanager release whose behaviour this follows.",
            *("version", "revision", "branch", "goversion", "goos", "goarch", "tags"),
        )
        build.labels(
            ALERTMANAGER_VERSION,
            f"alertrouter-{__version__}",
            "",
            LANGUAGE,
            OS,
            MACHINE,
            "",
        ).set(1)
