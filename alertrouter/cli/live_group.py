"""A group of alerts of a running server, as its next notification would show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alertrouter.cli.errors import Failure

if TYPE_CHECKING:
    from alertrouter.cli.session import Session
    from alertrouter.client import Alert, AlertGroup
    from alertrouter.core.time import Moment


def live_group(matchers: str, session: Session, now: Moment) -> dict[str, Any]:
    """The first group with an alert that the matchers select, in the form of a webhook's payload.

    A first word that is no matcher is the alertname. Alerts that are muted are left out, as from a notification, unless
    all are. Failure when nothing is selected.
    """
    query = [("filter", text) for text in _filters(matchers, session)]
    groups = session.client.alert_groups(query)
    if not groups:
        raise Failure(
            f"there is no alert with {matchers}: look at `artool alert query`, or use --template.data"
        )
    first = groups[0]
    return _payload(_whole(first, session), session, now)


def _filters(matchers: str, session: Session) -> list[str]:
    from alertrouter.core.go_quote import quote
    from alertrouter.core.matcher_syntax import MatcherSyntaxError, parse_matchers

    try:
        return [str(matcher) for matcher in parse_matchers(matchers, session.mode).matchers]
    except MatcherSyntaxError as error:
        if not matchers.isidentifier():
            raise Failure(str(error)) from None
        return [f"alertname={quote(matchers)}"]


def _whole(group: AlertGroup, session: Session) -> AlertGroup:
    """The group with its other alerts, too: a server lists those alone that the filters select."""
    from alertrouter.core.matcher import Matcher, MatchType

    labels = group["labels"].items()
    filters = [("filter", str(Matcher(name, MatchType.EQUAL, value))) for name, value in labels]
    candidates = session.client.alert_groups(filters)
    members = {alert["fingerprint"] for alert in group["alerts"]}
    for each in candidates:
        same = each["labels"] == group["labels"] and each["receiver"] == group["receiver"]
        # Two routes to one receiver may have groups with the same labels.
        if same and members <= {alert["fingerprint"] for alert in each["alerts"]}:
            return each
    return group


def _payload(group: AlertGroup, session: Session, now: Moment) -> dict[str, Any]:
    from alertrouter.cli.connection import server_url
    from alertrouter.templating.data import common, quote_pattern

    told = [alert for alert in group["alerts"] if alert["status"]["state"] != "suppressed"]
    alerts = [_alert(alert, now) for alert in told or group["alerts"]]
    return {
        "receiver": quote_pattern(group["receiver"]["name"]),
        "status": "firing" if any(alert["status"] == "firing" for alert in alerts) else "resolved",
        "alerts": alerts,
        "notification_reason": "first notification",
        "groupLabels": group["labels"],
        "commonLabels": common([alert["labels"] for alert in alerts]),
        "commonAnnotations": common([alert["annotations"] for alert in alerts]),
        "routeLabels": group.get("routeLabels") or {},
        "externalURL": _without_user(server_url(session.options.url)),
    }


def _without_user(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}".rstrip("/")


def _alert(alert: Alert, now: Moment) -> dict[str, Any]:
    from alertrouter.core.time import ZERO_TIME, parse_timestamp

    # The API tells until when an alert fires unless it comes again; a notification does not.
    ends_at, _ = parse_timestamp(alert["endsAt"])
    is_firing = ends_at is None or ends_at > now
    return {
        "status": "firing" if is_firing else "resolved",
        "labels": alert["labels"],
        "annotations": alert["annotations"],
        "startsAt": alert["startsAt"],
        "endsAt": ZERO_TIME if is_firing else alert["endsAt"],
        "generatorURL": alert.get("generatorURL", ""),
        "fingerprint": alert["fingerprint"],
    }
