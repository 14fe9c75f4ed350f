"""Events as JSON: the proto3 mapping of Alertmanager's event messages (`semantics.md` 10.1).

Members stand in the order of the message's fields; empty ones are left out, 64-bit integers are strings.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from alertrouter.core.labels import Labels
from alertrouter.core.matcher import MatchType
from alertrouter.core.reason import Reason
from alertrouter.core.time import MICROSECOND, MILLISECOND, SECOND, ZERO_TIME, format_rfc3339
from alertrouter.engine.events import (
    AlertCreated,
    AlertGrouped,
    AlertResolved,
    Event,
    GroupName,
    InhibitionMuted,
    Notified,
    SilenceCreated,
    SilenceMuted,
    SilenceUpdated,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from alertrouter.core.inhibition import InhibitionRule
    from alertrouter.core.matcher import Matcher
    from alertrouter.core.silence import Silence
    from alertrouter.core.time import Duration, Moment
    from alertrouter.engine.decision import Send


@dataclass(frozen=True, slots=True)
class Started:
    """The process started and has read its configuration."""

    at: Moment
    version: str
    build_context: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The process stops in order; nothing is sent any more."""

    at: Moment


Recorded = Event | Started | Stopped

_MEMBERS: dict[type[Recorded], str] = {
    Started: "alertmanagerStartupEvent",
    Stopped: "alertmanagerShutdownEvent",
    AlertCreated: "alertCreated",
    AlertGrouped: "alertGrouped",
    AlertResolved: "alertResolved",
    Notified: "notification",
    SilenceCreated: "silenceCreated",
    SilenceUpdated: "silenceUpdated",
    SilenceMuted: "silenceMutedAlert",
    InhibitionMuted: "inhibitionMutedAlert",
}

#: The ``event_type`` label of each kind of event.
TYPE_OF = {
    kind: "".join([f"_{letter.lower()}" if letter.isupper() else letter for letter in member])
    for kind, member in _MEMBERS.items()
}

_MATCHER_TYPES = {
    MatchType.EQUAL: "TYPE_EQUAL",
    MatchType.REGEX: "TYPE_REGEXP",
    MatchType.NOT_EQUAL: "TYPE_NOT_EQUAL",
    MatchType.NOT_REGEX: "TYPE_NOT_REGEXP",
}
_REASONS = {
    Reason.FIRST: "NOTIFY_REASON_FIRST_NOTIFICATION",
    Reason.NEW_ALERTS: "NOTIFY_REASON_NEW_ALERTS_IN_GROUP",
    Reason.SOME_RESOLVED: "NOTIFY_REASON_NEW_RESOLVED_ALERTS",
    Reason.ALL_RESOLVED: "NOTIFY_REASON_ALL_ALERTS_RESOLVED",
    Reason.REPEAT: "NOTIFY_REASON_REPEAT_INTERVAL_ELAPSED",
}
# Names of group instances are made in this space.
_GROUPS = uuid.UUID("6f2c8a51-0f5e-5a0b-9d3c-2b7d1f4e8a90")


# What stands in many events, most of them heartbeats, is encoded once. So many label sets and groups are remembered.
_MOST_LABELS = 50_000
_MOST_GROUPS = 10_000

_encode = msgspec.json.Encoder().encode


def encode(event: Recorded, instance: str) -> bytes:
    """One event as a JSON object. Raises ``UnicodeEncodeError`` for text that is no Unicode."""
    return _encode(
        {
            "@timestamp": _moment(event.at),
            "instance": instance,
            "data": {_MEMBERS[type(event)]: _content(event)},
        }
    )


def _content(event: Recorded) -> dict[str, Any]:  # noqa: PLR0911 - one line for each kind
    match event:
        case AlertCreated(at=at, alert=alert):
            return {"alert": _alert(alert.labels, alert.annotations, alert.starts_at, alert.ends_at, at)}
        case AlertGrouped(at=at, alert=alert, group=group) | AlertResolved(at=at, alert=alert, group=group):
            return {
                "alert": _grouped(alert.labels, alert.annotations, alert.starts_at, alert.ends_at, at),
                "groupInfo": _encoded_group(group),
            }
        case Notified(at=at, send=send, group_created_at=created_at):
            return _notification(send, at, created_at)
        case SilenceCreated(silence=silence) | SilenceUpdated(silence=silence):
            return {"silence": _silence(silence)}
        case SilenceMuted(silence=silence, labels=labels):
            return {"silence": _silence(silence), "mutedAlert": _muted(labels)}
        case InhibitionMuted(rule=rule, labels=labels, source=source):
            return {
                "inhibitRules": [_rule(rule)],
                "mutedAlert": _muted(labels),
                "inhibitingFingerprints": [str(source.fingerprint)],
            }
        case Started(version=version, build_context=build_context):
            return {"version": version, "buildContext": build_context}
        case Stopped():
            return {}


def _notification(send: Send, at: Moment, group_created_at: Moment) -> dict[str, Any]:
    told = send.notification
    route = send.route
    firing = [alert.labels.identity for alert in told.alerts if alert.ends_at is None]
    resolved = [alert.labels.identity for alert in told.alerts if alert.ends_at is not None]
    group = _group(GroupName(told.group_key, told.group_labels, told.receiver))
    if matchers := _matchers(sorted(route.matchers)):
        group["matchers"] = matchers
    instance = f"{route.identity}\0{told.group_labels.text()}\0{group_created_at}"
    group["groupUuid"] = str(uuid.uuid5(_GROUPS, instance))
    integration = {"name": send.integration.kind}
    if send.integration.index:
        integration["index"] = str(send.integration.index)
    return _without_empty(
        {
            "alerts": [
                _grouped(each.labels, each.annotations, each.starts_at, each.ends_at, at)
                for each in told.alerts
            ],
            "firingAlerts": _hashes(firing, send.firing),
            # What a receiver does not want to hear of is none the less resolved.
            "resolvedAlerts": _hashes(resolved, send.resolved),
            "mutedAlerts": _hashes((), send.muted),
            "groupInfo": group,
            "repeatInterval": _duration(route.repeat_interval),
            "reason": _REASONS.get(send.reason, ""),
            "flushId": str(told.flush_number),
            "integration": integration,
        }
    )


def _hashes(shown: Sequence[int], all_of_them: Iterable[int]) -> list[dict[str, str]]:
    """Those that the message shows in its order, then the others."""
    others = sorted(set(all_of_them).difference(shown))
    return [{"hash": str(identity)} for identity in (*shown, *others)]


def _grouped(
    labels: Labels,
    annotations: Mapping[str, str],
    starts_at: Moment,
    ends_at: Moment | None,
    at: Moment,
) -> dict[str, Any]:
    return {
        "hash": str(labels.identity),
        "details": _alert(labels, annotations, starts_at, ends_at, at),
    }


def _alert(
    labels: Labels,
    annotations: Mapping[str, str],
    starts_at: Moment,
    ends_at: Moment | None,
    at: Moment,
) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "fingerprint": str(labels.fingerprint),
        "name": labels.get("alertname", ""),
        "labels": _labels(labels),
        "annotations": _labels(annotations),
        "startsAt": _moment(starts_at),
        "endsAt": ZERO_TIME if ends_at is None else _moment(ends_at),
    }
    if not shown["name"]:
        del shown["name"]
    if ends_at is not None and ends_at <= at:
        shown["resolved"] = True
    return shown


@lru_cache(_MOST_GROUPS)
def _encoded_group(group: GroupName) -> msgspec.Raw:
    return msgspec.Raw(_encode(_group(group)))


def _group(group: GroupName) -> dict[str, Any]:
    return {
        "groupKey": group.key,
        "groupLabels": _labels(group.labels),
        "groupId": sha256(group.key.encode()).hexdigest(),
        "receiverName": group.receiver,
    }


def _silence(silence: Silence) -> dict[str, Any]:
    sets = [_matchers(matchers) for matchers in silence.matcher_sets]
    return _without_empty(
        {
            "id": silence.id,
            "matchers": sets[0],
            # D21: the original forgets them.
            "annotations": _labels(Labels(silence.annotations)) if silence.annotations else None,
            "startsAt": _moment(silence.starts_at),
            "endsAt": _moment(silence.ends_at),
            "updatedAt": _moment(silence.updated_at),
            "createdBy": silence.created_by,
            "comment": silence.comment,
            "matcherSets": [{"matchers": matchers} for matchers in sets],
        }
    )


def _rule(rule: InhibitionRule) -> dict[str, Any]:
    return _without_empty(
        {
            "sourceMatchers": _matchers(rule.source),
            "targetMatchers": _matchers(rule.target),
            "equalLabels": sorted(rule.equal),
            "name": rule.name,
        }
    )


def _muted(labels: Labels) -> dict[str, Any]:
    return {"labels": _labels(labels), "fingerprint": str(labels.fingerprint)}


@lru_cache(_MOST_LABELS)
def _labels(labels: Labels) -> msgspec.Raw:
    pairs = [_without_empty({"key": name, "value": value}) for name, value in labels.items()]
    return msgspec.Raw(_encode({"labels": pairs} if pairs else {}))


def _matchers(matchers: Iterable[Matcher]) -> list[dict[str, Any]]:
    return [
        _without_empty(
            {
                "type": _MATCHER_TYPES[each.type],
                "name": each.name,
                "pattern": each.value,
                "rendered": str(each),
            }
        )
        for each in matchers
    ]


def _without_empty(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value}


def _moment(moment: Moment) -> str:
    """RFC 3339 with no, three, six or nine digits of the second."""
    text = format_rfc3339(moment)
    digits = len(text) - len("2026-11-20T16:12:54.Z")
    return text if digits <= 0 else f"{text[:-1]}{'0' * (-digits % 3)}Z"


def _duration(duration: Duration) -> str:
    second, rest = divmod(duration, SECOND)
    if not rest:
        return f"{second}s"
    digits = 3 if rest % MILLISECOND == 0 else 6 if rest % MICROSECOND == 0 else 9
    return f"{second}.{f'{rest:09d}'[:digits]}s"
