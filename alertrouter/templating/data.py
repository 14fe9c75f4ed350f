"""What a notification template sees: `.Status`, `.Alerts`, `.CommonLabels` and all that hangs on them.

Plain values that declare to the template engine what of them is open (`alertrouter.gotemplate`); nothing else can
be reached from a template. Names and contents: `semantics.md` 9.1 and 9.2, `templates.md` 3.1.
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final

from alertrouter.core.time import parse_timestamp
from alertrouter.gotemplate import STRING, Function, Kind
from alertrouter.templating.go_time import ZERO_MOMENT, Time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from alertrouter.core import alert as core
    from alertrouter.core.notification import Notification

_NO_END: Final = Time(ZERO_MOMENT)
_SPECIAL: Final = re.compile(r"[\\.+*?()|\[\]{}^$]")


@lru_cache(maxsize=1024)
def quote_pattern(text: str) -> str:
    """The text as a regular expression that matches it.

    Compat: templates and webhooks have always been given the receiver's name so, for the link to the alerts page.
    """
    return _SPECIAL.sub(r"\\\g<0>", text)


class Strings(list[str]):
    """A list of texts that `join` takes and `Remove` accepts; no other list is."""

    __slots__ = ()
    __go_type__ = "[]string"
    __go_methods__: ClassVar[Mapping[str, Function]]


class Pair:
    """A name and its value."""

    __slots__ = ("name", "value")
    __go_type__ = "template.Pair"
    __go_fields__: ClassVar = {"Name": "name", "Value": "value"}

    def __init__(self, name: str, value: str) -> None:
        self.name = name
        self.value = value

    def __repr__(self) -> str:
        return f"Pair({self.name!r}, {self.value!r})"


class Pairs(list[Pair]):
    """The pairs of a `KV` in the order in which people read them."""

    __slots__ = ()
    __go_type__ = "template.Pairs"
    __go_methods__: ClassVar[Mapping[str, Function]]

    def names(self) -> Strings:
        """The names, in this order."""
        return Strings([pair.name for pair in self])

    def values(self) -> Strings:
        """The values, in this order."""
        return Strings([pair.value for pair in self])

    def __go_string__(self) -> str:
        return ", ".join([f"{pair.name}={pair.value}" for pair in self])

    __str__ = __go_string__


class KV(dict[str, str]):
    """Labels or annotations: a name that is missing has the empty value."""

    __slots__ = ()
    __go_type__ = "template.KV"
    __go_missing__: ClassVar = ""
    __go_methods__: ClassVar[Mapping[str, Function]]

    def sorted_names(self) -> list[str]:
        """The names in order, `alertname` before all others."""
        if "alertname" in self:
            return ["alertname", *sorted([name for name in self if name != "alertname"])]
        return sorted(self)

    def sorted_pairs(self) -> Pairs:
        """The pairs by name, `alertname` before all others."""
        return Pairs([Pair(name, self[name]) for name in self.sorted_names()])

    def names(self) -> Strings:
        """The names, in the order of `sorted_pairs`."""
        return Strings(self.sorted_names())

    def sorted_values(self) -> Strings:
        """The values, in the order of `sorted_pairs`."""
        return Strings([self[name] for name in self.sorted_names()])

    def without(self, names: Iterable[str]) -> KV:
        """A copy that lacks these names."""
        gone = set(names)
        return KV([(name, value) for name, value in self.items() if name not in gone])

    def __go_string__(self) -> str:
        return ", ".join([f"{name}={self[name]}" for name in self.sorted_names()])

    __str__ = __go_string__


class Alert:
    """One alert of a message; the end of a firing one is the zero time.

    Of a group of a thousand most templates show a few: all but the status is made when it is first asked for.
    """

    __slots__ = (
        "_alert",
        "annotations",
        "ends_at",
        "fingerprint",
        "generator_url",
        "labels",
        "starts_at",
        "status",
    )
    __go_type__ = "template.Alert"
    __go_fields__: ClassVar = {
        "Status": "status",
        "Labels": "labels",
        "Annotations": "annotations",
        "StartsAt": "starts_at",
        "EndsAt": "ends_at",
        "GeneratorURL": "generator_url",
        "Fingerprint": "fingerprint",
    }

    status: str
    labels: KV
    annotations: KV
    starts_at: Time
    ends_at: Time
    generator_url: str
    fingerprint: str

    @classmethod
    def of(cls, alert: core.Alert) -> Alert:
        """The alert of a notification, where an end is known only of resolved ones."""
        shown = cls()
        shown._alert = alert
        shown.status = "firing" if alert.ends_at is None else "resolved"
        return shown

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Alert:
        """The alert of a webhook payload, as it says it is."""
        shown = cls()
        shown.status = members.get("status") or ""
        shown.labels = KV(members.get("labels") or {})
        shown.annotations = KV(members.get("annotations") or {})
        shown.starts_at = _time_from_json(members.get("startsAt"))
        shown.ends_at = _time_from_json(members.get("endsAt"))
        shown.generator_url = members.get("generatorURL") or ""
        shown.fingerprint = members.get("fingerprint") or ""
        return shown

    _alert: core.Alert

    def __getattr__(self, name: str) -> Any:
        # Python asks here for a slot that is empty yet.
        if name not in _MAKERS:
            raise AttributeError(name)
        value = _MAKERS[name](self._alert)
        setattr(self, name, value)
        return value


_MAKERS: Final[dict[str, Callable[[Any], object]]] = {
    "labels": lambda alert: KV(alert.labels),
    "annotations": lambda alert: KV(alert.annotations),
    "starts_at": lambda alert: Time.posted(alert.starts_at, alert.starts_offset),
    "ends_at": lambda alert: (
        _NO_END if alert.ends_at is None else Time.posted(alert.ends_at, alert.ends_offset)
    ),
    "generator_url": lambda alert: alert.generator_url,
    "fingerprint": lambda alert: alert.labels.fingerprint_text,
}


def _time_from_json(text: str | None) -> Time:
    if not text:
        return _NO_END
    moment, offset = parse_timestamp(text)
    return _NO_END if moment is None else Time.posted(moment, offset)


class AlertList(list[Alert]):
    """Some of the alerts of a message."""

    __slots__ = ()
    __go_type__ = "[]template.Alert"


class Alerts(list[Alert]):
    """All alerts of a message, in display order."""

    __slots__ = ()
    __go_type__ = "template.Alerts"
    __go_methods__: ClassVar[Mapping[str, Function]]

    def firing(self) -> AlertList:
        """Those that fire, in the same order."""
        return AlertList([alert for alert in self if alert.status == "firing"])

    def resolved(self) -> AlertList:
        """Those that are resolved, in the same order."""
        return AlertList([alert for alert in self if alert.status == "resolved"])


class Data:
    """The dot of every notification template.

    What costs something for a large group is worked out when a template first asks for it. ``shown`` are the alerts
    it lists, where these are not all; everything else is of all.
    """

    __go_type__ = "template.Data"
    __go_fields__: ClassVar = {
        "Receiver": "receiver",
        "Status": "status",
        "Alerts": "alerts",
        "NotificationReason": "notification_reason",
        "GroupLabels": "group_labels",
        "CommonLabels": "common_labels",
        "CommonAnnotations": "common_annotations",
        "RouteLabels": "route_labels",
        "ExternalURL": "external_url",
    }

    def __init__(
        self,
        notification: Notification,
        *,
        external_url: str,
        notification_reason: str,
        route_labels: Callable[[], Mapping[str, str]],
        shown: Sequence[core.Alert] | None = None,
    ) -> None:
        self._notification = notification
        self._shown = notification.alerts if shown is None else shown
        self._route_labels = route_labels
        self.notification_reason = notification_reason
        self.external_url = external_url

    @cached_property
    def receiver(self) -> str:
        return quote_pattern(self._notification.receiver)

    @cached_property
    def status(self) -> str:
        return self._notification.status.value

    @cached_property
    def alerts(self) -> Alerts:
        return Alerts([Alert.of(alert) for alert in self._shown])

    @cached_property
    def group_labels(self) -> KV:
        return KV(self._notification.group_labels)

    @cached_property
    def common_labels(self) -> KV:
        return KV(common([alert.labels for alert in self._notification.alerts]))

    @cached_property
    def common_annotations(self) -> KV:
        return KV(common([alert.annotations for alert in self._notification.alerts]))

    @cached_property
    def route_labels(self) -> KV:
        return KV(self._route_labels())


class DataFromJson(Data):
    """The data of a recorded webhook payload, for trying templates on it.

    Everything is what the payload says, even where the parts contradict each other.
    """

    def __init__(self, members: Mapping[str, Any]) -> None:  # takes other things than Data on purpose
        self.receiver = members.get("receiver") or ""
        self.status = members.get("status") or ""
        self.alerts = Alerts([Alert.from_json(alert) for alert in members.get("alerts") or ()])
        self.notification_reason = members.get("notification_reason") or ""
        self.group_labels = KV(members.get("groupLabels") or {})
        self.common_labels = KV(members.get("commonLabels") or {})
        self.common_annotations = KV(members.get("commonAnnotations") or {})
        self.route_labels = KV(members.get("routeLabels") or {})
        self.external_url = members.get("externalURL") or ""


def common(sets: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The pairs that all these have in common; one that lacks a name counts as having it empty."""
    if not sets:
        return {}
    shared = dict(sets[0])
    for other in sets[1:]:
        if shared.items() <= other.items():
            continue
        shared = {name: value for name, value in shared.items() if other.get(name, "") == value}
        if not shared:
            break
    return shared


def _table(*functions: Function) -> dict[str, Function]:
    return {function.name: function for function in functions}


#: The kind of an argument that takes `Strings` alone.
STRINGS: Final = Kind("[]string", (Strings,))

Strings.__go_methods__ = _table(Function("Join", lambda texts, separator: separator.join(texts), (STRING,)))
Pairs.__go_methods__ = _table(
    Function("Names", Pairs.names),
    Function("Values", Pairs.values),
    Function("String", Pairs.__go_string__),
)
KV.__go_methods__ = _table(
    Function("SortedPairs", KV.sorted_pairs),
    Function("Remove", KV.without, (STRINGS,)),
    Function("Names", KV.names),
    Function("Values", KV.sorted_values),
    Function("String", KV.__go_string__),
)
Alerts.__go_methods__ = _table(
    Function("Firing", Alerts.firing),
    Function("Resolved", Alerts.resolved),
)
