"""Alerts by HTTP to any number of Alertmanagers: all of them hear of every alert (`rules.md` 4)."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from alertrouter.core.labels import Labels
from alertrouter.core.time import SECOND, format_rfc3339
from alertrouter.http_client import HttpClient
from alertrouter.rules.alertmanager_queue import AlertmanagerQueue, QueuedAlert
from alertrouter.rules.lookup import DnsLookup
from alertrouter.rules.relabel import Relabeling
from alertrouter.wire.writing import encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alertrouter.clock import Timer
    from alertrouter.core.time import Duration
    from alertrouter.rules.lookup import Lookup
    from alertrouter.rules.model import RuleGroup
    from alertrouter.rules.ports import RuleAlert
    from alertrouter.rules.query_config import AlertmanagersConfig, DnsTargets
    from alertrouter.rules.relabel import RelabelConfig
    from alertrouter.rules.wire_metrics import NotifierMetrics

log = logging.getLogger(__name__)

#: Alerts that may wait for each Alertmanager, and that go in one request (`rules.md` 4.3).
CAPACITY: Final = 10_000
BATCH: Final = 256

#: What is still queued at the end is given so long.
LAST_WORDS: Final = 10 * SECOND


class AlertmanagerNotifier:
    """Queues alerts for each Alertmanager, after external labels and relabelling.

    Each Alertmanager has a queue of its own, so that one that hangs holds up no other. ``external_labels`` are added
    to alerts that have no such label; ``relabel_configs`` come next and may take them away again. ValueError when a
    TLS file cannot be used.
    """

    def __init__(
        self,
        configs: Sequence[AlertmanagersConfig],
        clock: Timer,
        metrics: NotifierMetrics,
        *,
        external_labels: Mapping[str, str] | None = None,
        relabel_configs: Sequence[RelabelConfig] = (),
        capacity: int = CAPACITY,
        last_words: Duration = LAST_WORDS,
        lookup: Lookup | None = None,
    ) -> None:
        self._last_words = last_words
        self._external_labels = dict(external_labels or {})
        self._relabeling = Relabeling(relabel_configs)
        self._metrics = metrics
        lookup = lookup or DnsLookup()
        self._blocks = [_Alertmanagers(config, clock, metrics, capacity, lookup) for config in configs]

    @property
    def urls(self) -> list[str]:
        """Where alerts are sent to now, without what is secret in it."""
        return [shown_address(url) for block in self._blocks for url in block.queues]

    async def notify(self, alerts: Sequence[RuleAlert], *, group: RuleGroup) -> None:
        """Queue alerts for every Alertmanager. Returns at once, and never raises."""
        prepared = []
        for alert in alerts:
            labels = {**self._external_labels, **alert.labels} if self._external_labels else alert.labels
            kept = self._relabeling.apply(labels)
            if kept:
                prepared.append((kept, alert))
        if not prepared:
            return
        bodies: list[QueuedAlert] = []
        for block in self._blocks:
            if block.relabeling:
                block.add(
                    [
                        queued(kept, alert, group)
                        for labels, alert in prepared
                        if (kept := block.relabeling.apply(labels))
                    ]
                )
            else:
                bodies = bodies or [queued(labels, alert, group) for labels, alert in prepared]
                block.add(bodies)
        self._metrics.discovered.set(len(self.urls))

    async def aclose(self) -> None:
        """Send what is queued, within ``last_words``, and close the connections."""
        await asyncio.gather(*[block.aclose(self._last_words) for block in self._blocks])


def queued(labels: Mapping[str, str], alert: RuleAlert, group: RuleGroup) -> QueuedAlert:
    """The alert as it is sent, with these labels."""
    members: dict[str, object] = {"labels": (in_order := Labels(labels))}
    if alert.annotations:
        members["annotations"] = alert.annotations
    members |= {
        "startsAt": format_rfc3339(alert.starts_at),
        "endsAt": format_rfc3339(alert.ends_at),
        "generatorURL": alert.generator_url,
    }
    return QueuedAlert(labels=in_order, body=encode(members), headers=group.notifier_headers)


def shown_address(url: str) -> str:
    """Where an Alertmanager is: its URL with the path, without user and query."""
    scheme, _, rest = url.partition("?")[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


class _Alertmanagers:
    """The Alertmanagers of one block of the configuration."""

    def __init__(
        self,
        config: AlertmanagersConfig,
        clock: Timer,
        metrics: NotifierMetrics,
        capacity: int,
        lookup: Lookup,
    ) -> None:
        self._lookup = lookup
        self._config = config
        self._clock = clock
        self._metrics = metrics
        self._capacity = capacity
        self._http = HttpClient(config, clock)
        self._fixed = config.fixed_urls()
        self._tasks: list[asyncio.Task[None]] = []
        self._found: dict[int, list[str]] = {}
        # Alerts from before the first answer of the DNS.
        self._held: dict[Labels, QueuedAlert] = {}
        self.relabeling = Relabeling(config.alert_relabel_configs)
        self.queues: dict[str, AlertmanagerQueue] = {}
        self._follow(self._fixed)

    def add(self, alerts: Sequence[QueuedAlert]) -> None:
        if not self._tasks and self._config.dns_sd_configs:
            self._tasks = [
                asyncio.get_running_loop().create_task(self._ask_dns(place, dns), name="alertmanager dns")
                for place, dns in enumerate(self._config.dns_sd_configs)
            ]
        if self._config.dns_sd_configs and not self._found:
            self._held |= {alert.labels: alert for alert in alerts}
            for labels in list(self._held)[: max(0, len(self._held) - self._capacity)]:
                del self._held[labels]
        for queue in self.queues.values():
            queue.add(alerts)

    async def aclose(self, limit: Duration) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(
            *self._tasks,
            *[queue.drain(limit) for queue in self.queues.values()],
            return_exceptions=True,
        )
        await self._http.aclose()

    def _follow(self, urls: Sequence[str]) -> list[AlertmanagerQueue]:
        """Send to these and no others; gives back the queues of those that were not there before."""
        for url in [url for url in self.queues if url not in urls]:
            gone = self.queues.pop(url)
            self._metrics.forget(shown_address(url))
            self._tasks.append(asyncio.get_running_loop().create_task(gone.drain(0)))
        new = {}
        for url in urls:
            if url not in self.queues and url not in new:
                new[url] = AlertmanagerQueue(
                    url,
                    self._config,
                    self._http,
                    self._clock,
                    self._metrics.of(shown_address(url)),
                    capacity=self._capacity,
                    batch=BATCH,
                )
        self.queues |= new
        return list(new.values())

    async def _ask_dns(self, place: int, dns: DnsTargets) -> None:
        while True:
            try:
                found = [self._config.url_of(target) for target in await self._lookup.targets(dns)]
            except OSError as error:
                # Those known before are good until the DNS says otherwise.
                log.warning(
                    "Alertmanagers cannot be looked up", extra={"because": error.strerror or str(error)}
                )
            else:
                self._found[place] = found
                new = self._follow([*self._fixed, *[url for urls in self._found.values() for url in urls]])
                held, self._held = list(self._held.values()), {}
                for queue in new:
                    queue.add(held)
            await self._clock.sleep_for(dns.refresh_interval)
