"""Notifications to put into words, and the files their wording is compared with."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alertrouter.core.alert import Alert, Status
from alertrouter.core.labels import Labels
from alertrouter.core.notification import Notification
from alertrouter.core.reason import Reason
from alertrouter.core.time import MINUTE, SECOND, Moment
from alertrouter.templating.fallbacks import fallbacks_of
from alertrouter.templating.templates import Templates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alertrouter.core.notification import ReceiverDatum
    from alertrouter.integrations import IntegrationConfig
    from alertrouter.templating.message import Message

NOON: Moment = 1_795_000_000 * SECOND
GOLDEN = Path(__file__).parent / "golden"


def alert(*, resolved: bool = False, **labels: str) -> Alert:
    return Alert(
        labels=Labels(labels),
        annotations=Labels({"summary": f"{labels.get('instance', 'it')} is in trouble"}),
        starts_at=NOON - 5 * MINUTE,
        ends_at=NOON - MINUTE if resolved else None,
        updated_at=NOON,
        generator_url="http://prometheus.example/graph?g0.expr=up&g0.tab=1",
    )


def notification(
    *alerts: Alert,
    reason: Reason = Reason.FIRST,
    receiver_data: Mapping[str, ReceiverDatum] | None = None,
    receiver: str = "team.x",
) -> Notification:
    firing = any(each.ends_at is None for each in alerts)
    group_labels = alerts[0].labels.only(["alertname"])
    return Notification(
        receiver=receiver,
        status=Status.FIRING if firing else Status.RESOLVED,
        reason=reason,
        alerts=alerts,
        group_labels=group_labels,
        group_key=f'{{}}/{{team="x"}}:{group_labels.text()}',
        flushed_at=NOON,
        receiver_data=receiver_data or {},
    )


EXAMPLES: dict[str, Notification] = {
    "one_firing": notification(alert(alertname="DiskFull", instance="db1", severity="critical")),
    "many_mixed": notification(
        alert(alertname="DiskFull", instance="db1", severity="critical"),
        alert(alertname="DiskFull", instance="db2", severity="warning", resolved=True),
        alert(alertname="DiskFull", instance="db3", severity="critical"),
        reason=Reason.SOME_RESOLVED,
    ),
    "all_resolved": notification(
        alert(alertname="DiskFull", instance="db1", resolved=True),
        alert(alertname="DiskFull", instance="db2", resolved=True),
        reason=Reason.ALL_RESOLVED,
    ),
    "odd_unicode": notification(
        Alert(
            labels=Labels({"alertname": "Größe <&> 💥", "pfad": 'C:\\"x"', "zeile": "a\nb\u2028c"}),
            annotations=Labels({"summary": "e\u0301 \u200f שלום <script>&amp;"}),
            starts_at=NOON,
            ends_at=None,
            updated_at=NOON,
        )
    ),
}


def message(of: Notification, config: IntegrationConfig | None = None) -> Message:
    return Templates.built_in().message(
        of,
        external_url="http://am.example:9093",
        now=NOON + SECOND,
        fallbacks={} if config is None else fallbacks_of(config),
    )


def check_golden(kind: str, name: str, body: bytes | str) -> None:
    """Compare with golden/<kind>/<name>.json; with UPDATE_GOLDEN set, write it instead, to be read before a commit.

    The exact bytes are compared as well: their text stands under ``exact`` where it is not what JSON makes of it.
    """
    text = body.decode() if isinstance(body, bytes) else body
    try:
        kept: Any = {"json": json.loads(text), "exact": text}
    except ValueError:
        kept = {"lines": text.splitlines(keepends=True)}
    path = GOLDEN / kind / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(kept, indent=1, ensure_ascii=True) + "\n", encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8")) == kept
