"""Notifications and templates for tests of the wording."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alertrouter.core.alert import Alert, Status
from alertrouter.core.labels import Labels
from alertrouter.core.notification import Notification
from alertrouter.core.reason import Reason
from alertrouter.core.time import SECOND
from alertrouter.templating.templates import Templates

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from alertrouter.core.time import Moment
    from alertrouter.templating.errors import TemplateError
    from alertrouter.templating.message import Message

NOW = 1_714_979_289 * SECOND  # 2024-05-06T07:08:09Z
EXTERNAL_URL = "http://am.example.org:9093"


def alert(
    labels: Mapping[str, str],
    annotations: Mapping[str, str] | None = None,
    *,
    ends_at: Moment | None = None,
    starts_at: Moment = NOW,
    starts_offset: int = 0,
    generator_url: str = "",
) -> Alert:
    return Alert(
        labels=Labels(labels),
        annotations=Labels(annotations or {}),
        starts_at=starts_at,
        starts_offset=starts_offset,
        ends_at=ends_at,
        updated_at=NOW,
        generator_url=generator_url,
    )


DISK = alert({"alertname": "Disk", "job": "node", "instance": "a:9100"}, {"summary": "it is <full>"})


def notification(
    *alerts: Alert,
    receiver: str = "team.x",
    route_labels: Mapping[str, str] | None = None,
    status: Status | None = None,
) -> Notification:
    shown = alerts or (DISK,)
    return Notification(
        receiver=receiver,
        status=status or (Status.FIRING if any(each.ends_at is None for each in shown) else Status.RESOLVED),
        reason=Reason.FIRST,
        alerts=shown,
        group_labels=shown[0].labels.only(["alertname"]),
        route_labels=route_labels or {},
        group_key='{}:{alertname="Disk"}',
        flushed_at=NOW,
    )


def message(
    *alerts: Alert,
    templates: Templates | None = None,
    route_labels: Mapping[str, str] | None = None,
    fallbacks: Mapping[str, str] | None = None,
    external_url: str = EXTERNAL_URL,
) -> Message:
    return (templates or Templates.built_in()).message(
        notification(*alerts, route_labels=route_labels),
        external_url=external_url,
        now=NOW,
        fallbacks=fallbacks or {},
    )


class Heard(list[tuple[str, str]]):
    """The failures that templates reported: what for, and the message."""

    def __call__(self, error: TemplateError, where: str) -> None:
        self.append((where, error.message))


def loaded(folder: Path, files: Mapping[str, str], heard: Heard | None = None) -> Templates:
    """Our defaults with these files of a user."""
    paths = []
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        paths.append(path)
    return Templates.load(paths, failed=heard if heard is not None else Heard())
