"""Series of gossip and snapshot files, which do not exist here: dashboards and alerts look for them.

They have the value they have in an Alertmanager that does nothing of the kind (`api-and-cli.md` 9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Histogram

from alertrouter.web_metrics import WebMetrics

if TYPE_CHECKING:
    from alertrouter.peer import Peer

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

# Counters and summaries that stay at zero here, for dashboards that show them.
_IDLE_COUNTERS = {
    "alertmanager_dispatcher_aggregation_group_limit_reached_total": "Groups refused by a limit.",
    "alertmanager_dispatcher_aggregation_group_creation_retries_total": "Groups tried again to be made.",
    "alertmanager_dispatcher_aggregation_group_creation_given_up_total": "Groups given up.",
    "alertmanager_silences_gossip_messages_propagated_total": "Silences passed on by gossip.",
    "alertmanager_nflog_gossip_messages_propagated_total": "Log entries passed on by gossip.",
    "alertmanager_silences_gc_errors_total": "Failures to forget silences.",
    "alertmanager_nflog_queries_total": "Look-ups in the notification log file.",
    "alertmanager_nflog_query_errors_total": "Failed look-ups in the notification log file.",
}
_IDLE_SUMMARIES = {
    "alertmanager_silences_snapshot_duration_seconds": "Time to write the snapshot of silences.",
    "alertmanager_nflog_snapshot_duration_seconds": "Time to write the snapshot of the notification log.",
}
_IDLE_GAUGES = {
    "alertmanager_peer_position": "Place among the replicas that gossip.",
    "alertmanager_silences_snapshot_size_bytes": "Size of the snapshot of silences.",
    "alertmanager_nflog_snapshot_size_bytes": "Size of the snapshot of the notification log.",
}
# What a member that is alone in its cluster has.
_LONE_GAUGES = {
    "alertmanager_cluster_failed_peers": "Members that do not answer.",
    "alertmanager_cluster_health_score": "0 is healthy.",
    "alertmanager_cluster_messages_queued": "Gossip messages that wait.",
}
_LONE_COUNTERS = {
    "alertmanager_cluster_messages_pruned_total": "Gossip messages dropped.",
    "alertmanager_cluster_peer_name_conflicts_total": "Members with the same name.",
    "alertmanager_cluster_peers_joined_total": "Members that came.",
    "alertmanager_cluster_peers_left_total": "Members that went.",
    "alertmanager_cluster_peers_update_total": "Members that changed.",
    "alertmanager_cluster_reconnections_total": "Members found again.",
    "alertmanager_cluster_reconnections_failed_total": "Failures to find members again.",
    "alertmanager_cluster_refresh_join_total": "Members joined again.",
    "alertmanager_cluster_refresh_join_failed_total": "Failures to join members again.",
}


class IdleMetrics(WebMetrics):
    """What is there from the start and never moves, but for whether this is a member of a cluster."""

    def __init__(self, prefix: str) -> None:
        super().__init__(prefix)
        self._cluster_enabled = self._gauge(
            "alertmanager_cluster_enabled", "Whether this is a member of a cluster."
        )
        for name, about in _IDLE_COUNTERS.items():
            self._counter(name, about)
        for what in ("sent", "failure", "dropped"):
            oversized = self._counter(
                f"alertmanager_oversized_gossip_message_{what}_total", "Large gossip messages.", "key"
            )
            for key in ("nfl", "sil"):
                oversized.labels(key)
        for name, about in _IDLE_SUMMARIES.items():
            self._summary(name, about)
        for name, about in _IDLE_GAUGES.items():
            self._gauge(name, about)
        Histogram(
            "alertmanager_nflog_query_duration_seconds",
            "Time of look-ups in the notification log file.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        oversize = Histogram(
            "alertmanager_oversize_gossip_message_duration_seconds",
            "Time to send large gossip messages.",
            ("key",),
            buckets=_SECONDS,
            registry=self.registry,
        )

        for key in ("nfl", "sil"):
            oversize.labels(key)

    def member(self, peer: Peer | None) -> None:
        """This is a member of a cluster, alone in it and well; or of none."""
        if peer is None:
            return
        self._cluster_enabled.set(1)
        self._gauge("alertmanager_cluster_members", "Members that are alive, this one included.").set(1)
        self._gauge("alertmanager_cluster_peer_info", "This member.", "peer").labels(peer.name).set(1)
        for name, about in _LONE_GAUGES.items():
            self._gauge(name, about)
        for name, about in _LONE_COUNTERS.items():
            self._counter(name, about)
        for way in ("received", "sent"):
            for name in (f"messages_{way}_total", f"messages_{way}_size_total"):
                messages = self._counter(f"alertmanager_cluster_{name}", "Gossip messages.", "msg_type")
                for kind in ("full_state", "update"):
                    messages.labels(kind)
        alive = self._counter("alertmanager_cluster_alive_messages_total", "Signs of life.", "peer")
        alive.labels(peer.name)
