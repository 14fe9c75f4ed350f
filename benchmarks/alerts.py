"""The alerts that are posted: eight labels and three annotations each, as a Kubernetes cluster's Prometheus has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BATCH = 64
"""Prometheus posts at most this many alerts in one request."""

_END_PLACE = "2000-01-01T00:00:00.000Z"
_encode = msgspec.json.Encoder().encode


def alert(number: int, groups: int, since: datetime) -> dict[str, Any]:
    """The alert of this number; its ``cluster`` label is one of ``groups``, and everything else follows from both.

    It began shortly before ``since``: groups of alerts that began long ago do not wait before they are sent.
    """
    cluster = number % groups
    name = f"KubernetesWorkload{cluster % 50:02d}Degraded"
    node = f"ip-10-{number // 62500 % 250}-{number // 250 % 250}-{number % 250}.eu-central-1.compute.internal"
    began = since - timedelta(milliseconds=number // BATCH % 977)
    return {
        "labels": {
            "alertname": name,
            "cluster": f"cluster-{cluster:05d}",
            "instance": f"{node}:9100",
            "job": "kubernetes-pods",
            "namespace": f"team-{cluster % 97}",
            "pod": f"workload-{number:06d}-5d9c7b6f8d-x2x7q",
            "severity": ("critical", "warning", "info")[cluster % 3],
            "team": f"platform-{cluster % 13}",
        },
        "annotations": {
            "description": f"Workload {number} on {node} has been degraded for more than ten minutes.",
            "runbook_url": f"https://runbooks.example.com/kubernetes/{name.lower()}",
            "summary": "A workload has fewer ready replicas than it asked for",
        },
        "startsAt": _text(began),
        "endsAt": _END_PLACE,
        "generatorURL": f"http://prometheus.example.com:9090/graph?g0.expr=degraded_{cluster % 50}&g0.tab=1",
    }


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


class Batches:
    """Request bodies for ``count`` alerts in ``groups`` groups, built once; only their ends move."""

    def __init__(self, count: int, groups: int, *, first: int = 0, since: datetime | None = None) -> None:
        self.count = count
        numbers = range(first, first + count)
        since = since or datetime.now(UTC)
        self.sizes: Sequence[int] = [len(numbers[start : start + BATCH]) for start in range(0, count, BATCH)]
        self._bodies = [
            _encode([alert(number, groups, since) for number in numbers[start : start + BATCH]])
            for start in range(0, count, BATCH)
        ]

    def ending(self, after: timedelta) -> Iterator[bytes]:
        """A round of bodies whose alerts end so long from now, each body a millisecond later than the one before."""
        end = datetime.now(UTC) + after
        place = _END_PLACE.encode()
        for number, body in enumerate(self._bodies):
            yield body.replace(place, _text(end + timedelta(milliseconds=number)).encode())
