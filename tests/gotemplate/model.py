"""A small stand-in for what Alertmanager gives its templates, so that recorded outputs of the real one can be replayed.

Only what the cases need: no times, and the functions whose meaning is a line of Python.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from alertrouter.gotemplate import ANY, HTML, STRING, URL, Function, Kind, Limits, TemplateSet


class Strings(list[str]):
    __go_type__ = "template.Strings"


class StringSlice(list[str]):
    __go_type__ = "[]string"


STRING_SLICE = Kind("[]string", (Strings, StringSlice), takes_nil=True)


@dataclass(frozen=True)
class Pair:
    name: str
    value: str
    __go_type__: ClassVar[str] = "template.Pair"
    __go_fields__: ClassVar[dict[str, str]] = {"Name": "name", "Value": "value"}


class Pairs(list[Pair]):
    __go_type__ = "template.Pairs"

    def names(self) -> Strings:
        return Strings(pair.name for pair in self)

    def values(self) -> Strings:
        return Strings(pair.value for pair in self)

    def __go_string__(self) -> str:
        return ", ".join(f"{pair.name}={pair.value}" for pair in self)

    __go_methods__: ClassVar[dict[str, Function]] = {
        "Names": Function("Names", names),
        "Values": Function("Values", values),
    }


class KV(dict[str, str]):
    __go_type__ = "template.KV"
    __go_missing__ = ""

    def sorted_pairs(self) -> Pairs:
        first = ["alertname"] if "alertname" in self else []
        return Pairs(Pair(name, self[name]) for name in first + sorted(self.keys() - set(first)))

    def remove(self, names: list[str]) -> KV:
        return KV({name: value for name, value in self.items() if name not in (names or ())})

    def sorted_names(self) -> Strings:
        return self.sorted_pairs().names()

    def sorted_values(self) -> Strings:
        return self.sorted_pairs().values()

    def __go_string__(self) -> str:
        return self.sorted_pairs().__go_string__()

    __go_methods__: ClassVar[dict[str, Function]] = {
        "SortedPairs": Function("SortedPairs", sorted_pairs),
        "Remove": Function("Remove", remove, (STRING_SLICE,)),
        "Names": Function("Names", sorted_names),
        "Values": Function("Values", sorted_values),
    }


@dataclass(frozen=True)
class Alert:
    status: str
    labels: KV
    annotations: KV
    generator_url: str
    fingerprint: str
    __go_type__: ClassVar[str] = "template.Alert"
    __go_fields__: ClassVar[dict[str, str]] = {
        "Status": "status",
        "Labels": "labels",
        "Annotations": "annotations",
        "GeneratorURL": "generator_url",
        "Fingerprint": "fingerprint",
    }


class PlainAlerts(list[Alert]):
    __go_type__ = "[]template.Alert"


class Alerts(list[Alert]):
    __go_type__ = "template.Alerts"

    def firing(self) -> PlainAlerts:
        return PlainAlerts(alert for alert in self if alert.status == "firing")

    def resolved(self) -> PlainAlerts:
        return PlainAlerts(alert for alert in self if alert.status == "resolved")

    __go_methods__: ClassVar[dict[str, Function]] = {
        "Firing": Function("Firing", firing),
        "Resolved": Function("Resolved", resolved),
    }


@dataclass(frozen=True)
class Data:
    receiver: str
    status: str
    alerts: Alerts
    group_labels: KV
    common_labels: KV
    common_annotations: KV
    external_url: str
    __go_type__: ClassVar[str] = "template.Data"
    __go_fields__: ClassVar[dict[str, str]] = {
        "Receiver": "receiver",
        "Status": "status",
        "Alerts": "alerts",
        "GroupLabels": "group_labels",
        "CommonLabels": "common_labels",
        "CommonAnnotations": "common_annotations",
        "ExternalURL": "external_url",
    }


def data_from_json(text: str) -> Data:
    raw: dict[str, Any] = json.loads(text)
    alerts = Alerts(
        Alert(
            status=alert["status"],
            labels=KV(alert["labels"]),
            annotations=KV(alert["annotations"]),
            generator_url=alert["generatorURL"],
            fingerprint=alert["fingerprint"],
        )
        for alert in raw["alerts"]
    )
    return Data(
        receiver=raw["receiver"],
        status=raw["status"],
        alerts=alerts,
        group_labels=KV(raw["groupLabels"]),
        common_labels=KV(raw["commonLabels"]),
        common_annotations=KV(raw["commonAnnotations"]),
        external_url=raw["externalURL"],
    )


def _dict(*arguments: object) -> dict[str, object]:
    if len(arguments) % 2:
        raise ValueError("dict requires an even number of arguments")
    if not all(type(key) is str for key in arguments[::2]):
        raise ValueError("dict keys must be strings")
    return {str(arguments[i]): arguments[i + 1] for i in range(0, len(arguments), 2)}


LIST = Kind("[]interface {}", (list,), takes_nil=True)

FUNCTIONS = (
    Function("toUpper", str.upper, (STRING,)),
    Function("toLower", str.lower, (STRING,)),
    Function("trimSpace", str.strip, (STRING,)),
    Function("join", lambda separator, strings: separator.join(strings or ()), (STRING, STRING_SLICE)),
    Function("stringSlice", lambda *strings: StringSlice(strings), (), STRING),
    Function("list", lambda *values: list(values), (), ANY),
    Function("append", lambda values, *more: [*(values or ()), *more], (LIST,), ANY),
    Function("dict", _dict, (), ANY),
    Function("safeHtml", HTML, (STRING,)),
    Function("safeUrl", URL, (STRING,)),
)


def template_set(*files: tuple[str, str], limits: Limits | None = None) -> TemplateSet:
    return TemplateSet.build(files, functions=FUNCTIONS, limits=limits)
